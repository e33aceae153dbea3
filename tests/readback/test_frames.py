"""What is kept for a backward pass hangs on frames around passes: each is held."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from recform.compiler import compile_source, from_text
from recform.diagnostics.refuted import Refuted
from recform.emit.classifier.base import base_class
from recform.execution.library import LEAN, TOLD
from recform.memory import Memory, Plan
from recform.plan.lean import framed_base
from recform.readback.surface import check_base
from recform.target import Target
from tests.readback.mutants import Written, form

TEXT = """
input 2 x 4 x 4
stem none
head avgpool > linear(2)
stages 2 x 2
W = conv(1, c)
A_i = A_<i-1> + W_i*B_<i-1>
B_i = B_<i-1> + U_i*A_i
U = conv(1, c) > bn
output A_L + B_L
"""
AGAIN, BACK = Target(memory=Memory.checkpoint), Target(memory=Memory.reversible)
TIMM, SMALL = Target(timm=True, memory=Memory.checkpoint), Target(memory=Memory.lean)
#: Rows of a budget.
ROWS = (Memory.lean, Memory.reversible, Memory.checkpoint, Memory.plain)
#: What a network is compiled to, what stands in its code, and what is put there.
FAULTS = {
    "no frame": (SMALL, r"    @Lean.forward\n", ""),
    "the frame of another": (SMALL, r"@Lean.forward", "@Reversible.forward"),
    "a plan in its place": (SMALL, r"@Lean.forward", "@Lean.planned(('plain', 1))"),
    "no plan": (AGAIN, r"    @Lean.planned\(.*\n", ""),
    "another plan": (AGAIN, "'checkpoint', 2", "'plain', 2"),
    "a block less": (AGAIN, "'checkpoint', 2", "'checkpoint', 1"),
    "no block": (AGAIN, r"    @Lean.block\n", ""),
    "a frame too many": (Target(), r"( +)def forward", r"\1@Lean.block\n\1def forward"),
    "the frame of a method": (
        BACK,
        r"( +)def inverse",
        r"\1@Lean.block\n\1def inverse",
    ),
    "plainly again": (BACK, r"    @Reversible.*\n", ""),
    "no way back": (BACK, r"(?s)    def inverse.*?return .*?\n", ""),
    "an operator less": (BACK, "'W', 'U'", "'W'"),
    "an operator of nobody": (BACK, "'U'", "'U', 'V'"),
    "nothing told": (TIMM, r"    _memory = .*\n", ""),
    "told another": (TIMM, r"'checkpoint', 2", "'lean', 2"),
    "either as a block": (ROWS, r"@Either.block\(.*\)", "@Lean.block"),
    "either of fewer": (ROWS, r"'W', 'U'", "'U'"),
    "rows the other way": (ROWS, r"'reversible', 1", "'checkpoint', 1"),
}


@cache
def written(target: Target | tuple[Memory, ...]) -> Written:
    asked = target if isinstance(target, Target) else Target()
    (made,) = compile_source(from_text(TEXT), target=asked)
    if not isinstance(target, Target):
        made = replace(made, target=SMALL, budget=Plan(target))
    found = form(made)
    assert found.accepts(found.code)
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_form_that_is_lost_is_found(fault: str) -> None:
    target, pattern, text = FAULTS[fault]
    assert written(target).refuses(pattern, text)


@pytest.mark.parametrize("frame", (LEAN, TOLD))
def test_each_pass_of_timms_interface_has_its_frame(frame: str) -> None:
    own = base_class()
    text = framed_base(own, frame)
    check_base(text, own, frame)
    less = text.replace(f"    @{frame}\n", "", 1)
    for wrong, asked in ((less, frame), (text, ""), (own, frame)):
        with pytest.raises(Refuted):
            check_base(wrong, own, asked)
