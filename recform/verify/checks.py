"""The analysis held against a network: what was claimed is measured.

Nothing here looks at emitted code. A module is made (by the caller, from a twin of the
formula), run and differentiated, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import sympy

from recform.algebra.expr import Context, I, Input, State, Tensor, subtensors
from recform.algebra.formula import Formula
from recform.analysis.invariants.invariants import Invariant, invariants
from recform.analysis.invariants.inverse import Inverse, inverse
from recform.blocks.exact import filled
from recform.diagnostics import CompileError, Diagnostics
from recform.linear.forms import NoNumber, equations, tensor_of
from recform.linear.recurrence import linearise
from recform.recurrence.reach import reach_of
from recform.verify import passes
from recform.verify.evaluate import Computed, Evaluator, Missing, Unknown, Untold
from recform.verify.linear import by_input, by_older_blocks, path_numbers
from recform.verify.trials import (
    CLOSE,
    Make,
    Measured,
    Trial,
    all_nudged,
    claim_error,
    error_of,
    largest,
    nudged,
    settled,
    start_of,
)
from recform.verify.twin import NoTwin

if TYPE_CHECKING:
    import torch


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


_Try = Callable[[Trial], tuple[bool | None, str]]


def verify(formula: Formula, make: Make) -> tuple[Check, ...]:
    """All checks of a formula.

    Args:
        formula: the network.
        make: makes the emitted module of a formula.
    """
    trial = Trial(formula, make)
    return tuple(_tried(claim, check, trial) for claim, check in _claims(formula))


def _claims(formula: Formula) -> Iterator[tuple[str, _Try]]:
    yield "the equations are what the module computes", _forward
    try:
        linearise(formula, Diagnostics())
    except CompileError as error:
        # A maximum is no sum of words; everything else can be tried.
        why = error.diagnostics[0].message
        yield "the Jacobians", lambda _: (None, why)
    else:
        yield "the Jacobian by the input", by_input
        yield "the Jacobian by every older block", by_older_blocks
    yield "the numbers of paths", path_numbers
    if formula.relative:
        return  # what holds by the general equations holds for the first blocks alone
    for found in invariants(formula):
        yield f"the invariant {found.text()}", partial(_invariant, found=found)
    solved = inverse(formula)
    if solved.exists:
        yield "the inverse", partial(_inverse, solved=solved)


def _tried(claim: str, check: _Try, trial: Trial) -> Check:
    try:
        holds, detail = check(trial)
    except Missing as error:
        return Check(claim, None, f"nobody reads {error}: the network has none")
    except (NoNumber, NoTwin, Untold) as error:
        return Check(claim, None, str(error))
    except CompileError as error:
        first = error.diagnostics[0].message
        return Check(claim, None, f"a twin without stages does not compile: {first}")
    except RuntimeError as error:
        # Torch says that shapes do not meet: a part of the width that the file cuts.
        return Check(claim, None, f"a twin of one shape does not run: {error}")
    return Check(claim, holds, detail)


# -- the equations, one by one, with the operators of the module


def _forward(trial: Trial) -> tuple[bool | None, str]:
    """The naive evaluation is the module's: the other checks may use it."""
    holds, detail = settled(partial(_passes, trial), trial.own)
    if holds is False or trial.own == trial.blocks:
        return holds, detail
    # A short network does not show every case; a longer one may not exist.
    with suppress(CompileError):
        longer, more = settled(partial(_passes, trial), trial.blocks)
        if longer is False:
            return longer, more
        detail = f"{detail}; {trial.blocks} blocks, too" if longer else detail
    return holds, detail


def _passes(trial: Trial, blocks: int) -> Measured:
    """One pass in eval and one in training, as emitted and by the equations."""
    made = trial.small(blocks)

    def naive(*start: torch.Tensor) -> Computed:
        return Evaluator(made.formula, blocks, made.parts, start).output()

    start = start_of(made.formula)
    where = f"{blocks} blocks"
    if blocks == trial.own < trial.whole:
        where += f" with every step of the file's {trial.whole}"
    return measured(made.parts.network, naive, start, made.starts, f"{where}: ")


def measured(
    network: torch.nn.Module,
    naive: Callable[..., torch.Tensor],
    start: Sequence[torch.Tensor],
    starts: Sequence[tuple[str, float]],
    where: str,
) -> Measured:
    """A module against the equations: in eval and in training.

    Args:
        network: the module.
        naive: what the equations make of examples, with its operators.
        start: the examples, for each input.
        starts: how learned scalars differ from what the file says.
        where: what is tried, in words.
    """
    found = [passes.Difference(what, error) for what, error in starts]
    for training in (False, True):
        ours = passes.run(network, network, start, training=training)
        expected = passes.run(network, naive, start, training=training)
        found += passes.differences(ours, expected, ordered=False)
    worst = passes.worst_of(found)
    what = passes.compared(
        len(expected.gradients),
        len(expected.buffers),
        len(starts),
        inputs=expected.differentiable,
    )
    if math.isnan(worst.error):
        what = worst.what
    elif worst.error > CLOSE:
        what = f"{worst.what} differs"

    def noise() -> float:
        first = passes.run(network, naive, start, training=False)
        second = passes.run(network, naive, all_nudged(start), training=False)
        both = passes.differences(second, first, ordered=True)
        return largest(item.error for item in both)

    return Measured(worst.error, f"{where}{what}, ", noise)


