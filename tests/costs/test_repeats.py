"""Long rows of equal blocks: what a few of them say of all is what all of them say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recform
from recform.algebra.definitions.inside import Inside
from recform.blocks.amount import Dtype
from recform.classes.steps.reversible import ways_back
from recform.compiled import Compiled
from recform.costs import budget, repeats, rows
from recform.costs import record as recorded
from recform.costs.forms import under
from recform.costs.needs import Needs, needs, setting_of, staying
from recform.costs.peaks import Course, held, peaks
from recform.costs.planning import points
from recform.costs.record import record
from recform.costs.repeats import Pattern, Repeat, Run, Short, shortened
from recform.costs.tape import Operation, Tape
from recform.diagnostics import CompileError
from recform.memory import Memory, Plan
from recform.operators.attention import Attend
from tests.oracle.compare import compiled
from tests.oracle.plans import plans

#: A lean row of these has a period of one block, of sixteen and of eleven; the last three
#: have an operator of all blocks, blocks that take turns, and rows that run backwards.
FORMULAS = {
    "tokens": "input 6\nstages 6 x {}\nW = linear(c) > relu > linear(c)\n"
    "X_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "chain": "input 6\nstem linear(6)\nstages 6 x {}\nX_i = relu(X_<i-1>) + X_<i-2>",
    "stages": "input 3 x 8 x 8\nstages 4 x {}, 6 x {} / 2\nstem conv(3, 4) > bn > relu\n"
    "W = conv(3, c, stride=s) > bn > relu\nW_0*X_<-1> = X_0\n"
    "X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>",
    "two stages alike": "input 6\nstages 6 x {}, 6 x {}\nW = linear(c) > relu\n"
    "X_i = W_i*X_<i-1> + X_<i-2>",
    "shared": "input 6\nstages 6 x {}\nscalar a_i = 0.5\nW = linear(c) > relu\n"
    "X_i = a_i*X_<i-1> + W*X_<i-1> + X_<i-3>",
    "turns": "input 6\nstages 6 x {}\nW = linear(4 + i - 3*floor(i/3)) > relu > linear(c)\n"
    "X_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "solved": "input 6\nstages 6 x {}\nW = linear(c) > relu > linear(c)\n"
    "X_i = W_i*X_<i-1> + X_<i-2>",
}


def again(op: Operation) -> int:
    """Of an operation, so that forms differ."""
    return sum(work.reads for work in op.works)


def chosen(item: Compiled, batch: int) -> list[budget.Choice]:
    """The plans, of a few blocks of each row."""
    back = ways_back(item.graph, Dtype.fp32)
    return budget.choices(shortened(item.graph), batch, 4, again, back)


def said(tape: Tape, forms: Sequence[Memory], batch: int) -> tuple[int, int, int]:
    """What the tape of all blocks says of a plan: kept, peak, and what runs again."""
    whole = under(tape, forms)
    held = peaks(whole, batch, 4)
    run = (tape.operations[n] for op in whole.operations for n in op.again)
    return held.kept, held.training, sum(map(again, run))


@settings(max_examples=10, deadline=None)
@given(
    st.sampled_from(sorted(FORMULAS)),
    st.sampled_from([1, 2, 3, 8, 17, 40, 300, 1000]),
    st.sampled_from([1, 8, 64]),
    st.integers(0, 10**6),
)
def test_less_is_never_more(name: str, blocks: int, batch: int, which: int) -> None:
    """Less memory is never had in less time; one of the plans as the whole tape has it."""
    item = compiled(FORMULAS[name].format(blocks, blocks))
    found = chosen(item, batch)
    for faster, leaner in pairwise(found):
        assert faster.again < leaner.again
        assert faster.peak > leaner.peak
    choice = found[which % len(found)]
    assert len(choice.forms) == 2 + blocks * (1 + ("stages" in name))
    kept = choice.kept, choice.peak, choice.again
    assert said(record(item.graph), choice.forms, batch) == kept


@pytest.mark.parametrize("name", FORMULAS)
def test_a_few_stand_for_all(name: str) -> None:
    """Every plan of a long network is what the tape of all its blocks says."""
    item = compiled(FORMULAS[name].format(241, 131))
    short, tape = shortened(item.graph), record(item.graph)
    assert short.units == tape.units
    assert len(short.tape.operations) < len(tape.operations) * 19 // 20
    assert short.tape.scalars == tape.scalars
    found = chosen(item, 16)
    for choice in found[:: max(1, len(found) // 8)]:
        kept = choice.kept, choice.peak, choice.again
        assert said(tape, choice.forms, 16) == kept


def test_a_thousand_cost_as_much_as_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many operations are followed; the smallest budget is the same either way."""
    followed: list[int] = []

    def counted(tape: Tape, *sizes: Any) -> Course:
        followed.append(len(tape.operations))
        return held(tape, *sizes)

    monkeypatch.setattr(rows, "held", counted)
    sums = {}
    for blocks in (100, 1000):
        followed.clear()
        item = compiled(FORMULAS["tokens"].format(blocks))
        least = points(item.graph, setting_of(64))[-1].peak
        sums[blocks] = sum(followed)
        with pytest.raises(CompileError, match=f"budget is {least} bytes"):
            item.memory(budget="1", batch=64)
    assert sums[1000] <= sums[100] < 5000


