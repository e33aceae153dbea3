"""An image classifier whose names make it one row of modules: its levels and its head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from recform.algebra.symbols import size
from recform.blocks import identifiers
from recform.diagnostics import CompileError, Diagnostics
from recform.emit.classifier.head import CLASSIFIER, HeadCode
from recform.emit.classifier.levels import levels
from recform.emit.classifier.plan import NUM_CLASSES, OWN, Head
from recform.emit.naming.namespace import Namespace
from recform.emit.pipelines import PipelineCode, chain, line_of
from recform.emit.plan.definitions import (
    Assign,
    Attribute,
    Function,
    Loop,
    Statement,
    Yield,
)
from recform.emit.plan.expressions import Code, Container, Expression, Holds, Item
from recform.emit.plan.places import Kind, Origin
from recform.emit.rows.chain import ChainWriter
from recform.emit.rows.containers import Part, fold, names_of, run_of
from recform.graph.model import Piece


@dataclass(frozen=True)
class _Unit:
    """A module that holds a run of the row, or a function of it.

    Attributes:
        name: its name where it is; empty for a function at the top. Of a piece of a
            container it is the dotted one.
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
        self._typed = False
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
        return Part((head,), "{m}({x})", made=Container(Holds.DICTIONARY, items))

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

    def levels(self) -> list[tuple[str, int]]:
        """The module at the end of each level, and where it ends in the row."""
        ends = [self._stem, *self.ends] if self._has_stem else self.ends
        return [(self._name_at(end), end) for end in ends]

    @property
    def _has_stem(self) -> bool:
        return any(part.made is not None for part in self._row[: self._stem])

    def forward_levels(self) -> Function:
        """The method ``_levels``."""
        made: list[Statement] = []
        if self._has_stem:
            made += self._run(0, self._stem)
            made.append(Yield(Code("x")))
        start = self._stem
        for end in self.ends:
            first = start
            while not _of_stage(self._row[first]):
                first += 1
            made += self._run(start, first)
            made += self._run_blocks(first, end)
            made.append(Yield(Code("x")))
            start = end
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
            classifier=self._name_at(len(self._row), deep=True),
            classifier_made=self.classifier_made,
            finish_names=tuple(
                self._name_at(unit.last, deep=True)
                for unit in units
                if unit.last <= images and unit.part.is_module
            ),
            parameters=(),
            stored=(),
        )

    def depths(self) -> dict[str, list[str]]:
        """The modules up to the end of each level, from the end of the one before."""
        levels = self.levels()
        starts = [0, *(end for _, end in levels)]
        first = 0 if self._has_stem else 1
        found = {}
        for number, (start, (_, end)) in enumerate(zip(starts, levels, strict=False)):
            names = [
                name
                for name, unit in _named(self._units)
                if start <= unit.first and unit.last <= end and unit.part.is_module
            ]
            level = number + first
            found[f"stage{level}" if level else "stem"] = _outermost(names)
        return found

    # -- runs of the row

    def _run(self, start: int, end: int) -> Iterator[Statement]:
        between, result = chain(self._calls(start, end), "x", "x")
        span = self._row[start].span if start < end else None
        line = line_of(span, self._formula.source)
        for text in between:
            yield Assign("x", Code(text), line)
        if result != "x":
            yield Assign("x", Code(result), line)

    def _run_blocks(self, start: int, end: int) -> Iterator[Statement]:
        """Blocks, which can keep what they get alone."""
        single = []
        for unit, target in self._targets(start, end):
            if _is(unit.part.made, Holds.SEQUENTIAL) or "[" in target:
                yield Assign("x", Code(f"self._through({target}, x)"))
            elif unit.part.is_module:
                single.append(target)
        if single:
            comma = "," if len(single) == 1 else ""
            kind = "" if self._typed else "tuple[nn.Module, ...]"
            self._typed = True
            blocks = Code(f"({', '.join(single)}{comma})")
            yield Assign("blocks", blocks, type=kind)
            step = Assign("x", Code("block(x)"))
            yield Loop("block", Code("self._checkpointed(blocks)"), (step,))

    def _calls(self, start: int, end: int) -> PipelineCode:
        calls: list[str] = []
        cuts: list[bool] = []
        for unit, target in self._targets(start, end):
            calls.append(unit.part.call.replace("{m}", target))
            cuts.append(unit.part.cut)
        output = self._network.output
        return PipelineCode((), tuple(calls), tuple(cuts), (), (), output)

    def _targets(self, start: int, end: int) -> Iterator[tuple[_Unit, str]]:
        """The modules that hold a run of the row: whole ones, and slices of others."""
        for unit in self._units:
            if unit.last <= start or unit.first >= end:
                continue
            whole = start <= unit.first and unit.last <= end
            if whole and unit.part.piece.isdigit():
                piece = replace(unit.part, call="{m}({x})")
                yield replace(unit, part=piece), f"self.{_indexed(unit)}"
                continue
            if unit.part.piece:
                self._fail(unit)
            if whole and not _is(unit.part.made, Holds.DICTIONARY):
                yield unit, f"self.{unit.name}"
                continue
            held = [u for u in unit.inside if start <= u.first and u.last <= end]
            covered = sum(u.last - u.first for u in held)
            if covered != min(end, unit.last) - max(start, unit.first):
                self._fail(unit)
            if _is(unit.part.made, Holds.DICTIONARY):
                for inner in held:
                    yield inner, f'self.{unit.name}["{inner.name}"]'
                continue
            if not held:
                continue
            first, last = held[0].at, held[-1].end
            until = "" if last == unit.inside[-1].end else last
            if len(held) == 1 and last == first + 1:
                yield replace(unit, part=held[0].part), f"self.{unit.name}[{first}]"
            else:
                call = replace(unit.part, call="{m}({x})")
                yield replace(unit, part=call), f"self.{unit.name}[{first}:{until}]"

    def _name_at(self, end: int, *, deep: bool = False) -> str:
        """The dotted name of the module that ends at a place of the row."""
        for unit in self._units:
            if unit.first < end <= unit.last:
                several = sum(unit.first < e <= unit.last for e in self.ends) > 1
                if end == unit.last and not (unit.inside and (several or deep)):
                    return unit.name or self._name_at(unit.first, deep=deep)
                for inner in unit.inside:
                    if inner.last == end:
                        return f"{unit.name}.{inner.name}"
                self._fail(unit)
        return ""

    def _fail(self, unit: _Unit) -> None:
        report = Diagnostics()
        message = (
            f"a stage, or a part of the head, ends inside of {unit.name}, and not at "
            "the end of one of its modules"
        )
        if unit.part.piece:
            message = (
                f"{unit.part.name} holds blocks of several stages, "
                "with other modules between"
            )
        report.error(
            "RF521",
            message,
            unit.part.span or unit.part.place,
            file=self._formula.source.name,
            hint="give the stage, or the pooling, a container of its own",
        )
        raise CompileError(report)


