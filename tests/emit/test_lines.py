"""What generated code looks like, line by line: what a reader would write himself."""

from __future__ import annotations

import ast
import re

import pytest

from recform.compiler import compile_source, from_text, with_timm

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
    compiled = compile_source(from_text(FRAME + text))
    (network,) = with_timm(compiled) if timm else compiled
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


def test_a_state_that_grows_is_a_tuple() -> None:
    lines = method(source("X_i = W_i*X_<i-1> + X_<i-2>"), "Formula", "forward")
    assert "        state = block(*state)" in lines


def test_levels_are_made_of_the_variables_of_the_state() -> None:
    lines = method(source(REVERSIBLE, timm=True), "Formula", "_levels")
    assert "    yield torch.cat((a, b), dim=1)" in lines
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
