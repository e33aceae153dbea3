"""Holds the text of a network against its plan."""

from __future__ import annotations

import ast

from recform.diagnostics import Diagnostics
from recform.emit.plan.network import NetworkPlan
from recform.proof import FAULT
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
    made = [s.step for stage in plan.graph.stages for s in stage.segments]
    steps = [step.printed for step in plan.steps]
    try:
        check_printed(tree, plan.network.name, steps, made)
    except Misprint as misprint:
        report = Diagnostics()
        span = plan.graph.recurrence.formula.equations[0].span
        report.error("RF901", misprint.message, span, hint=FAULT)
        report.check()
