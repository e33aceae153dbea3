"""What a lean pass knows of a tensor, as it stands in the code that runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from recform.blocks import Amount


@dataclass(eq=False, slots=True)
class Note:
    """How a tensor is had again; as `Again` in the code.

    Attributes:
        amount: how much it is.
        size: to compare it with others: bytes, of all examples.
        named: the last operation while code has a name for it.
        made: the operation that makes it again; None if only keeping it has it again.
        inputs: what that makes it of.
        open: those of them that are not kept, as far as anybody has looked.
        region: where it was made.
        deep: how many steps lead to it.
        outside: whether somebody else has it.
        kept: whether it is kept.
        users: how many others something makes of it.
        asks: how many gradients ask for it.
        last: the last of the backward pass, as the tape counts, that needs it.
        given: how many had it.
        since: the operation in whose backward pass it was made again, while it is there.
        often: how many like it were, of operations that run in a row.
        there: from where to where, and how many.
        working: whether something is made of it just now: who else wants it has it then.
    """

    amount: Amount
    size: int
    named: int
    made: int | None = None
    inputs: tuple[Note, ...] = ()
    open: Sequence[Note] = ()
    region: int = 0
    deep: int = 0
    outside: bool = False
    kept: bool = False
    users: int = 0
    asks: int = 0
    last: int | None = None
    given: int = 0
    since: int | None = None
    often: int = 1
    there: tuple[int, int, int] | None = None
    working: bool = False

    @property
    def turn(self) -> float:
        """As in the code: when it is had, of all that something is made of."""
        return self.deep if self.users > 1 else math.inf

    def want(self, by: int, deepest: int) -> None:
        """Says that the gradient of an operation asks for it."""
        if not self.asks and not self.kept:
            missing = None if self.deep > deepest else self.missing()
            if missing is None or any(
                item is not self and item.named < by for item in missing
            ):
                self.keep()
            else:
                for item in missing:
                    item.keep()
        self.asks += 1

    def missing(self) -> list[Note] | None:
        """What it is made of in the end, as far as that is not kept yet.

        None, if that is as much as it is itself.
        """
        found: dict[Note, None] = {}
        stack, least = [self], 0
        while stack:
            item = stack.pop()
            if item.kept:
                continue
            if item.made is None:
                least += 0 if item in found else item.size
                if least >= self.size > 0:
                    return None
                found[item] = None
            elif not item.asks or item is self:
                item.open = [note for note in item.open if not note.kept]
                stack += item.open
        return list(found)

    def anew(self) -> None:
        """Forgets a backward pass."""
        self.last = self.since = self.there = None
        self.given = 0

    def make(self, by: int, of: tuple[Note, ...], deep: int) -> None:
        """Has an operation make it again.

        Args:
            by: its number.
            of: what it makes it of.
            deep: how many steps lead to that.
        """
        self.made, self.inputs, self.deep = by, of, deep
        self.open = [note for note in of if not note.kept]

    def keep(self) -> None:
        """Keeps it."""
        self.kept = True
        self.made, self.inputs, self.open, self.deep = None, (), (), 0

    def needs(self, since: int) -> None:
        """Says of what it is made of that an operation needs it, and none before that."""
        stack = [self]
        while stack:
            item = stack.pop()
            if item.last is None:
                item.last = since
                stack += item.inputs


@dataclass
class Room:
    """What is held while tensors are made again, in bytes.

    Attributes:
        now, most: at the moment, and at once so far.
        again: the operations that ran for it.
    """

    now: int = 0
    most: int = 0
    again: list[int] = field(default_factory=list)

    def take(self, size: int, besides: int) -> None:
        """Makes a tensor, and holds something besides for that."""
        self.now += size
        self.most = max(self.most, self.now + besides)
