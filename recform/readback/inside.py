"""The shapes inside of a definition: tensors meet, and all is made for what it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from recform.algebra.definitions.body import Body
from recform.algebra.definitions.inside import Inside
from recform.algebra.expr import Apply, Tensor, learned_within
from recform.blocks import Shape
from recform.proof.meeting import Meeting

if TYPE_CHECKING:
    from recform.readback.wanted import Line


class Within(Meeting):
    """A definition in one place, where its sizes are numbers.

    Args:
        body: the definition.
        inside: its shapes.
        lines: its operators, by their name and index.
        line: an operator, made for what another call gives it.
    """

    def __init__(
        self,
        body: Body,
        inside: Inside,
        lines: Callable[[Apply], Line],
        line: Callable[[Apply], Line],
    ) -> None:
        super().__init__(body.name)
        self._body, self._inside = body, inside
        self._lines, self._line = lines, line

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is made from."""
        return self._body.parts(tensor)

    def shape(self, tensor: Tensor) -> Shape:
        """The shape that a tensor is said to have."""
        return self._inside.shape(tensor)

    def check_call(self, call: Apply) -> None:
        """Looks whether an operator would be another one, were it made for this call."""
        made = self._lines(call)
        given = tuple(map(self.shape, call.arguments))
        if made.inputs != given and made.code != self._line(call).code:
            wanted, gets = (" and ".join(map(str, xs)) for xs in (made.inputs, given))
            raise self.refuted(f"{call} is made for {wanted}, and gets {gets}")

    def check_numbers(self) -> None:
        """Looks whether what has a number for each feature has one wherever it stands.

        Raises:
            Refuted: if it has not.
        """
        for tensor in self._body.tensors:
            for item in learned_within(tensor):
                made_for = self._inside.scaled_by(item.name)
                here = self.shape(tensor)
                if made_for is not None and made_for.per_feature != here.per_feature:
                    raise self.refuted(
                        f"{item.name} is made for {made_for}, and meets {here}"
                    )
