"""What autograd keeps of the tensors of a block, for its backward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from recform.algebra.expr import Dealt, Part, State, Tensor
from recform.blocks import Shape
from recform.graph.model import Bridge, Site
from recform.recurrence.model import Step


class Saved:
    """Collects the tensors that autograd keeps; each counts once.

    Args:
        step: what the block computes.
        before: inputs that autograd keeps already.
        known: shapes of the tensors of the block, as far as they were found.
        sites: where adapters stand, as far as they were found.
        count: how many tensors a tensor is, made of a list.
    """

    def __init__(
        self,
        step: Step,
        before: frozenset[Tensor],
        known: Mapping[Tensor, Shape],
        sites: Mapping[Site, Bridge],
        count: Callable[[Tensor], int],
    ) -> None:
        self._step = step
        self._before = before
        self._known = known
        self._sites = sites
        self._count = count
        self._elements: dict[object, int] = {}

    def keep(self, tensor: Tensor, shape: Shape, *, adapted: bool = False) -> None:
        """Notes that autograd keeps a tensor; once is enough.

        What an adapter makes of a tensor is kept beside the tensor itself; a part of
        a split is a view, which keeps the whole.
        """
        if adapted:
            self._elements.setdefault(("adapted", tensor, shape), shape.elements)
            return
        root = self._root(tensor)
        if root is not tensor and root in self._known:
            shape = self._known[root]
        self._elements.setdefault(root, shape.elements * self._count(root))

    def keep_inside(self, call: object, elements: int) -> None:
        """Notes what is kept between the operators of a pipeline, for one call of it."""
        self._elements["inside", call] = elements

    def __contains__(self, tensor: Tensor) -> bool:
        """Whether autograd keeps a tensor of the block by the end of it."""
        root = self._root(tensor)
        return root in self._before or root in self._elements

    def total(self) -> int:
        """How many numbers the block adds to those that are kept."""
        return sum(n for key, n in self._elements.items() if key not in self._before)

    def _root(self, tensor: Tensor) -> Tensor:
        """What holds the numbers of a tensor: a name or a part of it is only a view."""
        while tensor in self._step.computed:
            if isinstance(tensor, State):
                (right,) = self._step.parts(tensor)
                if Site(self._step.bare(right), tensor) in self._sites:
                    return tensor
                tensor = right
            elif isinstance(tensor, Part | Dealt):
                tensor = tensor.tensor
            else:
                break
        return tensor
