"""Combinations of state that stay constant from block to block, found by linear algebra.

Candidates are the tensors of the equations, as old as the state reaches. ``Y_i`` is a
combination of them with unknown numbers; that ``Y_i - Y_<i-1>`` is zero for all tensors
is a system of linear equations for these numbers. With opaque tensors a solution holds
for blocks that are not linear; with words of operators, only for linear ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from recform.algebra.expr import (
    Apply,
    I,
    Input,
    L,
    Learned,
    State,
    Tensor,
    offset,
)
from recform.algebra.formula import Formula
from recform.algebra.typeset import indexed, latex, plain
from recform.analysis.forms import (
    Form,
    combined,
    equations,
    form,
    shifted,
    state,
    tensor_of,
    without_activations,
)
from recform.recurrence.check import walk
from recform.recurrence.reach import reach_of
from recform.recurrence.unroll import Unroller

#: More candidates than this are not tried.
_MOST = 60


@dataclass(frozen=True)
class Invariant:
    """A combination that every block hands on unchanged.

    Attributes:
        terms: it, in the index i.
        value: what it is, as the first blocks make it; None where it is zero.
        nonlinear: whether it holds whatever the operators compute.
        activations: whether it holds with the elementwise functions of the formula;
            otherwise only once they are left out.
        unknown: the unknown that the cheaper equal form gives, or an empty string.
        form: the right side of that form: a shorter recurrence.
    """

    terms: Form
    value: Tensor | None
    nonlinear: bool
    activations: bool
    unknown: str = ""
    form: Form | None = None

    @property
    def tensor(self) -> Tensor:
        """The combination as a tensor."""
        made = tensor_of(self.terms)
        assert made is not None
        return made

    def text(self) -> str:
        """The combination and what it is."""
        value = "0" if self.value is None else plain(self.value)
        return f"{plain(self.tensor)} = {value}"

    def latex(self) -> str:
        """The same as LaTeX."""
        value = "0" if self.value is None else latex(self.value)
        return f"{latex(self.tensor)} = {value}"

    def equal_form(self) -> str:
        """The cheaper equal form, or an empty string."""
        if self.form is None:
            return ""
        right = tensor_of(self.form)
        return (
            f"{indexed(self.unknown, I)} = {plain(right) if right is not None else '0'}"
        )


def invariants(formula: Formula) -> tuple[Invariant, ...]:
    """All independent invariants; those that hold in more cases come first.

    Args:
        formula: the network; a part without a linearisation is opaque.
    """
    found: list[Invariant] = []
    passes = [(True, True), (True, False)]
    if any(
        equation.right != without_activations(equation.right)
        for equation in formula.equations
    ):
        passes += [(False, True), (False, False)]
    for activations, opaque in passes:
        laws = (
            equations(formula, activations=activations)
            if opaque
            else _distributed(formula, activations)
        )
        if laws is None:
            continue
        for terms in _constant(laws, _order(formula)):
            if not _known(terms, found):
                found.append(_finish(formula, laws, terms, opaque, activations))
    return tuple(found)


def _order(formula: Formula) -> int:
    return reach_of(formula).order


def _distributed(formula: Formula, activations: bool) -> dict[str, Form] | None:
    """The right sides with linear operators distributed over sums; None if none can."""

    def spread(tensor: Tensor) -> Form:
        result: list[tuple[Any, Form]] = []
        for part, factor in form(tensor, activations=activations).items():
            if isinstance(part, Apply):
                inner = spread(part.argument)
                applied = {
                    Apply(part.operator, part.index, child): value
                    for child, value in inner.items()
                }
                result.append((factor, applied))
            else:
                result.append((factor, {part: sympy.S.One}))
        return combined(*result)

    laws = {equation.unknown: spread(equation.right) for equation in formula.equations}
    same = equations(formula, activations=activations)
    return None if laws == same else laws


def _constant(laws: Mapping[str, Form], order: int) -> list[Form]:
    """All independent constant combinations."""
    candidates = _candidates(laws, order)
    if not candidates or len(candidates) > _MOST:
        return []
    current = {state(name, 0): right for name, right in laws.items()}
    columns = []
    for tensor in candidates:
        here = current.get(tensor, {tensor: sympy.S.One})
        # What the same block has made already is replaced in its turn.
        for _ in laws:
            here = combined(
                *(
                    (value, current.get(part, {part: sympy.S.One}))
                    for part, value in here.items()
                )
            )
        before = {shifted(tensor, -1): sympy.S.One}
        columns.append(combined((1, here), (-1, before)))
    return [
        {
            tensor: value
            for tensor, value in zip(candidates, vector, strict=True)
            if value
        }
        for vector in _kernel(columns)
    ]


def _candidates(laws: Mapping[str, Form], order: int) -> list[Tensor]:
    """States and opaque tensors, as old as the state reaches."""
    found: dict[Tensor, None] = {}
    for name in laws:
        for lag in range(order):
            found.setdefault(state(name, lag))
    for right in laws.values():
        for tensor in right:
            if isinstance(tensor, State):
                continue
            newest = _newest(tensor)
            if newest is None:
                continue
            for lag in range(order):
                moved = shifted(tensor, -newest - lag)
                if _oldest(moved) >= -order:
                    found.setdefault(moved)
    return list(found)


def _offsets(tensor: Tensor) -> list[int]:
    return [
        step
        for part in walk(tensor)
        if isinstance(part, State | Apply) and (step := offset(part.index)) is not None
    ]


def _newest(tensor: Tensor) -> int | None:
    return max(_offsets(tensor), default=None)


def _oldest(tensor: Tensor) -> int:
    return min(_offsets(tensor), default=0)


def _kernel(columns: list[Form]) -> list[list[Any]]:
    """Numbers by which the columns add up to zero."""
    rows: dict[tuple[Tensor, Any], dict[int, Any]] = {}
    for number, column in enumerate(columns):
        for tensor, value in column.items():
            for monomial, coefficient in _monomials(value):
                rows.setdefault((tensor, monomial), {})[number] = coefficient
    matrix = sympy.zeros(len(rows), len(columns))
    for row, entries in enumerate(rows.values()):
        for number, coefficient in entries.items():
            matrix[row, number] = coefficient
    return [_normalised(list(vector)) for vector in matrix.nullspace()]


def _monomials(value: Any) -> Iterable[tuple[Any, Any]]:
    """A coefficient as numbers times products of learned scalars and indices.

    The numbers of an invariant are the same for all blocks, so each product must cancel
    by itself.
    """
    for term in sympy.Add.make_args(sympy.expand(value)):
        coefficient, rest = term.as_independent(Learned, I, L, as_Add=False)
        yield rest, sympy.nsimplify(coefficient, rational=True)


def _normalised(vector: list[Any]) -> list[Any]:
    leading = next(value for value in vector if value)
    return [value / leading for value in vector]


def _known(terms: Form, found: list[Invariant]) -> bool:
    """Whether a combination follows from those that were found before."""
    if not found:
        return False
    tensors = list(dict.fromkeys([t for item in found for t in item.terms] + [*terms]))
    rows = [[item.terms.get(t, 0) for t in tensors] for item in found]
    before = sympy.Matrix(rows).rank()
    after = sympy.Matrix([*rows, [terms.get(t, 0) for t in tensors]]).rank()
    return bool(before == after)


# -- its value, and the equal form


def _finish(
    formula: Formula,
    laws: Mapping[str, Form],
    terms: Form,
    opaque: bool,
    activations: bool,
) -> Invariant:
    value = _value(formula, terms, opaque, activations)
    plain_file = all(
        equation.right == without_activations(equation.right)
        for equation in formula.equations
    )
    name, right = _cheaper(laws, terms, value)
    return Invariant(
        terms=terms,
        value=tensor_of(value),
        nonlinear=opaque,
        activations=activations or plain_file,
        unknown=name,
        form=right,
    )


def _value(formula: Formula, terms: Form, opaque: bool, activations: bool) -> Form:
    """What the combination is at the last of the first blocks, as far as it resolves."""
    reach = reach_of(formula)
    block = reach.order + reach.absolute + 1
    unroller = Unroller(formula, block)

    def resolve(tensor: Tensor) -> Form:
        settled = unroller.settle(tensor)
        if settled is None:
            return {}
        if isinstance(settled, State):
            settled = unroller.definitions[settled]
        parts: list[tuple[Any, Form]] = []
        for part, factor in form(settled, activations=activations).items():
            if isinstance(part, State):
                parts.append((factor, resolve(part)))
            elif isinstance(part, Apply) and not opaque:
                inner = resolve(part.argument)
                applied = {
                    Apply(part.operator, part.index, child): value
                    for child, value in inner.items()
                }
                parts.append((factor, applied))
            else:
                parts.append((factor, {part: sympy.S.One}))
        return combined(*parts)

    made = combined(
        *(
            (value, resolve(unroller.replaced(tensor, block)))
            for tensor, value in terms.items()
        )
    )
    names = [equation.unknown for equation in formula.equations]
    start = State(names[0], 0)
    if len(names) == 1 and start not in {b.left for b in formula.boundaries}:
        return {start if isinstance(t, Input) else t: v for t, v in made.items()}
    return made


def _cheaper(
    laws: Mapping[str, Form], terms: Form, value: Form
) -> tuple[str, Form | None]:
    """The recurrence that the invariant leaves, if it is shorter than the old one."""
    if any(_offsets(tensor) for tensor in value):
        return "", None
    for name, right in laws.items():
        newest = state(name, 0)
        if newest not in terms:
            continue
        rest = {t: v for t, v in terms.items() if t != newest}
        if any(newest in list(walk(tensor)) for tensor in rest):
            continue
        factor = 1 / terms[newest]
        new = combined((-factor, rest), (factor, value))
        if _cost(new) < _cost(right):
            return name, new
    return "", None


def _cost(terms: Form) -> tuple[int, int]:
    """How far a right side reaches back, and how many terms it has."""
    return -min((_oldest(tensor) for tensor in terms), default=0), len(terms)
