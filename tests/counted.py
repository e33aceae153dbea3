"""Work, counted: how many functions are called, which is the same number each time."""

from __future__ import annotations

import sys
from collections.abc import Callable

import sympy


def calls(function: Callable[[], object]) -> int:
    """How many functions a function calls; items that a generator makes count as well."""
    sympy.core.cache.clear_cache()
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count
