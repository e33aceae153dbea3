"""Numbers that stand beside tensors in a ``concat``, and their operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recform.algebra.expr import Tensor
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.placed import placed
from recform.algebra.symbols import IN_ARGUMENTS
from recform.algebra.tracing import number_of
from recform.blocks import Arguments, Kind, Library, symbols_in
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.operators.padding import Append
from recform.source import Span


@dataclass(frozen=True)
class Appended:
    """A number that stands beside tensors.

    Attributes:
        value: it; a number of block i, of the block whose operator it is.
        front: whether it stands in front of them.
        tensor: what it stands beside.
        owned: whether the blocks have one each; all of them share it otherwise.
        span: where it stands in the file.
    """

    value: Symbolic
    front: bool
    tensor: Tensor
    owned: bool
    span: Span = field(compare=False)

    def pipeline(
        self, name: str, library: Library, places: Mapping[str, Symbolic]
    ) -> Pipeline:
        """The operator that puts the number there.

        Args:
            name: what it is called.
            library: has `append`.
            places: what stands for the numbers of stages and blocks in arguments.
        """
        known = {item: places[item.row.name] for item in placed(self.value)}
        known |= IN_ARGUMENTS
        value = filled(self.value, known)
        if not value.is_Rational and not symbols_in(value):
            value = number_of(value, Kind.REAL, "value")
        arguments = Arguments({"value": value, "front": self.front})
        step = Step(library.operators[Append.name], arguments, "", self.span)
        front = ", front=true" if self.front else ""
        text = f"append({self.span.text}{front})"
        return Pipeline(name, (step,), text, self.span)
