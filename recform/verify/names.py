"""Which tensors are one: an operator runs once on each, whatever that is called."""

from __future__ import annotations

from typing import Any

from recform.algebra.expr import Apply, History, Input, State, Tensor
from recform.recurrence.unroll import Unroller


class Names:
    """One name for what has several.

    All that starts as the input is the input, and an unknown whose equation is one
    application or a history is that. Any other unknown is a tensor of its own, though
    something else may have its value.

    Args:
        unroller: has written out what is asked for.
        apart: whether each unknown is a tensor of its own.
    """

    def __init__(self, unroller: Unroller, *, apart: bool) -> None:
        self._unroller, self._apart = unroller, apart
        self._known: dict[Tensor, Tensor] = {}
        self._calls: dict[tuple[Any, ...], State] = {}

    def of(self, tensor: Tensor) -> Tensor:
        """A tensor under its one name; what it is made of has been asked for."""
        if tensor not in self._known:
            self._known[tensor] = self._of(tensor)
        return self._known[tensor]

    def call(self, tensor: Apply, arguments: tuple[Any, ...]) -> State:
        """A name for what an operator makes.

        Args:
            tensor: the call.
            arguments: the names of what it gets, or values.
        """
        key = (tensor.operator, tensor.index, *arguments)
        found = self._calls.setdefault(key, State("call", len(self._calls)))
        self._known[tensor] = found
        return found

    def _of(self, tensor: Tensor) -> Tensor:
        if isinstance(tensor, State):
            made = None if self._apart else self._unroller.definitions.get(tensor)
            named = made is not None and self._unroller.is_name(tensor)
            return self.of(made) if named and made is not None else tensor
        if isinstance(tensor, Apply | Input | History):
            return tensor
        renamed: Tensor = tensor.xreplace({x: self.of(x) for x in tensor.children})
        return renamed
