"""How many paths pass through each of the blocks.

Each path that does passes an operator of the block for the first time in some step. So these
paths are, over the steps with such words: what arrives there without the block, times those
words, times all that goes from there to the output. What arrives and what goes on is found
for all blocks at once; only from a block's first step to its last one is what arrives
another thing without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy.external.gmpy import MPZ

from recform.analysis.paths.counting import Counter
from recform.analysis.paths.packed import Packed, Small, times, unpacked
from recform.linear.model import STEM, Source
from recform.linear.propagate import Node, Step, owner, steps


def through(
    counter: Counter, origin: Source, net: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """For each length, how many paths pass each block behind the origin.

    Args:
        counter: of the flow.
        origin: where the paths start.
        net: the numbers of all paths, by length.
    """
    start = origin.at.number if origin != STEM else 0
    passing = _Passing(counter, origin)
    columns = [passing.block(n) for n in range(start + 1, counter.length + 1)]
    return tuple(
        tuple(column[k] if k < len(column) else 0 for column in columns)
        for k in range(len(net))
    )


class _Passing:
    """All steps from a tensor to the output, and what arrives and leaves at each."""

    def __init__(self, counter: Counter, origin: Source) -> None:
        self._counter, self._bits = counter, counter.bits(origin)
        begin, self._steps = steps(counter.linear, counter.length, origin)
        self._weights = [
            [counter.lengths(way, step.block) for _, way in step.sources]
            for step in self._steps
        ]
        self._arrives: dict[Node, Packed] = {begin: MPZ(1)}
        for step, weights in zip(self._steps, self._weights, strict=True):
            self._arrives[step.target] = self._total(step, weights, {})
        self._leaves: dict[Node, Packed] = {}
        if self._steps:
            self._leaves[self._steps[-1].target] = MPZ(1)
        self._go_back()
        self._of_block = self._owned()

    def _go_back(self) -> None:
        for step, weights in zip(
            reversed(self._steps), reversed(self._weights), strict=True
        ):
            leaves = self._leaves.get(step.target)
            if not leaves:
                continue
            for (source, _), small in zip(step.sources, weights, strict=True):
                more = times(small, leaves, self._bits)
                self._leaves[source] = self._leaves.get(source, 0) + more

    def _owned(self) -> dict[int, list[int]]:
        """The places of the steps that have an operator of a block, for each block."""
        found: dict[int, list[int]] = {}
        for place, step in enumerate(self._steps):
            owners = (
                owner(letter, step.block, self._counter.length)
                for _, way in step.sources
                for letter in way.letters
                if letter.counts
            )
            for block in {block for block in owners if block is not None}:
                found.setdefault(block, []).append(place)
        return found

    def block(self, block: int) -> tuple[int, ...]:
        """The paths of each length that pass a block."""
        places = self._of_block.get(block, [])
        left = replace(self._counter, without=(block,))
        other: dict[Node, Packed] = {}
        passing = MPZ(0)
        for place in range(places[0], places[-1] + 1) if places else ():
            step, weights = self._steps[place], self._weights[place]
            if place in places:
                rest = [left.lengths(way, step.block) for _, way in step.sources]
                own = [_less(*pair) for pair in zip(weights, rest, strict=True)]
                here = self._total(step, own, other)
                passing += here * self._leaves.get(step.target, 0)
                weights = rest
            elif not any(source in other for source, _ in step.sources):
                continue
            other[step.target] = self._total(step, weights, other)
        return unpacked(passing, self._bits)

    def _total(
        self, step: Step, weights: Sequence[Small], other: dict[Node, Packed]
    ) -> Packed:
        """What arrives in a step, with something else for what arrives at some tensors."""
        total = MPZ(0)
        for (source, _), small in zip(step.sources, weights, strict=True):
            if small:
                arrives = other.get(source, self._arrives[source])
                total += times(small, arrives, self._bits)
        return total


def _less(small: Small, rest: Small) -> Small:
    """The difference of two small polynomials."""
    made = {k: small.get(k, 0) - rest.get(k, 0) for k in {**small, **rest}}
    return {k: count for k, count in made.items() if count}
