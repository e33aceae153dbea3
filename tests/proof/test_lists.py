"""The proof finds faults that are planted in sums over depth: in their lists and weights."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache

import pytest

import recform
from recform.algebra.expr import Learned, Scaled, State, Tensor
from recform.algebra.lists import Dealt, Listed, Members, Over, is_list
from recform.classes.network import plan_network
from recform.diagnostics import CompileError
from recform.emit.checked import check
from recform.emit.module import printed
from recform.graph.model import NetworkGraph
from recform.plan.namespace import Namespace
from recform.proof import Refuted, proof_of
from recform.recurrence.model import Step
from tests.proof.test_faults import Fault, defined, rewritten, stepped

FRAME = "input 4\nstages 4 x 9\nstem none\nhead none\nT = linear(c)\n"
FORMULAS = {
    "weighed": FRAME
    + """
scalar a_<i,k> = 0.5
Y_i = T_i*X_<i-1>
X_i = sum(k, 0, i, a_<i,k>*Y_k)
output X_L
""",
    "attended": FRAME.replace("input 4", "input 4 x 4 x 4")
    .replace("linear", "1*conv")
    .replace("1*conv(c)", "conv(1, c)")
    + """
N = bn
vector q_i = 0.1
X_i = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, N_i*X_k))*X_k)
""",
    "grouped": FRAME.replace("4 x 9", "4 x 3, 4 x 3, 4 x 3")
    + """
vector q_i = 0.1
P_i = P_<i-1> + T_i*sum(k, 0, i-1, softmax(k, dot(q_i, P_k))*P_k, by=stage)
P_<first> = T_<first>*P_<first-1>
""",
    "dealt": FRAME
    + """
A = linear(2*i)
Q_i, R_i = split(A_i*X_<i-1>, 2)
X_i = T_i*sum(k, 0, i-1, Q_<i,k>*X_k) + sum(k, 0, i-1, tanh(R_<i,k>)*X_k)
""",
}


@cache
def network(name: str) -> NetworkGraph:
    return recform.compile(FORMULAS[name]).graph


def listed(change: Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]) -> Fault:
    """A fault in what the regular step's list is made of."""
    return stepped(defined("list", lambda made: Listed(*change(made.children))))


def _stale(step: Step) -> Step:
    """The list that the block got is handed on."""
    old = next(slot for slot in step.inputs if is_list(slot))
    outputs = tuple(old if is_list(slot) else slot for slot in step.outputs)
    return Step(step.at, step.inputs, outputs, step.body, step.definitions, step.role)


def _weights_of_another(tensor: Tensor) -> Tensor | None:
    if not isinstance(tensor, Scaled):
        return None
    older = {s: s.at(s.index - 1) for s in tensor.coefficient.atoms(Learned)}
    return Scaled(tensor.coefficient.xreplace(older), tensor.tensor, tensor.at)


def _no_softmax(tensor: Tensor) -> Tensor | None:
    if isinstance(tensor, Over) and tensor.kind == "softmax":
        return tensor.tensor
    return None


def _old_members(tensor: Tensor) -> Tensor | None:
    if isinstance(tensor, Members) and isinstance(tensor.listed, Listed):
        return Members(tensor.listed.children[0])  # type: ignore[arg-type]
    return None


def _dealt_from_another(tensor: Tensor) -> Tensor | None:
    if isinstance(tensor, Dealt) and isinstance(tensor.tensor, State):
        return Dealt(State("R", tensor.tensor.index))
    return None


