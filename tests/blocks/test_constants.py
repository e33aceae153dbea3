"""Constants of a block in the arguments of operators, where ``i`` may stand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import recform
from tests.diagnostics.mistakes import mistakes

FRAME = (
    "input 8 x 6\nstages 6 x 3\nstem none\nhead none\nconst k_i = 1/(i + 1)\n"
    "const h = 1/L\nconst q_i = sqrt(j)/4\n"
)

#: An operator, the attribute of its module, and that of each block.
ARGUMENTS = {
    "dropout(k_i)": ("p", lambda i: 1 / (i + 1)),
    "droppath(k_<i+1>)": ("rate", lambda i: 1 / (i + 2)),
    "droppath(k_i*h)": ("rate", lambda i: 1 / (i + 1) / 3),
    "droppath(k_L)": ("rate", lambda i: 1 / 4),
    "droppath(q_i)": ("rate", lambda i: math.sqrt(i) / 4),
    "ln(eps=k_i/10)": ("eps", lambda i: 1 / (i + 1) / 10),
    "linear(6/k_i) > linear(c)": ("out_features", lambda i: 6 * (i + 1)),
}


@pytest.mark.parametrize("operator", ARGUMENTS)
def test_arguments(operator: str) -> None:
    name, value = ARGUMENTS[operator]
    net = recform.load(f"{FRAME}W = {operator}\nX_i = X_<i-1> + W_i*X_<i-1>")
    for number, block in enumerate(net.blocks, 1):
        found = [getattr(m, name) for m in block.modules() if hasattr(m, name)]
        assert found[0] == pytest.approx(value(number), rel=1e-12)


def test_a_function_against_torch() -> None:
    net = recform.load(f"{FRAME}W = leaky_relu(k_i)\nX_i = W_i*(X_<i-1> - 1)").double()
    x = torch.randn(2, 8, 6, dtype=torch.float64)
    wanted = x
    for i in (1, 2, 3):
        wanted = nn.functional.leaky_relu(wanted - 1, 1 / (i + 1))
    torch.testing.assert_close(net(x), wanted)


def test_in_definitions_and_their_calls() -> None:
    net = recform.load(
        f"{FRAME}Gate(x, rate=0.5) = x*sigmoid(G*x)\n"
        "    where G = linear(cin) > droppath(rate) > dropout(k_i)\n"
        "W = Gate(k_<i+1>)\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    rates = [m.rate for m in net.modules() if hasattr(m, "rate")]
    drops = [m.p for m in net.modules() if isinstance(m, nn.Dropout)]
    assert rates == pytest.approx([1 / 3, 1 / 4, 1 / 5])
    assert drops == pytest.approx([1 / 2, 1 / 3, 1 / 4])


def test_constants_among_the_numbers_of_blocks_and_starts_of_weights() -> None:
    net = recform.load(
        "input 6\nstages 6 x 3\nstem none\nhead none\nconst b = 2\n"
        "const w = (b, 2*b, b^3) per block\nconst h = 1/L\ninit linear = normal(h/10)\n"
        "W = linear(w) > linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    assert [m.out_features for m in net.modules() if isinstance(m, nn.Linear)] == [
        *(2, 6, 4, 6, 8, 6)
    ]


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("W = linear(c) > droppath(k)", "RF304", "write k_i"),
        ("W = linear(c) > droppath(h_i)", "RF304", "write h"),
        ("W = linear(c) > droppath(q_<i-1>)", "RF212", "q_<i-1>*X_<i-1>"),
        ("init linear = normal(k_i)\nW = linear(c)", "RF212", "write k_1"),
        ("stem linear(c) > dropout(k_i)\nW = linear(c)", "RF218", "operators"),
    ],
)
def test_where_there_is_no_such_number(line: str, code: str, hint: str) -> None:
    frame = FRAME.replace("stem none\n", "") if line.startswith("stem") else FRAME
    found = mistakes(f"{frame}{line}\nX_i = X_<i-1> + W_i*X_<i-1>")
    assert [item.code for item in found] == [code]
    assert hint in found[0].hint


#: Numbers whose way to code or to floats led through one that is too large or too small.
FAR = {
    "1/exp(1000*i)": lambda i: 0.0,
    "exp(-300*i)": lambda i: math.exp(-300 * i),
    "sigmoid(-1000*i)": lambda i: 0.0,
    "1/(1 + exp(500*i))": lambda i: math.exp(-500 * i) if i == 1 else 0.0,
    "softplus(1000*i)/10000": lambda i: i / 10,
    "exp(i)/(exp(i) + 1)": lambda i: 1 / (1 + math.exp(-i)),
    "exp(-2)": lambda i: math.exp(-2),
    "sqrt(2)/3": lambda i: math.sqrt(2) / 3,
}


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 40])
@pytest.mark.parametrize("number", FAR)
def test_numbers_far_from_one_in_arguments(number: str, depth: int) -> None:
    frame = f"input 6\nstages 6 x {depth}\nstem none\nhead none\n"
    text = f"{frame}W = droppath({number})\nX_i = X_<i-1> + W_i*X_<i-1>"
    if "softplus" in number and depth > 10:
        assert [item.code for item in mistakes(text)] == ["RF404"]
        return
    rates = [m.rate for m in recform.load(text).modules() if hasattr(m, "rate")]
    wanted = [FAR[number](i) for i in range(1, depth + 1)]
    assert rates == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("number", ["exp(-2)", "sqrt(2)/3", "1/sqrt(3)", "1/3", "i/3"])
def test_a_number_beside_a_tensor_is_what_it_is(number: str) -> None:
    """A root or an exponential was divided as sizes are, and was 0."""
    text = (
        f"input 6\nstages 7 x 1\nstem none\nhead none\nX_i = concat({number}, X_<i-1>)"
    )
    made = recform.load(text)(torch.zeros(1, 6))
    wanted = {"exp(-2)": math.exp(-2), "sqrt(2)/3": math.sqrt(2) / 3}
    first = wanted.get(number, 1 / math.sqrt(3) if "sqrt" in number else 1 / 3)
    assert made[0, 0].item() == pytest.approx(first, rel=1e-6)


@pytest.mark.parametrize(
    "line",
    [
        "X_i = X_<i-1> + exp(700)*exp(700)*W_i*X_<i-1>",
        "X_i = X_<i-1> + exp(1000*L)*W_i*X_<i-1>",
        "X_i = X_<i-1> + W_i*X_<i-1>\noutput exp(1000*L)*X_L",
        "scalar a_i = exp(700)*exp(700)\nX_i = X_<i-1> + a_i*W_i*X_<i-1>",
        "V = leaky_relu(min(exp(1000*i), 1))\nX_i = X_<i-1> + W_i*V_i*X_<i-1>",
        "V = leaky_relu(i^50/exp(200*i))\nX_i = X_<i-1> + W_i*V_i*X_<i-1>",
    ],
)
def test_numbers_that_no_float_reaches(line: str) -> None:
    found = mistakes(f"input 6\nstages 6 x 5\nhead none\nW = linear(c)\n{line}")
    assert {item.code for item in found} == {"RF106"}


#: Numbers of which those of blocks, from 1 on, are something simpler.
BEFORE = {
    "max(1, i)": lambda i: max(1, i),
    "1/max(1, i)": lambda i: 1 / max(1, i),
    "abs(i)": abs,
    "sqrt(i^2)": abs,
    "floor(10^(-i))": lambda i: math.floor(10**-i),
}


@pytest.mark.parametrize("number", BEFORE)
def test_of_what_lies_before_the_first_block(number: str) -> None:
    wanted = BEFORE[number]
    net = recform.load(
        f"{FRAME}const b_i = {number}\nW = linear(c, bias=false)\n"
        "const d_i = b_<i-1>\nX_i = W_i*X_<i-1> + (d_i + b_<i-1>)*X_<i-1>"
    ).double()
    given = torch.randn(2, 8, 6, dtype=torch.float64)
    x = given
    for i, block in enumerate(net.blocks):
        x = block.W(x) + 2 * wanted(i) * x
    torch.testing.assert_close(net(given), x)


def test_of_an_operator_before_the_first_block() -> None:
    net = recform.load(
        f"{FRAME}W = linear(c) > dropout(0.1*max(1, i)) > F(i)\n"
        "F(x, a=0) = G(x) where G = droppath(max(1, a)/8) > dropout(abs(i)/9)\n"
        "X_1 = X_0 + W_0*X_0\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    found = [
        [getattr(m, "rate", getattr(m, "p", None)) for m in owner.modules()]
        for owner in (net.W_0, *net.blocks[1:])
    ]
    for i, rates in zip((0, 2, 3), found, strict=True):
        wanted = [0.1 * max(1, i), max(1, i) / 8, i / 9]
        assert [rate for rate in rates if rate is not None] == pytest.approx(wanted)


@pytest.mark.parametrize("number", BEFORE)
@pytest.mark.parametrize("place", ["{number}*X_i", "k_i*X_i", "q_i*X_i"])
def test_in_an_equation_for_the_next_block(number: str, place: str) -> None:
    wanted = BEFORE[number]
    factor = place.format(number=number)
    net = recform.load(
        f"input 6\nstages 6 x 3\nscope stage\nstem none\nhead none\n"
        f"const k_i = {number}\nconst q_i = {number.replace('i', 'j')}\n"
        f"W = linear(c)\nX_<i+1> = W_<i+1>*X_i + {factor}"
    ).double()
    given = torch.randn(2, 6, dtype=torch.float64)
    x = given
    for i, block in enumerate(net.blocks):
        x = block.W(x) + wanted(i) * x
    torch.testing.assert_close(net(given), x)


def test_parts_of_a_split_for_blocks_apart() -> None:
    net = recform.load(
        "input 6\nstages 6 x 3\nstem none\nhead none\nU = linear(cin)\n"
        "A_0, B_0 = split(input, 2)\n"
        "A_<i+1>, B_i = split(concat(max(1, i)*A_i, U*A_i), 2)\noutput B_L"
    ).double()
    given = torch.randn(2, 6, dtype=torch.float64)
    (last,) = [m for m in net.modules() if isinstance(m, nn.Linear)][-1:]
    torch.testing.assert_close(net(given), last(2 * given[:, :3]))


def test_a_listed_number_before_the_first_block() -> None:
    net = recform.load(
        f"{FRAME}W = linear(c)\nscalar a_i = max(1, i)\n"
        "X_i = W_i*X_<i-1> + a_0*X_<i-1> + a_2*X_<i-2>"
    )
    assert (net.a_0.item(), net.a_2.item()) == (1, 2)
