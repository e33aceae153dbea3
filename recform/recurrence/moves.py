"""Written-out tensors of one block, for another block."""

from __future__ import annotations

import sympy

from recform.algebra.expr import Apply, Filled, History, Learned, Scaled, State, Tensor
from recform.recurrence.model import ModuleSlot

_ORDINALS = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
)


def move(tensor: Tensor, distance: int, absolute: int) -> Tensor:
    """A written-out tensor for another block; indices up to ``absolute`` stay."""

    def index(value: sympy.Expr) -> sympy.Expr:
        if value is sympy.nan or value <= absolute:
            return value
        return value + distance

    match tensor:
        case State():
            return State(tensor.name, index(tensor.index))
        case Apply():
            argument = move(tensor.argument, distance, absolute)
            return Apply(tensor.operator, index(tensor.index), argument)
        case History():
            return History(tensor.kind, tensor.body, tensor.first, index(tensor.last))
        case Scaled() | Filled():
            learned = {
                item: Learned(item.name, index(item.index))
                for item in tensor.coefficient.atoms(Learned)
            }
            coefficient = tensor.coefficient.xreplace(learned)
            if isinstance(tensor, Filled):
                return Filled(coefficient, index(tensor.at))
            inner = move(tensor.tensor, distance, absolute)
            return Scaled(coefficient, inner, index(tensor.at))
    arguments = [
        move(arg, distance, absolute) if isinstance(arg, Tensor) else arg
        for arg in tensor.args
    ]
    return tensor.func(*arguments) if arguments else tensor


def scalars_in(tensor: Tensor) -> list[ModuleSlot]:
    """The learned scalars with an index in a written-out coefficient."""
    if not isinstance(tensor, Scaled | Filled):
        return []
    return sorted(
        (
            ModuleSlot(item.name, int(item.index))
            for item in tensor.coefficient.atoms(Learned)
            if item.index is not sympy.nan
        ),
        key=lambda slot: (slot.name, slot.index),
    )


def used_in(tensor: Tensor) -> list[ModuleSlot]:
    """The operator and the learned scalars of a block that a tensor is made with."""
    if isinstance(tensor, Apply) and tensor.index is not sympy.nan:
        return [ModuleSlot(tensor.operator, int(tensor.index))]
    return scalars_in(tensor)


def ordinal(number: int) -> str:
    """``first``, ``second``, ... or ``block9``."""
    return _ORDINALS[number - 1] if number <= len(_ORDINALS) else f"block{number}"
