"""Sines and cosines that are 0 in some block, where floats are a little off."""

from __future__ import annotations

import math

import pytest
import torch

import recform
from recform.diagnostics import CompileError
from tests.diagnostics.mistakes import mistakes

FRAME = (
    "input 4\nstages 4 x 6\nstem linear(c)\nW = linear(c) > tanh\nscalar a_i = 0.5\n"
)


@pytest.mark.parametrize(
    ("equation", "number"),
    [
        ("a_i*W_i*X_<i-1> + cos(pi*i/(2*L))*X_<i-1>", lambda i: math.cos(math.pi * i / 12)),
        ("a_i*W_i*X_<i-1> - sin(pi*i/3)/2*X_<i-1>", lambda i: -math.sin(math.pi * i / 3) / 2),
        ("a_i*W_i*X_<i-1> + sin(pi*i/3)^2*X_<i-1>", lambda i: math.sin(math.pi * i / 3) ** 2),
        (
            "a_i*W_i*X_<i-1> + sin(pi*i/3)*exp(-i)*X_<i-1>",
            lambda i: math.sin(math.pi * i / 3) * math.exp(-i),
        ),
        ("a_i*W_i*X_<i-1> + floor(sin(2*pi*i/3))*X_<i-1>", [0, -1, 0, 0, -1, 0]),
        ("a_i*W_i*X_<i-1> + floor(2*sin(pi*i/6))*X_<i-1>", [1, 1, 2, 1, 1, 0]),
        (
            "a_i*W_i*X_<i-1> + 10^20*sin(pi*i/3)*X_<i-1>/10^20",
            lambda i: math.sin(math.pi * i / 3),
        ),
        (
            "a_i*W_i*X_<i-1> + (log(i) + log(2) - log(8))*X_<i-1>",
            lambda i: math.log(i / 4),
        ),
        (
            "a_i*W_i*X_<i-1> + sqrt(abs(cos(pi*i/(2*L))))*X_<i-1>",
            lambda i: math.sqrt(abs(math.cos(math.pi * i / 12))) * (i < 6),
        ),
        (
            "a_i*W_i*X_<i-1> + 10^5*(sqrt(i + 1e10) - 1e5)*X_<i-1>",
            lambda i: 1e5 * i / (math.sqrt(i + 1e10) + 1e5),
        ),
        ("a_i*W_i*X_<i-1> + min(2^2^i, i)*X_<i-1>", [1, 2, 3, 4, 5, 6]),
        (
            "a_i*W_i*X_<i-1> + max(0, log(i) + log(3) - log(6))*X_<i-1>",
            lambda i: math.log(max(1, i / 2)),
        ),
        (
            "a_i*W_i*X_<i-1> + (1 + max(log(8*L) + log(3) - log(144), -1))*X_<i-1>",
            [1, 1, 1, 1, 1, 1],
        ),
        ("a_i*W_i*X_<i-1> - ceil(exp(-200*i))*X_<i-1>", [-1, -1, -1, -1, -1, -1]),
    ],
)  # fmt: skip
def test_networks_are_those_of_the_numbers(equation, number) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    net = recform.load(f"{FRAME}X_i = {equation}").double()
    given = torch.randn(3, 4, dtype=torch.float64)
    x = net.stem(given)
    for i, block in enumerate(net.blocks, 1):
        factor = number(i) if callable(number) else number[i - 1]
        x = block.a * block.W(x) + factor * x
    torch.testing.assert_close(net(given), net.head(x))


@pytest.mark.parametrize(
    "text",
    [
        "const k_i = max(0, log(8*i) + log(3) - log(24))\nconst q = k_1\n"
        "X_i = a_i*W_i*X_<i-1> + (q + 1)*X_<i-1>",
        "D = dropout(max(0, log(8*i) + log(3) - log(24))/9)\n"
        "X_i = a_i*W_i*X_<i-1> + D_i*X_<i-1>",
    ],
)
def test_what_vanishes_in_a_maximum(text: str) -> None:
    """SymPy would compare it with the others, and cannot."""
    torch.manual_seed(0)
    net = recform.load(f"{FRAME}{text}").double().eval()
    given = torch.randn(3, 4, dtype=torch.float64)
    x = net.stem(given)
    for block in net.blocks:
        x = block.a * block.W(x) + x
    torch.testing.assert_close(net(given), net.head(x))


