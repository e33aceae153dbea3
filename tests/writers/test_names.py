"""Where parameters live: brackets, labels with dots, and what `names` puts together."""

from __future__ import annotations

import ast

import pytest
import torch
from torch import nn

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError

FRAME = "input 3 x 16 x 16\nstages 8 x 2, 12 x 2 / 2\n"
RESIDUAL = "X_i = X_<i-1> + W_i*X_<i-1>\n"
PLAIN = "X_i = W_i*X_<i-1>\n"


def module(text: str) -> nn.Module:
    (compiled,) = compile_source(from_text(FRAME + text))
    assert compiled.graph.totals.parameters == sum(
        p.numel() for p in compiled.module().parameters()
    )
    return compiled.module()


def weights(text: str) -> list[str]:
    """The modules that have a weight, by their names."""
    keys = module(text).state_dict()
    return [key.removesuffix(".weight") for key in keys if key.endswith(".weight")]


@pytest.mark.parametrize(
    ("flow", "wanted"),
    [
        ("conv(3, c, stride=s) > bn > relu", ["conv", "bn"]),
        ("(conv(3, c, stride=s) > bn > relu)", ["0", "1"]),
        ("(relu > conv(3, c, stride=s) > relu > bn)", ["1", "3"]),
        ("((conv(3, c, stride=s) > bn > relu) > conv(3))", ["0.0", "0.1", "1"]),
        ("a: (conv(3, c, stride=s) > bn) > relu", ["a.0", "a.1"]),
        ("a: (conv(3, c, stride=s) > b: (bn > relu))", ["a.conv", "a.b.0"]),
        ("a: (k: conv(3, c, stride=s) > bn > relu)", ["a.k", "a.bn"]),
        ('"a.k": conv(3, c, stride=s) > relu > "a.n": bn', ["a.k", "a.n"]),
        ('"a.0": conv(3, c, stride=s) > relu > "a.2": bn', ["a.0", "a.2"]),
        ("(conv(3, c, stride=s) > bn) > relu > (conv(3) > bn)",
         ["layer1.0", "layer1.1", "layer2.0", "layer2.1"]),
        ("Unit > Unit", ["conv1", "bn1", "conv2", "bn2"]),
        ("(Unit > Unit)", ["0", "1", "3", "4"]),
        ("a: Unit > b: Unit", ["a.conv", "a.bn", "b.conv", "b.bn"]),
        ("(Row > Row)", ["0.0", "0.1", "1.0", "1.1"]),
        ("a: Row > Row", ["a.0", "a.1", "layer1.0", "layer1.1"]),
    ],
)  # fmt: skip
def test_brackets_and_labels_are_names(flow: str, wanted: list[str]) -> None:
    text = (
        "Unit = conv(3, 8) > bn > relu\nRow = (conv(3, 8) > bn > relu)\n"
        f"W = {flow}\nX_i = W_i*X_<i-1>\nstages 8 x 1\n"
    )
    (compiled,) = compile_source(from_text("input 3 x 16 x 16\n" + text))
    prefix = "blocks.0.W."
    found = [
        key.removeprefix(prefix).removesuffix(".weight")
        for key in compiled.module().state_dict()
        if key.startswith(prefix) and key.endswith(".weight")
    ]
    assert found == wanted


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ('stages = "f"', ["f.0", "f.1", "f.2", "f.3"]),
        ('stages = "f.{0}"', ["f.0.0", "f.0.1", "f.1.0", "f.1.1"]),
        ('stages = "f.s{}"', ["f.s1.0", "f.s1.1", "f.s2.0", "f.s2.1"]),
        ('stages = "s{2}"', ["s2.0", "s2.1", "s3.0", "s3.1"]),
        ('stages = "f", step = "b{}"', ["f.b1", "f.b2", "f.b3", "f.b4"]),
        ('step = "b{0}"', ["stage1.b0", "stage1.b1", "stage2.b0", "stage2.b1"]),
        ('stages = "."', ["block1", "block2", "block3", "block4"]),
        ('stages = ".", step = ("p", "q", "r", "t")', ["p", "q", "r", "t"]),
    ],
)
def test_blocks_lie_where_the_file_says(names: str, wanted: list[str]) -> None:
    text = f'W = k: conv(3, c, stride=s)\nnames W = ".", {names}\n{RESIDUAL}'
    blocks = [key.removesuffix(".k") for key in weights(text) if key.endswith(".k")]
    assert blocks == wanted


