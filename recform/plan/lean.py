"""A plan whose network keeps little for its backward pass.

What is kept is found while the network runs (`recform/blocks/support/lean.py`): the code
of its blocks stays as it is, and its forward pass stands in a frame. Where the blocks keep
each their own, the frame says what, and a line before the pass of a block tells the frame.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from recform.blocks.identifiers import TIMM_BASE
from recform.blocks.support import template
from recform.diagnostics import Diagnostics
from recform.execution.library import (
    BLOCK,
    EITHER,
    LEAN,
    PASSES,
    PLANNED,
    REVERSIBLE,
)
from recform.memory import Memory, Plan
from recform.plan.definitions import Assign, Class, Definition, Function
from recform.plan.expressions import Code
from recform.plan.network import NetworkPlan


def memory_classes(memory: Memory, kept: Sequence[Plan] = ()) -> dict[str, str]:
    """The classes that networks need to keep less, and their sources.

    Args:
        memory: what they keep.
        kept: of each what its parts keep, where that is not the same.
    """
    if any(Memory.reversible in plan.forms for plan in kept):
        return _classes("again", "lean", "batches", "reversible", "either")
    match memory:
        case Memory.lean | Memory.checkpoint:
            return _classes("again", "lean")
        case Memory.reversible:
            return _classes("batches", "reversible")
    return {}


def _classes(*names: str) -> dict[str, str]:
    return {name.capitalize(): template(name) for name in names}


def leaning(plan: NetworkPlan) -> NetworkPlan:
    """The plan of a network that keeps little."""
    return _around(plan, LEAN)


def planned(plan: NetworkPlan, kept: Plan) -> NetworkPlan:
    """The plan of a network whose parts keep each what is said.

    Raises:
        CompileError: RF538, if its blocks have no pass that could tell where one begins.
    """
    graph = plan.graph
    taken = dict.fromkeys(s.step for stage in graph.stages for s in stage.segments)
    steps = [plan.steps[number].printed for number in taken]
    if not all(step.is_class for step in steps):
        formula = graph.recurrence.formula
        report = Diagnostics()
        report.error(
            "RF538",
            f"the blocks of {formula.name} have no class of their own, and so nothing says "
            "where one of them begins",
            formula.equations[0].span,
            hint="without names step they have one; and --memory lean keeps little of any "
            "network",
        )
        report.check()
    names = [step.name for step in steps]
    blocks = sum(s.count for stage in graph.stages for s in stage.segments)
    assert len(kept.forms) == blocks + 2

    def told(made: Definition) -> Definition:
        if not isinstance(made, Class) or made.name not in names:
            return made
        (forward,) = (m for m in made.methods if m.name == "forward")
        backwards = forward.around.startswith(REVERSIBLE)
        frame = forward.around.replace(REVERSIBLE, EITHER) if backwards else BLOCK
        return _with(made, frame, ("forward",))

    rows = ", ".join(f'("{form}", {count})' for form, count in kept.rows)
    plan = plan.changed(told)
    if plan.network.base != TIMM_BASE:
        return _around(plan, f"{PLANNED}({rows})")
    # The passes are those of what networks derive from, which asks for it.
    comma = "," if len(kept.rows) == 1 else ""
    field = Assign("_memory", Code(f"({rows}{comma})"))
    return plan.having(replace(plan.network, fields=(*plan.network.fields, field)))


def _around(plan: NetworkPlan, frame: str) -> NetworkPlan:
    """The plan with a frame around the passes through the network."""
    return plan.having(_with(plan.network, frame, PASSES))


def _with(made: Class, frame: str, names: tuple[str, ...]) -> Class:
    def framed(method: Function) -> Function:
        return replace(method, around=frame) if method.name in names else method

    methods = tuple(map(framed, made.methods))
    return replace(made, methods=methods, going=tuple(map(framed, made.going)))


def framed_base(text: str, frame: str) -> str:
    """The source of what networks derive from, with a frame around their passes."""
    passes = "|".join(PASSES)
    return re.sub(rf"(?m)^(    )(?=def (?:{passes})\()", rf"\1@{frame}\n\1", text)
