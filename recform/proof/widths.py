"""What a block takes of an earlier one was made for what it meets there.

Operators are made for so many features, and learned scalars with a number for each channel
have as many as what they scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from recform.algebra.expr import Apply, Filled, Scaled, Tensor, learned_in
from recform.algebra.formula import Formula
from recform.blocks import Shape
from recform.diagnostics.refuted import Refuted
from recform.graph.model import Block, NetworkGraph, Site
from recform.recurrence.model import Flow, Step


@dataclass(frozen=True)
class _Use:
    """An operator or a learned scalar that a block applies.

    Attributes:
        name: of it.
        lag: how many blocks before this one owns it; None if all blocks share it.
        meets: the features of what it gets; of a scalar, the sizes that it needs there.
    """

    name: str
    lag: int | None
    meets: tuple[int, ...]


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

    def check(use: _Use, block: int) -> None:
        name, made = use.name, network.scalars.get(use.name, ())
        if use.lag is not None:
            owner = owners[block - use.lag]
            made = owner.scalars.get(name, (1,))
            if (module := owner.calls.get(name)) is not None:
                made = tuple(int(x.features) for x in module.inputs or ())
        if made != use.meets:
            place = f"meets {use.meets} in block {block}"
            raise Refuted(f"{name} is made for {made}, and {place}")

    for use in _uses(formula, flow.start, network.starts[number]):
        check(use, 0)
    for segment in segments:
        step = network.recurrence.steps[segment.step]
        uses = list(_uses(formula, step, segment.block))
        for block in range(segment.first, segment.first + segment.count):
            for use in uses:
                check(use, block)
    for use in _uses(formula, flow.end, network.ends[number]):
        check(use, len(owners))


def _uses(formula: Formula, step: Step, block: Block) -> Iterator[_Use]:
    """The operators of blocks, and the scalars, that a block applies itself."""
    terms = {part for tensor in step.body for part in step.parts(tensor)}
    for tensor in step.body:
        if isinstance(tensor, Apply) and tensor.index is not sympy.nan:
            meets = (_shape(part, tensor, step, block) for part in tensor.arguments)
            lag = int(step.at - tensor.index)
            yield _Use(tensor.operator, lag, tuple(int(x.features) for x in meets))
        # A multiple that is a term is scaled where it stands, behind an adapter.
        alone = () if tensor in terms else (tensor,)
        for part in (*alone, *step.parts(tensor)):
            if isinstance(part, Scaled | Filled) and part not in step.taken:
                for item in learned_in(part):
                    scalar = formula.scalars[item.name]
                    if scalar.per_feature:
                        sizes = _shape(part, tensor, step, block).per_feature
                        lag_ = int(step.at - item.index) if scalar.indexed else None
                        yield _Use(item.name, lag_, tuple(map(int, sizes)))


def _shape(part: Tensor, tensor: Tensor, step: Step, block: Block) -> Shape:
    """The shape of a part, or of a number: behind an adapter, if one stands there."""
    site = Site(step.bare(part), tensor)
    if site in block.sites:
        return block.sites[site].target
    return block.shapes[tensor if isinstance(part, Filled) else part]