def test_stem_blocks_and_head_share_a_container() -> None:
    text = (
        "stem (conv(3, c) > bn > relu)\n"
        'head "f.5": (bn > relu) > avgpool > out: linear(7)\n'
        'names stem = "f.0", stages = "f", head = "."\n'
        f"W = (conv(3, c, stride=s) > bn)\n{RESIDUAL}"
    )
    made = module(text)
    assert [type(child).__name__ for child in made.children()] == [
        "Sequential",
        "Linear",
    ]
    assert weights(text)[-2:] == ["f.5.0", "out"]
    assert made(torch.randn(2, 3, 16, 16)).shape == (2, 7)


def test_parts_of_blocks_can_lie_in_one_row() -> None:
    """As in VGG: the layers of all blocks are numbered together."""
    text = (
        "stem none\nscope stage\ntransition maxpool(s)\nadapter none\n"
        'names stages = "f", step = ".", transition = "f"\n'
        f"W = conv(3, c) > bn > relu\n{PLAIN}"
    )
    rows = [key for key in weights(text) if key.startswith("f.")]
    assert rows == [f"f.{n}" for n in (0, 1, 3, 4, 7, 8, 10, 11)]


def test_a_block_that_is_a_definition_is_its_module() -> None:
    text = (
        "Gate(x) = x*sigmoid(G*x) where G = conv(3, c)\n"
        f'stages 8 x 3\nnames W = "."\nW = Gate\n{PLAIN}'
    )
    (compiled,) = compile_source(from_text("input 8 x 16 x 16\nstem none\n" + text))
    made = compiled.module()
    assert {type(block).__name__ for block in made.blocks} == {"Gate"}


@pytest.mark.parametrize(
    "text",
    [
        f'W = none\nnames W = "."\n{PLAIN}',
        f"N = none\nW(x) = x*sigmoid(N*x)\n{PLAIN}",
    ],
)
def test_an_operator_that_does_nothing(text: str) -> None:
    (compiled,) = compile_source(from_text("stages 8 x 2\n" + text))
    compiled.module()(torch.randn(2, 3, 16, 16))


def test_blocks_of_nothing_are_no_row() -> None:
    text = f'stages 8 x 2\nW = none\nnames stages = "f", step = "."\n{PLAIN}'
    (compiled,) = compile_source(from_text(text))
    with pytest.raises(CompileError, match="RF219"):
        _ = compiled.source


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('names stages = "f.{}"\n' + RESIDUAL, "RF219", "should be 0"),
        ('names stages = "s", head = "s"\n' + RESIDUAL, "RF219", "cannot stand"),
        ("W = conv(3, c, stride=s) > forward: bn\n" + PLAIN, "RF219", "forward"),
        ('names step = "."\n' + RESIDUAL, "RF219", "one operator"),
        ('names step = ".", stages = "."\n' + PLAIN, "RF219", "there is none"),
        ('names stages = "f.x{}"\nX_i = W_i*X_<i-1> + X_<i-2>\n', "RF219", "hand on more"),
        ("W = (conv(3, c, stride=s) > zeropad(2*c))\n" + PLAIN, "RF219", "zeropad"),
        ('W = "c.a.0": conv(3, c, stride=s) > "c.b.0": bn > "c.a.1": bn\n'
         + PLAIN, "RF219", "two places"),
        ('names step = ("a", "b")\n' + RESIDUAL, "RF212", "2 names for 4 blocks"),
        ('names step = ("a", "b", "b", "c")\n' + RESIDUAL, "RF212", "of its own"),
        ('names W = "a.b"\n' + RESIDUAL, "RF212", "place of W"),
        ('names stages = "a{}.{}"\n' + RESIDUAL, "RF212", "pattern"),
        ('W = "a--b": conv(3, c)\n' + PLAIN, "RF212", "label"),
        ('W = "-a": conv(3, c)\n' + PLAIN, "RF212", "label"),
        ('W = "a.": conv(3, c)\n' + PLAIN, "RF212", "label"),
        ('W = "1a": conv(3, c)\n' + PLAIN, "RF212", "label"),
        ("X_i = (relu > relu)\n", "RF214", "flows"),
    ],
)  # fmt: skip
def test_names_that_no_module_can_have(text: str, code: str, words: str) -> None:
    with pytest.raises(CompileError) as caught:
        module(text)
    (first, *_) = caught.value.diagnostics
    assert first.code == code
    assert words in first.message