# -- what holds for the blocks of the file


def _invariant(trial: Trial, found: Invariant) -> tuple[bool | None, str]:
    reach = reach_of(trial.formula)
    kind = "the operators of the file" if found.nonlinear else "linear operators"

    def measure(blocks: int) -> Measured:
        make = trial.small if found.nonlinear else trial.linear
        tested = make(blocks, inactive=not found.activations)
        made, parts = tested.formula, tested.parts
        start = start_of(made)

        def tried(start: Sequence[torch.Tensor]) -> tuple[float, list[torch.Tensor]]:
            evaluator = Evaluator(made, blocks, parts, start)
            evaluator.output()
            first = reach.order + reach.absolute + 1
            # The last blocks may lack operators that nobody reads.
            last = blocks - reach.order
            values = [evaluator.at(found.tensor, n) for n in range(first, last + 1)]
            expected = (
                values[0] * 0
                if found.value is None
                else evaluator.at(found.value, first)
            )
            # Differences of large numbers are no smaller than their last digits.
            scale = max(
                float(value.detach().abs().max())
                for tensor, value in evaluator.values.items()
                if isinstance(tensor, State)
            )
            scale = max(1.0, scale)
            return largest(error_of(v, expected, scale) for v in values), values

        error, values = tried(start)

        def noise() -> float:
            _, other = tried(all_nudged(start))
            return largest(error_of(a, b) for a, b in zip(other, values, strict=True))

        return Measured(error, f"{kind}, {blocks} blocks, ", noise)

    least = min(trial.blocks, reach.order * 2 + reach.absolute + 1)
    return settled(measure, trial.blocks + reach.order, least)


def _inverse(trial: Trial, solved: Inverse) -> tuple[bool | None, str]:
    """The network run backwards from its last blocks."""
    formula = trial.formula

    def measure(blocks: int) -> Measured:
        made = trial.small(blocks).formula
        parts = trial.small(blocks).parts
        forward = Evaluator(made, blocks, parts, start_of(made))
        forward.output()
        found = _backwards(formula, made, forward, solved, lambda value: value)

        def noise() -> float:
            again = _backwards(formula, made, forward, solved, nudged)
            # Beside what they should be, for what was found may be all rounding.
            return max(
                float((again[tensor] - value).detach().abs().max())
                / max(1.0, float(forward.value(tensor).detach().abs().max()))
                for tensor, value in found.items()
            )

        worst = largest(
            claim_error(value, forward.value(t)) for t, value in found.items()
        )
        return Measured(worst, f"{blocks} blocks, {len(found)} tensors, ", noise)

    try:
        return settled(measure, trial.blocks)
    except Unknown as error:
        return False, f"no later block hands back {error}"


def _has_zero(number: Computed) -> bool:
    """Whether nothing can be divided by a number, or by one of a feature."""
    return number == 0 if isinstance(number, int | float) else bool((number == 0).any())


def _backwards(
    formula: Formula,
    made: Formula,
    forward: Evaluator,
    solved: Inverse,
    handed: Callable[[torch.Tensor], torch.Tensor],
) -> dict[Tensor, torch.Tensor]:
    """The older tensors, from those of the last blocks."""
    blocks = forward.length
    reach = reach_of(formula)
    first = reach.order + reach.absolute + 1
    back = Evaluator(made, blocks, forward.parts, None)
    for name in equations(formula):
        for block in range(blocks - reach.order + 1, blocks + 1):
            state = State(name, block)
            back.values[state] = handed(forward.at(state, 0))
    # What comes in, or has a number of its own, is not a block's to hand back.
    for step in solved.steps:
        for part in (part for tensor in step.right for part in subtensors(tensor)):
            is_fixed = isinstance(part, State) and part.index.is_Integer
            if is_fixed or isinstance(part, Input | Context):
                back.values[part] = forward.at(part, 0)
    found: dict[Tensor, torch.Tensor] = {}
    for block in range(blocks, first, -1):
        for step in solved.steps:
            right = tensor_of(step.right)
            target = back.unroller.replaced(step.tensor, block)
            if right is None or target in back.values:
                continue
            factor = filled(step.factor, {I: sympy.Integer(block)})
            if _has_zero(forward.number(factor)):
                # It is said for blocks in which nothing is divided by zero.
                back.values[target] = forward.at(target, 0)
            else:
                value = back.value(back.unroller.replaced(right, block))
                back.values[target] = found[target] = value
    return found
