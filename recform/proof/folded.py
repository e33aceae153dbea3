"""That a network for inference computes what the one does that was trained.

Both formulas are read as what they compute in evaluation, down to the operators of the
library: what is nothing there is left out, and a step for inference is read as the sum of
what it says that it has taken in. So both are equal only if every operator is somewhere,
and in its place. What a step has taken in has to fit into it, and no adapter may be lost.
Learned numbers have no values here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy

from recform.algebra.expr import Apply, I, State, Tensor, subtensors
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Step
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.diagnostics.refuted import Refuted, proving
from recform.graph.model import NetworkGraph
from recform.proof.evaluation import Missing, Reader, Side, Table
from recform.proof.overwriting import overwrites

#: What folding leaves alone.
_SAME = ("params", "input", "stages", "scope", "scalars", "tables")

#: As many blocks may read what there is before the first.
_FIRST = 8


def prove_folded(
    before: NetworkGraph, after: NetworkGraph, report: Diagnostics
) -> None:
    """Proves that a network for inference computes the same.

    Args:
        before: as it was trained.
        after: for inference.
        report: gets RF901.

    Raises:
        CompileError: RF901, if it does not.
    """
    with proving(before.recurrence.formula.equations[0].span, report):
        refute_folded(before, after)


def refute_folded(before: NetworkGraph, after: NetworkGraph) -> None:
    """The same, as an exception of its own.

    Raises:
        Refuted: if it does not.
    """
    old, new = before.recurrence.formula, after.recurrence.formula
    for name in _SAME:
        if getattr(old, name) != getattr(new, name):
            raise Refuted(f"for inference {name} would be something else")
    blocks, table = _Blocks(before), Table()
    for one, two in zip(_sides(old), _sides(new), strict=True):
        wanted = Reader(table).side(old, one)
        for missing in blocks.missing(one, new):
            if Reader(table, old, missing).side(new, two) != wanted:
                raise Refuted(f"for inference {one.name} would be something else")
    if _met(old) != _met(new):
        raise Refuted("for inference what an equation says of the start would be lost")
    if fault := overwrites(after):
        raise Refuted(fault)
    if _adapters(before) != _adapters(after):
        raise Refuted("for inference an adapter would be lost")
    if (before.final, before.output) != (after.final, after.output):
        raise Refuted("for inference the output would have another shape")


def _sides(formula: Formula) -> Iterator[Side]:
    """All that a formula says."""
    for name in ("stem", "head", "adapter", "rise", "transition", "lift"):
        yield Side(name, getattr(formula, name))
    for equation in formula.equations:
        yield Side(equation.unknown, equation.right, equation.unknown)
    for boundary in formula.boundaries:
        left, rule = boundary.left, boundary.rule
        name, whose, block = str(left), "", None
        if isinstance(left, State) and left.index.is_Integer:
            whose, block = left.name, int(left.index)
        yield Side(name, boundary.right, whose, block)
        if rule is not None:
            yield Side(f"the rule of {name}", rule.right, whose, block)
    yield Side("the output", formula.output)


def _met(formula: Formula) -> list[bool]:
    """Which terms that have an equation of their own stand in one of the others.

    ``(1 + W_0)*X_<-1> = X_0`` is of use where a block reads just that.
    """
    found = []
    for boundary in formula.boundaries:
        left = boundary.left
        if not isinstance(left, State):
            found.append(any(_reads(e.right, left) for e in formula.equations))
    return found


def _reads(right: Tensor, term: Tensor) -> bool:
    """Whether a term stands in an equation of one of the first blocks."""
    alike = [part for part in subtensors(right) if type(part) is type(term)]
    return any(
        part.xreplace({I: sympy.Integer(block)}) == term
        for part in alike
        for block in range(1, _FIRST + 1)
    )


class _Blocks:
    """Which operators the blocks of a network have."""

    def __init__(self, network: NetworkGraph) -> None:
        self._formula = network.recurrence.formula
        self._flows: list[dict[int, set[str]]] = []
        by_stage = len(network.recurrence.flows) > 1
        for stage in network.stages:
            if by_stage or not self._flows:
                self._flows.append({})
            for segment in stage.segments:
                for block in range(segment.first, segment.first + segment.count):
                    self._flows[-1][block] = set(segment.block.calls)

    def missing(self, side: Side, after: Formula) -> set[Missing]:
        """What a step for inference has not taken in, in the blocks that a side is for.

        Args:
            side: of the formula that was trained.
            after: the one for inference.
        """
        if not isinstance(side.said, Tensor) or not side.unknown:
            return {frozenset()}
        merged = [
            (item.operator, part.index)
            for part in subtensors(side.said)
            if isinstance(part, Apply)
            for step in _steps(after, part.operator)
            for item in step.folded
            if item.operator
        ]
        own = {
            boundary.left.index
            for boundary in self._formula.boundaries
            if isinstance(boundary.left, State) and boundary.left.name == side.unknown
        }
        found: set[Missing] = set()
        for blocks in self._flows:
            for block in blocks if side.block is None else [side.block]:
                if side.block is not None or block not in own:
                    found.add(
                        frozenset(
                            (name, index)
                            for name, index in merged
                            if not _has(blocks, name, index, block)
                        )
                    )
        return found


def _steps(formula: Formula, operator: str) -> tuple[Step, ...]:
    pipeline = formula.operators.get(operator)
    return pipeline.steps if pipeline else ()


def _has(
    blocks: Mapping[int, set[str]], name: str, index: Symbolic, block: int
) -> bool:
    """Whether there is an operator, as an equation for a block names it."""
    place = index.xreplace({I: sympy.Integer(block)})
    return not place.is_Integer or name in blocks.get(int(place), {name})


def _adapters(network: NetworkGraph) -> list[list[str]]:
    """What the adapters of each block do."""
    blocks = [[block] for block in (*network.starts, *network.ends)]
    for stage in network.stages:
        blocks += ([segment.block] * segment.count for segment in stage.segments)
    return [
        sorted(str(bridge) for bridge in block.sites.values())
        for row in blocks
        for block in row
    ]


__all__ = ["prove_folded", "refute_folded"]
