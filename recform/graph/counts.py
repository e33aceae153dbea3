"""How many tensors a tensor of a block is: one for each member of a list."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeGuard

from recform.algebra.expr import History, K, Pointwise, Scaled, Tensor
from recform.algebra.formula import Formula
from recform.algebra.lists import Dealt, Listed, Over, dealt_in, is_list, list_of
from recform.blocks import Shape
from recform.diagnostics import Diagnostics
from recform.graph.model import Place
from recform.graph.partial import Stuck
from recform.recurrence.model import END, Step
from recform.source import Span


class Counts:
    """Counts the members of lists, and what sums over them cost.

    Args:
        formula: the network.
        step: what the block computes.
        place: of the block.
        shape: the shape of a tensor of the block.
    """

    def __init__(
        self,
        formula: Formula,
        step: Step,
        place: Place,
        shape: Callable[[Tensor], Shape],
    ) -> None:
        self._formula, self._step, self._place = formula, step, place
        self._shape = shape

    def of(self, tensor: Tensor) -> int:
        """How many tensors a tensor is."""
        listed = tensor if is_list(tensor) else list_of(tensor)
        if listed is None and tensor.is_many:
            return int(self._shape(dealt_in(tensor)[0].tensor).features)
        if isinstance(listed, Listed):
            *before, _ = listed.children
            return 1 + sum(map(self.of, before))
        if not isinstance(listed, History):
            return 1
        # The end is written as that of a short network.
        behind = self._step.role == END
        last = int(listed.last) + self._place.index + behind - self._step.at
        if listed.kind == "finished":
            return sum(listed.first <= end < last for end in self._formula.ends)
        return last - listed.first + 1

    def weighed(self, tensor: Tensor) -> int:
        """The multiply-adds of a sum that weighs its members: it is a product by a row."""
        if not self._weighs(tensor) or self.scales(tensor):
            return 0
        return self._shape(tensor.tensor).elements * self.of(tensor.tensor)

    def scales(self, tensor: Tensor) -> bool:
        """Whether it weighs a single member: that is scaled, and no product of matrices."""
        return self._weighs(tensor) and self.of(tensor.tensor) == 1

    def _weighs(self, tensor: Tensor) -> TypeGuard[Over]:
        if not isinstance(tensor, Over) or tensor.kind != "sum":
            return False
        inner = tensor.tensor
        scaled = isinstance(inner, Scaled) and inner.coefficient.has(K)
        return scaled or self.is_by_features(inner)

    def is_by_features(self, tensor: Tensor) -> bool:
        """Whether it is all members, each times its feature of one tensor."""
        parts = self._step.parts(tensor) if isinstance(tensor, Pointwise) else ()
        dealt = [part for part in parts if isinstance(part, Dealt)]
        others = [part for part in parts if part not in dealt]
        return len(dealt) == len(others) == 1 and others[0].is_many

    def is_weighed(self, tensor: Tensor) -> bool:
        """Whether it is members with weights that only a sum reads, which weighs them."""
        scaled = isinstance(tensor, Scaled) and tensor.coefficient.has(K)
        if not scaled and not self.is_by_features(tensor):
            return False
        reads = self._readers.get(tensor, ())
        return all(isinstance(x, Over) and x.kind == "sum" for x in reads)

    @cached_property
    def _readers(self) -> dict[Tensor, list[Tensor]]:
        """What is made of each tensor."""
        found: dict[Tensor, list[Tensor]] = {}
        for tensor in self._step.body:
            for part in self._step.parts(tensor):
                found.setdefault(part, []).append(tensor)
        return found

    def check(
        self, tensor: Over, report: Diagnostics, span: Callable[[Tensor], Span]
    ) -> None:
        """Reports features for the members of a sum that are more, or fewer, than these.

        Raises:
            Stuck: after RF428.
        """
        members = self.of(tensor.tensor)
        for dealt in dealt_in(tensor.tensor):
            features = int(self._shape(dealt.tensor).features)
            if features != members:
                report.error(
                    "RF428",
                    f"this sum has {members} "
                    f"member{'' if members == 1 else 's'} in block {self._place.index}, "
                    f"and for each a feature of what has {features}",
                    span(dealt),
                    hint="block i has i members from 0 to i-1: A = ln > linear(i)",
                )
                raise Stuck(tensor, (dealt.tensor, tensor))
