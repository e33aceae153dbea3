"""What taking blocks out, or letting two change places, does to the paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recform.analysis.paths.counting import Counter
from recform.analysis.paths.distribution import Distribution, gated_by_tensors
from recform.linear.model import Linear


@dataclass(frozen=True)
class Ablation:
    """What happens to the paths if blocks are taken out or change places.

    Attributes:
        blocks: which ones.
        left: paths of each length that are left without any of them.
        both, one: paths that pass through both of two blocks (their order changes when
            the two are swapped), and through exactly one (it then passes the other).
    """

    blocks: tuple[int, ...]
    left: Distribution
    both: int = 0
    one: int = 0


def deletion(linear: Linear, length: int, blocks: Sequence[int]) -> Ablation:
    """The paths without some blocks (their operators are zero)."""
    left = Counter(
        linear, length, not gated_by_tensors(linear), tuple(blocks)
    ).by_length()
    return Ablation(tuple(blocks), Distribution(left))


def swap(linear: Linear, length: int, first: int, second: int) -> Ablation:
    """The paths that notice when two blocks change places."""
    signed = not gated_by_tensors(linear)
    everything = Counter(linear, length, signed).total()
    one = Counter(linear, length, signed, (first,)).total()
    other = Counter(linear, length, signed, (second,)).total()
    neither = Counter(linear, length, signed, (first, second))
    none = neither.total()
    both = everything - one - other + none
    single = one + other - 2 * none
    return Ablation((first, second), Distribution(neither.by_length()), both, single)
