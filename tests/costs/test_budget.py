"""Plans within a budget: against brute force, against the whole tape, and monotonic."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.costs import budget
from recform.costs.budget import Row, best
from recform.costs.forms import under
from recform.costs.needs import setting_of
from recform.costs.peaks import peaks
from recform.costs.planning import points
from recform.costs.record import record
from recform.costs.words import bytes_of
from recform.diagnostics import CompileError
from recform.memory import Memory
from tests.blocks.test_lean import kept
from tests.oracle.compare import compiled
from tests.oracle.test_saved import FORMS

PLAIN, LEAN, AGAIN = Memory.plain, Memory.lean, Memory.checkpoint
SMALL = (
    "input 3 x 8 x 8\nstages 4 x 3, 6 x 3 / 2\nstem conv(3, 4) > bn > relu\n"
    "W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn\n"
    "X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\nW_0*X_<-1> = X_0"
)


def ways(count: int) -> list[tuple[Memory, ...]]:
    """All plans; what stands around the blocks does not run again."""
    inner = [(PLAIN, LEAN, AGAIN)] * (count - 2)
    ends = [(PLAIN, LEAN)]
    return list(product(*ends, *inner, *ends))


def front(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of times and peaks those for which no other is better."""
    kept: list[tuple[int, int]] = []
    for time, peak in sorted(set(found)):
        if not kept or peak < kept[-1][1]:
            kept.append((time, peak))
    return kept


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(2, 5))
def test_against_brute_force(data: st.DataObject, count: int) -> None:
    """Rows with any costs, some of which keep what those behind them read as well."""
    drawn: dict[object, Row] = {}

    def row(start: int, end: int, form: Memory, holds: frozenset[int]) -> Row:
        key = start, end, form, holds
        if key not in drawn:
            kept, more, again = (data.draw(st.integers(0, 9)) for _ in range(3))
            held = frozenset({end}) if data.draw(st.booleans()) else frozenset()
            drawn[key] = Row(kept, kept + more, again, held)
        return drawn[key]

    found = [(choice.again, choice.peak) for choice in best(count, row)]
    wanted = []
    for forms in ways(count):
        start, kept, peak, again = 0, 0, 0, 0
        holds: frozenset[int] = frozenset()
        while start < count:
            end = start + 1
            while forms[start] is LEAN and end < count and forms[end] is LEAN:
                end += 1
            made = row(start, end, forms[start], holds)
            peak, again = max(peak, kept + made.peak), again + made.again
            kept, holds, start = kept + made.kept, made.holds, end
        wanted.append((again, peak))
    assert found == front(wanted)


@pytest.mark.parametrize("name", ["Eq. (20), activation", "concat, staged", "pooled"])
def test_rows_add_up_to_the_whole(name: str) -> None:
    """What a plan comes to row by row is what the tape of the whole network says."""
    tape = record(compiled(FORMS[name]).graph, whole=True)
    found = budget.choices(tape, 3, 4, lambda op: sum(w.reads for w in op.works))
    assert len(found) > 3
    for choice in found:
        whole = under(tape, choice.forms)
        held = peaks(whole, 3, 4)
        again = (tape.operations[n] for op in whole.operations for n in op.again)
        assert (held.kept, held.training) == (choice.kept, choice.peak)
        assert choice.again == sum(w.reads for op in again for w in op.works)


def test_no_plan_of_a_small_network_is_better() -> None:
    """All of them, each by the tape of the whole network."""
    text = SMALL.replace("4 x 3, 6 x 3 / 2", "4 x 3")
    tape = record(compiled(text).graph, whole=True)

    def again(op: object) -> int:
        return sum(w.reads + w.multiply_adds for w in op.works)  # type: ignore[attr-defined]

    found = [(c.again, c.peak) for c in budget.choices(tape, 3, 4, again)]
    wanted = []
    for forms in ways(tape.units):
        whole = under(tape, forms)
        run = (tape.operations[n] for op in whole.operations for n in op.again)
        wanted.append((sum(map(again, run)), peaks(whole, 3, 4).training))
    assert found == front(wanted)


def test_less_is_never_more() -> None:
    """Less of a budget: no higher peak, and no less time."""
    item = compiled(SMALL)
    found = points(item.graph, setting_of(8))
    for faster, leaner in pairwise(found):
        assert faster.seconds < leaner.seconds
        assert faster.peak > leaner.peak
    least, most = found[-1].peak, found[0].peak
    before = 0
    for step in range(21):
        size = least + (most - least) * step // 20
        peak = item.memory(budget=str(size), batch=8).training
        assert before <= peak <= size
        before = peak