TWO = "W = conv(3, c, stride=s)\nU = conv(3, c, stride=s)\n"
SUM = "X_i = W_i*X_<i-1> + U_i*X_<i-1>\n"
SHARED = "X_i = X_<i-1> + U*X_<i-1>\n"


@pytest.mark.parametrize(
    ("text", "name", "second", "first"),
    [
        (f'names W = "conv", U = "conv"\n{TWO}{SUM}', "conv", '"conv"', '"conv"'),
        (f'names stages = "s{{}}", stem = "s1"\n{RESIDUAL}', "s1", '"s1"', '"s{}"'),
        (f'names stem = "s", head = "s"\n{RESIDUAL}', "s", '"s"', '"s"'),
        (f'names W = "U"\n{TWO}{SUM}', "U", "U_i", '"U"'),
        (f'names adapter = "W"\n{RESIDUAL}', "W", "W_i", '"W"'),
        (f'names W = "shortcut"\n{RESIDUAL}', "shortcut", '"shortcut"', ""),
        ('stages 8 x 2\nX_i = W_i*X_<i-1> + H*X_<i-1>\nnames H = "head"\n',
         "head", '"head"', ""),
        ("scalar U_i = 0.5\nX_i = X_<i-1> + U_i*W_i*X_<i-1>\n"
         'names W = "U"\n', "U", '"U"', "scalar U_i = 0.5"),
        (f'names W = ".", U = "."\nW = a: conv(3, c, stride=s)\n'
         f"U = a: conv(3, c, stride=s)\n{SUM}", "a", "conv(3, c, stride=s)",
         "conv(3, c, stride=s)"),
        (f"W = a: conv(3, c, stride=s) > a: bn\n{RESIDUAL}", "a", "bn",
         "conv(3, c, stride=s)"),
        (f"N = a: conv(3, 8)\nW = N > N\nstages 8 x 1\n{RESIDUAL}", "a", "conv(3, 8)", ""),
        (f'names stages = "f", head = "f.b2", step = "b{{}}"\n{RESIDUAL}', "b2",
         '"b{}"', '"f.b2"'),
        (f'names step = "b"\n{RESIDUAL}', "b", '"b"', ""),
        # A container whose name comes of itself is that of one piece.
        (f'stages 8 x 2\nnames stem = "f.0", head = "blocks"\n{RESIDUAL}', "blocks",
         '"blocks"', ""),
        (f'stages 8 x 2\nnames stem = "f.0", head = "blocks"\n{RESIDUAL}'
         "head (globalpool > flatten > linear(10))\n", "blocks", '"blocks"', ""),
        (f'names stem = "f.0", head = "stage2"\n{RESIDUAL}', "stage2", '"stage2"', ""),
        (f'names stages = "stem"\n{RESIDUAL}', "stem", '"stem"', ""),
        (f'names stages = "head"\n{RESIDUAL}', "head", '"head"', ""),
        (f'scope stage\nnames stem = "f.0", transition = "head"\n{RESIDUAL}', "head",
         '"head"', ""),
        (f'scope stage\nnames stem = "f.0", head = "transition2"\n{RESIDUAL}',
         "transition2", '"transition2"', ""),
        # As it is outside of a row.
        ('names stem = "stage1.0"\nX_i = X_<i-1> + W_i*X_<i-2>\n', "stage1",
         '"stage1.0"', ""),
        # Transitions are called as it is written, in a row and outside.
        *((f'scope stage\nstages 8 x 1, 8 x 1, 8 x 1\nnames {more}transition = "{name}"\n'
           f"{RESIDUAL}", name, f'"{name}"', "")
          for more in ("", 'stem = "f.0", ') for name in ("down", "f.down")),
        # What stages and block 0 have for themselves has the number in its name.
        (f'scope stage\nnames head = "U_1"\nU = conv(3)\n{SHARED}', "U_1", "U", '"U_1"'),
        (f'scope stage\nnames U = "V", head = "V_2"\nU = conv(3)\n{SHARED}', "V_2",
         '"V_2"', '"V"'),
        (f'names head = "W_0"\n{RESIDUAL}X_0 = W_0*input\n', "W_0", "W_i", '"W_0"'),
        (f'scope stage\nnames stem = "W_0_2"\n{RESIDUAL}X_0 = W_0*input\n', "W_0_2",
         "W_i", '"W_0_2"'),
        ("stages 8 x 2\nSE(x) = x*sigmoid(G*x) + K*x where G = avgpool > a: linear(8), "
         f"K = a: conv(3, cin)\nW = SE\n{RESIDUAL}", "a", "conv(3, cin)", "linear(8)"),
    ],
)  # fmt: skip
def test_two_parts_of_one_name(text: str, name: str, second: str, first: str) -> None:
    """The later of the two is underlined, and the file's first one is shown."""
    frame = "" if "stages 8" in text else "stages 8 x 2, 12 x 2 / 2\n"
    with pytest.raises(CompileError) as caught:
        _ = compile_source(from_text(frame + text))[0].source
    (found,) = caught.value.diagnostics
    assert found.code == "RF219"
    assert f"two parts are called {name}:" in found.message
    place, *others = found.labels
    assert place.span.text == second
    assert [label.span.text for label in others] == ([first] if first else [])
    assert all(label.span.start < place.span.start for label in others)
    assert found.hint
    if "scope stage\nstages" in text:
        assert found.hint == f'{{}} counts: transition = "{name}{{}}"'


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f'names stem = "f.0", head = "f"\n{RESIDUAL}', "the head outside of f"),
        (f'names stem = "f.0", head = "f"\n{RESIDUAL}'
         "head (globalpool > flatten > linear(10))\n", "what is of the head"),
    ],
)  # fmt: skip
def test_what_to_write_instead(text: str, hint: str) -> None:
    with pytest.raises(CompileError) as caught:
        module(text)
    (found,) = caught.value.diagnostics
    assert found.code == "RF219"
    assert hint in found.hint


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ('transition = "down"', ["down"]),
        ('transition = "down{}"', ["down1"]),
        ('transition = ("down",)', ["down"]),
    ],
)
@pytest.mark.parametrize("more", ["", 'stem = "f.0", '])
@pytest.mark.parametrize("reads", ["X_<i-1>", "X_<i-2>"])
def test_transitions_have_their_names_in_any_network(
    names: str, wanted: list[str], more: str, reads: str
) -> None:
    text = f"scope stage\nnames {more}{names}\nX_i = X_<i-1> + W_i*{reads}\n"
    found = [name for name, _ in module(text).named_children() if "down" in name]
    assert found == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f'names W = ".", U = "."\n{TWO}{SUM}', ["conv", "conv2"]),
        (f'names W = "."\nW = conv(3, 8) > conv: conv(3)\n{PLAIN}', ["conv2", "conv"]),
        (f'names W = ".", U = "."\nW = (conv(3, c) > bn)\nU = (conv(3, c) > bn)\n{SUM}',
         ["layers.0", "layers.1", "layers2.0", "layers2.1"]),
    ],
)  # fmt: skip
def test_derived_names_make_way(text: str, wanted: list[str]) -> None:
    text = f"stages 8 x 1\n{text}"
    (compiled,) = compile_source(from_text("input 8 x 16 x 16\nstem none\n" + text))
    rows = [
        key.removeprefix("blocks.0.").removesuffix(".weight")
        for key in compiled.module().state_dict()
        if key.startswith("blocks.0.") and key.endswith(".weight")
    ]
    assert rows == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('X_i = X_<i-1> + H*X_<i-1>\nnames H = "both"\n', "both."),
        ("X_<i,t> = X_<i-1,t> + H_<i,t>*X_<i-1,t>\noutput X_<L,4>\n"
         'names H = "both"\n', "blocks.0.both4."),
    ],
)  # fmt: skip
def test_names_of_what_all_blocks_or_times_share(text: str, wanted: str) -> None:
    (compiled,) = compile_source(from_text(f"stages 8 x 2\n{text}"))
    keys = list(compiled.module().state_dict())
    assert any(key.startswith(wanted) for key in keys)
    assert not any("H" in key for key in keys)


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ('X_i = X_<i-1> + W*X_<i-1>\nnames W = "."\n', "network's", '"."'),
        ('X_i = W_i*X_<i-1> + W_<i-2>*X_<i-1>\nnames W = "."\n', "later blocks", '"."'),
        ('X_i = W_i*X_<i-1>\nnames W = "forward"\n', "itself has", '"forward"'),
        ('X_i = W_i*X_<i-1>\nnames stem = "f.0", stages = "f.s{}"\n', "s1 is a name",
         '"f.s{}"'),
        ('X_i = W_i*X_<i-1>\nnames stem = "f", stages = "f.{}"\n', "should be 3",
         '"f.{}"'),
    ],
)  # fmt: skip
def test_the_names_statement_is_underlined(text: str, words: str, place: str) -> None:
    frame = "" if "stages 8" in text else "stages 8 x 3\n"
    with pytest.raises(CompileError) as caught:
        _ = compile_source(from_text(frame + text))[0].source
    (found,) = caught.value.diagnostics
    assert found.code == "RF219"
    assert words in found.message
    assert found.labels[0].span.text == place


