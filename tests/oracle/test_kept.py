"""Random networks in every form that keeps less, in every type, against the interpreter."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st
from torch import Tensor, nn

from recform.blocks.amount import Dtype
from recform.blocks.examples import random_inputs
from recform.classes.steps.reversible import ways_back
from recform.compiler import Compiled
from recform.costs import planning
from recform.costs.forms import under
from recform.costs.needs import needs, setting_of, staying
from recform.costs.peaks import peaks
from recform.costs.planning import budget_of
from recform.costs.record import record
from recform.diagnostics import CompileError, Diagnostics
from recform.memory import Memory, Plan
from recform.target import Target
from tests.costs.measured import measure
from tests.oracle.adapters import Watch
from tests.oracle.compare import compiled, leaves, operators, shake
from tests.oracle.files import recurrences
from tests.oracle.interpreter import flows, interpret
from tests.oracle.plans import plans
from tests.oracle.search import REFUSED, tries

torch.set_num_threads(1)

TYPES = (torch.float64, torch.float32, torch.bfloat16)
#: What blocks that are run backwards make of rounding errors: they add and subtract.
BACKWARDS = 100

OPERATORS = (
    "conv(1, c) > bn > tanh",
    "conv(3, c) > gn(1) > relu > conv(1, c)",
    "bn > relu > conv(3, c)",
)
#: Those that can be solved for their oldest tensor without losing digits.
SOLVED = (
    "X_i = {a}*W_i*X_<i-1> + X_<i-2>",
    "X_i = {a}*W_i*X_<i-1> - X_<i-3>",
    "X_i = X_<i-1> + {a}*(W_i*X_<i-1> - W_<i-1>*X_<i-2>) + Y_i\n"
    "Y_i = X_<i-1> - X_<i-2>",
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + {a}*W_i*B_<i-1>\n"
    "B_i = B_<i-1> - U_i*A_i\noutput concat(A_L, B_L)",
    "A_0, B_0 = split(input, 2)\nB_i = B_<i-1> + W_i*A_<i-1>\n"
    "A_i = {a}*U_i*B_i - A_<i-1>\noutput concat(A_L, B_L)",
)


@st.composite
def solved(draw: st.DrawFn) -> str:
    """Networks whose blocks can be run backwards, as a rule."""
    equations = draw(st.sampled_from(SOLVED)).format(a=draw(st.sampled_from((1, 0.5))))
    wide = 4 if "split" in equations else 2
    blocks = draw(st.integers(1, 6))
    letters = "".join(
        f"{letter} = {draw(st.sampled_from(OPERATORS))}\n" for letter in "WU"
    )
    return (
        f"input 2 x 4 x 4\nstem conv(1, {wide}) > bn\nhead none\nstages 2 x {blocks}\n"
        f"{letters}{equations}\n"
    )


def passes(net: nn.Module, x: Tensor) -> list[Tensor]:
    """What a module makes, and the gradients of its parameters and of the input."""
    (x,) = leaves((x,))
    made = net(x)
    made.backward(torch.linspace(-1, 1, made.numel()).view_as(made).to(made))
    return [made.detach(), x.grad, *(p.grad for p in net.parameters())]


def wanted(item: Compiled, net: nn.Module, x: Tensor) -> list[Tensor]:
    """The same by the equations; nothing here has an adapter."""
    watch, run, naive = Watch(), copy.deepcopy(net), copy.deepcopy(net)
    watch.on(flows(item.formula, run), operators(item.formula))
    run(x)

    def module(given: Tensor) -> Tensor:
        return interpret(item.formula, naive, (given,), watch.calls, {})

    return passes(_Called(module, naive), x)


class _Called(nn.Module):
    """A function with the parameters of a module."""

    def __init__(self, function: object, owner: nn.Module) -> None:
        super().__init__()
        self.owner, self.function = owner, function

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.function(x)  # type: ignore[operator]
        return made


def error(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest difference of two tensors, of the largest number of the second."""
    most = 0.0
    for one, other in zip(found, expected, strict=True):
        assert one.isfinite().all()
        scale = max(1.0, float(other.abs().max()))
        most = max(most, float((one.double() - other).abs().max()) / scale)
    return most


