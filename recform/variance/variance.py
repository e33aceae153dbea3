"""Second moments of a network of random blocks: the variance that each term adds.

Every tensor is a combination of uncorrelated ones: the input, what each operator made, and
products of these. An operator with independent entries of mean zero and variance
``gain**2 / inputs`` makes of a tensor one that is uncorrelated with everything older, with
``gain**2`` times its mean square; called twice, its results are correlated as much as its
arguments. Activations are left out, and the input has mean zero. Where nothing is put side
by side, gated or multiplied, the gradient, which goes through the transposed matrices,
grows alike.

Where tensors are multiplied the numbers are those of the limit of wide layers, and where
they are, or an operator is applied to a number that was added, variances are not
proportional to that of the input: all numbers are then for an input of variance 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from recform.algebra.expr import Apply, subtensors
from recform.algebra.formula import Formula
from recform.variance.atoms import TooMuch
from recform.variance.fields import Field
from recform.variance.written import Unknown, Written

#: Deeper networks are followed up to here only.
_DEEPEST = 64
#: Fewer blocks are followed where so many pairs of tensors are correlated. They are looked
#: at for each of some forty gains.
_MOST_PAIRS = 15_000


@dataclass(frozen=True)
class Share:
    """A term of a block's equation and its variance, for an input of variance 1.

    Attributes:
        term: as text, with the unknown that it is added to.
        variance: for each feature.
        gates: what the gates of the term contribute as a factor, as text; empty without.
        own: whether an operator of the block itself made it.
    """

    term: str
    variance: float
    gates: str = ""
    own: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """The terms of blocks with other equations than the last one.

    Attributes:
        block: the last one of them.
        shares: its terms.
    """

    block: int
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Moments:
    """Variances of a network of random blocks.

    Attributes:
        gain: the assumed gain of each operator.
        blocks: how many blocks were followed.
        variance: of the output, for an input of variance 1; infinite if no float is as
            large.
        shares: the terms of the last block's equation. They add up to the variance of
            its unknown unless they are correlated.
        steady: the gain at which the output has variance 1; None if there is none above
            zero, or if all do.
        level: whether the variance is 1 for all gains: as a polynomial in their square it
            has no negative coefficient, so that two gains show it.
        double: the gain at which it has variance 2; None if there is none.
        scale: the factor to multiply every right side with, so that it has variance 1
            at the assumed gain.
        gates: the number that stands for each gate, by its letter.
        symmetric: whether the gradient's variance grows alike.
        proportional: whether variances are proportional to that of the input.
        elsewhere: the terms of blocks that have other equations.
    """

    gain: float
    blocks: int
    variance: float
    shares: tuple[Share, ...]
    steady: float | None
    double: float | None
    scale: float | None
    gates: tuple[tuple[str, float], ...] = ()
    symmetric: bool = True
    proportional: bool = True
    elsewhere: tuple[Elsewhere, ...] = ()
    level: bool = False


def moments(
    formula: Formula,
    length: int,
    gain: float,
    gate: float | None = None,
    like: Moments | None = None,
) -> Moments:
    """The variances of a network of some length.

    Args:
        formula: from the algebra.
        length: the number of blocks.
        gain: of each operator.
        gate: a number for all gates; None for what each has with its operators at zero.
        like: those for another gain, if they are known: what does not depend on the gain
            is taken from them.

    Raises:
        Unknown: if there is no such number for a tensor, with the reason.
    """
    written = _affordable(formula, length, gain, gate, like)

    def at(gain: float, scale: float = 1.0) -> float:
        return Field(written, gain, scale).output()

    field = Field(written, gain)
    variance = field.output()
    if math.isnan(variance):
        raise Unknown("they grow beyond all numbers, with both signs")

    empty = at(0.0)
    if like is not None:
        steady, double = like.steady, like.double
    else:
        steady = _meet(at, 1.0) if empty < 1 - 1e-9 else None
        double = _meet(at, 2.0) if empty < 2 else None
    return Moments(
        gain=gain,
        blocks=written.blocks,
        variance=variance,
        shares=_shares(written, field, written.blocks),
        steady=steady,
        double=double,
        scale=_meet(lambda scale: at(gain, scale), 1.0)
        if variance > 0 and at(gain, 0.0) < 1
        else None,
        gates=tuple(sorted(written.gates.items())),
        symmetric=field.proportional and not (written.gates or written.joined),
        proportional=field.proportional,
        elsewhere=tuple(
            Elsewhere(block, _shares(written, field, block))
            for block in written.others()
        ),
        level=gain > 0 and max(abs(empty - 1), abs(variance - 1)) < 1e-9,
    )


@dataclass(frozen=True)
class Growth:
    """Variances of a network whose norms work: some operators make variance 1 of anything.

    Attributes:
        normed: these operators.
        blocks: how many blocks were followed.
        variance: of the output, for an input of variance 1.
        shares: the terms of the last block's equation.
    """

    normed: tuple[str, ...]
    blocks: int
    variance: float
    shares: tuple[Share, ...]

    @property
    def last(self) -> float | None:
        """The share of the last block in its unknown; None if its terms are correlated.

        Where norms stand in front of the operators of a residual network, the stream
        grows and this falls with depth: each block is diluted by those before it.
        """
        owners = {share.term.partition(":")[0] for share in self.shares}
        total = sum(share.variance for share in self.shares)
        if len(owners) != 1 or not total or abs(total - self.variance) > 1e-9 * total:
            return None
        return sum(share.variance for share in self.shares if share.own) / total


def growth(formula: Formula, like: Moments, length: int) -> Growth | None:
    """Variances with norms; None if no operator has one.

    Args:
        formula: from the algebra.
        like: those without norms, at gain 1.
        length: the number of blocks.
    """
    normed = tuple(
        name
        for name, pipeline in formula.operators.items()
        if any(step.operator.normalises for step in pipeline.steps)
    )
    if not normed:
        return None
    written = Written(formula, like.blocks, length, None, frozenset(normed))
    field = Field(written, 1.0)
    return Growth(
        normed, like.blocks, field.output(), _shares(written, field, like.blocks)
    )


def _shares(written: Written, field: Field, block: int) -> tuple[Share, ...]:
    return tuple(
        Share(
            f"{owner}: {term.text}",
            field.variance(term.tensor),
            factor,
            any(
                isinstance(part, Apply) and part.index == block
                for part in subtensors(term.tensor)
            ),
        )
        for owner, term, factor in written.shares(block)
    )


def _affordable(
    formula: Formula,
    length: int,
    gain: float,
    gate: float | None,
    like: Moments | None,
) -> Written:
    """The network written out for as many blocks as can be followed again and again."""
    blocks = min(length, _DEEPEST) if like is None else like.blocks
    while True:
        written = Written(formula, blocks, length, gate)
        try:
            Field(written, gain, most=_MOST_PAIRS if blocks > 1 else math.inf).output()
        except TooMuch:
            blocks //= 2
        else:
            return written


def _meet(function: Callable[[float], float], wanted: float) -> float | None:
    """Where a growing function has a value, between 0 and 16.

    By the Illinois method (Dowell and Jarratt 1971) on logarithms: variances grow like a
    power of their argument over many blocks, and each look at one costs a whole network.
    """

    def excess(x: float) -> float:
        value = function(x)
        return math.log(value / wanted) if value > 0 else -math.inf

    low, high = 0.0, 1.0
    while (above := excess(high)) < 0:
        high *= 2
        if high > 16:
            return None
    below = excess(low)
    side = 0
    for _ in range(80):
        middle = (low + high) / 2
        if math.isfinite(below) and math.isfinite(above):
            middle = (low * above - high * below) / (above - below)
        found = excess(middle)
        if abs(found) < 1e-12 or not low < middle < high:
            return middle
        if found < 0:
            low, below = middle, found
            above /= 2 if side < 0 else 1
            side = -1
        else:
            high, above = middle, found
            below /= 2 if side > 0 else 1
            side = 1
    return high