def _indexed(unit: _Unit) -> str:
    """A piece of a container as an attribute."""
    return f"{unit.name.removesuffix(unit.part.piece)[:-1]}[{unit.part.piece}]"


def _is(made: Expression | None, kind: Holds) -> bool:
    """Whether a module is such a container."""
    return isinstance(made, Container) and made.kind is kind


def _of_stage(part: Part) -> bool:
    return part.origin is not None and part.origin.kind is Kind.STAGE


def _units(
    row: list[Part], folded: list[Part], labels: list[str], offset: int
) -> tuple[_Unit, ...]:
    """The modules of a container, with what they hold of the row."""
    units: list[_Unit] = []
    position, place = 0, 0
    for part, label in zip(folded, labels, strict=True):
        first, wide = position, part.count
        inside: tuple[_Unit, ...] = ()
        if part is row[position]:
            position += 1
        else:
            position += len(run_of(row, position))
            if isinstance(part.made, Container) and not part.piece:
                inside = _inside(row[first:position], offset + first)
        name = f"{label}.{part.piece}" if part.piece else label
        if part.count > 1 and "{}" in "".join(part.path):
            name = part.path[0].replace("{}", str(part.first + part.count - 1))
        end = place + wide
        units.append(
            _Unit(name, part, offset + first, offset + position, place, end, inside)
        )
        place = end
    return tuple(units)


def _inside(row: list[Part], offset: int) -> tuple[_Unit, ...]:
    """The modules in an nn.Sequential: by their numbers, or by their names."""
    inner = [part.without() for part in row]
    folded = fold(inner)
    labels = names_of(folded, Namespace.container(identifiers.SEQUENTIAL))
    units = _units(inner, folded, labels, offset)
    if any(part.numbered for part in folded if part.path):
        return tuple(replace(unit, name=str(unit.end - 1)) for unit in units)
    return units


def _leaves(units: tuple[_Unit, ...]) -> list[_Unit]:
    return [leaf for unit in units for leaf in (unit.inside or (unit,))]


def _named(units: tuple[_Unit, ...]) -> Iterator[tuple[str, _Unit]]:
    """Units with their dotted names, and those inside of them."""
    for unit in units:
        yield unit.name, unit
        for inner in unit.inside:
            numbers = range(inner.at, inner.end)
            several = inner.name.isdigit()
            for name in map(str, numbers) if several else [inner.name]:
                yield f"{unit.name}.{name}", inner


def _outermost(names: list[str]) -> list[str]:
    """Names that are not inside of another one."""
    return [n for n in names if not any(n.startswith(f"{m}.") for m in names)]
