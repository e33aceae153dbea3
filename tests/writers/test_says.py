"""What generated classes say of themselves, against the formula at the block's number."""

from __future__ import annotations

import ast
import re

import pytest

import recform


def said(text: str) -> dict[str, str]:
    """The docstring of each class."""
    tree = ast.parse(recform.compile(text).source)
    kinds = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return {kind.name: ast.get_docstring(kind) or "" for kind in kinds}


@pytest.mark.parametrize("blocks", [3, 8, 17, 40])
def test_the_last_block_counts_from_the_end(blocks: int) -> None:
    found = said(
        f"input 8\nstages 8 x {blocks}\nW = linear(c)\n"
        "X_i = W_i*X_<i-1> + (1/i)*X_<i-2> + W_<i-1>*X_<i-2>"
    )
    assert found["LastStep"] == (
        "X_L = W_L*X_<L-1> + 1/L*X_<L-2> + W_<L-1>*X_<L-2>\n\n"
        "Takes x_prev = X_<L-1>, partial_prev = 1/L*X_<L-2> + W_<L-1>*X_<L-2>.\n"
        "Hands on X_L."
    )


def test_a_single_block_has_its_number_in_coefficients() -> None:
    found = said(
        "input 8\nstages 8 x 5\nW = linear(c)\nconst g_i = 1/(i + 1)\n"
        "X_i = X_<i-1> + g_i*W_i*X_<i-1> + X_<i-2>"
    )
    assert found["FirstStep"].splitlines()[0] == "X_1 = X_0 + 1/2*W_1*X_0"


@pytest.mark.parametrize("more", [1, 2, 8, 1000])
def test_numbers_of_a_single_block_are_worked_out(more: int) -> None:
    source = recform.compile(
        "input 8\nstages 8 x 5\nW = linear(c)\nscalar a_i = 0 per channel\n"
        "scalar b_i = 1 per channel\n"
        f"X_i = a_i*W_i*X_<i-1> + b_i*X_<i-2> + X_<i-1>/(i + {more})"
    ).source
    assert f"self.scale = 1 / {more + 1}\n" in source
    assert f"self.scale = 1 / (i + {more})\n" in source
    assert "self.a = nn.Parameter(torch.zeros(8))" in source
    assert "self.b = nn.Parameter(torch.ones(8))" in source


def test_a_split_has_the_line_of_its_equation() -> None:
    text = "input 8\nstages 8 x 2\nZ_i = tanh(X_<i-1>)\nA_i, B_i = split(W_i*Z_i, 2)\n"
    source = recform.compile(
        f"{text}X_i = X_<i-1> + concat(B_i, A_i)\noutput X_L"
    ).source
    (split,) = [line for line in source.splitlines() if ".chunk(" in line]
    assert split.endswith("# rf:4")


def test_what_has_no_name_is_marked_with_the_line_that_says_it() -> None:
    """Histories, sums over depth and what is formed early; not with the first equation."""
    text = """input 6
stages 6 x 5
V = linear(c)
Y_i = relu(W_i*X_<i-1>)
Z_i = Y_i + max(X_<0..i-1>)
P_i = X_<i-1> + 0.5*V_<i-1>*X_<i-2> + X_<i-3>
Q_i = sum(k, 0, i-1, tanh(X_k)) + V_i*X_<i-1>
R_i = sum(k, 0, i-1, softmax(k, dot(X_k, X_<i-1>))*X_k)
X_i = Z_i + P_i + Q_i + R_i
output X_L"""
    code = recform.compile(text).source
    step = code[code.index("class Step(") : code.index("class LastStep(")]
    marks = dict(re.findall(r"^ {8}(\w+) = [^#]*?# rf:(\d+)$", step, re.M))
    lines = {"x_max": "5", "tanh_x_sum": "7", "weights": "8", "partial": "6"}
    for name, line in lines.items():
        found = [mark for made, mark in marks.items() if made.startswith(name)]
        assert found and found[0] == line, name
    assert marks["xs"] == "8"
