"""That what functions and sums write over is taken from nobody.

It has to be a tensor of its own: what a convolution, a matrix or a normalisation makes, or
for a function a sum. And nobody else may read that, in its block or in a later one. The
term that a sum writes over has its shape in each block; and all terms have numbers of one
kind, also under autocast (:mod:`recform.proof.precision`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from recform.algebra.definitions.body import Body, every_step
from recform.algebra.expr import (
    Added,
    Apply,
    Elementwise,
    Input,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline
from recform.blocks.operator import Operator
from recform.graph.model import Block, NetworkGraph
from recform.operators.activation import plain
from recform.operators.convolution import Conv, DepthwiseConv, TransposedConv
from recform.operators.linear import Linear
from recform.operators.norm import BatchNorm
from recform.proof.precision import Precision
from recform.recurrence.model import Slot, Step

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
    precision = Precision(network)
    for taken, blocks in _taken(network):
        held = (*taken.inputs, *taken.outputs)
        fault = _among(taken.body, taken.parts, held, formula.operators) or _unlike(
            taken, blocks, precision
        )
        if fault:
            return fault
    return ""


def _taken(network: NetworkGraph) -> Iterator[tuple[Step, list[Block]]]:
    """The steps of a network, and the blocks that take each."""
    segments = [s for stage in network.stages for s in stage.segments]
    for number, step in enumerate(network.recurrence.steps):
        yield step, [s.block for s in segments if s.step == number]
    for number, flow in enumerate(network.recurrence.flows):
        yield flow.start, [network.starts[number]]
        yield flow.end, [network.ends[number]]


def _unlike(step: Step, blocks: Iterable[Block], precision: Precision) -> str:
    """Which sum of a step is not like the term that it writes over."""
    sums = [tensor for tensor in step.body if isinstance(tensor, Added)]
    for tensor in sums:
        parts = step.parts(tensor)
        target = parts[tensor.place]
        if not any(isinstance(part, Input | State) for part in subtensors(target)):
            return f"{tensor} writes over {target}, which may be of fewer examples"
        for block in blocks:
            if block.shapes[target] != block.shapes[tensor]:
                return f"{tensor} writes over {target}, which has another shape"
        if not all(map(precision.short(step), parts)):
            return f"{tensor} writes over {target}, which may have fewer bits"
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
        if isinstance(tensor, Added):
            terms = parts(tensor)
            target = terms[tensor.place] if tensor.place < len(terms) else tensor
            if not _is_own(target, operators) or reads[target] != 1:
                return f"{tensor} writes over {target}, which is not its own"
        if isinstance(tensor, Elementwise) and _writes(tensor.function):
            argument = tensor.argument
            is_sum = isinstance(argument, TensorSum) and len(parts(argument)) > 1
            own = is_sum or _is_own(argument, operators)
            if not own or argument.is_many or reads[argument] != 1:
                return f"{tensor.name} writes over {argument}, which is not its own"
    return ""


def _is_own(tensor: Tensor, operators: Mapping[str, Pipeline]) -> bool:
    """Whether it is one tensor that an operator has made anew."""
    if not isinstance(tensor, Apply) or tensor.is_many:
        return False
    steps = operators[tensor.operator].steps
    return bool(steps) and _makes(steps[-1].operator)
