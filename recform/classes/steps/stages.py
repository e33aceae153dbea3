"""The containers of the stages: constructor calls, and rows of equal blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from recform.algebra.symbols import is_width
from recform.blocks.shape import Size
from recform.graph.model import NetworkGraph, Segment
from recform.plan.columns import Kind
from recform.plan.expressions import (
    Argument,
    Code,
    Container,
    Expression,
    Holds,
    Item,
    Make,
    Number,
)
from recform.plan.network import StepPlan


@dataclass(frozen=True)
class _Group:
    """Blocks in a row with one constructor call; arguments may grow from block to block.

    Attributes:
        step: of the recurrence.
        count: how many blocks.
        start: the arguments of the first.
        growth: by how much each is larger in the next.
        made: the module that they are, if they are no class of their own.
    """

    step: int
    count: int
    start: tuple[Size, ...]
    growth: tuple[Size, ...]
    made: Expression | None = None


@dataclass(frozen=True)
class Blocks:
    """Blocks in a row.

    Attributes:
        made: makes one of them; a list of modules, if they are flat.
        count: how many blocks.
        flat: how many modules each of them is, if it is no module of its own.
    """

    made: Expression
    count: int
    flat: int


class StageWriter:
    """The blocks of stages.

    Args:
        network: the whole.
        steps: of the recurrence, as code.
        single: whether states are single tensors rather than tuples.
    """

    def __init__(
        self, network: NetworkGraph, steps: Sequence[StepPlan], single: bool
    ) -> None:
        self._steps = steps
        self._single = single
        seen: Counter[int] = Counter()
        self._groups: list[list[_Group]] = []
        for stage in network.stages:
            groups = []
            for segment in stage.segments:
                groups.append(self._group(segment, seen[segment.step]))
                seen[segment.step] += 1
            self._groups.append(_merged(groups))

    def container(self, stage: int) -> Container:
        """The container with the blocks of a stage."""
        kind = Holds.SEQUENTIAL if self._single else Holds.LIST
        items = (Item(b.made, count=b.count) for b in self.blocks(stage))
        return Container(kind, tuple(items))

    def blocks(self, stage: int) -> Iterator[Blocks]:
        """The blocks of a stage, those with one constructor call together."""
        for group in self._groups[stage]:
            step = self._steps[group.step]
            yield Blocks(self._made(step, group), group.count, step.flat)

    def _group(self, segment: Segment, position: int) -> _Group:
        """The blocks of a segment; steady growth of arguments is one call.

        Args:
            segment: of a stage.
            position: how many segments before it take its step.
        """
        step = self._steps[segment.step]
        if step.made:
            made = step.made[position]
            return _Group(segment.step, segment.count, (), (), made)
        start = tuple(a.column.values[position] for a in step.arguments)
        growth = tuple(int(a.column.kind is Kind.INDEX) for a in step.arguments)
        return _Group(segment.step, segment.count, start, growth)

    def _made(self, step: StepPlan, group: _Group) -> Expression:
        if group.made is not None:
            return group.made
        arguments: list[Argument] = []
        for given, value, growth in zip(
            step.arguments, group.start, group.growth, strict=True
        ):
            number = Number(value, growth if group.count > 1 else 0)
            if given.column.kind is not Kind.STRIDE or number != Number(1):
                name = "" if is_width(given.name) else given.name
                arguments.append(Argument(number, name))
        arguments += (Argument(Code(name), name) for name in step.free)
        return Make(step.name, tuple(arguments))


def _joined(groups: list[_Group]) -> list[_Group]:
    """Joins neighbours that are constructed alike (and differ in costs, say)."""
    result: list[_Group] = []
    for group in groups:
        last = result[-1] if result else None
        if (
            last is not None
            and (last.step, last.made) == (group.step, group.made)
            and last.growth == group.growth
            and _behind(last) == group.start
        ):
            result[-1] = replace(last, count=last.count + group.count)
        else:
            result.append(group)
    return result


def _behind(group: _Group) -> tuple[Size, ...]:
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
        growth: tuple[Size, ...] | None = None
        while position + len(run) < len(groups):
            following = groups[position + len(run)]
            last = run[-1]
            if following.step != last.step or last.count != 1 or following.count != 1:
                break
            if last.made is not None:
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
