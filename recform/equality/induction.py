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

import sympy

from recform.algebra.expr import (
    Apply,
    History,
    I,
    Input,
    K,
    L,
    State,
    Tensor,
)
from recform.algebra.formula import Formula
from recform.analysis.linear.forms import power_name
from recform.blocks.symbolic import Symbolic
from recform.derivation.series.automaton import Span
from recform.derivation.series.series import Row, add_to, field_of
from recform.equality.kept import (
    MADE,
    Kept,
    Relation,
    delay_of,
    first_block,
    holds_history,
    kept_of,
    kind_of,
    parts_of,
    window_of,
)
from recform.equality.laws import together
from recform.equality.terms import Atoms, TooLarge, Value, plus, scaled
from recform.equality.values import Evaluator, written_out
from recform.equality.varying import SAMPLES, bases, through, varies
from recform.equality.widths import widths_of
from recform.recurrence.unroll import Unroller

#: Steps of linear algebra over rational numbers, and how many one is where numbers have
#: names: some seconds' work.
_MOST_STEPS, _SLOWER = 1_000_000, 100


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
        self._steps = 0
        self._linear = linear
        self._widths = widths_of(formulas)
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
        self._in_i = False
        #: Powers in the numbers of relations, by their names.
        self._powers: dict[Symbolic, Symbolic] = {}
        relations = self._at(self._first)
        proof = self._induced(relations)
        if proof.outputs or not varies(self._formulas):
            return proof
        found = self._varying()
        return self._induced(found) if found else proof

    def _at(self, block: int) -> list[Row]:
        """The relations that hold at a block."""
        values = self._values_at(block)
        weights = [w for value in values for w in value.values()]
        self._domain = field_of(weights or [sympy.S.One])
        return self._kernel(values)

    def _varying(self) -> list[Row]:
        """Candidates whose numbers are functions of i."""
        powers = bases(self._formulas)
        samples: list[dict[int, dict[int, Symbolic]]] = []
        for block in range(self._first, self._first + SAMPLES):
            rows = self._at(block)
            plain = self._domain.to_sympy
            samples.append(
                {max(row): {n: plain(w) for n, w in row.items()} for row in rows}
            )
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
        for base in powers[1:]:
            above = 1 / base if base.p == 1 else base
            self._powers[power_name(above, I)] = above
        self._in_i = True
        weights = [w for relation in found for w in relation.values()]
        self._domain = field_of([*weights, I, *self._powers])
        number = self._domain.from_sympy
        return [{n: number(w) for n, w in row.items()} for row in found]

    def _before(self, row: Row) -> Row:
        """A relation of the block before: with ``i - 1`` for i."""
        if not self._in_i:
            return row
        moved = {I: I - 1} | {name: name / base for name, base in self._powers.items()}
        plain, number = self._domain.to_sympy, self._domain.from_sympy
        return {n: number(plain(w).xreplace(moved)) for n, w in row.items()}

    def _induced(self, relations: list[Row]) -> Proof:
        """What is left of candidates once each follows from all of the block before."""
        while relations:
            after, _ = self._step(relations)
            left = self._holding(relations, after)
            if len(left) == len(relations):
                break
            relations = left
        _, outputs = self._step(relations)
        shown = tuple(
            {
                self._kept[n]: self._written(weight)
                for n, weight in sorted(relation.items())
            }
            for relation in relations
        )
        return Proof(
            shown,
            not plus(outputs[0], scaled(sympy.S.NegativeOne, outputs[1])),
            self._first,
        )

    def _written(self, weight: Symbolic) -> Symbolic:
        """A number of a relation, with powers for their names."""
        names = {name: base**I for name, base in self._powers.items()}
        return self._domain.to_sympy(weight).xreplace(names)

    # -- the block at which candidates are computed

    def _values_at(self, last: int) -> list[Value]:
        atoms = Atoms(self._widths)
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

    def _count(self, steps: int) -> None:
        """Counts steps of linear algebra, which are slow where numbers have names.

        Raises:
            TooLarge: if they are too many.
        """
        self._steps += steps * (1 if self._domain.is_QQ else _SLOWER)
        if self._steps > _MOST_STEPS:
            raise TooLarge

    def _kernel(self, values: list[Value]) -> list[Row]:
        """All relations among values, as sparse rows over the kept tensors."""
        span = Span(self._domain)
        basis: list[int] = []
        columns: dict[Symbolic, int] = {}
        relations = []
        for number, value in enumerate(values):
            row = {
                columns.setdefault(monomial, len(columns)): self._domain.from_sympy(
                    weight
                )
                for monomial, weight in value.items()
            }
            before = span.work
            made = span.coordinates(row)
            self._count(span.work - before)
            if made is None:
                span.add(row)
                basis.append(number)
                continue
            relation = {number: self._domain.one}
            for position, weight in made.items():
                add_to(relation, basis[position], -weight)
            relations.append(relation)
        return relations

    # -- one block on

    def _step(self, relations: list[Row]) -> tuple[list[Value], list[Value]]:
        """The kept tensors of the next block and the outputs, if the relations hold."""
        atoms = Atoms(self._widths)
        before = self._reduced([self._before(row) for row in relations], atoms)
        after: dict[Kept, Value] = {}
        outputs = []
        for side, formula in enumerate(self._formulas):
            run = _Next(side, formula, before, atoms, self._linear)
            for item in self._kept:
                if item.side == side:
                    after[item] = run.at(item)
            outputs.append(run.output())
        return [after[item] for item in self._kept], outputs

    def _reduced(self, relations: list[Row], atoms: Atoms) -> dict[Kept, Value]:
        """The kept tensors of the block before, dependent ones by the others."""
        pivots: dict[int, Row] = {}
        for relation in relations:
            # The last tensor of a relation is the one that it was found for.
            row = dict(relation)
            for pivot, other in pivots.items():
                factor = row.get(pivot)
                if factor:
                    for column, weight in other.items():
                        add_to(row, column, -factor * weight)
            if not row:
                continue
            pivot = max(row)
            scale = self._domain.one / row[pivot]
            row = {n: scale * w for n, w in row.items()}
            for known, other in pivots.items():
                factor = other.get(pivot)
                if factor:
                    fixed = dict(other)
                    for column, weight in row.items():
                        add_to(fixed, column, -factor * weight)
                    pivots[known] = fixed
            pivots[pivot] = row
        return self._expressed(pivots, atoms)

    def _expressed(self, pivots: Mapping[int, Row], atoms: Atoms) -> dict[Kept, Value]:
        """Each kept tensor by those that are left, and by what it is made of."""
        numbers = {item: number for number, item in enumerate(self._kept)}
        values: dict[Kept, Value] = {}
        waiting: set[Kept] = set()
        # The tensors are those of the block before the new one, whose number is i.
        evaluator = _at_block(I - 1, atoms, self._linear)

        def value(item: Kept) -> Value:
            if item not in values:
                row = pivots.get(numbers[item])
                made = symbol(item) if row is None else {}
                for column, weight in (row or {}).items():
                    if column != numbers[item]:
                        factor = -self._domain.to_sympy(weight)
                        made = plus(made, scaled(factor, value(self._kept[column])))
                values[item] = made
            return values[item]

        def symbol(item: Kept) -> Value:
            if item.fixed and isinstance(item.tensor, Input):
                return atoms.value("input")
            # Tensors may be told by each other: then one of them stays as it is.
            made = None
            if item not in waiting:
                waiting.add(item)
                made = built(item)
                waiting.discard(item)
            return atoms.value("kept", item) if made is None else made

        def built(item: Kept) -> Value | None:
            """What a tensor is made of, if all of that is kept."""
            if isinstance(item.tensor, History):
                parts = parts_of(item)
                if not parts or any(part not in numbers for part in parts):
                    return None
                return together(atoms, kind_of(item.tensor), [*map(value, parts)])
            if isinstance(item.tensor, State | Apply) or item.fixed:
                return None

            def known(tensor: Tensor) -> Value | None:
                delay = delay_of(tensor)
                if not isinstance(tensor, MADE | History | Input):
                    return None
                moved = tensor if delay is None else tensor.xreplace({I: I + delay})
                part = Kept(item.side, moved, delay or 0)
                if part in numbers and part != item:
                    return value(part)
                if isinstance(tensor, State | Apply | History | Input):
                    raise LookupError(tensor)
                return None

            try:
                moved = item.tensor.xreplace({I: I - item.back})
                return evaluator.value(moved, known)
            except LookupError:
                return None

        for item in self._kept:
            value(item)
        return values

    def _separated(self, values: list[Value]) -> list[Value]:
        """Values in which i and other names in weights are parts of the monomials.

        A combination has fixed weights, so it is zero for every i only if it is zero for
        every power of i.
        """
        weights = [w for value in values for w in value.values()]
        known = {str(name) for name in getattr(self._domain, "symbols", ())}
        known -= {str(name) for name in (I, *self._powers)}
        free = {s for w in weights for s in w.free_symbols if str(s) not in known}
        if not free:
            return values
        names = sorted(free, key=str)
        common = sympy.S.One
        for weight in weights:
            common = sympy.lcm(common, sympy.fraction(sympy.cancel(weight))[1])
        result: list[Value] = []
        for value in values:
            parts: Symbolic = {}
            for monomial, weight in value.items():
                for powers, number in sympy.Poly(
                    sympy.cancel(weight * common), *names
                ).terms():
                    parts[monomial, powers] = number
            result.append(parts)
        return result

    def _holding(self, relations: list[Row], after: list[Value]) -> list[Row]:
        """The combinations of relations that hold among new values."""
        sums = []
        for relation in relations:
            total: Value = {}
            for number, weight in relation.items():
                total = plus(
                    total, scaled(self._domain.to_sympy(weight), after[number])
                )
            sums.append(total)
        result = []
        for combination in self._kernel(self._separated(sums)):
            total_row: Row = {}
            for position, factor in combination.items():
                for number, weight in relations[position].items():
                    add_to(total_row, number, factor * weight)
            result.append(total_row)
        return result