def test_forms_of_all() -> None:
    """A plan of one row is the form itself; plain is what the summary says anyway."""
    item = compiled(SMALL)
    plain, lean = item.memory(), item.memory("lean")
    again = item.memory("checkpoint")
    assert plain == item.memory("plain")
    assert plain.plan == (("plain", 8),)
    assert lean.plan == (("lean", 8),)
    assert again.plan == (("lean", 1), ("checkpoint", 6), ("lean", 1))
    assert plain.total.kept > lean.total.kept > again.total.kept
    assert plain.training > lean.training > again.training
    for found in (plain, lean, again):
        assert found.total.kept == sum(part.kept for part in found.parts)
        for time in found.times:
            before = next(t for t in plain.times if t.device == time.device)
            assert time.training == pytest.approx(before.training + time.again)


@pytest.mark.parametrize("memory", ["lean", "checkpoint", "reversible"])
def test_what_is_said_is_kept(memory: str) -> None:
    """As the profiler sees it, without what comes in."""
    text = (
        "input 3 x 8 x 8\nstages 4 x 6\nstem conv(3, c) > bn\nhead avgpool > linear(3)\n"
        "W = conv(3, c) > bn > relu > conv(3, c) > bn\nX_i = W_i*X_<i-1> + X_<i-2>"
    )
    item = recform.compile(text, memory=memory)
    said = item.memory(batch=2)
    assert said == recform.compile(text).memory(memory, batch=2)
    found = kept(item.module(), torch.randn(2, 3, 8, 8))
    assert said.total.kept - said.incoming == pytest.approx(found, rel=0.02)


def test_the_picture(tmp_path: Path) -> None:
    """The same on each run; it has a mark for each form that there is."""
    (tmp_path / "net.rf").write_text(SMALL)
    out = tmp_path / "plans.svg"
    command = f"summary {tmp_path}/net.rf --memory --batch 4 --pareto {out}"
    made = []
    for _ in range(2):
        assert CliRunner().invoke(app, command.split()).exit_code == 0
        made.append(out.read_text())
    assert made[0] == made[1]
    for word in ("by a budget", "plain", "lean", "checkpoint"):
        assert f">{word}<" in made[0]
    assert ">reversible<" not in made[0]


def test_long_rows_are_planned_in_groups() -> None:
    text = "input 6\nstages 6 x 40\nW = linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>"
    *_, point = points(compiled(text).graph, setting_of(2))
    assert len(point.forms) == 42


def test_mistakes() -> None:
    with pytest.raises(CompileError, match=r"RF537.*'much' is no budget"):
        recform.compile(SMALL, memory_budget="much")
    with pytest.raises(CompileError, match=r"RF537"):
        recform.compile(SMALL, memory_budget="0%")
    with pytest.raises(CompileError, match=r"RF541.*memory lean says it for all"):
        recform.compile(SMALL, memory_budget="1GiB", memory="lean")
    headed = f"{SMALL}\nhead avgpool > linear(2)"
    for asked in ({"memory_budget": "1GiB"}, {"memory": "checkpoint"}):
        with pytest.raises(CompileError, match="RF539"):
            recform.compile(headed, timm=True, **asked)  # type: ignore[arg-type]
    with pytest.raises(CompileError, match=r"RF542.*a budget for training is one"):
        recform.compile(SMALL, memory_budget="1GiB", inference=True)
    for batch in (0, 10**9 + 1, 10**400):
        with pytest.raises(ValueError, match="a batch"):
            recform.compile(SMALL, memory_budget="1GiB", batch=batch)
    inline = SMALL[: SMALL.index("X_i")] + 'names step = "."\nX_i = W_i*X_<i-1>'
    with pytest.raises(CompileError, match=r"RF538"):
        _ = recform.compile(inline, memory="checkpoint").source


@pytest.mark.parametrize("unit", ["", "%"])
def test_the_smallest_budget(unit: str) -> None:
    """The one that the diagnostic names can be met, and no smaller one."""
    with pytest.raises(CompileError, match="RF540") as caught:
        recform.compile(SMALL, memory_budget=f"1{unit}", batch=8)
    words = str(caught.value).split("smallest budget is ")[1]
    least = int(words.split(" bytes")[0])
    if unit:
        share = words.split("and ")[1].split(" ")[0]
        assert recform.compile(SMALL, memory_budget=share, batch=8)
    assert recform.compile(SMALL, memory_budget=str(least), batch=8)
    with pytest.raises(CompileError, match="RF540"):
        recform.compile(SMALL, memory_budget=str(least - 1), batch=8)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("6GiB", 6 * 2**30),
        ("6 GB", 6 * 10**9),
        ("1.5g", 3 * 2**29),
        ("900", 900),
        ("12 kB", 12000),
        ("9" * 400, int("9" * 400)),
        ("9" * 5000, None),
        ("\N{ARABIC-INDIC DIGIT THREE}GiB", None),
        ("-1", None),
        ("6GiBB", None),
        ("", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    assert bytes_of(text) == size
