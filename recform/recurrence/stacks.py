"""The stacks of a flow as lists: what each block puts there, and what it takes.

Graph, proof and pictures follow the blocks with them, each with what it follows: shapes,
values, nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from recform.algebra.expr import Tensor
from recform.algebra.lists import Mirror
from recform.diagnostics.refuted import Refuted
from recform.recurrence.model import Flow, Step

T = TypeVar("T")


class Lists(Generic[T]):
    """What is on the stacks of a flow: values, or shapes, or whatever stands for them.

    Args:
        flow: says which block puts what there.
    """

    def __init__(self, flow: Flow) -> None:
        self._stacks = flow.stacks
        self._items: dict[tuple[Tensor, int], list[T]] = {
            (stack.body, stack.shift): [] for stack in flow.stacks
        }

    def given(self, step: Step, block: int, handed: Sequence[T]) -> list[T]:
        """What a block gets: of what the one before makes, and what it takes off.

        Raises:
            Refuted: if nothing is there.
        """
        return [
            *handed[: step.carried],
            *(items.pop() for items in self._of(step, block)),
        ]

    def alike(self, step: Step, block: int) -> int | None:
        """How many blocks in a row would take the same; None if they take nothing.

        Raises:
            Refuted: if nothing is there.
        """
        counts = [
            next(
                (n for n, i in enumerate(reversed(items)) if i != items[-1]), len(items)
            )
            for items in self._of(step, block)
        ]
        return min(counts, default=None)

    def _of(self, step: Step, block: int) -> list[list[T]]:
        """The lists that a block takes from, in the order of its inputs."""
        found = []
        for number in step.popped:
            slot = step.inputs[number]
            assert isinstance(slot, Mirror)
            items = self._items.get((slot.body, slot.shift))
            if not items:
                raise Refuted(
                    f"block {block} takes {slot} off a stack with nothing on it"
                )
            found.append(items)
        return found

    def keep(self, block: int, made: Sequence[T]) -> None:
        """Puts on the stacks what a block puts there.

        Raises:
            Refuted: if it does not make that.
        """
        for stack in self._stacks:
            if block in stack.kept:
                if stack.kept[block] >= len(made):
                    raise Refuted(
                        f"block {block} puts on a stack what it does not make"
                    )
                self._items[stack.body, stack.shift].append(made[stack.kept[block]])

    def close(self) -> None:
        """Looks whether all was taken.

        Raises:
            Refuted: if not.
        """
        if left := sum(map(len, self._items.values())):
            raise Refuted(f"{left} values stay on a stack, and no block takes them")
