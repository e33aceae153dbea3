"""Sizes that are made of fractions: arguments of definitions, constants per stage."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import recform

IMAGES = "input 8 x 4 x 4\nstages 16 x 3\n"
BETWEEN = (
    "T(x, r={r}) = B*A*x\n    where A = conv(1, c*r) > conv(1, c), B = conv(1, c)\n"
)
NESTED = "U(x, q=4) = P*x + Q*x\n    where P = T({inner}), Q = T\n"


def widths(text: str) -> tuple[list[int], str]:
    """What comes out of each convolution of the first block; and the code."""
    compiled = recform.compile(text)
    net = compiled.module()
    net(torch.randn(2, 8, 4, 4))
    block = next(net.blocks.children())  # type: ignore[union-attr, operator]
    convs = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    return [conv.out_channels for conv in convs], compiled.source


@pytest.mark.parametrize(
    ("default", "call", "size", "typed"),
    [
        ("0.5", "T_i", 8, "r: float = 0.5"),
        ("1/2", "T_i", 8, "r: float = 0.5"),
        ("2", "T_i", 32, "r: int = 2"),
        ("2", "W_i", 8, "r: float = 2.0"),
        ("0.25", "W_i", 8, "r: float = 0.25"),
    ],
)
def test_by_default_and_where_it_is_called(
    default: str, call: str, size: int, typed: str
) -> None:
    text = f"{IMAGES}{BETWEEN.format(r=default)}W = T(r=0.5)\nX_i = X_<i-1> + {call}*X_<i-1>"
    found, code = widths(text)
    assert found == [size, 16, 16]
    assert typed in code
    # What is a default is not said again.
    assert ("channels, r=0.5" in code) == (default in ("2", "0.25") and call == "W_i")
    assert ("round(" in code) == ("float" in typed)


@pytest.mark.parametrize(
    ("inner", "q", "sizes"),
    [
        ("q/4", "8", [32, 16, 16, 32, 16, 16]),
        ("q/4", "2", [8, 16, 16, 32, 16, 16]),
        ("q/3", "3/2", [8, 16, 16, 32, 16, 16]),
        ("q*2", "0.5", [16, 16, 16, 32, 16, 16]),
        ("q", "4", [64, 16, 16, 32, 16, 16]),
    ],
)
def test_through_two_definitions(inner: str, q: str, sizes: list[int]) -> None:
    before = f"{IMAGES}{BETWEEN.format(r=2)}{NESTED.format(inner=inner)}"
    found, code = widths(f"{before}W = U(q={q})\nX_i = X_<i-1> + W_i*X_<i-1>")
    assert found == sizes
    assert ("round(" in code) == (inner != "q")


def test_with_and_without() -> None:
    """A class each: what is called with whole numbers stays as it is."""
    found, code = widths(
        f"{IMAGES}{BETWEEN.format(r=2)}V = T(r=1/4)\nW = T(r=3)\n"
        "X_i = X_<i-1> + V_i*X_<i-1> + W_i*X_<i-1>"
    )
    assert found == [4, 16, 16, 48, 16, 16]
    assert "channels * r, 1" in code
    assert "round(channels * r), 1" in code


def test_constants_per_stage() -> None:
    text = (
        "input 8 x 4 x 4\nstages 16 x 1, 16 x 1\nconst m = (0.5, 1.5) per stage\n"
        "W = conv(1, c*m) > conv(1, c)\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    compiled = recform.compile(text)
    convs = [m for m in compiled.module().modules() if isinstance(m, nn.Conv2d)]
    assert [conv.out_channels for conv in convs][1:] == [8, 16, 24, 16]


@pytest.mark.parametrize(
    "text",
    [
        "T(q, k, v, heads=2) = A(q, k, v)\n    where A = attend(heads)\n"
        "X_i = T_i(X_<i-1>, X_<i-1>, X_<i-1>)",
        "S(x, ratio=4) = V*U*x\n    where U = linear(c/ratio), V = linear(c)\n"
        "X_i = X_<i-1> + S_i*X_<i-1>",
    ],
)
def test_whole_numbers_are_taken_as_they_are(text: str) -> None:
    code = recform.compile(f"input 6 x 8\nstem none\nstages 8 x 2\n{text}").source
    assert "round(" not in code


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ("floor(c*m)", (29, 57)),
        ("ceil(c*m)", (29, 57)),
        ("floor(c*0.29/i)", (29, 14)),
        ("floor(c*k_i)", (29, 14)),
        ("floor(log(1000^i)/log(10))", (3, 6)),
        ("ceil(21*w)", (7, 14)),
    ],
)
def test_a_float_beside_a_whole_number_is_that_number(
    size: str, sizes: tuple[int, int]
) -> None:
    """100 * 0.29 is 28.999999999999996, and 6.9 / 2.3 may be 2.9999999999999996."""
    compiled = recform.compile(
        "input 8 x 4 x 4\nstages 100 x 2\nconst k_i = 0.29/i\n"
        "const m = (0.29, 0.57) per block\nconst w = (1/3, 2/3) per block\n"
        f"T(x) = B*A*x\n    where A = conv(1, {size}), B = conv(1, c)\n"
        "X_i = X_<i-1> + T_i*X_<i-1>"
    )
    convs = [m for m in compiled.module().modules() if isinstance(m, nn.Conv2d)]
    assert [conv.out_channels for conv in convs][1:] == [sizes[0], 100, sizes[1], 100]
