"""What generated code looks like, line by line: what a reader would write himself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from recform.compiler import compile_source, from_text
from recform.target import Target

FRAME = "input 3 x 16 x 16\nstages 8 x 2, 12 x 2 / 2\n"
REVERSIBLE = """
stem conv(3, 16)
F = conv(3, c, stride=s) > bn
G = F
A_0, B_0 = split(input, 2)
A_i = A_<i-1> + F_i*B_<i-1>
B_i = B_<i-1> + G_i*A_i
output concat(A_L, B_L)
"""


def source(text: str, *, timm: bool = False) -> str:
    (network,) = compile_source(from_text(FRAME + text), target=Target(timm=timm))
    return network.source


def method(code: str, cls: str, name: str) -> list[str]:
    """The statements of a method, without their comments."""
    (node,) = (
        n for n in ast.parse(code).body if isinstance(n, ast.ClassDef) and n.name == cls
    )
    (found,) = (
        n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == name
    )
    return ast.unparse(found).split("\n")[1:]


def test_a_state_of_one_size_is_variables() -> None:
    assert method(source(REVERSIBLE), "Formula", "forward") == [
        "    x = self.stem(x)",
        "    a, b = x.chunk(2, dim=1)",
        "    for block in self.stage1:",
        "        a, b = block(a, b)",
        "    for block in self.stage2:",
        "        a, b = block(a, b)",
        "    return self.head(torch.cat((a, b), dim=1))",
    ]


def test_only_what_has_another_name_is_assigned_before_the_blocks() -> None:
    code = source("X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>\nW_0*X_<-1> = X_0")
    assert method(code, "Formula", "forward")[:4] == [
        "    x = self.stem(x)",
        "    wx = x",
        "    for block in self.stage1:",
        "        x, wx = block(x, wx)",
    ]


def calls(text: str) -> list[str]:
    """How a network of vectors calls its blocks."""
    (network,) = compile_source(from_text(f"input 4\nstem none\nhead none\n{text}"))
    return method(network.source, "Formula", "forward")


def test_a_state_that_grows_is_variables() -> None:
    assert calls("stages 4 x 3\nX_i = W_i*X_<i-1> + X_<i-2>") == [
        "    x, x_prev = self.blocks[0](x)",
        "    for block in self.blocks[1:]:",
        "        x, x_prev = block(x, x_prev)",
        "    return x",
    ]


def test_a_block_is_handed_what_it_reads_and_nothing_else() -> None:
    equations = "X_i = b*X_<i-1> + W_i*X_<i-1>\nX_4 = W_4*X_3"
    assert calls(f"stages 4 x 4\nscalar b = 1\n{equations}") == [
        "    for block in self.blocks[:-1]:",
        "        x = block(self.b, x)",
        "    return self.blocks[-1](x)",
    ]
    # The last block calls no operator of a later one.
    assert calls("stages 4 x 9\nX_i = W_i*X_<i-1> + W_<i-2>*X_<i-1>") == [
        "    x, w_module = self.blocks[0](x)",
        "    x, wx, w_module = self.blocks[1](x, w_module)",
        "    for block in self.blocks[2:-1]:",
        "        x, wx, w_module = block(x, wx, w_module)",
        "    return self.blocks[-1](x, wx)",
    ]


def test_levels_are_made_of_the_variables_of_the_state() -> None:
    lines = method(source(REVERSIBLE, timm=True), "Formula", "_levels")
    assert "    yield self.level1(torch.cat((a, b), dim=1))" in lines
    assert not any("state" in line for line in lines)


@pytest.mark.parametrize("text", ["X_i = relu(X_<i-1> + W_i*X_<i-1>)", REVERSIBLE])
def test_nothing_is_assigned_to_be_returned(text: str) -> None:
    assert not re.search(r"^ +(\w+) = .*\n +return \1$", source(text), re.MULTILINE)


def test_equal_operators_share_a_class() -> None:
    code = source(REVERSIBLE)
    assert "self.F = FBlock(" in code
    assert "self.G = FBlock(" in code
    assert "class GBlock" not in code
    assert '"""F = conv(3, c, stride=s) > bn\n    G = F\n' in code


def test_different_operators_have_classes_of_their_own() -> None:
    code = source(REVERSIBLE.replace("G = F", "G = conv(1, c, stride=s) > bn"))
    assert "class FBlock" in code
    assert "class GBlock" in code


