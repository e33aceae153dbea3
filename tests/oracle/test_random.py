"""Random recurrences: compiled, run, and held against the oracle."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from recform.blocks.examples import random_inputs
from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.target import Target
from tests import Tried
from tests.inference.test_inference import apart
from tests.oracle.compare import compiled, shake
from tests.oracle.files import recurrences, split_starts, timed
from tests.oracle.search import outcome, search, tries
from tests.oracle.sums import sums, wide_sums
from tests.oracle.test_kept import error, passes
from tests.oracle.wider import wider

torch.set_num_threads(1)

FLAT = recurrences(1, 7, staged=False)
STAGED = recurrences(1, 6, staged=True)
DEEP = recurrences(8, 40, histories=3, staged=False)
DEEP_STAGED = recurrences(7, 20, histories=2, staged=True)


@tries(25)
@given(FLAT)
def test_recurrences(text: str) -> None:
    event(outcome(text))


@tries(15)
@given(STAGED)
def test_several_stages(text: str) -> None:
    event(outcome(text))


@tries(10)
@given(DEEP)
def test_deep_histories(text: str) -> None:
    event(outcome(text))


@tries(6)
@given(DEEP_STAGED)
def test_deep_stages(text: str) -> None:
    event(outcome(text))


@tries(12)
@given(timed())
def test_two_indices(text: str) -> None:
    event(outcome(text))


@tries(8)
@given(split_starts())
def test_halves_of_the_input(text: str) -> None:
    event(outcome(text))


def in_all_forms(text: str) -> str:
    """What came of a file, whose forms have to do what its network does."""
    found = outcome(text)
    if found != "agreed":
        return found
    item = compiled(text)
    torch.manual_seed(0)
    net = item.module().double().train()
    shake(net)
    (x,) = random_inputs(item.formula.inputs, 3, dtype=torch.float64)
    wanted = passes(copy.deepcopy(net), x)
    for form in (Memory.lean, Memory.checkpoint):
        kept = replace(item, target=Target(memory=form)).module().double().train()
        kept.load_state_dict(net.state_dict())
        assert error(passes(kept, x), wanted) < 1e-9, form
    assert apart(item, torch.float64)[0] < 1e-9, "for inference"
    return found


@tries(3)
@given(st.one_of(wider(staged=False), wider(staged=True)))
def test_more_kinds_in_all_forms(text: str) -> None:
    event(in_all_forms(text))


#: What the long search draws from, and how many of each it tries in its half hour.
SEARCHES: dict[str, tuple[st.SearchStrategy[str], int]] = {
    "recurrences": (FLAT, 2000),
    "recurrences, 8 to 40 blocks": (DEEP, 1200),
    "several stages": (STAGED, 1000),
    "several stages, 7 to 20 blocks each": (DEEP_STAGED, 300),
    "two indices": (timed(1, 12), 600),
    "halves of the input": (split_starts(1, 20), 300),
    "sums over depth": (sums(1, 24), 600),
    "sums over depth, other shapes": (wide_sums(), 300),
    "more kinds, in all forms": (wider(), 300),
}


@pytest.mark.long
@pytest.mark.parametrize("name", SEARCHES)
def test_search(name: str, scale: float, tried: Tried) -> None:
    strategy, examples = SEARCHES[name]
    try_one = in_all_forms if "forms" in name else outcome
    counts = search(strategy, try_one, max(1, round(examples * scale)))
    tried(counts)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(recurrences(histories=0))
def test_state_is_minimal(text: str) -> None:
    """The size of the state by another way: node connectivity of the written-out graph."""
    try:
        item = compiled(text)
    except CompileError:
        return
    assert item.recurrence.bound == len(
        [slot for slot in item.recurrence.state if hasattr(slot, "children")]
    )
    assert _connectivity(item) == item.recurrence.bound


def _connectivity(item: object) -> int:
    """Most node-disjoint ways from what block t knows to what later blocks must make."""
    from recform.algebra.expr import Filled, Learned, Scaled, TensorSum
    from recform.diagnostics import Diagnostics
    from recform.recurrence.reach import reach_of
    from recform.recurrence.steps import Writer

    formula = item.formula  # type: ignore[attr-defined]
    reach = reach_of(formula, Diagnostics())
    writer = Writer(formula, reach.length, reach)
    block = reach.regular
    live = writer.live
    made = {t for t in live if writer.anchored(t) and writer.time(t) <= block}
    stack = list(made)
    while stack:
        for part in writer.unroller.parts(stack.pop()):
            if part not in made and not isinstance(part, Filled):
                made.add(part)
                stack.append(part)
    # A sum or a fixed multiple can be formed again from its terms.
    made = {
        t
        for t in made
        if not isinstance(t, TensorSum)
        and (not isinstance(t, Scaled) or t.coefficient.atoms(Learned))
    }
    later = {t for t in live if writer.anchored(t) and writer.time(t) > block}

    def early(tensor: object) -> bool:
        if isinstance(tensor, Filled) or tensor in made:
            return True
        if tensor in later or writer.time(tensor) > block:  # type: ignore[arg-type]
            return False
        parts = writer.unroller.parts(tensor)  # type: ignore[arg-type]
        return bool(parts) and all(early(part) for part in parts)

    def node(tensor: object) -> object:
        """Sums with the same terms are one, whole or part of a longer one."""
        if isinstance(tensor, TensorSum) and early(tensor):
            return ("sum", writer.unroller.parts(tensor))
        return tensor

    graph = nx.DiGraph()
    graph.add_nodes_from(["past", "future"])
    for tensor in live:
        if tensor in made or isinstance(tensor, Filled):
            continue
        parts = [p for p in writer.unroller.parts(tensor) if not isinstance(p, Filled)]
        ready = [part for part in parts if early(part)]
        target: object = node(tensor) if early(tensor) else "future"
        if target == "future" and isinstance(tensor, TensorSum) and len(ready) > 1:
            # Sums with the same ready part have it in common.
            target = ("sum", tuple(ready))
            graph.add_edge(target, "future")
        for part in ready:
            if target != node(part):
                graph.add_edge(node(part), target)
    output = writer.output
    if early(output):
        graph.add_edge(node(output), "future")
    for tensor in made & set(graph.nodes):
        graph.add_edge("past", tensor)
    return nx.node_connectivity(graph, "past", "future")  # type: ignore[no-any-return]


def test_what_is_being_tried_stands_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a search that is ended from outside, or fails, it is there afterwards."""
    last = tmp_path / "last"
    monkeypatch.setattr("tests.oracle.search.LAST", last)

    def good(text: str) -> str:
        (found,) = last.iterdir()
        assert found.name.startswith("tests_oracle_test_random")
        assert found.read_text() == text
        return "agreed"

    def bad(text: str) -> str:
        if text == "7":
            raise ValueError(text)
        return "agreed"

    assert search(st.integers(0, 10).map(str), good, 5) == {"agreed": 5}
    assert not [*last.iterdir()]
    with pytest.raises(ValueError, match="7"):
        search(st.integers(0, 10).map(str), bad, 200)
    assert [found.read_text() for found in last.iterdir()] == ["7"]
