"""Which tensors of a network have a variable in its code.

What has one is there until its function returns; everything else is made where it is read,
and is gone when that is through.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from recform.algebra.expr import Tensor
from recform.classes.forward import ForwardWriter
from recform.classes.network import plan_network
from recform.graph.model import NetworkGraph
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from recform.plan.places import HEAD, Kind, Origin
from recform.writers.containers import spans
from recform.writers.names import argument_names


@dataclass(frozen=True)
class Variables:
    """The tensors that have a variable, in the order of the statements.

    Attributes:
        steps: of each step of the recurrence.
        starts, ends: of what stands in front of the blocks of each flow, and behind them.
        unnamed: those inside of definitions that have none.
        modules: those that modules of definitions make.
        between: of each step, as of its plan.
        held: for each stage the last one to whose end what comes into it has a name, for
            an nn.Sequential with all of them gets it; -1, if there is none.
        flat: the steps whose blocks are no modules, but rows of them.
        in_row: whether no stage has a container.
        handed: for each flow, of its blocks in order, how many are called alike, and the
            variables of what they hand on; nothing where these are no statements.
        started: the names of those of starts.
    """

    steps: tuple[tuple[Tensor, ...], ...]
    starts: tuple[tuple[Tensor, ...], ...]
    ends: tuple[tuple[Tensor, ...], ...]
    unnamed: frozenset[Tensor]
    modules: frozenset[Tensor]
    between: tuple[Mapping[Tensor, bool], ...]
    held: tuple[int, ...]
    flat: frozenset[int]
    in_row: bool
    handed: tuple[tuple[tuple[int, tuple[str, ...]], ...], ...] = ()
    started: tuple[tuple[str, ...], ...] = ()

    def names(self, flow: int, block: int) -> tuple[str, ...]:
        """The variables of what a block of a flow hands on; of more there are none."""
        for count, names in self.handed[flow] if self.handed else ():
            if block <= count:
                return names
            block -= count
        return ()


def variables_of(network: NetworkGraph) -> Variables:
    """The tensors of a network that have a variable in its code.

    Raises:
        CompileError: RF219, if its names cannot be had.
    """
    names = Namespace.module(argument_names(network.recurrence.formula))
    plan = plan_network(network, names)
    steps = tuple(step.variables for step in plan.steps)
    flat = frozenset(n for n, step in enumerate(plan.steps) if step.flat)
    between = tuple(step.between for step in plan.steps)
    inside = plan.unnamed, plan.modules
    more = *inside, between, _held(plan), flat, not plan.stages
    if not plan.stages:
        # One row, in which blocks are no classes.
        nothing: tuple[tuple[Tensor, ...], ...] = ((),) * len(network.starts)
        return Variables(steps, nothing, nothing, *more)
    ways = ForwardWriter(plan).ways()
    starts, ends = (way.started for way in ways), (way.ended for way in ways)
    handed = (
        tuple((run.count, run.makes) for stage in way.stages for run in stage.runs)
        for way in ways
    )
    started = tuple(way.names for way in ways)
    return Variables(steps, tuple(starts), tuple(ends), *more, tuple(handed), started)


def _held(plan: NetworkPlan) -> tuple[int, ...]:
    """As of :class:`Variables`: in one row, containers may have several stages, or none."""
    stages = range(len(plan.graph.stages))
    if plan.stages:
        return tuple(stages) if plan.single else (-1,) * len(stages)
    parts = plan.rows[HEAD].parts
    origins = [part.origin for part in parts]
    firsts = [origins.index(Origin(Kind.STAGE, stage)) for stage in stages]
    return tuple(
        max(
            (
                bisect_right(firsts, last) - 1
                for at, last in spans(parts)
                if at == first
            ),
            default=-1,
        )
        for first in firsts
    )
