"""Twins of a network that show one of its sides alone: its formula, without the frame.

A twin has the equations of the file and blocks of one shape, no stem and no head, so
that what the formula says can be tried on it without adapters in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from recform import graph, recurrence
from recform.algebra.expr import Context, Input, Part, Tensor, subtensors
from recform.algebra.formula import Formula, StageSpec
from recform.algebra.pipeline import Pipeline
from recform.algebra.ranged import with_rights
from recform.algebra.symbols import STRIDE, WIDTH
from recform.algebra.tracing import output_of
from recform.blocks import (
    Arguments,
    Cost,
    Emitted,
    Layout,
    Misfit,
    Several,
    Shape,
    code,
)
from recform.diagnostics import CompileError, Diagnostics
from recform.linear.forms import without_activations
from recform.lowering.lower import lower
from recform.recurrence.regimes import at_depth
from recform.source import Source
from recform.syntax.parse import parse

#: The height and width of the images of a twin, and its number of tokens.
GRID = 6
#: The same where patches divide it.
CUT = 16
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
    sizes = _taken(formula).sizes
    deep = at_depth(formula, blocks)
    if deep is None:
        raise NoTwin(f"the equations have no network of {blocks} blocks")
    wide = width * _parts(deep)
    image = len(sizes) == 3
    shape = Shape.of((wide, GRID, GRID) if image else (*sizes[:-1], wide))
    return replace(
        deep.taking(shape),
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
        for shape in _shapes(formula, wide, wide * parts):
            make = partial(_shaped, formula, wide, shape)
            if _meets(make(blocks)):
                return make
    return partial(flat, formula)


def _taken(formula: Formula) -> Shape:
    """What blocks may take of the input of their network: of ids, tokens."""
    x = formula.input
    return replace(x, layout=Layout.TOKENS) if x.layout is Layout.IDS else x


def _shaped(formula: Formula, width: int, shape: Shape, blocks: int) -> Formula:
    return flat(formula, blocks, width).taking(shape)


def _shapes(formula: Formula, width: int, features: int) -> list[Shape]:
    """What the blocks may take, the likeliest first."""
    sizes = _taken(formula).sizes
    vector, tokens = Shape.of((features,)), Shape.of((GRID, features))
    stem = _stem(formula, width)
    if stem is not None and stem.layout is Layout.STREAMS:
        n = stem.grid[0]
        return [tokens.in_streams(n), vector.in_streams(n)]
    if len(sizes) == 3:
        image, cut = (Shape.of((features, grid, grid)) for grid in (GRID, CUT))
        if stem is not None and stem.layout is Layout.TOKENS:
            # Operators over positions may ask for as many as the file has.
            return [image, tokens, Shape.of((*stem.sizes[:-1], features)), cut]
        return [image, tokens, cut]
    if len(sizes) == 2:
        return [tokens, Shape.of((*sizes[:-1], features))]
    return [vector]


def _stem(formula: Formula, width: int) -> Shape | None:
    """What the stem makes of the input; None if it cannot be told."""
    try:
        return output_of(formula.stem, (formula.input,), {WIDTH: width, STRIDE: 1})
    except Misfit:
        return None


def _meets(formula: Formula) -> bool:
    """Whether the shapes of a network meet."""
    report = Diagnostics()
    try:
        graph.build(recurrence.build(formula, report), report)
    except CompileError:
        return False
    return True


def linear(formula: Formula, blocks: int, width: int) -> Formula:
    """The network with a matrix for each input of each operator, on vectors."""
    return replace(
        flat(formula, blocks, width),
        input=Shape.of((width * _parts(formula),)),
        contexts={
            name: Shape.of((width * _parts(formula, Context(name)),))
            for name in formula.contexts
        },
        operators={
            name: _matrix(name, pipeline.inputs)
            for name, pipeline in formula.operators.items()
        },
        # A matrix does not do what was said of positions.
        said={},
    )


def inactive(formula: Formula) -> Formula:
    """The network without its elementwise functions."""
    return with_rights(formula, without_activations)


def _parts(formula: Formula, leaf: Tensor | None = None) -> int:
    """Into how many parts the input is cut, or a further one."""
    leaf = leaf or Input()
    tensors: list[Tensor] = [b.right for b in formula.boundaries if b.right is not None]
    if leaf != Input():
        tensors += [formula.output, *(e.right for e in formula.equations)]
    return max(
        (
            part.parts
            for tensor in tensors
            for part in subtensors(tensor)
            if isinstance(part, Part) and part.tensor == leaf
        ),
        default=1,
    )


def _matrix(name: str, inputs: tuple[str, ...]) -> Pipeline:
    pipeline = replace(_linear(), name=name, text=f"{name} = linear(c, bias=false)")
    if len(inputs) == 1:
        return pipeline
    (step,) = pipeline.steps
    return replace(pipeline, steps=(replace(step, operator=_Matrices(inputs)),))


def _linear() -> Pipeline:
    source = Source(
        "<twin>", "input 2\nstages 2 x 1\nW = linear(c, bias=false)\nX_i = W_i*X_<i-1>"
    )
    report = Diagnostics()
    file = parse(source, report, None)
    (formula,) = lower(file, source, {}, report)
    return formula.operators["W"]


class _Matrices(Several):
    """A matrix for each input, and the sum of what they make."""

    name = "matrices"
    about = "a sum of matrices times tensors"
    attribute = "matrices"
    support = (
        '''\
class Matrices(nn.Module):
    """A matrix for each input, and the sum of what they make."""

    def __init__(self, width: int, *features: int) -> None:
        super().__init__()
        made = (nn.Linear(size, width, bias=False) for size in features)
        self.parts = nn.ModuleList(made)

    def forward(self, *inputs: Tensor) -> Tensor:
        return sum(part(x) for part, x in zip(self.parts, inputs, strict=True))
''',
    )

    def __init__(self, inputs: tuple[str, ...]) -> None:
        self.inputs = inputs

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        return inputs[0].with_features(a.width)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        numbers = sum(int(x.features) for x in inputs) * int(a.width)
        return Cost(parameters=numbers, multiply_adds=numbers, saves_input=True)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        sizes = ", ".join(map(code, (a.width, *(x.features for x in inputs))))
        given = ", ".join(f"{{{name}}}" for name in self.inputs)
        return Emitted(f"{{m}}({given})", f"Matrices({sizes})")
