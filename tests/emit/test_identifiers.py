"""Names that mean something to Python, torch or the generated file, in every place.

A network either computes what it computes under a harmless name, or the name is refused
by a diagnostic. Nothing else may happen.
"""

from __future__ import annotations

import ast
import builtins
import keyword
from pathlib import Path

import pytest
import torch
from torch import nn

from recform.blocks import identifiers
from recform.compiler import (
    Compiled,
    compile_source,
    emit_source,
    from_text,
    load_source,
)
from recform.diagnostics import CompileError
from recform.target import Target

GOLDENS = Path(__file__).parents[1] / "goldens"
MODULE = [*dir(nn.Module()), *dir(nn.Sequential()), *dir(nn.ModuleDict())]
#: What generated files call by name, or use themselves.
OWN = [
    *(
        "torch",
        "nn",
        "F",
        "Tensor",
        "math",
        "OrderedDict",
        "partial",
        "Any",
        "checkpoint",
    ),
    *("Callable", "Iterable", "Iterator", "Sequence", "DropPath", "SelfAttention"),
    *(
        "Step",
        "FirstStep",
        "Stem",
        "Head",
        "adapter",
        "WBlock",
        "GBlock",
        "Shortcut",
        "shortcut",
    ),
    *("self", "x", "out", "k", "module", "block", "blocks", "state", "stage", "stages"),
    *("args", "kwargs", "index", "i", "depth", "width", "stage_width", "block_width"),
    *(
        "in_channels",
        "in_features",
        "channels",
        "features",
        "stride",
        "height",
        "scale",
    ),
    *("positions", "x_prev", "w_shared", "stem", "head", "layers", "step", "w_block"),
    *("ImageClassifier", "num_classes", "drop_rate", "W", "G", "L", "c", "s", "cin"),
    *(
        "input",
        "output",
        "none",
        "k'",
        "\u03b8",
        "\u03f5",
        "\u0398",
        "first",
        "sum",
        "relu",
    ),
]
NAMES = list(
    dict.fromkeys([*OWN, *keyword.kwlist, *keyword.softkwlist, *dir(builtins), *MODULE])
)

