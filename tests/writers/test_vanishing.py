"""Sines and cosines that are 0 in some block, where floats are a little off."""

from __future__ import annotations

import math

import pytest
import torch

import recform
from recform.diagnostics import CompileError
from recform.execution.forms import Vanishing, wave

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
    ],
)  # fmt: skip
def test_networks_are_those_of_the_numbers(equation, number) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    net = recform.load(f"{FRAME}X_i = {equation}").double()
    given = torch.randn(3, 4, dtype=torch.float64)
    x = net.stem(given)
    for i, block in enumerate(net.blocks, 1):
        x = block.a * block.W(x) + number(i) * x
    torch.testing.assert_close(net(given), net.head(x))


def test_a_number_beside_tensors_vanishes() -> None:
    assert recform.load(f"{FRAME}X_i = a_i*W_i*X_<i-1> + sin(pi*i/3)")


def test_a_learned_one_beside_it_is_left_out() -> None:
    assert recform.load(f"{FRAME}X_i = W_i*X_<i-1> + a_i*sin(pi*i/3)*X_<i-1>")


def test_what_only_looks_small_is_a_number() -> None:
    assert not isinstance(wave(math.sin(1e-20), 1e-20), Vanishing)
    assert not isinstance(wave(math.sin(math.pi + 1e-9), math.pi + 1e-9), Vanishing)
    assert not isinstance(wave(math.sin(1e16), 1e16), Vanishing)
    assert isinstance(wave(math.sin(2 * math.pi), 2 * math.pi), Vanishing)


def test_a_floor_of_what_is_below_zero_is_no_zero() -> None:
    """In code it is -1: the network would be another one, and is refused."""
    with pytest.raises(CompileError):
        recform.load(f"{FRAME}X_i = a_i*W_i*X_<i-1> + floor(sin(2*pi*i/3))*X_<i-1>")


@pytest.mark.parametrize("number", ["10^20*sin(pi*i/3)", "sin(pi*i/3)/10^(-20)"])
def test_what_a_large_number_makes_of_it_is_no_zero(number: str) -> None:
    """In code it is some thousands in block 3, and nothing by the formula."""
    with pytest.raises(CompileError):
        recform.load(f"{FRAME}X_i = a_i*W_i*X_<i-1> + {number}*X_<i-1>")
