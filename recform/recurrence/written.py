"""A network written out, and what stands in which of its blocks.

The formula is written out for a network that is just long enough to show every case: the
first blocks, whose history is missing; one regular block; the last blocks, of which
nobody reads everything. Deeper networks repeat the regular block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import sympy

from recform.algebra.expr import (
    EVERYWHERE,
    Apply,
    Elementwise,
    Filled,
    History,
    Input,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import is_of_context
from recform.algebra.lists import Listed, Members, Mirror, is_list
from recform.closure import closure
from recform.recurrence.model import ModuleSlot, Slot, Step, scalars_in, used_in
from recform.recurrence.reach import Reach
from recform.recurrence.unroll import Unroller

#: A tensor, the block that makes it, and what reads it first.
_Met = tuple[Tensor, int, Tensor | None]


@dataclass
class Written:
    """One network (or stage), written out.

    Attributes:
        formula: the network.
        length: how many blocks it has here (at most as many as show every case).
        reach: of the equations.
        pattern: the regular step, which blocks take where they can.
        output: the output expression; None if nothing is left of it.
        live: all that the output needs, parts first.
        owned: what of that belongs to one block.
        constants: what the start makes of further inputs, for several blocks.
        early: sums of which a part is formed early, with that part in brackets.
    """

    formula: Formula
    length: int
    reach: Reach
    pattern: Step | None = None
    unroller: Unroller = field(init=False)
    output: Tensor | None = field(init=False)
    live: list[Tensor] = field(init=False)
    owned: list[Tensor] = field(init=False)
    constants: frozenset[Tensor] = field(init=False)
    early: dict[Tensor, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._done: set[Tensor] = set()
        # Behind each block, what waits and leads to something of blocks so far.
        self._ahead: list[dict[Tensor, None]] = []
        self._splits: dict[int, dict[Tensor, Tensor]] = {}
        self._time: dict[Tensor, int] = {}
        self.unroller = Unroller(self.formula, self.length, merged=True)
        self.output = self.unroller.output(self.formula.output)
        self.live = (
            []
            if self.output is None
            else list(subtensors(self.output, self.unroller.parts))
        )
        self.owned = list(filter(self.anchored, self.live))
        self.constants = frozenset(filter(is_of_context, self._constant()))

    def is_everywhere(self, tensor: Tensor) -> bool:
        """Whether each block has a tensor without its being handed on."""
        return isinstance(tensor, EVERYWHERE) or tensor in self.constants

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is made from, sums with the parts that are formed early.

        What a block takes off a stack comes to it by itself.
        """
        if isinstance(tensor, Mirror):
            return ()
        if tensor in self.early:
            return self.early[tensor].children
        return self.unroller.parts(tensor)

    def time(self, tensor: Tensor) -> int:
        """The block that makes a tensor at the earliest; 0 is before the first block."""
        if tensor not in self._time:
            own = 0
            if isinstance(tensor, State | Mirror):
                self._time[tensor] = max(0, int(tensor.index))
                return self._time[tensor]
            if isinstance(tensor, Apply) and tensor.index is not sympy.nan:
                own = int(tensor.index)
            elif isinstance(tensor, History) and tensor.kind == "finished":
                own = int(tensor.last)
            elif isinstance(tensor, Scaled | Filled):
                own = max((slot.index for slot in scalars_in(tensor)), default=0)
            below = [self.time(part) for part in self.unroller.parts(tensor)]
            self._time[tensor] = max([own, *below])
        return self._time[tensor]

    def anchored(self, tensor: Tensor) -> bool:
        """Whether a tensor belongs to one block: unknowns, and operators of a block.

        A list does: it grows as soon as its new member is there.
        """
        return _anchored(tensor)

    def _parts_or_end(self, tensor: Tensor) -> tuple[Tensor, ...]:
        return tensor.children if isinstance(tensor, End) else self.parts(tensor)

    def _parts_behind(self, block: int) -> Callable[[Tensor], tuple[Tensor, ...]]:
        """What tensors are made from, as far as it has to do with blocks so far.

        What leads to nothing of these has no part in the state behind them.
        """

        def parts(tensor: Tensor) -> tuple[Tensor, ...]:
            return () if self._is_far(tensor, block) else self._parts_or_end(tensor)

        return parts

    def _is_later(self, tensor: Tensor, block: int) -> bool:
        """Whether blocks behind this one make a tensor."""
        return tensor in self._alive and self.time(tensor) > block

    def _is_far(self, tensor: Tensor, block: int) -> bool:
        """Whether they make it, and it leads to nothing of blocks so far."""
        return tensor not in self._ahead[block] and self._is_later(tensor, block)

    @cached_property
    def _alive(self) -> frozenset[Tensor]:
        return frozenset(self.live)

    @cached_property
    def _owned_at(self) -> dict[int, list[Tensor]]:
        """What belongs to each block."""
        groups: dict[int, list[Tensor]] = {}
        for tensor in self.owned:
            groups.setdefault(self.time(tensor), []).append(tensor)
        return groups

    def _waits(self, block: int) -> Callable[[Tensor], bool]:
        """Whether a tensor belongs to a later block, or leads to nothing of those so far."""
        return lambda tensor: (
            self._is_later(tensor, block)
            and (self.anchored(tensor) or tensor not in self._ahead[block])
        )

    def _by_time(self) -> dict[int, list[Tensor]]:
        """Live tensors that belong to a block, by block; unknowns in the file's order."""
        groups = {block: list(owned) for block, owned in self._owned_at.items()}
        for tensor in self._constant():
            groups.setdefault(0, []).append(tensor)
        for mirror in self.mirrors:
            kept = Kept(mirror, *self._kept(mirror))
            groups.setdefault(max(0, mirror.block), []).append(kept)
        rank = {e.unknown: n for n, e in enumerate(self.formula.equations)}
        for items in groups.values():
            items.sort(
                key=lambda t: rank.get(t.name, 0) if isinstance(t, State) else len(rank)
            )
        return groups

    def _by_border(
        self, groups: Mapping[int, list[Tensor]]
    ) -> list[dict[Tensor, None]]:
        """Behind each block, what is made later and leads to something of blocks so far.

        Of several ways to a tensor only the first one counts: who adds to a history reads
        all of it, and each block reads the newest part of it.
        """
        met = self._met(groups)
        oldest = self._oldest(met)
        for tensor, _, reader in reversed(met):
            if reader is not None:
                oldest[reader] = min(oldest[reader], oldest[tensor])
        ahead: list[dict[Tensor, None]] = [{} for _ in range(self.length + 1)]
        for tensor, block, _ in met:
            for border in range(oldest[tensor], block):
                ahead[border][tensor] = None
        return ahead

    def _oldest(self, met: Iterable[_Met]) -> dict[Tensor, int]:
        """From which border on each tensor reads what no other one has read before it.

        Two terms of a sum may be formed early, so it matters that both are read by it.
        """
        oldest: dict[Tensor, int] = {}
        read: dict[Slot, int] = {}
        for tensor, block, _ in met:
            parts = self._made_of(self._parts_or_end(tensor))
            alone = block
            if isinstance(tensor, TensorSum) and len(parts) > 1:
                alone = min(block, sorted(map(self.time, parts))[1])
            times: dict[Slot, int] = {part: self.time(part) for part in parts}
            used = {s: s.index for s in self._modules_in(tensor) if s.index > 0}
            slots = (*times.items(), *used.items())
            oldest[tensor] = min([alone, *(max(n, read.get(s, 0)) for s, n in slots)])
            for slot, _ in slots:
                until = alone if slot in times else block
                read[slot] = max(read.get(slot, 0), until)
        return oldest

    def _modules_in(self, tensor: Tensor) -> Iterator[ModuleSlot]:
        """What a tensor is made with, and the numbers that are added in it."""
        yield from used_in(tensor)
        for part in filter(self.is_everywhere, self._parts_or_end(tensor)):
            yield from used_in(part)

    def _met(self, groups: Mapping[int, list[Tensor]]) -> list[_Met]:
        """All that is made, each before what it is made of: block, and first reader."""
        assert self.output is not None
        roots = [(n, root) for n in sorted(groups) if n for root in groups[n]]
        roots.append((self.length + 1, End(self.output)))
        met: dict[Tensor, tuple[int, Tensor | None]] = {}
        for block, root in roots:
            stack: list[tuple[Tensor, Tensor | None]] = [(root, None)]
            while stack:
                tensor, reader = stack.pop()
                if tensor not in met:
                    of_block = block if tensor is root else self.time(tensor)
                    met[tensor] = of_block, reader
                    parts = self._made_of(self._parts_or_end(tensor))
                    stack += [(part, tensor) for part in reversed(parts)]
        return [(tensor, *found) for tensor, found in met.items()]

    @property
    def mirrors(self) -> list[Mirror]:
        """What blocks take off stacks, in the order in which it was put there."""
        found = [tensor for tensor in self.live if isinstance(tensor, Mirror)]
        return sorted(found, key=lambda m: m.block)

    def _kept(self, mirror: Mirror) -> tuple[Tensor, ...]:
        """The tensor that a block takes off a stack, as it is called where it is made."""
        return self.unroller.parts(mirror)

    def _constant(self) -> list[Tensor]:
        """Tensors of the start that several blocks read: computed once, before them.

        They are handed on without a coefficient, which stands behind an adapter.
        """
        users: dict[Tensor, set[int]] = {}
        for tensor in self.live:
            if isinstance(tensor, Scaled):
                continue
            for part in self.unroller.parts(tensor):
                while isinstance(part, Scaled):
                    part = part.tensor
                if self.time(part) == 0 and not self.anchored(part):
                    users.setdefault(part, set()).add(self.time(tensor))
        return [
            tensor
            for tensor in self.live
            if len(users.get(tensor, ())) > 1
            and (costs(tensor) or (is_of_context(tensor) and not is_cheap(tensor)))
        ]

    @cached_property
    def _past(self) -> dict[Tensor, int]:
        """From which block on each tensor is computed, carried or not.

        The cut is made among all of it, so that it does not depend on the cuts before:
        then it is the same between any two regular blocks. Nor is anything wanted that was
        dropped earlier: from border to border there is more past and less future, and both
        move a cut that lies nearest to the past forward. What is formed early of a sum is
        another sum, of which nobody asks that.
        """
        found: dict[Tensor, int] = {}

        def steps(tensor: Tensor) -> list[Tensor]:
            if isinstance(tensor, Mirror):
                return []
            parts = self._made_of(self.unroller.parts(tensor))
            return [part for part in parts if part not in found]

        for block, owned in sorted(self._owned_at.items()):
            new = closure((t for t in owned if t not in found), steps)
            found.update(dict.fromkeys(new, block))
        return found

    def _is_known(self, block: int) -> Callable[[Tensor], bool]:
        """Whether blocks so far have computed a tensor, which costs something.

        What was computed and is not handed on is gone: it is not computed again.
        """

        def known(tensor: Tensor) -> bool:
            if is_cheap(tensor) or tensor in self.constants:
                return False
            return tensor in self._done or self._past.get(tensor, block + 1) <= block

        return known

    def _made_of(self, parts: Iterable[Tensor]) -> list[Tensor]:
        """Parts without what each block has."""
        return [part for part in parts if not self.is_everywhere(part)]

    def _modules(
        self, block: int, waiting: Iterable[Tensor], outputs: Iterable[Tensor]
    ) -> tuple[ModuleSlot, ...]:
        """Operators and scalars of blocks so far that later blocks use.

        Later blocks compute all that is needed and not handed on.
        """
        there = set(outputs)
        parts = self._parts_behind(block)
        used = {
            slot
            for tensor in closure(waiting, lambda t: () if t in there else parts(t))
            if tensor not in there
            for slot in used_in(tensor)
            if 0 < slot.index <= block
        }
        order = [*self.formula.operators, *self.formula.scalars]
        return tuple(sorted(used, key=lambda s: (order.index(s.name), s.index)))


