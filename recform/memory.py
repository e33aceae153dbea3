"""What a generated network keeps for its backward pass."""

from __future__ import annotations

from enum import StrEnum

from recform.diagnostics import Diagnostics
from recform.source import Span


class Memory(StrEnum):
    """What is kept of a forward pass for the backward pass."""

    plain = "plain"
    """What autograd keeps by itself."""
    lean = "lean"
    """Only what takes a convolution, a product of matrices or attention to make again."""
    reversible = "reversible"
    """Of blocks in a row only what the last one hands on: they are run backwards."""


def memory_of(
    name: str, report: Diagnostics, place: Span | None = None
) -> Memory | None:
    """What a word names; None after a diagnostic.

    Args:
        name: the word.
        report: gets RF530, if there is no such way to keep less.
        place: where a file says it.
    """
    if name in list(Memory):
        return Memory(name)
    known = ", ".join(Memory)
    report.error("RF530", f"there is no memory {name!r}", place, hint=f"one of {known}")
    return None
