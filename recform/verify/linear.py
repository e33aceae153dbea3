"""Checks on linear twins: the Jacobian's words, and the numbers of paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from recform.algebra.expr import Elementwise, State, subtensors
from recform.algebra.formula import Formula
from recform.analysis.paths.counting import Counter
from recform.analysis.paths.distribution import gated_by_tensors
from recform.analysis.paths.weights import weighed
from recform.diagnostics import CompileError, Diagnostics
from recform.linear.model import Linear, Source
from recform.linear.propagate import propagate
from recform.linear.recurrence import linearise, written_out
from recform.recurrence.reach import reach_of
from recform.series.places import START, At
from recform.verify import twin
from recform.verify.evaluate import Computed, Evaluator, Parts
from recform.verify.matrices import Matrices
from recform.verify.trials import (
    Measured,
    Trial,
    claim_error,
    error_of,
    largest,
    nudge,
    settled,
    start_of,
    starts_of,
)

if TYPE_CHECKING:
    import torch

#: Derivatives are compared relative to themselves, or to this.
_LEAST = 1e-12


def by_input(trial: Trial) -> tuple[bool | None, str]:
    """Torch's derivative of the module against the words."""
    reach = reach_of(trial.formula)
    least = max(reach.absolute, reach.from_end) + 1
    shorter = [n for n in (1, 2, 3) if least <= n < trial.blocks]
    for blocks in shorter:
        holds, detail = settled(partial(_by_input, trial), blocks, blocks)
        if holds is False:
            return holds, detail
    holds, detail = settled(partial(_by_input, trial), trial.blocks)
    also = "".join(f"{n}, " for n in shorter[:-1]) + "".join(map(str, shorter[-1:]))
    return holds, f"{also} and {detail}" if also else detail


def _by_input(trial: Trial, blocks: int) -> Measured:
    made, parts = trial.linear(blocks).formula, trial.linear(blocks).parts
    x, *contexts = (given[:1] for given in start_of(made))

    def run(vector: torch.Tensor) -> torch.Tensor:
        return parts.network(vector[None], *contexts)[0]  # type: ignore[no-any-return]

    expected = _jacobian(run, x[0])
    law = linearise(made, Diagnostics())
    matrices = Matrices(Evaluator(made, blocks, parts, (x, *contexts)))
    found = propagate(law, blocks, matrices.weigh, matrices.one(x.shape[1]))
    error = claim_error(matrices.whole(found, expected), expected, _LEAST)

    def noise() -> float:
        nudge(parts.network)
        return error_of(_jacobian(run, x[0]), expected, _LEAST)

    return Measured(error, f"{blocks} blocks, ", noise)


def _jacobian(
    run: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor
) -> torch.Tensor:
    """The derivative row by row; `torch.func` imports torch's compiler for it."""
    import torch

    x = x.detach().requires_grad_()
    made = run(x)
    if not made.requires_grad:
        return x.new_zeros((*made.shape, *x.shape))
    rows = [
        torch.autograd.grad(
            number, x, retain_graph=True, allow_unused=True, materialize_grads=True
        )[0]
        for number in made
    ]
    return torch.stack(rows)


def by_older_blocks(trial: Trial) -> tuple[bool | None, str]:
    """The derivative of the output by an unknown of a block, all older ones held.

    The module hands on other tensors than unknowns, so it is the naive evaluation with
    its operators that is differentiated.
    """
    try:
        return settled(partial(_by_older_blocks, trial), trial.blocks)
    except _Nothing:
        return None, "no unknown of a block is read"


class _Nothing(Exception):
    """There is nothing to differentiate by."""


def _by_older_blocks(trial: Trial, blocks: int) -> Measured:
    made, parts = trial.linear(blocks).formula, trial.linear(blocks).parts
    start = [given[:1] for given in start_of(made)]
    law = linearise(made, Diagnostics())
    names = [item.unknown for item in law.laws if item.written]
    known, states, rows = _derivatives(made, blocks, parts, start, names)
    if not states:
        raise _Nothing
    matrices = Matrices(known)
    errors = []
    for state, expected in zip(states, rows, strict=True):
        found = propagate(
            law,
            blocks,
            matrices.weigh,
            matrices.one(known.values[state].shape[1]),
            Source(state.name, At(START, int(state.index))),
        )
        errors.append(claim_error(matrices.whole(found, expected), expected, _LEAST))

    def noise() -> float:
        nudge(parts.network)
        _, _, again = _derivatives(made, blocks, parts, start, names)
        return largest(error_of(a, b, _LEAST) for a, b in zip(again, rows, strict=True))

    return Measured(
        largest(errors), f"{len(states)} tensors of {blocks} blocks, ", noise
    )