FRAME = "input 4\nstem none\nhead linear(3)\n"
RESIDUAL = "X_i = X_<i-1> + W_i*X_<i-1>\n"
LINEAR = "W = linear(c)\n"
TWO = "stages 4 x 2\n"
GATE = "W = linear(c) > G\n"
#: A file with a name in one place, by the place.
PLACES = {
    "file": TWO + LINEAR + RESIDUAL,
    "network": "network {n}\n" + TWO + LINEAR + RESIDUAL,
    "size": "param {n} = 3\nhead dropout(0.1) > linear({n})\n" + TWO + LINEAR + RESIDUAL,
    "rate": "param {n} = 0.1\nW = linear(c) > dropout({n}*i/L)\n" + TWO + RESIDUAL,
    "path rate": "param {n} = 0.1\nW = linear(c) > droppath({n})\n" + TWO + RESIDUAL,
    "number": "param {n} = 4\nstages {n} x 2\n" + LINEAR + RESIDUAL,
    "const": "const {n} = 2\n" + TWO + LINEAR + "X_i = X_<i-1> + {n}*W_i*X_<i-1>\n",
    "indexed const": "const {n}_i = i/L\n" + TWO + LINEAR
    + "X_i = X_<i-1> + {n}_i*W_i*X_<i-1>\n",
    "table": "const {n} = (4, 6) per stage\nstages 4 x 1, 4 x 1\n"
    "W = linear({n}) > linear(c)\n" + RESIDUAL,
    "block table": "const {n} = (0.1, 0.2) per block\n" + TWO
    + "W = linear(c) > droppath({n})\n" + RESIDUAL,
    "scalar": "scalar {n} = 0.5\n" + TWO + LINEAR + "X_i = X_<i-1> + {n}*W_i*X_<i-1>\n",
    "indexed scalar": "scalar {n}_i = 0.5 per feature\n" + TWO + LINEAR
    + "X_i = X_<i-1> + i/L*{n}_i*W_i*X_<i-1>\n",
    "operator": "{n} = linear(c) > relu\n" + TWO + "X_i = X_<i-1> + {n}_i*X_<i-1>\n",
    "shared operator": "{n} = linear(c)\n" + TWO + "X_i = X_<i-1> + {n}*X_<i-1>/L\n",
    "operator handed on": "{n} = linear(c)\nstages 4 x 4\n"
    "X_i = X_<i-1> + {n}_i*X_<i-1> + {n}_<i-1>*X_<i-1>\n",
    "unknown": TWO + LINEAR + "{n}_i = {n}_<i-1> + W_i*{n}_<i-2>\n",
    "two unknowns": TWO + LINEAR + "{n}_i = Y_<i-1> + W_i*{n}_<i-1>\nY_i = {n}_i\n"
    "Y_0 = input\noutput {n}_L + Y_L\n",
    "label": 'W = "{n}": linear(c) > relu > linear(c)\n' + TWO + RESIDUAL,
    "label in brackets": 'W = ("{n}": linear(c) > relu > b: linear(c))\n' + TWO + RESIDUAL,
    "path": 'W = "{n}.a": linear(c) > relu > "{n}.b": linear(c)\n' + TWO + RESIDUAL,
    "label in a container": 'W = "a.{n}": linear(c) > relu > "a.b": linear(c)\n' + TWO
    + RESIDUAL,
    "place of W": 'names W = "{n}"\n' + TWO + LINEAR + RESIDUAL,
    "place of stages": 'names stages = "{n}", head = "b"\n' + TWO + LINEAR + RESIDUAL,
    "place of blocks": 'names step = "{n}{{}}"\n' + TWO + LINEAR + RESIDUAL,
    "definition": "{n}(x) = x*sigmoid(A*x) where A = linear(cin)\nW = linear(c) > {n}\n"
    + TWO + RESIDUAL,
    "tensor": "G({n}) = {n}*sigmoid(A*{n}) where A = linear(cin)\n" + GATE + TWO + RESIDUAL,
    "open argument": "G(x, {n}=2) = x*sigmoid(A*x) + A*x\n"
    "    where A = linear({n}*cin) > relu > linear(cin)\n"
    "W = linear(c) > G > G({n}=1)\n" + TWO + RESIDUAL,
    "fixed argument": "G(x, {n}=2) = {n}*x + sigmoid(A*x) where A = linear(cin)\n"
    "W = linear(c) > G({n}=1)\n" + TWO + RESIDUAL,
    "argument of an operator": "W(x, {n}=2) = x + A*x\n"
    "    where A = linear({n}*cin) > linear(cin)\n" + TWO + RESIDUAL,
    "argument of a flow": "G({n}=6) = linear({n}) > linear(c)\n" + GATE + TWO + RESIDUAL,
    "inner operator": "G(x) = x*sigmoid({n}*x) + B*x where {n} = linear(cin),\n"
    "    B = linear(cin)\n" + GATE + TWO + RESIDUAL,
    "inner tensor": "G(x) = {n}*sigmoid({n}) where {n} = x + A*x, A = linear(cin)\n"
    + GATE + TWO + RESIDUAL,
    "inner scalar": "G(x) = {n}*x + A*x where scalar {n} = 0.5, A = linear(cin)\n"
    + GATE + TWO + RESIDUAL,
}  # fmt: skip


def compiled(place: str, name: str) -> Compiled:
    text = FRAME + PLACES[place].format(n=name)
    if place == "size":
        text = text.replace("head linear(3)\n", "", 1)
    file = f"{name}.rf" if place == "file" else "net.rf"
    return compile_source(from_text(text, file))[0]


