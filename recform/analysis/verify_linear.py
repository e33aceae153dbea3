"""Checks on linear twins: the Jacobian's words, and the numbers of paths."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from recform.algebra.expr import Input, State
from recform.algebra.formula import Formula
from recform.analysis import twin
from recform.analysis.counting import Counter
from recform.analysis.evaluate import Evaluator, Missing, Parts
from recform.analysis.forms import numeric
from recform.analysis.laws import Source
from recform.analysis.linear import linearise
from recform.analysis.propagate import propagate
from recform.analysis.symbolic import Matrices
from recform.analysis.trials import (
    WIDTH,
    Make,
    depth,
    error_of,
    judged,
    shake,
    start_of,
)
from recform.analysis.words import START, At, Polynomial
from recform.diagnostics import Diagnostics
from recform.recurrence.reach import reach_of


def by_input(formula: Formula, make: Make) -> tuple[bool, str]:
    """torch.func's derivative of the module against the words."""
    import torch

    worst = 0.0
    lengths = [1, 2, 3, depth(formula)]
    reach = reach_of(formula)
    for length in [n for n in lengths if n > max(reach.absolute, reach.from_end)]:
        made = twin.linear(formula, length, WIDTH)
        parts = make(made)
        shake(parts.network)
        start = start_of(made)[:1]

        def run(vector: Any, parts: Parts = parts) -> Any:
            return parts.network(vector[None])[0]

        expected = torch.func.jacrev(run)(start[0])
        law = linearise(made, Diagnostics())
        matrices = Matrices(Evaluator(made, length, parts, start))
        found = propagate(law, length, matrices.weigh, matrices.one(start.shape[1]))
        worst = max(worst, error_of(matrices.whole(found, expected), expected))
    return judged(worst, f"up to {lengths[-1]} blocks, ")


def by_older_blocks(formula: Formula, make: Make) -> tuple[bool | None, str]:
    """The derivative of the output by an unknown of a block, all older ones held.

    The module hands on other tensors than unknowns, so it is the naive evaluation with
    its operators that is differentiated.
    """
    import torch

    length = depth(formula)
    made = twin.linear(formula, length, WIDTH)
    parts = make(made)
    shake(parts.network)
    known = Evaluator(made, length, parts, start_of(made)[:1])
    known.output()
    law = linearise(made, Diagnostics())
    worst, tried = 0.0, 0
    for name in [item.unknown for item in law.laws if item.written]:
        for block in range(1, length + 1):
            state = State(name, block)
            if state not in known.values:  # Nothing that is read needs it.
                continue
            width = known.values[state].shape[1]

            def run(vector: Any, state: State = state) -> Any:
                again = Evaluator(made, length, parts, known.values[Input()])
                again.values |= {
                    tensor: value
                    for tensor, value in known.values.items()
                    if isinstance(tensor, State) and tensor.index < state.index
                }
                again.values[state] = vector[None]
                return again.output()[0]

            start = known.values[state][0].detach()
            expected = torch.func.jacrev(run)(start)
            matrices = Matrices(known)
            found = propagate(
                law,
                length,
                matrices.weigh,
                matrices.one(width),
                Source(name, At(START, block)),
            )
            worst = max(worst, error_of(matrices.whole(found, expected), expected))
            tried += 1
    if not tried:
        return None, "no unknown of a block is read"
    return judged(worst, f"{tried} tensors of {length} blocks, ")


def path_numbers(formula: Formula, make: Make) -> tuple[bool | None, str]:
    """The output as a polynomial in the gain of the blocks, read off at many gains."""
    import torch

    made = twin.inactive(twin.linear(formula, 1, 1))
    law = linearise(made, Diagnostics())
    if any(letter.kind in ("gate", "gain") for letter in law.letters):
        return None, "products with tensors have no polynomial in the gain"
    blocks = depth(formula)
    while blocks > 1 and len(_weighted(law, blocks)) > 13:
        blocks -= 1
    expected = _weighted(law, blocks)
    made = twin.inactive(twin.linear(formula, blocks, 1))
    parts = make(made)
    _exact_scalars(made, blocks, parts)
    features = int(made.input.sizes[0])
    values = []
    gains = [number / 4 for number in range(len(expected) + 1)]
    for gain in gains:
        with torch.no_grad():
            for name, parameter in parts.network.named_parameters():
                if name.endswith("weight"):
                    parameter.fill_(gain)
            # Numbers that are added to tensors are no paths: they stay with input zero.
            one = torch.ones(1, features, dtype=torch.float64)
            change = parts.network(one) - parts.network(0 * one)
            values.append(float(change.sum()))
    worst = 0.0
    for gain, value in zip(gains, values, strict=True):
        claimed = sum(c * gain**k for k, c in enumerate(expected))
        worst = max(worst, abs(value - claimed) / max(1.0, abs(claimed)))
    counts = Counter(law, blocks).by_length()
    if tuple(map(float, counts)) == tuple(expected):
        what = f"{blocks} blocks: {', '.join(map(str, counts))}; "
    else:
        what = f"{blocks} blocks, weighted by the coefficients; "
    return judged(worst, what)


def _exact_scalars(formula: Formula, blocks: int, parts: Parts) -> None:
    """Learned scalars start at their values in float64, not at those of float32."""
    import torch

    for name, scalar in formula.scalars.items():
        for index in range(1, blocks + 1) if scalar.indexed else [None]:
            with torch.no_grad(), suppress(Missing):
                parts.scalar(name, index).fill_(scalar.start)


def _weighted(law: Any, blocks: int) -> list[float]:
    """The sum of the coefficients of the words of each length."""

    def weigh(polynomial: Polynomial, block: int) -> _Row:
        row: dict[int, float] = {}
        for word, coefficient in polynomial.terms.items():
            length = sum(letter.counts for letter in word)
            value = numeric(law.formula, coefficient, block, blocks)
            row[length] = row.get(length, 0.0) + value
        return _Row(row)

    found = propagate(law, blocks, weigh, _Row({0: 1.0}))
    terms = {} if found is None else found.terms
    longest = max((n for n, value in terms.items() if value), default=-1)
    return [terms.get(n, 0.0) for n in range(longest + 1)]


@dataclass(frozen=True)
class _Row:
    terms: dict[int, float]

    def __add__(self, other: _Row) -> _Row:
        lengths = {**self.terms, **other.terms}
        return _Row({n: self.terms.get(n, 0) + other.terms.get(n, 0) for n in lengths})

    def __mul__(self, other: _Row) -> _Row:
        result: dict[int, float] = {}
        for n, a in self.terms.items():
            for m, b in other.terms.items():
                result[n + m] = result.get(n + m, 0.0) + a * b
        return _Row(result)
