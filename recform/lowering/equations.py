"""Reads the equations, boundary equations and the output of one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sympy

from recform.algebra.expr import (
    I,
    L,
    State,
    Tensor,
    at_time,
    offset,
    subtensors,
    time_of,
    untimed,
)
from recform.algebra.formula import Boundary, Equation, Rule
from recform.algebra.operators import Scalar as ScalarOperator
from recform.algebra.scalars import scalar_of
from recform.algebra.symbols import FIRST
from recform.algebra.typeset import indexed
from recform.diagnostics import Diagnostics, Label
from recform.lowering.flows.definitions import every_name
from recform.lowering.sections import Section
from recform.lowering.several import SeveralReader, is_several, told_twice
from recform.lowering.sorts import MAX_OFFSET, Reader, Reported, split_of
from recform.lowering.survey import references
from recform.lowering.vanish import present
from recform.source import Span
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

    def equations(self) -> tuple[list[Equation], list[Boundary]]:
        """The equations and boundary equations; those with mistakes are left out."""
        reader = self._reader
        equations: list[Equation] = []
        boundaries: list[Boundary] = []
        told: set[str] = set()
        for item in self._section.equations:
            try:
                self._equation(item, reader, equations, boundaries)
            except Reported:
                continue
        seen: dict[str, Equation] = {}
        for equation in equations:
            before = seen.get(equation.unknown)
            if before is not None and untimed(equation.unknown) not in told:
                told.add(untimed(equation.unknown))
                self._report.error(
                    "RF207",
                    f"{untimed(equation.unknown)} has two equations",
                    equation.span,
                    others=[Label(before.span, "the first one")],
                    hint="give the second unknown a name of its own",
                )
            seen.setdefault(equation.unknown, equation)
        # An equation for one block goes before one for several.
        own = {b.left for b in boundaries if not b.several}
        boundaries = [b for b in boundaries if not (b.several and b.left in own)]
        told_twice(boundaries, self._report)
        self._unknowns = frozenset(equation.unknown for equation in equations)
        return self._present(equations), [self._started(b) for b in boundaries]

    def _started(self, boundary: Boundary) -> Boundary:
        """A boundary equation without what lies before the first time; zero, if all."""
        if boundary.right is None:
            return boundary
        rule = boundary.rule
        if rule is not None and (right := present(rule.right, self._unknowns)):
            rule = replace(rule, right=right)
        right = present(boundary.right, self._unknowns)
        return replace(boundary, right=right, rule=rule)

    def _present(self, equations: list[Equation]) -> list[Equation]:
        """Equations of several times without what lies before the first one."""
        result = []
        for equation in equations:
            right = equation.right
            if time_of(equation.unknown) is not None:
                left = present(right, self._unknowns)
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

    def _equation(
        self,
        item: n.Relation,
        reader: Reader,
        equations: list[Equation],
        boundaries: list[Boundary],
    ) -> None:
        right = item.right.expression
        if right is None:
            self._report.error(
                "RF214",
                "an equation has no `>`; flows define operators",
                item.right.span,
                hint="W = conv(3, c) > bn defines W; X_i = W_i*X_<i-1> uses it",
            )
            return
        text = " ".join(item.span.text_without_comments.split())
        if is_general(item.left[0]):
            self._report.error(
                "RF216",
                "this is a general formula, not a recursion",
                item.span,
                hint="`recform derive` makes the equation for X_i from it",
            )
            return
        if len(item.left) > 1:
            self._split(item, right, reader, boundaries, text)
            return
        left = item.left[0]
        if isinstance(left, n.Reference) and len(left.indices) == 2:
            self._timed(left, right, item, equations, boundaries, text)
            return
        if isinstance(left, n.Reference) and is_several(left):
            found = SeveralReader(reader, self._starts, self._length, self._report)
            blocks = found.blocks(left, right)
            self._several(blocks, left, right, item, boundaries, text)
            return
        shift = _shift(left)
        if shift is not None:
            value = reader.tensor(right)
            assert isinstance(left, n.Reference)
            if abs(shift) > MAX_OFFSET:
                self._report.error(
                    "RF106",
                    f"this index reaches further than {MAX_OFFSET}: out of all reason",
                    left.span,
                )
                return
            if shift:
                value = _moved(value, -shift, reader)
            equations.append(Equation(left.name, value, item.span, text))
            return
        if _mentions_i(left):
            self._report.error(
                "RF217",
                "the left side is one unknown, such as X_i, or has no i at all",
                left.span,
                hint="solve the equation for X_i",
            )
            return
        target = reader.tensor(left)
        if isinstance(target, State) and target.has(L) and not target.has(I):
            self._last(left, target)
            return
        if target.has(I) or target.has(L):
            self._report.error(
                "RF217",
                "the left side is one unknown, such as X_i, or has no i at all",
                left.span,
                hint="solve the equation for X_i",
            )
            return
        boundaries.append(
            Boundary(target, self._boundary(reader, right), item.span, text)
        )

    def _last(self, left: n.Expr, target: State) -> None:
        """Reports ``X_L = ...``: how many blocks there are is not for equations to say."""
        block = target.index.subs(L, self._length)
        shown = f"{target.name}_{block}" if self._length and block > 0 else "X_4"
        self._report.error(
            "RF217",
            "L depends on the stages, and an equation for one block has its number",
            left.span,
            hint=f"{'here' if self._length else 'for example'} {shown} = ..., "
            "with numbers for L on the right side",
        )

    def _several(
        self,
        blocks: Sequence[int],
        left: n.Reference,
        right: n.Expr,
        item: n.Relation,
        boundaries: list[Boundary],
        text: str,
    ) -> None:
        """``X_<first> = ...``, ``X_<2..5> = ...``: a boundary equation for each block."""
        reader = self._reader
        value = reader.tensor(renamed(right, {FIRST: "i"}))
        rule = Rule(value, opens=not isinstance(left.indices[0], n.Range))
        for block in blocks:
            at = {I: sympy.Integer(block)}
            _placed(value, at, reader)
            state = State(left.name, sympy.Integer(block))
            boundaries.append(
                Boundary(state, value.xreplace(at), item.span, text, rule)
            )

    def _timed(
        self,
        left: n.Reference,
        right: n.Expr,
        item: n.Relation,
        equations: list[Equation],
        boundaries: list[Boundary],
        text: str,
    ) -> None:
        """``X_<i,t> = ...``: one equation for each time; ``X_<i,0> = ...``: for one."""
        reader = self._reader
        first, second = left.indices
        if FIRST in every_name(first):
            number = next(iter(self._starts), 1)
            self._report.error(
                "RF217",
                f"an equation for the {FIRST} block of every stage has one index",
                left.span,
                hint="with a second index there is one for each block: "
                f"{left.name}_<{number},t> = ...",
            )
            return
        if isinstance(first, n.Range) or isinstance(second, n.Range):
            self._report.error(
                "RF217",
                "an equation for several blocks has one index, the block's",
                left.span,
                hint="write it for each block, or without the second index",
            )
            return
        letter = next((ref.name for ref in references(second)), "")
        if letter:
            value = scalar_of(second, {letter: I})
            shift = None
            if letter not in ("i", "L") and value is not None and value.has(I):
                shift = offset(value) if (value - I).is_Integer else None
            if shift is None:
                self._report.error(
                    "RF304",
                    "the second index on the left is t, or a number",
                    second.span,
                )
                return
            times = [time - shift for time in range(1, reader.names.times + 1)]
        else:
            shift, times = 0, [int(reader._time_at(second))]
        for time in times:
            name = at_time(left.name, time + shift)
            if letter and name in self._single_times() and _shift_of(first) is not None:
                continue  # an equation for this one time stands for it
            if letter:
                with reader.at(letter, time):
                    self._copy(name, first, right, item, equations, boundaries, text)
            else:
                self._copy(name, first, right, item, equations, boundaries, text)

    def _single_times(self) -> set[str]:
        """Unknowns at a time that has an equation of its own: ``X_<i,1> = ...``."""
        names = set()
        for item in self._section.equations:
            left = item.left[0]
            if not isinstance(left, n.Reference) or len(left.indices) != 2:
                continue
            first, second = left.indices
            if isinstance(second, n.Number) and _shift_of(first) is not None:
                names.add(at_time(left.name, second.value))
        return names

    def _copy(
        self,
        name: str,
        first: n.Expr,
        right: n.Expr,
        item: n.Relation,
        equations: list[Equation],
        boundaries: list[Boundary],
        text: str,
    ) -> None:
        """The equation, or boundary equation, of one time."""
        reader = self._reader
        shift = _shift_of(first)
        if shift is not None:
            value = reader.tensor(right)
            if shift:
                value = _moved(value, -shift, reader)
            equations.append(Equation(name, value, item.span, text))
            return
        target = State(name, reader._index(first))
        boundary = Boundary(target, self._boundary(reader, right), item.span, text)
        boundaries.append(boundary)

    def _boundary(self, reader: Reader, right: n.Expr) -> Tensor | None:
        """The right side of a boundary equation; None for zero."""
        value = reader.value(right)
        if isinstance(value, ScalarOperator):
            if value.value == 0:
                return None
            self._report.error(
                "RF217", "a history starts at a tensor or at 0", right.span
            )
            raise Reported
        value = reader.tensor(right)
        if value.has(I):
            self._report.error(
                "RF217", "a boundary equation has no i on its right side", right.span
            )
        return value

    def _split(
        self,
        item: n.Relation,
        right: n.Expr,
        reader: Reader,
        boundaries: list[Boundary],
        text: str,
    ) -> None:
        parts = split_of(right, reader) if isinstance(right, n.Call) else None
        if parts is None:
            self._report.error(
                "RF217",
                "several unknowns on the left need a split(...) on the right",
                item.span,
                hint="A_0, B_0 = split(input, 2)",
            )
            return
        if len(parts) != len(item.left):
            self._report.error(
                "RF217",
                f"{len(item.left)} unknowns on the left, but {len(parts)} parts",
                right.span,
            )
            return
        for left, part in zip(item.left, parts, strict=True):
            target = reader.tensor(left)
            if isinstance(target, State) and target.has(L) and not target.has(I):
                self._last(left, target)
                return
            if not isinstance(target, State) or target.has(I):
                self._report.error(
                    "RF217",
                    "split is for boundary equations: A_0, B_0 = ...",
                    left.span,
                )
                return
            boundaries.append(Boundary(target, part, item.span, text))

    def output(self, equations: list[Equation]) -> tuple[Tensor, Span] | None:
        """What the head gets, and where the file says so."""
        reader = self._reader
        item = self._section.single.get("output")
        if item is None:
            if not equations:
                return None
            last = equations[-1]
            name, times = untimed(last.unknown), reader.names.times
            timed = name in reader.names.timed
            shown = f"{name}_<L,{times}>" if timed else f"{name}_L"
            if len({untimed(equation.unknown) for equation in equations}) > 1:
                self._report.warning(
                    "RF306",
                    "several unknowns and no output: "
                    f"{shown} is taken, from the last equation",
                    last.span,
                    hint=f"say so in the file: output {shown}",
                )
            unknown = at_time(name, times) if timed else name
            return State(unknown, L), last.span
        assert isinstance(item, n.Output)
        try:
            value = reader.tensor(item.expr)
        except Reported:
            return None
        if value.has(I):
            self._report.error(
                "RF304",
                "the output has no i: the last block is L",
                item.expr.span,
                hint="output X_L",
            )
            return None
        left = present(value, self._unknowns)
        if left is None:
            self._report.error(
                "RF305",
                "nothing is left of the output: it lies before time 1",
                item.span,
            )
            return None
        return left, item.span


def _shift(left: n.Expr) -> int | None:
    """How far the index on the left lies after ``i``; None if it has no ``i``."""
    if not isinstance(left, n.Reference) or len(left.indices) != 1:
        return None
    return _shift_of(left.indices[0])


def _shift_of(index: n.Expr | n.Range) -> int | None:
    if isinstance(index, n.Range):
        return None
    value = scalar_of(index, {"i": I, "L": L})
    if value is None or isinstance(value, bool) or not value.has(I):
        return None
    return offset(value) if (value - I).is_Integer else None


def _moved(value: Tensor, distance: int, reader: Reader) -> Tensor:
    """The right side with another ``i``; its parts keep their places."""
    rule = {I: I + distance}
    _placed(value, rule, reader)
    return value.xreplace(rule)  # type: ignore[no-any-return]


def _placed(
    value: Tensor, rule: Mapping[sympy.Expr, sympy.Expr], reader: Reader
) -> None:
    """What a rule makes of the parts of a tensor stands where they stand."""
    for part in subtensors(value):
        if part in reader.spans:
            reader.spans.setdefault(part.xreplace(rule), reader.spans[part])


def _mentions_i(left: n.Expr) -> bool:
    """Whether an index on the left side is ``i`` or near it."""
    return any(
        _names_i(index)
        for reference in references(left)
        for index in reference.indices
        if not isinstance(index, n.Range)
    )


def _names_i(index: n.Expr) -> bool:
    return any(reference.name == "i" for reference in references(index))


def is_general(left: n.Expr) -> bool:
    """Whether the left side is ``dX_L/dX_<L-i>``."""
    return (
        isinstance(left, n.Product)
        and len(left.factors) == 2
        and left.factors[1][0] < 0
        and all(
            isinstance(f, n.Reference) and f.name.startswith("d")
            for _, f in left.factors
        )
    )
