"""What tensors of a block are made of, resolved as far as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

import sympy

from recform.algebra.expr import Apply, State, Tensor, subtensors
from recform.algebra.formula import Formula
from recform.blocks.symbolic import Symbolic
from recform.closure import closure
from recform.linear.forms import Form, combined, form
from recform.recurrence.unroll import Unroller

#: So many terms are followed, on the way as well.
_MOST = 100_000


class Long(Exception):
    """There are more terms."""


class Resolver:
    """Resolves tensors of the first blocks, which are written out.

    Args:
        formula: the network.
        block: the last of these blocks.
        opaque: whether operators are left as they are, or distributed over sums.
        activations: whether elementwise functions are.
    """

    def __init__(
        self, formula: Formula, block: int, *, opaque: bool, activations: bool
    ) -> None:
        self._opaque, self._activations = opaque, activations
        self._unroller = Unroller(formula, block)
        self._unroller.write(block)
        self._forms: dict[Tensor, Form] = {}

    def resolve(self, tensors: Iterable[Tensor]) -> list[Form]:
        """What each tensor is, in tensors that are made of no unknown.

        Raises:
            Long: if that is too long to tell.
        """
        wanted = list(tensors)
        needed = [t for t in closure(wanted, self._states) if isinstance(t, State)]
        # From the oldest on, so that many first blocks need no deep recursion.
        for state in sorted(needed, key=lambda tensor: int(tensor.index)):
            self._of(state)
        return [self._of(tensor) for tensor in wanted]

    def _of(self, tensor: Tensor) -> Form:
        if tensor not in self._forms:
            parts: list[tuple[Symbolic, Form]] = []
            for part, factor in self._made_of(tensor).items():
                if isinstance(part, State):
                    parts.append((factor, self._of(part)))
                elif isinstance(part, Apply) and not self._opaque:
                    parts.append((factor, applied_to(part, self._of)))
                else:
                    parts.append((factor, {part: sympy.S.One}))
            self._forms[tensor] = combined(*parts)
            if sum(map(len, self._forms.values())) > _MOST:
                raise Long
        return self._forms[tensor]

    def _made_of(self, tensor: Tensor) -> Form:
        settled = self._unroller.settle(tensor)
        if isinstance(settled, State):
            settled = self._unroller.definitions[settled]
        return {} if settled is None else form(settled, activations=self._activations)

    def _states(self, tensor: Tensor) -> list[Tensor]:
        """The unknowns that a tensor is made of directly."""
        parts: Iterable[Tensor] = self._made_of(tensor)
        if not self._opaque:
            parts = chain.from_iterable(map(subtensors, parts))
        return [part for part in parts if isinstance(part, State)]


def applied_to(call: Apply, spread: Callable[[Tensor], Form]) -> Form:
    """A linear operator applied to each term of what it is applied to.

    One of several inputs is left whole.
    """
    if len(call.arguments) != 1:
        return {call: sympy.S.One}
    inner = spread(call.arguments[0])
    return {
        Apply(call.operator, call.index, child): value for child, value in inner.items()
    }
