"""Operators and learned scalars that only later blocks take: the first block has none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sympy

from recform.algebra.expr import (
    Apply,
    History,
    I,
    K,
    Learned,
    State,
    Tensor,
    Weighted,
    subtensors,
)
from recform.algebra.formula import Equation, Formula
from recform.algebra.indices import untimed
from recform.algebra.typeset import indexed
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.source import Span


@dataclass(frozen=True)
class _Use:
    """A name with the index of a block.

    Attributes:
        name: of the operator, or of the learned scalar.
        behind: how many blocks before the one that is computed.
        late: whether what it is for is there no earlier than its own block has run:
            ``W_<i-1>*X_<i-1>``, and not ``W_<i-1>*X_<i-2>``, which is made there and
            handed on. A number of a member waits for nothing in a sum.
        summed: whether it stands in a sum over blocks.
        place: where it stands.
    """

    name: str
    behind: int
    late: bool
    summed: bool
    place: Span


def warn_of_what_is_behind(formulas: Iterable[Formula], report: Diagnostics) -> None:
    """Warns of an operator or scalar of which no block takes its own.

    ``X_<i+1> = X_i + W_i*X_i`` is meant to have as many operators as blocks, mostly, and has
    one less: block 1 would take a ``W_0``, and that of the last block is for nobody.

    Args:
        formulas: the networks.
        report: gets RF317.
    """
    for formula in formulas:
        _warn(formula, report)


def _warn(formula: Formula, report: Diagnostics) -> None:
    others = [formula.output]
    for boundary in formula.boundaries:
        right = boundary.right if boundary.rule is None else boundary.rule.right
        others += [boundary.left, *([] if right is None else [right])]
    said = {use.name for other in others for use in _uses(other, formula)}
    for equation in formula.equations:
        said |= {use.name for use in _uses(equation.right, formula) if use.behind < 1}
    for equation in formula.equations:
        for use in _uses(equation.right, formula):
            if use.late and use.name not in said:
                said.add(use.name)
                _tell(use, equation, report)


def _tell(use: _Use, equation: Equation, report: Diagnostics) -> None:
    name, block = use.name, str(equation.block).replace(" ", "")
    hint = f"that of the block itself is {name}_i"
    if use.summed:
        hint = f"a sum to {block} has its own as well, of what was there before: "
        hint += f"{name}_k*X_<k-1>"
    elif equation.ahead:
        own = indexed(name, equation.block)
        hint = f"the left side is what block {block} makes, and its own is {own}"
    report.warning(
        "RF317",
        f"block {block} takes {indexed(name, equation.block - use.behind)} and no {name} of "
        "its own: the first block has none, and that of the last one is for nobody",
        use.place,
        hint=hint,
    )


def _uses(side: Tensor, formula: Formula, last: Symbolic = sympy.nan) -> Iterator[_Use]:
    """The names with an index in a side of an equation, or in the members of a history.

    What is of a block by its number, or of each member of a list, is chosen so: it lies 0
    blocks behind.

    Args:
        side: what they stand in.
        formula: has its places.
        last: the last index of the history.
    """
    for part in subtensors(side, _open):
        named: list[tuple[str, Symbolic]] = []
        if isinstance(part, History):
            yield from _uses(part.body, formula, part.last)
        elif isinstance(part, Apply):
            named.append((part.operator, part.index))
        elif isinstance(part, Weighted):
            scalars = sorted(part.coefficient.atoms(Learned), key=str)
            named += [(scalar.name, scalar.index) for scalar in scalars]
        for name, index in named:
            if index is not sympy.nan:
                behind, place = _behind(index, last), formula.span_of(part)
                late = behind >= min(_lags(part, last), default=behind + 1)
                summed = last is not sympy.nan
                late = late and (isinstance(part, Apply) or not summed)
                yield _Use(untimed(name), behind, late, summed, place)


def _lags(part: Tensor, last: Symbolic) -> Iterator[int]:
    """How many blocks what a name is for lies behind."""
    for inner in subtensors(part, _open):
        if inner is part:
            continue
        if isinstance(inner, History):
            yield _behind(inner.last, last)
        elif isinstance(inner, State | Apply) and inner.index is not sympy.nan:
            yield _behind(inner.index, last)


def _open(tensor: Tensor) -> tuple[Tensor, ...]:
    """The parts of a tensor; the members of a history are of another block."""
    return () if isinstance(tensor, History) else tensor.children


def _behind(index: Symbolic, last: Symbolic) -> int:
    """How many blocks an index lies behind ``i``, at least, among those of a history."""
    distance = I - (index if last is sympy.nan else index.xreplace({K: last}))
    return int(distance) if distance.is_Integer else 0
