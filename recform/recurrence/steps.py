"""Block by block: what is computed where, and which blocks take the same step.

The formula is written out for a network that is just long enough to show every case: the
first blocks, whose history is missing; one regular block; the last blocks, of which
nobody reads everything. Deeper networks repeat the regular block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import sympy

from recform.algebra.expr import (
    Apply,
    Elementwise,
    Filled,
    History,
    Input,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.recurrence.model import ModuleSlot, Slot, Step
from recform.recurrence.moves import move, scalars_in, used_in
from recform.recurrence.reach import Reach
from recform.recurrence.state import Border, Cut, smallest, suffices
from recform.recurrence.unroll import Unroller

#: What a block computes, in its order; a sum with the parts that were formed early.
_Body = dict[Tensor, Tensor | None]


@dataclass
class Writer:
    """Writes one network (or stage) out and follows it block by block.

    Attributes:
        formula: the network.
        length: how many blocks it has here (at most as many as show every case).
        reach: of the equations.
        pattern: the regular step, which blocks take where they can.
    """

    formula: Formula
    length: int
    reach: Reach
    pattern: Step | None = None
    unroller: Unroller = field(init=False)
    live: list[Tensor] = field(init=False)
    early: dict[Tensor, Tensor] = field(default_factory=dict)
    cuts: dict[int, Cut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._now = 0
        # What blocks so far have computed, in their order.
        self._done: dict[Tensor, None] = {}
        self._splits: dict[int, dict[Tensor, Tensor]] = {}
        self.unroller = Unroller(self.formula, self.length, merged=True)
        output = self.unroller.output(self.formula.output)
        self.output = output
        self.live = [] if output is None else self._live(output)
        self._time: dict[Tensor, int] = {}

    # -- what there is

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is made from, sums with the parts that are formed early."""
        if tensor in self.early:
            return self.early[tensor].children
        return self.unroller.parts(tensor)

    def _live(self, output: Tensor) -> list[Tensor]:
        """Everything that the output needs, parts first, without deep recursion."""
        done: dict[Tensor, None] = {}
        stack: list[tuple[Tensor, bool]] = [(output, False)]
        while stack:
            tensor, ready = stack.pop()
            if tensor in done:
                continue
            if ready:
                done[tensor] = None
                continue
            stack.append((tensor, True))
            stack.extend(
                (part, False) for part in reversed(self.unroller.parts(tensor))
            )
        return list(done)

    def time(self, tensor: Tensor) -> int:
        """The block that makes a tensor at the earliest; 0 is before the first block."""
        if tensor not in self._time:
            own = 0
            if isinstance(tensor, State):
                self._time[tensor] = max(0, int(tensor.index))
                return self._time[tensor]
            if isinstance(tensor, Apply) and tensor.index is not sympy.nan:
                own = int(tensor.index)
            elif isinstance(tensor, Scaled | Filled):
                own = max((slot.index for slot in scalars_in(tensor)), default=0)
            below = [self.time(part) for part in self.unroller.parts(tensor)]
            self._time[tensor] = max([own, *below])
        return self._time[tensor]

    def anchored(self, tensor: Tensor) -> bool:
        """Whether a tensor belongs to one block: unknowns, and operators of a block."""
        return isinstance(tensor, State | Input) or (
            isinstance(tensor, Apply) and tensor.index is not sympy.nan
        )

    # -- following the blocks

    def follow(self) -> list[Step]:
        """The step of every block, from block 0 (the start) to the end.

        The last item is the end: what is computed after the last block.
        """
        assert self.output is not None
        groups = self._by_time()
        carried: list[Tensor] = []
        have: set[Tensor] = set()
        steps: list[Step] = []
        modules: tuple[ModuleSlot, ...] = ()
        for block in range(self.length + 1):
            self._now = block
            targets = groups.get(block, [])
            waiting = [
                t for b in range(block + 1, self.length + 1) for t in groups.get(b, [])
            ]
            waiting.append(_End(self.output))
            taken = self._pattern_at(block, carried, modules) if block else None
            if taken is not None and not self._hands_on(taken, block, waiting):
                taken = None
            body: _Body = {}
            if taken is not None:
                outputs = [t for t in taken.outputs if isinstance(t, Tensor)]
                self.early.update(taken.definitions)
                self.early.update(self._early_after(block))
                body = {tensor: self.early.get(tensor) for tensor in taken.body}
            else:
                for tensor in targets:
                    self._compute(tensor, have, body)
                self._done.update(dict.fromkeys(body))
                everything = dict.fromkeys(
                    [*carried, *body, *self._past(block), *self._done]
                )
                known = tuple(t for t in everything if not _is_cheap(t))
                border = Border(
                    known, tuple(waiting), self._parts_or_end, self._by(block)
                )
                outputs = self._outputs(block, border, have, carried, modules)
                for tensor in outputs:
                    self._compute(tensor, have, body)
                    assert self.time(tensor) <= block
            following = (
                self._pattern_modules(block, taken.outputs)
                if taken is not None
                else self._modules(block, waiting, outputs)
            )
            steps.append(
                Step(
                    at=block,
                    inputs=(*carried, *modules),
                    outputs=(*outputs, *following),
                    body=tuple(body),
                    definitions=self._definitions(body),
                    absolute=self.reach.absolute,
                    role="pattern" if taken is not None else "",
                )
            )
            carried, modules = outputs, following
            have = set(outputs)
            self._done.update(dict.fromkeys(body))
        body = {}
        self._compute(self.output, have, body)
        steps.append(
            Step(
                at=self.length + 1,
                inputs=(*carried, *modules),
                outputs=(self.output,),
                body=tuple(body),
                definitions=self._definitions(body),
                absolute=self.reach.absolute,
            )
        )
        return steps

    def _parts_or_end(self, tensor: Tensor) -> tuple[Tensor, ...]:
        return tensor.children if isinstance(tensor, _End) else self.parts(tensor)

    def _by_time(self) -> dict[int, list[Tensor]]:
        """Live tensors that belong to a block, by block; unknowns in the file's order."""
        groups: dict[int, list[Tensor]] = {}
        for tensor in self.live:
            if self.anchored(tensor):
                groups.setdefault(self.time(tensor), []).append(tensor)
        for tensor in self._constant():
            groups.setdefault(0, []).append(tensor)
        rank = {e.unknown: n for n, e in enumerate(self.formula.equations)}
        for items in groups.values():
            items.sort(
                key=lambda t: rank.get(t.name, 0) if isinstance(t, State) else len(rank)
            )
        return groups

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
            if len(users.get(tensor, ())) > 1 and _costs(tensor)
        ]

    def _by(self, block: int) -> Callable[[Tensor], bool]:
        return lambda tensor: self.time(tensor) <= block

    def _past(self, block: int) -> list[Tensor]:
        """All that blocks so far have computed, carried or not.

        The cut is made among all of it, so that it does not depend on the cuts before:
        then it is the same between any two regular blocks. Nor is anything wanted that was
        dropped earlier: from border to border there is more past and less future, and both
        move a cut that lies nearest to the past forward.
        """
        past: dict[Tensor, None] = {}
        stack = [t for t in self.live if self.anchored(t) and self.time(t) <= block]
        while stack:
            tensor = stack.pop()
            if tensor not in past:
                past[tensor] = None
                stack.extend(p for p in self.parts(tensor) if not isinstance(p, Filled))
        return list(past)

    def _compute(self, tensor: Tensor, have: set[Tensor], body: _Body) -> None:
        """Adds a tensor and what it needs to a body, parts first."""
        if tensor in have or isinstance(tensor, Filled):
            return
        if self.anchored(tensor) and self.time(tensor) < self._now:
            raise AssertionError(f"{tensor} was dropped before block {self._now}")
        for part in self.parts(tensor):
            self._compute(part, have, body)
        have.add(tensor)
        body[tensor] = self.early.get(tensor)

    def _outputs(
        self,
        block: int,
        border: Border,
        have: set[Tensor],
        carried: list[Tensor],
        modules: tuple[ModuleSlot, ...],
    ) -> list[Tensor]:
        """What the block hands on: what the regular step wants, or else a minimum cut."""
        wanted = self._wanted(block, have)
        if wanted is not None and self._has_modules(
            block, border, have, wanted, modules
        ):
            self.early.update(self._early_after(block))
            return wanted
        cut = self._once(border)
        self.cuts[block] = cut
        self.early.update(cut.early)
        # What comes in a block later goes out in the same order.
        again = [self.unroller.settle(self._later(tensor)) for tensor in carried]
        if len(again) == len(cut.tensors) and set(again) == set(cut.tensors):
            return [tensor for tensor in again if tensor is not None]
        return sorted(cut.tensors, key=lambda tensor: self._rank(tensor, block))

    def _once(self, border: Border) -> Cut:
        """The smallest state from which nothing is computed again.

        What goes into a sum that is formed early, and is read later as well, is there.
        """
        while True:
            cut = smallest(border)
            made = self._needed(cut.tensors, border.known, cut)
            later = self._needed(border.waiting, (*cut.tensors, *border.known), cut)
            twice = tuple(t for t in made if t in later and not _is_cheap(t))
            if not twice:
                return cut
            border = replace(border, known=(*border.known, *twice))

    def _needed(
        self, of: Iterable[Tensor], there: Iterable[Tensor], cut: Cut
    ) -> dict[Tensor, None]:
        """What has to be computed to have some tensors, where others are there."""
        there = set(there)
        needed: dict[Tensor, None] = {}
        stack = [
            tensor for tensor in of if isinstance(tensor, _End) or tensor not in there
        ]
        while stack:
            tensor = stack.pop()
            if tensor not in needed:
                needed[tensor] = None
                split = cut.early.get(tensor)
                parts = self._parts_or_end(tensor) if split is None else split.children
                stack.extend(part for part in parts if part not in there)
        return needed

    def _later(self, tensor: Tensor) -> Tensor:
        """A tensor of the block before, for this one."""
        return move(tensor, 1, self.reach.absolute)

    def _rank(self, tensor: Tensor, block: int) -> tuple[int, int, int]:
        """Unknowns first, the newest first, then in the order of the file."""
        if not isinstance(tensor, State):
            return (1, 0, 0)
        names = [equation.unknown for equation in self.formula.equations]
        age = block - int(tensor.index)
        return (0, age, names.index(tensor.name) if tensor.name in names else 0)

    def _wanted(self, block: int, have: set[Tensor]) -> list[Tensor] | None:
        """The inputs of the regular step for the next block, if they can be had."""
        if self.pattern is None or block >= self.length:
            return None
        wanted = [
            self._moved(slot, block + 1)
            for slot in self.pattern.inputs
            if isinstance(slot, Tensor)
        ]
        if any(tensor is None for tensor in wanted):
            return None
        tensors = [tensor for tensor in wanted if tensor is not None]
        if any(not self._can_have(tensor, have) for tensor in tensors):
            return None
        if self._pattern_at(block + 1, tensors) is None:
            return None
        return tensors

    def _has_modules(
        self,
        block: int,
        border: Border,
        have: set[Tensor],
        wanted: list[Tensor],
        modules: tuple[ModuleSlot, ...],
    ) -> bool:
        """Whether the modules are there that make a state, and that go on from it."""
        before = dict(self.early)
        self.early.update(self._early_after(block))
        needed = {
            *self._modules(block, border.waiting, wanted),
            *self._modules(block, wanted, have),
        }
        self.early = before
        return all(slot.index == block or slot in modules for slot in needed)

    def _can_have(self, tensor: Tensor, have: set[Tensor]) -> bool:
        """Whether a tensor is there, or can be computed early from what is."""
        if tensor in have:
            return True
        parts = self.parts(tensor)
        return (
            not self.anchored(tensor)
            and bool(parts)
            and all(self._can_have(part, have) for part in parts)
        )

    def _modules(
        self, block: int, waiting: Iterable[Tensor], outputs: Iterable[Tensor]
    ) -> tuple[ModuleSlot, ...]:
        """Operators and scalars of blocks so far that later blocks use.

        Later blocks compute all that is needed and not handed on.
        """
        there = set(outputs)
        slots: set[ModuleSlot] = set()
        stack = list(waiting)
        while stack:
            tensor = stack.pop()
            if tensor in there:
                continue
            there.add(tensor)
            slots.update(slot for slot in used_in(tensor) if 0 < slot.index <= block)
            stack.extend(self._parts_or_end(tensor))
        order = [*self.formula.operators, *self.formula.scalars]
        return tuple(sorted(slots, key=lambda s: (order.index(s.name), s.index)))

    def _definitions(self, body: _Body) -> dict[Tensor, Tensor]:
        """What unknowns, histories and sums with a part formed early were made of.

        A sum that was made before its part was wanted is made of its terms.
        """
        named = self.unroller.definitions
        return {
            tensor: split or named[tensor]
            for tensor, split in body.items()
            if split is not None or tensor in named
        }

    # -- the regular step in other places

    def _moved(self, slot: Tensor, block: int) -> Tensor | None:
        """A tensor of the pattern as it reads for another block; None if it vanishes."""
        assert self.pattern is not None
        if isinstance(slot, State) and int(slot.index) > self.reach.absolute:
            index = int(slot.index) + block - self.pattern.at
            if index > self.length:
                return None
        shifted = move(slot, block - self.pattern.at, self.reach.absolute)
        return self.unroller.unnamed(shifted)

    def _pattern_modules(
        self, block: int, slots: Iterable[Slot]
    ) -> tuple[ModuleSlot, ...]:
        """Modules that the regular step gets or hands on, for another block."""
        assert self.pattern is not None
        distance = block - self.pattern.at
        return tuple(
            ModuleSlot(slot.name, slot.index + distance)
            for slot in slots
            if isinstance(slot, ModuleSlot)
        )

    def _pattern_at(
        self,
        block: int,
        carried: list[Tensor],
        modules: tuple[ModuleSlot, ...] | None = None,
    ) -> Step | None:
        """The regular step for this block, if it computes just what is needed here."""
        pattern = self.pattern
        if pattern is None:
            return None
        wanted = self._pattern_modules(block, pattern.inputs)
        if modules is not None and modules != wanted:
            return None
        made_here = self._pattern_modules(block, pattern.outputs)
        if any(slot.index == block and not self._is_used(slot) for slot in made_here):
            return None
        table: dict[Tensor, Tensor] = {}
        for tensor in [*_tensors(pattern.inputs), *pattern.body]:
            moved = self._moved(tensor, block)
            if moved is None:
                return None
            table[tensor] = moved
        if [table[tensor] for tensor in _tensors(pattern.inputs)] != carried:
            return None
        early = self._early_at(pattern, block)
        if not self._same_parts(pattern, table, early, block):
            return None
        if self._runs_twice(pattern, table):
            return None
        made = {table[tensor] for tensor in pattern.body}
        if not made <= self._living(block):
            return None
        here = [t for t in self.live if self.anchored(t) and self.time(t) == block]
        if any(t not in made and t not in carried for t in here):
            return None
        outputs = [table[tensor] for tensor in _tensors(pattern.outputs)]
        if not self._enough(outputs, block):
            return None
        return Step(
            at=block,
            inputs=tuple(carried),
            outputs=(
                *outputs,
                *(s for s in pattern.outputs if isinstance(s, ModuleSlot)),
            ),
            body=tuple(dict.fromkeys(table[t] for t in pattern.body)),
            definitions=early,
        )

    def _runs_twice(self, pattern: Step, table: dict[Tensor, Tensor]) -> bool:
        """Whether an operator would run again, here or after an earlier block.

        A tensor that has two names here is one tensor.
        """
        done = {*self._done, *(table[tensor] for tensor in _tensors(pattern.inputs))}
        for tensor in pattern.body:
            if isinstance(tensor, Apply):
                if table[tensor] in done:
                    return True
                done.add(table[tensor])
        return False

    def _hands_on(self, step: Step, block: int, waiting: list[Tensor]) -> bool:
        """Whether a step hands on all modules of blocks so far that later blocks use."""
        own = self._pattern_modules(block, step.outputs)
        before = dict(self.early)
        self.early.update(step.definitions)
        self.early.update(self._early_after(block))
        needed = self._modules(block, waiting, _tensors(step.outputs))
        self.early = before
        return set(needed) <= set(own)

    def _is_used(self, slot: ModuleSlot) -> bool:
        """Whether anything that the output needs runs this module."""
        return any(slot in used_in(tensor) for tensor in self.live)

    def _early_at(self, pattern: Step, block: int) -> dict[Tensor, Tensor]:
        """The sums of the pattern that have a part formed early, for another block."""
        if block not in self._splits:
            early = self._splits[block] = {}
            for whole, split in pattern.definitions.items():
                if not isinstance(whole, State | History):
                    moved = [self._moved(tensor, block) for tensor in (whole, split)]
                    if moved[0] is not None and moved[1] is not None:
                        early[moved[0]] = moved[1]
        return self._splits[block]

    def _same_parts(
        self,
        pattern: Step,
        table: dict[Tensor, Tensor],
        early: dict[Tensor, Tensor],
        block: int,
    ) -> bool:
        """Whether each tensor is made of the same parts here as in the pattern."""
        for tensor in pattern.body:
            mine = table[tensor]
            parts = tuple(
                table[part] if part in table else self._moved(part, block)
                for part in pattern.parts(tensor)
            )
            here = early[mine].children if mine in early else self.parts(mine)
            if parts != here:
                return False
        return True

    def _living(self, block: int) -> set[Tensor]:
        """What the output needs: live tensors, and the early parts of live sums."""
        living = set(self.live)
        stack = [
            part
            for whole, split in (self.early | self._early_after(block)).items()
            if whole in living
            for part in split.children
        ]
        while stack:
            part = stack.pop()
            if part not in living:
                living.add(part)
                stack.extend(self.parts(part))
        return living

    def _early_after(self, block: int) -> dict[Tensor, Tensor]:
        """The sums of the blocks after this one, as the regular step splits them.

        Of all of them: a part of the first blocks alone is handed on to the last one.
        """
        early: dict[Tensor, Tensor] = {}
        if self.pattern is not None:
            for later in range(block + 1, self.length + 1):
                early |= self._early_at(self.pattern, later)
        return early

    def _enough(self, outputs: list[Tensor], block: int) -> bool:
        """Whether the blocks after this one can go on from these outputs."""
        assert self.output is not None
        waiting = [t for t in self.live if self.anchored(t) and self.time(t) > block]
        before = dict(self.early)
        self.early.update(self._early_after(block))
        # What was computed and is not handed on is gone: it is not computed again.
        made = dict.fromkeys([*self._past(block), *self._done])
        gone = tuple(tensor for tensor in made if not _is_cheap(tensor))
        border = Border(gone, (*waiting, _End(self.output)), self._parts_or_end)
        result = suffices(outputs, border)
        self.early = before
        return result


class _End(Tensor):
    """Reads the output after the last block."""


def _tensors(slots: Iterable[Slot]) -> list[Tensor]:
    return [slot for slot in slots if isinstance(slot, Tensor)]


def _costs(tensor: Tensor) -> bool:
    """Whether computing a tensor again would cost something."""
    return isinstance(tensor, Apply | Elementwise) or any(
        _costs(part) for part in tensor.children
    )


def _is_cheap(tensor: Tensor) -> bool:
    """Whether a tensor may be formed again from its terms, rather than be carried.

    Sums and multiples are, if the block has the number; functions and operators are
    computed once.
    """
    if isinstance(tensor, Scaled):
        return not scalars_in(tensor)
    return isinstance(tensor, TensorSum)
