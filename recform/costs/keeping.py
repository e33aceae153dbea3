"""Which tensors of a block autograd keeps, and for which operation."""

from __future__ import annotations

from collections.abc import Mapping

from recform.algebra.expr import (
    Apply,
    Elementwise,
    Filled,
    Pointwise,
    Scaled,
    Tensor,
)
from recform.algebra.lists import Members
from recform.costs.tape import Held
from recform.costs.writer import Writer
from recform.graph.model import Block, Site
from recform.recurrence.model import Step


class Keeping:
    """What is kept of a block that is followed."""

    def __init__(
        self, writer: Writer, step: Step, block: Block, held: dict[object, Held]
    ) -> None:
        self._writer = writer
        self._step = step
        self._block = block
        self._held = held
        #: The tensors that have a variable.
        self._variables: frozenset[Tensor] = frozenset()
        #: Products that were made of two factors at a time, and what they ask for.
        self._two_by_two: dict[object, None] = {}
        #: What notes by itself which of what it gets is kept.
        self._noted: set[object] = set()
        #: What is kept of a tensor for another one, where that is of a copy of it.
        self._copies: dict[tuple[object, object], Held] = {}
        #: Where the operations of a tensor, or of an adapter, begin and end.
        self._where: dict[object, tuple[int, int]] = {}
        #: How many members there are of those that go one by one.
        self._each: Mapping[object, int] = dict[object, int](block.each.items())

    def _keep(self) -> None:
        """Notes which tensors autograd keeps, and for which operation."""
        for held in self._block.held:
            for by in held.by:
                what = held.what
                if isinstance(what, Members) and by in self._each:
                    what = self._list(what)
                made = by in self._where and what in self._held
                if by in self._two_by_two or (by in self._noted and by != what):
                    continue
                if by == what and by in self._each:
                    continue  # Each is kept, and not what they are put together to.
                if made and self._is_asked(what, by):
                    first, last = self._where[by]
                    kept = self._copies.get((held.what, by), self._held[what])
                    self._writer.keep(kept, last if what == by else first)

    def _is_asked(self, what: object, by: object) -> bool:
        """Whether a gradient of what a tensor is made of asks for another.

        There is none of the network's own input. Operators know that by themselves, and
        a learned scalar has one in any case.
        """
        if not isinstance(by, Tensor) or isinstance(by, Apply | Scaled):
            return True
        kept, terms = self._held[what], self._terms(by)
        if not isinstance(by, Pointwise):
            return any(self._has_gradient(by, term) for term in terms)
        same = [term for term in terms if self._behind(by, term) == kept]
        # A factor is asked for by the others, and a square or a divisor by itself, too.
        itself = len(same) != 1 or self._divides(same[0])
        others = [term for term in terms if itself or term not in same]
        return any(self._has_gradient(by, term) for term in others)

    def _has_gradient(self, tensor: Tensor, part: Tensor) -> bool:
        """Whether anything is learned of what a tensor is made of."""
        return self._is_learned(self._behind(tensor, part))

    def _is_learned(self, held: Held) -> bool:
        buffers = self._writer.tape.buffers
        return any(buffers[number].trained for number in held)

    def _behind(self, tensor: Tensor, part: Tensor) -> Held:
        """What a tensor is made of, as :meth:`_part` had it, before it was scaled."""
        bare = self._step.bare(part)
        site = Site(bare, tensor)
        if site in self._block.sites:
            return self._held[bare, self._block.sites[site].target]
        return self._held[part]

    def _divides(self, tensor: Tensor) -> bool:
        """Whether code has a quotient in the place of one over a tensor."""
        return isinstance(tensor, Elementwise) and tensor not in self._block.works

    def _terms(self, tensor: Tensor) -> list[Tensor]:
        """What a tensor is made of, but for numbers that have no tensor."""
        parts = self._step.parts(tensor)
        return [part for part in parts if not isinstance(part, Filled)]

    def _list(self, members: Members) -> Tensor:
        """What code runs over that takes one member after the other: as it writes them."""
        named = self._variables.union(self._step.inputs)
        stacked = members in named and members.listed not in named
        return members if stacked else members.listed
