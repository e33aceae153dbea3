"""Equations with other tensors in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from recform.algebra.definitions.body import Body
from recform.algebra.expr import Tensor, subtensors
from recform.algebra.formula import Formula
from recform.algebra.ranged import with_rights
from recform.algebra.reindex import remade

#: What stands in the place of a tensor: gets it, and the same with its parts rewritten.
Change: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def rewritten(tensor: Tensor, change: Change) -> Tensor:
    """A tensor, of which each part is what ``change`` says."""
    made: dict[Tensor, Tensor] = {}
    for part in subtensors(tensor):
        parts = tuple(made[child] for child in part.children)
        new = part if parts == part.children else remade(part, parts)
        made[part] = change(part, new)
    return made[tensor]


def with_sides(body: Body, change: Change) -> Body:
    """A definition with other tensors."""
    definitions = {s: rewritten(t, change) for s, t in body.definitions.items()}
    output = rewritten(body.output, change)
    if output == body.output and definitions == body.definitions:
        return body
    made = replace(body, definitions=definitions, output=output)
    return replace(made, tensors=tuple(subtensors(output, made.parts)))


def with_equations(formula: Formula, change: Change) -> Formula:
    """A formula with other equations; new tensors stand where the old ones stood."""

    def side(tensor: Tensor) -> Tensor:
        return rewritten(tensor, change)

    spans = dict(formula.spans)
    for tensor, span in formula.spans.items():
        spans.setdefault(side(tensor), span)
    made = with_rights(formula, side)
    # A left side is found again where equations say the same.
    left = tuple(replace(item, left=side(item.left)) for item in made.boundaries)
    return replace(made, boundaries=left, spans=spans)
