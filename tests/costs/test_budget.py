"""Plans within a budget: against brute force, against the whole tape, and monotonic."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise, product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import recform
from recform.blocks.amount import Dtype
from recform.classes.steps.reversible import ways_back
from recform.cli.app import app
from recform.compiler import compile_source
from recform.costs import budget, rows
from recform.costs.budget import best
from recform.costs.forms import under
from recform.costs.needs import needs, setting_of
from recform.costs.peaks import Course, held, peaks
from recform.costs.planning import points
from recform.costs.record import record
from recform.costs.repeats import Short
from recform.costs.rows import Row
from recform.costs.tape import Operation, Tape
from recform.costs.words import bytes_of
from recform.diagnostics import CompileError
from recform.emit.module import emit
from recform.memory import Back, Memory, Plan
from recform.source import Source
from recform.target import Target
from tests.blocks.test_lean import kept
from tests.costs.measured import kept as real_kept
from tests.costs.test_needs import CAUSES
from tests.emit.test_memory import backward
from tests.oracle.compare import compiled
from tests.oracle.test_saved import FORMS

PLAIN, LEAN, AGAIN = Memory.plain, Memory.lean, Memory.checkpoint
BACK = Memory.reversible
SMALL = (
    "input 3 x 8 x 8\nstages 4 x 3, 6 x 3 / 2\nstem conv(3, 4) > bn > relu\n"
    "W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn\n"
    "X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\nW_0*X_<-1> = X_0"
)


#: A network that can be run backwards, but for its first two blocks.
SOLVED = (
    "input 3 x 8 x 8\nstages 4 x {}\nstem conv(3, c) > bn\nhead avgpool > linear(3)\n"
    "W = conv(3, c) > bn > relu > conv(3, c) > bn\nX_i = W_i*X_<i-1> + X_<i-2>"
)


def ways(back: Sequence[bool]) -> list[tuple[Memory, ...]]:
    """All plans; what stands around the blocks does not run again, or backwards.

    Args:
        back: whether each part may run backwards.
    """
    inner = [(PLAIN, LEAN, AGAIN, *[BACK] * may) for may in back[1:-1]]
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

    parts = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    back = Back(tuple(parts), data.draw(st.integers(1, 3)))
    found = [(choice.again, choice.peak) for choice in best(count, row, back.may)]
    wanted = []
    for forms in ways(parts):
        long = [len(list(same)) for form, same in groupby(forms) if form is BACK]
        if max(long, default=0) > back.most:
            continue
        start, kept, peak, again = 0, 0, 0, 0
        holds: frozenset[int] = frozenset()
        while start < count:
            end = start + 1
            while (
                forms[start] in (LEAN, BACK)
                and (*forms[start:end], forms[start]) == forms[start : end + 1]
            ):
                end += 1
            made = row(start, end, forms[start], holds)
            peak, again = max(peak, kept + made.peak), again + made.again
            kept, holds, start = kept + made.kept, made.holds, end
        wanted.append((again, peak))
    assert found == front(wanted)


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), max_size=20))
def test_what_nothing_is_as_good_as(ways: list[tuple[int, int, int]]) -> None:
    """Of all ways those for which no other is as good, of equal ones the first."""
    numbered = [(*way, (number,)) for number, way in enumerate(ways)]
    wanted = [
        way
        for way in numbered
        if not any(
            all(a <= b for a, b in zip(other[:3], way[:3], strict=True))
            and (other[:3] != way[:3] or other[3] < way[3])
            for other in numbered
        )
    ]
    assert sorted(budget._undominated(numbered)) == sorted(wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Eq. (20), activation", "concat, staged", "pooled"])
def test_rows_add_up_to_the_whole(name: str) -> None:
    """What a plan comes to row by row is what the tape of the whole network says."""
    tape = record(compiled(FORMS[name]).graph)
    found = budget.choices(Short(tape), 3, 4, lambda op: sum(w.reads for w in op.works))
    assert len(found) > 2
    for choice in found:
        whole = under(tape, choice.forms)
        held = peaks(whole, 3, 4)
        again = (tape.operations[n] for op in whole.operations for n in op.again)
        assert (held.kept, held.training) == (choice.kept, choice.peak)
        assert choice.again == sum(w.reads for op in again for w in op.works)


@pytest.mark.parametrize(
    "name", ["far back", "stages by themselves", "a reckoned factor"]
)
def test_rows_add_up_where_figures_were_off(name: str) -> None:
    item = compiled(CAUSES[name])
    tape, back = record(item.graph), ways_back(item.graph, Dtype.fp32)
    for choice in budget.choices(Short(tape), 3, 4, lambda op: op.runs, back):
        held = peaks(under(tape, choice.forms), 3, 4)
        assert (held.kept, held.training) == (choice.kept, choice.peak)


def test_no_plan_of_a_small_network_is_better() -> None:
    """All of them, each by the tape of the whole network."""
    text = SMALL.replace("4 x 3, 6 x 3 / 2", "4 x 3")
    tape = record(compiled(text).graph)

    def again(op: object) -> int:
        return sum(w.reads + w.multiply_adds for w in op.works)  # type: ignore[attr-defined]

    found = [(c.again, c.peak) for c in budget.choices(Short(tape), 3, 4, again)]
    wanted = []
    for forms in ways([False] * tape.units):
        whole = under(tape, forms)
        run = (tape.operations[n] for op in whole.operations for n in op.again)
        wanted.append((sum(map(again, run)), peaks(whole, 3, 4).training))
    assert found == front(wanted)


def test_no_plan_that_runs_backwards_is_better() -> None:
    """Likewise where blocks can be run backwards; what rows add up to is the whole."""
    item = compiled(SOLVED.format(4))
    tape, back = record(item.graph), ways_back(item.graph, Dtype.fp32)
    assert back is not None
    assert back.parts == (False, False, True, True, True, False)

    # Time is what makes them differ: convolutions are nearly free here.
    def again(op: Operation) -> int:
        return sum(w.reads for w in op.works)

    found = [(c.again, c.peak) for c in budget.choices(Short(tape), 3, 4, again, back)]
    wanted = []
    for forms in ways(back.parts):
        whole = under(tape, forms)
        run = (tape.operations[n] for op in whole.operations for n in op.again)
        wanted.append((sum(map(again, run)), peaks(whole, 3, 4).training))
    assert found == front(wanted)
    tape = record(compiled(SOLVED.format(9)).graph)
    back = Back((False, False, *[True] * 8, False), 8)
    mixed = False
    for choice in budget.choices(Short(tape), 3, 4, again, back):
        held = peaks(under(tape, choice.forms), 3, 4)
        assert (held.kept, held.training) == (choice.kept, choice.peak)
        mixed = mixed or {BACK, LEAN} < set(choice.forms)
    assert mixed


def test_blocks_that_run_backwards_beside_others() -> None:
    """Gradients, statistics, what is kept, and the file; no bfloat16, and one torch sees."""
    text = SOLVED.format(7)
    item, plain = recform.compile(text), recform.load(text).double()
    forms = (PLAIN, AGAIN, BACK, BACK, LEAN, BACK, BACK, PLAIN, LEAN)
    other = replace(item, target=Target(memory=Memory.lean), budget=Plan(forms))
    assert '@Either.block("W")' in other.source
    net = other.module().double()
    net.load_state_dict(plain.state_dict())
    x = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    compiled_net = torch.compile(copy.deepcopy(net), backend="eager", fullgraph=True)
    wanted = backward(copy.deepcopy(plain), x)
    torch.testing.assert_close(backward(copy.deepcopy(net), x), wanted)
    torch.testing.assert_close(backward(compiled_net, x), wanted)
    said = needs(item.graph, setting_of(3), Plan(forms)).total.kept
    assert said == pytest.approx(real_kept(net.float(), [x.float()]), rel=0.01)
    assert ways_back(item.graph, Dtype.bf16) is None
    assert ways_back(compiled(SMALL).graph, Dtype.fp32) is None


def test_rows_that_are_alike_are_worked_out_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There are 30 groups of one block; without that it is more than a thousand rows."""
    followed: list[object] = []

    def counted(tape: Tape, *sizes: Any) -> Course:
        followed.append(tape)
        return held(tape, *sizes)

    monkeypatch.setattr(rows, "held", counted)
    text = "input 6\nstages 6 x 30\nW = linear(c)\nX_i = relu(X_<i-1> + W_i*X_<i-1>)"
    tape = record(compiled(text).graph)
    budget.choices(Short(tape), 3, 4, lambda op: 1)
    assert len(followed) < 300


