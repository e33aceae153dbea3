"""How rounding errors grow in blocks that are run backwards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat

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

#: An error that has grown so often is no error any more.
_BEYOND = 1e30
#: Older tensors, each with what it is computed of, in the order of computation.
Steps = Sequence[tuple[State, Form]]
Matrix = list[list[float]]
#: Blocks whose numbers are multiplied one by one, all rows of them.
_MOST_BLOCKS = 128


@dataclass(frozen=True)
class Errors:
    """The growth of errors.

    Attributes:
        factor: in each block, in the long run; None where it depends on the block, is
            open, or where something is divided by 0.
        over: how many times larger the largest error can become over up to ``blocks``
            blocks in a row, where numbers depend on the block; likewise.
        blocks: how many these are; 0 where all blocks are alike.
        step: what a block makes of errors, where all are alike and it is known.
    """

    factor: float | None
    over: float | None = None
    blocks: int = 0
    step: tuple[tuple[float, ...], ...] = ()

    def after(self, blocks: int, error: float) -> float | None:
        """What an error that each of some blocks makes anew adds up to, at most.

        None if it is open, infinite where it is beyond all measure.
        """
        if self.blocks:
            return None if self.over is None else blocks * error * max(1.0, self.over)
        if self.factor is None:
            return None
        return error * next(islice(self._sums(), max(0, blocks - 1), None))

    def longest(self, blocks: int, error: float, most: float) -> int:
        """In how many blocks in a row, of so many, it adds up to no more than that."""
        if self.blocks or self.factor is None:
            counts = (n for n in range(blocks, 0, -1) if self._is_below(n, error, most))
            return next(counts, 0)
        sums = enumerate(islice(self._sums(), blocks))
        return next((n for n, total in sums if error * total > most), blocks)

    def _is_below(self, blocks: int, error: float, most: float) -> bool:
        off = self.after(blocks, error)
        return off is not None and off <= most

    def _sums(self) -> Iterator[float]:
        """What errors of 1 add up to after 1, 2, 3 blocks and so on, at most."""
        size = len(self.step)
        power = [[float(n == m) for n in range(size)] for m in range(size)]
        total, grown, alike = 0.0, _size(power), False
        while total < _BEYOND:
            total += grown
            yield total
            if not alike:
                before, power = power, _times(self.step, power)
                grown, alike = _size(power), before == power
        yield from repeat(math.inf)

    def largest(self, blocks: int) -> float:
        """How many times larger an error can become in blocks that are alike.

        The largest one over up to so many blocks, as the logarithm to the base 10.
        """
        most = height = 0.0
        power = [list(row) for row in self.step]
        for _ in range(blocks):
            size = _size(power)
            if not size:
                break
            height += math.log10(size)
            most = max(most, height)
            power = _times(self.step, [[x / size for x in row] for row in power])
        return most


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
        if matrix is None:
            return OPEN
        return Errors(spectral_radius(matrix), step=tuple(map(tuple, matrix)))
    length = max(formula.lengths)
    oldest = max(-int(tensor.index - I) for tensor, _ in steps)
    blocks = range(min(oldest, length), length + 1)
    if len(blocks) > _MOST_BLOCKS:
        return Errors(None, None, len(blocks))
    each = [_matrix(formula, steps, gain, block, length) for block in reversed(blocks)]
    return Errors(None, _over_any(each), len(blocks))


def _over_any(each: Sequence[Matrix | None]) -> float | None:
    """The largest error over any of these blocks in a row, of one that was 1."""
    most = 0.0
    open_ends: list[Matrix] = []
    for matrix in each:
        if matrix is None:
            return None
        open_ends = [_times(matrix, made) for made in open_ends] + [matrix]
        most = max([most, *map(_size, open_ends)])
    return most


def _times(left: Sequence[Sequence[float]], right: Matrix) -> Matrix:
    columns = list(zip(*right, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns]
        for row in left
    ]


def _size(matrix: Matrix) -> float:
    """How large the largest number can become, of numbers up to 1."""
    return max((sum(map(abs, row)) for row in matrix), default=0.0)


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
                inner, told = row(tensor.argument), tensor.function.function
                steepest = told.steepest if told is not None else None
                steepest = 1.0 if tensor.function.moves else steepest
                if inner is None or steepest is None:
                    return None
                return [steepest * x for x in inner]
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
    # In fractions, so that a root that is there several times is found once.
    exact = sympy.Matrix([[sympy.Rational(x) for x in row] for row in matrix])
    factors = sympy.Poly(exact.charpoly(z).as_expr(), z, domain="QQ").sqf_list()[1]
    roots = (root for f, _ in factors for root in f.nroots(n=15, maxsteps=500))
    return max((float(abs(root)) for root in roots), default=0.0)