def test_a_stem_like_an_operator_keeps_its_name() -> None:
    code = source(
        "stem conv(3, 8)\nW = conv(3, 8)\nscope stage\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    assert "class Stem" in code


DENSE = """
scope stage
stages 8 x 2, 12 x 2 / 2, 16 x 2 / 2
transition norm: bn > relu > conv: conv(1, c) > avgpool(s)
names stages = "features.dense{}", transition = "features.transition{}", head = "."
X_i = H_i*concat(X_<0..i-1>)
output concat(X_<0..L>)
"""


def test_transitions_in_containers_are_modules_of_one_class() -> None:
    text = DENSE.strip()
    (network,) = compile_source(from_text(f"input 3 x 16 x 16\n{text}\n"))
    assert network.source.count("class Transition(nn.Module)") == 1
    assert '("transition1", Transition(' in network.source
    assert '("transition2", Transition(' in network.source
    keys = list(network.module().state_dict())
    for number in (1, 2):
        assert f"features.transition{number}.norm.weight" in keys
        assert f"features.transition{number}.conv.weight" in keys


def test_numbered_transitions_stay_what_they_are() -> None:
    text = DENSE.replace(
        "norm: bn > relu > conv: conv(1, c) > avgpool(s)",
        "(bn > relu > conv(1, c) > avgpool(s))",
    ).strip()
    (network,) = compile_source(from_text(f"input 3 x 16 x 16\n{text}\n"))
    assert "class Transition" not in network.source
    keys = list(network.module().state_dict())
    assert "features.transition1.0.weight" in keys
    assert "features.transition1.2.weight" in keys


def test_every_statement_of_the_formula_names_its_line() -> None:
    """So do those of operators, stem and head that the file leaves to the language."""
    code = source("W = conv(3, c, stride=s) > bn\nX_i = X_<i-1> + W_i*X_<i-1>")
    assert "return self.bn(self.conv(x))  # rf:3\n" in code
    assert "return self.shortcut(x_prev) + self.W(x_prev)  # rf:4\n" in code
    assert "return F.relu(self.bn(self.conv(x)))  # rf:default\n" in code
    assert "return self.fc(x.mean((2, 3)))  # rf:default\n" in code


def test_a_line_of_another_file_is_named_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.rf").write_text("W = conv(3, c, stride=s)\n")
    text = f'{FRAME}use "a.rf"\nX_i = X_<i-1> + W_i*X_<i-1>\n'
    (network,) = compile_source(from_text(text), folder=tmp_path)
    assert "return self.conv(x)  # rf:1 of a.rf\n" in network.source


def test_a_module_called_f_stands_beside_whole_names() -> None:
    code = source("F = conv(3, c, stride=s) > bn > relu\nX_i = X_<i-1> + F_i*X_<i-1>")
    assert "self.F = FBlock(" in code
    assert "return nn.functional.relu(self.bn(self.conv(x)))" in code
    assert "import torch.nn.functional as F" not in code
    assert "F.relu" not in code.replace("nn.functional", "")


def test_a_pair_in_a_kernel_is_an_argument() -> None:
    """One class for kernels of all lengths, as for square ones."""
    code = source(
        "Row(x, n=7) = relu(F*x)\n    where F = conv((1, n), c) > bn\n"
        "W = Row(5) > Row(3) > Row > conv(3, c, stride=s)\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    assert code.count("class Row") == 1
    assert "(1, n), padding=(0, (n - 1) // 2)" in code
    assert "self.row1 = Row(in_channels, channels, n=5)" in code
    assert "self.row3 = Row(channels, channels)" in code


def test_rows_of_blocks_that_are_alike_are_made_by_a_function() -> None:
    text = DENSE.replace(
        "stages 8 x 2, 12 x 2 / 2, 16 x 2 / 2", "stages 8 x 3, 8 x 4 / 2, 8 x 3 / 2"
    ).strip()
    text = text.replace("conv(1, c)", "conv(1, cin/2)")
    text = text.replace('head = "."', 'head = ".", step = "layer{}"')
    (network,) = compile_source(from_text(f"input 3 x 16 x 16\n{text}\n"))
    assert (
        network.source.count("OrderedDict(\n") + network.source.count("OrderedDict([")
        <= 3
    )
    assert (
        "def layers(in_channels: int, count: int) -> nn.Sequential:" in network.source
    )
    assert '("dense2", layers(' in network.source
    keys = list(network.module().state_dict())
    blocks = {key.rsplit(".", 3)[0] for key in keys if ".dense" in key}
    assert blocks == {
        f"features.dense{n}.layer{k}"
        for n, count in ((1, 3), (2, 4), (3, 3))
        for k in range(1, count + 1)
    }
