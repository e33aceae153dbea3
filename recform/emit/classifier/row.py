"""An image classifier whose names make it one row of modules: its levels and its head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from itertools import groupby
from typing import Any

from recform.algebra.symbols import size
from recform.blocks import identifiers
from recform.classes.chain import ChainWriter
from recform.diagnostics import CompileError, Diagnostics
from recform.emit.classifier.head import CLASSIFIER, HeadCode
from recform.emit.classifier.levels import levels
from recform.emit.classifier.plan import NUM_CLASSES, OWN, Head
from recform.graph.model import Piece
from recform.plan.definitions import Assign, Attribute, Function, Statement, Yield
from recform.plan.expressions import Code, Container, Expression, Holds, Item
from recform.plan.namespace import Namespace
from recform.plan.places import Kind, Origin
from recform.writers.containers import Part, fold, names_of, run_of
from recform.writers.pipelines import PipelineCode, chain, line_of

#: The call of a module.
CALL = "{m}({x})"


@dataclass(frozen=True)
class _Unit:
    """A module that holds a run of the row, or a function of it.

    Attributes:
        name: its name where it is; empty for a function at the top. A piece of a
            container has that of the container.
        part: its code.
        first, last: it holds ``row[first:last]``.
        at: its place in its container, and ``end`` the place behind it.
        inside: its own units, if it is an nn.Sequential that is no part of the row.
    """

    name: str
    part: Part
    first: int
    last: int
    at: int
    end: int
    inside: tuple[_Unit, ...] = ()


@dataclass(frozen=True)
class Level:
    """A level of features, ``row[start:end]``.

    Attributes:
        start, end: where it is.
        first: where its stage starts; ``end`` for the stem.
        module: the dotted name of the module at its end.
        own: whether the level is what that module returns.
    """

    start: int
    first: int
    end: int
    module: str
    own: bool


class _Kind(Enum):
    """How a forward pass can hold a run of the row."""

    STAGE = "a module that runs blocks"
    SLICE = "some blocks of a container"
    BLOCK = "a block"


@dataclass(frozen=True)
class _Target:
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


class RowWriter(ChainWriter):
    """Writes the modules and methods of an image classifier that is a row.

    Args:
        head: where the head is cut.
        stem: how many operators of the stem stand in front of its pooling.
        arguments: of a ChainWriter.

    Raises:
        CompileError: RF521, if a level or the head ends inside of a container of a
            container.
    """

    def __init__(self, head: Head, stem: int, *arguments: Any) -> None:
        self._head = head
        self._stem = stem
        self._count = 0
        self._row: list[Part] = []
        self.ends: list[int] = []
        super().__init__(*arguments)
        self._known |= {"in_chans", NUM_CLASSES, "drop_rate"}
        self._start = len(self._row) - len(head.pipeline.steps)

    # -- what there is

    def _all(self) -> Iterator[Part]:
        self._row = list(super()._all())
        last = self._row[-1]
        assert last.made is not None
        self.classifier_made = last.made
        self._row[-1] = replace(last, made=CLASSIFIER, layer=CLASSIFIER)
        yield from self._row

    def _incoming(self, stem: Piece) -> Any:
        return size("in_chans")

    def _piece(self, origin: Origin, piece: Piece) -> Iterator[Part]:
        for part in super()._piece(origin, piece):
            self._count += 1
            yield part

    def _blocks(self, position: int, before: int) -> Iterator[Part]:
        for part in super()._blocks(position, before):
            self._count += 1
            yield part
        self.ends.append(self._count)

    def _compose(self, head: str, parts: list[Part]) -> Part:
        if all(part.made != CLASSIFIER for part in parts):
            return super()._compose(head, parts)
        # The head is run in parts, so its container is no module that can be called.
        scope = Namespace.container(identifiers.DICTIONARY)
        code = self._assembled(parts, scope)
        items = tuple(Item(made, name) for name, made in code.modules)
        return Part((head,), CALL, made=Container(Holds.DICTIONARY, items))

    def modules(self, attributes: Namespace) -> tuple[Attribute, ...]:
        """The modules of the network."""
        labels = names_of(self.parts, attributes)
        self._units = _units(self._row, self.parts, labels, 0)
        self.parts = [
            replace(part, path=(label,)) if label else part
            for part, label in zip(self.parts, labels, strict=True)
        ]
        return super().modules(Namespace.attributes())

    # -- levels

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The levels of features, in the order of the row."""
        ends = list(self.ends)
        if any(part.made is not None for part in self._row[: self._stem]):
            ends.insert(0, self._stem)
        made: list[Level] = []
        start = 0
        for end in ends:
            first = start
            while first < end and not _of_stage(self._row[first]):
                first += 1
            called = list(self._targets(start, end))
            name = [t.name for t in called if t.part.is_module][-1]
            made.append(Level(start, first, end, name, called[-1].part.call == CALL))
            start = end
        return tuple(made)

    def forward_levels(self, taps: list[str]) -> Function:
        """The method ``_levels``.

        Args:
            taps: for each level the module that shows it, if no other one does.
        """
        made: list[Statement] = []
        for level, tap in zip(self.levels, taps, strict=True):
            made += self._run(level.start, level.first)
            made += self._run_blocks(level.first, level.end)
            made.append(Yield(Code(f"self.{tap}(x)" if tap else "x")))
        return levels(tuple(made))

    def head_code(self) -> HeadCode:
        """The head, cut as timm's interface has it."""
        images, stop = self._start + self._head.images, len(self._row) - 1
        behind = images if self._head.pool == OWN else self._start + self._head.pooled
        units = [u for u in _leaves(self._units) if u.first >= self.ends[-1]]
        return HeadCode(
            attribute="",
            modules=(),
            finish=self._calls(self.ends[-1], images),
            hidden=self._calls(behind, stop),
            classifier=self._name_at(len(self._row)),
            classifier_made=self.classifier_made,
            finish_names=tuple(
                self._name_at(unit.last)
                for unit in units
                if unit.last <= images and unit.part.is_module
            ),
            parameters=(),
            stored=(),
        )

    def depths(self) -> dict[str, list[str]]:
        """The modules up to the end of each level, from the end of the one before."""
        first = 1 + len(self.ends) - len(self.levels)
        found = {}
        start = 0
        for number, level in enumerate(self.levels, first):
            names = [
                name
                for name, unit in _named(self._units)
                if start <= unit.first
                and unit.last <= level.end
                and unit.part.is_module
            ]
            found[f"stage{number}" if number else "stem"] = _outermost(names)
            start = level.end
        return found

    def order(self, taps: list[str]) -> tuple[str, ...]:
        """The modules as they run; none if no container is called in pieces.

        Args:
            taps: for each level the module that shows it, if no other one does.
        """
        if not any(unit.part.piece for unit in self._units):
            return ()
        levels = zip(self.depths().values(), taps, strict=True)
        return tuple(n for names, tap in levels for n in (*names, tap) if n)

    # -- runs of the row

    def _run(self, start: int, end: int) -> Iterator[Statement]:
        between, result = chain(self._calls(start, end), ("x",), "x")
        span = self._row[start].span if start < end else None
        line = line_of(span, self._formula.source)
        for text in between:
            yield Assign("x", Code(text), line)
        if result != "x":
            yield Assign("x", Code(result), line)

    def _run_blocks(self, start: int, end: int) -> Iterator[Statement]:
        """Blocks, which can keep what they get alone."""
        for kind, group in groupby(self._targets(start, end), _kind):
            texts = [target.text for target in group]
            if kind is _Kind.BLOCK:
                comma = "," if len(texts) == 1 else ""
                texts = [f"({', '.join(texts)}{comma})"]
            how = "through" if kind is _Kind.STAGE else "along"
            for text in texts:
                yield Assign("x", Code(f"self._{how}({text}, x)"))

    def _calls(self, start: int, end: int) -> PipelineCode:
        targets = list(self._targets(start, end, apart=True))
        calls = tuple(t.part.call.replace("{m}", t.text) for t in targets)
        cuts = tuple(t.part.cut for t in targets)
        return PipelineCode((), calls, cuts, (), (), self._network.output)

    def _targets(
        self, start: int, end: int, *, apart: bool = False
    ) -> Iterator[_Target]:
        """The modules that hold a run of the row: whole ones, and slices of others.

        With ``apart`` slices are given module by module.
        """
        for unit in self._units:
            if unit.last <= start or unit.first >= end:
                continue
            whole = start <= unit.first and unit.last <= end
            parted = unit.part.piece or _is(unit.part.made, Holds.DICTIONARY)
            if whole and not parted:
                yield _Target(f"self.{unit.name}", unit.part, unit.name)
                continue
            held = [u for u in unit.inside if start <= u.first and u.last <= end]
            covered = sum(u.last - u.first for u in held)
            if covered != min(end, unit.last) - max(start, unit.first):
                self._fail(unit)
            if _is(unit.part.made, Holds.DICTIONARY):
                for inner in held:
                    text = f'self.{unit.name}["{inner.name}"]'
                    yield _Target(text, inner.part, f"{unit.name}.{inner.name}")
                continue
            # A slice is a container of its own, which no hook and no tracer knows:
            # it is run block by block, never called.
            for group in ([u] for u in held) if apart else [held] if held else []:
                yield _target(unit, group)

    def _name_at(self, end: int) -> str:
        """The dotted name of the module that ends at a place of the head."""
        for unit in self._units:
            if unit.first < end <= unit.last:
                if end == unit.last and not unit.inside:
                    return unit.name or self._name_at(unit.first)
                for inner in unit.inside:
                    if inner.last == end:
                        return f"{unit.name}.{inner.name}"
                self._fail(unit)
        return ""

    def _fail(self, unit: _Unit) -> None:
        report = Diagnostics()
        report.error(
            "RF521",
            f"a stage, or a part of the head, ends inside of {unit.name}, and not at "
            "the end of one of its modules",
            unit.part.span or unit.part.place,
            file=self._formula.source.name,
            hint="give the stage, or the pooling, a container of its own",
        )
        raise CompileError(report)