def within(item: Compiled, draw: st.DataObject) -> Compiled:
    """The network within a budget, from the smallest that there is to that of the plain one.

    The peak of the plan is no higher, and the tape of the whole network says the same.
    """
    with pytest.raises(CompileError, match="RF540") as caught:
        item.memory(budget="1", batch=3)
    least = int(re.findall(r"budget is (\d+) bytes", str(caught.value))[0])
    budget = draw.draw(st.integers(least, item.memory(batch=3).training))
    kept = budget_of(str(budget), 3)
    back = ways_back(item.graph, Dtype.fp32)
    plan = planning.within(item.graph, kept, Diagnostics(), back)
    assert needs(item.graph, kept.setting, plan).training <= budget
    tape = under(record(item.graph), plan.forms)
    most = staying(item.graph, kept.setting) + peaks(tape, 3, 4).training
    assert most <= budget
    for form, _ in plan.rows:
        event(f"budget: {form}")
    return replace(item, target=Target(memory=Memory.lean), budget=plan)


def of_any_rows(item: Compiled, draw: st.DataObject) -> Compiled:
    """The network with rows of any forms; what is said of it is near what torch holds.

    It has a few tensors of equal sizes: one of them is a good part of its peak.
    """
    back = ways_back(item.graph, Dtype.fp32)
    tape = record(item.graph)
    plan = Plan(draw.draw(plans(tape.units, back)))
    made = replace(item, target=Target(memory=Memory.lean), budget=plan)
    real = measure(made.module(), item.formula.inputs, 32)
    said = needs(item.graph, setting_of(32), plan)
    assert said.total.kept >= 0.75 * real.kept
    assert said.training - said.total.optimizer >= 0.7 * real.training
    for form, _ in plan.rows:
        event(f"rows: {form}")
    return made


def tried(
    text: str,
    form: Memory,
    kind: torch.dtype,
    planned: Callable[[Compiled], Compiled] | None = None,
) -> str:
    """Compiles and runs a network in a form, or as planned: what came of it."""
    try:
        item = compiled(text)
        whole = replace(item, target=Target(memory=form))
        other = planned(item) if planned else whole
        torch.manual_seed(0)
        net = item.module().double()
        kept = other.module()
    except CompileError as refused:
        codes = {found.code for found in refused.diagnostics}
        assert codes <= {*REFUSED, "RF531", "RF532"}, codes
        return f"refused {' '.join(sorted(codes))}"
    shake(net)
    kept = kept.to(kind)
    kept.load_state_dict(net.state_dict())
    (x,) = random_inputs(item.formula.inputs, 3, dtype=torch.float64)
    x = x.to(kind).double()
    plain = copy.deepcopy(net).to(kind)
    net.load_state_dict(plain.state_dict())  # the same numbers in all of them
    expected = wanted(item, net, x)
    if not all(bool(tensor.isfinite().all()) for tensor in expected):
        return "overflowed"
    torch.manual_seed(0)
    usual = passes(plain, x.to(kind))
    if not all(bool(tensor.isfinite().all()) for tensor in usual):
        return "overflowed"
    rounding = 64 * torch.finfo(kind).eps + 4 * error(usual, expected)
    if other.plan and any(form is Memory.reversible for form in other.plan.forms):
        form = Memory.reversible
    if form is Memory.reversible:
        rounding *= BACKWARDS
    torch.manual_seed(0)
    assert error(passes(kept, x.to(kind)), expected) <= rounding
    for one, two in zip(kept.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-2, atol=1e-2)
    return "agreed"


@tries(4)
@given(
    recurrences(1, 5, staged=False),
    st.sampled_from((Memory.lean, Memory.checkpoint)),
    st.sampled_from(TYPES),
)
def test_lean(text: str, form: Memory, kind: torch.dtype) -> None:
    event(tried(text, form, kind))


@tries(3)
@given(
    st.one_of(recurrences(1, 5, staged=False), solved()),
    st.sampled_from(TYPES[:2]),
    st.data(),
)
def test_budgets(text: str, kind: torch.dtype, data: st.DataObject) -> None:
    event(tried(text, Memory.lean, kind, lambda item: within(item, data)))


@tries(4)
@given(
    st.one_of(recurrences(1, 5, staged=False), solved()),
    st.sampled_from(TYPES[:2]),
    st.data(),
)
def test_rows(text: str, kind: torch.dtype, data: st.DataObject) -> None:
    event(tried(text, Memory.lean, kind, lambda item: of_any_rows(item, data)))


@tries(4)
@given(
    solved(),
    st.sampled_from((Memory.reversible, Memory.lean, Memory.checkpoint)),
    st.data(),
)
def test_run_backwards(text: str, form: Memory, data: st.DataObject) -> None:
    # Rows that are run backwards in bfloat16 lose all digits: docs/memory.md.
    types = TYPES[:2] if form is Memory.reversible else TYPES
    kind = data.draw(st.sampled_from(types))
    event(f"{form}: {tried(text, form, kind)}")
