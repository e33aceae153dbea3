"""Which tensors of a network have a variable in its code.

What has one is there until its function returns; everything else is made where it is read,
and is gone when that is through.
"""

from __future__ import annotations

from dataclasses import dataclass

from recform.algebra.expr import Tensor
from recform.classes.forward import ForwardWriter
from recform.classes.network import plan_network
from recform.graph.model import NetworkGraph
from recform.plan.namespace import Namespace
from recform.writers.names import argument_names


@dataclass(frozen=True)
class Variables:
    """The tensors that have a variable, in the order of the statements.

    Attributes:
        steps: of each step of the recurrence.
        starts, ends: of what stands in front of the blocks of each flow, and behind them.
        unnamed: those inside of definitions that have none.
        single: whether the blocks of a stage are one nn.Sequential.
    """

    steps: tuple[tuple[Tensor, ...], ...]
    starts: tuple[tuple[Tensor, ...], ...]
    ends: tuple[tuple[Tensor, ...], ...]
    unnamed: frozenset[Tensor]
    single: bool


def variables_of(network: NetworkGraph) -> Variables:
    """The tensors of a network that have a variable in its code.

    Raises:
        CompileError: RF219, if its names cannot be had.
    """
    names = Namespace.module(argument_names(network.recurrence.formula))
    plan = plan_network(network, names)
    steps = tuple(step.variables for step in plan.steps)
    if not plan.stages:
        # One row, in which blocks are no classes.
        nothing: tuple[tuple[Tensor, ...], ...] = ((),) * len(network.starts)
        return Variables(steps, nothing, nothing, plan.unnamed, plan.single)
    ways = ForwardWriter(plan).ways()
    starts, ends = (way.started for way in ways), (way.ended for way in ways)
    more = plan.unnamed, plan.single
    return Variables(steps, tuple(starts), tuple(ends), *more)
