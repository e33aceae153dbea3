"""How many numbers stand for each of several classes, on sizes."""

from __future__ import annotations

from recform.meta.tensor import Tensor, Unread


class Counts(Tensor):
    """How many of so many numbers stand for each class.

    Attributes:
        total: how many numbers there are.
    """

    __slots__ = ("total",)

    def __init__(self, total: int, classes: int) -> None:
        super().__init__(classes)
        self.total = total

    def narrow(self, dim: int, start: int, length: int) -> Tensor:
        whole = (start, length) == (0, self.shape[0])
        return self if whole else super().narrow(dim, start, length)

    def tolist(self) -> list[int]:
        """As even as can be, which is one of the ways that they may fall."""
        few, more = divmod(self.total, self.shape[0])
        return [few + (k < more) for k in range(self.shape[0])]


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Counts:
    """How often each number from 0 to ``minlength`` stands there, if there are no others."""
    if x.ndim != 1 or weights is not None or not minlength:
        raise Unread("a count of numbers of any size")
    return Counts(x.numel(), minlength)
