"""Indices: ``i-1``, numbers, and the second index of a formula with times."""

from __future__ import annotations

import sympy

from recform.algebra.expr import I, L, Learned, T
from recform.algebra.indices import mirrored
from recform.algebra.operators import Scalar
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import beyond
from recform.outline.survey import references
from recform.reading.base import MAX_INDEX, MAX_OFFSET, Base
from recform.syntax import nodes as n


class Indices(Base):
    """Reads what stands in a subscript."""

    def _index(self, expr: n.Expr | n.Range) -> Symbolic:
        assert not isinstance(expr, n.Range)
        value = self._value_of_index(expr)
        if (shift := mirrored(value)) is not None:
            self._mirror(shift, expr)
            return value
        number = value - I if value.has(I) else value - L if value.has(L) else value
        if not number.is_Integer:
            self.report.fail(
                "RF304", "an index is i, i-1, i-2, ... or a number", expr.span
            )
        limit = MAX_INDEX if number == value else MAX_OFFSET
        if abs(number) > limit:
            self.report.fail(
                "RF106",
                beyond("how far this index reaches", limit),
                expr.span,
            )
        return value

    def _mirror(self, shift: int, expr: n.Expr) -> None:
        """Looks at an index ``L-i``: the block as far from the end as this one is in."""
        if abs(shift) > MAX_OFFSET:
            self.report.fail(
                "RF106",
                beyond("how far this index reaches", MAX_OFFSET),
                expr.span,
            )
        if not self._ranging:
            self.report.fail(
                "RF316",
                f"{expr.span.text} stands in the equation of a range of blocks: "
                "for those of the first half, that block comes later",
                expr.span,
                hint="X_<L/2+1..L> = W_i*concat(X_<i-1>, X_<L-i>), "
                "and X_i = ... for the others",
            )

    def _value_of_index(self, expr: n.Expr) -> Symbolic:
        before, self._indexing = self._indexing, True
        try:
            value = self.value(expr)
        finally:
            self._indexing = before
        if not isinstance(value, Scalar) or value.value.has(Learned):
            self.report.fail(
                "RF304", "an index is i, i-1, i-2, ... or a number", expr.span
            )
        return value.value

    def _two_indices(self, expr: n.Reference) -> tuple[Symbolic, Symbolic]:
        """The index of the block, and of the time; NaN and None where there is none."""
        if not expr.indices:
            return sympy.nan, None
        first = expr.indices[0]
        assert not isinstance(first, n.Range)
        if len(expr.indices) == 1:
            if expr.name not in self.names.unknowns and self._is_time(first):
                # W_t: one for each time, which all blocks share.
                return sympy.nan, self._time_at(first)
            return self._index(first), None
        if len(expr.indices) > 2:
            self.report.fail(
                "RF307", "a name has two indices at most: block and time", expr.span
            )
        second = expr.indices[1]
        assert not isinstance(second, n.Range)
        if not self.names.times:
            member = next(
                (r.name for r in references(second) if r.name in self._bound), ""
            )
            hint = "an equation with two indices starts with X_<i,t> = ..."
            if member:
                hint = (
                    f"a number for each {member} is declared: "
                    f"scalar {expr.name}_<i,{member}> = 0"
                )
            self.report.fail(
                "RF304",
                f"{expr.name} has a second index here, but no unknown has one",
                expr.span,
                hint=hint,
            )
        return self._index(first), self._time_at(second)

    def _is_time(self, index: n.Expr) -> bool:
        """Whether an index speaks of the time: ``t`` or ``t-1``."""
        return bool(self._time) and self._time in {
            part.name for part in references(index)
        }

    def _time_at(self, expr: n.Expr) -> Symbolic:
        """A second index, which is a number by now."""
        time = self._value_of_index(expr)
        if not time.is_Integer:
            letter = self._time or "t"
            self.report.fail(
                "RF304",
                f"a second index is {letter}, {letter}-1, ... or a number",
                expr.span,
            )
        if not self.names.times:
            self.report.fail(
                "RF304",
                "a second index stands here, but no unknown has one",
                expr.span,
                hint="an equation with two indices starts with X_<i,t> = ...",
            )
        if time > self.names.times:
            self.report.fail(
                "RF302",
                f"there is no time {time}: the times are 1 to {self.names.times}",
                expr.span,
                hint=f"times {time}" if time <= 64 and not self._time else "",
            )
        if time < -MAX_OFFSET:
            self.report.fail("RF106", beyond("this index", -MAX_OFFSET), expr.span)
        return time

    def _behind(self, expr: n.Expr | n.Range) -> int:
        """How many positions a second index lies behind the one that is computed."""
        letter = self._time or "t"
        wanted = f"a second index is {letter}, {letter}-1, {letter}-2, ..."
        if isinstance(expr, n.Range):
            self.report.fail("RF229", f"{wanted}, and no range", expr.span)
        if not self._time:
            self.report.fail(
                "RF229",
                f"only an equation that has {letter} on its left side knows positions",
                expr.span,
                hint="without a second index an unknown is meant at all positions",
            )
        distance = T - self._value_of_index(expr)
        if not distance.is_Integer:
            self.report.fail(
                "RF229",
                wanted,
                expr.span,
                hint=f"with `times positions` {letter} is the position of a token, of "
                "which no number is known",
            )
        if distance < 0:
            self.report.fail(
                "RF229",
                "a position does not know what comes behind it",
                expr.span,
                hint=wanted,
            )
        if distance > MAX_OFFSET:
            text = beyond("how far this index reaches", MAX_OFFSET)
            self.report.fail("RF106", text, expr.span)
        return int(distance)
