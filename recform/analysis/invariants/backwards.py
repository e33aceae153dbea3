"""Which blocks of a network can be run backwards, and how well the first state is got back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import sympy

from recform.algebra.expr import Apply, I, State
from recform.analysis.invariants.inverse import Inverse, inverse
from recform.graph.model import NetworkGraph, Segment
from recform.recurrence.model import Place, Step, read_by


@dataclass(frozen=True)
class Rebuilt:
    """The longest row of blocks that can be run backwards.

    Attributes:
        blocks: how many they are.
        float32, bfloat16: how far what the first one got, once rebuilt, is off: about so
            much of the largest tensor of the row. Operators are left out. None where it
            has no bound.
    """

    blocks: int
    float32: float | None
    bfloat16: float | None


def rebuilt(network: NetworkGraph) -> Rebuilt | None:
    """What running blocks backwards comes to; None if none can be."""
    found = inverse(network.recurrence.formula)
    if not found.exists:
        return None
    longest = row = 0
    for segment in (s for stage in network.stages for s in stage.segments):
        row = row + segment.count if runs_back(network, segment, found) else 0
        longest = max(longest, row)
    if not longest:
        return None
    return Rebuilt(
        longest, found.lost.after(longest, 2**-23), found.lost.after(longest, 2**-7)
    )


def runs_back(network: NetworkGraph, segment: Segment, found: Inverse) -> bool:
    """Whether blocks that are alike can be: nothing in them is adapted."""
    step = network.recurrence.steps[segment.step]
    regular = step.role.place in (Place.REGULAR, Place.PATTERN)
    return regular and not segment.block.sites and not obstacle(step, found)


def solved_states(step: Step, found: Inverse) -> list[State]:
    """What is solved for, in order, with the numbers of a step for the indices."""
    numbers = {I: sympy.Integer(step.at)}
    return [item.tensor.xreplace(numbers) for item in found.steps]


def obstacle(step: Step, found: Inverse) -> str:
    """Why the blocks of a step cannot use the inverse, in words; empty if they can."""
    calls = Counter(t.operator for t in step.body if isinstance(t, Apply))
    twice = next((name for name, count in calls.items() if count > 1), None)
    if twice is not None:
        return f"a block calls {twice} more than once"
    got, handed = set(), set()
    for oldest in solved_states(step, found):
        for index in range(int(oldest.index), step.at):
            got.add(oldest.xreplace({oldest.index: sympy.Integer(index)}))
            handed.add(oldest.xreplace({oldest.index: sympy.Integer(index + 1)}))
    whole = len(read_by(step)) == len(step.inputs) == len(got)
    if not whole or set(step.inputs) != got or set(step.outputs) != handed:
        state = ", ".join(map(str, step.outputs))
        return f"what a block hands on is {state}, and not what it is solved for"
    return ""
