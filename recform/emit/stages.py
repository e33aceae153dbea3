"""The containers of the stages: constructor calls, and loops over equal blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from recform.emit.namespace import Loops
from recform.emit.pipelines import words
from recform.emit.step import StepWriter
from recform.graph.model import Segment, StageGraph


@dataclass(frozen=True)
class _Group:
    """Blocks in a row with one constructor call; arguments may grow from block to block."""

    step: int
    count: int
    start: tuple[Any, ...]
    growth: tuple[int, ...]


@dataclass(frozen=True)
class BlockItem:
    """Blocks in a row as one expression.

    Attributes:
        made: the expression of a block; of a list of modules, if ``splat``.
        count: how many blocks.
        loop: ``for k in range(3)``; empty for a single block.
        splat: whether the blocks are no modules of their own.
        parts: how many modules each of them makes then.
        loops: the names of variables of loops.
    """

    made: str
    count: int
    loop: str
    splat: bool
    parts: int
    loops: Loops


class StageWriter:
    """Writes the blocks of stages.

    Args:
        writers: of the steps, by their numbers.
        single: whether states are single tensors rather than tuples.
        loops: the names of variables of loops.
    """

    def __init__(
        self, writers: Mapping[int, StepWriter], single: bool, loops: Loops
    ) -> None:
        self._loops = loops
        self._writers = writers
        self._single = single

    def write(self, stage: StageGraph, used: set[str]) -> str:
        """The container with the blocks of a stage."""
        parts = [
            f"*[{item.made} {item.loop}]" if item.loop else item.made
            for item in self.items(stage, used)
        ]
        if self._single:
            return f"nn.Sequential({', '.join(parts)})"
        if len(parts) == 1 and parts[0].startswith("*["):
            return f"nn.ModuleList({parts[0][1:]})"
        return f"nn.ModuleList([{', '.join(parts)}])"

    def items(self, stage: StageGraph, used: set[str]) -> list[BlockItem]:
        """The blocks of a stage, those with one constructor call together."""
        result = []
        for group in self._groups(stage):
            variable = self._loops.counter if any(group.growth) else "_"
            several = group.count > 1
            loop = f"for {variable} in range({group.count})" if several else ""
            code = self._writers[group.step].code
            made = self._construct(group, used)
            flat = code.flat
            result.append(
                BlockItem(made, group.count, loop, flat > 0, flat or 1, self._loops)
            )
        return result

    def _groups(self, stage: StageGraph) -> list[_Group]:
        """Segments as constructor calls; a steady growth of arguments is one call."""
        groups: list[_Group] = []
        for segment in stage.segments:
            start, kinds = self._arguments(segment)
            growth = tuple(1 if kind == "index" else 0 for kind in kinds)
            groups.append(_Group(segment.step, segment.count, start, growth))
        return _merged(groups)

    def _arguments(self, segment: Segment) -> tuple[tuple[Any, ...], list[str]]:
        writer = self._writers[segment.step]
        position = writer.positions[id(segment)]
        if writer.code.made:
            return (writer.code.made[position],), ["module"]
        values = []
        kinds = []
        for kind, _, column in self._writers[segment.step].code.arguments:
            value = column[position]
            values.append(value[0] if kind == "index" else value)
            kinds.append(kind)
        return tuple(values), kinds

    def _construct(self, group: _Group, used: set[str]) -> str:
        code = self._writers[group.step].code
        if code.made:
            used.update(words(group.start[0]))
            return str(group.start[0])
        arguments = []
        for (kind, name, _), value, growth in zip(
            code.arguments, group.start, group.growth, strict=True
        ):
            text = str(value)
            if growth and group.count > 1:
                k = self._loops.counter
                factor = k if growth == 1 else f"{growth} * {k}"
                text = f"{value} + {factor}" if value else factor
            if kind == "stride":
                if text != "1":
                    arguments.append(f"{name}={text}")
            elif kind.startswith(("index", "number", "table")) or any(
                "=" in argument for argument in arguments
            ):
                arguments.append(f"{name}={text}")
            else:
                arguments.append(text)
        for name in code.free:
            used.add(name)
            arguments.append(f"{name}={name}")
        return f"{code.name}({', '.join(arguments)})"


def _joined(groups: list[_Group]) -> list[_Group]:
    """Joins neighbours that are constructed alike (and differ in costs, say)."""
    result: list[_Group] = []
    for group in groups:
        last = result[-1] if result else None
        if (
            last is not None
            and (last.step, last.growth) == (group.step, group.growth)
            and _behind(last) == group.start
        ):
            result[-1] = replace(last, count=last.count + group.count)
        else:
            result.append(group)
    return result


def _behind(group: _Group) -> tuple[Any, ...]:
    """The arguments of one block more."""
    return tuple(
        value + growth * group.count if growth else value
        for value, growth in zip(group.start, group.growth, strict=True)
    )


def _merged(groups: list[_Group]) -> list[_Group]:
    """Joins single blocks whose arguments grow steadily, three or more in a row."""
    result: list[_Group] = []
    groups = _joined(groups)
    position = 0
    while position < len(groups):
        run = [groups[position]]
        growth: tuple[int, ...] | None = None
        while position + len(run) < len(groups):
            following = groups[position + len(run)]
            last = run[-1]
            if following.step != last.step or last.count != 1 or following.count != 1:
                break
            if any(isinstance(value, str) for value in last.start):
                break  # whole modules, which do not grow
            difference = tuple(
                b - a for a, b in zip(last.start, following.start, strict=True)
            )
            if growth is not None and difference != growth:
                break
            growth = difference
            run.append(following)
        if len(run) > 2 and growth is not None:
            first = run[0]
            result.append(_Group(first.step, len(run), first.start, growth))
            position += len(run)
        else:
            result.append(groups[position])
            position += 1
    return result
