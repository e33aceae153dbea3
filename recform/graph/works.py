"""The work of the tensors of a block that no operator makes: sums, products, lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from recform.algebra.expr import (
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    Input,
    K,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.lists import Dealt, Members, Over, is_list
from recform.algebra.tracing import Link
from recform.blocks import Amount, Cost, Shape, Work
from recform.blocks.applied import function_cost
from recform.graph.counts import Counts
from recform.graph.model import Site
from recform.recurrence.model import Step


def works(
    step: Step,
    shape: Callable[[Tensor], Shape],
    counts: Counts,
    between: Mapping[Tensor, int],
    reckoned: Mapping[Tensor, int],
) -> dict[Tensor | Site, tuple[Link, ...]]:
    """What each tensor costs that no operator makes, and that is no view of others.

    Args:
        step: what the block computes.
        shape: of a tensor.
        counts: how many tensors each tensor is.
        between: numbers that are kept between the factors of a product.
        reckoned: those of coefficients that are made of learned scalars.
    """
    found: dict[Tensor | Site, tuple[Link, ...]] = {}
    for tensor in step.body:
        if _is_view(tensor, step, counts):
            continue
        parts = [p for p in step.parts(tensor) if not isinstance(p, Filled)]
        reads = sum(shape(part).elements * counts.of(part) for part in parts)
        made = shape(tensor).elements * counts.of(tensor)
        weighed = counts.weighed(tensor)
        scaled = tensor.tensor if isinstance(tensor, Over) else tensor
        coefficient = reckoned.get(scaled, 0)
        cost = Cost(
            multiply_adds=weighed,
            saves_more=between.get(tensor, 0),
            workspace_back=_shares(tensor) * made // 2,
            saves_once=coefficient,
            stays=Amount(once=coefficient),
            cheap=_is_cheap(tensor, shape),
        )
        work = Work(reads, made, multiply_adds=weighed)
        found[tensor] = (Link(made, cost, (work,)),)
    return found


def _shares(tensor: Tensor) -> int:
    """Halves of numbers, for each that is made, by which a gradient is dealt out.

    That of the larger of two numbers goes to it, and in halves to both if they are equal:
    torch has two masks of a byte, half of the gradient, and what it chooses of both.
    """
    picks = isinstance(tensor, Combine) and tensor.kind in ("max", "min")
    return 5 if picks else 0


def _is_cheap(tensor: Tensor, shape: Callable[[Tensor], Shape]) -> bool:
    """Whether a tensor is cheap to make again."""
    if isinstance(tensor, Elementwise):
        return function_cost(tensor.function, shape(tensor.argument)).cheap
    if isinstance(tensor, History):
        return tensor.kind in ("sum", "mean")
    cheap = TensorSum | Pointwise | Scaled | Combine | Concat | Members
    return isinstance(tensor, cheap)


def _is_view(tensor: Tensor, step: Step, counts: Counts) -> bool:
    """Whether a tensor has no numbers of its own, or is never made by itself."""
    if isinstance(tensor, Scaled):
        # Code has the sign in a sum, and weights in a product with all members.
        return tensor.coefficient in (1, -1) or bool(tensor.coefficient.has(K))
    if isinstance(tensor, Pointwise):
        return counts.is_by_features(tensor)
    views = State | Part | Input | Dealt
    return isinstance(tensor, views) or is_list(tensor) or tensor in step.taken