def computed(item: Compiled) -> torch.Tensor:
    """What the network makes of a fixed image with fixed weights, and that it learns."""
    network = item.module().eval()
    for number, parameter in enumerate(network.parameters()):
        generator = torch.Generator().manual_seed(number)
        parameter.data = torch.randn(parameter.shape, generator=generator)
    x = torch.linspace(-1, 1, 8).view(2, 4)
    result: torch.Tensor = network(x)
    network.train()(x).sum().backward()
    return result.detach()


_CACHE: dict[str, torch.Tensor] = {}
#: Places where an upper-case name is an operator, and a lower-case one is not.
CAPITAL = ("network", "operator", "shared operator", "definition", "operator handed on",
           "inner operator")  # fmt: skip


def outcome(place: str, name: str) -> str:
    """An empty text if the network is that of a harmless name, or a code."""
    if place not in _CACHE:
        _CACHE[place] = computed(
            compiled(place, "Quux" if place in CAPITAL else "quux")
        )
    try:
        found = computed(compiled(place, name))
    except CompileError as error:
        return error.diagnostics[0].code
    assert found.equal(_CACHE[place]), f"{name!r} as {place} is another network"
    return ""


# ------------------------------------------------------------ what may be refused at all

#: What formulas say themselves, and what the files above say of other things.
SAID = {"i", "L", "c", "s", "cin", "input", "in_channels", "W", "G", "Y", "x"}
#: Words that begin statements.
WORDS = {
    "adapter",
    "stages",
    "stem",
    "head",
    "input",
    "output",
    "scope",
    "times",
    "names",
    "init",
}
ARGUMENTS = {
    *("in_features", "channels", "features", "stride", "scale", "depth"),
    *("height", "width", "positions"),
}
IMPORTED = {
    *(
        "torch",
        "nn",
        "F",
        "Tensor",
        "math",
        "checkpoint",
        "OrderedDict",
        "partial",
        "Any",
    ),
    *("Callable", "Iterable", "Iterator", "Sequence"),
}
PYTHON = {*keyword.kwlist, *dir(builtins), *IMPORTED, "self"}
LABELS = [place for place in PLACES if place.startswith(("label", "place", "path"))]
LABELS.remove("path rate")


def may_be_refused(place: str, name: str) -> bool:
    if place == "file":
        return False
    if place in LABELS:
        numbered = place == "place of blocks"  # "class1" is no word of Python's
        own = (name in keyword.kwlist or name in MODULE) and not numbered
        odd = not name.isascii() if place.startswith("place") else name == "\u03f5"
        return own or odd or name.startswith("_") or name == "k'"
    if name in SAID or name.startswith("_") or name.endswith("_"):
        return True
    if place in ("size", "rate", "path rate"):
        brought = {"DropPath", "SelfAttention", "ImageClassifier", "k'", "\u03f5"}
        return name in PYTHON | ARGUMENTS | brought
    if place == "network":
        return name in PYTHON or name == "k'"
    if place == "operator":
        return name in WORDS or name == "relu"
    # A container of the network has the name, which `names` can change.
    container = place in ("scalar", "shared operator") and name in ("blocks", "head")
    return container or name in WORDS


def tried(place: str, name: str) -> None:
    code = outcome(place, name)
    assert not code or may_be_refused(place, name), f"{name!r} as {place}: {code}"


def test_some_names_in_some_places() -> None:
    """A few of all pairs, of each place and of most names; `test-long` tries them all."""
    everything = [(place, name) for name in NAMES for place in PLACES]
    for place, name in everything[::307]:
        tried(place, name)


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
def test_every_name_in_every_place(place: str) -> None:
    for name in NAMES:
        tried(place, name)