def test_only_what_the_code_reads_is_imported() -> None:
    """A word of a docstring, or a variable, is no use of what is called alike."""
    text = "stages 8 x 3\nW = conv(3, c)\n# checkpoint\nX_i = W_i*X_<i-1> + W_<i-1>*X_<i-1>\n"
    source = compile_source(from_text(text, "checkpoint.rf"))[0].source
    assert "checkpoint" in source
    assert "import checkpoint" not in source
    assert "import partial" not in source


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("X_i = X_<i-1> + W_i*X_<i-1>", "shortcut"),
        ("X_i = W_i*X_<i-1> + X_<i-2>", "shortcut"),
        ("X_i = X_<i-1> + W_i*X_<i-2>", "shortcut"),
        ("X_i = X_<i-2> + X_<i-1> + W_i*X_<i-1>", "shortcut_x_prev2 shortcut"),
        ("X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>", "shortcut_wx"),
        ("X_i = X_<i-1> + W_i*X_<i-1> - W_<i-1>*X_<i-2>", "shortcut shortcut_wx"),
        ("X_i = W_i*X_<i-1> + relu(X_<i-1>)", "shortcut_relu_x"),
        # The output says which of several is X.
        (
            "V_i = 0.5*V_<i-1> + W_i*X_<i-1>\nX_i = X_<i-1> + V_i\noutput X_L",
            "shortcut_v shortcut",
        ),
        # What the file calls something else makes way for nothing.
        (
            'names W = "shortcut_wx"\nX_i = X_<i-1> + W_i*X_<i-1> - W_<i-1>*X_<i-2>',
            "shortcut shortcut_wx2",
        ),
        (
            'names adapter = "down"\nX_i = X_<i-1> + W_i*X_<i-1> - W_<i-1>*X_<i-2>',
            "down down_wx",
        ),
        ('names adapter = "down"\nX_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>', "down"),
    ],
)
def test_adapters_are_named_after_what_they_adapt(text: str, names: str) -> None:
    head = "input 4\nstages 4 x 1, 5 x 3\nW = linear(c)\n"
    (compiled,) = compile_source(from_text(head + text))
    children = compiled.module().get_submodule("stage2.0").named_children()
    # The operators stand in front.
    count = len(names.split())
    assert [name for name, _ in children][-count:] == names.split()