def alike(found: Needs, other: Needs) -> None:
    """All that is said is the same; seconds as sums of numbers that are no whole ones are."""
    assert replace(found, times=()) == replace(other, times=())
    for one, two in zip(found.times, other.times, strict=True):
        for name in ("training", "again", "inference"):
            assert getattr(one, name) == pytest.approx(getattr(two, name)), name


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from(sorted(FORMULAS)), st.sampled_from([1, 8, 64]))
def test_any_plan(data: st.DataObject, name: str, batch: int) -> None:
    """Rows of any forms: what a few blocks say of them is what all blocks say."""
    blocks = data.draw(st.sampled_from([1, 2, 3, 8, 17, 40, 100]))
    item = compiled(FORMULAS[name].format(blocks, blocks))
    back = ways_back(item.graph, Dtype.fp32)
    tape = record(item.graph)
    forms = data.draw(plans(tape.units, back))
    setting, plan = setting_of(batch), Plan(forms)
    found = needs(item.graph, setting, plan)
    alike(found, needs(item.graph, setting, plan, Short(tape)))
    kept, peak, _ = said(tape, forms, batch)
    assert found.training == staying(item.graph, setting) + peak
    tensors = under(tape, forms).buffers.values()
    given = [b for b in tensors if b.born < 0 and b.kept is not None]
    assert found.total.kept == kept + sum(b.amount.held(batch, 4) for b in given)


