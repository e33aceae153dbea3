"""How wide tensors are, where the formulas say so, in widths ``c`` of the stage.

Laws that move something into a ``concat`` need it. A width is known only if operators
give it and no adapter can stand in between; what is not known is like nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import TypeAlias

import sympy

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
from recform.algebra.formula import Formula, Scope
from recform.algebra.pipeline import Pipeline
from recform.blocks.symbolic import Symbolic
from recform.equality.around.frame import changes_shape
from recform.equality.terms import Key


class _Unsaid(Enum):
    """A width that is not known yet, or not to be known."""

    ANY = "any"
    NONE = "none"


_ANY, _NONE = _Unsaid.ANY, _Unsaid.NONE
_Width: TypeAlias = Symbolic | _Unsaid

#: Operators that keep features and positions.
_KEEPING = ("bn", "ln", "gn", "identity", "dropout", "droppath")


def vectors_of(formulas: Iterable[Formula]) -> frozenset[str]:
    """The learned scalars that are one number for each feature, in any of the networks."""
    return frozenset(
        name
        for formula in formulas
        for name, scalar in formula.scalars.items()
        if scalar.per_feature
    )


def widths_of(formulas: tuple[Formula, Formula]) -> Callable[[Key], Symbolic | None]:
    """The width that an atom's key says, or None: for all that functions are applied to."""
    sides = [_Widths(formula) for formula in formulas]

    def width(key: Key) -> Symbolic | None:
        kind, *rest = key
        found: list[_Width] = [_NONE]
        if kind == "input":
            found = [side.input for side in sides]
        elif kind == "apply":
            found = [
                side.operators[rest[0]] for side in sides if rest[0] in side.operators
            ]
        elif kind == "kept":
            found = [sides[rest[0].side].of(rest[0].tensor)]
        elif kind == "unknown":
            found = [sides[rest[0]].of(rest[1])]
        result = _meet(found)
        return None if isinstance(result, _Unsaid) else result

    return width


class _Widths:
    """Widths of one network, if all its stages have one shape."""

    def __init__(self, formula: Formula) -> None:
        changes = changes_shape(formula)
        # The input of a later stage is what the one before put out.
        again = formula.scope is Scope.STAGE and len(formula.stages) > 1
        self.input = _NONE if changes or again else _made(formula.stem)
        self.operators: Mapping[str, _Width] = {
            name: _NONE if changes else _made(flow)
            for name, flow in formula.operators.items()
        }
        self._unknowns: dict[str, _Width] = {e.unknown: _ANY for e in formula.equations}
        rights = [(e.unknown, e.right) for e in formula.equations]
        rights += [
            (b.left.name, b.right)
            for b in formula.boundaries
            if isinstance(b.left, State) and b.right is not None
        ]
        # Each goes from any to one to none, so this ends.
        before = None
        while before != self._unknowns:
            before = dict(self._unknowns)
            for name, right in rights:
                old = self._unknowns[name]
                found = [old, self.input, self.of(right)]
                self._unknowns[name] = _meet(found)

    def of(self, tensor: Tensor) -> _Width:
        """The width of a tensor of the equations."""
        match tensor:
            case Input():
                return self.input
            case State():
                return self._unknowns.get(tensor.name, _NONE)
            case Apply():
                return self.operators.get(tensor.operator, _NONE)
            case Elementwise() | Scaled() | TensorSum() | Pointwise() | Combine():
                return _meet(map(self.of, tensor.children))
            case Filled():
                return _ANY
            case Part():
                inner = self.of(tensor.tensor)
                return inner if isinstance(inner, _Unsaid) else inner / tensor.parts
        return _NONE


def _meet(widths: Iterable[_Width]) -> _Width:
    found = [width for width in widths if width is not _ANY]
    if not found:
        return _ANY
    return found[0] if all(width == found[0] for width in found) else _NONE


def _made(flow: Pipeline) -> _Width:
    """How wide what a flow makes is: a number, or one in ``c``."""
    for step in reversed(flow.steps):
        if step.operator.elementwise or step.operator.name in _KEEPING:
            continue
        if step.operator.name not in ("conv", "linear"):
            return _NONE
        width = step.arguments["width"]
        if width is None:
            return _NONE
        said = sympy.sympify(width)
        return said if {str(s) for s in said.free_symbols} <= {"c"} else _NONE
    return _NONE
