"""The stages and blocks around the equations, of a formula and of a module."""

from __future__ import annotations

from itertools import chain

from torch import nn

from recform.algebra.formula import Formula, Scope


def declared(
    formula: Formula, flow: int, start: tuple[int, ...]
) -> list[tuple[int, ...]]:
    """For each block of a flow, the shape that its stage declares.

    Its width, on a grid divided by the strides so far. With `scope stage` the transition
    has made the stride, but there is none in front of the first stage.
    """
    stages = formula.stages
    if formula.scope is Scope.STAGE:
        stages = stages[flow : flow + 1]
    shapes: list[tuple[int, ...]] = []
    shape = start
    for stage in stages:
        stride = stage.stride
        if formula.scope is Scope.STAGE and flow and formula.transition is not None:
            stride = 1
        if len(shape) == 3:
            shape = (stage.width, *(-(-size // stride) for size in shape[1:]))
        else:
            shape = (*shape[:-1], stage.width)
        shapes += [shape] * stage.blocks
    return shapes


def stages_of_blocks(formula: Formula, flow: int) -> list[int]:
    """For each block of a flow, the number of its stage."""
    stages = list(enumerate(formula.stages))
    if formula.scope is Scope.STAGE:
        stages = stages[flow : flow + 1]
    return [number for number, stage in stages for _ in range(stage.blocks)]


def flows(formula: Formula, net: nn.Module) -> list[list[nn.Module]]:
    """The blocks of each flow, by the names that docs/language.md gives them."""
    if len(formula.stages) == 1:
        return [list(net.blocks)]
    stages = [
        list(getattr(net, f"stage{number + 1}"))
        for number in range(len(formula.stages))
    ]
    return stages if formula.scope is Scope.STAGE else [list(chain(*stages))]