@pytest.mark.parametrize(
    ("place", "name", "code"),
    [
        *(("size", name, "") for name in ("Head", "Stem", "Step", "WBlock", "match")),
        *(("rate", name, "") for name in ("k", "module", "x", "Step", "a_stride", "W_i2")),
        *(("size", name, "RF209") for name in ("isinstance", "nn", "scale", "width", "k'")),
        ("path rate", "DropPath", "RF209"),
        ("network", "isinstance", "RF209"),
        ("network", "ImageClassifier", "RF209"),
        *(("network", name, "") for name in ("Step", "Head", "\u0398", "\u03f4")),
        *(("label", name, "RF219") for name in ("__init__", "__class__", "_modules", "is")),
        ("label in a container", "append", "RF219"),
        ("label", "append", ""),
        *(("file", name, "") for name in ("f", "none", "true", "tensor", "head", "3", "-")),
        *(("table", name, "") for name in ("Head", "k'", "class", "in_features", "self")),
        *(("open argument", name, "") for name in ("in_features", "depth", "GA", "class")),
        *(("argument of an operator", name, "") for name in ("depth", "k'", "nn")),
        ("inner tensor", "out", ""),
        # Torch writes into what it gets under this name, and classes of ours do not.
        *((place, "out", "") for place in ("rate", "table", "open argument")),
        ("argument of an operator", "scale", ""),
        *((place, "adapter", "RF209") for place in ("scalar", "indexed scalar")),
        ("inner scalar", "x", "RF209"),
        ("fixed argument", "input", "RF209"),
    ],
)  # fmt: skip
def test_what_a_name_may_be(place: str, name: str, code: str) -> None:
    assert outcome(place, name) == code


@pytest.mark.parametrize(
    ("file", "name"),
    [("f", "FNet"), ("none", "NoneNet"), ("true", "TrueNet"), ("f_2.x", "F2X"),
     ("ordered_dict", "OrderedDictNet"), ("attend", "AttendNet"),
     ("drop_path", "DropPathNet"), ("lean", "LeanNet"),
     ("image_classifier", "ImageClassifierNet")],
)  # fmt: skip
def test_the_name_of_a_file_makes_way(file: str, name: str) -> None:
    (item,) = compile_source(from_text(FRAME + PLACES["file"], f"{file}.rf"))
    assert item.name == type(item.module()).__name__ == name


@pytest.mark.parametrize("names", [("Step", "StepStep"), ("A", "AHead"), ("F2", "f2")])
def test_networks_of_one_file_share_the_module(names: tuple[str, str]) -> None:
    text = FRAME + TWO + LINEAR + "".join(f"network {n}\n{RESIDUAL}" for n in names)
    both = compile_source(from_text(text))
    module = load_source(emit_source(list(both)), "_".join(names))
    for name in names:
        assert getattr(module, name)()(torch.ones(1, 4)).shape == (1, 3)


@pytest.mark.parametrize(
    ("label", "inline", "refused"),
    [
        *(
            (label, True, True)
            for label in ("_levels", "get_classifier", "num_features")
        ),
        ("keys", True, False),
        ("keys", False, True),
        *((label, False, False) for label in ("_levels", "append")),
    ],
)
def test_attributes_of_image_classifiers(
    label: str, inline: bool, refused: bool
) -> None:
    """The head's parts are the network's own, or in a dictionary that has methods."""
    text = (
        "input 3 x 4 x 4\nstem none\nadapter conv(1, c)\nstages 4 x 1\n"
        f'W = conv(1, c)\nhead "{label}": bn > avgpool > linear(3)\n{RESIDUAL}'
    )
    text += 'names head = "."\n' if inline else ""
    (item,) = compile_source(from_text(text), target=Target(timm=True))
    if refused:
        with pytest.raises(CompileError, match="RF219"):
            _ = item.source
    else:
        assert item.module()(torch.ones(2, 3, 4, 4)).shape == (2, 3)


