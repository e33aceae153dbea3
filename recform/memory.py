"""What a generated network keeps for its backward pass."""

from __future__ import annotations

from enum import StrEnum

from recform.diagnostics import Diagnostics


class Memory(StrEnum):
    """What is kept of a forward pass for the backward pass."""

    plain = "plain"
    """What autograd keeps by itself."""
    lean = "lean"
    """Only what takes a convolution, a product of matrices or attention to make again."""
    reversible = "reversible"
    """Of blocks in a row only what the last one hands on: they are run backwards."""


def memory_of(name: str) -> Memory:
    """What an option names.

    Raises:
        CompileError: RF530, if there is no such way to keep less.
    """
    report = Diagnostics()
    known = ", ".join(Memory)
    if name not in list(Memory):
        report.error("RF530", f"there is no memory {name!r}", hint=f"one of {known}")
        report.check()
    return Memory(name)
