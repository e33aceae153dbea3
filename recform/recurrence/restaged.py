"""A network with as many blocks as were asked for, its stages stretched alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from recform.algebra.formula import Formula, Rule, Scope
from recform.algebra.placed import Placed, placed, starts
from recform.recurrence.regimes import stretched


def restaged(formula: Formula, counts: Sequence[int]) -> Formula:
    """The network with so many blocks in each stage; there may be none in some.

    What is said of the first block of each stage goes along, and so do the numbers that a
    block has by its stage.
    """
    before = [stage.blocks for stage in formula.stages]
    stages = zip(formula.stages, counts, strict=True)
    made = replace(
        formula, stages=tuple(replace(stage, blocks=count) for stage, count in stages)
    )
    if formula.scope is Scope.STAGE:
        return made
    firsts = starts(counts)
    made = stretched(
        made, [f for f, count in zip(firsts, counts, strict=True) if count]
    )
    sides = [e.right for e in made.equations] + [b.right for b in made.boundaries]
    sides += [item.rule.right for item in made.ranges]
    sides += [b.rule.right for b in made.boundaries if b.rule is not None]
    moved = {
        item: Placed(replace(item.row, firsts=firsts), item.index)
        for side in (*sides, made.output)
        if side is not None
        for item in placed(side)
        if item.row.firsts == starts(before)
    }
    return _moved(made, moved) if moved and firsts != starts(before) else made


def _moved(formula: Formula, moved: Mapping[Placed, Placed]) -> Formula:
    """The network with other numbers of blocks in the place of some."""

    def rule(old: Rule) -> Rule:
        return replace(old, right=old.right.xreplace(moved))

    return replace(
        formula,
        equations=tuple(
            replace(e, right=e.right.xreplace(moved)) for e in formula.equations
        ),
        boundaries=tuple(
            replace(
                b,
                right=b.right and b.right.xreplace(moved),
                rule=b.rule and rule(b.rule),
            )
            for b in formula.boundaries
        ),
        ranges=tuple(replace(item, rule=rule(item.rule)) for item in formula.ranges),
        output=formula.output.xreplace(moved),
    )
