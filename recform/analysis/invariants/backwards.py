"""Which blocks of a network can be run backwards, and how well the first state is got back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import NoReturn

import sympy

from recform.algebra.expr import (
    Apply,
    I,
    L,
    Learned,
    State,
)
from recform.algebra.formula import Formula
from recform.algebra.typeset import plain_scalar
from recform.algebra.written.constants import as_written
from recform.analysis.invariants.inverse import Inverse, inverse
from recform.blocks.amount import Dtype
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.graph.model import NetworkGraph, Segment
from recform.linear.forms import NoNumber, numeric
from recform.memory import Memory, Plan
from recform.recurrence.model import Place, Step, contexts_of, read_by


@dataclass(frozen=True)
class Rebuilt:
    """The longest row of blocks that can be run backwards.

    Attributes:
        blocks: how many they are.
        float32, bfloat16: how far what the first one got, once rebuilt, is off: at most so
            much of the largest tensor of the row, where operators are left out. None where
            it has no bound.
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
    off = found.lost.after(longest, 1.0)
    if off is None:
        return Rebuilt(longest, None, None)
    return Rebuilt(longest, off * Dtype.fp32.error, off * Dtype.bf16.error)


def runs_back(network: NetworkGraph, segment: Segment, found: Inverse) -> bool:
    """Whether blocks that are alike can be: nothing in them is adapted."""
    step = network.recurrence.steps[segment.step]
    regular = step.role.place in (Place.REGULAR, Place.PATTERN)
    return regular and not segment.block.sites and not obstacle(network, step, found)


def rows_back(network: NetworkGraph, report: Diagnostics) -> Plan:
    """The plan of a network whose blocks are run backwards, wherever they can be.

    Raises:
        CompileError: RF531, if there is no inverse; RF532, if no block can use it.
    """
    formula = network.recurrence.formula
    found = way_back(formula, report)
    forms = [Memory.plain]
    for segment in (s for stage in network.stages for s in stage.segments):
        can = runs_back(network, segment, found)
        forms += [Memory.reversible if can else Memory.plain] * segment.count
    if Memory.reversible not in forms:
        no_use(formula, "no block of it is like the others", report)
    return Plan((*forms, Memory.plain), f" --memory {Memory.reversible}")


def way_back(formula: Formula, report: Diagnostics) -> Inverse:
    """The inverse of a block.

    Raises:
        CompileError: RF531, if there is none.
    """
    found = inverse(formula)
    if not found.exists:
        report.error(
            "RF531",
            f"{formula.name} cannot be run backwards: {found.obstacle}",
            found.places[0] if found.places else None,
            hint=_LEAN,
        )
        report.check()
    return found


def no_use(formula: Formula, why: str, report: Diagnostics) -> NoReturn:
    """Says why no block can use the inverse.

    Raises:
        CompileError: RF532.
    """
    span = formula.equations[0].span
    report.error("RF532", f"{formula.name} has an inverse, but {why}", span, hint=_LEAN)
    report.check()
    raise AssertionError("an error was reported")


_LEAN = "--memory lean keeps little of any network"


def solved_states(step: Step, found: Inverse) -> list[State]:
    """What is solved for, in order, with the numbers of a step for the indices."""
    numbers = {I: sympy.Integer(step.at)}
    return [item.tensor.xreplace(numbers) for item in found.steps]


def obstacle(network: NetworkGraph, step: Step, found: Inverse) -> str:
    """Why the blocks of a step cannot use the inverse, in words; empty if they can."""
    calls = Counter(t.operator for t in step.body if isinstance(t, Apply))
    twice = next((name for name, count in calls.items() if count > 1), None)
    if twice is not None:
        return f"a block calls {twice} more than once"
    if contexts_of(step):
        return "its blocks read further inputs"
    for item in found.steps:
        if _vanishes(network, step, item.factor):
            where = "where it starts" if item.factor.has(Learned) else "in some block"
            factor = as_written(item.factor, network.recurrence.formula.constants)
            return f"{plain_scalar(factor)} is zero {where}, and cannot be divided by"
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


def _vanishes(network: NetworkGraph, step: Step, factor: Symbolic) -> bool:
    """Whether a coefficient is zero in some block of a step, where learned scalars start."""
    if not factor.atoms(Learned) and not factor.has(I, L):
        return False
    formula = network.recurrence.formula
    try:
        return any(
            numeric(formula, factor, block, length) == 0
            for block, length in _blocks(network, step)
        )
    except NoNumber:
        return bool(factor.has(I, L))


def _blocks(network: NetworkGraph, step: Step) -> Iterator[tuple[int, int]]:
    """The numbers of the blocks that take a step, with how many count as theirs."""
    lengths = network.recurrence.formula.lengths
    for stage, length in zip(network.stages, cycle(lengths), strict=False):
        for segment in stage.segments:
            if network.recurrence.steps[segment.step] is step:
                first = segment.first
                yield from ((first + n, length) for n in range(segment.count))
