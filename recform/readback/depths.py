"""By which patterns timm sorts parameters by depth: held against the order of the pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
from typing import TypeAlias

from recform.diagnostics.refuted import Refuted
from recform.execution.file import File
from recform.execution.parts import Instance, Leaf, Row, Value
from recform.execution.rows import Span, span_of
from recform.readback.sides import learns_nothing

#: Which module it is: blocks of a row are made anew whenever somebody asks.
Place: TypeAlias = tuple[int, int]
#: When it runs; blocks of a row do so one after the other.
Rank: TypeAlias = tuple[int, int]

#: Where timm sorts what no pattern matches.
_BEHIND = (float("inf"),)


def place(part: Value) -> Place:
    """Which module it is."""
    if isinstance(part, Instance):
        span = span_of(part)
        return id(span.row), span.first
    return id(part), 0


def items(part: Value) -> Iterator[tuple[str, Value]]:
    """What a module holds, by name."""
    match part:
        case Instance(row=None):
            yield from part.attributes.items()
        case Row():
            names = part.names or map(str, range(len(part.held)))
            yield from zip(names, part.held, strict=True)


@dataclass(frozen=True)
class Pass:
    """The order in which modules of a network run up to its last level.

    Attributes:
        ran: what has returned, in the order of their ends.
        read: modules that blocks got, each with how many had returned before.
        blocks: that were called, with the number of their stage.
        apart: whether each stage has modules of its own that its blocks share.
    """

    ran: Sequence[Value]
    read: Sequence[tuple[Value, int]]
    blocks: Sequence[tuple[Span, int]]
    apart: bool

    def ranks(self) -> dict[Place, Rank]:
        """When modules run first, but for blocks that were passed over."""
        ends: dict[Place, int] = {}
        for number, part in enumerate(self.ran):
            ends.setdefault(place(part), number)
        found: dict[Place, Rank] = {}
        for part, before in self.read:
            found.setdefault(place(part), (self._begin(before, ends), -1))
        for where, number in ends.items():
            found.setdefault(where, (number, 0))
        return found

    def _begin(self, before: int, ends: Mapping[Place, int]) -> int:
        """The end of the first of the blocks that share what one of them gets.

        It is no part of any, and comes in front of all of them, whoever reads it.
        """
        found = [
            (ends[where], stage if self.apart else 0)
            for span, stage in self.blocks
            if (where := (id(span.row), span.first)) in ends
        ]
        stages = [stage for end, stage in found if end >= before]
        return min((end for end, stage in found if stage in stages[:1]), default=before)

    def block(
        self, part: Value, ranks: Mapping[Place, Rank]
    ) -> tuple[int, Rank] | None:
        """Of which stage it is a block, and when it runs; None if it is no block."""
        row, first = place(part)
        rank: Rank = (0, 0)
        for span, stage in self.blocks:
            if id(span.row) == row and first - span.first >= 0:
                # Those that were passed over ran behind the one before them.
                rank = max(rank, ranks.get((row, span.first), rank))
                if first - span.first < span.count:
                    return stage, (rank[0], first)
        return None


@dataclass(frozen=True)
class _Named:
    """A layer, or a block: its name, when it runs, and of which stage it is a block."""

    name: str
    rank: Rank | None
    stage: int | None = None


def check_depths(code: File, network: Instance, order: Pass) -> None:
    """Patterns for timm sort parameters by where they are read first.

    Raises:
        Refuted: if they do not.
    """
    found = list(_named(code, network, order))
    ran = sorted((n for n in found if n.rank), key=lambda n: n.rank or (0, 0))
    for coarse in (False, True):
        said = code.called_method(network, "group_matcher", [coarse])
        patterns = list(_patterns(said))
        keys = {n.name: _key(patterns, n.name) for n in found}
        for one in found:
            if (keys[one.name] == _BEHIND) != (one.rank is None):
                raise Refuted(f"timm would sort {one.name} with others than it runs")
        for a, b in pairwise(ran):
            if keys[a.name] > keys[b.name]:
                raise Refuted(f"timm would sort {b.name} in front of {a.name}")
        _check_stages(ran, keys, coarse)


def _check_stages(
    ran: Sequence[_Named], keys: Mapping[str, tuple[float, ...]], coarse: bool
) -> None:
    """Stages have depths of their own, and their blocks have."""
    before: set[tuple[float, ...]] = set()
    for stage, group in groupby((n for n in ran if n.stage is not None), _stage):
        blocks = [keys[n.name] for n in group]
        own = set(blocks)
        if own & before or len(own) not in ((1,) if coarse else (1, len(blocks))):
            raise Refuted(f"timm would sort blocks of stage {stage} with others")
        before |= own
    if before & {keys[n.name] for n in ran[:1] if n.stage is None}:
        raise Refuted("timm would sort the stem with blocks")


def _stage(named: _Named) -> int | None:
    return named.stage


def _named(code: File, network: Instance, order: Pass) -> Iterator[_Named]:
    """The layers and blocks of a network that learn something."""
    ranks = order.ranks()

    def inside(part: Value, path: str, around: Rank | None) -> Iterator[_Named]:
        for name, item in items(part):
            rank = ranks.get(place(item), around)
            if around and around[1] < 0:
                rank = around  # Blocks got what it is a part of.
            match item:
                case Leaf() if not learns_nothing(item.made, code):
                    yield _Named(f"{path}{name}", rank)
                case Instance() if block := order.block(item, ranks):
                    stage, rank = block
                    yield _Named(f"{path}{name}", rank, stage)
                case Instance() | Row():
                    yield from inside(item, f"{path}{name}.", rank)

    # Numbers that blocks have in common are there before any of them.
    for name in code.scalars.get(network.kind.name, {}):
        yield _Named(name, (-1, 0))
    yield from inside(network, "", None)


def _patterns(said: Value) -> Iterator[tuple[re.Pattern[str], int, tuple[float, ...]]]:
    """Patterns in the order in which timm tries them, with what they add to a depth."""
    for number, spec in enumerate(dict(said).values()):
        for pattern, more in [(spec, None)] if isinstance(spec, str) else spec:
            yield re.compile(pattern), number, more or ()


def _key(
    patterns: Sequence[tuple[re.Pattern[str], int, tuple[float, ...]]], name: str
) -> tuple[float, ...]:
    """The depth of a parameter, as timm compares it."""
    for pattern, number, more in patterns:
        if found := pattern.match(f"{name}.weight"):
            told = (g for g in found.groups() if g is not None)
            return tuple(map(float, chain((number,), told, more)))
    return _BEHIND
