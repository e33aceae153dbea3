"""Which blocks take the regular step: those in which it computes just what is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from recform.algebra.expr import Apply, Filled, History, Scaled, State, Tensor
from recform.closure import closure
from recform.recurrence.model import ModuleSlot, Slot, Step, contexts_of, used_in
from recform.recurrence.moves import move
from recform.recurrence.state import Border, suffices
from recform.recurrence.written import Written, tensors


class Repeats(Written):
    """A written-out network whose blocks take the regular step where they can."""

    def _moved(self, slot: Tensor, block: int) -> Tensor | None:
        """A tensor of the pattern as it reads for another block; None if it vanishes.

        It does if a number alone is left of it, which is handed on to nobody.
        """
        assert self.pattern is not None
        if isinstance(slot, State) and int(slot.index) > self.reach.absolute:
            index = int(slot.index) + block - self.pattern.at
            if index > self.length:
                return None
        shifted = move(slot, block - self.pattern.at, self.reach.absolute)
        made = self.unroller.unnamed(shifted)
        return None if isinstance(made, Filled) and made != shifted else made

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
        if not all(map(self.is_everywhere, contexts_of(pattern))):
            return None
        table = self._table(pattern, block)
        if table is None:
            return None
        given = [(slot, table[slot]) for slot in tensors(pattern.inputs)]
        if [tensor for _, tensor in given] != carried:
            return None
        if any(isinstance(t, Scaled) and not isinstance(s, Scaled) for s, t in given):
            # A sum of which one term is left: its number stands behind an adapter.
            return None
        early = self._early_at(pattern, block)
        if not self._same_parts(pattern, table, early, block):
            return None
        if self._runs_twice(pattern, table):
            return None
        outputs = [table[tensor] for tensor in tensors(pattern.outputs)]
        made = {table[tensor] for tensor in pattern.body}
        if not self._is_due(made, carried, block) or not self._enough(outputs, block):
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

    def _table(self, pattern: Step, block: int) -> dict[Tensor, Tensor] | None:
        """What the tensors of the pattern are for another block; None if one is not."""
        slots = [*tensors(pattern.inputs), *pattern.body]
        table = {tensor: self._moved(tensor, block) for tensor in slots}
        found = {tensor: moved for tensor, moved in table.items() if moved is not None}
        return found if len(found) == len(table) else None

    def _is_due(self, made: set[Tensor], carried: list[Tensor], block: int) -> bool:
        """Whether all that is made is needed, and all that is due in a block is made."""
        here = self._owned_at.get(block, ())
        there = made.union(carried)
        formed = made - self._alive
        return (not formed or formed <= self._formed(block)) and there.issuperset(here)

    def _runs_twice(self, pattern: Step, table: dict[Tensor, Tensor]) -> bool:
        """Whether an operator would run again, here or after an earlier block.

        A tensor that has two names here is one tensor.
        """
        done = {table[tensor] for tensor in tensors(pattern.inputs)}
        for tensor in pattern.body:
            if isinstance(tensor, Apply):
                if table[tensor] in done or table[tensor] in self._done:
                    return True
                done.add(table[tensor])
        return False

    def _hands_on(self, step: Step, block: int) -> bool:
        """Whether a step hands on all modules of blocks so far that later blocks use."""
        own = self._pattern_modules(block, step.outputs)
        before = dict(self.early)
        self.early.update(step.definitions)
        self.early.update(self._early_after(block))
        needed = self._modules(block, self._ahead[block], tensors(step.outputs))
        self.early = before
        return set(needed) <= set(own)

    def _is_used(self, slot: ModuleSlot) -> bool:
        """Whether anything that the output needs runs this module."""
        return slot in self._used

    @cached_property
    def _used(self) -> frozenset[ModuleSlot]:
        return frozenset(slot for tensor in self.live for slot in used_in(tensor))

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

    def _formed(self, block: int) -> set[Tensor]:
        """What is formed early of sums that the output needs."""
        early = [
            part
            for whole, split in (self.early | self._early_after(block)).items()
            if whole in self._alive
            for part in split.children
        ]
        return set(closure(early, lambda t: () if t in self._alive else self.parts(t)))

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
        before = dict(self.early)
        self.early.update(self._early_after(block))
        border = Border(
            self._is_known(block),
            tuple(self._ahead[block]),
            self._parts_or_end,
            self.is_everywhere,
        )
        result = suffices(outputs, border, self._waits(block))
        self.early = before
        return result

    def _wanted(
        self,
        block: int,
        have: set[Tensor],
        waiting: Sequence[Tensor],
        modules: Iterable[ModuleSlot],
    ) -> list[Tensor] | None:
        """The inputs of the regular step for the next block, if that block will take it.

        Args:
            block: the one that hands them on.
            have: the tensors that are there.
            waiting: what later blocks compute.
            modules: those that the block gets.
        """
        if self.pattern is None or block >= self.length:
            return None
        moved = [self._moved(slot, block + 1) for slot in tensors(self.pattern.inputs)]
        wanted = [tensor for tensor in moved if tensor is not None]
        if len(wanted) < len(moved):
            return None
        if any(not self._can_have(tensor, have) for tensor in wanted):
            return None
        before = dict(self.early)
        self.early.update(self._early_after(block))
        following = self._modules(block, waiting, wanted)
        needed = {*following, *self._modules(block, wanted, have)}
        self.early = before
        there = set(modules)
        if any(slot.index != block and slot not in there for slot in needed):
            return None
        step = self._pattern_at(block + 1, wanted, following)
        if step is None or not self._hands_on(step, block + 1):
            return None
        return wanted

    def _can_have(self, tensor: Tensor, have: set[Tensor]) -> bool:
        """Whether a tensor is there, or can be computed early from what is."""
        if tensor in have or self.is_everywhere(tensor):
            return True
        parts = self.parts(tensor)
        return (
            not self.anchored(tensor)
            and bool(parts)
            and all(self._can_have(part, have) for part in parts)
        )