def _derivatives(
    made: Formula,
    blocks: int,
    parts: Parts,
    start: Sequence[torch.Tensor],
    names: list[str],
) -> tuple[Evaluator, list[State], list[torch.Tensor]]:
    """The unknowns that are read, and the derivatives of the output by each.

    What an unknown was computed from doesn't matter to the derivative by it: that is
    what holding the older ones means.
    """
    import torch

    start = [given.requires_grad_() for given in start]
    known = Evaluator(made, blocks, parts, start, apart=True)
    output = known.output()[0]
    wanted = [State(name, n) for name in names for n in range(1, blocks + 1)]
    states = [state for state in wanted if state in known.values]
    values = [known.values[state] for state in states]
    if not values:
        return known, [], []
    rows = [
        torch.autograd.grad(
            number, values, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for number in output
    ]
    jacobians = [torch.cat(column) for column in zip(*rows, strict=True)]
    known.values = {tensor: _detached(v) for tensor, v in known.values.items()}
    return known, states, jacobians


def _detached(value: Computed) -> Computed:
    """A value without its history; a number has none."""
    import torch

    return value.detach() if isinstance(value, torch.Tensor) else value


def path_numbers(trial: Trial) -> tuple[bool | None, str]:
    """The output as a polynomial in the gain of the blocks, read off at many gains."""
    made = twin.linear(trial.formula, trial.own, 1)
    if (shift := _moving(made)) is not None:
        return None, f"{shift} moves tokens, and is no number"
    if gated_by_tensors(_laws(twin.inactive(made), trial.own)):
        return None, "what weighs or chooses tensors has no polynomial in the gain"
    least = trial.own if trial.formula.relative else 1
    return settled(partial(_path_numbers, trial), trial.blocks, least)


def _moving(formula: Formula) -> str | None:
    """What moves tokens in the equations."""
    rights = [equation.right for equation in formula.equations]
    rights += [b.right for b in formula.boundaries if b.right is not None]
    parts = (
        part for tensor in (*rights, formula.output) for part in subtensors(tensor)
    )
    moving = (part for part in parts if isinstance(part, Elementwise))
    return next((part.name for part in moving if part.function.moves), None)


def _path_numbers(trial: Trial, blocks: int) -> Measured:
    import torch

    made = twin.inactive(twin.linear(trial.formula, blocks, 1))
    law = _laws(made, blocks)
    expected, sizes = weighed(law, blocks), weighed(law, blocks, size=True)
    parts = trial.make(made)
    # Learned scalars start at their values in float64, not at those of float32.
    for _, scalar, start in starts_of(made, blocks, parts):
        scalar.copy_(start)
    features = int(made.input.sizes[0])
    contexts = start_of(made, 1)[1:]
    # As many gains as the polynomial has coefficients, and one more.
    count = len(expected) + 1
    # Small ones, so that the highest powers do not hide the others, and exact.
    unit = 2 ** (count.bit_length() - 1)
    gains = [(number - count // 2) / unit for number in range(count)]

    def changes(parts: Parts) -> list[float]:
        values = []
        for gain in gains:
            with torch.no_grad():
                for name, parameter in parts.network.named_parameters():
                    if name.endswith("weight"):
                        parameter.fill_(gain)
                # Numbers that are added are no paths: they stay with input zero.
                one = torch.ones(1, features, dtype=torch.float64)
                change = parts.network(one, *contexts) - parts.network(
                    0 * one, *contexts
                )
                values.append(float(change.sum()))
        return values

    worst = lost = 0.0
    for gain, value in zip(gains, changes(parts), strict=True):
        claimed = sum(c * gain**k for k, c in enumerate(expected))
        # Terms that cancel leave the last digits of their size.
        size = sum(c * abs(gain) ** k for k, c in enumerate(sizes))
        worst = max(worst, abs(value - claimed) / max(1.0, abs(claimed)))
        lost = max(lost, 1e-16 * size / max(1.0, abs(claimed)))
    counts = Counter(law, blocks).by_length()
    if tuple(map(float, counts)) == tuple(expected):
        what = f"{blocks} blocks: {_few(counts)}; "
    else:
        what = f"{blocks} blocks, weighted by the coefficients; "
    return Measured(worst, what, lambda: lost)


def _laws(formula: Formula, blocks: int) -> Linear:
    """The linearised network; written out whole where there are no laws for any block."""
    try:
        return linearise(formula, Diagnostics())
    except CompileError:
        return written_out(formula, blocks)


def _few(counts: Iterable[object]) -> str:
    """Numbers; the middle of many is left out."""
    shown = [str(count) for count in counts]
    if len(shown) > 12:
        shown = [*shown[:4], "...", shown[-1]]
    return ", ".join(shown)
