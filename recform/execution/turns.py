"""What is kept of positions is a row: who takes some of it puts as much back, in its turn."""

from __future__ import annotations

from recform.execution.forms import Changed, Unreadable
from recform.execution.parts import PAST, Hole, Value


def told(past: Hole | None, field: Value) -> Hole | None:
    """What a module is told of what is kept, by a field that says nothing of it.

    Raises:
        Unreadable: if it does.
    """
    if field is not None:
        raise Unreadable(f"{PAST.name} is {field} where nothing is kept")
    return past


class Turns:
    """Who has taken something of what is kept, and not put anything there."""

    def __init__(self) -> None:
        self._taken = 0

    def check(self) -> None:
        """That nobody has: who takes now would get what is of the other.

        Raises:
            Changed: if somebody has.
        """
        if self._taken:
            raise Changed("what was kept is taken before others have put theirs there")

    def take(self, count: int) -> None:
        """Somebody takes so many."""
        self.check()
        self._taken = count

    def put(self, count: int) -> None:
        """Somebody puts so many there.

        Raises:
            Changed: if others were taken.
        """
        if count != self._taken:
            raise Changed(
                f"of what was kept {self._taken} are taken, {count} put there"
            )
        self._taken = 0
