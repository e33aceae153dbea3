"""Holds the text of a network against its plan."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from recform.algebra.formula import Scope
from recform.diagnostics import Diagnostics
from recform.emit.plan.network import NetworkPlan
from recform.proof import FAULT
from recform.proof.calls import CalledFlow, check_calls
from recform.proof.cells import check_cells
from recform.proof.plan import Misprint
from recform.proof.printed import check_printed


def check(plan: NetworkPlan, tree: ast.Module) -> None:
    """Holds the source of a network against its plan.

    Args:
        plan: the network.
        tree: the source, with all of its definitions in it.

    Raises:
        CompileError: RF901, if it says something else.
    """
    holders = _holders(plan)
    made = [
        (segment.step, [next(holders) for _ in range(segment.count)])
        for stage in plan.graph.stages
        for segment in stage.segments
    ]
    steps = [step.printed for step in plan.steps]
    try:
        check_printed(tree, plan.network.name, steps, made)
        check_cells(tree, plan.graph.recurrence.formula, steps, plan.network.name)
        if not plan.single and (forward := _forward(tree, plan.network.name)):
            check_calls(forward, _flows(plan))
    except Misprint as misprint:
        report = Diagnostics()
        span = plan.graph.recurrence.formula.equations[0].span
        report.error("RF901", misprint.message, span, hint=FAULT)
        report.check()


def _holders(plan: NetworkPlan) -> Iterator[str]:
    """For each block the outermost container that holds it, in a network of one row."""
    names = plan.graph.recurrence.formula.names
    stages, step = names.get("stages"), names.get("step")
    block = 0
    for number, stage in enumerate(plan.graph.stages, 1):
        for _ in range(sum(segment.count for segment in stage.segments)):
            block += 1
            path = () if plan.stages or stages is None else stages.at(number)
            if not plan.stages and not path and step is not None:
                path = step.at(block)
            yield next(iter(path), "")


def _forward(tree: ast.Module, network: str) -> ast.FunctionDef | None:
    """The forward pass of a network, if it has one of its own."""
    nodes = (
        n
        for c in tree.body
        if isinstance(c, ast.ClassDef)
        for n in c.body
        if c.name == network
    )
    return next(
        (n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == "forward"),
        None,
    )


def _flows(plan: NetworkPlan) -> list[CalledFlow]:
    """How the network should call its blocks."""
    rows = [
        (
            f"self.{name}",
            [
                plan.steps[s.step].printed
                for s in stage.segments
                for _ in range(s.count)
            ],
        )
        for name, stage in zip(plan.stages, plan.graph.stages, strict=True)
    ]
    by_stage = plan.graph.recurrence.formula.scope is Scope.STAGE
    shared = {key: f"self.{name}" for key, name in plan.shared.items() if not key.first}
    return [
        CalledFlow(
            flow,
            rows[number : number + 1] if by_stage else rows,
            {key.name: text for key, text in shared.items() if key.flow == number},
        )
        for number, flow in enumerate(plan.graph.recurrence.flows)
    ]
