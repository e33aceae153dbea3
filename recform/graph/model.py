"""The data that the graph stage hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recform.algebra.expr import Apply, Tensor
from recform.algebra.pipeline import Pipeline
from recform.algebra.tracing import Trace
from recform.blocks import Amount, Shape, Stride
from recform.blocks.acts import Link
from recform.blocks.amount import uncounted
from recform.blocks.symbolic import Symbolic
from recform.recurrence.model import Recurrence


@dataclass(frozen=True)
class Site:
    """A place where a term may need an adapter.

    Attributes:
        value: the term, without its coefficient.
        parent: the sum or product that it is a term of (the unknown itself where the
            whole right side is adapted, the application where an argument is).
    """

    value: Tensor
    parent: Tensor


@dataclass(frozen=True)
class Bridge:
    """What an adapter does at a site.

    Attributes:
        source, target: the shapes on its two sides.
        stride: ``s`` of the adapter.
    """

    source: Shape
    target: Shape
    stride: Stride


@dataclass(frozen=True)
class Totals:
    """Costs of a part of the network, for one example.

    Attributes:
        parameters: learned numbers.
        multiply_adds: of convolutions and products of matrices.
        kept: what autograd keeps for the backward pass.
    """

    parameters: int = 0
    multiply_adds: int = 0
    kept: Amount = field(default_factory=Amount)

    @property
    def saved(self) -> int:
        """The numbers that autograd keeps, as if all had four bytes."""
        return self.kept.single

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.parameters + other.parameters,
            self.multiply_adds + other.multiply_adds,
            self.kept + other.kept,
        )

    def without(self, other: Totals) -> Totals:
        """What is left when a part is taken away."""
        return self + other.times(-1)

    def times(self, count: int) -> Totals:
        """The costs of ``count`` such parts."""
        return Totals(
            self.parameters * count,
            self.multiply_adds * count,
            self.kept.times(count),
        )


@dataclass(frozen=True)
class Held:
    """A tensor that autograd keeps.

    Attributes:
        what: the tensor whose numbers they are, or a tensor and the shape to which an
            adapter brought it.
        amount: how much it is.
        by: the tensors for whose gradients it is kept; for that of an adapter, its site.
    """

    what: object
    amount: Amount
    by: tuple[object, ...]


@dataclass(frozen=True)
class Place:
    """What the symbols of a pipeline stand for in one place of the network.

    Attributes:
        width: ``c``, the width of the stage.
        stride: ``s``, the stride that brings the input to the grid of the stage.
        index: ``i``, the number of the block; 0 outside the blocks.
        length: ``L``, the number of blocks.
        table: what the constants with a number for each stage or block are here, in the
            order of the file; nothing outside the blocks.
    """

    width: int
    stride: Stride
    index: int = 0
    length: int = 0
    table: tuple[int | float, ...] = ()


@dataclass(frozen=True)
class Module:
    """An operator where it is owned: what it was made for.

    Attributes:
        place: its ``c``, ``s``, ``i`` and ``L``.
        inputs: what it is first called on; None if nobody has called it yet.
    """

    place: Place
    inputs: tuple[Shape, ...] | None


@dataclass(frozen=True)
class Block:
    """What one block of a segment looks like.

    Attributes:
        shapes: of every tensor of the step, inputs included.
        sites: places where an adapter stands, and what it does there.
        calls: for each operator that the block owns, what it is made for.
        outputs: the shapes of what is handed on; None for a module.
        scalars: the sizes of each learned scalar that the block owns and that has one number
            a feature, or one a member.
        totals: costs.
        works: what is done for each tensor that is no view of others, and for each
            adapter that no other term has before.
        held: the tensors that autograd keeps.
        numbers: what its coefficients have by its place.
        each: of operators and adapters that get one member of a list after the other, how
            many there are; what they do is said of one.
    """

    shapes: Mapping[Tensor, Shape]
    sites: Mapping[Site, Bridge]
    calls: Mapping[str, Module]
    outputs: tuple[Shape | None, ...]
    scalars: Mapping[str, tuple[int, ...]]
    totals: Totals
    works: Mapping[Tensor | Site, tuple[Link, ...]]
    held: tuple[Held, ...]
    numbers: tuple[Symbolic, ...] = ()
    each: Mapping[Tensor | Site, int] = field(default_factory=dict)

    def arrives(self, site: Site) -> Shape:
        """What comes to a place, behind the adapter if one stands there.

        Where none is needed a term has the shape of its sum, and an argument its own.
        """
        if site in self.sites:
            return self.sites[site].target
        argument = isinstance(site.parent, Apply)
        return self.shapes[site.value if argument else site.parent]


@dataclass(frozen=True)
class Segment:
    """Blocks in a row that take the same step on the same shapes.

    Attributes:
        step: an index into :attr:`Recurrence.steps`.
        first: the number of the first block, as the formula counts.
        count: how many blocks.
        stage: an index into the stages of the formula.
        width, stride: what ``c`` and ``s`` are in these blocks.
        inputs: the shapes of what comes in; None for a module.
        block: what each of them looks like.
    """

    step: int
    first: int
    count: int
    stage: int
    width: int
    stride: Stride
    inputs: tuple[Shape | None, ...]
    block: Block


@dataclass(frozen=True)
class StageGraph:
    """A stage: its blocks and what it hands on.

    Attributes:
        segments: in order.
        shape: the shape of the newest unknown at the end of the stage.
        totals: costs of all its blocks.
    """

    segments: tuple[Segment, ...]
    shape: Shape
    totals: Totals


@dataclass(frozen=True)
class Piece:
    """A pipeline outside the blocks (stem, head, transition), placed in the network.

    Attributes:
        pipeline: the operators.
        input: the shape that comes in.
        trace: what the operators make of it.
        width, stride: what ``c`` and ``s`` are in it.
        totals: costs.
        table: for a transition, the constants per stage or block of what it leads to.
    """

    pipeline: Pipeline
    input: Shape
    trace: Trace
    width: int
    stride: Stride
    totals: Totals
    table: tuple[int | float, ...] = ()

    @property
    def output(self) -> Shape:
        """The shape that it makes."""
        return self.trace.output


@dataclass(frozen=True)
class SharedModule:
    """An operator without an index, or one of block 0: made once, by the network.

    Attributes:
        name: the operator letter.
        index: None, or 0.
        inputs: the shapes that it is called on.
        width, stride: what ``c`` and ``s`` are for it.
        totals: costs of its parameters.
    """

    name: str
    index: int | None
    inputs: tuple[Shape, ...]
    width: int
    stride: Stride
    totals: Totals


@dataclass(frozen=True)
class NetworkGraph:
    """The whole network.

    Attributes:
        recurrence: what it was made from.
        stem, head: pipelines around the blocks.
        transitions: between stages with ``scope stage``; before each stage but the first.
        stages: in order.
        shared: modules of the network itself, for each flow.
        starts, ends: what is computed before and after the blocks of each flow.
        final: the shape that the head gets.
        output: the shape of what the network returns.
        contexts: the costs of the further inputs, by name.
        scalars: the sizes of each learned scalar that all blocks share and that has one
            number a feature.
        totals: costs of the whole network.
    """

    recurrence: Recurrence
    stem: Piece
    head: Piece
    transitions: tuple[Piece, ...]
    stages: tuple[StageGraph, ...]
    shared: tuple[tuple[SharedModule, ...], ...]
    starts: tuple[Block, ...]
    ends: tuple[Block, ...]
    final: Shape
    output: Shape
    contexts: Mapping[str, Totals]
    scalars: Mapping[str, tuple[int, ...]]
    totals: Totals

    def stages_of(self, flow: int) -> tuple[StageGraph, ...]:
        """The stages of a flow, by its number: all of them where there is one flow."""
        return self.stages if len(self.starts) == 1 else self.stages[flow : flow + 1]

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Operators of plugins that do not say what they cost."""
        pieces = (self.stem, *self.transitions, self.head)
        segments = (segment for stage in self.stages for segment in stage.segments)
        blocks = (*self.starts, *(segment.block for segment in segments), *self.ends)
        rows = [piece.trace.links for piece in pieces]
        rows += [links for block in blocks for links in block.works.values()]
        return uncounted(link.cost for links in rows for link in links)
