"""Numbers that have a name in a file: what generated code calls them, and what it computes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import sympy
import torch
from torch import Tensor

import recform
from recform.algebra.expr import I, L
from recform.algebra.written.constants import Constant, candidates, in_names
from tests.diagnostics.mistakes import mistakes

FRAME = "input 4\nstages 4 x {depth}\nstem none\nhead none\nW = linear(c)\n"
K = sympy.Rational("0.8") - sympy.Rational("0.6") * sympy.exp(1 - I)


def lines(text: str, depth: int = 5, **form: str) -> list[str]:
    """The code of the class of most blocks."""
    source = recform.compile(FRAME.format(depth=depth) + text, **form).source
    step = source.partition("\nclass Step(")[2].partition("\n\n\n")[0]
    assert step
    return [line.partition("  # rf")[0].strip() for line in step.splitlines()]


#: A constant, a term with it, the attribute, and the term in code.
SAID = {
    "itself": ("1/(i + 1)", "k_i*W_i*X_<i-1>", "1 / (i + 1)", "self.k * "),
    "one less": (
        "1/(i + 1)",
        "(1 - k_i)*W_i*X_<i-1>",
        "1 / (i + 1)",
        "(1 - self.k) * ",
    ),
    "a quotient": ("sqrt(i)", "W_i*X_<i-1>/k_i", "math.sqrt(i)", " / self.k"),
    "a square": ("i/L", "k_i^2*W_i*X_<i-1>", "i / 5", "self.k**2 * "),
    "a third": ("i/L", "k_i/3*W_i*X_<i-1>", "i / 5", "self.k / 3 * "),
    "taken away": ("sqrt(i)", "(-k_i)*W_i*X_<i-1>", "math.sqrt(i)", "- self.k * "),
    "the one before": (
        "sqrt(i)",
        "k_<i-1>*W_i*X_<i-1>",
        "math.sqrt(i - 1)",
        "_prev * ",
    ),
    "with a learned one": (
        "sqrt(i)",
        "(a_i - k_i)*W_i*X_<i-1>",
        "math.sqrt(i)",
        "self.k)",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_code_says_a_number_as_the_file_does(name: str) -> None:
    value, term, attribute, said = SAID[name]
    code = lines(f"const k_i = {value}\nscalar a_i = 1\nX_i = X_<i-1> + {term}")
    assert any(line.endswith(f" = {attribute}") for line in code), code
    assert any(said in line for line in code if line.startswith("return")), code
    assert not any("scale" in line for line in code)


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("weight", "weight"),
        ("training", "training2"),
        ("lambda", "lambda2"),
        ("self", "self"),
        ("x", "x"),
        ("W2", "W2"),
        ("half", "half2"),
        ("forward", "forward2"),
        ("λ", "lamda"),
    ],
)
def test_names_that_python_or_torch_has(name: str, attribute: str) -> None:
    text = f"const {name}_i = sqrt(i)\nX_i = X_<i-1> + {name}_i*W_i*X_<i-1>"
    assert f"self.{attribute} = math.sqrt(i)" in lines(text)


def test_a_scalar_has_its_name_first() -> None:
    code = lines(
        'const b_i = sqrt(i)\nscalar a_i = 1\nnames a = "b"\n'
        "X_i = a_i*X_<i-1> + b_i*W_i*X_<i-1>"
    )
    assert "self.b2 = math.sqrt(i)" in code


#: Constants by their names, a number, and how it is said with them.
NUMBERS: dict[str, tuple[dict[str, sympy.Expr], sympy.Expr, str]] = {
    "a part": ({"k": K}, 1 - K, "1 - k"),
    "two of them": ({"h": 1 / L, "w": I / L}, I / L**2, "h*w"),
    "powers": ({"b": sympy.sqrt(I + 1)}, 3 / sympy.sqrt(I + 1), "3/b"),
    "in a function": (
        {"k": 1 / (I + 1)},
        sympy.sqrt(1 - 1 / (I + 1) ** 2),
        "sqrt(1 - k**2)",
    ),
    "no detour": ({"k": 1 / I}, sympy.floor(I / 2), "floor(i/2)"),
    "nothing of it": ({"k": 1 / I}, sympy.exp(L), "exp(L)"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_said_with_names(name: str) -> None:
    constants, value, said = NUMBERS[name]
    names = candidates(Constant(key, number) for key, number in constants.items())
    shown = {item.symbol: sympy.Symbol(item.constant.name) for item in names}
    assert str(in_names(value, names).xreplace(shown)) == said


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 40])
@pytest.mark.parametrize("memory", ["plain", "lean", "checkpoint"])
def test_against_a_loop(depth: int, memory: str) -> None:
    text = FRAME.format(depth=depth) + (
        "const k_i = 0.8 - 0.6*exp(-0.3*(i - 1))\nconst h = 1/L\n"
        "const odd_i = i - 2*floor(i/2)\nscalar a_i = 0.5\n"
        "X_i = (1 - k_i)*X_<i-1> + h*W_i*X_<i-1>/(k_i + 1) "
        "- (odd_i + a_i)*tanh(k_i*X_<i-1>) + k_<i-1>*X_<i-2>"
    )

    def k(i: int) -> float:
        return 0.8 - 0.6 * math.exp(-0.3 * (i - 1))

    def loop(net: torch.nn.Module, x: Tensor) -> Tensor:
        before = None
        for i, block in enumerate(net.blocks, 1):  # type: ignore[arg-type]
            new = (1 - k(i)) * x + block.W(x) / depth / (k(i) + 1)
            new = new - (i % 2 + block.a) * torch.tanh(k(i) * x)
            if before is not None:
                new = new + k(i - 1) * before
            before, x = x, new
        return x

    net = recform.load(text, memory=memory).double()
    compare(net, loop)


def compare(
    net: torch.nn.Module, loop: Callable[[torch.nn.Module, Tensor], Tensor]
) -> None:
    """Outputs and gradients."""
    found = []
    for run in (net, lambda x: loop(net, x)):
        net.zero_grad()
        torch.manual_seed(0)
        x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
        run(x).square().sum().backward()
        found.append([x.grad, *(p.grad for p in net.parameters())])
        found[-1] = [None if g is None else g.clone() for g in found[-1]]
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


def test_a_name_that_would_cost_digits_is_not_used() -> None:
    """k - 1 of `k = 1 + 1e-20*i` is no 0, and 1/exp(200*i) is a number."""
    code = lines("const k_i = 1 + 10^(-20)*i\nX_i = X_<i-1> + (k_i - 1)*W_i*X_<i-1>")
    assert "self.scale = 1e-20 * i" in code
    code = lines("const k_i = exp(200*i)\nX_i = X_<i-1> + W_i*X_<i-1>/k_i")
    assert "self.scale = math.exp(-200 * i)" in code


def test_what_is_taken_away_stands_behind_a_minus() -> None:
    text = (
        "const k_i = sqrt(i)\nscalar a_i = 1\nX_i = X_<i-1> - (k_i + a_i)*W_i*X_<i-1>"
    )
    assert any("- (self.k + self.a) * " in line for line in lines(text))


@pytest.mark.parametrize(
    ("constant", "value"),
    [
        ("const k_i = sin(i)", math.sin),
        ("const k_i = 1/(j + 1)", lambda i: 1 / (i + 1)),
        ("const k = (0.5, 2, 3) per block", lambda i: (0.5, 2, 3)[i - 1]),
    ],
)
def test_a_number_that_is_said_by_a_name_is_real(
    constant: str, value: Callable[[int], float]
) -> None:
    """What softplus and sigmoid of an exponential of it are made of has code."""
    k = "k_i" if "k_i" in constant else "k"
    right = f"softplus(exp(-{k}))*X_<i-1> + sigmoid(exp({k}/3))*{k}*W_i*X_<i-1>"
    net = recform.load(f"{FRAME.format(depth=3)}{constant}\nX_i = {right}").double()

    def loop(net: torch.nn.Module, x: Tensor) -> Tensor:
        for i, block in enumerate(net.blocks, 1):
            plus = math.log(1 + math.exp(math.exp(-value(i))))
            gate = 1 / (1 + math.exp(-math.exp(value(i) / 3)))
            x = plus * x + gate * value(i) * block.W(x)
        return x

    compare(net, loop)


def test_a_number_of_many_logarithms_and_squares_is_put_in_order() -> None:
    """Sympy took powers of what has no value there apart, for hours."""
    number = "log(1 + log(1 + log(1 + softplus(0.3)^2)^2)^2)"
    net = recform.load(f"{FRAME.format(depth=1)}X_i = {number}*X_<i-1>").double()
    wanted = math.log(1 + math.exp(0.3))
    for _ in range(3):
        wanted = math.log(1 + wanted**2)
    x = torch.ones(1, 4, dtype=torch.float64)
    torch.testing.assert_close(net(x), wanted * x, rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("said", "number", "index", "value"),
    [
        ("const q = {}", "q", "2", 0.5),
        ("const q = {}", "q", "L", 0.2),
        ("scalar q = {}", "q", "2", 0.5),
        ("const q = ({},) per stage", "q", "2", 0.5),
        ("const m_i = 2*{}", "m_i/2", "2", 0.5),
        ("const m_i = 2*{}", "m_i/2", "L", 0.2),
        ("const h = {}\nconst q = h", "q", "4", 0.25),
    ],
)
def test_a_constant_of_one_block(
    said: str, number: str, index: str, value: float
) -> None:
    """It is one number, and stands where no block is."""
    x = torch.ones(2, 4)
    made = []
    for text in (f"const k_i = 1/i\n{said.format(f'k_{index}')}", said.format(value)):
        torch.manual_seed(0)
        net = recform.load(
            f"{FRAME.format(depth=5)}{text}\nX_i = X_<i-1> + {number}*W_i*X_<i-1>"
        )
        made.append(net(x))
    torch.testing.assert_close(*made)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("const k_i = 1/i\nconst q = k_i", "write k_1, that of block 1"),
        ("const k_i = 1/(i - 2)\nconst q = k_2", "blocks are counted from 1"),
        ("const q = k_2\nconst k_i = 1/i", "write the number"),
    ],
)
def test_a_constant_of_no_block(text: str, said: str) -> None:
    found = mistakes(f"{FRAME.format(depth=3)}{text}\nX_i = X_<i-1> + q*W_i*X_<i-1>")
    assert said in (found[0].hint or "")