@lru_cache(maxsize=4096)
def _anchored(tensor: Tensor) -> bool:
    return (
        isinstance(tensor, State | Input | Mirror)
        or (is_list(tensor) and isinstance(tensor, History))
        or (isinstance(tensor, Apply) and tensor.index is not sympy.nan)
    )


class End(Tensor):
    """Reads the output after the last block."""


class Kept(End):
    """Reads what a block puts on a stack: the second argument, for the first.

    The first is what a later block makes of it, which is no part.
    """

    @cached_property
    def children(self) -> tuple[Tensor, ...]:
        """What is put there."""
        return (self.args[1],)


def tensors(slots: Iterable[Slot]) -> list[Tensor]:
    """The slots that hold tensors, and not modules."""
    return [slot for slot in slots if isinstance(slot, Tensor)]


def costs(tensor: Tensor) -> bool:
    """Whether computing a tensor again would cost something."""
    return isinstance(tensor, Apply | Elementwise) or any(
        costs(part) for part in tensor.children
    )


@lru_cache(maxsize=4096)
def is_cheap(tensor: Tensor) -> bool:
    """Whether a tensor may be formed again from its terms, rather than be carried.

    Sums and multiples are, and so are the members of a list, put together; functions and
    operators are computed once. A multiple stands behind an adapter, so it does not travel.
    """
    return isinstance(tensor, Scaled | TensorSum | Members | Listed)
