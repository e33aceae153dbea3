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
    cases: Iterable[Any], every: int, name: Callable[[Any], str] = str, first: int = 0
) -> list[Any]:
    """Cases of a test, of which one in some runs in each run of the tests.

    Args:
        cases: values, or what `pytest.param` makes of one.
        every: one in so many.
        name: of a value.
        first: the place of the first one, so that not all tests run the same examples.
    """
    return [
        pytest.param(
            value, id=name(value), marks=[*marks, *_LATER[n % every != first % every]]
        )
        for n, (value, marks) in enumerate(map(_parted, cases))
    ]


_LATER = {False: (), True: (pytest.mark.long,)}
_PARAM = type(pytest.param(0))


def _parted(case: Any) -> tuple[Any, Iterable[pytest.Mark | pytest.MarkDecorator]]:
    if isinstance(case, _PARAM):
        (value,) = case.values
        return value, case.marks
    return case, ()


def small(path: Path) -> dict[str, int]:
    """The settings that make the networks of an example small, where it has any."""
    named = set(re.findall(r"^param\s+(\w+)", path.read_text("utf-8"), re.MULTILINE))
    return {name: value for name, value in SMALL.items() if name in named}