def test_a_later_network_runs_backwards() -> None:
    """Of two of one formula; what either keeps is what is said of it."""
    text = SOLVED.replace("stages 4 x {}\n", "")
    text += "\nnetwork A\nstages 4 x 5\nnetwork B\nstages 4 x 8"
    items = compile_source(Source("two.rf", text))
    plans = Plan((PLAIN,) * 7), Plan((PLAIN,) * 3 + (BACK,) * 6 + (PLAIN,))
    code = emit([i.graph for i in items], target=Target(memory=LEAN), kept=plans)
    module = ModuleType("two")
    exec(code, module.__dict__)
    for item, plan in zip(items, plans, strict=True):
        said = needs(item.graph, setting_of(2), plan).total.kept
        found = real_kept(getattr(module, item.name)(), [torch.randn(2, 3, 8, 8)])
        assert said == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize("shape", ["6 x 40", "6 x 20, 6 x 20"])
def test_rows_that_are_alike_are_the_same(shape: str) -> None:
    """Whatever stands for them, a plan comes to what the tape of the whole says."""
    text = f"input 6\nstages {shape}\nW = linear(c) > relu > linear(c)\n"
    item = compiled(f"{text}X_i = relu(X_<i-1> + W_i*X_<i-1> - W_<i-1>*X_<i-2>)")
    tape = record(item.graph)
    found = budget.choices(Short(tape), 3, 4, lambda op: sum(w.reads for w in op.works))
    for choice in (*found[::20], found[-1]):
        held = peaks(under(tape, choice.forms), 3, 4)
        assert (held.kept, held.training) == (choice.kept, choice.peak)


