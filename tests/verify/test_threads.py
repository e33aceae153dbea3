"""In how many threads torch computes what is tried."""

from __future__ import annotations

from unittest.mock import patch

import torch

import recform
from recform.verify import passes

MADE = "input 4\nstages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\nW = linear(c)"


def test_small_tensors_are_computed_in_one_thread() -> None:
    """Where others compute, too, threads that wait for each other take ten times as long."""
    seen = set()
    run = passes.run

    def watched(*given: object, **options: bool) -> passes.Pass:
        seen.add(torch.get_num_threads())
        return run(*given, **options)  # type: ignore[arg-type]

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with patch("recform.verify.passes.run", watched):
            assert all(check.holds for check in recform.compile(MADE).verify())
        assert (seen, torch.get_num_threads()) == ({1}, 3)
    finally:
        torch.set_num_threads(before)
