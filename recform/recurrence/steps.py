"""Block by block: what is computed where, and what a block hands on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from recform.algebra.expr import (
    EVERYWHERE,
    Combine,
    Pointwise,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.indices import is_of_context
from recform.algebra.lists import Mirror
from recform.closure import closure
from recform.recurrence.model import OPEN, PATTERN, ModuleSlot, Role, Slot, Step
from recform.recurrence.moves import move
from recform.recurrence.repeats import Repeats
from recform.recurrence.state import Border, Cut, smallest
from recform.recurrence.written import End, Kept, is_cheap, tensors

#: What a block computes, in its order; a sum with the parts that were formed early.
_Body = dict[Tensor, Tensor | None]


@dataclass
class Writer(Repeats):
    """Follows a written-out network block by block.

    Attributes:
        cuts: for each block that takes a step of its own, the state behind it.
    """

    cuts: dict[int, Cut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._now = 0

    def follow(self) -> list[Step]:
        """The step of every block, from block 0 (the start) to the end.

        The last item is the end: what is computed after the last block.
        """
        assert self.output is not None
        groups = self._by_time()
        self._ahead = self._by_border(groups)
        steps: list[Step] = []
        inputs: tuple[Slot, ...] = ()
        for block in range(self.length + 1):
            self._now = block
            taken = self._taken(block, inputs)
            step = (
                self._own(block, groups.get(block, []), inputs)
                if taken is None
                else self._repeated(block, inputs, taken)
            )
            steps.append(step)
            self._done.update(step.body)
            inputs = step.handed
        start, *others = steps
        return [_without_unread(start), *others, self._last(inputs)]

    def _taken(self, block: int, inputs: tuple[Slot, ...]) -> Step | None:
        """The regular step for a block, if it takes that."""
        if not block:
            return None
        modules = tuple(slot for slot in inputs if isinstance(slot, ModuleSlot))
        taken = self._pattern_at(block, tensors(inputs), modules)
        hands_on = taken is not None and self._hands_on(taken, block)
        return taken if hands_on else None

    def _repeated(self, block: int, inputs: tuple[Slot, ...], taken: Step) -> Step:
        """The step of a block that takes the regular one."""
        self.early.update(taken.definitions)
        self.early.update(self._early_after(block))
        body = {tensor: self.early.get(tensor) for tensor in taken.body}
        following = self._pattern_modules(block, taken.outputs)
        outputs: tuple[Slot, ...] = (*tensors(taken.outputs), *following)
        return self._made(block, inputs, outputs, body, PATTERN)

    def _own(self, block: int, targets: list[Tensor], inputs: tuple[Slot, ...]) -> Step:
        """A step of the block's own: what is due here, and what later blocks need of it."""
        carried = tensors(inputs)
        modules = tuple(slot for slot in inputs if isinstance(slot, ModuleSlot))
        popped = tuple(tensor for tensor in targets if isinstance(tensor, Mirror))
        kept = [tensor.children[0] for tensor in targets if isinstance(tensor, Kept)]
        have: set[Tensor] = {*carried, *popped}
        body: _Body = {}
        for tensor in (*targets, *kept):
            if not isinstance(tensor, Kept):
                self._compute(tensor, have, body)
        self._done.update(body)
        known = self._is_known(block)
        waiting = tuple(self._ahead[block])
        border = Border(
            known,
            waiting,
            self._parts_behind(block),
            self.is_everywhere,
            self._by(block),
            self.reach.partial,
            tuple(filter(known, dict.fromkeys([*carried, *body]))),
        )
        outputs = self._outputs(block, border, have, carried, modules)
        for tensor in outputs:
            self._compute(tensor, have, body)
            assert self.time(tensor) <= block
        following = self._modules(block, waiting, outputs)
        # What is put on a stack comes out, whether or not the next block wants it.
        aside = [tensor for tensor in dict.fromkeys(kept) if tensor not in outputs]
        made = self._made(
            block, (*inputs, *popped), (*outputs, *following, *aside), body
        )
        return replace(made, aside=len(aside))

    def _last(self, inputs: tuple[Slot, ...]) -> Step:
        """What is computed after the last block."""
        assert self.output is not None
        body: _Body = {}
        self._compute(self.output, set(tensors(inputs)), body)
        return self._made(self.length + 1, inputs, (self.output,), body)

    def _made(
        self,
        block: int,
        inputs: tuple[Slot, ...],
        outputs: tuple[Slot, ...],
        body: _Body,
        role: Role = OPEN,
    ) -> Step:
        return Step(
            at=block,
            inputs=inputs,
            outputs=outputs,
            body=tuple(body),
            definitions=self._definitions(body),
            absolute=self.reach.absolute,
            role=role,
        )

    def _by(self, block: int) -> Callable[[Tensor], bool]:
        """What may be formed by a block."""
        meeting = () if self.reach.early else (TensorSum, Pointwise, Combine)
        return lambda tensor: (
            self.time(tensor) <= block and not isinstance(tensor, meeting)
        )

    def _compute(self, tensor: Tensor, have: set[Tensor], body: _Body) -> None:
        """Adds a tensor and what it needs to a body, parts first."""
        # The start makes what is a constant behind it.
        if tensor in have or (self._now and self.is_everywhere(tensor)):
            return
        if isinstance(tensor, EVERYWHERE):
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
        wanted = self._wanted(block, have, border.waiting, modules)
        if wanted is not None:
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
            made = self._needed(border, cut.tensors, border.known, cut)
            there = _also(cut.tensors, border.known)
            later = self._needed(border, border.waiting, there, cut)
            twice = tuple(t for t in made if t in later and not is_cheap(t))
            if not twice:
                return cut
            known = _also(twice, border.known)
            border = replace(border, known=known, order=(*border.order, *twice))

    def _needed(
        self,
        border: Border,
        of: Iterable[Tensor],
        there: Callable[[Tensor], bool],
        cut: Cut,
    ) -> dict[Tensor, None]:
        """What has to be computed to have some tensors, where others are there."""

        def steps(tensor: Tensor) -> Iterator[Tensor]:
            split = cut.early.get(tensor)
            parts = border.parts(tensor) if split is None else split.children
            return (p for p in parts if not there(p) and p not in self.constants)

        return closure((t for t in of if isinstance(t, End) or not there(t)), steps)

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


def _also(
    tensors: Iterable[Tensor], there: Callable[[Tensor], bool]
) -> Callable[[Tensor], bool]:
    """Whether a tensor is among some, or there without them."""
    found = frozenset(tensors)
    return lambda tensor: tensor in found or there(tensor)


def _without_unread(start: Step) -> Step:
    """The start without what no block reads: a first block like others makes it anew."""
    needed: set[Slot] = {*start.outputs, *filter(is_of_context, start.body)}
    for tensor in reversed(start.body):
        if tensor in needed:
            needed.update(start.parts(tensor))
    return replace(start, body=tuple(t for t in start.body if t in needed))
