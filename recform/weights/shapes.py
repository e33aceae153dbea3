"""Shapes of tensors, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = Mapping[str, Shape]


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    """The shapes of tensors, by name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def alike(one: Shape, other: Shape) -> bool:
    """Whether tensors of these shapes hold the same; one number has no axis, or one.

    Scalars had none in files that recform 0.1 wrote.
    """
    return one == other or {one, other} == {(), (1,)}


def sizes(shape: Shape) -> str:
    """A shape in words."""
    return " x ".join(map(str, shape)) or "one number"
