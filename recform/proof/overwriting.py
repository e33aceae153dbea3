"""That a function which writes over what it gets takes it from nobody.

What it gets has to be a tensor of its own: a sum, or what a convolution, a matrix or a
normalisation makes. And nobody else may read that, in its block or in a later one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from recform.algebra.body import Body, every_step
from recform.algebra.expr import Apply, Elementwise, Tensor, TensorSum
from recform.algebra.formula import Formula, Pipeline
from recform.blocks.operator import Operator
from recform.graph.model import NetworkGraph
from recform.operators.activation import plain
from recform.operators.convolution import Conv, DepthwiseConv, TransposedConv
from recform.operators.linear import Linear
from recform.operators.norm import BatchNorm
from recform.recurrence.model import Slot

#: Operators whose result is a tensor of its own, whatever comes in.
_MAKERS = (Conv, DepthwiseConv, TransposedConv, Linear, BatchNorm)
_Parts = Callable[[Tensor], Sequence[Tensor]]


def overwrites(network: NetworkGraph) -> str:
    """What is written over although somebody else reads it; empty if nothing is."""
    formula = network.recurrence.formula
    for pipeline in _pipelines(formula):
        if fault := _in_pipeline(pipeline):
            return fault
        for step in every_step(pipeline):
            if isinstance(step.operator, Body) and (fault := _in_body(step.operator)):
                return fault
    flows = network.recurrence.flows
    ends = [step for flow in flows for step in (flow.start, flow.end)]
    for taken in (*network.recurrence.steps, *ends):
        held = (*taken.inputs, *taken.outputs)
        fault = _among(taken.body, taken.parts, held, formula.operators)
        if fault:
            return fault
    return ""


def _pipelines(formula: Formula) -> Iterator[Pipeline]:
    pieces = (formula.stem, formula.head, formula.adapter, formula.rise)
    between = (formula.transition, formula.lift)
    for pipeline in (*pieces, *between, *formula.operators.values()):
        if pipeline is not None:
            yield pipeline


def _writes(operator: Operator) -> bool:
    return plain(operator) is not operator


def _makes(operator: Operator) -> bool:
    return type(operator) in _MAKERS


def _in_pipeline(pipeline: Pipeline) -> str:
    operators = [step.operator for step in pipeline.steps]
    for before, operator in zip([None, *operators], operators, strict=False):
        if _writes(operator) and (before is None or not _makes(before)):
            return (
                f"{operator.name} in {pipeline.name} writes over what it does not own"
            )
    return ""


def _in_body(body: Body) -> str:
    for pipeline in body.operators.values():
        if fault := _in_pipeline(pipeline):
            return fault
    held = (*body.leaves, body.output)
    return _among(body.tensors, body.parts, held, body.operators)


def _among(
    tensors: Iterable[Tensor],
    parts: _Parts,
    held: Iterable[Slot],
    operators: Mapping[str, Pipeline],
) -> str:
    """What is written over among tensors of one place.

    Args:
        tensors: all that are made there.
        parts: what each is made of.
        held: what came in, and what is handed on.
        operators: the pipelines.
    """
    made = list(tensors)
    reads: Counter[Slot] = Counter(held)
    reads.update(part for tensor in made for part in parts(tensor))
    for tensor in made:
        if isinstance(tensor, Elementwise) and _writes(tensor.function):
            argument = tensor.argument
            own = isinstance(argument, TensorSum) and len(parts(argument)) > 1
            if isinstance(argument, Apply):
                steps = operators[argument.operator].steps
                own = bool(steps) and _makes(steps[-1].operator)
            if not own or argument.is_many or reads[argument] != 1:
                return f"{tensor.name} writes over {argument}, which is not its own"
    return ""