@pytest.mark.parametrize(
    ("name", "memory"),
    [("tokens", None), ("tokens", "lean"), ("tokens", "checkpoint"), ("turns", "lean")],
)
def test_a_thousand_are_said_as_fast(
    name: str, memory: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long row as many blocks are written down, and followed, as of a shorter one."""
    seen: list[int] = []

    def counted(tape: Tape, *sizes: Any) -> Course:
        seen.append(len(tape.operations))
        return held(tape, *sizes)

    def written(*given: Any, **more: Any) -> Tape:
        tape = record(*given, **more)
        seen.append(len(tape.operations))
        return tape

    monkeypatch.setattr(rows, "held", counted)
    monkeypatch.setattr(repeats, "record", written)
    sums = []
    for blocks in (100, 1000):
        seen.clear()
        compiled(FORMULAS[name].format(blocks)).memory(memory, batch=64)
        sums.append(sum(seen))
    assert sums[0] == sums[1] < 500


def test_definitions_are_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks whose operators are alike share what these come to inside."""
    opened = []
    found = Inside.opened

    def counted(self: Inside, *args: Any) -> Any:
        opened.append(self)
        return found(self, *args)

    monkeypatch.setattr(Inside, "opened", counted)
    text = "input 6\nstages 6 x {}\nG = linear(6)\nW(x) = x*sigmoid(G*x)\n"
    text += "X_i = X_<i-1> + W_i*X_<i-1>"
    counts = []
    for blocks in (3, 9):
        opened.clear()
        record(compiled(text.format(blocks)).graph)
        counts.append(len(opened))
    assert counts[0] == counts[1] > 0


def test_operators_tell_once_what_is_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that all differ share it, on both devices; those of a few numbers, too."""
    told: list[object] = []
    found = Attend.details

    def counted(self: Attend, *args: Any) -> Any:
        told.append(self)
        return found(self, *args)

    monkeypatch.setattr(Attend, "details", counted)
    text = "input 6 x 4\nstages 4 x {}\nA = attend(2, window=1 + i - 2*floor(i/2))\n"
    text += "X_i = sum(k, 0, i-1, X_k) + A_i(X_<i-1>, X_<i-1>, X_<i-1>)"
    counts = []
    for blocks in (4, 8):
        told.clear()
        compiled(text.format(blocks)).memory()
        counts.append(len(told))
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize(("apart", "period"), [(1, 1), (1, 4), (2, 4), (3, 3)])
def test_parts_of_a_run(apart: int, period: int) -> None:
    """Each row is on the tape, as many blocks, and those, and as far from what differs."""
    plain, lean = Pattern(2, 2, apart), Pattern(2, 3, period)
    most = lean.most + apart - 1
    for count in range(most, most + 9 * period, period):
        run = Run(5, count, 3, most, plain, lean)
        assert run.fits
        for start in range(5, run.end):
            for end in range(start + 1, run.end + 1):
                first, last, repeats = run.placed(start, end, Memory.lean)
                more = sum(repeat.more for repeat in repeats)
                assert last - first + more * period == end - start
                assert (first - 3) % apart == (start - 5) % apart
                assert min(first - 3, 2) == min(start - 5, 2)
                assert min(3 + most - last, 2) == min(run.end - end, 2)
                for repeat in repeats:
                    assert first + 3 + period <= repeat.first
                    assert repeat.last - repeat.first == period
                    assert repeat.last <= last - 2 - period
        units = [run.unit(unit) - 3 for unit in range(5, run.end)]
        assert all(unit % apart == n % apart for n, unit in enumerate(units))
        assert set(units) == set(range(most))


def test_a_whole_run() -> None:
    """Where the rest is, and which block of the tape is as one of the network."""
    pattern = Pattern(2, 3, 1)
    run = Run(1, 1000, 1, 14, pattern, None)
    assert run.placed(1, 1001, Memory.plain) == (1, 15, [Repeat(11, 12, 986)])
    assert not run.fits
    assert [run.unit(n) for n in (1, 2, 14, 15, 1000)] == [1, 2, 14, 14, 14]


@pytest.mark.parametrize(
    ("name", "written"), [("wavenet", 37), ("cross_attention", 18)]
)
def test_other_rows(name: str, written: int) -> None:
    """Blocks that are equal after some; those that all read what comes in front of them.

    Where each is a segment of its own none is left out, but rows are seen on a few.
    """
    item = recform.compile(Path(f"examples/modern/{name}.rf"), depth=40)
    tape = record(item.graph)
    (run,) = shortened(item.graph).runs
    assert run.written == written
    found = chosen(item, 4)
    for choice in found[:: max(1, len(found) // 3)]:
        kept = choice.kept, choice.peak, choice.again
        assert said(tape, choice.forms, 4) == kept


@pytest.mark.long
@pytest.mark.parametrize("name", ["gpt_small", "llama", "gmlp", "resformer", "dit"])
def test_examples_of_a_thousand(name: str) -> None:
    """Blocks of many operations."""
    item = recform.compile(Path(f"examples/modern/{name}.rf"), depth=1000)
    tape = record(item.graph)
    found = chosen(item, 8)
    for choice in found[:: max(1, len(found) // 3)]:
        kept = choice.kept, choice.peak, choice.again
        assert said(tape, choice.forms, 8) == kept


def test_work_on_another_device_takes_no_gradients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a sum over depth each block has as many as there are members."""
    followed: list[int] = []
    follow = recorded.follow
    monkeypatch.setattr(
        recorded, "follow", lambda tape: (followed.append(1), follow(tape))
    )
    item = compiled(
        "input 6 x 8\nstem none\nhead none\nstages 8 x 20\nscalar a_<i,k> = 0.5\n"
        "W = ln > linear(c) > gelu\nY_i = X_<i-1> + W_i*X_<i-1>\n"
        "X_i = sum(k, 0, i, a_<i,k>*Y_k)\nY_0 = input\noutput X_L"
    )
    item.memory(batch=2)
    assert len(followed) == 1
