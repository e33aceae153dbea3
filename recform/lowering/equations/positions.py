"""Recurrences over positions: ``H_<i,t> = A_i*H_<i,t-1> + ...`` becomes an operator.

What the positions of a block need of each other is gathered in a :class:`Cell`, which
gets all else as whole tensors. What is left are equations with one index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

import sympy

from recform.algebra.affine import affine
from recform.algebra.body import given
from recform.algebra.cell import Cell, before
from recform.algebra.expr import (
    Apply,
    Concat,
    Elementwise,
    Filled,
    History,
    I,
    L,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    offset,
    subtensors,
)
from recform.algebra.formula import (
    Boundary,
    Equation,
    LearnedScalar,
    Pipeline,
    Start,
    Step,
)
from recform.algebra.symbols import INCOMING
from recform.algebra.typeset import indexed
from recform.blocks import Argument, Arguments, Kind, symbols_in
from recform.blocks.identifiers import identifier
from recform.blocks.operators.positions import Shift
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.lowering.reading.base import Reported
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
    groups = _groups(network.equations)
    for group in groups:
        try:
            made = _Recurrence(
                network, group, boundaries, output, starts, spans, report
            )
            network = made.lowered()
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
    for state, lag in _reads(boundary.right):
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


def lag_of(tensor: Tensor) -> tuple[State, int] | None:
    """An unknown and how many positions ago it is meant; None if it is something else."""
    lag = 0
    while isinstance(tensor, Elementwise) and isinstance(tensor.function, Shift):
        tensor, lag = tensor.argument, lag + 1
    return (tensor, lag) if isinstance(tensor, State) else None


def _reads(tensor: Tensor) -> Iterator[tuple[State, int]]:
    """The unknowns in a tensor, and how many positions back each is read."""
    found = lag_of(tensor)
    if found is not None:
        yield found
        return
    for child in tensor.children:
        yield from _reads(child)


def _groups(equations: Iterable[Equation]) -> list[tuple[str, ...]]:
    """Unknowns of a block that need each other at earlier positions.

    Those that need each other at the same position are none: that is for others to say.
    """
    reads = {
        equation.unknown: {
            (state.name, lag)
            for state, lag in _reads(equation.right)
            if offset(state.index) == 0
        }
        for equation in equations
    }
    now = {name: {other for other, lag in of if not lag} for name, of in reads.items()}
    ever = {name: {other for other, _ in of} for name, of in reads.items()}
    reach = {name: _reached(name, ever) for name in reads}
    groups = dict.fromkeys(
        tuple(other for other in reads if other in reach[name] and name in reach[other])
        for name in reads
        if name in reach[name]
    )
    return [group for group in groups if not any(n in _reached(n, now) for n in group)]


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    stack = list(edges[start])
    while stack:
        name = stack.pop()
        if name in edges and name not in found:
            found.add(name)
            stack += edges[name]
    return found


@dataclass
class _Recurrence:
    """Unknowns that need each other, and what is made of them."""

    network: Lowered
    group: tuple[str, ...]
    boundaries: Sequence[Boundary]
    output: Tensor
    starts: Mapping[str, Start]
    spans: dict[Tensor, Span]
    report: Diagnostics
    #: What comes in, by its name.
    inputs: dict[str, Tensor] = field(default_factory=dict)
    lags: dict[str, int] = field(default_factory=dict)
    #: Operators and scalars that stand inside, with their indices.
    owned: dict[tuple[str, Symbolic], None] = field(default_factory=dict)
    #: Which tensors a position computes, as far as was asked.
    within: dict[Tensor, bool] = field(default_factory=dict)

    def lowered(self) -> Lowered:
        network = self.network
        rights = {
            item.unknown: item
            for item in network.equations
            if item.unknown in self.group
        }
        self.span = rights[self.group[0]].span
        self._gather([item.right for item in rights.values()])
        self.lags = dict.fromkeys(self.group, 0)
        definitions = {
            before(name, 0): self._inside(item.right) for name, item in rights.items()
        }
        if not self.inputs:
            self._fail("RF229", "nothing comes into this recurrence over positions")
        index = sympy.nan if self._is_shared() else I
        results = self._results()
        self._check_starts()
        self._check_boundaries(results)
        cell = self._cell(definitions, results)
        call = Apply(cell.name, index, *self.inputs.values())
        self.spans.setdefault(call, self.span)
        beside = tuple(
            item.text for name, item in rights.items() if name not in results
        )
        beside += tuple(start.text for start in self._mine())
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
        inside = {name for name, _ in self.owned}
        inside |= _letters(definitions.values()) - _letters(self._outside())
        arguments = Arguments({a.name: a.default for a in cell.arguments})
        step = Step(cell, arguments, "", self.span)
        pipeline = Pipeline(cell.name, (step,), cell.about, self.span)
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
        self.spans.setdefault(made, self.span)
        return made

    # -- what stands inside

    def _gather(self, rights: Sequence[Tensor]) -> None:
        """Finds the operators and scalars that positions apply to what they read."""
        for start in self._mine():
            learned = sorted(start.value.atoms(Learned), key=str)
            self.owned |= {(item.name, item.index): None for item in learned}
        size = -1
        while size < len(self.owned):
            size = len(self.owned)
            self.within.clear()
            for tensor in (part for right in rights for part in subtensors(right)):
                if self._is_inside(tensor):
                    self.owned |= dict.fromkeys(self._owners(tensor))
                    for child in tensor.children:
                        if isinstance(child, Filled):
                            self.owned |= dict.fromkeys(self._owners(child))

    def _is_inside(self, tensor: Tensor) -> bool:
        """Whether a position computes a tensor, from what it reads of others."""
        if tensor not in self.within:
            self.within[tensor] = (
                (isinstance(tensor, State) and self._is_ours(tensor))
                or not self.owned.keys().isdisjoint(self._owners(tensor))
                or any(map(self._is_inside, tensor.children))
            )
        return self.within[tensor]

    def _owners(self, tensor: Tensor) -> list[tuple[str, Symbolic]]:
        """The operator of a tensor, or the learned scalars of its coefficient."""
        if isinstance(tensor, Apply):
            known = self.network.operators.get(tensor.operator)
            if known is not None and known.is_function:
                return []
            return [(tensor.operator, tensor.index)]
        if isinstance(tensor, Scaled | Filled):
            found = sorted(tensor.coefficient.atoms(Learned), key=str)
            return [(item.name, item.index) for item in found]
        return []

    def _mine(self) -> list[Start]:
        """What its unknowns begin with, where that is said."""
        return [self.starts[name] for name in self.group if name in self.starts]

    def _check_starts(self) -> None:
        """Reports what nothing begins with, and what would begin with something else.

        What is read at earlier positions by others is the tensor moved by a position,
        which has zeros in front.
        """
        for start in self._mine():
            if not self.lags[start.unknown]:
                name = start.unknown
                self.spans.setdefault(before(name, 0), start.span)
                self._fail(
                    "RF124",
                    f"{name} is not read at earlier positions, so nothing begins with this",
                    before(name, 0),
                    f"say it of an unknown that is read as {name}_<i,t-1> would be",
                )
        for tensor in self._outside():
            for state, lag in _reads(tensor):
                if lag and state.name in self.group and state.name in self.starts:
                    self._fail(
                        "RF124",
                        f"{state.name} begins with other numbers than zeros, and is read "
                        "at earlier positions by what does not recur with it",
                        tensor,
                        "read an unknown that recurs with it: "
                        f"P_<i,t> = {state.name}_<i,t-1>, and P_<i,t> in the place of that "
                        f"in the equation of {state.name}",
                    )

    def _is_ours(self, state: State) -> bool:
        return state.name in self.group and offset(state.index) == 0

    def _inside(self, tensor: Tensor) -> Tensor:
        """A tensor as a position computes it."""
        made = self._at_position(tensor)
        self.spans.setdefault(made, self.spans.get(tensor, self.span))
        return made

    def _at_position(self, tensor: Tensor) -> Tensor:
        found = lag_of(tensor)
        if found is not None and self._is_ours(found[0]):
            state, lag = found
            self.lags[state.name] = max(lag, self.lags[state.name])
            return before(state.name, lag)
        if isinstance(tensor, Filled):
            return Filled(self._number(tensor))
        if not self._is_inside(tensor):
            return self._input(tensor)
        if isinstance(tensor, TensorSum | Pointwise):
            return tensor.func(*map(self._inside, self._joined(tensor)))  # type: ignore[no-any-return]
        if isinstance(tensor, History) or (
            isinstance(tensor, Elementwise) and isinstance(tensor.function, Shift)
        ):
            self._fail(
                "RF230",
                "what a recurrence computes at a position has no history of its own",
                tensor,
                "give it an unknown: Y_<i,t> = ..., and read Y_<i,t-1>",
            )
        # Inside it has no index: there is one of each.
        if isinstance(tensor, Scaled):
            return Scaled(self._number(tensor), self._inside(tensor.tensor))
        if isinstance(tensor, Apply):
            arguments = map(self._inside, tensor.arguments)
            return Apply(tensor.operator, sympy.nan, *arguments)
        made = [self._inside(a) if isinstance(a, Tensor) else a for a in tensor.args]
        return tensor.func(*made)  # type: ignore[no-any-return]

    def _joined(self, tensor: Tensor) -> Iterator[Tensor]:
        """The terms of a sum, or the factors of a product; those from outside are one."""
        outside = [
            child
            for child in tensor.children
            if not isinstance(child, Filled) and not self._is_inside(child)
        ]
        for child in tensor.children:
            if child not in outside:
                yield child
            elif child == outside[0]:
                yield child if len(outside) == 1 else tensor.func(*outside)

    def _input(self, tensor: Tensor) -> State:
        for name, known in self.inputs.items():
            if known == tensor:
                return given(name)
        # `m` stands for the module where an operator is called.
        taken = {"m", *self.inputs, *(identifier(name).lower() for name in self.group)}
        base = name = _called(tensor)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}{number}"
        self.inputs[name] = tensor
        return given(name)

    def _number(self, tensor: Scaled | Filled) -> Symbolic:
        found = {item: Learned(item.name) for item in tensor.coefficient.atoms(Learned)}
        coefficient = tensor.coefficient.xreplace(found)
        if coefficient.has(I, L):
            self._fail(
                "RF230",
                "a number of the block cannot stand inside of a recurrence over positions",
                tensor,
                "put it in front of what is free of the recurrence, or use a learned scalar",
            )
        return coefficient

    # -- what belongs to it

    def _is_shared(self) -> bool:
        """Whether all blocks share it, as they do its operators and scalars."""
        for name, index in self.owned:
            if index is not sympy.nan and index != I:
                self._fail(
                    "RF230",
                    f"{indexed(name, index)} is of another block, and stands inside of a "
                    "recurrence over positions",
                    hint=f"write {name}_i",
                )
        shared = [name for name, index in self.owned if index is sympy.nan]
        own = [name for name, index in self.owned if index is not sympy.nan]
        if shared and own:
            self._fail(
                "RF230",
                f"{shared[0]} is of all blocks and {own[0]}_i of each, and one recurrence "
                "over positions has both",
                hint=f"write {shared[0]}_i, or {own[0]} for one that all blocks share",
            )
        names = {name for name, _ in self.owned}
        for tensor in self._outside():
            for part in subtensors(tensor):
                for name, index in self._owners(part):
                    if name in names:
                        self._fail(
                            "RF230",
                            f"{indexed(name, index)} stands inside of a recurrence over "
                            "positions, which owns it, and outside",
                            part,
                            "give the other one a name of its own",
                        )
        return bool(shared)

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
        yield from self.inputs.values()

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

    def _check_boundaries(self, results: tuple[str, ...]) -> None:
        """Reports a block whose unknowns would not all be those of the recurrence."""
        for boundary in self.boundaries:
            left = boundary.left
            if (
                len(self.group) > 1
                and isinstance(left, State)
                and left.name in self.group
                and left.index > 0
            ):
                self._fail(
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
        if not others and self.lags[first] == 1:
            linear = affine(definitions[before(first, 0)], before(first, 1))
        if linear is not None and (
            linear.rest is None or isinstance(linear.rest, Filled)
        ):
            self._fail(
                "RF229",
                "nothing comes into this recurrence over positions",
                hint="add a term that is free of it: + B_i*X_<i-1,t>",
            )
        outputs = [before(name, 0) for name in results]
        output = outputs[0] if len(outputs) == 1 else Concat(*outputs)
        about = dict.fromkeys(
            item.text for item in network.equations if item.unknown in self.group
        )
        about |= dict.fromkeys(start.text for start in self._mine())
        name = self._name(results[0])
        return Cell(
            name=name,
            arguments=_places(operators),
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
            scalars={
                name: network.scalars[name]
                for name, _ in self.owned
                if name in network.scalars
            },
            about="\n".join(about),
            attribute=name,
            span=self.span,
            spans=self.spans,
            incoming=tuple(self.inputs),
            unknowns=self.group,
            results=results,
            lags=self.lags,
            affine=linear,
            starts={
                start.unknown: Filled(self._number(Filled(start.value)))
                for start in self._mine()
            },
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

    def _fail(
        self, code: str, message: str, at: Tensor | None = None, hint: str = ""
    ) -> NoReturn:
        span = self.span if at is None else self.spans.get(at, self.span)
        self.report.error(code, message, span, hint=hint)
        raise Reported


def _letters(tensors: Iterable[Tensor]) -> set[str]:
    """The operators that stand in tensors."""
    parts = (part for tensor in tensors for part in subtensors(tensor))
    return {part.operator for part in parts if isinstance(part, Apply)}


def _parts(tensor: Tensor, definitions: Mapping[State, Tensor]) -> tuple[Tensor, ...]:
    if isinstance(tensor, State):
        return (definitions[tensor],) if tensor in definitions else ()
    return tensor.children


def _places(operators: Mapping[str, Pipeline]) -> tuple[Argument, ...]:
    """The symbols of the place that operators use, as arguments of what owns them."""
    symbols = {
        symbol
        for pipeline in operators.values()
        for step in pipeline.steps
        for value in step.arguments.values()
        for symbol in symbols_in(value)
    } - {INCOMING}
    return tuple(
        Argument(str(symbol), Kind.NUMBER, symbol)
        for symbol in sorted(symbols, key=str)
    )


def _called(tensor: Tensor) -> str:
    """What comes in is called after what it is."""
    match tensor:
        case State() | Apply():
            name = tensor.name if isinstance(tensor, State) else tensor.operator
            return identifier(name).lower()
        case Elementwise():
            return _called(tensor.argument)
        case Scaled():
            return _called(tensor.tensor)
        case TensorSum() | Pointwise():
            return next(
                _called(part)
                for part in tensor.children
                if not isinstance(part, Filled)
            )
    return "x"
