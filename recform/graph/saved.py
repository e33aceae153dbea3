"""What autograd keeps of the tensors of a block, for its backward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from recform.algebra.expr import Part, State, Tensor
from recform.algebra.lists import Dealt
from recform.blocks import Amount, Shape
from recform.graph.model import Bridge, Held, Site
from recform.recurrence.model import Step, contexts_of


class Saved:
    """Collects the tensors that autograd keeps; each counts once.

    Args:
        step: what the block computes.
        before: inputs that autograd keeps already.
        known: shapes of the tensors of the block, as far as they were found.
        sites: where adapters stand, as far as they were found.
        count: how many tensors a tensor is, made of a list.
        same: inputs that are another input in this place, and that one.
    """

    def __init__(
        self,
        step: Step,
        before: frozenset[Tensor],
        known: Mapping[Tensor, Shape],
        sites: Mapping[Site, Bridge],
        count: Callable[[Tensor], int],
        same: Mapping[Tensor, Tensor],
    ) -> None:
        self._same = same
        self._step = step
        self._before = before
        self._known = known
        self._sites = sites
        self._count = count
        self._held: dict[object, Held] = {}

    def keep(
        self, tensor: Tensor, shape: Shape, by: object, *, adapted: bool = False
    ) -> None:
        """Notes that autograd keeps a tensor for the gradient of another; once is enough.

        What an adapter makes of a tensor is kept beside the tensor itself; a part of
        a split is a view, which keeps the whole.
        """
        if adapted:
            self._add((tensor, shape), Amount(shape.elements), by)
            return
        root = self.root(tensor)
        if root is not tensor and root in self._known:
            shape = self._known[root]
        self._add(root, Amount(shape.elements * self._count(root)), by)

    def keep_inside(self, call: object, amount: Amount) -> None:
        """Notes what is kept between the operators of a pipeline, for one call of it."""
        self._add(("inside", call), amount, None)

    def __contains__(self, tensor: Tensor) -> bool:
        """Whether autograd keeps a tensor of the block by the end of it."""
        root = self.root(tensor)
        return root in self._before or root in self._held

    def total(self) -> Amount:
        """What the block adds to that which is kept.

        What each block has is kept once, whichever blocks read it.
        """
        shared = {*self._before, *self.contexts()}
        new = (h.amount for key, h in self._held.items() if key not in shared)
        return sum(new, Amount())

    def contexts(self) -> dict[Tensor, Amount]:
        """What autograd keeps of what each block has."""
        return {
            tensor: self._held[tensor].amount
            for tensor in contexts_of(self._step)
            if tensor in self._held
        }

    def held(self) -> tuple[Held, ...]:
        """What is kept of whole tensors, that which was kept before included."""
        return tuple(held for held in self._held.values() if held.by != (None,))

    def _add(self, key: object, amount: Amount, by: object) -> None:
        held = self._held.get(key, Held(key, amount, ()))
        self._held[key] = replace(held, by=(*held.by, by))

    def root(self, tensor: Tensor) -> Tensor:
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
        return self._same.get(tensor, tensor)
