"""The paths of a network: how long they are, where they run, what they weigh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

from recform.algebra.formula import Formula, Scope
from recform.analysis.paths.counting import Counter
from recform.analysis.paths.packed import product
from recform.analysis.paths.through import through
from recform.analysis.paths.weights import Weighed, weighed
from recform.linear.forms import NoNumber
from recform.linear.model import STEM, Linear, Source
from recform.series.places import START, At

#: Deeper networks get no table of which path goes through which block, and no weights.
TABLE = 128


@dataclass(frozen=True)
class Distribution:
    """Numbers of paths by the number of blocks that they pass through.

    Attributes:
        counts: paths that pass through 0, 1, 2, ... blocks.
    """

    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All paths."""
        return sum(self.counts)

    @property
    def proper(self) -> bool:
        """Whether it is a distribution: no negative number, and at least one path."""
        return self.total > 0 and min(self.counts) >= 0

    @property
    def mean(self) -> float | None:
        """The mean length."""
        return float(self._moment(1)) if self.proper else None

    @property
    def spread(self) -> float | None:
        """The standard deviation of the length."""
        if not self.proper:
            return None
        return math.sqrt(self._moment(2) - self._moment(1) ** 2)

    def _moment(self, power: int) -> Fraction:
        """The mean of a power of the length."""
        powers = (k**power * n for k, n in enumerate(self.counts))
        return Fraction(sum(powers), self.total)

    def weighted(self, gain: float) -> tuple[float, ...]:
        """The share of each length if a block multiplies a signal by a gain.

        Veit et al. (2016) find that a path's gradient falls with every block that it
        passes: what arrives comes over the short ones.
        """
        logs = [
            math.log(abs(count)) + k * math.log(gain) if count else -math.inf
            for k, count in enumerate(self.counts)
        ]
        most = max(logs, default=-math.inf)
        if most == -math.inf:
            return ()
        weights = [math.exp(value - most) for value in logs]
        total = math.fsum(weights)
        return tuple(weight / total for weight in weights)


@dataclass(frozen=True)
class Stage:
    """Where paths run: the blocks ``first`` to ``last`` and their width."""

    first: int
    last: int
    width: int


@dataclass(frozen=True)
class Paths:
    """All paths of one flow of blocks, from a tensor to the output.

    Attributes:
        origin: where they start, in the language of the files.
        first: the block in which they start (0 for the input).
        length: the number of blocks of the flow.
        net: with signs: what is subtracted cancels what is added.
        raw: every term for itself.
        through: for each length, how many of the net paths pass through each of the
            blocks ``first + 1`` to ``length``; empty for deep networks.
        widths: for each length, the mean width of the blocks that its net paths pass;
            None for no path, or where numbers are negative.
        stages: the stages of the flow.
        start: what the paths weigh in a network that was not trained; None if not known.
        unweighed: why; empty if they are weighed.
    """

    origin: str
    first: int
    length: int
    net: Distribution
    raw: Distribution
    through: tuple[tuple[int, ...], ...]
    widths: tuple[float | None, ...]
    stages: tuple[Stage, ...]
    start: Weighed | None
    unweighed: str

    @property
    def cancels(self) -> bool:
        """Whether any terms cancel."""
        return self.net != self.raw


def paths(
    linear: Linear, stages: Sequence[Stage], length: int, origin: Source = STEM
) -> Paths:
    """The paths of a flow.

    Args:
        linear: the laws, without activations.
        stages: of the flow.
        length: the number of blocks.
        origin: where the paths start.
    """
    gated = gated_by_tensors(linear)
    counter = Counter(linear, length, signed=not gated)
    raw = net = counter.by_length(origin)
    if not gated and counter.subtracts:
        raw = Counter(linear, length, signed=False).by_length(origin)
    start = origin.at.number if origin != STEM else 0
    passing = through(counter, origin, net) if length <= TABLE else ()
    at_start, unweighed = _weights(linear, length, origin)
    return Paths(
        origin=origin.text(),
        first=start,
        length=length,
        net=Distribution(net),
        raw=Distribution(raw),
        through=passing,
        widths=_widths(passing, start, stages),
        stages=tuple(stages),
        start=at_start,
        unweighed=unweighed,
    )


def _weights(linear: Linear, length: int, origin: Source) -> tuple[Weighed | None, str]:
    """What paths weigh where the network starts, or why that is not known."""
    if length > TABLE:
        return None, f"there are more than {TABLE} blocks"
    try:
        return Weighed(weighed(linear, length, origin)), ""
    except NoNumber as reason:
        return None, str(reason)


def _widths(
    through: tuple[tuple[int, ...], ...], start: int, stages: Sequence[Stage]
) -> tuple[float | None, ...]:
    width = {
        block: stage.width
        for stage in stages
        for block in range(stage.first, stage.last + 1)
    }
    result: list[float | None] = []
    for row in through:
        passed = sum(row)
        if passed <= 0 or min(row) < 0:
            result.append(None)
            continue
        total = sum(n * width[start + 1 + k] for k, n in enumerate(row))
        result.append(float(Fraction(total, passed)))
    return tuple(result)


@dataclass(frozen=True)
class Flow:
    """Blocks in a row that the index runs through: the network, or one stage."""

    name: str
    length: int
    stages: tuple[Stage, ...]


def flows(formula: Formula, depth: int | None = None) -> tuple[Flow, ...]:
    """The flows of a network, by the stages of the file.

    Args:
        formula: the network.
        depth: another number of blocks: stages are stretched alike, and each flow of
            ``scope stage`` gets as many.
    """
    counts = stage_counts(formula, depth)
    if formula.scope is Scope.STAGE:
        return tuple(
            Flow(f"stage {number + 1}", count, (Stage(1, count, stage.width),))
            for number, (stage, count) in enumerate(
                zip(formula.stages, counts, strict=True)
            )
        )
    made, last = [], 0
    for stage, count in zip(formula.stages, counts, strict=True):
        if count:
            made.append(Stage(last + 1, last + count, stage.width))
            last += count
    return (Flow("network", last, tuple(made)),)


def stage_counts(formula: Formula, depth: int | None) -> list[int]:
    """The blocks of each stage, at another depth if one is asked for."""
    counts = [stage.blocks for stage in formula.stages]
    if depth is None:
        return counts
    if formula.scope is Scope.STAGE:
        return [depth for _ in counts]
    ends = [before * depth // sum(counts) for before in accumulate(counts)]
    return [end - before for before, end in pairwise([0, *ends])]


def origins(linear: Linear, block: int) -> tuple[Source, ...]:
    """The unknowns of a block, or the input for block 0."""
    if not block:
        return (STEM,)
    return tuple(
        Source(law.unknown, At(START, block)) for law in linear.laws if law.written
    )


def joined(stages: Sequence[Distribution]) -> Distribution:
    """The paths of stages one after the other: each goes on in every way."""
    return Distribution(product([stage.counts for stage in stages]))


def gated_by_tensors(linear: Linear) -> bool:
    """Whether tensors are multiplied: gates are symbols, and do not cancel each other."""
    written = (p for block in linear.starts for g in block.values() for p in g.values())
    letters = [*linear.letters, *(letter for p in written for letter in p.letters)]
    return any(letter.kind in ("gate", "gain") for letter in letters)
