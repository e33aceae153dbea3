"""What all tests of comparisons share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _no_collection() -> Iterator[None]:
    """statsmodels collects garbage at each correction, which takes most of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda *_: 0)
        yield
