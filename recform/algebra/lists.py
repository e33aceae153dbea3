"""Lists, whose members stay apart, and what is made of all members at once; stacks."""

from __future__ import annotations

from functools import cached_property, lru_cache

from recform.algebra.expr import (
    Argument,
    History,
    Kinded,
    Single,
    Tensor,
    _symbolic,
    _tensor,
    subtensors,
)
from recform.blocks.symbolic import Symbolic

#: Kinds of histories whose members stay apart.
LISTS = ("list", "stages", "finished")


class Listed(Tensor):
    """What a list is made of: its new member, behind the list that there was, if any."""


def _list(value: Symbolic) -> History | Listed:
    return value  # type: ignore[no-any-return]


class Members(Tensor):
    """All members of a list at once: what is made of them is made of each."""

    is_many = True

    listed = Argument(0, _list)

    def __new__(cls, listed: History | Listed) -> Members:
        return super().__new__(cls, listed)


class Dealt(Single):
    """The features of a tensor, dealt out to the members of a list: a tensor for each."""

    is_many = True


class Over(Kinded, Single):
    """Over the members of a list: their ``sum``, or each one's share by ``softmax``."""

    @property
    def is_many(self) -> bool:
        return self.kind == "softmax"


def is_list(tensor: object) -> bool:
    """Whether this is a list, and no tensor."""
    return isinstance(tensor, Listed) or (
        isinstance(tensor, History) and tensor.kind in LISTS
    )


@lru_cache(maxsize=4096)
def list_of(tensor: Tensor) -> History | Listed | None:
    """The list that a tensor is made of, a tensor for each member; None if there is none.

    What is :class:`Dealt` alone is one for each member of a list that stands beside it.
    """
    if isinstance(tensor, Members):
        return tensor.listed
    if not tensor.is_many:
        return None
    found = (list_of(child) for child in tensor.children if child.is_many)
    return next((listed for listed in found if listed is not None), None)


def dealt_in(tensor: Tensor) -> list[Dealt]:
    """What is dealt out to the members of the sum that a tensor stands in."""
    return [
        part
        for part in subtensors(
            tensor, lambda t: () if isinstance(t, Dealt) else t.children
        )
        if isinstance(part, Dealt)
    ]


class Mirror(Tensor):
    """``X_<L-i>`` in the plan: a tensor of an older block, which a stack has kept.

    The formula says it with a :class:`State`. In the plan of block ``index`` it is what
    that block takes off the stack; so it reads the same in all blocks that do.

    Attributes:
        body: what was kept, with :data:`K` for the number of its block.
        index: the block that takes it.
        shift: ``c`` of ``X_<L+c-i>``.
        length: what L is.
    """

    body = Argument(0, _tensor)
    index = Argument(1, _symbolic)
    shift = Argument(2, int)
    length = Argument(3, int)

    def __new__(
        cls, body: Tensor, index: Symbolic, shift: Symbolic, length: Symbolic
    ) -> Mirror:
        numbers = map(_symbolic, (index, shift, length))
        return super().__new__(cls, body, *numbers)

    @cached_property
    def children(self) -> tuple[Tensor, ...]:
        """A block does not make it: it has no parts."""
        return ()

    @property
    def block(self) -> int:
        """The number of the block whose tensor it is; below 1 for the start."""
        return int(self.length + self.shift - self.index)
