"""What the checks of :mod:`verify` share: depths, inputs, weights, errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from recform import recurrence
from recform.algebra.formula import Formula
from recform.blocks.examples import random_inputs
from recform.diagnostics import CompileError, Diagnostics
from recform.recurrence.reach import reach_of
from recform.verify import twin
from recform.verify.evaluate import Missing, Parts

if TYPE_CHECKING:
    import torch

Make = Callable[[Formula], Parts]

#: What two float64 results may differ by, relative to their size.
CLOSE = 1e-9
#: Twins of linear operators have so many features.
WIDTH = 3
#: Shorter networks are tried with so many blocks, too.
BLOCKS = 6
#: Deeper ones with fewer, among which every step of theirs stands some times in a row.
DEEP = 64
_SHORTENED = (24, 32, 40, 48, 64, 96, 128, 192, 256)
#: A difference that is no rounding error is larger than those by such a factor.
_MORE = 1e4
#: Why nothing can be told of numbers that are infinite, or none.
NOT_FINITE = "numbers that are not finite"


@dataclass(frozen=True)
class Twin:
    """A module that was made to be tried, with random weights.

    Attributes:
        formula: what it was made from.
        parts: the module.
        starts: how its learned scalars differed from what the file says, by name.
    """

    formula: Formula
    parts: Parts
    starts: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Trial:
    """A network that is tried.

    Attributes:
        formula: the network.
        make: makes the emitted module of a formula.
        twins: those that are made already.
    """

    formula: Formula
    make: Make
    twins: dict[tuple[str, int, bool], Twin] = field(default_factory=dict)

    @cached_property
    def whole(self) -> int:
        """How many blocks the file has (in its longest stage, with `scope stage`)."""
        return max(self.formula.lengths)

    @cached_property
    def own(self) -> int:
        """The depth of the file, or a smaller one with the same steps."""
        return (
            self.whole if self.whole <= DEEP else _shortened(self.formula, self.whole)
        )

    @cached_property
    def blocks(self) -> int:
        """How many blocks show every case: those of the file, if they are enough."""
        if self.formula.relative:
            return self.own  # its last blocks are in a network of any depth
        reach = reach_of(self.formula)
        return max(self.own, BLOCKS, reach.order + reach.absolute + 3)

    def small(self, blocks: int, *, inactive: bool = False) -> Twin:
        """A twin with the operators of the file, as a rule with its functions."""
        return self._twin(("small", blocks, inactive), self._quick)

    def linear(self, blocks: int, *, inactive: bool = False) -> Twin:
        """A twin with a matrix for each operator."""
        return self._twin(
            ("linear", blocks, inactive), lambda n: twin.linear(self.formula, n, WIDTH)
        )

    @cached_property
    def _quick(self) -> Callable[[int], Formula]:
        return twin.quick(self.formula, self.own)

    def _twin(
        self, key: tuple[str, int, bool], formula: Callable[[int], Formula]
    ) -> Twin:
        if key not in self.twins:
            _, blocks, inactive = key
            made = formula(blocks)
            made = twin.inactive(made) if inactive else made
            parts = self.make(made)
            starts = tuple(started(made, blocks, parts))
            shake(parts.network)
            self.twins[key] = Twin(made, parts, starts)
        return self.twins[key]


def starts_of(
    formula: Formula, blocks: int, parts: Parts
) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """The learned scalars of a module, and what the file says that they start with."""
    for name, scalar in formula.scalars.items():
        for index in range(1, blocks + 1) if scalar.indexed else [None]:
            with suppress(Missing):
                value = parts.scalar(name, index).detach()
                start = scalar.numbers(value.numel(), index, blocks)
                what = name + (f"_{index}" if index else "")
                yield what, value, value.new_tensor(start).view_as(value)


def started(formula: Formula, blocks: int, parts: Parts) -> Iterator[tuple[str, float]]:
    """How the learned scalars of a new module differ from what the file says."""
    for what, value, start in starts_of(formula, blocks, parts):
        yield f"the start of {what}", error_of(value.float(), start.float())


@dataclass(frozen=True)
class Measured:
    """What was measured at one depth.

    Attributes:
        error: the largest difference, relative to the size of the numbers.
        what: in words.
        noise: what a change of the start in its last digits does to the result.
    """

    error: float
    what: str
    noise: Callable[[], float] = lambda: 0.0


def settled(
    measure: Callable[[int], Measured], blocks: int, least: int = BLOCKS
) -> tuple[bool | None, str]:
    """Whether a claim holds, and how that was found out.

    Numbers that grow from block to block leave nothing of the digits that are compared.
    Then fewer blocks are tried.

    Args:
        measure: tries a number of blocks.
        blocks: how many at first.
        least: how many at last.
    """
    while True:
        found = measure(blocks)
        if found.error <= CLOSE:
            return True, f"{found.what}relative error {found.error:.1e}"
        noise = math.nan if math.isnan(found.error) else found.noise()
        if math.isfinite(noise) and found.error > _MORE * noise:
            return False, f"{found.what}relative error {found.error:.1e}"
        if blocks <= least:
            hidden = f"rounding errors of {noise:.1e} hide all others"
            return None, found.what + (hidden if math.isfinite(noise) else NOT_FINITE)
        blocks = max(least, blocks // 2)


def _shortened(formula: Formula, whole: int) -> int:
    """Fewer blocks, among which are all steps of the whole network."""
    wanted = _steps(formula, whole)
    for blocks in _SHORTENED:
        if blocks < whole and _steps(formula, blocks) == wanted:
            return blocks
    return whole


def _steps(formula: Formula, blocks: int) -> list[tuple[int, int]] | None:
    """For each step how often it stands in a row and in all, as far as that matters."""
    try:
        made = recurrence.build(twin.flat(formula, blocks), Diagnostics())
    except (CompileError, twin.NoTwin):
        return None
    rows: dict[int, tuple[int, int]] = {}
    for step, runs in groupby(made.flows[0].runs, key=lambda run: run.step):
        length = sum(run.last - run.first + 1 for run in runs)
        longest, total = rows.get(step, (0, 0))
        rows[step] = (max(longest, length), total + length)
    return sorted((min(longest, 3), min(total, 6)) for longest, total in rows.values())


def error_of(found: torch.Tensor, expected: torch.Tensor, scale: float = 1.0) -> float:
    """The largest difference, relative to the largest number (at least ``scale``).

    NaN if numbers that are expected are not finite: nothing can be told then.
    """
    if found.shape != expected.shape:
        return math.inf
    if not expected.numel():
        return 0.0
    if not bool(expected.isfinite().all()):
        return math.nan
    largest = float(expected.detach().abs().max())
    error = float((found - expected).detach().abs().max()) / max(scale, largest)
    return math.inf if math.isnan(error) else error


def claim_error(
    claim: torch.Tensor, measured: torch.Tensor, scale: float = 1.0
) -> float:
    """The same of what a formula claims: that is no number where it has 0 times infinity."""
    if not bool(claim.isfinite().all()):
        return math.nan
    return error_of(claim, measured, scale)


def largest(errors: Iterable[float]) -> float:
    """The largest error; NaN if one of them is, and none is more than rounding."""
    found = [0.0, *errors]
    known = max(error for error in found if not math.isnan(error))
    return math.nan if known <= CLOSE and any(map(math.isnan, found)) else known


def start_of(formula: Formula, count: int = 3) -> tuple[torch.Tensor, ...]:
    """Some random examples for a network without a stem, for each of its inputs."""
    import torch

    torch.manual_seed(0)
    return random_inputs(formula.inputs, count, dtype=torch.float64)


def all_nudged(values: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Tensors with other last digits."""
    return tuple(map(nudged, values))


def nudged(value: torch.Tensor) -> torch.Tensor:
    """A tensor with other last digits; ids have none."""
    import torch

    if not value.is_floating_point():
        return value
    generator = torch.Generator().manual_seed(2)
    change = torch.randn(value.shape, dtype=value.dtype, generator=generator)
    return value * (1 + 1e-15 * change)


def nudge(network: torch.nn.Module) -> None:
    """Changes the last digits of all parameters."""
    import torch

    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(nudged(parameter))


def shake(network: torch.nn.Module) -> None:
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