def _target(unit: _Unit, held: list[_Unit]) -> _Target:
    """Some modules of a container, one behind the other."""
    first, last = held[0].at, held[-1].end
    name = f"{unit.name}.{held[-1].name}"
    if last == first + 1:
        part = held[0].part
        part = replace(part, call=CALL, made=part.made or part.layer)
        return _Target(f"self.{unit.name}[{first}]", part, name)
    # Behind a piece the container goes on.
    until = "" if last == unit.inside[-1].end and not unit.part.piece else last
    part = replace(unit.part, call=CALL)
    return _Target(f"self.{unit.name}[{first}:{until}]", part, name, is_slice=True)


def _kind(target: _Target) -> _Kind:
    if target.is_slice:
        return _Kind.SLICE
    return _Kind.STAGE if _is(target.part.made, Holds.SEQUENTIAL) else _Kind.BLOCK


def _is(made: Expression | None, kind: Holds) -> bool:
    """Whether a module is such a container."""
    return isinstance(made, Container) and made.kind is kind


def _of_stage(part: Part) -> bool:
    return part.origin is not None and part.origin.kind is Kind.STAGE


def _units(
    row: list[Part], folded: list[Part], labels: list[str], offset: int, place: int = 0
) -> tuple[_Unit, ...]:
    """The modules of a container from a place on, with what they hold of the row."""
    units: list[_Unit] = []
    position = 0
    for part, label in zip(folded, labels, strict=True):
        first, wide = position, part.count
        inside: tuple[_Unit, ...] = ()
        if part is row[position]:
            position += 1
        else:
            position += len(run_of(row, position))
            if isinstance(part.made, Container) or part.piece:
                start = int(part.piece.partition(":")[0] or 0)
                inside = _inside(row[first:position], offset + first, start)
        name = label
        if part.count > 1 and "{}" in "".join(part.path):
            name = part.path[0].replace("{}", str(part.first + part.count - 1))
        end = place + wide
        units.append(
            _Unit(name, part, offset + first, offset + position, place, end, inside)
        )
        place = end
    return tuple(units)


