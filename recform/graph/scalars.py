"""The learned scalars of a block: whose they are, and how many numbers each has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

from recform.algebra.expr import Filled, Learned, Scaled, Tensor
from recform.algebra.formula import Formula
from recform.algebra.indices import untimed
from recform.algebra.shapes import Shapes, on_two
from recform.blocks import Amount, Layout, Shape
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.graph.model import Bridge, Module, Site
from recform.graph.partial import Stuck
from recform.graph.saved import Saved
from recform.recurrence.model import Step
from recform.source import Span

#: Of a parameter.
Sizes: TypeAlias = tuple[int, ...]


def sizes_for(shape: Shape) -> Sizes:
    """The sizes of a learned scalar with a number for each feature of a shape."""
    return tuple(map(int, shape.per_feature))


def scaled_by(sizes: Sizes) -> Shape:
    """A shape for which a learned scalar of these sizes has a number for each feature."""
    features, *grid = sizes
    return Shape(Layout.IMAGE if grid else Layout.VECTOR, features, tuple(grid))


@lru_cache(maxsize=4096)
def _learned(coefficient: Symbolic) -> tuple[Learned, ...]:
    """The learned scalars in a coefficient, which many blocks have."""
    return tuple(sorted(coefficient.atoms(Learned), key=str))


def _told(shape: Shape) -> str:
    """For what a scalar has a number each."""
    if shape.layout is Layout.IMAGE:
        return f"{shape.features} channels of an image"
    return f"{shape.features} features"


class ScalarSizes:
    """Finds how many numbers the scalars of a block have, one a feature or one alone.

    Args:
        formula: the network.
        step: what the block computes.
        shared: sizes of the scalars that all blocks share; those of this one are added.
        given: the scalars of other blocks, by name and index: what they scale there.
        report: gets RF313 and RF406.
        count: how many tensors a tensor is, made of a list.

    Attributes:
        own: sizes of the scalars that the block owns and that have one number a feature,
            or one for each member of a sum.
    """

    def __init__(
        self,
        formula: Formula,
        step: Step,
        shared: dict[str, Sizes],
        given: Mapping[tuple[str, int | None], Module],
        report: Diagnostics,
        count: Callable[[Tensor], int],
    ) -> None:
        self._formula = formula
        self._step = step
        self._shared = shared
        self._given = given
        self._report = report
        self._count = count
        self.own: dict[str, Sizes] = {}

    def parameters(self) -> int:
        """How many learned numbers the scalars of the block have together."""
        return sum(
            self.own.get(name, (1,))[0]
            for name, scalar in self._formula.scalars.items()
            if scalar.indexed and name in self._step.owned_scalars
        )

    def measure(
        self,
        shapes: Shapes,
        sites: Mapping[Site, Bridge],
        saved: Saved,
        span: Callable[[Tensor], Span],
    ) -> None:
        """Sizes all scalars of the block: a term's is applied behind its adapter.

        Args:
            shapes: of the block.
            sites: where adapters stand.
            saved: is told what autograd keeps for the scalars.
            span: the place of a tensor in the formula.

        Raises:
            Stuck: after a diagnostic.
        """
        step, shape = self._step, shapes.shape
        terms = {part for tensor in step.body for part in step.parts(tensor)}
        for tensor in step.body:
            for part in step.parts(tensor):
                if isinstance(part, Filled):
                    self._size(part, shape(tensor), span)
            for part in (tensor, *step.parts(tensor)):
                if isinstance(part, Scaled) and part not in step.taken:
                    bridge = sites.get(Site(step.bare(part), tensor))
                    if part is not tensor or part not in terms:
                        scaled = bridge.target if bridge else shape(part)
                        self._size(part, scaled, span)
                        for kept in shapes.asks(part):
                            adapted = bridge is not None
                            saved.keep(kept, scaled, part, adapted=adapted)
                        if most := shapes.coefficient(part):
                            inside = "coefficient", part
                            saved.keep_inside(inside, Amount(once=most))

    def size(self, name: str) -> int:
        """How many numbers a scalar has, as far as it is known."""
        return self.own.get(name, self._shared.get(name, (1,)))[0]

    def _size(
        self, tensor: Scaled | Filled, shape: Shape, span: Callable[[Tensor], Span]
    ) -> None:
        """How many numbers the learned scalars of a coefficient have here."""
        learned = _learned(tensor.coefficient)
        kinds = [self._formula.scalars[item.name] for item in learned]
        if any(s.members for s in kinds) and any(s.per_feature for s in kinds):
            self._report.error(
                "RF314",
                "a number for each member and one for each channel make no coefficient",
                span(tensor),
                hint="multiply by one after the other: a_<i,k>*(q_i*Y_k)",
            )
            raise Stuck(tensor, (tensor, *tensor.children))
        for item in learned:
            scalar = self._formula.scalars[item.name]
            if scalar.members:
                self._members(item.name, tensor, span)
            if scalar.per_feature:
                here = sizes_for(shape)
                before = self._known(item, here)
                if before != here:
                    name, older = untimed(item.name), self._older(item)
                    said = f"{name} {on_two(before, here)}"
                    if older is not None:
                        said = (
                            f"{name} has numbers for {_told(older)} in its own block, "
                            f"and a later one scales {_told(shape)} by it"
                        )
                    self._report.error(
                        "RF406",
                        said,
                        span(tensor),
                        hint=f"give one of them a vector of its own, beside {name}",
                    )
                    ends = (*tensor.children, tensor)
                    raise Stuck(tensor, (ends[0], tensor))

    def later(self, name: str, shape: Shape) -> None:
        """A scalar of the block that later blocks alone take: for what has this shape."""
        if self._formula.scalars[name].per_feature:
            self.own.setdefault(name, sizes_for(shape))

    def _known(self, item: Learned, here: Sizes) -> Sizes:
        """The sizes of a scalar that has these here, if it was not met before."""
        if not self._formula.scalars[item.name].indexed:
            return self._shared.setdefault(item.name, here)
        if item.index == self._step.at:
            return self.own.setdefault(item.name, here)
        older = self._older(item)
        return here if older is None else sizes_for(older)

    def _older(self, item: Learned) -> Shape | None:
        """What a scalar of an older block is for there; None if it is of no such block."""
        if not self._formula.scalars[item.name].indexed or item.index == self._step.at:
            return None
        made = self._given.get((item.name, int(item.index)))
        return made.inputs[0] if made is not None and made.inputs else None

    def _members(
        self, name: str, tensor: Tensor, span: Callable[[Tensor], Span]
    ) -> None:
        """How many members a scalar has numbers for; of some, the first are not there."""
        count = self._count(tensor)
        (before,) = self.own.setdefault(name, (count,))
        if before != count:
            self._report.error(
                "RF313",
                f"{untimed(name)} is for the members of two sums, of which one has {before} "
                f"where the other has {count}",
                span(tensor),
                hint="give each sum weights of its own",
            )
            raise Stuck(tensor, (tensor, *tensor.children))
