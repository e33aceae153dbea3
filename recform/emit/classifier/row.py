"""The levels of a network whose names make it one row of modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from recform.emit.classifier.levels import Levels, method, taps_of
from recform.emit.classifier.patterns import any_of
from recform.emit.classifier.units import CALL, Target, Units, is_a
from recform.plan.definitions import Assign, Return, Statement, Yield
from recform.plan.expressions import Code, Holds
from recform.plan.namespace import Namespace
from recform.plan.parts import Part
from recform.plan.places import Kind
from recform.source import Source
from recform.writers.pipelines import line_of


@dataclass(frozen=True)
class _Level:
    """A level of features, ``row[start:end]``.

    Attributes:
        start, end: where it is.
        first: where its stage starts; ``end`` for the stem.
        number: of the stage; 0 for the stem.
        module: the dotted name of the module at its end.
        own: whether the level is what that module returns.
    """

    start: int
    first: int
    end: int
    number: int
    module: str
    own: bool


def levels_of_row(units: Units, stem: int, source: Source, names: Namespace) -> Levels:
    """The levels of a network that is one row.

    Args:
        units: the modules of the row.
        stem: how many operators of the stem stand in front of its pooling.
        source: of the formula.
        names: attributes that are still free.

    Raises:
        CompileError: RF521, if a level ends inside of a container of a container.
    """
    found = list(_levels(units, stem))
    taps = taps_of((level.own for level in found), names)
    body: list[Statement] = []
    for level, tap in zip(found, taps, strict=True):
        if level.start < level.first:
            line = line_of(units.row.parts[level.start].span, source)
            between, result = units.run(level.start, level.first, line)
            body += between
            if result != "x":
                body.append(Assign("x", Code(result), line))
        body += _blocks(units, level.first, level.end)
        body.append(Yield(Code(f"self.{tap}(x)" if tap else "x")))
    inside = [_inside(units, level) for level in found]
    depths = ", ".join(
        f'"{f"stage{level.number}" if level.number else "stem"}": {any_of(held)}'
        for level, held in zip(found, inside, strict=True)
    )
    order: tuple[str, ...] = ()
    if any(unit.part.piece for unit in units.units):
        # A level in front of a pooling may end in a function of its container.
        ends = [tap or level.module for tap, level in zip(taps, found, strict=True)]
        rows = zip(inside, ends, strict=True)
        order = tuple(dict.fromkeys(n for held, end in rows for n in (*held, end)))
    return Levels(
        method(body),
        tuple(level.module for level in found),
        taps,
        (Return(Code(f"{{{depths}}}")),),
        order,
    )


def _levels(units: Units, stem: int) -> Iterator[_Level]:
    """The levels of features, in the order of the row."""
    row = units.row.parts
    ends = [
        end
        for end, part in enumerate(row, 1)
        if _of_stage(part) and (end == len(row) or row[end].origin != part.origin)
    ]
    shows_stem = any(part.made is not None for part in row[:stem])
    start = 0
    for number, end in enumerate([stem, *ends] if shows_stem else ends, not shows_stem):
        first = start
        while first < end and not _of_stage(row[first]):
            first += 1
        called = list(units.targets(start, end))
        name = [t.name for t in called if "{m}" in t.part.call][-1]
        yield _Level(start, first, end, number, name, called[-1].part.call == CALL)
        start = end


def _blocks(units: Units, start: int, end: int) -> Iterator[Statement]:
    """Blocks, which can keep what they get alone."""
    for alone, group in groupby(units.targets(start, end), _is_block):
        targets = list(group)
        texts = [target.text for target in targets]
        if alone:
            comma = "," if len(texts) == 1 else ""
            texts = [f"({', '.join(texts)}{comma})"]
        for target, text in zip(targets, texts, strict=False):
            how = "along" if alone or target.is_slice else "through"
            yield Assign("x", Code(f"self._{how}({text}, x)"))


def _inside(units: Units, level: _Level) -> list[str]:
    """The outermost modules that run for a level, and for none before."""
    names = [
        name
        for name, unit in units.named()
        if level.start <= unit.first and unit.last <= level.end and unit.part.is_module
    ]
    return [n for n in names if not any(n.startswith(f"{m}.") for m in names)]


def _is_block(target: Target) -> bool:
    """Whether it is a block by itself, no module that runs blocks and no row of them."""
    return not target.is_slice and not is_a(target.part.made, Holds.SEQUENTIAL)


def _of_stage(part: Part) -> bool:
    return part.origin is not None and part.origin.kind is Kind.STAGE
