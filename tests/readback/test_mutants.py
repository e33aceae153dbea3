"""The written source is changed in any place: what is still proved runs as it did."""

from __future__ import annotations

import ast
import random

import pytest

from recform.memory import Memory
from recform.target import Target
from tests import Tried
from tests.readback.mutants import mutants, same, written

PLAIN, LEAN = Target(memory=Memory.plain), Target(memory=Memory.lean)
GOING, AGAIN = Target(generation=True), Target(memory=Memory.checkpoint)
TIMM, FOLDED = Target(timm=True), Target(inference=True)
BACK = Target(memory=Memory.reversible)
#: Examples, and the form of each.
CASES = [
    ("language/init.rf", PLAIN),
    ("language/history.rf", PLAIN),
    ("language/per_channel.rf", LEAN),
    ("language/squeeze_excitation.rf", AGAIN),
    ("language/weighted_sum.rf", PLAIN),
    ("modern/gpt_small.rf", PLAIN),
    ("modern/gpt_small.rf", GOING),
    ("modern/hyper_connections_dynamic.rf", PLAIN),
    ("language/res2net.rf", PLAIN),
    ("language/densenet.rf", LEAN),
    ("modern/gru.rf", PLAIN),
    ("modern/deltanet.rf", PLAIN),
    ("modern/mamba.rf", PLAIN),
    ("modern/lstm.rf", GOING),
    ("zoo/resnet18.rf", TIMM),
    ("language/init.rf", FOLDED),
    ("language/revnet.rf", BACK),
]
#: The proof knows no names: what a state_dict calls its numbers, and their order.
UNSEEN = ("order", "names")


@pytest.mark.parametrize(
    ("case", "count"),
    [
        pytest.param(CASES[0], 30, id="few"),
        *(
            pytest.param(case, 150, id=f"{case[0]}-{n}", marks=pytest.mark.long)
            for n, case in enumerate(CASES)
        ),
    ],
)
def test_what_is_proved_runs_as_it_did(
    case: tuple[str, Target], count: int, tried: Tried
) -> None:
    """Of all mutants that are not refused nobody sees a difference but in those."""
    made = written(*case)
    assert made.accepts(made.code)
    wanted = made.shows(made.code)
    assert not same(made, made.code, wanted)
    counts = {"mutants": 0, "refused": 0, "equal": 0, "other names or order": 0}
    for mutant in mutants(made.code, random.Random(1), count):
        counts["mutants"] += 1
        if not made.accepts(mutant):
            counts["refused"] += 1
            continue
        differs = same(made, mutant, wanted)
        assert differs in ("", *UNSEEN), f"{differs}: {ast.unparse(mutant)}"
        counts["other names or order" if differs else "equal"] += 1
    tried(counts)
    assert counts["refused"] > count // 2