def test_for_a_device() -> None:
    """Where products are slow, another plan is the fastest; the file says for what."""
    item = compiled(SMALL)
    most = str(
        (item.memory(batch=64).training + item.memory("lean", batch=64).training) // 2
    )
    found = {
        name: item.memory(budget=most, batch=64, for_device=name).plan
        for name in ("h100", "laptop")
    }
    said = recform.compile(
        SMALL, memory_budget=most, batch=64, for_device="laptop"
    ).source
    assert "--optimizer sgd --for-device laptop\n" in said
    assert "(Ryzen 7 7840U)" in said
    assert ", ".join(f"{count} {form}" for form, count in found["laptop"]) in said
    with pytest.raises(ValueError, match="'tpu' is none of h100, a100"):
        item.memory(budget=most, for_device="tpu")


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
    assert ">KiB at most, in training<" in made[0]


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
    with pytest.raises(CompileError, match=r"RF542.*a budget for training is one"):
        recform.compile(SMALL, memory_budget="1GiB", inference=True)
    for batch in (0, 10**9 + 1, 10**400):
        with pytest.raises(ValueError, match="no whole number from 1 to 1,000,000,000"):
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
    with pytest.raises(
        CompileError, match=f"in {least - 1:,} bytes: it needs {least:,} at"
    ):
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


def test_fewer_groups_of_more_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is bounded; less of a budget is still no more, and said of all blocks."""
    text = "input 6\nstages 6 x 14\nW = linear(c) > relu\nscalar a_<i,k> = 1\n"
    text += "X_i = W_i*sum(k, 0, i-1, a_<i,k>*X_k)"
    item, followed = compiled(text), 0

    def counted(tape: Tape, *sizes: Any) -> Course:
        nonlocal followed
        followed += len(tape.operations)
        return held(tape, *sizes)

    monkeypatch.setattr(rows, "held", counted)
    work = []
    for steps in (budget.STEPS, 0):
        monkeypatch.setattr(budget, "STEPS", steps)
        followed = 0
        found = points(item.graph, setting_of(64))
        work.append(followed)
        assert all(
            a.peak > b.peak and a.seconds < b.seconds for a, b in pairwise(found)
        )
        for point in (found[0], found[-1]):
            whole = needs(item.graph, setting_of(64), Plan(point.forms))
            assert whole.training == point.peak
    assert 3 * work[1] < work[0]
