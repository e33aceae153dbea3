"""Numbers that blocks have by their place, against a loop with numbers written by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from recform.algebra.expr import I
from recform.algebra.placed import Placed, Row
from recform.compiler import Compiled, compile_source, from_text
from recform.diagnostics import CompileError
from recform.report.derive_back import backward

FRAME = """
input  4
stem   none
head   none
stages 4 x 2, 4 x 3, 4 x 1
W = linear(c)
U = linear(c)
"""
#: The number of each block within its stage.
J = [1, 2, 1, 2, 3, 1]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def compiled(text: str) -> Compiled:
    (item,) = compile_source(from_text(FRAME + text))
    return item


def blocks_of(net: Any) -> list[Any]:
    return [block for n in (1, 2, 3) for block in getattr(net, f"stage{n}")]


def same(net: nn.Module, loop: Any) -> None:
    """The network and a loop over its blocks: outputs and all gradients."""
    results = []
    for run in (net, lambda x: loop(blocks_of(net), x)):
        net.zero_grad()
        torch.manual_seed(0)
        x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
        y = run(x)
        y.square().sum().backward()
        results.append([y, x.grad, *(p.grad.clone() for p in net.parameters())])
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


def test_tables_and_counts_in_an_equation() -> None:
    item = compiled(
        "const k = (1/2, 3, 0.25) per stage\n"
        "const depth = (1, 0.5, 2, 1, 3, 1) per block\n"
        "const b_i = sqrt(1 + 0.04*(j - 1))\n"
        "X_i = k*X_<i-1> + W_i*X_<i-1>/b_i + depth*i*U_i*X_<i-1> + 0.1*j"
    )
    k = [0.5, 0.5, 3, 3, 3, 0.25]
    depth = [1, 0.5, 2, 1, 3, 1]

    def loop(blocks: list[Any], x: Tensor) -> Tensor:
        for n, block in enumerate(blocks):
            scale = math.sqrt(1 + 0.04 * (J[n] - 1))
            x = (
                k[n] * x
                + block.W(x) / scale
                + depth[n] * (n + 1) * block.U(x)
                + 0.1 * J[n]
            )
        return x

    same(item.module().double(), loop)


def test_the_number_of_an_older_block() -> None:
    """What block i-1 scales with its own number is read by block i."""
    item = compiled(
        "Y_i = j*W_i*X_<i-1>\nX_i = X_<i-1> + Y_i + 0.5*sum(k, 1, i-1, Y_k/2^k)\n"
        "output X_L"
    )

    def loop(blocks: list[Any], x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for n, block in enumerate(blocks):
            y = J[n] * block.W(x)
            x = x + y + 0.5 * total
            total = total + y / 2 ** (n + 1)
        return x

    same(item.module().double(), loop)


def test_counts_in_operators() -> None:
    text = (
        "input 2 x 9 x 9\nstages 2 x 2, 2 x 3\n"
        "W = conv(3, c, dilation=2^(j - 1)) > bn\nX_i = X_<i-1> + W_i*X_<i-1>/j"
    )
    (item,) = compile_source(from_text(text))
    found = [m.dilation[0] for m in item.module().modules() if isinstance(m, nn.Conv2d)]
    assert found == [1, 1, 2, 1, 2, 4]


@pytest.mark.parametrize("count", [3, 40])
def test_blocks_that_count_on_are_one_loop(count: int) -> None:
    text = f"input 2\nstages 2 x 2, 2 x {count}\nX_i = X_<i-1> + W_i*X_<i-1>/j"
    (item,) = compile_source(from_text(text))
    assert f"Step(j=1 + k) for k in range({count})" in item.source


@pytest.mark.parametrize("number", ["i", "j", "k", "sqrt(i/L)"])
def test_blocks_of_a_range_differ_in_numbers_alone(number: str) -> None:
    """One class for all of them, however many there are."""
    text = (
        "input 2\nstages 2 x 20\nconst k = 2 per stage\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_<2..17> = NUMBER*W_i*X_<i-1>"
    )
    (item,) = compile_source(from_text(text.replace("NUMBER", number)))
    assert item.source.count("Step(nn.Module)") <= 5
    (other,) = compile_source(from_text(text.replace("NUMBER", "2")))
    assert len(item.source.splitlines()) < len(other.source.splitlines()) + 12


def test_scope_stage_counts_with_i() -> None:
    text = "input 2\nscope stage\nstages 2 x 2, 2 x 3\nX_i = X_<i-1> + W_i*X_<i-1>/"
    made = [compile_source(from_text(text + letter))[0].source for letter in "ij"]
    of_i, of_j = (source.partition("import")[2] for source in made)
    assert of_i == of_j.replace("/j", "/i")


def test_no_variable_of_a_general_formula_is_the_count() -> None:
    text = "input 2\nstages 2 x 2, 2 x 3\nX_i = X_<i-1> + W_i*X_<i-1>/j"
    (item,) = compile_source(from_text(text))
    assert "prod(k, 0, i-1, 1 + 1/j_<L-k>*W_<L-k>)" in backward(item.formula).text()


def test_a_name_of_the_file_is_no_count() -> None:
    text = "input 2\nconst j = 7\nstages 2 x 2\nX_i = X_<i-1> + W_i*X_<i-1>/j"
    (item,) = compile_source(from_text(text))
    assert str(item.formula.equations[0].right).endswith("1/7*W_i*X_<i-1>")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("scope stage\nconst k = (1, 2, 3) per stage\nX_i = k*W_i*X_<i-1>", "RF218"),
        ("const k = (1, 2, 3) per stage\nX_i = k_i*W_i*X_<i-1>", "RF304"),
        ("X_i = j_i*W_i*X_<i-1>", "RF304"),
        ("X_i = W_i*X_<i-1>\noutput j*X_L", "RF304"),
        ("X_i = W_i*X_<i-1>\nX_0 = j*input", "RF217"),
        ("X_i = W_i*X_<i-1>/(j - 1)", "RF211"),
        ("V = linear(j)\nX_i = W_i*V*X_<i-1>", "RF218"),
        ("const b_i = 1/j\nX_i = b_<L>*W_i*X_<i-1>", "RF218"),
        ("const b_i = i + j\nX_i = W_i*X_<i-1>\nX_2 = b_<L-1>*X_1", "RF218"),
        ("S(x) = j*x*F*x where F = linear(cin)\nX_i = S_i*X_<i-1>", "RF212"),
        (
            "const k = (1, 2, 3) per stage\nS(x) = k*x*F*x where F = linear(cin)\n"
            "X_i = S_i*X_<i-1>",
            "RF212",
        ),
    ],
)
def test_mistakes(text: str, code: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(text)
    assert [found.code for found in caught.value.diagnostics] == [code]


@pytest.mark.parametrize(
    ("declared", "number", "values"),
    [
        ("", "j^(i - L)", [j ** (i - 6.0) for i, j in enumerate(J, 1)]),
        ("", "(1/j)^i", [j**-i for i, j in enumerate(map(float, J), 1)]),
        # A number of the block that may be complex had `conjugate` in its code.
        (
            "const m = (1, -2, 0.5) per stage\n",
            "sigmoid(min(-0.2 - m*(8 + e), 2))",
            [
                _sigmoid(min(-0.2 - m * (8 + math.e), 2))
                for m in (1, 1, -2, -2, -2, 0.5)
            ],
        ),
        # Of `softplus` of a number nobody knew whether it is larger than others.
        ("", "max(softplus(1000), i)/1000", [1.0] * 6),
        ("const m = (1, 2, 3) per stage\n", "m^i", [1, 1, 8, 16, 32, 729]),
        (
            "const n = (1, 2, 1, 0.5, 3, 2) per block\n",
            "n^-i",
            [1, 0.25, 1, 16, 3**-5, 2**-6],
        ),
    ],
)
def test_numbers_that_code_got_wrong(
    declared: str, number: str, values: list[float]
) -> None:
    """With 1 in the place of a base the number of the block was taken for unread."""
    item = compiled(f"{declared}X_i = X_<i-1> + {number}*W_i*X_<i-1>")
    net = item.module().double()

    def loop(blocks: list[Any], x: Tensor) -> Tensor:
        for block, value in zip(blocks, values, strict=True):
            x = x + value * block.W(x)
        return x

    same(net, loop)


def test_numbers_of_blocks_ahead() -> None:
    """They were one argument with those of the block: RF901, or a class of no Python."""
    item = compiled(
        "const n = (1, 0.5, 2, 1, 0.25, 3) per block\n"
        "const k_i = n + 0.1*i\n"
        "X_i = W_i*X_<i-1> + (k_i - k_<i+1>)*X_<i-1> + min(k_<i+2> - 1, n)*X_<i-1>"
    )
    n = [1, 0.5, 2, 1, 0.25, 3, 3, 3]
    k = [number + 0.1 * (block + 1) for block, number in enumerate(n)]

    def loop(blocks: list[Any], x: Tensor) -> Tensor:
        for b, block in enumerate(blocks):
            scale = k[b] - k[b + 1] + min(k[b + 2] - 1, n[b])
            x = block.W(x) + scale * x
        return x

    same(item.module().double(), loop)


@pytest.mark.parametrize(
    "text",
    [
        "X_<i+2> = W_<i+2>*X_<i+1> + abs(j)*X_<i+1>",
        "const k_i = abs(j)\nX_i = W_i*X_<i-1> + k_<i-2>*X_<i-1>",
        "const k_i = abs(j)\nconst q_i = k_i\nX_i = W_i*X_<i-1> + q_<i-2>*X_<i-1>",
    ],
)
def test_counts_before_the_start_have_their_sign(text: str) -> None:
    """``abs(j)`` was ``j`` of block -1 as well."""

    def loop(blocks: list[Any], x: Tensor) -> Tensor:
        for block, count in zip(blocks, [1, 0, 1, 2, 1, 2], strict=True):
            x = block.W(x) + count * x
        return x

    same(compiled(text).module().double(), loop)


def test_numbers_of_blocks_have_an_order() -> None:
    """SymPy sorts terms; equal rows had none, and that was a traceback."""
    rows = [Row.count([2, 3]), Row.count([2, 3]), Row.count([4])]
    first, same, other = (Placed(row) for row in rows)
    assert first.compare(same) == 0 and first == same
    assert first.compare(other) == -other.compare(first) != 0 and first != other
    assert Placed(rows[0], I - 1).compare(same) != 0
