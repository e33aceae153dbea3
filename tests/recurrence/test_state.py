"""The smallest state: what each formula of the design carries from block to block."""

from __future__ import annotations

import pytest

import recform
from recform.report import summarise

STATES = {
    "X_i = relu(X_<i-1> + W_i*X_<i-1>)": ["X_i"],
    "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>": ["X_i", "W_i*X_<i-1>"],
    "X_i = relu((1+W_i)*X_<i-1>) - (1+W_<i-1>)*X_<i-2>": [
        "X_i",
        "X_<i-1> + W_i*X_<i-1>",
    ],
    "X_i = W_i*X_<i-1> + X_0": ["X_i", "X_0"],
    "X_i = W_i*X_<i-1> + X_<i-2>": ["X_i", "X_<i-1>"],
    "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>": ["X_i", "W_i*X_<i-1>"],
    # Two terms of the past are carried as their sum.
    "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2> + X_<i-2>": [
        "X_i",
        "W_i*X_<i-1> + X_<i-1>",
    ],
    "V_i = 0.9*V_<i-1> + 0.1*F_i*X_<i-1>\nX_i = X_<i-1> + V_i\nV_0 = 0": ["V_i", "X_i"],
    "A_i = A_<i-1> + F_i*B_<i-1>\nB_i = B_<i-1> + G_i*A_i": ["A_i", "B_i"],
    "scope stage\nX_i = W_i*concat(X_<0..i-1>)": ["concat(X_<0..i>)"],
    "X_i = relu(W*X_<i-1> + U*X_0)": ["X_i", "U*X_0"],
    "X_i = W_i*X_<i-1> + X_<i-2> + X_<i-3>": ["X_i", "X_<i-1>", "X_<i-2>"],
    # A function of the past is not carried beside what it is made of.
    "X_i = X_<i-1> + W_i*relu(X_<i-1>)": ["X_i"],
}


@pytest.mark.parametrize("text", STATES)
def test_state(text: str) -> None:
    summary = summarise(recform.compile(text).graph)
    assert [row.what for row in summary.state] == STATES[text]
    assert all(row.reason for row in summary.state)


@pytest.mark.parametrize("text", STATES)
def test_the_proof_is_one(text: str) -> None:
    """As many ways as tensors, and no tensor on two of them."""
    summary = summarise(recform.compile(text).graph)
    assert summary.bound == len(summary.state) == len(summary.ways)
    passed = [tensor for way in summary.ways for tensor in way]
    assert len(set(passed)) == len(passed)


def test_weight_sharing_is_said() -> None:
    shared = summarise(
        recform.compile("X_i = (1 + W_i + W_i*W_i)*X_<i-1>").graph
    ).shared
    assert [(row.name, len(row.calls)) for row in shared] == [("W_i", 2)]
    shared = summarise(recform.compile("X_i = relu(W*X_<i-1> + U*X_0)").graph).shared
    assert "W" in [row.name for row in shared]


@pytest.mark.parametrize(
    "text",
    [
        "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
        "X_i = W_i*X_<i-1> + X_<i-2> + W_<i-1>*X_<i-2>",
        "X_i = X_<i-1> + W_<i-1>*X_<i-2>",
    ],
)
def test_steps_do_not_grow_with_depth(text: str) -> None:
    few, many = (
        recform.compile(f"stages 16 x {depth}\n{text}").recurrence
        for depth in (30, 9_000)
    )
    assert few.steps == many.steps
    assert len(few.steps) <= 3