PLANTED: dict[str, tuple[str, Fault]] = {
    "a wrong member": ("weighed", listed(lambda c: (c[0], State("X", 3)))),
    "the newest member first": ("weighed", listed(lambda c: (c[1], c[0]))),
    "a member short": ("weighed", listed(lambda c: c[:1])),
    "a member twice": ("weighed", listed(lambda c: (*c, c[1]))),
    "a stale list": ("weighed", stepped(_stale)),
    "weights of another block": ("weighed", stepped(rewritten(_weights_of_another))),
    "no softmax": ("attended", stepped(rewritten(_no_softmax))),
    "features of another tensor": ("dealt", stepped(rewritten(_dealt_from_another))),
    "a group without its own part": ("grouped", stepped(rewritten(_old_members))),
    "a stage that is not finished": (
        "grouped",
        stepped(defined("finished", lambda made: made.children[0]), "opening"),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_networks_are_proved(name: str) -> None:
    assert proof_of(network(name)).blocks == 9


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_in_the_plan_is_found(fault: str) -> None:
    name, plant = PLANTED[fault]
    with pytest.raises(Refuted):
        proof_of(plant(network(name)))


#: A network, what stands in its code, and what is put there.
PRINTED: dict[str, tuple[str, str, str]] = {
    "the newest member first": ("weighed", r"\[\*ys_prev, y\]", "[y, *ys_prev]"),
    "a wrong member": ("weighed", r"\[\*ys_prev, y\]", "[*ys_prev, x_prev]"),
    "a member short": ("weighed", r"\[\*ys_prev, y\]", "[*ys_prev]"),
    "a list in a list": ("weighed", r"\[\*ys_prev, y\]", "[ys_prev, y]"),
    "a stale list": ("weighed", r"return x, ys", "return x, ys_prev"),
    "a sum over the old list": ("weighed", r"stack\(ys\)", "stack(ys_prev)"),
    "weights the other way around": (
        "weighed",
        r"tensordot\(self\.a",
        "tensordot(self.a.flip(0)",
    ),
    "weights but for one": ("weighed", r"tensordot\(self\.a", "tensordot(self.a[1:]"),
    "no weights": (
        "weighed",
        r"torch\.tensordot\(self\.a, (.*), dims=1\)",
        r"\1.sum(dim=0)",
    ),
    "features of another tensor": ("dealt", r'c", q, ', r'c", r, '),
    "features along another axis": ("dealt", r"movedim\(-1, 0\)", "movedim(0, 1)"),
    "features of all positions": ("dealt", r"unsqueeze\(-1\)", "unsqueeze(0)"),
    "features of other members": ("dealt", r"stack\(xs_prev\)", "stack(xs_prev[::-1])"),
    "members that are not added up": ("dealt", r"->\.\.\.c", "->k...c"),
    "shares of another axis": ("attended", r"dim=0", "dim=1"),
    "no shares": ("attended", r"weights \* ", ""),
    "a mean for a sum": ("attended", r"\.sum\(dim=0\)", ".mean(dim=0)"),
    "members the other way around": ("attended", r"in xs_prev\]", "in xs_prev[::-1]]"),
    "but for one member": ("attended", r"in xs_prev\]", "in xs_prev[1:]]"),
    "an operator more on each": (
        "attended",
        r"self\.N\(member\)",
        "self.N(self.N(member))",
    ),
    "no operator on each": ("attended", r"self\.N\(member\)", "member"),
    "a group without its own part": (
        "grouped",
        r"stack\(\[\*p_ends_prev, p_prev\]\)",
        "stack(p_ends_prev)",
    ),
    "its own part first": (
        "grouped",
        r"stack\(\[\*p_ends_prev, p_prev\]\)",
        "stack([p_prev, *p_ends_prev])",
    ),
}


@pytest.mark.parametrize("fault", PRINTED)
def test_a_fault_in_the_code_is_found(fault: str) -> None:
    name, pattern, text = PRINTED[fault]
    plan = plan_network(network(name), Namespace())
    code = printed([plan])
    check([plan.graph], [plan], ast.parse(code))
    start = code.rindex("\nclass Step(")
    edited = code[:start] + re.sub(pattern, text, code[start:], count=1)
    assert edited != code, code[start:]
    with pytest.raises(CompileError, match="RF901"):
        check([plan.graph], [plan], ast.parse(edited))
