"""Lists, whose members stay apart, and what is made of all members at once."""

from __future__ import annotations

from recform.algebra.expr import History, Kinded, Single, Tensor, subtensors

#: Kinds of histories whose members stay apart.
LISTS = ("list", "stages", "finished")


class Listed(Tensor):
    """What a list is made of: its new member, behind the list that there was, if any."""


class Members(Tensor):
    """All members of a list at once: what is made of them is made of each."""

    is_many = True

    def __new__(cls, listed: History | Listed) -> Members:
        return super().__new__(cls, listed)

    @property
    def listed(self) -> History | Listed:
        return self.args[0]  # type: ignore[no-any-return]


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
