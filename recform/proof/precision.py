"""Which tensors have the numbers that a convolution makes, whatever autocast makes of it.

Under autocast convolutions and matrices make numbers of few bits, of whatever comes in,
and a sum of such numbers and others has those of more bits. What is written over keeps its
own: so all terms have to be of one kind. Only what is known to be is; and unknowns are,
if all are in each step where those that come in are (induction over the blocks).
"""

from __future__ import annotations

from collections.abc import Callable

from recform.algebra.expr import (
    Apply,
    Combine,
    Elementwise,
    Filled,
    Input,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline
from recform.blocks.operator import Operator, declares
from recform.graph.model import NetworkGraph
from recform.operators.activation import Identity, plain
from recform.operators.convolution import Conv, DepthwiseConv, TransposedConv
from recform.operators.linear import Linear
from recform.operators.norm import BatchNorm
from recform.operators.pooling import MaxPool
from recform.recurrence.model import Flow, Slot, Step

#: Operators whose result autocast makes of few bits.
_SHORT = (Conv, DepthwiseConv, TransposedConv, Linear)
#: Operators that hand on numbers of the kind that they get; and functions with a form
#: that writes over what it gets.
_KEEPING = (BatchNorm, Identity, MaxPool)


class Precision:
    """What kind of numbers the tensors of a network are.

    Args:
        network: for inference.
    """

    def __init__(self, network: NetworkGraph) -> None:
        self._formula = formula = network.recurrence.formula
        self._bridged = all(_made(p, short=True) for p in _between(formula))
        self._held = True
        self._held = self._bridged and all(
            map(self._holds, (*network.recurrence.steps, *_ends(network)))
        )

    def short(self, step: Step) -> Callable[[Tensor], bool]:
        """Which tensors of a step are surely of few bits under autocast.

        A number is of as many as what it is added to.
        """
        found: dict[Slot, bool] = dict.fromkeys(step.inputs, self._held)

        def is_short(tensor: Tensor) -> bool:
            if isinstance(tensor, Filled):
                return bool(tensor.coefficient.is_number)
            return found.get(tensor, False)

        for tensor in step.body:
            given = all(map(is_short, step.parts(tensor)))
            found[tensor] = self._bridged and self._is_short(tensor, given)
        return is_short

    def _holds(self, step: Step) -> bool:
        tensors = (slot for slot in step.outputs if isinstance(slot, Tensor))
        return all(map(self.short(step), tensors))

    def _is_short(self, tensor: Tensor, given: bool) -> bool:
        match tensor:
            case Input():
                # Of a later stage, it is what the one before hands on.
                return self._held and _made(self._formula.stem, short=False)
            case Apply():
                return _made(self._formula.operators[tensor.operator], short=given)
            case Elementwise():
                return given and _keeps(tensor.function)
            case Scaled():
                return given and bool(tensor.coefficient.is_number)
            case State() | TensorSum() | Pointwise() | Combine() | Part():
                return given
        return False


def _ends(network: NetworkGraph) -> list[Step]:
    flows: tuple[Flow, ...] = network.recurrence.flows
    return [step for flow in flows for step in (flow.start, flow.end)]


def _between(formula: Formula) -> list[Pipeline]:
    """What stands between terms and sums, and between stages."""
    pieces = (formula.adapter, formula.rise, formula.transition, formula.lift)
    return [piece for piece in pieces if piece is not None]


def _made(pipeline: Pipeline, *, short: bool) -> bool:
    """Whether a pipeline makes numbers of few bits."""
    for step in pipeline.steps:
        if type(step.operator) in _SHORT:
            short = True
        elif not _keeps(step.operator):
            short = False
    return short


def _keeps(operator: Operator) -> bool:
    made = plain(operator)
    return type(made) in _KEEPING or declares(made, "overwrites")
