"""What a block takes of an earlier one was made for what it meets there.

Operators are made for so many features, and learned scalars with a number for each channel
have as many as what they scale.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from recform.algebra.expr import Apply, Filled, Scaled, Tensor, learned_in
from recform.algebra.formula import Formula
from recform.diagnostics.refuted import Refuted
from recform.graph.model import Block, NetworkGraph, Site
from recform.recurrence.model import Flow, Step

#: An operator or scalar, how many blocks before the own one owns it, and the features that
#: it meets.
_Use = tuple[str, int, tuple[int, ...]]


def check_widths(network: NetworkGraph, flow: Flow, number: int) -> None:
    """Holds what the blocks of a flow own against what meets it, in whichever block.

    Args:
        network: with all shapes.
        flow: how its blocks follow each other.
        number: of the flow.

    Raises:
        Refuted: if something is made for other widths.
    """
    formula = network.recurrence.formula
    segments = [s for stage in network.stages_of(number) for s in stage.segments]
    owners = [network.starts[number]]
    owners += [segment.block for segment in segments for _ in range(segment.count)]
    for segment in segments:
        step = network.recurrence.steps[segment.step]
        uses = list(_uses(formula, step, segment.block))
        for block in range(segment.first, segment.first + segment.count):
            for use in uses:
                _check(owners[block - use[1]], use, block)
    for use in _uses(formula, flow.end, network.ends[number]):
        _check(owners[len(owners) - use[1]], use, len(owners))


def _check(owner: Block, use: _Use, block: int) -> None:
    name, _, meets = use
    made: tuple[int, ...] = (owner.scalars.get(name, 1),)
    if (module := owner.calls.get(name)) is not None:
        made = tuple(int(x.features) for x in module.inputs or ())
    if made != meets:
        raise Refuted(f"{name} is made for {made}, and meets {meets} in block {block}")


def _uses(formula: Formula, step: Step, block: Block) -> Iterator[_Use]:
    """The operators and scalars of blocks that a block applies itself."""
    terms = {part for tensor in step.body for part in step.parts(tensor)}
    for tensor in step.body:
        if isinstance(tensor, Apply) and tensor.index is not sympy.nan:
            meets = [_features(part, tensor, step, block) for part in tensor.arguments]
            yield tensor.operator, int(step.at - tensor.index), tuple(meets)
        # A multiple that is a term is scaled where it stands, behind an adapter.
        alone = () if tensor in terms else (tensor,)
        for part in (*alone, *step.parts(tensor)):
            if isinstance(part, Scaled | Filled) and part not in step.taken:
                for item in learned_in(part):
                    scalar = formula.scalars[item.name]
                    if scalar.per_feature and scalar.indexed:
                        features = _features(part, tensor, step, block)
                        yield item.name, int(step.at - item.index), (features,)


def _features(part: Tensor, tensor: Tensor, step: Step, block: Block) -> int:
    """The features of a part, or of a number: behind an adapter, if one stands there."""
    site = Site(step.bare(part), tensor)
    if site in block.sites:
        return int(block.sites[site].target.features)
    return int(block.shapes[tensor if isinstance(part, Filled) else part].features)
