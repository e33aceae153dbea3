"""Functions in equations that write over what they get, where nobody else reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from recform.algebra.body import Body
from recform.algebra.expr import Apply, Elementwise, Tensor, TensorSum, subtensors
from recform.algebra.formula import Formula, Pipeline
from recform.inference.pipelines import makes_new
from recform.inference.rewrite import with_equations, with_sides
from recform.operators.activation import overwriting


def in_definition(body: Body) -> Body:
    """A definition whose functions write over what nobody else reads."""
    tensors = subtensors(body.output, body.parts)
    reads = Counter(part for tensor in tensors for part in body.parts(tensor))
    reads[body.output] += 1

    def change(old: Tensor, new: Tensor) -> Tensor:
        if isinstance(old, Elementwise) and reads[old.argument] == 1:
            return _overwriting(new, body.operators)
        return new

    return with_sides(body, change)


def in_equations(formula: Formula) -> Formula:
    """A formula whose functions write over sums, and over what operators make.

    Whether that is nobody else's is seen in its blocks, and for the proof to say.
    """
    return with_equations(formula, lambda _, new: _overwriting(new, formula.operators))


def _overwriting(tensor: Tensor, operators: Mapping[str, Pipeline]) -> Tensor:
    """A function that writes over a tensor, if that is a new one."""
    if not isinstance(tensor, Elementwise):
        return tensor
    argument = tensor.argument
    new = isinstance(argument, TensorSum)
    if isinstance(argument, Apply):
        steps = operators[argument.operator].steps
        new = bool(steps) and makes_new(steps[-1])
    return Elementwise(overwriting(tensor.function), argument) if new else tensor
