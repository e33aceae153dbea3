"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 block``, ``2 blocks``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def large(value: int) -> str:
    """A whole number that may have any number of digits."""
    return f"{value:,}" if abs(value) < 10**15 else "more than 10^15"


def beyond(what: str, limit: int | str) -> str:
    """What RF106 says: something is larger than any network could need."""
    most = limit if isinstance(limit, str) else f"{limit:,}"
    return f"{what} is out of all reason (the limit is {most})"
