"""What `make test` leaves to `make test-long`: most of many alike, and large sizes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

#: Parameters of the examples, and what makes their networks small.
SMALL = {"depth": 5, "vocabulary": 50, "length": 16, "size": 32}


def thinned(
    cases: Iterable[Any], every: int, name: Callable[[Any], str] = str
) -> list[Any]:
    """Cases of a test, of which one in some runs in each run of the tests."""
    return [
        pytest.param(case, id=name(case), marks=[pytest.mark.long] if n % every else [])
        for n, case in enumerate(cases)
    ]


def small(path: Path) -> dict[str, int]:
    """The settings that make the networks of an example small, where it has any."""
    named = set(re.findall(r"^param\s+(\w+)", path.read_text("utf-8"), re.MULTILINE))
    return {name: value for name, value in SMALL.items() if name in named}
