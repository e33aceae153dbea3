"""The analysis held against a network: what was claimed is measured.

Nothing here looks at emitted code. A module is made (by the caller, from a twin of the
formula), run and differentiated, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from recform.algebra.expr import Input, State, Tensor
from recform.algebra.formula import Formula
from recform.analysis import twin
from recform.analysis.counting import Counter
from recform.analysis.evaluate import Evaluator, Missing, Parts
from recform.analysis.forms import equations, numeric, tensor_of
from recform.analysis.invariants import Invariant, invariants
from recform.analysis.inverse import inverse
from recform.analysis.laws import Source
from recform.analysis.linear import linearise
from recform.analysis.propagate import propagate
from recform.analysis.symbolic import Matrices
from recform.analysis.words import START, At, Polynomial
from recform.diagnostics import CompileError, Diagnostics
from recform.recurrence.reach import reach_of

Make = Callable[[Formula], Parts]

#: What two float64 results may differ by, relative to their size.
CLOSE = 1e-9
#: Twins have so many blocks, of so many features.
BLOCKS, WIDTH = 6, 5


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
        *_tried("the Jacobian by the input", _jacobian, formula, make),
        *_tried("the Jacobian by every older block", _older, formula, make),
        *_tried("the numbers of paths", _paths, formula, make),
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
    except CompileError as error:
        first = error.diagnostics[0]
        return [
            Check(
                claim, None, f"a twin without stages does not compile: {first.message}"
            )
        ]
    return [Check(claim, holds, detail)]


def depth(formula: Formula) -> int:
    """How many blocks show every case."""
    reach = reach_of(formula)
    return max(BLOCKS, reach.order + reach.absolute + 3)


def _judged(error: float, what: str = "") -> tuple[bool, str]:
    return error <= CLOSE, f"{what}relative error {error:.1e}"


def _error(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest number."""
    scale = max(1.0, float(expected.detach().abs().max()))
    return float((found - expected).detach().abs().max()) / scale


def _start(formula: Formula) -> Any:
    import torch

    torch.manual_seed(0)
    sizes = [int(size) for size in formula.input.sizes]
    return torch.randn(2, *sizes, dtype=torch.float64)


def _forward(formula: Formula, make: Make) -> tuple[bool, str]:
    """The naive evaluation is the module's: the other checks may use it."""
    blocks = depth(formula)
    made = twin.flat(formula, blocks)
    parts = make(made)
    shake(parts.network)
    start = _start(made)
    expected = Evaluator(made, blocks, parts, start).output()
    return _judged(_error(parts.network(start), expected), f"{blocks} blocks, ")


# -- linear twins


def _jacobian(formula: Formula, make: Make) -> tuple[bool, str]:
    """torch.func's derivative of the module against the words."""
    import torch

    worst = 0.0
    lengths = [1, 2, 3, depth(formula)]
    reach = reach_of(formula)
    for length in [n for n in lengths if n > max(reach.absolute, reach.from_end)]:
        made = twin.linear(formula, length, WIDTH)
        parts = make(made)
        shake(parts.network)
        start = _start(made)[:1]

        def run(vector: Any, parts: Parts = parts) -> Any:
            return parts.network(vector[None])[0]

        expected = torch.func.jacrev(run)(start[0])
        law = linearise(made, Diagnostics())
        matrices = Matrices(Evaluator(made, length, parts, start))
        found = propagate(law, length, matrices.weigh, matrices.one(start.shape[1]))
        worst = max(worst, _error(matrices.whole(found, expected), expected))
    return _judged(worst, f"up to {lengths[-1]} blocks, ")


def _older(formula: Formula, make: Make) -> tuple[bool | None, str]:
    """The derivative of the output by an unknown of a block, all older ones held.

    The module hands on other tensors than unknowns, so it is the naive evaluation with
    its operators that is differentiated.
    """
    import torch

    length = depth(formula)
    made = twin.linear(formula, length, WIDTH)
    parts = make(made)
    shake(parts.network)
    known = Evaluator(made, length, parts, _start(made)[:1])
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
            worst = max(worst, _error(matrices.whole(found, expected), expected))
            tried += 1
    if not tried:
        return None, "no unknown of a block is read"
    return _judged(worst, f"{tried} tensors of {length} blocks, ")


def _paths(formula: Formula, make: Make) -> tuple[bool | None, str]:
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
    return _judged(worst, what)


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
    evaluator = Evaluator(made, blocks, parts, _start(made))
    first = reach.order + reach.absolute + 1
    # The last blocks may lack operators that nobody reads.
    last = blocks - reach.order
    values = [evaluator.at(found.tensor, block) for block in range(first, last + 1)]
    expected = (
        values[0] * 0 if found.value is None else evaluator.at(found.value, first)
    )
    worst = max(_error(value, expected) for value in values)
    kind = "the operators of the file" if found.nonlinear else "linear operators"
    return _judged(worst, f"{kind}, {blocks} blocks, ")


def _inverse(formula: Formula, make: Make) -> tuple[bool, str]:
    """The network run backwards from its last blocks, with nothing else kept."""
    blocks = depth(formula)
    made = twin.flat(formula, blocks)
    parts = make(made)
    shake(parts.network)
    forward = Evaluator(made, blocks, parts, _start(made))
    reach = reach_of(formula)
    first = reach.order + reach.absolute + 1
    solved = inverse(formula)
    back = Evaluator(made, blocks, parts, None)
    for name in equations(formula):
        for block in range(blocks - reach.order + 1, blocks + 1):
            state = State(name, block)
            back.values[state] = forward.at(state, 0)
    wanted: list[Tensor] = []
    for block in range(blocks, first, -1):
        for step in solved.steps:
            right = tensor_of(step.right)
            target = back.unroller.replaced(step.tensor, block)
            if right is not None and target not in back.values:
                back.values[target] = back.value(back.unroller.replaced(right, block))
                wanted.append(target)
    worst = max((_error(back.values[t], forward.value(t)) for t in wanted), default=0.0)
    return _judged(worst, f"{len(wanted)} tensors, ")


def shake(network: Any) -> None:
    """Moves parameters and statistics away from their trivial starts."""
    import torch

    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() <= 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
            else:
                fan = max(parameter[0].numel(), 1)
                parameter.normal_(std=0.7 / fan**0.5)
        for name, buffer in network.named_buffers():
            if "running" in name:
                buffer.add_(0.2 * torch.rand_like(buffer))
