"""Learned scalars with a number for each channel have as many as what they scale.

A block may take those of an earlier one, which has to have made them for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from recform.algebra.expr import Filled, Scaled, Tensor
from recform.algebra.formula import Formula, Scope
from recform.diagnostics.refuted import Refuted
from recform.graph.model import Block, NetworkGraph, Site
from recform.recurrence.model import Flow, Step, learned_in

#: A scalar, how many blocks before the own one owns it, and for how many features it is.
_Use = tuple[str, int, int]


def check_widths(network: NetworkGraph, flow: Flow, number: int) -> None:
    """Holds the learned scalars of a flow's blocks against what they scale.

    Args:
        network: with all shapes.
        flow: how its blocks follow each other.
        number: of the flow.

    Raises:
        Refuted: if one has more numbers, or less.
    """
    formula = network.recurrence.formula
    if not any(s.per_feature and s.indexed for s in formula.scalars.values()):
        return
    by_stage = formula.scope is Scope.STAGE
    stages = network.stages[number : number + 1] if by_stage else network.stages
    segments = [segment for stage in stages for segment in stage.segments]
    owners = [network.starts[number].scalars]
    owners += [s.block.scalars for s in segments for _ in range(s.count)]
    for segment in segments:
        step = network.recurrence.steps[segment.step]
        uses = list(_uses(formula, step, segment.block))
        for block in range(segment.first, segment.first + segment.count):
            for name, behind, features in uses:
                _check(name, owners[block - behind].get(name, 1), features, block)
    for name, behind, features in _uses(formula, flow.end, network.ends[number]):
        _check(name, owners[len(owners) - behind].get(name, 1), features, len(owners))


def _check(name: str, numbers: int, features: int, block: int) -> None:
    if numbers != features:
        raise Refuted(
            f"block {block} scales {features} channels by {name}, of {numbers} numbers"
        )


def _uses(formula: Formula, step: Step, block: Block) -> Iterator[_Use]:
    """The scalars that a block applies itself."""
    terms = {part for tensor in step.body for part in step.parts(tensor)}
    for tensor in step.body:
        # A multiple that is a term is scaled where it stands, behind an adapter.
        alone = () if tensor in terms else (tensor,)
        for part in (*alone, *step.parts(tensor)):
            if isinstance(part, Scaled | Filled) and part not in step.taken:
                features = _features(part, tensor, step, block)
                for item in learned_in(part):
                    scalar = formula.scalars[item.name]
                    if scalar.per_feature and scalar.indexed:
                        yield item.name, int(step.at - item.index), features


def _features(part: Tensor, tensor: Tensor, step: Step, block: Block) -> int:
    """Of how many features a number is: behind an adapter, if one stands there."""
    site = Site(step.bare(part), tensor)
    if site in block.sites:
        return int(block.sites[site].target.features)
    return int(block.shapes[tensor if isinstance(part, Filled) else part].features)
