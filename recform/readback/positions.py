"""What looks back, where a network goes on by positions: what it is in the code then."""

from __future__ import annotations

from recform.blocks import Arguments, Misfit, Operator, Shape
from recform.diagnostics.refuted import Refuted
from recform.execution.library import defaults_of
from recform.execution.parts import PAST
from recform.execution.said import Said

#: The token before, and a table with a row for each position.
_SHIFT, ROWS = f"Past.shift({{x}}, {PAST.name})", "Past.rows({x}, {p})"


def looking_back(
    said: Said,
    operator: Operator,
    inputs: tuple[Shape, ...],
    arguments: Arguments,
    call: str,
) -> str:
    """How an operator is called: one that keeps something has a class for it, or a call.

    Args:
        said: is told of the class.
        operator: of the library.
        inputs: the shapes that come in.
        arguments: of the operator.
        call: its code where nothing is kept.

    Raises:
        Refuted: if it looks at all positions.
    """
    if said.going and operator.support_kept:
        said.keeping |= {defaults_of(text)[0] for text in operator.support_kept}
    elif said.going and _keeps(operator, inputs, arguments):
        return _SHIFT
    return call


def _keeps(operator: Operator, inputs: tuple[Shape, ...], arguments: Arguments) -> bool:
    try:
        return bool(operator.memory_of(inputs, arguments))
    except Misfit as misfit:
        raise Refuted(f"{operator.name} {misfit.message}") from None
