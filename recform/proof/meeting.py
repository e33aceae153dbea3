"""Tensors have the shapes that what they are made of gives them.

The shapes were worked out before, by rules that go from the parts to the whole; here each
is only held against those of its parts, by rules of its own.
"""

from __future__ import annotations

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.lists import Dealt, Members, Over, is_list
from recform.blocks import Shape
from recform.diagnostics.refuted import Refuted


class Meeting:
    """Tensors beside what they are made of.

    Args:
        where: they stand, in words.
    """

    def __init__(self, where: str) -> None:
        self.where = where

    # -- what is a place's own

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is made from."""
        raise NotImplementedError

    def shape(self, tensor: Tensor) -> Shape:
        """The shape that a tensor is said to have."""
        raise NotImplementedError

    def check_call(self, call: Apply) -> None:
        """Looks whether an operator is made for what it gets.

        Raises:
            Refuted: if it is not.
        """
        raise NotImplementedError

    def arrives(self, part: Tensor, parent: Tensor) -> Shape:
        """The shape of a part where it is read."""
        return self.shape(part)

    # -- what is the same in all

    def check(self, tensor: Tensor) -> None:
        """Holds the shape of a tensor against those of its parts.

        Raises:
            Refuted: if they do not go together.
        """
        shape = self.shape(tensor)
        parts = [p for p in self.parts(tensor) if not isinstance(p, Filled)]
        if is_list(tensor):
            if any(self.arrives(part, tensor) != shape for part in parts):
                raise self.refuted(f"the members of {tensor} have different shapes")
        elif isinstance(tensor, Across | Dealt):
            if shape != self.shape(parts[0]).with_features(1):
                raise self.refuted(f"{tensor} is {shape}, and no number a position")
        elif isinstance(tensor, Concat) or (
            isinstance(tensor, History) and tensor.kind == "concat"
        ):
            shapes = list(map(self.shape, parts))
            features = sum(int(part.features) for part in shapes)
            if any(part.with_features(features) != shape for part in shapes):
                raise self.refuted(f"{tensor} is {shape}, which its parts are not")
        elif isinstance(tensor, TensorSum | Pointwise | Combine | History | State):
            terms = [self._meets(part, tensor, shape) for part in parts]
            if terms and not shape.is_made_of(terms):
                raise self.refuted(f"{tensor} is {shape}, which none of its terms is")
        elif isinstance(tensor, Scaled | Elementwise | Members | Over):
            if shape != self.shape(parts[0]):
                raise self.refuted(f"{tensor} is {shape}, and what it is of is not")
        elif isinstance(tensor, Part):
            whole = self.shape(parts[0])
            if shape.with_features(int(shape.features) * tensor.parts) != whole:
                raise self.refuted(f"{tensor} is {shape}, a part of {whole}")
        elif isinstance(tensor, Apply):
            self.check_call(tensor)

    def refuted(self, what: str) -> Refuted:
        """What is wrong here."""
        return Refuted(f"{self.where}: {what}")

    def _meets(self, part: Tensor, parent: Tensor, shape: Shape) -> Shape:
        """The shape of a term: that of its sum, or a gate for it."""
        arrives = self.arrives(part, parent)
        product = isinstance(parent, Pointwise)
        spread = not isinstance(parent, State) and arrives.spreads_over(
            shape, product=product
        )
        if arrives != shape and not spread:
            raise self.refuted(f"{part} is {arrives}, and {parent} is {shape}")
        return arrives
