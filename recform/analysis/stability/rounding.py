"""How rounding errors grow in blocks that are run backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy

from recform.algebra.expr import (
    Apply,
    Elementwise,
    Filled,
    I,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import offset
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import Form, NoNumber, form, numeric, state

#: Older tensors, each with what it is computed of, in the order of computation.
Steps = Sequence[tuple[State, Form]]
Matrix = list[list[float]]
#: Blocks whose numbers are multiplied one by one.
_MOST_BLOCKS = 1024


@dataclass(frozen=True)
class Errors:
    """The growth of errors.

    Attributes:
        factor: in each block; None where it depends on the block, is open, or where
            something is divided by 0.
        over: how many times larger the largest error can become over ``blocks``, where
            numbers depend on the block; likewise.
        blocks: how many these are; 0 where all blocks are alike.
    """

    factor: float | None
    over: float | None = None
    blocks: int = 0

    def after(self, blocks: int, error: float) -> float | None:
        """What an error that each of some blocks makes anew adds up to; None if open."""
        if self.blocks:
            return None if self.over is None else blocks * error * max(1.0, self.over)
        if self.factor is None:
            return None
        grown = 0.0
        for _ in range(min(blocks, _MOST_BLOCKS)):
            grown = grown * self.factor + error
        return grown


#: Nothing is known.
OPEN = Errors(None)


def errors(formula: Formula, steps: Steps, gain: float | None) -> Errors:
    """The growth of an error from block to block, backwards.

    Args:
        formula: the network.
        steps: one block backwards.
        gain: what an operator is assumed to multiply errors by, at most: the answer is a
            bound then. None leaves operators out.
    """
    if not any(value.has(I) for _, right in steps for value in _numbers(right)):
        matrix = _matrix(formula, steps, gain, 1, 1)
        return Errors(None if matrix is None else spectral_radius(matrix))
    length = max(formula.lengths)
    oldest = max(-int(tensor.index - I) for tensor, _ in steps)
    blocks = range(min(oldest, length), length + 1)
    if len(blocks) > _MOST_BLOCKS:
        return Errors(None, None, len(blocks))
    product = None
    for block in reversed(blocks):
        matrix = _matrix(formula, steps, gain, block, length)
        if matrix is None:
            return Errors(None, None, len(blocks))
        step = sympy.Matrix(matrix)
        product = step if product is None else step * product
    assert product is not None
    return Errors(None, float(product.norm(sympy.oo)), len(blocks))


def _numbers(right: Form) -> list[Symbolic]:
    """All coefficients of a form, those inside of its tensors too."""
    inner = [x.coefficient for t in right for x in t.atoms(Scaled, Filled)]
    return [*right.values(), *inner]


def _matrix(
    formula: Formula, steps: Steps, gain: float | None, block: int, length: int
) -> Matrix | None:
    """Takes errors of (U_i, ..., U_<i-n+1>) to those of (U_<i-1>, ..., U_<i-n>).

    With a gain all numbers are bounds, without one operators are left out. None where a
    product of tensors leaves them open, or something is divided by 0.
    """
    place: dict[tuple[str, int], int] = {}
    for name in dict.fromkeys(tensor.name for tensor, _ in steps):
        oldest = [-int(tensor.index - I) for tensor, _ in steps if tensor.name == name]
        for lag in range(max(oldest)):
            place[name, lag] = len(place)
    size = len(place)
    known: dict[Tensor, list[float]] = {}

    def row(tensor: Tensor) -> list[float] | None:
        if tensor in known:
            return known[tensor]
        match tensor:
            case State():
                step = offset(tensor.index)
                number = None if step is None else place.get((tensor.name, -step))
                return [float(n == number) for n in range(size)]
            case Apply() | Elementwise() if gain is None:
                return [0.0] * size
            case Apply():
                if len(tensor.arguments) != 1:
                    return None
                inner = row(tensor.arguments[0])
                return None if inner is None else [(gain or 0.0) * x for x in inner]
            case Elementwise():
                return row(tensor.argument)
            case Filled():
                return [0.0] * size
            case TensorSum() | Scaled():
                return total(form(tensor))
        return None if gain is not None else [0.0] * size

    def total(terms: Form) -> list[float] | None:
        result = [0.0] * size
        for part, value in terms.items():
            inner = row(part)
            if inner is None:
                return None
            try:
                factor = numeric(formula, value, block, length)
            except NoNumber:
                return None
            factor = abs(factor) if gain is not None else factor
            result = [a + factor * b for a, b in zip(result, inner, strict=True)]
        return result

    for tensor, right in steps:
        made = total(right)
        if made is None:
            return None
        known[tensor] = made
    rows = [row(state(name, lag + 1)) for name, lag in place]
    return [r for r in rows if r is not None]


def spectral_radius(matrix: list[list[float]]) -> float:
    """The largest modulus of an eigenvalue."""
    z = sympy.Symbol("z")
    polynomial = sympy.Poly(sympy.Matrix(matrix).charpoly(z).as_expr(), z)
    roots = polynomial.nroots(n=15, maxsteps=500)
    return max((float(abs(root)) for root in roots), default=0.0)
