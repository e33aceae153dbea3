"""Sizes of windows over symbols are those over numbers."""

from __future__ import annotations

from itertools import product

import pytest
import sympy

from recform.operators.window import floored, window, window_up

SIZE, STRIDE = sympy.symbols("size stride", integer=True, positive=True)


@pytest.mark.parametrize("count", [window, window_up])
@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_size_that_is_put_in_later_gives_the_same_number(
    count: object, kernel: int, padding: int, dilation: int
) -> None:
    assert callable(count)
    for stride in (1, 2, 3):
        fixed = sympy.sympify(count(SIZE, kernel, stride, padding, dilation))
        free = sympy.sympify(count(SIZE, kernel, STRIDE, padding, dilation))
        for size in range(15, 25):
            expected = count(size, kernel, stride, padding, dilation)
            assert fixed.subs(SIZE, size).doit() == expected
            assert free.subs({SIZE: size, STRIDE: stride}).doit() == expected


def test_sizes_that_are_the_same_look_the_same() -> None:
    # A kernel of 2 without padding, of 4 with one in front and behind.
    assert window(SIZE, 2, 2, 0, 1) == window(SIZE, 4, 2, 1, 1) == floored(SIZE, 2)
    assert window(2 * SIZE, 2, 2, 0, 1) == SIZE


def test_whole_parts_are_taken_out() -> None:
    for whole, factor, by in product(range(-5, 6), (1, 2, 3, 6), (1, 2, 3)):
        found = sympy.sympify(floored(factor * SIZE + whole, by))
        for size in range(1, 8):
            assert found.subs(SIZE, size).doit() == (factor * size + whole) // by
