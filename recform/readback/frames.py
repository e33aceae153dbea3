"""The frames that passes stand in: what a file keeps for its backward pass hangs on them.

A pass makes the same numbers without its frame, and keeps what autograd keeps. So what was
asked for is held here, pass by pass, and nothing else has a frame.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from recform.diagnostics.refuted import Refuted
from recform.execution.library import BLOCK, EITHER, LEAN, PLANNED, REVERSIBLE, TOLD
from recform.graph.model import NetworkGraph
from recform.memory import Memory, Plan
from recform.readback.constructor import is_timms
from recform.readback.plan import Printed, PrintedStep

#: The pass through a network, or a block.
FORWARD = "forward"
#: The field that tells the frames around passes of timm's interface what parts keep.
TOLD_BY = "_memory"

#: By class and function, the frame that it stands in.
Frames = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Keeping:
    """What the networks of a file keep for their backward pass.

    Attributes:
        memory: all parts.
        plans: of each network what its parts keep, where that is not the same.
    """

    memory: Memory = Memory.plain
    plans: Sequence[Plan] = ()

    @property
    def frame(self) -> str:
        """Around all passes of timm's interface; empty for none."""
        if self.plans:
            return TOLD
        return LEAN if self.memory is Memory.lean else ""


#: Nothing is asked for.
PLAINLY = Keeping()


def frames_of(
    keeping: Keeping,
    networks: Sequence[tuple[NetworkGraph, Printed]],
    backwards: Collection[str],
) -> Frames:
    """The frames that there have to be.

    Args:
        keeping: what was asked for.
        networks: each with its source.
        backwards: classes of blocks that say how they are run backwards.

    Raises:
        Refuted: if a block is to be run backwards, and its class does not say how.
    """
    frames: dict[tuple[str, str], str] = {}
    for number, (graph, printed) in enumerate(networks):
        plan = keeping.plans[number] if keeping.plans else None
        blocks = _blocks(graph, printed)
        forms = plan.forms[1:-1] if plan else [keeping.memory] * len(blocks)
        run = {
            step.name
            for step, form in zip(blocks, forms, strict=True)
            if form is Memory.reversible
        }
        # A form for all is that of those which can have it.
        lost = run - set(backwards) if plan else run and run.isdisjoint(backwards)
        if lost:
            raise Refuted(f"{printed.name} has blocks that are not run backwards")
        for step in {step.name: step for step in blocks}.values():
            frame = _block(graph, step, plan, step.name in backwards)
            if frame:
                frames[step.name, FORWARD] = frame
        whole = keeping.frame if plan is None else f"{PLANNED}{_rows(plan)}"
        if whole and not is_timms(printed):
            frames[printed.name, FORWARD] = whole
    return frames


def _blocks(graph: NetworkGraph, printed: Printed) -> list[PrintedStep]:
    """The step of each block."""
    segments = (s for stage in graph.stages for s in stage.segments)
    return [printed.steps[s.step] for s in segments for _ in range(s.count)]


def _block(
    graph: NetworkGraph, step: PrintedStep, plan: Plan | None, backwards: bool
) -> str:
    """The frame around the pass of a block; empty for none."""
    if not backwards:
        return BLOCK if plan else ""
    operators = graph.recurrence.formula.operators
    paths = [path for name, path in step.modules.items() if name in operators]
    names = tuple(path.removeprefix("self.") for path in paths)
    return f"{EITHER if plan else REVERSIBLE}({', '.join(map(repr, names))})"


def _rows(plan: Plan) -> str:
    """What its parts keep, as arguments or a tuple of them."""
    rows = [(str(form), count) for form, count in plan.rows]
    return f"({', '.join(map(repr, rows))})"


def check_told(kind: ast.ClassDef, plan: Plan | None) -> None:
    """That a network of timm's interface tells the frames what its parts keep.

    Raises:
        Refuted: if it does not.
    """
    said = [
        ast.literal_eval(node.value)
        for node in kind.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == TOLD_BY
    ]
    wanted = [tuple((str(form), count) for form, count in plan.rows)] if plan else []
    if said != wanted:
        raise Refuted(f"{kind.name} does not say what its parts keep")
