"""Recurrences read back: how much there is at the start, how long a loop is, whose is what."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import pytest
import torch

from recform.blocks.examples import random_examples
from recform.target import Target
from tests.readback.mutants import Written, same, written

ZEROS = "torch.zeros_like(zx[:, 0])"
WIDE = "b.new_zeros(b.shape[0], self.s_width)"
#: An example, what stands in its code, what is put there, and whether it is the same.
CASES = [
    ("gru", ZEROS, "torch.zeros_like(nx[:, 0])", True),
    ("gru", ZEROS, "torch.zeros_like(zx)", False),
    ("gru", ZEROS, "torch.zeros_like(zx[:, 0]) + 1", False),
    ("gru", "range(rx.shape[1])", "range(nx.shape[1])", True),
    ("gru", "range(rx.shape[1])", "range(h.shape[1])", False),
    ("gru", "range(rx.shape[1])", "range(rx.shape[0])", False),
    (
        "gru",
        "self.Rx(x_prev), self.Zx(x_prev)",
        "self.Zx(x_prev), self.Rx(x_prev)",
        False,
    ),
    ("deltanet", WIDE, "v.new_zeros(b.shape[0], self.s_width)", True),
    ("deltanet", WIDE, "b.new_zeros(b.shape[1], self.s_width)", False),
    ("deltanet", WIDE, "b.new_zeros(b.shape[0], self.s_width + 1)", False),
    ("deltanet", "made.append(s)", "made.append(made)", False),
    ("deltanet", WIDE, "torch.zeros_like(v[:, 0])", False),
]


@cache
def _shown(name: str) -> tuple[Written, list[Any]]:
    made = written(f"modern/{name}.rf", Target())
    return made, made.shows(made.code)


@pytest.mark.parametrize(("name", "right", "other", "is_same"), CASES)
def test_what_differs_is_refused(
    name: str, right: str, other: str, is_same: bool
) -> None:
    made, shown = _shown(name)
    text = ast.unparse(made.code)
    assert right in text
    code = ast.parse(text.replace(right, other))
    assert made.accepts(code) is is_same
    if other == "made.append(made)":
        return  # it does not run
    # Other names of equal modules show once both have the same weights.
    assert (not same(made, code, shown) and _from_weights(made, code)) is is_same


def _from_weights(made: Written, code: ast.Module) -> bool:
    """Whether a source makes of the weights of the right one what that makes."""
    networks = [made.network_of(made.code), made.network_of(code)]
    networks[1].load_state_dict(networks[0].state_dict())
    x = random_examples(made.shape, 3)
    one, other = (network.eval()(x) for network in networks)
    return bool(torch.allclose(one, other))
