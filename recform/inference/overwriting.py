"""Functions and sums in equations that write over what nobody else reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from recform.algebra.definitions.body import Body
from recform.algebra.expr import (
    Added,
    Apply,
    Elementwise,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline
from recform.inference.pipelines import makes_new
from recform.inference.rewrite import Change, with_equations, with_sides
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


def in_equations(formula: Formula) -> Iterator[Formula]:
    """The formula with functions and sums that write over terms, from most to none.

    Functions write over sums, and over what operators make; sums over what operators
    make. Whether that is nobody else's is seen in its blocks, and for the proof to say:
    the first that it lets be is the one.
    """
    known = [_sides(formula)]
    for change in (_both, _overwriting, _added):
        made = with_equations(formula, _by(change, formula.operators))
        if _sides(made) not in known:
            known.append(_sides(made))
            yield made
    yield formula


def _by(
    change: Callable[[Tensor, Mapping[str, Pipeline]], Tensor],
    operators: Mapping[str, Pipeline],
) -> Change:
    return lambda _, new: change(new, operators)


def _sides(formula: Formula) -> tuple[object, ...]:
    return formula.equations, formula.boundaries, formula.output


def _both(tensor: Tensor, operators: Mapping[str, Pipeline]) -> Tensor:
    return _overwriting(_added(tensor, operators), operators)


def _overwriting(tensor: Tensor, operators: Mapping[str, Pipeline]) -> Tensor:
    """A function that writes over a tensor, if that is a new one."""
    if not isinstance(tensor, Elementwise):
        return tensor
    argument = tensor.argument
    new = isinstance(argument, TensorSum) or _is_new(argument, operators)
    return Elementwise(overwriting(tensor.function), argument) if new else tensor


def _added(tensor: Tensor, operators: Mapping[str, Pipeline]) -> Tensor:
    """A sum that writes over the first of its terms that is a new tensor.

    Nothing is rounded otherwise: of more than two terms it has to be one of the first
    two, which are added before all others.
    """
    if type(tensor) is TensorSum:
        for place, term in enumerate(tensor.children[:2]):
            if _is_new(term, operators):
                return Added(place, *tensor.children)
    return tensor


def _is_new(tensor: Tensor, operators: Mapping[str, Pipeline]) -> bool:
    """Whether an operator makes it, that hands on a tensor of its own."""
    if not isinstance(tensor, Apply) or tensor.operator not in operators:
        return False  # spans know terms of before the folding as well
    steps = operators[tensor.operator].steps
    return bool(steps) and makes_new(steps[-1])
