"""Sizes and times in words, and a size from words."""

from __future__ import annotations

import re
from fractions import Fraction

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SIZE = re.compile(
    r"(\d{1,999}(?:\.\d{1,999})?) ?([KMGTPE]i?)?B?", re.IGNORECASE | re.ASCII
)


def in_bytes(count: int) -> str:
    """A number of bytes with a unit: ``1.50 MiB``."""
    size, unit = unit_of(count)
    return f"{count} B" if size == 1 else f"{count / size:,.2f} {unit}"


def unit_of(count: int) -> tuple[int, str]:
    """The unit of a number of bytes, and how many bytes that is: ``1048576, "MiB"``."""
    power = min(max(count.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return 1024**power, _UNITS[power]


def in_seconds(seconds: float) -> str:
    """A time with a unit: ``1.50 ms``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:,.2f} {unit}"
    return f"{seconds * 1e6:,.1f} µs"


def bytes_of(text: str) -> int | None:
    """The bytes of ``6GiB``, ``6.5 GB`` or ``900M``; None if it says none."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return None
    number, unit = found[1], (found[2] or "").upper()
    # GB is the unit of data sheets, G and GiB are those of allocators.
    decimal = text.strip().upper().endswith(f"{unit}B") and len(unit) == 1
    base = 1000 if decimal else 1024
    power = "KMGTPE".index(unit[0]) + 1 if unit else 0
    return int(Fraction(number) * base**power)
