"""What a generated network keeps for its backward pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from recform.diagnostics import Diagnostics
from recform.source import Span

#: At once: times of more have no meaning, and in the end no float.
MOST_EXAMPLES = 10**9


class Memory(StrEnum):
    """What is kept of a forward pass for the backward pass."""

    plain = "plain"
    """What autograd keeps by itself."""
    lean = "lean"
    """Only what takes a convolution, a product of matrices or attention to make again."""
    checkpoint = "checkpoint"
    """Of a block only what comes in: it runs again, and is lean besides."""
    reversible = "reversible"
    """Of blocks in a row only what the last one hands on: they are run backwards."""


@dataclass(frozen=True)
class Plan:
    """What a network keeps, part by part.

    Attributes:
        forms: of what stands before the blocks, of each block, and of what stands behind
            them.
        options: of the command that asks for it.
        said: what it comes to, for the header of the file; a line each.
    """

    forms: tuple[Memory, ...]
    options: str = ""
    said: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[tuple[Memory, int], ...]:
        """Forms, and how many parts in a row have each."""
        return rows_of(self.forms)


@dataclass(frozen=True)
class Back:
    """Which parts of a network can be run backwards.

    Attributes:
        parts: whether each can.
        most: how many in a row may be, so that rounding errors stay small.
    """

    parts: tuple[bool, ...]
    most: int

    def may(self, start: int, end: int) -> bool:
        """Whether the parts from one to another may, as a row."""
        return end - start <= self.most and all(self.parts[start:end])


def rows_of(forms: Iterable[Memory]) -> tuple[tuple[Memory, int], ...]:
    """Forms, and how many parts in a row have each."""
    return tuple((form, len(list(row))) for form, row in groupby(forms))


def checkpoints(blocks: int) -> Plan:
    """The plan by which each block keeps only what comes in."""
    forms = (Memory.lean, *[Memory.checkpoint] * blocks, Memory.lean)
    return Plan(forms, f" --memory {Memory.checkpoint}")


def memory_of(name: str) -> Memory:
    """What an option names.

    Raises:
        CompileError: RF530, if there is no such way to keep less.
    """
    report = Diagnostics()
    found = memory_said(name, report)
    report.check()
    assert found is not None
    return found


def memory_said(
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
