"""The smallest state: what each formula of the design carries from block to block."""

from __future__ import annotations

import pytest
import torch

import recform
from recform.report import summarise
from recform.report.text import render

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


#: What blocks near ranges hand on, as their equations want it.
RANGES: dict[str, dict[int, list[str]]] = {
    # Blocks 4 to 6 forget what the block before them made of an older one.
    "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\nX_<4..6> = W_i*X_<i-1>": {
        4: ["X_i"],
        5: ["X_i"],
        # X_6 is W_6*X_5, and one tensor is handed on once.
        6: ["X_i"],
    },
    # Block 4 reads X_1, which waits behind blocks 2 and 3; block 6 reads X_3.
    "X_i = X_<i-1> + W_i*X_<i-1>\nX_<4..6> = X_<i-3> + relu(W_i*X_<i-1>)": {
        2: ["X_i", "X_<i-1>"],
        3: ["X_i", "X_<i-1>", "X_<i-2>"],
        4: ["X_i", "X_<i-1>", "X_<i-2>"],
        5: ["X_i", "X_<i-2>"],
    },
    # W_5*X_5 is all that block 6 wants, and W_6*X_6 all that block 7 wants.
    "X_i = X_<i-1> + W_i*X_<i-1>\nX_<6..7> = W_<i-1>*X_<i-1>": {
        5: ["W_i*X_i"],
        6: ["W_i*X_i"],
    },
    # The range reaches the end.
    "X_i = X_<i-1> + W_i*X_<i-1>\nX_<7..8> = X_<i-2> + W_i*X_<i-1>": {
        6: ["X_i", "X_<i-1>"],
        7: ["X_i", "X_<i-1>"],
    },
    # Only the equation differs, and not what it reads.
    "X_i = X_<i-1> + W_i*X_<i-1>\nX_<1..3> = W_i*X_<i-1>": {},
}


@pytest.mark.parametrize("text", RANGES)
def test_states_near_ranges(text: str) -> None:
    made = summarise(recform.compile(f"stages 16 x 8\n{text}").graph)
    told = {n: sorted(border.tensors) for border in made.borders for n in border.blocks}
    assert told == {n: sorted(tensors) for n, tensors in RANGES[text].items()}


def test_orders_and_second_calls_near_ranges_are_said() -> None:
    text = "stages 16 x 8\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    text += "X_<6..7> = X_<i-2> + W_<i-1>*X_<i-1>"
    made = summarise(recform.compile(text).graph)
    assert made.order == 1
    assert [(row.blocks, row.order) for row in made.orders] == [((6, 7), 2)]
    # W_5 is run on X_4 in block 5, and on X_5 for block 6. W_6 is run once.
    assert [(row.name, row.calls, row.where) for row in made.shared] == [
        ("W_i", ("W_i*X_<i-1>", "W_i*X_i"), "block 5")
    ]


def test_stages_near_ranges_are_named() -> None:
    text = "scope stage\nstages 16 x 4, 16 x 6\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    text += "X_<2..3> = X_<i-2> + W_i*X_<i-1>"
    made = summarise(recform.compile(text).graph)
    assert [border.text() for border in made.borders] == [
        "behind block 1 of stage 1: X_i, X_0",
        "behind block 2 of stage 1: X_i, X_<i-1>",
        "behind block 1 of stage 2: X_i, X_0",
        "behind block 2 of stage 2: X_i, X_<i-1>",
    ]


def test_the_largest_state_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = "stages 16 x 9\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    text += "X_<4..6> = X_<i-3> + relu(W_i*X_<i-1>)"
    render(summarise(recform.compile(text).graph))
    shown = capsys.readouterr().out
    assert "back; those of blocks 4-6 reach 3 back." in shown
    assert "State: 1 tensor from block to block, but for blocks 2-5." in shown
    assert "Largest state: 3 tensors, behind blocks 3-4." in shown


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


@pytest.mark.parametrize(
    ("depth", "lag"), [(1, 0), (1, 1), (3, 1), (3, 2), (8, 1), (8, 4), (17, 16)]
)
def test_numbers_that_are_added_come_from_their_block(depth: int, lag: int) -> None:
    """A sum reads them, though no tensor of that block: a number has no state."""
    frame = "input 4\nstem none\nhead none\nW = linear(c)\nvector v_i = 1\n"
    net = recform.load(
        f"{frame}stages 4 x {depth}\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        f"output v_L*X_L + tanh(X_<L-1> + v_<L-{lag}>)"
    ).double()
    with torch.no_grad():
        for number in net.parameters():
            number.copy_(torch.randn_like(number))
    older = x = given = torch.randn(2, 4, dtype=torch.float64)
    for block in net.blocks:
        older, x = x, x + block.W(x)
    numbers = [getattr(block, "v", None) for block in net.blocks]
    number = numbers[-1 - lag] if lag < depth else 0.0
    wanted = numbers[-1] * x + torch.tanh(older + number)
    torch.testing.assert_close(net(given), wanted)
