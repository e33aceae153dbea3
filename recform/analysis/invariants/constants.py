"""Constant combinations of tensors, as the kernel of a matrix over the rational numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy

from recform.algebra.expr import Apply, I, L, Learned, State, Tensor, subtensors
from recform.algebra.indices import offset
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import Form, combined, shifted, state

#: More candidates than this are not tried.
_MOST = 60


def constants(laws: Mapping[str, Form], order: int) -> list[Form]:
    """All independent constant combinations."""
    candidates = candidates_of(laws, order)
    if not candidates or len(candidates) > _MOST:
        return []
    columns = []
    for tensor in candidates:
        here, before = column(laws, tensor)
        columns.append(combined((1, here), (-1, before)))
    return [
        {
            tensor: value
            for tensor, value in zip(candidates, vector, strict=True)
            if value
        }
        for vector in _kernel(columns)
    ]


def column(laws: Mapping[str, Form], tensor: Tensor) -> tuple[Form, Form]:
    """A tensor of block i by the tensors of older blocks, and it one block before."""
    current = {state(name, 0): right for name, right in laws.items()}
    here: Form = current.get(tensor, {tensor: sympy.S.One})
    # What the same block has made already is replaced in its turn.
    for _ in laws:
        here = combined(
            *(
                (value, current.get(part, {part: sympy.S.One}))
                for part, value in here.items()
            )
        )
    return here, {shifted(tensor, -1): sympy.S.One}


def candidates_of(laws: Mapping[str, Form], order: int) -> list[Tensor]:
    """States and opaque tensors, as old as the state reaches."""
    found: dict[Tensor, None] = {}
    for name in laws:
        for lag in range(order):
            found.setdefault(state(name, lag))
    for right in laws.values():
        for tensor in right:
            if isinstance(tensor, State):
                continue
            found_in = offsets(tensor)
            if not found_in:
                continue
            for lag in range(order):
                moved = shifted(tensor, -max(found_in) - lag)
                if oldest(moved) >= -order:
                    found.setdefault(moved)
    return list(found)


def offsets(tensor: Tensor) -> list[int]:
    """How far from block i its parts are, where they have an index with i."""
    return [
        step
        for part in subtensors(tensor)
        if isinstance(part, State | Apply) and (step := offset(part.index)) is not None
    ]


def oldest(tensor: Tensor) -> int:
    """The smallest of these; 0 where there are none."""
    return min(offsets(tensor), default=0)


def _kernel(columns: list[Form]) -> list[list[Symbolic]]:
    """Numbers by which the columns add up to zero."""
    rows: dict[tuple[Tensor, Symbolic], dict[int, Symbolic]] = {}
    for number, column in enumerate(columns):
        for tensor, value in column.items():
            for monomial, coefficient in _monomials(value):
                rows.setdefault((tensor, monomial), {})[number] = coefficient
    matrix = sympy.zeros(len(rows), len(columns))
    for row, entries in enumerate(rows.values()):
        for number, coefficient in entries.items():
            matrix[row, number] = coefficient
    return [_normalised(list(vector)) for vector in matrix.nullspace()]


def _monomials(value: Symbolic) -> Iterable[tuple[Symbolic, Symbolic]]:
    """A coefficient as numbers times products of learned scalars and indices.

    The numbers of an invariant are the same for all blocks, so each product must cancel
    by itself.
    """
    for term in sympy.Add.make_args(sympy.expand(value)):
        coefficient, rest = term.as_independent(Learned, I, L, as_Add=False)
        yield rest, sympy.nsimplify(coefficient, rational=True)


def _normalised(vector: list[Symbolic]) -> list[Symbolic]:
    leading = next(value for value in vector if value)
    return [value / leading for value in vector]
