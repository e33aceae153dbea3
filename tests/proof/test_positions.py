"""Faults planted in recurrences over positions: in the operators, and in their code."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import sympy

import recform
from recform.algebra.definitions.body import given
from recform.algebra.definitions.cell import Cell, before
from recform.algebra.expr import Apply, Filled, Scaled, State, TensorSum
from recform.algebra.formula import Formula
from recform.algebra.multiples import Affine
from recform.classes.network import plan_network
from recform.diagnostics import CompileError
from recform.emit.checked import check
from recform.emit.module import printed
from recform.emit.owners import plain_graph
from recform.graph.model import NetworkGraph
from recform.plan.kept import keeping
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from recform.proof import Refuted, proof_of

FRAME = """
input 5 x 3
stages 3 x 3
head linear(3)
times positions
A = linear(c)
B = linear(c)
scalar k_i = 0.5 per channel
X_<i,t> = X_<i-1,t> + H_<i,t>
output X_L
"""
FORMULAS = {
    "gated": "H_<i,t> = sigmoid(A_i*X_<i-1,t>)*H_<i,t-1> + B_i*X_<i-1,t>",
    "learned": "H_<i,t> = k_i*H_<i,t-1> + (1 - k_i)*B_i*X_<i-1,t-1>",
    "loop": "H_<i,t> = tanh(A_i*H_<i,t-1> + B_i*X_<i-1,t>)",
    "long": "H_<i,t> = tanh(A_i*H_<i,t-1> - H_<i,t-2>*B_i*X_<i-1,t> + X_<i-1,t>)",
    "pair": "G_<i,t> = tanh(A_i*H_<i,t-1> + X_<i-1,t>)\n"
    "H_<i,t> = 0.5*G_<i,t-1> + B_i*G_<i,t>",
    "begun": "H_<i,t> = sigmoid(A_i*X_<i-1,t>)*H_<i,t-1> + X_<i-1,t>\nH_<i,0> = 2*k_i",
    "begun loop": "H_<i,t> = tanh(A_i*H_<i,t-1> + X_<i-1,t>)\nH_<i,0> = k_i",
    "matrix": "H_<i,t> = 0.5*H_<i,t-1> + "
    "outer(B_i*X_<i-1,t> - matvec(H_<i,t-1>, X_<i-1,t>), X_<i-1,t>)\n"
    "Y_i = A_i*matvec(H_i, X_<i-1>)",
    "both": "G_<i,t> = tanh(A_i*H_<i,t-1> + X_<i-1,t>)\n"
    "H_<i,t> = 0.5*G_<i,t-1> + B_i*X_<i-1,t>\nY_i = G_i*H_i",
}
_NETWORKS: dict[str, NetworkGraph] = {}


def network(name: str) -> NetworkGraph:
    if name not in _NETWORKS:
        text = FRAME + FORMULAS[name]
        if "Y_i" in FORMULAS[name]:
            text = text.replace("X_<i-1,t> + H_<i,t>", "X_<i-1,t> + Y_i")
        _NETWORKS[name] = recform.compile(text).graph
    return _NETWORKS[name]


def planted(graph: NetworkGraph, change: Callable[[Formula], Formula]) -> NetworkGraph:
    recurrence = graph.recurrence
    return replace(
        graph, recurrence=replace(recurrence, formula=change(recurrence.formula))
    )


def celled(change: Callable[[Cell], Cell]) -> Callable[[Formula], Formula]:
    """Another operator in the place of the recurrence."""

    def changed(formula: Formula) -> Formula:
        letter = next(name for name in formula.operators if name.endswith("cell"))
        pipeline = formula.operators[letter]
        (step,) = pipeline.steps
        cell = step.operator
        assert isinstance(cell, Cell)
        made = replace(pipeline, steps=(replace(step, operator=change(cell)),))
        return replace(formula, operators={**formula.operators, letter: made})

    return changed


def linear(change: Callable[[Affine], Affine]) -> Callable[[Formula], Formula]:
    def changed(cell: Cell) -> Cell:
        assert cell.affine is not None
        return replace(cell, affine=change(cell.affine))

    return celled(changed)


def defined(
    change: Callable[[Cell], dict[State, object]],
) -> Callable[[Formula], Formula]:
    return celled(
        lambda cell: replace(cell, definitions={**cell.definitions, **change(cell)})
    )


def swapped(formula: Formula) -> Formula:
    """The operator gets its tensors the other way round."""
    equations = tuple(
        replace(
            item, right=Apply("Hcell", item.right.index, *item.right.arguments[::-1])
        )
        if isinstance(item.right, Apply) and item.right.operator == "Hcell"
        else item
        for item in formula.equations
    )
    return replace(formula, equations=equations)


def older(cell: Cell) -> dict[State, object]:
    now = before("H", 0)
    return {now: cell.definitions[now].xreplace({before("H", 1): before("H", 2)})}


def earlier(cell: Cell) -> dict[State, object]:
    """What comes in is taken for what is kept."""
    now = before("H", 0)
    return {
        now: cell.definitions[now].xreplace({before("H", 1): given(cell.incoming[0])})
    }


def halved(cell: Cell) -> dict[State, object]:
    now = before("H", 0)
    return {now: Scaled(0.5, cell.definitions[now])}


PLANTED: dict[str, tuple[str, Callable[[Formula], Formula]]] = {
    "gate and input swapped": ("gated", swapped),
    "factor and rest swapped": ("gated", linear(lambda a: Affine(a.rest, a.factor))),
    "no rest": ("learned", linear(lambda a: replace(a, rest=Scaled(0, a.rest)))),
    "another factor": (
        "learned",
        linear(lambda a: replace(a, factor=Scaled(-1, a.factor))),
    ),
    "rest added twice": (
        "gated",
        linear(lambda a: replace(a, rest=TensorSum(a.rest, a.rest))),
    ),
    "a position too far back": ("loop", defined(older)),
    "the input for what is kept": ("loop", defined(earlier)),
    "zeros at the start": ("begun", celled(lambda cell: replace(cell, starts={}))),
    "another start": (
        "begun loop",
        celled(lambda cell: replace(cell, starts={"H": Filled(sympy.Integer(2))})),
    ),
    "half of it": ("loop", defined(halved)),
    "arguments swapped": ("long", swapped),
    "results swapped": (
        "both",
        celled(lambda cell: replace(cell, results=cell.results[::-1])),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_what_is_right_is_proved(name: str) -> None:
    proof_of(network(name))
    plan, code = written(name)
    check([plan.graph], [plan], ast.parse(code))


def test_parts_with_labels_are_proved() -> None:
    """Other code of the same network, which `recform verify` runs."""
    plan = plan_network(plain_graph(network("gated")), Namespace())
    code = printed([plan])
    check([plan.graph], [plan], ast.parse(code))
    edited = re.sub(r"scan\((\w+), (\w+)\)", r"scan(\2, \1)", code)
    with pytest.raises(CompileError, match="RF901"):
        check([plan.graph], [plan], ast.parse(edited))


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_in_the_operator_is_found(fault: str) -> None:
    name, change = PLANTED[fault]
    with pytest.raises(Refuted):
        proof_of(planted(network(name), change))


def written(name: str, *, going: bool = False) -> tuple[NetworkPlan, str]:
    plan = plan_network(network(name), Namespace())
    if going:
        plan = keeping(plan)
    return plan, printed([plan])


#: A network, what stands in the class of its recurrence, and what is put there.
PRINTED: dict[str, tuple[str, str, str]] = {
    "factor and rest swapped": ("gated", r"scan\((\w+), (\w+)\)", r"scan(\2, \1)"),
    "another rest": ("learned", r"1 - self", "2 - self"),
    "the rest alone": ("gated", r"scan\((\w+), (\w+)\)", r"\2"),
    "a cumulative sum": ("gated", r"scan\((\w+), (\w+)\)", r"torch.cumsum(\2, dim=1)"),
    "zeros at the start": ("begun", r"started\([^()]*, (\w+), (\w+)\)", r"\2"),
    "another factor of the start": ("begun", r"started\(2 \*", "started(3 *"),
    "no start of a loop": ("begun loop", r" \+ self\.k\n", "\n"),
    "the other operator": ("pair", r"self\.A\(", "self.B("),
    "what is kept is not read": ("loop", r"self\.A\(h\)", "self.A(b)"),
    "another function": ("loop", r"torch\.tanh", "torch.sigmoid"),
    "another sign": ("long", r" - h2", " + h2"),
    "values swapped": ("pair", r"return (\w+), (\w+)", r"return \2, \1"),
    "arguments of a position swapped": (
        "long",
        r"self\.step\(h, h2",
        "self.step(h2, h",
    ),
    "what is kept grows no older": ("long", r"h, h2 = h_new, h\b", "h, h2 = h_new, h2"),
    "nothing is kept": ("loop", r"h = self\.step", "other = self.step"),
    "ones before the first position": (
        "loop",
        r"\.new_zeros\(.*|torch\.zeros_like",
        "torch.ones_like",
    ),
    "the first position left out": ("loop", r"range\(", "range(1, "),
    "over examples": ("loop", r"shape\[1\]", "shape[0]"),
    "the position before": ("loop", r"\[:, t\]", "[:, t - 1]"),
    "inputs swapped": ("long", r"(\w+)\[:, t\], (\w+)\[", r"\2[:, t], \1["),
    "stacked as examples": ("loop", r"made, dim=1", "made, dim=0"),
    "another value taken": ("pair", r"made\.append\(h\)", "made.append(g)"),
    "results swapped": ("both", r"torch\.cat\(\((\w+), (\w+)\)", r"torch.cat((\2, \1)"),
    "the vector for the matrix": (
        "matrix",
        r"torch\.einsum\(\s*(\S+), h\.",
        r"torch.einsum(\1, b.",
    ),
    "outer the other way round": (
        "matrix",
        r'("\.\.\.i,\.\.\.j)->\.\.\.ij',
        r"\1->...ji",
    ),
    "a value twice": ("loop", r"( +)(made\.append\(h\))", r"\1\2\n\1\2"),
}


@pytest.mark.parametrize("fault", PRINTED)
def test_a_fault_in_the_code_is_found(fault: str) -> None:
    name, pattern, text = PRINTED[fault]
    plan, code = written(name)
    start = (
        code.index("class Hcell(")
        if "class Hcell(" in code
        else code.index("class Gcell(")
    )
    edited = code[:start] + re.sub(pattern, text, code[start:], count=1)
    assert edited != code, code
    with pytest.raises(CompileError, match="RF901"):
        check([plan.graph], [plan], ast.parse(edited))


#: The same for a network that goes on by positions.
GOING: dict[str, tuple[str, str, str]] = {
    "not kept": ("gated", r", self\.past\)", ", None)"),
    "factor and rest swapped": ("gated", r"scan_on\((\w+), (\w+)", r"scan_on(\2, \1"),
    "not read": ("loop", r"(\w+),\) = self\.past\.last\(\w+\)", r"\1,) = (\1,)"),
    "no start": ("begun", r"started_on\([^()]*, (\w+), (\w+), self.past\)", r"\2"),
    "started where others went": ("begun", r"started_on\(", "started_on(0.1 + "),
    "kept the other way round": ("long", r"keep\((\w+), (\w+)\)", r"keep(\2, \1)"),
    "read the other way round": (
        "pair",
        r"(\w+), (\w+) = self\.past",
        r"\2, \1 = self.past",
    ),
    "kept where nobody goes on": (
        "loop",
        r"is not None:\n( +)self\.past\.keep",
        r"is None:\n\1self.past.keep",
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_what_goes_on_is_proved(name: str) -> None:
    plan, code = written(name, going=True)
    check([plan.graph], [plan], ast.parse(code), going=True)


@pytest.mark.parametrize("fault", GOING)
def test_a_fault_in_what_goes_on_is_found(fault: str) -> None:
    name, pattern, text = GOING[fault]
    plan, code = written(name, going=True)
    start = code.index("cell(nn.Module)")
    edited = code[:start] + re.sub(pattern, text, code[start:], count=1)
    assert edited != code, code
    with pytest.raises(CompileError, match="RF901"):
        check([plan.graph], [plan], ast.parse(edited), going=True)
