"""Twins of a network that show one of its sides alone: its formula, without the frame.

A twin has the equations of the file and blocks of one shape, no stem and no head, so
that what the formula says can be tried on it without adapters in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from recform import graph, recurrence
from recform.algebra.expr import Input, Part, Tensor
from recform.algebra.formula import Formula, Pipeline, StageSpec
from recform.analysis.linear.forms import without_activations
from recform.blocks import Shape
from recform.blocks.shape import Size
from recform.diagnostics import CompileError, Diagnostics
from recform.lowering.lower import lower
from recform.recurrence.check import walk
from recform.recurrence.regimes import at_depth
from recform.source import Source
from recform.syntax.parse import parse

#: The height and width of the images of a twin, and its number of tokens.
GRID = 6
#: Twins of wider networks are thinner, where their operators can be.
WIDE = 128


class NoTwin(Exception):
    """A network of which a twin of some depth cannot be made; it says why."""


def flat(formula: Formula, blocks: int, width: int | None = None) -> Formula:
    """The network with so many blocks of one shape, the operators as in the file.

    Args:
        formula: the network.
        blocks: how many blocks.
        width: their width; the file's first one if left out.

    Raises:
        NoTwin: if its equations have no such network.
    """
    width = width or formula.stages[0].width
    sizes = formula.input.sizes
    wide = width * _parts(formula)
    image = len(sizes) == 3
    shape = Shape.of((wide, GRID, GRID) if image else (*sizes[:-1], wide))
    deep = at_depth(formula, blocks)
    if deep is None:
        raise NoTwin(f"the equations have no network of {blocks} blocks")
    return replace(
        deep,
        input=shape,
        stem=Pipeline("stem", (), "none"),
        head=Pipeline("head", (), "none"),
        stages=(StageSpec(width, blocks, 1),),
        # Blocks of one shape have the numbers of the first one.
        tables=tuple(
            replace(table, values=table.values[:1] * (blocks if table.by_block else 1))
            for table in formula.tables
        ),
        names={},
        name_spans={},
        init={},
    )


def quick(formula: Formula, blocks: int) -> Callable[[int], Formula]:
    """Makes twins with the operators of the file that are quickly run.

    Where the file is wide or has many tokens, they have fewer, if the operators let
    them.

    Args:
        formula: the network.
        blocks: how many there are at least in a twin of which the shapes are tried.
    """
    width = formula.stages[0].width
    thin = [width // n for n in (32, 16, 8, 4, 2) if width > WIDE and width % n == 0]
    parts = _parts(formula)
    for wide in [*thin, width]:
        # A stem may make something else of the input.
        for sizes in _sizes(formula.input.sizes, wide * parts):
            make = partial(_shaped, formula, wide, sizes)
            if _meets(make(blocks)):
                return make
    return partial(flat, formula)


def _shaped(
    formula: Formula, width: int, sizes: tuple[Size, ...], blocks: int
) -> Formula:
    return replace(flat(formula, blocks, width), input=Shape.of(sizes))


def _sizes(sizes: tuple[Size, ...], features: int) -> list[tuple[Size, ...]]:
    """What the blocks may take, the likeliest first."""
    tokens = (GRID, features)
    if len(sizes) == 3:
        return [(features, GRID, GRID), tokens]
    if len(sizes) == 2:
        return [tokens, (*sizes[:-1], features)]
    return [(features,)]


def _meets(formula: Formula) -> bool:
    """Whether the shapes of a network meet."""
    report = Diagnostics()
    try:
        graph.build(recurrence.build(formula, report), report)
    except CompileError:
        return False
    return True


def linear(formula: Formula, blocks: int, width: int) -> Formula:
    """The network with a matrix for each operator, on vectors."""
    matrix = _matrix()
    return replace(
        flat(formula, blocks, width),
        input=Shape.of((width * _parts(formula),)),
        operators={
            name: replace(matrix, name=name, text=f"{name} = linear(c, bias=false)")
            for name in formula.operators
        },
    )


def inactive(formula: Formula) -> Formula:
    """The network without its elementwise functions."""
    return replace(
        formula,
        equations=tuple(
            replace(equation, right=without_activations(equation.right))
            for equation in formula.equations
        ),
        boundaries=tuple(
            boundary
            if boundary.right is None
            else replace(boundary, right=without_activations(boundary.right))
            for boundary in formula.boundaries
        ),
        output=without_activations(formula.output),
    )


def _parts(formula: Formula) -> int:
    """Into how many parts the input is cut."""
    tensors: list[Tensor] = [b.right for b in formula.boundaries if b.right is not None]
    return max(
        (
            part.parts
            for tensor in tensors
            for part in walk(tensor)
            if isinstance(part, Part) and isinstance(part.tensor, Input)
        ),
        default=1,
    )


def _matrix() -> Pipeline:
    source = Source(
        "<twin>", "input 2\nstages 2 x 1\nW = linear(c, bias=false)\nX_i = W_i*X_<i-1>"
    )
    report = Diagnostics()
    file = parse(source, report, None)
    (formula,) = lower(file, source, {}, report)
    return formula.operators["W"]