def test_what_vanishes_in_a_maximum_of_an_argument() -> None:
    number = "log(max(i, log(7*L) + log(9) - log(63)))"
    text = (
        f"{FRAME}U = linear(c)\nX_i = W_i*X_<i-1> + a_i*U_i*concat(X_<i-1>, {number})"
    )
    assert recform.load(text.replace("4 x 6", "4 x 1"))


def test_what_is_no_number_in_a_maximum() -> None:
    (found,) = mistakes(
        f"{FRAME}const q_i = max(0.1, log(i))\n"
        "X_i = a_i*W_i*X_<i-1> + sum(k, 0, i-1, q_k*X_k)"
    )
    assert found.code == "RF211"


def test_a_number_beside_tensors_vanishes() -> None:
    assert recform.load(f"{FRAME}X_i = a_i*W_i*X_<i-1> + sin(pi*i/3)")


def test_a_learned_one_beside_it_is_left_out() -> None:
    assert recform.load(f"{FRAME}X_i = W_i*X_<i-1> + a_i*sin(pi*i/3)*X_<i-1>")


def test_a_floor_of_what_is_below_zero_is_none() -> None:
    """It would be -1 in block 3, and on some machines alone in others."""
    number = "floor(sin(2*pi*i/3))"
    source = recform.compile(f"{FRAME}X_i = a_i*W_i*X_<i-1> + {number}*X_<i-1>").source
    assert "self.scale = math.floor(round(math.sin(2 * math.pi * i / 3), 9))" in source


@pytest.mark.parametrize(
    ("number", "blocks", "code"),
    [
        ("10^20*sin(pi*i/3)", 5, "0.0 if i == 3 else 1e+20 * math.sin(math.pi * i / 3)"),
        ("10^20*sin(pi*i/3)", 8, "0.0 if i in (3, 6) else 1e+20 * math.sin(math.pi * i / 3)"),
        ("10^20*sin(pi*i/3)", 40, "0.0 if i % 3 == 0 else 1e+20 * math.sin(math.pi * i / 3)"),
        ("floor(i/3 + 10^(-13))*sin(pi*i/3)", 5, "0.0 if i == 3 else "),
    ],
)  # fmt: skip
def test_code_says_what_floats_miss(number: str, blocks: int, code: str) -> None:
    text = f"{FRAME}X_i = a_i*W_i*X_<i-1> + {number}*X_<i-1>"
    source = recform.compile(text.replace("4 x 6", f"4 x {blocks}")).source
    assert f"self.scale = {code}" in source


def test_what_cancels_in_very_many_blocks() -> None:
    text = f"{FRAME}X_i = a_i*W_i*X_<i-1> + (sqrt(i + 1e12) - 1e6)*X_<i-1>"
    with pytest.raises(CompileError) as caught:
        recform.load(text.replace("4 x 6", "4 x 99"))
    (found,) = caught.value.diagnostics
    assert found.code == "RF106"
    assert "floats keep no digit of it in 99 blocks" in found.message


def test_what_python_would_work_out_for_hours() -> None:
    text = f"{FRAME}X_i = a_i*W_i*X_<i-1> + min(2^2^i, i)*X_<i-1>"
    (found,) = mistakes(text.replace("4 x 6", "4 x 60"))
    assert found.code == "RF106"


@pytest.mark.parametrize(
    "number", ["1/sin(pi*i/3)", "1/(log(i) + log(2) - log(8))", "log(i - 3)^(1/2)"]
)
def test_what_has_no_value_in_a_block(number: str) -> None:
    (found,) = mistakes(f"{FRAME}X_i = a_i*W_i*X_<i-1> + {number}*X_<i-1>")
    assert found.code == "RF211"
