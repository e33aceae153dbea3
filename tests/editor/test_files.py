"""What an editor is told of files, without a protocol: names, shapes, places."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import recform
from recform import contents
from recform.algebra.scalars import CONSTANTS, FUNCTIONS
from recform.algebra.symbols import FIRST, SYMBOLS
from recform.editor.checked import check, compiled
from recform.editor.document import Document, Refused, opened
from recform.editor.hover import hover
from recform.editor.lines import Lines
from recform.editor.names import Sort
from recform.editor.rename import edited, rename
from recform.editor.words import FREE, KEYWORDS, WORDS
from recform.operators import standard
from recform.outline.survey import BUILT_IN
from recform.source import Source

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").rglob("*.rf"))


def document(path: Path) -> Document:
    return opened(path.name, path.read_text(), path.parent, standard())


def test_every_word_is_explained() -> None:
    assert list(KEYWORDS) == list(contents.KEYWORDS)
    words = {*SYMBOLS, FIRST, *BUILT_IN, *FUNCTIONS, *CONSTANTS, "input", "j", "none"}
    assert {*WORDS} - {"skip", "pass", *FREE} == words


def test_every_name_of_an_example_means_something() -> None:
    for path in EXAMPLES:
        for name in document(path).names:
            assert name.sort is not Sort.NOTHING, (path, name)
            assert name.span.text.removeprefix("\\") == name.text


def renamed_all(path: Path) -> int:
    """Gives every name of a file another one: all networks cost what they did."""
    before = document(path)
    found = compiled(before.source, path.parent)
    texts = {name.text for name in before.names}
    letter = next(letter for letter in "qzvuy" if letter not in texts)
    seen = set()
    for name in before.names:
        own = name.span.source is before.source and not name.sort.ours
        if not own or (name.text, name.scope) in seen:
            continue
        seen.add((name.text, name.scope))
        new = letter if name.sort is Sort.INDEX else name.text[:1] + "resh"
        try:
            edits = rename(before, name.span.start, new)
        except Refused as refused:
            assert str(refused).endswith(", too")  # another file has it
            continue
        source = Source(path.name, edited(before.source, edits))
        after = compiled(source, path.parent)
        assert [d.code for d in after.diagnostics] == [
            d.code for d in found.diagnostics
        ]
        totals = [network.graph.totals for network in found.networks]
        assert [network.graph.totals for network in after.networks] == totals
    return len(seen)


def test_renaming_changes_nothing_else(tmp_path: Path) -> None:
    text = (
        "Res2(x, n=2) = concat(Y_<1..n>)\n"
        "    where S_<1..n> = split(x, n), K = conv(3, cin) > bn\n"
        "    where Y_1 = S_1, Y_k = K_k*sum(m, 1, k, S_m)\n"
        "W = conv(1, c) > Res2(n=2)\nstages 4 x 3\nscalar a_<i,k> = 1/(k + 1)\n"
        "Y_i = W_i*sum(k, 0, i-1, a_<i,k>*X_k)\n"
        "X_i = Y_i + sum(k, 0, i-1, softmax(k, dot(Y_i, X_k))*X_k, by=stage)\n"
    )
    (tmp_path / "net.rf").write_text(text)
    assert renamed_all(tmp_path / "net.rf") == 15


@pytest.mark.long
def test_renaming_in_all_examples() -> None:
    assert sum(map(renamed_all, EXAMPLES)) > 1000


def test_a_name_keeps_clear_of_others(tmp_path: Path) -> None:
    text = "SE(x, r=2) = x*sigmoid(G*x)\n    where G = linear(cin/r)\n"
    text += "W = conv(3, c) > bn\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    net = opened("net.rf", text, tmp_path, standard())
    # An argument may be called like a name of the file, which it does not read.
    assert rename(net, text.index("r=2"), "W")
    for old, new in (("r=2", "x"), ("r=2", "G"), ("G*x", "x"), ("W =", "X")):
        with pytest.raises(Refused):
            rename(net, text.index(old), new)


def test_hints_are_the_shapes_of_torch(tmp_path: Path) -> None:
    path = tmp_path / "net.rf"
    path.write_text(
        "Unit(kernel=3, width=c) = conv(kernel, width) > bn > relu\n"
        "input  3 x 20 x 16\nstages 6 x 2, 8 x 2 / 2\n"
        "stem   conv(5, 4, stride=2) > bn > maxpool(3, stride=2, padding=1) > conv(1, c)\n"
        "W = Unit(1, c/2) > conv(3, c, stride=s) > bn > (relu > dwconv(3)) > Unit(1)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\n"
    )
    net = document(path)
    net = net.with_checked(check(net.source, path.parent))
    module = recform.compile(path).module().eval()
    shapes: list[str] = []
    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.BatchNorm2d):
            part.register_forward_hook(
                lambda part, _, y: shapes.append(" x ".join(map(str, y.shape[1:])))
            )
    module(torch.zeros(1, 3, 20, 16))
    hints = {note.place.text: note.text for note in net.hints}
    assert list(hints) == [
        *(
            "conv(5, 4, stride=2)",
            "bn",
            "maxpool(3, stride=2, padding=1)",
            "conv(1, c)",
        ),
        *("Unit(1, c/2)", "conv(3, c, stride=s)", "relu", "dwconv(3)", "Unit(1)"),
    ]
    # What a call of Unit makes is what its own bn makes, behind its conv.
    known = [note.text for note in net.hints if note.place.text not in FUNCTIONAL]
    assert known == [shapes[k] for k in (0, 1, 2, 4, 5, 6, 7, 9)]
    assert hints["maxpool(3, stride=2, padding=1)"] == "4 x 5 x 4"


#: What is no module in the generated code.
FUNCTIONAL = ("maxpool(3, stride=2, padding=1)", "relu")


@given(
    st.text(st.sampled_from("ab\u03b8\U0001f600\n"), max_size=30),
    st.sampled_from(["utf-8", "utf-16", "utf-32"]),
)
def test_places_there_and_back(text: str, encoding: str) -> None:
    """Columns are those that Python's own codecs count."""
    lines = Lines(Source("net.rf", text), encoding)
    codec, size = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2)}.get(
        encoding, ("utf-32-le", 4)
    )
    for offset in range(len(text) + 1):
        before = text[:offset].split("\n")
        column = len(before[-1].encode(codec)) // size
        assert lines.place(offset) == (len(before) - 1, column)
        assert lines.offset(len(before) - 1, column) == offset
    assert lines.offset(99, 0) == len(text)
    assert lines.offset(-1, 5) == 0


def test_a_further_input_is_a_name_like_others() -> None:
    path = EXAMPLES[[item.stem for item in EXAMPLES].index("dit")]
    dit = document(path)
    offset = dit.source.text.index("T*time") + 2
    found = hover(dit, offset)
    assert found is not None
    assert found.text == "`time`: further input\n\n```rf\ninput   time = times\n```"
    text = edited(dit.source, rename(dit, offset, "moment"))
    before, after = (recform.compile(source) for source in (dit.source.text, text))
    assert [*after.formula.contexts] == ["moment", *[*before.formula.contexts][1:]]
    assert len(after.source.split("moment")) == len(before.source.split("time"))