def _at_block(block: Symbolic, atoms: Atoms, linear: bool) -> Evaluator:
    """Evaluates tensors of a block, whose number is said in ``i``."""
    return Evaluator(
        atoms,
        linear=linear,
        index=lambda index: (
            "" if index is sympy.nan else str(index.xreplace({I: block}))
        ),
        number=lambda at: block if at is sympy.nan else at,
    )


class _Next:
    """One network at block i, by what is kept of the blocks before."""

    def __init__(
        self,
        side: int,
        formula: Formula,
        before: Mapping[Kept, Value],
        atoms: Atoms,
        linear: bool,
    ) -> None:
        self._side = side
        self._formula = formula
        self._equations = {e.unknown: e.right for e in formula.equations}
        self._before = before
        self._atoms = atoms
        self._memo: dict[Tensor, Value] = {}
        self._evaluator = _at_block(I, atoms, linear)

    def at(self, item: Kept) -> Value:
        """A kept tensor at the new block."""
        if item.fixed:
            return self._before[item]
        if item.back:
            return self._before[Kept(self._side, item.tensor, item.back - 1)]
        return self.value(item.tensor)

    def output(self) -> Value:
        """The output, with L for i."""
        return self.value(self._formula.output.xreplace({L: I}))

    def value(self, tensor: Tensor) -> Value:
        return self._evaluator.value(tensor, self._known)

    def _known(self, tensor: Tensor) -> Value | None:
        if tensor in self._memo:
            return self._memo[tensor]
        found = self._find(tensor)
        if found is not None:
            self._memo[tensor] = found
        return found

    def _find(self, tensor: Tensor) -> Value | None:
        if not isinstance(tensor, MADE | History | Input):
            return None
        delay = delay_of(tensor)
        found = None
        if delay is None:
            found = self._before.get(Kept(self._side, tensor))
        elif delay >= 1:
            moved = tensor.xreplace({I: I + delay})
            found = self._before.get(Kept(self._side, moved, delay - 1))
        elif isinstance(tensor, State):
            found = self.value(self._equations[tensor.name])
        elif isinstance(tensor, History):
            found = self._history(tensor)
        if found is None and isinstance(tensor, State | History):
            # Nothing is known of it: it is like no other tensor.
            return self._atoms.value("unknown", self._side, tensor)
        return found

    def _history(self, tensor: History) -> Value:
        before = self.value(
            History(tensor.kind, tensor.body, tensor.first, tensor.last - 1)
        )
        body = self.value(tensor.body.xreplace({K: tensor.last}))
        if tensor.kind == "sum":
            return plus(before, body)
        return together(self._atoms, tensor.kind, [before, body])
