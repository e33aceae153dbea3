"""Recurrences over positions: ``H_<i,t> = A_i*H_<i,t-1> + ...`` becomes an operator.

What the positions of a block need of each other is gathered in a :class:`Cell`, which
gets all else as whole tensors. What is left are equations with one index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import sympy

from recform.algebra.definitions.cell import Cell, before
from recform.algebra.expr import (
    Apply,
    Concat,
    Filled,
    I,
    Part,
    State,
    Tensor,
    subtensors,
)
from recform.algebra.formula import Boundary, Equation, LearnedScalar, Start
from recform.algebra.multiples import affine
from recform.algebra.pipeline import Pipeline, Step, symbols_of
from recform.algebra.symbols import IN_ARGUMENTS, INCOMING
from recform.algebra.typeset import indexed
from recform.blocks import Argument, Kind
from recform.blocks.arguments import unsaid
from recform.diagnostics import Diagnostics, Reported
from recform.lowering.equations.position import Position
from recform.lowering.equations.recurring import lagged, recurring
from recform.source import Span


@dataclass(frozen=True)
class Lowered:
    """A network without recurrences over positions.

    Attributes:
        equations: with an operator in the place of each recurrence.
        operators: all letters; those that only stand inside of recurrences are gone.
        scalars: likewise.
        said: of each unknown that recurs, its equation as the file has it.
    """

    equations: tuple[Equation, ...]
    operators: Mapping[str, Pipeline]
    scalars: Mapping[str, LearnedScalar]
    said: Mapping[str, Tensor]


def over_positions(
    network: Lowered,
    boundaries: Sequence[Boundary],
    output: Tensor,
    starts: Mapping[str, Start],
    spans: dict[Tensor, Span],
    report: Diagnostics,
) -> Lowered | None:
    """The same network with an operator in the place of each recurrence.

    Args:
        network: as it was read.
        boundaries: its boundary equations.
        output: what the head gets.
        starts: what unknowns are before the first position, where that is said.
        spans: where tensors stand; gets those of the new ones.
        report: gets RF229, RF230 and RF124.

    Returns:
        None after a diagnostic.
    """
    failed = bool([b for b in boundaries if _recurs(b, report)])
    groups = recurring(network.equations)
    for group in groups:
        try:
            span = next(e.span for e in network.equations if e.unknown == group[0])
            begun = [starts[name] for name in group if name in starts]
            inner = Position(network.operators, group, begun, span, spans, report)
            recurrence = _Recurrence(network, group, boundaries, output, inner)
            network = recurrence.lowered()
        except Reported:
            failed = True
    recur = {name for group in groups for name in group}
    for name, start in starts.items():
        if name not in recur:
            report.error(
                "RF124",
                f"{name} does not recur over positions, so nothing begins with this",
                start.span,
                hint=f"let {name}_<i,t> read {name}_<i,t-1>, or leave it out",
            )
            failed = True
    return None if failed else network


def _recurs(boundary: Boundary, report: Diagnostics) -> bool:
    """Whether a recurrence is for some blocks only, which is reported."""
    left = boundary.left
    if not isinstance(left, State) or boundary.right is None:
        return False
    for state, lag in lagged(boundary.right):
        if lag and state == left:
            report.error(
                "RF230",
                f"an equation for block {left.index} cannot recur over positions",
                boundary.span,
                hint="a recurrence is for all blocks: give it an unknown of its own, and "
                "let the equations for single blocks read that",
            )
            return True
    return False


@dataclass(frozen=True)
class _Recurrence:
    """Unknowns that need each other, and what is made of them."""

    network: Lowered
    group: tuple[str, ...]
    boundaries: Sequence[Boundary]
    output: Tensor
    inner: Position

    def lowered(self) -> Lowered:
        """The network with an operator in their place.

        Raises:
            Reported: after a diagnostic.
        """
        network = self.network
        rights = {
            item.unknown: item
            for item in network.equations
            if item.unknown in self.group
        }
        self.inner.gather([item.right for item in rights.values()])
        definitions = {
            before(name, 0): self.inner.made(item.right)
            for name, item in rights.items()
        }
        if not self.inner.inputs:
            self.inner.fail(
                "RF229", "nothing comes into this recurrence over positions"
            )
        index = sympy.nan if self._is_shared() else I
        results = self._results()
        self._check_starts()
        self._check_boundaries()
        cell = self._cell(definitions, results)
        call = Apply(cell.name, index, *self.inner.inputs.values())
        self.inner.spans.setdefault(call, self.inner.span)
        beside = tuple(
            item.text for name, item in rights.items() if name not in results
        )
        beside += tuple(start.text for start in self.inner.starts)
        equations = tuple(
            replace(
                item,
                right=self._result(call, results, item.unknown),
                beside=beside if item.unknown == results[0] else (),
            )
            if item.unknown in results
            else item
            for item in network.equations
            if item.unknown not in self.group or item.unknown in results
        )
        inside = {name for name, _ in self.inner.owned}
        inside |= _letters(definitions.values()) - _letters(self._outside())
        step = Step(cell, unsaid(cell.arguments), "", self.inner.span)
        pipeline = Pipeline(cell.name, (step,), cell.about, self.inner.span)
        return Lowered(
            equations,
            {
                **{k: v for k, v in network.operators.items() if k not in inside},
                cell.name: pipeline,
            },
            {k: v for k, v in network.scalars.items() if k not in inside},
            {**network.said, **{name: item.right for name, item in rights.items()}},
        )

    def _result(self, call: Apply, results: tuple[str, ...], name: str) -> Tensor:
        if len(results) == 1:
            return call
        made = Part(call, len(results), results.index(name))
        self.inner.spans.setdefault(made, self.inner.span)
        return made

    def _check_starts(self) -> None:
        """Reports what nothing begins with, and what would begin with something else.

        What is read at earlier positions by others is the tensor moved by a position,
        which has zeros in front.
        """
        for start in self.inner.starts:
            if not self.inner.lags[start.unknown]:
                name = start.unknown
                self.inner.spans.setdefault(before(name, 0), start.span)
                self.inner.fail(
                    "RF124",
                    f"{name} is not read at earlier positions, so nothing begins with this",
                    before(name, 0),
                    f"say it of an unknown that is read as {name}_<i,t-1> would be",
                )
        begun = {start.unknown for start in self.inner.starts}
        for tensor in self._outside():
            for state, lag in lagged(tensor):
                if lag and state.name in begun:
                    self.inner.fail(
                        "RF124",
                        f"{state.name} begins with other numbers than zeros, and is read "
                        "at earlier positions by what does not recur with it",
                        tensor,
                        "read an unknown that recurs with it: "
                        f"P_<i,t> = {state.name}_<i,t-1>, and P_<i,t> in the place of that "
                        f"in the equation of {state.name}",
                    )

    # -- what belongs to it

    def _is_shared(self) -> bool:
        """Whether all blocks share it, as they do its operators and scalars."""
        for name, index in self.inner.owned:
            if index is not sympy.nan and index != I:
                self.inner.fail(
                    "RF230",
                    f"{indexed(name, index)} is of another block, and stands inside of a "
                    "recurrence over positions",
                    hint=f"write {name}_i",
                )
        shared = [name for name, index in self.inner.owned if index is sympy.nan]
        own = [name for name, index in self.inner.owned if index is not sympy.nan]
        if shared and own:
            self.inner.fail(
                "RF230",
                f"{shared[0]} is of all blocks and {own[0]}_i of each, and one recurrence "
                "over positions has both",
                hint=f"write {shared[0]}_i, or {own[0]} for one that all blocks share",
            )
        names = {name for name, _ in self.inner.owned}
        for tensor in self._outside():
            for part in subtensors(tensor):
                for name, index in self.inner.owners(part):
                    if name in names:
                        self._shares(indexed(name, index), part, tensor)
        return bool(shared)

    def _shares(self, shown: str, part: Tensor, tensor: Tensor) -> NoReturn:
        """Reports what belongs to this recurrence, and stands elsewhere, too."""
        order = [item.unknown for item in self.network.equations]
        other = next(
            (
                item.unknown
                for item in self.network.equations
                if item.right == tensor
                and any(lag and at.name == item.unknown for at, lag in lagged(tensor))
            ),
            None,
        )
        if other is None:
            self.inner.fail(
                "RF230",
                f"{shown} stands inside of a recurrence over positions, which owns it, "
                "and outside",
                part,
                "give the other one a name of its own",
            )
        mine = self.group[0]
        if order.index(other) < order.index(mine):
            raise Reported  # That one has told it.
        self.inner.fail(
            "RF230",
            f"{shown} stands in the recurrence of {mine} over positions and in that of "
            f"{other}, and each has its own operators and scalars",
            part,
            f"give that of {other} a name and a declaration of its own",
        )

    def _outside(self) -> Iterator[Tensor]:
        """All that is said besides the recurrence."""
        yield self.output
        for boundary in self.boundaries:
            yield boundary.left
            if boundary.right is not None:
                yield boundary.right if boundary.rule is None else boundary.rule.right
        for equation in self.network.equations:
            if equation.unknown not in self.group:
                yield equation.right
        yield from self.inner.inputs.values()

    def _results(self) -> tuple[str, ...]:
        """What is read outside, or at other blocks."""
        read = {
            part.name
            for tensor in self._outside()
            for part in subtensors(tensor)
            if isinstance(part, State)
        }
        found = tuple(name for name in self.group if name in read)
        return found or self.group[-1:]

    def _check_boundaries(self) -> None:
        """Reports a block whose unknowns would not all be those of the recurrence."""
        for boundary in self.boundaries:
            left = boundary.left
            if (
                len(self.group) > 1
                and isinstance(left, State)
                and left.name in self.group
                and left.index > 0
            ):
                self.inner.fail(
                    "RF230",
                    f"{left} is one of several unknowns that recur together, and has an "
                    "equation of its own",
                    left,
                    "give the recurrence unknowns of its own, and let this one read them",
                )

    # -- the operator

    def _cell(
        self, definitions: Mapping[State, Tensor], results: tuple[str, ...]
    ) -> Cell:
        network = self.network
        letters = _letters(definitions.values())
        operators = {k: v for k, v in network.operators.items() if k in letters}
        linear = None
        (first, *others) = self.group
        if not others and self.inner.lags[first] == 1:
            linear = affine(definitions[before(first, 0)], before(first, 1))
        if linear is not None and (
            linear.rest is None or isinstance(linear.rest, Filled)
        ):
            self.inner.fail(
                "RF229",
                "nothing comes into this recurrence over positions",
                hint="add a term that is free of it: + B_i*X_<i-1,t>",
            )
        outputs = [before(name, 0) for name in results]
        output = outputs[0] if len(outputs) == 1 else Concat(*outputs)
        about = dict.fromkeys(
            item.text for item in network.equations if item.unknown in self.group
        )
        about |= dict.fromkeys(start.text for start in self.inner.starts)
        name = self._name(results[0])
        scalars = {
            name: network.scalars[name]
            for name, _ in self.inner.owned
            if name in network.scalars
        }
        starts = {
            start.unknown: Filled(self.inner.number(Filled(start.value)))
            for start in self.inner.starts
        }
        begun = {starts[start.unknown]: start.span for start in self.inner.starts}
        return Cell(
            name=name,
            arguments=_places(operators, scalars),
            defaults={},
            tensors=tuple(
                part
                for part in dict.fromkeys(
                    part
                    for whole in (*definitions, output)
                    for part in subtensors(whole, lambda t: _parts(t, definitions))
                )
                if not isinstance(part, Filled)
            ),
            definitions=definitions,
            output=output,
            operators=operators,
            scalars=scalars,
            about="\n".join(about),
            attribute=name,
            span=self.inner.span,
            spans={**begun, **self.inner.spans},
            incoming=tuple(self.inner.inputs),
            unknowns=self.group,
            results=results,
            lags=self.inner.lags,
            affine=linear,
            starts=starts,
        )

    def _name(self, unknown: str) -> str:
        """A letter for it that nothing else has."""
        taken = {
            *self.network.operators,
            *self.network.scalars,
            *(item.unknown for item in self.network.equations),
        }
        name = f"{unknown}cell"
        while name in taken:
            name += "s"
        return name


def _letters(tensors: Iterable[Tensor]) -> set[str]:
    """The operators that stand in tensors."""
    parts = (part for tensor in tensors for part in subtensors(tensor))
    return {part.operator for part in parts if isinstance(part, Apply)}


def _parts(tensor: Tensor, definitions: Mapping[State, Tensor]) -> tuple[Tensor, ...]:
    if isinstance(tensor, State):
        return (definitions[tensor],) if tensor in definitions else ()
    return tensor.children


def _places(
    operators: Mapping[str, Pipeline], scalars: Mapping[str, LearnedScalar]
) -> tuple[Argument, ...]:
    """The symbols of the place that these use, as arguments of what owns them."""
    symbols = symbols_of(operators.values()) - {INCOMING}
    starts = scalars.values()
    symbols |= {
        place
        for s, place in IN_ARGUMENTS.items()
        if any(start.has(s) for start in starts)
    }
    return tuple(
        Argument(str(symbol), Kind.NUMBER, symbol)
        for symbol in sorted(symbols, key=str)
    )