def _inside(row: list[Part], offset: int, place: int) -> tuple[_Unit, ...]:
    """The modules in an nn.Sequential, or a piece: by their numbers, or their names."""
    inner = [part.without() for part in row]
    folded = fold(inner)
    labels = names_of(folded, Namespace.container(identifiers.SEQUENTIAL))
    units = _units(inner, folded, labels, offset, place)
    if any(part.numbered for part in folded if part.path):
        return tuple(replace(unit, name=str(unit.end - 1)) for unit in units)
    return units


def _leaves(units: tuple[_Unit, ...]) -> list[_Unit]:
    return [leaf for unit in units for leaf in (unit.inside or (unit,))]


def _named(units: tuple[_Unit, ...]) -> Iterator[tuple[str, _Unit]]:
    """Units with their dotted names, and those inside of them."""
    for unit in units:
        if not unit.part.piece:
            yield unit.name, unit
        for inner in unit.inside:
            numbers = range(inner.at, inner.end)
            several = inner.name.isdigit()
            for name in map(str, numbers) if several else [inner.name]:
                yield f"{unit.name}.{name}", inner


def _outermost(names: list[str]) -> list[str]:
    """Names that are not inside of another one."""
    return [n for n in names if not any(n.startswith(f"{m}.") for m in names)]
