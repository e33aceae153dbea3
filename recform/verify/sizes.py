"""Networks that are quickly run and say as much: smaller images, thinner stages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

from recform.algebra.formula import Formula
from recform.blocks import Layout, Shape
from recform.compiler import Compiled, compile_formula
from recform.diagnostics import CompileError, Diagnostics

#: A network, and what its examples are.
Small: TypeAlias = tuple[Compiled, tuple[Shape, ...]]
#: What is tried without being asked for has at most so many parameters, and so many
#: multiply-adds for an example.
PARAMETERS, WORK = 3_000_000, 100_000_000
#: Images are made no smaller than this.
_LEAST = 16


def smaller_images(compiled: Compiled) -> tuple[Shape, ...]:
    """The smallest examples for which the emitted code is the same, for each input."""
    x = compiled.formula.input
    if compiled.graph.totals.multiply_adds <= WORK or x.layout is not Layout.IMAGE:
        return compiled.formula.inputs
    wanted = _code(compiled)
    for part in (8, 4, 2):
        shape = replace(x, grid=tuple(size // part for size in x.grid))
        if min(shape.grid) < _LEAST:
            continue
        other = _compiled(compiled.formula.taking(shape))
        if other is not None and _code(other) == wanted:
            return other.formula.inputs
    return compiled.formula.inputs


def thinner(compiled: Compiled) -> Small | None:
    """The network, or one with thinner stages; and what its examples are.

    None if none is small enough.
    """
    for candidate in _thinned(compiled):
        totals = candidate.graph.totals
        if totals.parameters > PARAMETERS:
            continue
        shapes = smaller_images(candidate)
        work = totals.multiply_adds * shapes[0].elements
        if work <= WORK * candidate.formula.input.elements:
            return candidate, shapes
    return None


def _thinned(compiled: Compiled) -> Iterator[Compiled]:
    formula = compiled.formula
    yield compiled
    for part in (2, 4, 8, 16, 32):
        # Most parameters are of one width by another.
        hopeless = compiled.graph.totals.parameters > 4 * part**2 * PARAMETERS
        if hopeless or any(stage.width % part for stage in formula.stages):
            continue
        stages = tuple(replace(s, width=s.width // part) for s in formula.stages)
        made = _compiled(replace(formula, stages=stages))
        if made is not None:
            yield made


def _compiled(formula: Formula) -> Compiled | None:
    try:
        return compile_formula(formula, Diagnostics())
    except CompileError:
        return None


def _code(compiled: Compiled) -> str:
    """The emitted code, without what it says of itself."""
    tree = ast.parse(compiled.source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and isinstance(
            node.body[0], ast.Expr
        ):
            node.body = node.body[1:]
    return ast.dump(tree)
