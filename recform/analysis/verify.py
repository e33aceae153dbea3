"""The analysis held against a network: what was claimed is measured.

Nothing here looks at emitted code. A module is made (by the caller, from a twin of the
formula), run and differentiated, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recform.algebra.expr import State, Tensor
from recform.algebra.formula import Formula, with_plugins
from recform.analysis import twin
from recform.analysis.evaluate import Evaluator, Missing, Untold
from recform.analysis.forms import equations, tensor_of
from recform.analysis.invariants import Invariant, invariants
from recform.analysis.inverse import inverse
from recform.analysis.linear import linearise
from recform.analysis.trials import (
    WIDTH,
    Make,
    depth,
    error_of,
    judged,
    shake,
    start_of,
)
from recform.analysis.verify_linear import by_input, by_older_blocks, path_numbers
from recform.diagnostics import CompileError, Diagnostics
from recform.recurrence.check import walk
from recform.recurrence.reach import reach_of


@dataclass(frozen=True)
class Check:
    """One claim and how it fared.

    Attributes:
        claim: what was to be shown.
        holds: whether it did; None if it could not be tried.
        detail: the largest relative error, or why it was not tried.
    """

    claim: str
    holds: bool | None
    detail: str


@with_plugins
def verify(formula: Formula, make: Make) -> tuple[Check, ...]:
    """All checks of a formula.

    Args:
        formula: the network.
        make: makes the emitted module of a formula.

    Raises:
        CompileError: if a part of the formula has no linearisation (RF601).
    """
    report = Diagnostics()
    linearise(formula, report)
    report.check()
    checks = [
        *_tried("the equations are what the module computes", _forward, formula, make),
        *_tried("the Jacobian by the input", by_input, formula, make),
        *_tried("the Jacobian by every older block", by_older_blocks, formula, make),
        *_tried("the numbers of paths", path_numbers, formula, make),
    ]
    for found in invariants(formula):
        claim = f"the invariant {found.text()}"

        def constant(
            formula: Formula, make: Make, found: Invariant = found
        ) -> tuple[bool, str]:
            return _invariant(formula, make, found)

        checks += _tried(claim, constant, formula, make)
    if inverse(formula).exists:
        checks += _tried("the inverse", _inverse, formula, make)
    return tuple(checks)


def _tried(
    claim: str,
    check: Callable[[Formula, Make], tuple[bool | None, str]],
    formula: Formula,
    make: Make,
) -> list[Check]:
    try:
        holds, detail = check(formula, make)
    except Missing as error:
        return [Check(claim, None, f"nobody reads {error}: the network has none")]
    except Untold as error:
        return [Check(claim, None, str(error))]
    except CompileError as error:
        first = error.diagnostics[0]
        return [
            Check(
                claim, None, f"a twin without stages does not compile: {first.message}"
            )
        ]
    except RuntimeError as error:
        # Torch says that shapes do not meet: a part of the width that the file cuts.
        return [Check(claim, None, f"a twin of one shape does not run: {error}")]
    return [Check(claim, holds, detail)]


def _forward(formula: Formula, make: Make) -> tuple[bool, str]:
    """The naive evaluation is the module's: the other checks may use it."""
    blocks = depth(formula)
    made = twin.flat(formula, blocks)
    parts = make(made)
    shake(parts.network)
    start = start_of(made)
    expected = Evaluator(made, blocks, parts, start).output()
    return judged(error_of(parts.network(start), expected), f"{blocks} blocks, ")


# -- what holds for the blocks of the file


def _invariant(formula: Formula, make: Make, found: Invariant) -> tuple[bool, str]:
    reach = reach_of(formula)
    blocks = depth(formula) + reach.order
    made = (
        twin.flat(formula, blocks)
        if found.nonlinear
        else twin.linear(formula, blocks, WIDTH)
    )
    if not found.activations:
        made = twin.inactive(made)
    parts = make(made)
    shake(parts.network)
    evaluator = Evaluator(made, blocks, parts, start_of(made))
    first = reach.order + reach.absolute + 1
    # The last blocks may lack operators that nobody reads.
    last = blocks - reach.order
    values = [evaluator.at(found.tensor, block) for block in range(first, last + 1)]
    expected = (
        values[0] * 0 if found.value is None else evaluator.at(found.value, first)
    )
    worst = max(error_of(value, expected) for value in values)
    kind = "the operators of the file" if found.nonlinear else "linear operators"
    return judged(worst, f"{kind}, {blocks} blocks, ")


def _inverse(formula: Formula, make: Make) -> tuple[bool, str]:
    """The network run backwards from its last blocks."""
    blocks = depth(formula)
    made = twin.flat(formula, blocks)
    parts = make(made)
    shake(parts.network)
    forward = Evaluator(made, blocks, parts, start_of(made))
    reach = reach_of(formula)
    first = reach.order + reach.absolute + 1
    solved = inverse(formula)
    back = Evaluator(made, blocks, parts, None)
    for name in equations(formula):
        for block in range(blocks - reach.order + 1, blocks + 1):
            state = State(name, block)
            back.values[state] = forward.at(state, 0)
    # What the equations name by a number of its own is not a block's to hand back.
    for step in solved.steps:
        for part in (part for tensor in step.right for part in walk(tensor)):
            if isinstance(part, State) and part.index.is_Integer:
                back.values[part] = forward.at(part, 0)
    wanted: list[Tensor] = []
    for block in range(blocks, first, -1):
        for step in solved.steps:
            right = tensor_of(step.right)
            target = back.unroller.replaced(step.tensor, block)
            if right is not None and target not in back.values:
                back.values[target] = back.value(back.unroller.replaced(right, block))
                wanted.append(target)
    worst = max(
        (error_of(back.values[t], forward.value(t)) for t in wanted), default=0.0
    )
    return judged(worst, f"{len(wanted)} tensors, ")
