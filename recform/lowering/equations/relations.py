"""Reads the equations and boundary equations of one network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import NoReturn

from recform.algebra.expr import I, L, State, Tensor, subtensors
from recform.algebra.formula import Boundary, Equation, Ranged, Rule, Start
from recform.algebra.indices import counts_from_end, time_of, untimed
from recform.algebra.operators import Scalar as ScalarOperator
from recform.algebra.ranged import as_equation, beside_general, generals, placed
from recform.algebra.reindex import at_block
from recform.algebra.symbols import FIRST
from recform.algebra.typeset import indexed
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, Label, Reported, beyond
from recform.lowering.equations.left_side import (
    is_general,
    mentions_i,
    shift_of,
    shift_on_left,
)
from recform.lowering.equations.several import (
    SeveralReader,
    is_several,
    told_twice,
    two_equations,
)
from recform.lowering.equations.times import Copy, TimeReader
from recform.lowering.equations.vanish import present
from recform.outline.definitions import every_name
from recform.outline.sections import Section
from recform.reading.sorts import MAX_OFFSET, Reader, split_of
from recform.syntax import nodes as n
from recform.syntax.rename import renamed


class EquationReader:
    """Reads the relations of one network.

    Args:
        section: the statements.
        reader: knows the names, and reads the expressions.
        starts: the first block of every stage.
        length: how many blocks the index counts; 0 if stages differ in that.
        report: gets RF207, RF214, RF216 and RF217.

    Attributes:
        unknowns: names with an equation for the blocks in general, once they were read.
        starts: what unknowns are at position 0, where that is said.
        ranges: the equations for ranges of blocks, once they were read.
    """

    def __init__(
        self,
        section: Section,
        reader: Reader,
        starts: tuple[int, ...],
        length: int,
        report: Diagnostics,
    ) -> None:
        self._section = section
        self._reader = reader
        self._starts = starts
        self._length = length
        self._report = report
        self._times = TimeReader(section, reader, starts, report)
        self._equations: list[Equation] = []
        self._boundaries: list[Boundary] = []
        self.unknowns: frozenset[str] = frozenset()
        self.starts: dict[str, Start] = {}
        self.ranges: tuple[Ranged, ...] = ()

    def equations(self) -> tuple[list[Equation], list[Boundary]]:
        """The equations and boundary equations; those with mistakes are left out."""
        told: set[str] = set()
        for item in self._section.equations:
            try:
                self._equation(item)
            except Reported:
                continue
        seen: dict[str, Equation] = {}
        for equation in self._equations:
            before = seen.get(equation.unknown)
            if before is not None and untimed(equation.unknown) not in told:
                told.add(untimed(equation.unknown))
                two_equations(before, equation, self._report)
            seen.setdefault(equation.unknown, equation)
        first = generals(self._boundaries, set(seen), self._length).values()
        if first:
            place = self._places()
            self._equations += map(as_equation, first)
            self._equations.sort(key=lambda e: place[untimed(e.unknown)])
        # Also a range that is the equation in general says which blocks it is for.
        told_twice(beside_general(self._boundaries, ()), self._report)
        boundaries = beside_general(self._boundaries, first)
        self.unknowns = frozenset(equation.unknown for equation in self._equations)
        self.ranges = tuple(replace(r, rule=self._begun(r.rule)) for r in self.ranges)
        return self._present(self._equations), [self._started(b) for b in boundaries]

    def _places(self) -> dict[str, int]:
        """Where in the file each unknown has its first equation."""
        found: dict[str, int] = {}
        for number, item in enumerate(self._section.equations):
            for left in item.left:
                if isinstance(left, n.Reference):
                    found.setdefault(left.name, number)
        return found

    def _started(self, boundary: Boundary) -> Boundary:
        """A boundary equation without what lies before the first time; zero, if all."""
        if boundary.right is None:
            return boundary
        right = present(boundary.right, self.unknowns)
        rule = boundary.rule and self._begun(boundary.rule)
        return replace(boundary, right=right, rule=rule)

    def _begun(self, rule: Rule) -> Rule:
        """The same rule without what lies before the first time, if something is left."""
        right = present(rule.right, self.unknowns)
        return rule if right is None else replace(rule, right=right)

    def _present(self, equations: list[Equation]) -> list[Equation]:
        """Equations of several times without what lies before the first one."""
        result = []
        for equation in equations:
            right = equation.right
            if time_of(equation.unknown) is not None:
                left = present(right, self.unknowns)
                if left is None:
                    self._report.error(
                        "RF305",
                        f"nothing is left of {indexed(equation.unknown, I)}: "
                        "all its terms lie before the first time",
                        equation.span,
                        hint=f"add an equation: {indexed(equation.unknown, I)} = ...",
                    )
                    continue
                self._reader.spans.setdefault(left, equation.span)
                equation = replace(equation, right=left)
            result.append(equation)
        return result

    def _equation(self, item: n.Relation) -> None:
        reader, right = self._reader, item.right.expression
        if right is None:
            self._report.fail(
                "RF214",
                "an equation has no `>`; flows define operators",
                item.right.span,
                hint="W = conv(3, c) > bn defines W; X_i = W_i*X_<i-1> uses it",
            )
        if is_general(item.left[0]):
            self._report.fail(
                "RF216",
                "this is a general formula, not a recursion",
                item.span,
                hint="`recform derive` makes the equation for X_i from it",
            )
        lefts = [part for part in item.left if isinstance(part, n.Reference)]
        if len(lefts) == len(item.left) and all(len(k.indices) == 2 for k in lefts):
            if reader.names.positions:
                self._at_position(lefts, right, item)
                return
            for number, left in enumerate(lefts):
                for copy in self._times.copies(left):
                    self._copy(copy, left.indices[0], right, item, number)
            return
        if len(item.left) > 1:
            self._split(item, right)
            return
        self._one(item.left[0], right, item)

    def _at_position(
        self, lefts: Sequence[n.Reference], right: n.Expr, item: n.Relation
    ) -> None:
        """The equation of one unknown at a position, or of the parts of a split."""
        first, *others = lefts
        if not others and self._times.is_start(first):
            self._start(first, right, item)
            return
        position = self._times.position(first)
        if position is None:
            return
        letter = self._times.letter(first)
        for other in others:
            if (self._times.letter(other), self._times.position(other)) != (
                letter,
                position,
            ):
                self._report.fail(
                    "RF229", "the parts of a split are of one position", other.span
                )
        alone = tuple(replace(left, indices=left.indices[:1]) for left in lefts)
        with self._reader.at(letter, position):
            if others:
                self._split(replace(item, left=alone), right)
            else:
                self._one(alone[0], right, item)

    def _start(self, left: n.Reference, right: n.Expr, item: n.Relation) -> None:
        """``H_<i,0> = h_i``: what a recurrence over positions begins with."""
        value = self._reader.value(right)
        if not isinstance(value, ScalarOperator):
            self._report.fail(
                "RF124",
                "a recurrence over positions begins with numbers, and this is a tensor",
                right.span,
                hint=f"a learned vector: vector {left.name.lower()}_i = 0",
            )
        if left.name in self.starts:
            self._report.fail(
                "RF207",
                f"{left.name} has two equations for position 0",
                item.span,
                others=[Label(self.starts[left.name].span, "the first one")],
            )
        start = Start(left.name, value.value, item.span, item.span.words)
        self.starts[left.name] = start

    def _one(self, left: n.Expr, right: n.Expr, item: n.Relation) -> None:
        """The equation, or boundary equation, of a left side with one index."""
        reader = self._reader
        if isinstance(left, n.Reference) and is_several(left):
            found = SeveralReader(reader, self._starts, self._length, self._report)
            self._several(*found.blocks(left, right), left, right, item)
            return
        shift = self._shift(left)
        if shift is not None:
            assert isinstance(left, n.Reference)
            with reader.ahead(shift):
                self._add(left.name, reader.tensor(right), shift, item)
            return
        if mentions_i(left):
            self._report.fail(
                "RF217",
                "the left side is one unknown, such as X_i, or has no i at all",
                left.span,
                hint="solve the equation for X_i",
            )
        target = reader.tensor(left)
        if isinstance(target, State) and target.has(L) and not target.has(I):
            self._last(left, target)
        if target.has(I) or target.has(L):
            self._report.fail(
                "RF217",
                "the left side is one unknown, such as X_i, or has no i at all",
                left.span,
                hint="solve the equation for X_i",
            )
        boundary = self._boundary(reader, right, block_of(target))
        self._boundaries.append(Boundary(target, boundary, item.span, item.span.words))

    def _shift(self, left: n.Expr) -> int | None:
        """How far a left side is ahead of block i; None if it is no general block's."""
        shift = shift_on_left(left)
        if shift is not None and abs(shift) > MAX_OFFSET:
            far = beyond("how far this index reaches", MAX_OFFSET)
            self._report.fail("RF106", far, left.span)
        return shift

    def _last(self, left: n.Expr, target: State) -> NoReturn:
        """Reports ``X_L = ...``: how many blocks there are is not for equations to say.

        Raises:
            Reported: always.
        """
        block = target.index.subs(L, self._length)
        shown = f"{target.name}_{block}" if self._length and block > 0 else "X_4"
        self._report.fail(
            "RF217",
            "L depends on the stages, and an equation for one block has its number",
            left.span,
            hint=f"{'here' if self._length else 'for example'} {shown} = ..., "
            "with numbers for L on the right side",
        )

    def _several(
        self,
        blocks: Sequence[int],
        ends: tuple[Symbolic, Symbolic] | None,
        left: n.Reference,
        right: n.Expr,
        item: n.Relation,
    ) -> None:
        """``X_<first> = ...``, ``X_<2..5> = ...``: a boundary equation for each block."""
        reader = self._reader
        is_range = isinstance(left.indices[0], n.Range)
        # A range says nothing of the first block, so this may be a name of the file.
        said = right if is_range else renamed(right, {FIRST: "i"})
        with reader.ranging() if is_range else nullcontext():
            value = reader.tensor(said)
        if not self._length and counts_from_end(value):
            self._report.fail(
                "RF316",
                "L is another number in each stage, and this is one equation for all",
                right.span,
                hint="give all stages as many blocks, or leave `scope stage` out",
            )
        rule = Rule(value, not is_range, ends)
        ranged = Ranged(left.name, rule, item.span, item.span.words)
        self._boundaries += placed(ranged, blocks, self._length)
        if is_range:
            self.ranges += (ranged,)
        for block in blocks:
            for part in subtensors(value):
                if part in reader.spans:
                    made = at_block(part, block, self._length)
                    reader.spans.setdefault(made, reader.spans[part])

    def _copy(
        self,
        copy: Copy,
        first: n.Expr | n.Range,
        right: n.Expr,
        item: n.Relation,
        number: int,
    ) -> None:
        """The equation, or boundary equation, of one time.

        Args:
            copy: the time.
            first: the index of the block.
            right: the right side.
            item: the statement.
            number: which of the unknowns on the left it is; several are parts of a split.
        """
        reader, several = self._reader, len(item.left) > 1
        shift = shift_of(first)
        with reader.at(copy.letter, copy.time) if copy.letter else nullcontext():
            if shift is not None:
                with reader.ahead(shift):
                    parts = self._parts(item, right) if several else ()
                    made = parts[number] if parts else reader.tensor(right)
                    self._add(copy.unknown, made, shift, item)
                return
            target = State(copy.unknown, reader._index(first))
            block = block_of(target)
            if several:
                part = self._parts(item, right)[number]
                boundary: Tensor | None = self._without_index(part, right, block)
            else:
                boundary = self._boundary(reader, right, block)
            self._boundaries.append(
                Boundary(target, boundary, item.span, item.span.words)
            )

    def _add(self, unknown: str, right: Tensor, ahead: int, item: n.Relation) -> None:
        """An equation for the blocks in general."""
        span = item.span
        made = Equation(unknown, right, span, span.words, ahead=ahead)
        self._equations.append(made)

    def _boundary(
        self, reader: Reader, right: n.Expr, block: int | None
    ) -> Tensor | None:
        """The right side of a boundary equation; None for zero.

        Args:
            reader: of its left side.
            right: the right side.
            block: the one that it is for; None if that is none.
        """
        value = reader.value(right)
        if isinstance(value, ScalarOperator):
            if value.value == 0:
                return None
            self._report.fail(
                "RF217", "a history starts at a tensor or at 0", right.span
            )
        return self._without_index(reader.tensor(right), right, block)

    def _without_index(self, value: Tensor, right: n.Expr, block: int | None) -> Tensor:
        """What is said without `i`: numbers per stage and block are those of its block."""
        if not value.has(I):
            return value
        if block is not None and "i" not in every_name(right):
            return at_block(value, block, self._length)
        said = "a boundary equation has no i on its right side"
        if "i" not in every_name(right):
            said = "a number per stage or block stands here, and this is of no block"
        self._report.error("RF217", said, right.span)
        return value

    def _split(self, item: n.Relation, right: n.Expr) -> None:
        reader = self._reader
        for number, left in enumerate(item.left):
            shift = self._shift(left)
            with reader.ahead(shift or 0):
                part = self._parts(item, right)[number]
            if shift is not None:
                assert isinstance(left, n.Reference)
                self._add(left.name, part, shift, item)
                continue
            target = reader.tensor(left)
            if isinstance(target, State) and target.has(L) and not target.has(I):
                self._last(left, target)
            if not isinstance(target, State) or target.has(I):
                self._report.fail(
                    "RF217",
                    "the parts of a split are unknowns: A_i, B_i = split(X_<i-1>, 2)",
                    left.span,
                )
            part = self._without_index(part, right, block_of(target))
            self._boundaries.append(Boundary(target, part, item.span, item.span.words))

    def _parts(self, item: n.Relation, right: n.Expr) -> tuple[Tensor, ...]:
        """What a split makes, a part for each unknown on its left."""
        call = n.bare(right)
        parts = split_of(call, self._reader) if isinstance(call, n.Call) else None
        if parts is None:
            self._report.fail(
                "RF217",
                "several unknowns on the left need a split(...) on the right",
                item.span,
                hint="A_0, B_0 = split(input, 2)",
            )
        if len(parts) != len(item.left):
            self._report.fail(
                "RF217",
                f"{len(item.left)} unknowns on the left, but {len(parts)} parts",
                right.span,
            )
        return parts


def block_of(target: Tensor) -> int | None:
    """The block that makes an unknown at a number; None of what no block makes."""
    is_made = isinstance(target, State) and target.index.is_Integer
    return int(target.index) if is_made and target.index > 0 else None
