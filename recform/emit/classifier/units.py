"""The modules that hold a row of operators, and the calls of a run of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from recform.diagnostics import CompileError, Diagnostics
from recform.plan.definitions import Assign, Line
from recform.plan.expressions import Code, Container, Expression, Holds
from recform.plan.parts import Part, PipelineCode
from recform.writers.containers import run_of
from recform.writers.pipelines import chain, with_kept

#: The call of a module.
CALL = "{m}({x})"


@dataclass(frozen=True)
class Unit:
    """A module that holds a run of the row, or a function of it.

    Attributes:
        name: its name where it is; empty for a function at the top. A piece of a
            container has that of the container.
        part: its code.
        first, last: it holds ``row[first:last]``.
        at: its place in its container, and ``end`` the place behind it.
        inside: its own units, if it is a container that is no part of the row.
    """

    name: str
    part: Part
    first: int
    last: int
    at: int
    end: int
    inside: tuple[Unit, ...] = ()

    @property
    def parted(self) -> bool:
        """Whether it is no module that can be called."""
        return bool(self.part.piece) or is_a(self.part.made, Holds.DICTIONARY)


@dataclass(frozen=True)
class Target:
    """What a forward pass calls.

    Attributes:
        text: the expression.
        part: what it is the call of.
        name: the dotted name of the module that runs last.
        is_slice: whether it is several modules of a container.
    """

    text: str
    part: Part
    name: str
    is_slice: bool = False


def is_a(made: Expression | None, kind: Holds) -> bool:
    """Whether a module is such a container."""
    return isinstance(made, Container) and made.kind is kind


class Units:
    """The modules of a row.

    Args:
        row: the operators.
        file: the name of the file that says it.

    Attributes:
        row: the operators.
        units: what holds them, in order.
    """

    def __init__(self, row: PipelineCode, file: str) -> None:
        self.row = row
        self._file = file
        self.units = _units(row.parts, row.held, row.labels)
        if row.holder:
            made = Container(Holds.DICTIONARY, ())
            holder = Part((row.holder,), CALL, made=made)
            count = len(row.parts)
            self.units = (Unit(row.holder, holder, 0, count, 0, 1, self.units),)

    def targets(self, start: int, end: int, *, apart: bool = False) -> Iterator[Target]:
        """The modules that hold a run of the row: whole ones, and slices of others.

        With ``apart`` slices are given module by module.

        Raises:
            CompileError: RF521, if blocks end inside of a container of a container.
        """
        for unit in self.units:
            if start >= end or unit.last <= start or unit.first >= end:
                continue
            if start <= unit.first and unit.last <= end and not unit.parted:
                yield Target(f"self.{unit.name}", unit.part, unit.name)
                continue
            held = [u for u in unit.inside if start < u.last and u.first < end]
            cut = [u for u in held if u.first < start or u.last > end]
            if not held or (cut and not apart):
                self._fail(unit)
            if apart or is_a(unit.part.made, Holds.DICTIONARY):
                for inner in held:
                    yield from self._inner(unit, inner, start, end)
                continue
            # A slice is a container of its own, which no hook and no tracer knows:
            # it is run block by block, never called.
            yield _slice(unit, held)

    def _inner(self, unit: Unit, inner: Unit, start: int, end: int) -> Iterator[Target]:
        """What is called of a module in a container of the network, or of one inside."""
        name = f"{unit.name}.{inner.name}"
        if inner.parted or inner.first < start or inner.last > end:
            if not inner.inside:
                self._fail(unit)
            for deeper in inner.inside:
                if start < deeper.last and deeper.first < end:
                    yield from self._inner(
                        replace(inner, name=name), deeper, start, end
                    )
            return
        kept = is_a(unit.part.made, Holds.DICTIONARY)
        part = inner.part if kept else replace(inner.part, call=CALL)
        if "." in unit.name:
            yield Target(f'self.get_submodule("{name}")', part, name)
        elif kept:
            yield Target(f'self.{unit.name}["{inner.name}"]', part, name)
        else:
            yield _slice(unit, [inner])

    def run(
        self, start: int, end: int, line: Line | None
    ) -> tuple[tuple[Assign, ...], str]:
        """The calls of operators: statements for ``x``, and the result."""
        targets = list(self.targets(start, end, apart=True))
        calls = [
            with_kept(target.part.call, self.row.stored).replace("{m}", target.text)
            for target in targets
        ]
        between, result = chain(calls, [target.part.cut for target in targets])
        return tuple(Assign("x", Code(text), line) for text in between), result

    def last(self) -> str:
        """The dotted name of the last module."""
        unit = self.units[-1]
        names = [unit.name]
        while unit.inside:
            unit = unit.inside[-1]
            names.append(unit.name)
        return ".".join(names)

    def named(self) -> Iterator[tuple[str, Unit]]:
        """Units with their dotted names, and those inside of them."""
        for unit in self.units:
            if not unit.part.piece:
                yield unit.name, unit
            for inner in unit.inside:
                numbers = range(inner.at, inner.end)
                names = [inner.name]
                if len(numbers) > 1:
                    is_counted = inner.name.isdigit()
                    names = list(map(str, numbers)) if is_counted else inner.part.names
                yield from ((f"{unit.name}.{name}", inner) for name in names)

    def _fail(self, unit: Unit) -> NoReturn:
        report = Diagnostics()
        report.error(
            "RF521",
            f"a stage, or a part of the head, ends inside of {unit.name}, and not at "
            "the end of one of its modules",
            unit.part.span or unit.part.place,
            file=self._file,
            hint="give the stage, or the pooling, a container of its own",
        )
        raise CompileError(report)


def _slice(unit: Unit, held: list[Unit]) -> Target:
    """Some modules of a container, one behind the other."""
    first, last = held[0].at, held[-1].end
    name = f"{unit.name}.{held[-1].name}"
    if last == first + 1:
        return Target(
            f"self.{unit.name}[{first}]", replace(held[0].part, call=CALL), name
        )
    # Behind a piece the container goes on.
    until = "" if last == unit.inside[-1].end and not unit.part.piece else last
    part = replace(unit.part, call=CALL)
    return Target(f"self.{unit.name}[{first}:{until}]", part, name, is_slice=True)


def _units(
    row: Sequence[Part],
    folded: Sequence[Part],
    labels: Sequence[str],
    offset: int = 0,
    place: int = 0,
) -> tuple[Unit, ...]:
    """The modules of a container from a place on, with what they hold of the row."""
    units: list[Unit] = []
    position = 0
    for part, label in zip(folded, labels, strict=True):
        first = position
        inside: tuple[Unit, ...] = ()
        nested = len(row[first].path) > 1
        position += len(run_of(row, first)) if nested else 1
        if nested and (isinstance(part.made, Container) or part.piece):
            start = int(part.piece.partition(":")[0] or 0)
            inside = _inside(part, row[first:position], offset + first, start)
        name = label
        if part.count > 1 and "{}" in "".join(part.path):
            name = part.path[0].replace("{}", str(part.first + part.count - 1))
        end = place + part.count
        units.append(
            Unit(name, part, offset + first, offset + position, place, end, inside)
        )
        place = end
    return tuple(units)


def _inside(
    whole: Part, row: Sequence[Part], offset: int, place: int
) -> tuple[Unit, ...]:
    """The modules in a container, or a piece: by their numbers, or their names."""
    inner = [part.without() for part in row]
    labels = [name for name, _ in whole.inside]
    folded = [part for _, part in whole.inside]
    return _units(inner, folded, labels, offset, place)
