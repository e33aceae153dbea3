"""Reversibility: the oldest state from the newer ones, as a formula where there is one.

A block takes ``(U_<i-1>, ..., U_<i-n>)`` of each unknown to ``(U_i, ..., U_<i-n+1>)``. It can
be run backwards if each oldest tensor can be solved for by sums and scalar factors
alone: nothing is asked of the operators, which need no inverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from recform.algebra.expr import (
    Apply,
    Elementwise,
    History,
    Pointwise,
    State,
    Tensor,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import offset
from recform.algebra.reindex import reindexed
from recform.algebra.typeset import plain, plain_scalar
from recform.algebra.written.constants import as_written
from recform.analysis.stability.rounding import OPEN, Errors, errors
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import Form, cleaned, combined, form, state, tensor_of
from recform.recurrence.order import in_order
from recform.series.show import PLAIN, Plain
from recform.source import Span


@dataclass(frozen=True)
class Solved:
    """One tensor that a block was given, from what it hands on.

    Attributes:
        tensor: the older one.
        right: what it is equal to.
        divisor: the coefficient that is divided by, if it is not a number.
        factor: that which is divided by, a number or not.
    """

    tensor: State
    right: Form
    divisor: str = ""
    factor: Symbolic = sympy.S.One

    def text(self, style: Plain = PLAIN) -> str:
        """As an equation of the language, or as LaTeX."""
        right = style.tensor(tensor_of(self.right))
        return f"{style.tensor(self.tensor)} = {right}"


@dataclass(frozen=True)
class Inverse:
    """What is known of running a block backwards.

    Attributes:
        steps: in the order of computation; all tensors if it can be done.
        obstacle: why it cannot be done, or an empty string.
        places: where the obstacle stands in the file.
        lost: how rounding errors grow in blocks that are run backwards, operators left
            out: the largest modulus of a root of the inverse recurrence.
        bound: what they cannot exceed with operators of the assumed gain; open where
            tensors are multiplied.
    """

    steps: tuple[Solved, ...]
    obstacle: str
    places: tuple[Span, ...]
    lost: Errors = OPEN
    bound: Errors = OPEN

    @property
    def exists(self) -> bool:
        """Whether a block can be run backwards."""
        return not self.obstacle


def inverse(formula: Formula, gain: float = 1.0) -> Inverse:
    """The inverse of a block far from the start, or what is in its way.

    Args:
        formula: the network.
        gain: what an operator is assumed to multiply differences by, at most.
    """
    history = _history(formula)
    if history is not None:
        return Inverse(
            (),
            f"{plain(history)} grows with every block, and what it was cannot be told "
            "from what it is"
            if history.kind != "concat"
            else f"{plain(history)} holds all older tensors: nothing needs to be recomputed",
            (formula.span_of(history),),
        )
    depth = {e.unknown: _depth(formula, e.unknown) for e in formula.equations}
    laws = _handed_on(formula, depth)
    wanted = {state(name, lag): None for name, lag in depth.items() if lag}
    solved: dict[Tensor, Solved] = {}
    left = list(laws)
    while True:
        found = None
        for name in left:
            found = _solve(name, laws[name], [t for t in wanted if t not in solved])
            if found is not None:
                solved[found.tensor] = found
                left.remove(name)
                break
        if found is None:
            break
    missing = [tensor for tensor in wanted if tensor not in solved]
    if missing:
        obstacle, places = _obstacle(formula, laws, left, missing)
        return Inverse(tuple(solved.values()), obstacle, places)
    steps = tuple(solved.values())
    made = [(step.tensor, step.right) for step in steps]
    lost, bound = errors(formula, made, None), errors(formula, made, gain)
    return Inverse(steps, "", (), lost, bound)


def _history(formula: Formula) -> History | None:
    for equation in formula.equations:
        for tensor in subtensors(equation.right):
            if isinstance(tensor, History):
                return tensor
    return None


def _depth(formula: Formula, name: str) -> int:
    """How many blocks back an unknown is read."""
    steps = [
        -step
        for equation in formula.equations
        for tensor in subtensors(equation.right)
        if isinstance(tensor, State)
        and tensor.name == name
        and (step := offset(tensor.index)) is not None
    ]
    return max(steps, default=0)


def _handed_on(formula: Formula, depth: Mapping[str, int]) -> dict[str, Form]:
    """The equations of the unknowns that later blocks get.

    What only its own block reads is not there when a block is run backwards: its equation
    stands in its place.
    """
    inner: dict[Tensor, Tensor] = {}
    laws = {}
    for equation in in_order(formula):
        right = equation.right.xreplace(inner)
        if depth[equation.unknown]:
            laws[equation.unknown] = form(right)
        else:
            inner[state(equation.unknown, 0)] = right
    return laws


def _solve(name: str, right: Form, unknown: list[State]) -> Solved | None:
    """The equation of an unknown, solved for the only tensor in it that is not known."""
    inside = [t for t in unknown if any(t in list(subtensors(part)) for part in right)]
    if len(inside) != 1:
        return None
    wanted = inside[0]
    if wanted not in right:
        return None
    rest = {part: value for part, value in right.items() if part != wanted}
    if any(wanted in list(subtensors(part)) for part in rest):
        return None
    factor = right[wanted]
    newest = {state(name, 0): sympy.S.One}
    solved = combined((1 / factor, newest), (-1 / factor, rest))
    divisor = "" if factor.is_number else plain_scalar(factor)
    return Solved(wanted, cleaned(solved), divisor, factor)


def _obstacle(
    formula: Formula,
    laws: Mapping[str, Form],
    left: list[str],
    missing: list[State],
) -> tuple[str, tuple[Span, ...]]:
    """Why a tensor cannot be solved for, and where that stands."""
    wanted = missing[0]
    for name in left:
        bare = wanted in laws[name]
        hidden = [
            part
            for part in laws[name]
            if part != wanted and wanted in list(subtensors(part))
        ]
        if hidden:
            span = _place(formula, name, hidden[0])
            inside = f"{plain(wanted)} stands inside {_told(formula, hidden[0])}"
            if bare:
                return (
                    f"{inside} and beside it: the equation is implicit, and iterating "
                    "it is sure to converge if the operator is a contraction",
                    (span,),
                )
            return f"{inside}: {_undoing(hidden[0])}", (span,)
    names = ", ".join(plain(tensor) for tensor in missing)
    return (
        f"{names}: more tensors than equations to solve for them",
        (formula.equations[0].span,),
    )


def _told(formula: Formula, tensor: Tensor) -> str:
    """An expression in a sentence, with the file's constants and decimals in it."""

    def said(value: Symbolic, at: Symbolic) -> tuple[Symbolic, Symbolic]:
        return as_written(value, formula.constants), at

    told = reindexed(tensor, lambda index: index, said)
    return _short(plain(told, formula.decimals))


def _short(text: str) -> str:
    """The start of a long one; the whole of it stands in the file."""
    return text if len(text) <= 80 else f"{text[:77].rstrip()}..."


def _undoing(part: Tensor) -> str:
    if isinstance(part, Apply):
        return "the operator itself would have to be inverted"
    if isinstance(part, Elementwise):
        return f"{part.name} would have to be undone"
    if isinstance(part, Pointwise):
        return "a product of tensors would have to be divided"
    return "it cannot be undone by sums and scalar factors"


def _place(formula: Formula, name: str, part: Tensor) -> Span:
    equation = next(e for e in formula.equations if e.unknown == name)
    span = formula.spans.get(part)
    if span is not None and equation.span.start <= span.start < equation.span.end:
        return span
    return equation.span
