"""A network's formula for inference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recform.algebra.definitions.body import Body
from recform.algebra.expr import Apply, I, State, Tensor, subtensors
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline
from recform.graph.model import Block, NetworkGraph, Site
from recform.inference.overwriting import in_definition
from recform.inference.pipelines import fold_pipeline
from recform.inference.rewrite import with_equations, with_sides
from recform.inference.sums import ITSELF, Merges, Root, merges


def fold(network: NetworkGraph) -> Formula:
    """The formula of the same network for inference.

    Args:
        network: as it is trained.
    """
    return _Folder(network).formula()


class _Folder:
    """Folds the pipelines of a formula, and merges the terms of its sums."""

    def __init__(self, network: NetworkGraph) -> None:
        self._network = network
        self._formula = network.recurrence.formula
        self._bodies: dict[Body, Body] = {}

    def formula(self) -> Formula:
        formula = self._formula
        adapter, rise = formula.adapter, formula.rise
        transition, lift = formula.transition, formula.lift
        operators = {n: self._pipeline(p) for n, p in formula.operators.items()}
        found = Merges(operators, {}, frozenset())
        # What recurs over positions is held against what the file says of it.
        if not formula.said:
            found = merges(_roots(formula), operators, _Adapters(self._network).free)
        formula = with_equations(formula, found.change)
        # Of what several were merged into, nobody has said what it is called.
        names = {n: item for n, item in formula.names.items() if n not in found.into}
        # Nor what number it has where others in front of it are gone.
        gone = {*found.into, *(n for n, item in names.items() if item.placed)}
        return replace(
            formula,
            stem=self._pipeline(formula.stem),
            head=self._pipeline(formula.head),
            adapter=adapter and self._pipeline(adapter),
            rise=rise and self._pipeline(rise),
            transition=transition and self._pipeline(transition),
            lift=lift and self._pipeline(lift),
            operators=found.operators,
            names=names,
            name_spans={n: x for n, x in formula.name_spans.items() if n not in gone},
            # What its weights start with are those that were trained.
            init={},
        )

    def _pipeline(self, pipeline: Pipeline) -> Pipeline:
        return fold_pipeline(pipeline, self._body)

    def _body(self, body: Body) -> Body:
        """A definition by equations for inference."""
        if body not in self._bodies:
            self._bodies[body] = self._folded(body)
        return self._bodies[body]

    def _folded(self, body: Body) -> Body:
        operators = {n: self._pipeline(p) for n, p in body.operators.items()}
        roots = [Root(right) for right in (*body.definitions.values(), body.output)]
        # There are no adapters inside.
        found = merges(roots, operators, lambda _, __: True)
        made = replace(body, operators=found.operators)
        return in_definition(with_sides(made, found.change))


def _roots(formula: Formula) -> Iterator[Root]:
    """All sides of the equations of a formula."""
    for equation in formula.equations:
        yield Root(equation.right, equation.unknown, I)
    for boundary in formula.boundaries:
        left = boundary.left
        name, index = "", None
        if isinstance(left, State):
            name, index = left.name, left.index
        else:
            yield Root(left)
        if boundary.right is not None:
            yield Root(boundary.right, name, index)
        if boundary.rule is not None:
            yield Root(boundary.rule.right, name, I)
    yield Root(formula.output)


class _Adapters:
    """Which terms of a network have adapters in some of its blocks."""

    def __init__(self, network: NetworkGraph) -> None:
        self._apart: set[str] = set()
        self._beside: set[str] = set()
        for block in _blocks(network):
            for site in block.sites:
                self._add(site)

    def _add(self, site: Site) -> None:
        value, parent = site.value, site.parent
        self._apart |= _letters(value)
        if isinstance(parent, Apply):
            self._apart.add(parent.operator)
        self._beside |= _letters(*parent.children)

    def free(self, name: str, other: str) -> bool:
        """Whether a term can be part of an operator."""
        if other == ITSELF:
            return name not in self._beside | self._apart
        return name not in self._apart and other not in self._apart


def _letters(*tensors: Tensor) -> set[str]:
    """The operators that stand in some tensors, up to the next unknown."""
    parts = (part for tensor in tensors for part in subtensors(tensor))
    return {part.operator for part in parts if isinstance(part, Apply)}


def _blocks(network: NetworkGraph) -> Iterator[Block]:
    yield from (*network.starts, *network.ends)
    for stage in network.stages:
        for segment in stage.segments:
            yield segment.block
