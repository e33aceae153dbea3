"""Faults planted in networks for inference: the proof finds each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import sympy

import recform
from recform.algebra.expr import Added, Apply, Tensor, TensorSum
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Folded, Pipeline
from recform.blocks import Arguments
from recform.compiler import compile_formula
from recform.diagnostics import Diagnostics
from recform.diagnostics.refuted import Refuted
from recform.inference import fold, in_equations
from recform.inference.rewrite import with_equations
from recform.proof.folded import refute_folded
from recform.proof.overwriting import overwrites

FRAME = "input 3 x 8 x 8\nstages 4 x 2, 8 x 2 / 2\n"
TEXT = (
    f"{FRAME}C = conv(3, c, stride=s) > bn\nD = conv(1, c, stride=s, padding=0) > bn\n"
    "P = conv(3, c) > bn > relu > bn > conv(3, c)\nB = bn\n"
    "X_i = relu(D_i*X_<i-1> + C_i*X_<i-1> + B_i*X_<i-1>) + P_i*X_<i-1>\n"
    "X_<first> = relu(D_<first>*X_<first-1> + C_<first>*X_<first-1>)"
)


def _with(
    formula: Formula, name: str, change: Callable[[Pipeline], Pipeline]
) -> Formula:
    operators = {**formula.operators, name: change(formula.operators[name])}
    return replace(formula, operators=operators)


def _taking(*folded: Folded) -> Callable[[Pipeline], Pipeline]:
    """A pipeline whose first step says that it has taken in something else."""

    def changed(pipeline: Pipeline) -> Pipeline:
        first, *rest = pipeline.steps
        return replace(pipeline, steps=(replace(first, folded=folded), *rest))

    return changed


def _given(place: int, **given: object) -> Callable[[Pipeline], Pipeline]:
    """A pipeline of which a step has other arguments."""

    def changed(pipeline: Pipeline) -> Pipeline:
        steps = list(pipeline.steps)
        arguments = Arguments({**steps[place].arguments, **given})
        steps[place] = replace(steps[place], arguments=arguments)
        return replace(pipeline, steps=tuple(steps))

    return changed


def _absorbed(pipeline: Pipeline) -> Pipeline:
    """A normalisation in front of zeros as part of the convolution behind it."""
    *before, norm, conv = pipeline.steps
    places = (*norm.folded[0].steps, *conv.folded[0].steps)
    joined = replace(conv, folded=(Folded("", places),))
    return replace(pipeline, steps=(*before, joined))


OWN, D, B = Folded("", (0, 1)), Folded("D", (0, 1)), Folded("B", (0,))
FAULTS: dict[str, Callable[[Formula], Formula]] = {
    "a branch is lost": lambda f: _with(f, "C", _taking(OWN, D)),
    "a normalisation is lost": lambda f: _with(f, "C", _taking(Folded("", (0,)), D, B)),
    "a branch is there twice": lambda f: _with(f, "C", _taking(OWN, D, D, B)),
    "the factor is another": lambda f: _with(
        f, "C", _taking(OWN, D, replace(B, factor=sympy.Integer(2)))
    ),
    "a smaller kernel": lambda f: _with(f, "C", _given(0, kernel=1)),
    "another stride": lambda f: _with(f, "C", _given(0, stride=1)),
    "groups": lambda f: _with(f, "C", _given(0, groups=2)),
    "in front of zeros": lambda f: _with(f, "P", _absorbed),
    "another operator": lambda f: _with(f, "P", _taking(Folded("C", (0, 1)))),
    "a pipeline without its end": lambda f: _with(
        f, "P", lambda p: replace(p, steps=p.steps[:-1])
    ),
    "a head without a layer": lambda f: replace(
        f, head=replace(f.head, steps=f.head.steps[:-1])
    ),
    "another output": lambda f: replace(f, output=f.output.func(f.output.name, 3)),
    "other stages": lambda f: replace(
        f, stages=(replace(f.stages[0], width=6), *f.stages[1:])
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str) -> None:
    before = recform.compile(TEXT).graph
    folded = fold(before)
    refute_folded(before, compile_formula(folded, Diagnostics()).graph)
    wrong = FAULTS[fault](folded)
    after = replace(
        compile_formula(folded, Diagnostics()).graph.recurrence, formula=wrong
    )
    graph = replace(compile_formula(folded, Diagnostics()).graph, recurrence=after)
    with pytest.raises(Refuted):
        refute_folded(before, graph)


def test_an_equation_of_the_start_is_not_lost() -> None:
    text = (
        "stages 4 x 3\nC = conv(3, c) > bn\nD = conv(3, c)\n"
        "X_i = relu(X_<i-1>) + (C_<i-1> + D_<i-1>)*X_<i-2>\n(C_0 + D_0)*X_<-1> = X_0"
    )
    before = recform.compile(text).graph
    folded = fold(before)
    refute_folded(before, compile_formula(folded, Diagnostics()).graph)
    (boundary,) = before.recurrence.formula.boundaries
    wrong = replace(folded, boundaries=(boundary,))
    with pytest.raises(Refuted, match="of the start would be lost"):
        refute_folded(before, compile_formula(wrong, Diagnostics()).graph)


READERS = {
    "one": ("relu(W_i*X_<i-1> + X_<i-1>)", False),
    "another function": (
        "relu(W_i*X_<i-1> + X_<i-1>) + tanh(W_i*X_<i-1> + X_<i-1>)",
        True,
    ),
    "a later block": ("relu(W_i*X_<i-1>) + W_<i-1>*X_<i-2>", True),
    "the unknown before": ("W_i*relu(X_<i-1>)", False),
}


@pytest.mark.parametrize("readers", READERS)
def test_what_is_read_twice_is_not_written_over(readers: str) -> None:
    right, wrong = READERS[readers]
    text = f"{FRAME}W = conv(3, c, stride=s) > bn\nX_i = {right}"
    formula = next(in_equations(fold(recform.compile(text).graph)))
    assert bool(overwrites(compile_formula(formula, Diagnostics()).graph)) is wrong
    lines = recform.compile(text, inference=True).source.splitlines()
    written = any("inplace" in line for line in lines if "rf:4" in line)
    assert written is (readers == "one")


BOTH = "relu(W_i*X_<i-1> + X_<i-1>)"
#: Sums, and what the proof says of writing over the first operator in them.
SUMS = {
    "a state": ("", f"X_i = {BOTH}", ""),
    "numbers": ("", "X_i = 0.5*X_<i-1> + W_i*X_<i-1> - 2", ""),
    "read again": ("", "X_i = (X_<i-1> + W_i*X_<i-1>)*W_i*X_<i-1>", "not its own"),
    "read later": ("", "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>", "not its own"),
    "an adapter": (
        "stages 4 x 2, 8 x 2 / 2\n",
        "X_i = V_i*X_<i-1> + W_i*X_<i-1>\nV = conv(1, c)",
        "another shape",
    ),
    "a gate of a size": (
        "",
        "G = avgpool > linear(c)\nX_i = G_i*X_<i-1> + W_i*X_<i-1>",
        "another shape",
    ),
    "one for all examples": (
        "input t = 3 x 32 x 32\n",
        "G = conv(3, c)\nX_i = G_i*t + W_i*X_<i-1>",
        "fewer examples",
    ),
    "numbers of more bits": (
        "stem conv(3, c) > ln\n",
        f"X_i = {BOTH}",
        "fewer bits",
    ),
    "a learned number": ("", f"scalar a_i = 1\nX_i = a_i*{BOTH}", "fewer bits"),
}


@pytest.mark.parametrize("what", SUMS)
def test_what_a_sum_writes_over(what: str) -> None:
    before, right, fault = SUMS[what]
    text = f"{before}W = conv(3, c, stride=s) > relu > conv(3, c) > bn\n{right}"
    text = text if "stages" in before else f"stages 4 x 3\n{text}"
    formula = _over_sums(fold(recform.compile(text).graph))
    found = overwrites(compile_formula(formula, Diagnostics()).graph)
    assert (fault in found) if fault else not found
    source = recform.compile(text, inference=True).source
    assert bool(re.search(r"\.(add|sub)_\(", source)) is not bool(fault)


def _over_sums(formula: Formula) -> Formula:
    """A formula in which each sum writes over a term that an operator makes."""

    def change(_: Tensor, new: Tensor) -> Tensor:
        if not isinstance(new, TensorSum):
            return new
        made = (n for n, part in enumerate(new.children) if isinstance(part, Apply))
        return Added(next(made), *new.children)

    return with_equations(formula, change)