def test_arguments_belong_to_their_definition() -> None:
    """A definition reads the file's names, whatever the one that calls it calls its own."""
    text = (
        "param rate = 0.25\nconst factor = 3\nD = dropout(rate)\n"
        "H(x, times=factor) = times*x\n"
        "G(x, rate=2, factor=5) = factor*H*x + x*sigmoid(A*x)\n"
        "    where A = linear(rate*cin) > D > linear(cin)\n" + GATE + TWO + RESIDUAL
    )
    (item,) = compile_source(from_text(FRAME + text))
    network = item.module()
    block = network.blocks[0].W.G
    assert block.dropout.p == 0.25
    assert item.module(rate=0.5).blocks[0].W.G.dropout.p == 0.5
    assert block.fc1.weight.shape == (8, 4)
    x = torch.ones(1, 4)
    gate = torch.sigmoid(block.fc2(block.fc1(x)))
    assert torch.allclose(block.eval()(x), 15 * x + x * gate)


@pytest.mark.parametrize(
    "text",
    [
        # Modules of all blocks, of block 0, and of adapters have the numbers of a place.
        "input 4 x 6\nstages 6 x 2\nW = positions > linear(c)\nX_i = X_<i-1> + W*X_<i-1>\n",
        "input 4 x 6\nstages 6 x 2, 6 x 1\nscope stage\nW = positions > linear(c)\n"
        "X_i = X_<i-1> + W*X_<i-1>\n",
        "input 6\nstages 6 x 2\nW = linear(c) > dropout(0.5*i/L)\nX_0 = W_0*input\n"
        "X_i = W_i*X_<i-1>\n",
        "input 6\nstages 6 x 2, 8 x 2\nadapter linear(c) > dropout(0.5*i/L)\n"
        "W = linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>\n",
        # An argument that is kept, beside a module of its name.
        "input 3 x 4 x 4\nstages 6 x 1, 8 x 1\nX_i = W_i*X_<i-1>\n"
        'W = "channels": conv(1, 2*cin) > zeropad(4*c) > conv(1, c)\n',
        "input 6\nparam a_stride = 0.1\nparam rate = 0.2\nstages 6 x 2\n"
        "W = linear(c) > dropout(a_stride) > dropout(rate)\nX_i = W_i*X_<i-1>\n",
    ],
)
def test_modules_outside_of_blocks_can_be_built(text: str) -> None:
    (item,) = compile_source(from_text(text))
    network = item.module()
    made = network(torch.randn(2, *item.formula.input.sizes))
    made.sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_an_adapter_knows_its_block() -> None:
    (item,) = compile_source(
        from_text(
            "input 6\nstages 6 x 2, 8 x 2\nadapter linear(c) > dropout(0.5*i/L)\n"
            "W = linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        )
    )
    adapter = item.module().stage2[0].shortcut
    assert [part.p for part in adapter if isinstance(part, nn.Dropout)] == [0.375]


# ------------------------------------------------------------------ what the lists know


@pytest.mark.parametrize("said", ["param s = 4", "const c = 0.5", "const s = 2"])
def test_a_word_of_the_language_is_told_alone(said: str) -> None:
    text = f"stages 4 x 2, 8 x 2 / 2\n{said}\nX_i = X_<i-1> + W_i*X_<i-1>"
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text))
    (item,) = caught.value.diagnostics
    assert (item.code, item.labels[0].span.text) == ("RF209", said)


def test_the_lists_of_names_are_whole() -> None:
    known = identifiers.MODULE | identifiers.SEQUENTIAL | identifiers.DICTIONARY
    assert {name for name in MODULE if not name.startswith("__")} <= known
    imported = set()
    for path in GOLDENS.rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [(alias.asname or alias.name) for alias in node.names]
                imported.update(names)
    assert imported <= identifiers.GLOBAL


def test_a_row_that_is_all_of_its_container() -> None:
    """The head reads weights of the stem by their name: `features.0.embed.weight`."""
    text = (
        'input 6 of 20\nstages 8 x 2\nstem embed(c)\nnames stem = "features.0"\n'
        "X_i = W_i*X_<i-1>"
    )
    (item,) = compile_source(from_text(text))
    net = item.module()
    assert net.features[0].embed.weight is net.head.unembed.weight
