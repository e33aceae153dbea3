"""Networks that are quickly run and say as much: smaller images, thinner stages."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from recform.algebra.formula import Formula
from recform.blocks import Shape
from recform.blocks.shape import Size
from recform.compiler import Compiled, compile_formula
from recform.diagnostics import CompileError, Diagnostics

#: What is tried without being asked for has at most so many parameters, and so many
#: multiply-adds for an example.
PARAMETERS, WORK = 3_000_000, 100_000_000
#: Images are made no smaller than this.
_LEAST = 16


def smaller_images(compiled: Compiled) -> tuple[int, ...]:
    """The sizes of the smallest images for which the emitted code is the same."""
    sizes = tuple(int(size) for size in compiled.formula.input.sizes)
    if compiled.graph.totals.multiply_adds <= WORK or len(sizes) != 3:
        return sizes
    wanted = _code(compiled)
    for part in (8, 4, 2):
        grid = [size // part for size in sizes[1:]]
        if min(grid) < _LEAST:
            continue
        shape = Shape.of((sizes[0], *grid))
        other = _compiled(replace(compiled.formula, input=shape))
        if other is not None and _code(other) == wanted:
            return (sizes[0], *grid)
    return sizes


def thinner(compiled: Compiled) -> tuple[Compiled, tuple[int, ...]] | None:
    """The network, or one with thinner stages; and the sizes of its images.

    None if none is small enough.
    """
    for candidate in _thinned(compiled):
        totals = candidate.graph.totals
        if totals.parameters > PARAMETERS:
            continue
        sizes = smaller_images(candidate)
        work = totals.multiply_adds * _product(sizes)
        if work <= WORK * _product(candidate.formula.input.sizes):
            return candidate, sizes
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


def _product(sizes: Iterable[Size]) -> int:
    result = 1
    for size in sizes:
        result *= int(size)
    return result


def _code(compiled: Compiled) -> str:
    """The emitted code, without what it says of itself."""
    tree = ast.parse(compiled.source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and isinstance(
            node.body[0], ast.Expr
        ):
            node.body = node.body[1:]
    return ast.dump(tree)
