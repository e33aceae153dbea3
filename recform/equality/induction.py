"""Equality for every depth, by induction over blocks.

Both networks are run side by side, with the same operators. What is kept from block to
block, of both, is a list of tensors. Linear relations among them that hold at one block
are candidates; those that follow at the next block from all of them are kept, until
nothing changes. What is left holds at every later block, and the outputs are equal if
that follows from it. With linear operators this finds every linear relation there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import sympy

from recform.algebra.expr import I, State
from recform.algebra.formula import Formula
from recform.blocks.symbolic import Symbolic
from recform.equality.around.widths import vectors_of, widths_of
from recform.equality.kept import (
    Kept,
    Relation,
    first_block,
    holds_history,
    kept_of,
    parts_of,
    window_of,
)
from recform.equality.relations import Field, Work
from recform.equality.step import step
from recform.equality.terms import Atoms, Value, plus, scaled
from recform.equality.values import written_out
from recform.equality.varying import SAMPLES, bases, through, varies
from recform.linear.forms import power_name
from recform.recurrence.unroll import Unroller
from recform.series.series import Row


@dataclass(frozen=True)
class Proof:
    """Relations that hold at every block from ``first`` on.

    Attributes:
        relations: a basis of them.
        outputs: whether the outputs are equal because of them.
        first: the block at which they were computed.
    """

    relations: tuple[Relation, ...]
    outputs: bool
    first: int


def prove(formulas: tuple[Formula, Formula], *, linear: bool) -> Proof:
    """What can be proved about two networks for every depth.

    Raises:
        TooLarge: if values have too many terms.
    """
    return _Induction(formulas, linear).proof()


class _Induction:
    def __init__(self, formulas: tuple[Formula, Formula], linear: bool) -> None:
        self._formulas = formulas
        self._work = Work()
        self._linear = linear
        self._atoms = partial(Atoms, widths_of(formulas), vectors_of(formulas))
        self._window = window_of(formulas)
        self._first = first_block(formulas)
        kept = [
            item
            for side in (0, 1)
            for item in kept_of(side, formulas[side], self._window)
        ]
        # One of a block so old that its history is not kept would tell nothing of itself.
        all_kept = set(kept)
        kept = [
            item
            for item in kept
            if not holds_history(item)
            or all(part.fixed or part in all_kept for part in parts_of(item))
        ]
        # Of equal tensors the first one stands for all: best what tells most of itself.
        self._kept = sorted(kept, key=lambda item: not holds_history(item))

    def proof(self) -> Proof:
        """Relations with fixed numbers; with numbers in i where these do not do."""
        proof = self._induced(*self._at(self._first))
        if proof.outputs or not varies(self._formulas):
            return proof
        field, relations = self._varying()
        return self._induced(field, relations) if relations else proof

    def _induced(self, field: Field, relations: list[Row]) -> Proof:
        """What is left of candidates once each follows from all of the block before."""
        while relations:
            after, _ = self._step(field, relations)
            left = field.holding(relations, after)
            if len(left) == len(relations):
                break
            relations = left
        _, outputs = self._step(field, relations)
        return Proof(
            tuple(self._among(field.written(relation)) for relation in relations),
            not plus(outputs[0], scaled(sympy.S.NegativeOne, outputs[1])),
            self._first,
        )

    def _step(
        self, field: Field, relations: list[Row]
    ) -> tuple[list[Value], list[Value]]:
        """The kept tensors of the next block and the outputs, if the relations hold."""
        told = {
            self._kept[tensor]: self._among(
                {n: -w for n, w in field.numbers(row).items() if n != tensor}
            )
            for tensor, row in field.solved(map(field.before, relations)).items()
        }
        atoms = self._atoms()
        return step(self._formulas, self._kept, told, atoms, linear=self._linear)

    def _among(self, numbers: Mapping[int, Symbolic]) -> Relation:
        """Numbers by the tensors that they belong to."""
        return {self._kept[n]: number for n, number in numbers.items()}

    # -- candidates

    def _at(self, block: int) -> tuple[Field, list[Row]]:
        """The relations that hold at a block."""
        values = self._values_at(block)
        field = Field((w for value in values for w in value.values()), self._work)
        return field, field.relations(values)

    def _varying(self) -> tuple[Field, list[Row]]:
        """Candidates whose numbers are functions of i."""
        powers = bases(self._formulas)
        samples: list[dict[int, dict[int, Symbolic]]] = []
        for block in range(self._first, self._first + SAMPLES):
            field, rows = self._at(block)
            samples.append({max(row): field.numbers(row) for row in rows})
        found: list[dict[int, Symbolic]] = []
        for told in samples[0]:
            if not all(told in sample for sample in samples):
                continue
            relation: dict[int, Symbolic] = {}
            for number in sorted({n for sample in samples for n in sample[told]}):
                weights = [s[told].get(number, sympy.S.Zero) for s in samples]
                relation[number] = through(self._first, weights, powers)
            if None not in relation.values():
                found.append({n: w for n, w in relation.items() if w != 0})
        above = [1 / base if base.p == 1 else base for base in powers[1:]]
        field = Field(
            (w for relation in found for w in relation.values()),
            self._work,
            {power_name(base, I): base for base in above},
        )
        return field, [field.row(relation) for relation in found]

    def _values_at(self, last: int) -> list[Value]:
        atoms = self._atoms()
        result: dict[Kept, Value] = {}
        for side, formula in enumerate(self._formulas):
            unroller = Unroller(formula, last)
            for block in range(last + 1):
                for equation in formula.equations:
                    unroller.settle(State(equation.unknown, block))
            settled = {
                item: unroller.settle(unroller.replaced(item.tensor, last - item.back))
                for item in self._kept
                if item.side == side
            }
            value = written_out(atoms, unroller.definitions, linear=self._linear)
            for item, tensor in settled.items():
                result[item] = {} if tensor is None else value(tensor)
        return [result[item] for item in self._kept]