GRIDS = "input 3 x 16 x 16\nstages 4 x 2, 8 x 2 / 2\n"
SECOND = "G = conv(3, c) > bn\nF = conv(3, c, stride=s) > bn\n"
DEFINED = (
    "Part(x, kernel=3, stride=1) = relu(F*x)  where F = conv(kernel, 8, stride={})\n"
)


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        # The operator that gets what comes in is not the first one of the file.
        (f"{SECOND}X_i = G_i*F_i*X_<i-1> + X_<i-1>\n", "Step",
         ["in_channels", "channels", "stride"]),
        # What a block adds up has its stride.
        (f"{SECOND}X_i = G_i*X_<i-1> + F_i*X_<i-1>\n", "Step",
         ["in_channels", "channels", "stride"]),
        # One width for what comes in and what goes out is no `in_channels`.
        ("scope stage\nW = conv(3, c) > bn\nX_i = X_<i-1> + W_i*X_<i-1>\n", "Step",
         ["channels"]),
        # An argument of a definition has the author's name where no block's is there.
        (f"{DEFINED.format('stride')}stem Part(stride=2)\n{RESIDUAL}", "Part",
         ["in_channels", "kernel", "stride"]),
        (f"{DEFINED.format('s*stride')}W = Part > conv(3, c)\n{RESIDUAL}", "Part",
         ["in_channels", "kernel", "stride_size", "stride"]),
    ],
)  # fmt: skip
def test_parameters_of_classes(text: str, kind: str, wanted: list[str]) -> None:
    (compiled,) = compile_source(from_text(GRIDS + text))
    (found,) = (
        node
        for node in ast.parse(compiled.source).body
        if isinstance(node, ast.ClassDef) and node.name == kind
    )
    made = next(n for n in found.body if isinstance(n, ast.FunctionDef))
    assert [item.arg for item in made.args.args[1:]] == wanted
    compiled.module()(torch.zeros(1, 3, 16, 16))
