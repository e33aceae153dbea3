"""The operations of a parallel scan (`blocks/support/scan.py`), round by round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recform.blocks import Amount, Cost, Work
from recform.blocks.acts import Inner, Link


@dataclass(frozen=True)
class Scan:
    """A scan, of whose rounds each has half of the positions of the one before.

    Attributes:
        width: how many features it works on.
        features: those of its factors; 0 if they are the same for all examples.
        learned: whether the factors have gradients.
    """

    width: int
    features: int
    learned: bool

    def made(
        self,
        tensor: object,
        reads: tuple[object, ...],
        numbers: int,
        asks: tuple[object, ...] = (),
        once: int = 0,
        back: int = 0,
        **more: Any,
    ) -> Inner:
        """An operation; all of them are cheap to run again."""
        cost = Cost(cheap=True, workspace_back=back)
        link = Link(numbers, cost, (Work(numbers, numbers),), once=once)
        return Inner(tensor, reads, (link,), asks, **more)

    def numbers(self, factor: object) -> Iterator[Inner]:
        """Factors that are the same for all examples: of ``1/(1 + exp(-r))`` exp stays."""
        cost = Cost(cheap=True, saves_once=self.width, stays=Amount(once=self.width))
        yield Inner("exp", (), (Link(0, cost, ()),), ())
        yield self.made("one more", ("exp",), 0)
        yield self.made(factor, ("one more",), 0)

    def result(self, length: int, given: object) -> object:
        """What so many positions come to."""
        return given if length < 2 else ("scanned", length)

    def rounds(self, length: int, factor: object, given: object) -> Iterator[Inner]:
        """The rounds for so many positions.

        Args:
            length: how many.
            factor: the factors; None if they are none of an example.
            given: what comes in.
        """
        if length < 2:
            return
        half, between = length // 2, (length - 1) // 2
        factors = () if factor is None else (factor,)
        # What the factors are multiplied with is asked for by their gradients.
        other = (lambda x: (x,)) if self.learned else (lambda x: ())
        step, early, late = ((name, length) for name in ("factors", "early", "added"))
        # If they are the same, their gradient is one for each example at first.
        same = factor is not None and not self.features
        once, of_factors = half * self.width * same, self.width * bool(factors)
        late_ones, early_ones = (
            ((name, length), half * self.features, factor)
            for name in ("late factors", "early factors")
        )
        yield self.made(
            step,
            factors,
            half * self.features,
            factors,
            once=once,
            cuts=(late_ones, early_ones) if self.features else (),
        )
        yield self.made(
            early,
            (*factors, given),
            half * self.width,
            (*factors, *other(given)),
            back=half * (self.width + of_factors * same),
            slices=(given,),
            cuts=(late_ones,) if self.features else (),
        )
        size = half * self.width
        yield self.made(late, (early, given), size, hands=(early,), slices=(given,))
        yield from self.rounds(half, factor and step, late)
        pairs = self.result(half, late)
        product, sums, first, both = (
            (name, length) for name in ("product", "between", "first", "both")
        )
        # All pairs are read if there is one more position behind them.
        some = () if length % 2 else (pairs,)
        yield self.made(
            product,
            (*factors, pairs),
            between * self.width,
            (*factors, *other(pairs)),
            back=between * (self.width * len(some) + of_factors),
            slices=some if same else (*factors, *some),
            names=(step, late),
        )
        size = between * self.width
        yield self.made(sums, (product, given), size, hands=(product,), slices=(given,))
        size += self.width
        yield self.made(first, (given, sums), size, hands=(sums,), slices=(given,))
        yield self.made(
            both,
            (first, pairs),
            2 * half * self.width,
            hands=(pairs,) if length % 2 else (first, pairs),
            slices=(first,) if length % 2 else (),
        )
        result = self.result(length, given)
        yield self.made(
            result,
            (both, first),
            length * self.width,
            hands=(both,),
            slices=(first,),
            names=(pairs, sums, first, both, given),
        )
