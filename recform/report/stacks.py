"""What a network with long skips keeps on stacks, and for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from recform.algebra.expr import I, K, L
from recform.algebra.formula import Scope
from recform.algebra.typeset import plain
from recform.blocks.symbolic import Symbolic
from recform.graph.model import NetworkGraph
from recform.recurrence.model import Flow, Stack
from recform.recurrence.regimes import in_blocks


@dataclass(frozen=True)
class Waiting:
    """Tensors of one stage that wait on a stack.

    Attributes:
        where: ``stage 2``, or that it is in front of the blocks.
        count: how many.
        shape: of each.
    """

    where: str
    count: int
    shape: str

    def text(self) -> str:
        """``stage 2: 3 of 32 x 8 x 8``."""
        return f"{self.where}: {self.count} of {self.shape}"


@dataclass(frozen=True)
class StackRow:
    """A stack of a network.

    Attributes:
        tensors: what is put there, in order.
        taken: how a block names what it takes, the last first.
        blocks: those that take.
        stage: `` of stage 2`` if the index starts anew in each.
        most: how many tensors wait at the same time, and ``behind`` which block.
        waiting: where they were made, and what they are.
    """

    tensors: tuple[str, ...]
    taken: str
    blocks: tuple[int, ...]
    stage: str
    most: int
    behind: int
    waiting: tuple[Waiting, ...]

    def text(self) -> str:
        """What is said of it, in a sentence and a list."""
        first, *rest = self.tensors
        names = f"{first} to {rest[-1]}" if rest else first
        wait = "wait on a stack" if rest else "waits on a stack"
        where = ", ".join(item.text() for item in self.waiting)
        return (
            f"Long skips: {names} {wait} until {in_blocks(self.blocks)}{self.stage} "
            f"take it as {self.taken}; {self.most} at most, behind block {self.behind} "
            f"({where})"
        )


def stack_rows(network: NetworkGraph) -> Iterator[StackRow]:
    """The stacks of a network, flow by flow."""
    flows = network.recurrence.flows
    for number, flow in enumerate(flows):
        for stack in flow.stacks:
            yield _row(network, flow, number, stack)


def _row(network: NetworkGraph, flow: Flow, number: int, stack: Stack) -> StackRow:
    kept = sorted(stack.kept)
    waiting = {
        block: sum(b <= block for b in kept) - sum(b <= block for b in stack.popped)
        for block in range(flow.length + 1)
    }
    most = max(waiting, key=lambda block: waiting[block])
    return StackRow(
        tensors=tuple(_named(stack, sympy.Integer(block)) for block in kept),
        taken=_named(stack, L + stack.shift - I),
        blocks=stack.popped,
        stage=f" of stage {number + 1}" if len(network.recurrence.flows) > 1 else "",
        most=waiting[most],
        behind=most,
        waiting=tuple(_waiting(network, number, stack)),
    )


def _named(stack: Stack, block: Symbolic) -> str:
    """What is kept of a block."""
    return plain(stack.body.xreplace({K: block}))


def _waiting(network: NetworkGraph, number: int, stack: Stack) -> Iterator[Waiting]:
    """How many tensors of which shape were made where."""
    counts: Counter[tuple[str, str]] = Counter()
    if 0 in stack.kept:
        shape = network.starts[number].outputs[stack.kept[0]]
        counts["in front of block 1", str(shape)] = 1
    by_stage = network.recurrence.formula.scope is Scope.STAGE
    stages = [number] if by_stage else range(len(network.stages))
    for stage in stages:
        for segment in network.stages[stage].segments:
            for block in range(segment.first, segment.first + segment.count):
                if block in stack.kept:
                    shape = segment.block.outputs[stack.kept[block]]
                    key = (f"stage {stage + 1}", str(shape))
                    counts[key] += 1
    for (where, text), count in counts.items():
        yield Waiting(where, count, text)
