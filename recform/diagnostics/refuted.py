"""What recform itself has done wrong: it is told (RF901), and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recform.diagnostics.model import Diagnostics
from recform.source import Span

FAULT = (
    "this is a fault of recform and not of the formula; nothing was written. "
    "Please report it with the file"
)


class Refuted(Exception):
    """A plan does not compute the formula, or what was written is not the plan.

    Attributes:
        message: what differs, and where.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@contextmanager
def proving(span: Span, report: Diagnostics) -> Iterator[None]:
    """Around a proof.

    Args:
        span: of the formula.
        report: gets RF901.

    Raises:
        CompileError: RF901, if it is refuted.
    """
    try:
        yield
    except Refuted as refuted:
        report.error("RF901", refuted.message, span, hint=FAULT)
        report.check()
