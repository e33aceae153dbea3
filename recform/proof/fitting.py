"""Whether a step for inference has room for the operators that it has taken in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recform.algebra.pipeline import Step
from recform.blocks import Arguments
from recform.diagnostics.refuted import Refuted
from recform.operators.convolution import Conv, DepthwiseConv, TransposedConv
from recform.operators.linear import Linear
from recform.operators.norm import BatchNorm
from recform.operators.window import pair

LINEAR = (Conv, DepthwiseConv, TransposedConv, Linear)


def require_room(step: Step, taken: Sequence[Step]) -> None:
    """Raises Refuted unless operators, one behind the other, fit into a step."""
    linear = [n for n, item in enumerate(taken) if type(item.operator) in LINEAR]
    norms = [n for n, item in enumerate(taken) if type(item.operator) is BatchNorm]
    if len(linear) + len(norms) != len(taken) or len(linear) > 1:
        raise Refuted(f"{step.operator.name} would be two operators at once")
    if not linear:
        if _reads(step.operator, step.arguments) is None:
            raise Refuted(f"{step.operator.name} cannot leave what comes in as it is")
        return
    inner = taken[linear[0]]
    mine, own = step.arguments, inner.arguments
    if norms and norms[0] < linear[0] and not _alone(inner):
        raise Refuted(
            f"zeros around a grid are not normalised by {inner.operator.name}"
        )
    plain = Arguments({**own, "bias": mine.bias})
    if type(step.operator) is type(inner.operator) and dict(mine) == dict(plain):
        return
    here, there = _reads(step.operator, mine), _reads(inner.operator, own)
    if here is None or there is None or not there <= here:
        raise Refuted(f"{inner.operator.name} reads what {step.operator.name} does not")
    if mine.get("stride") != own.get("stride"):
        raise Refuted(f"{inner.operator.name} has another stride")
    if type(step.operator) is not Conv or mine.groups != 1:
        same = type(step.operator) is type(inner.operator)
        parts = ("groups", "multiplier")
        if not same or any(mine.get(part) != own.get(part) for part in parts):
            raise Refuted(
                f"{inner.operator.name} mixes what {step.operator.name} does not"
            )


def _alone(step: Step) -> bool:
    """Whether an operator reads no zeros around a grid."""
    operator = step.operator
    if isinstance(operator, Conv | DepthwiseConv):
        return bool(pair(operator.padding(step.arguments)) == (0, 0))
    return isinstance(operator, Linear)


def _reads(operator: object, a: Arguments) -> set[tuple[Any, ...]] | None:
    """The places around its own that an operator reads; None if that is not known."""
    if isinstance(operator, Linear):
        return {()}
    if not isinstance(operator, Conv | DepthwiseConv):
        return None
    sides = []
    for size, pad, apart in zip(
        pair(a.kernel), pair(operator.padding(a)), pair(a.dilation), strict=True
    ):
        if not all(isinstance(number, int) for number in (size, pad, apart)):
            return None
        places = [k * apart - pad for k in range(size)]
        if places[0] != -places[-1]:
            return None  # the grid would not be kept
        sides.append(places)
    return {(row, column) for row in sides[0] for column in sides[1]}
