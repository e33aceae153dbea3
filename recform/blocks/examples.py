"""Examples to try a network on: random numbers, or random ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from recform.blocks.shape import Layout, Shape

if TYPE_CHECKING:
    import torch


def random_examples(
    shape: Shape, count: int, generator: torch.Generator | None = None, **kind: Any
) -> torch.Tensor:
    """Random examples of a shape; of ids all are as likely.

    Args:
        shape: of one, in numbers.
        count: how many.
        generator: draws them; torch's own if left out.
        **kind: the ``dtype`` of numbers, for which normal ones are drawn.
    """
    import torch

    sizes = (count, *map(int, shape.sizes))
    if shape.layout is Layout.IDS:
        return torch.randint(int(shape.features), sizes, generator=generator)
    return torch.randn(sizes, generator=generator, **kind)


def random_inputs(
    shapes: Sequence[Shape],
    count: int,
    generator: torch.Generator | None = None,
    **kind: Any,
) -> tuple[torch.Tensor, ...]:
    """Random examples for each input of a network, in their order."""
    return tuple(random_examples(shape, count, generator, **kind) for shape in shapes)


def empty_examples(shape: Shape, count: int) -> torch.Tensor:
    """Examples without numbers in them: of the dtype that a network takes."""
    import torch

    sizes = (count, *map(int, shape.sizes))
    dtype = torch.int64 if shape.layout is Layout.IDS else None
    return torch.empty(sizes, dtype=dtype)
