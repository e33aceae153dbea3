"""Random sums over depth: compiled, run, and held against the oracle."""

from __future__ import annotations

import torch
from hypothesis import event, given

from tests.oracle.search import outcome, tries
from tests.oracle.sums import sums, wide_sums

torch.set_num_threads(1)


@tries(10)
@given(sums())
def test_sums_over_depth(text: str) -> None:
    event(outcome(text))


@tries(3)
@given(sums(9, 24))
def test_sums_over_many_blocks(text: str) -> None:
    event(outcome(text))


@tries(5)
@given(wide_sums())
def test_sums_across_stages_of_other_shapes(text: str) -> None:
    event(outcome(text))
