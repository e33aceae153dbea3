"""The proof of a network: its blocks followed from the boundary to the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recform.algebra.expr import Apply
from recform.closure import closure
from recform.diagnostics import Diagnostics
from recform.diagnostics.refuted import Refuted, proving
from recform.graph.model import NetworkGraph
from recform.proof.adapters import check_shapes
from recform.proof.equations import Equations
from recform.proof.execute import Different, Held, Machine, Unknown
from recform.proof.positions import check_positions
from recform.proof.shift import reach_of, shifted
from recform.proof.values import Values
from recform.proof.widths import check_widths
from recform.recurrence.model import Flow, Recurrence, Slot, Step
from recform.recurrence.stacks import Lists

#: Blocks that take one step, from one number to another.
Row = tuple[int, int, int]


@dataclass(frozen=True)
class Proof:
    """What was proved.

    Attributes:
        blocks: how many blocks compute what the equations say.
        followed: how many of them were followed one by one.
    """

    blocks: int
    followed: int

    @property
    def induced(self) -> int:
        """How many blocks follow from the one before."""
        return self.blocks - self.followed

    def __str__(self) -> str:
        noun = "block" if self.blocks == 1 else "blocks"
        how = "each followed"
        if self.induced:
            how = f"{self.followed} followed, {self.induced} by induction"
        return f"{self.blocks} {noun}: {how}"


def prove(network: NetworkGraph, report: Diagnostics) -> Proof:
    """Proves that the blocks as they will be written compute the formula.

    Args:
        network: the steps, and which block of which stage takes which.
        report: gets RF901.

    Raises:
        CompileError: RF901, if they do not.
    """
    with proving(network.recurrence.formula.equations[0].span, report):
        return proof_of(network)


def proof_of(network: NetworkGraph) -> Proof:
    """The same, as an exception of its own.

    Raises:
        Refuted: if they do not.
    """
    recurrence = network.recurrence
    check_positions(recurrence.formula)
    proofs = []
    for number, flow in enumerate(recurrence.flows):
        stages = network.stages_of(number)
        rows = [
            (segment.step, segment.first, segment.first + segment.count - 1)
            for stage in stages
            for segment in stage.segments
        ]
        proofs.append(prove_flow(recurrence, flow, rows))
        check_shapes(network, flow, number)
        check_widths(network, flow, number)
    return Proof(sum(p.blocks for p in proofs), sum(p.followed for p in proofs))


def prove_flow(recurrence: Recurrence, flow: Flow, rows: Sequence[Row]) -> Proof:
    """The same for the blocks of one flow.

    Raises:
        Refuted: if they do not compute the formula.
    """
    return _Follower(recurrence, flow, _joined(rows)).follow()


def _joined(rows: Sequence[Row]) -> list[Row]:
    """Rows of blocks that take one step, over the borders of stages."""
    result: list[Row] = []
    for step, first, last in rows:
        if result and result[-1][0] == step and result[-1][2] == first - 1:
            result[-1] = (step, result[-1][1], last)
        else:
            result.append((step, first, last))
    return result


class _Follower:
    """Follows the blocks of a flow beside the equations."""

    def __init__(self, recurrence: Recurrence, flow: Flow, rows: list[Row]) -> None:
        self._recurrence, self._flow, self._rows = recurrence, flow, rows
        self._values = Values()
        self._equations = Equations(recurrence.formula, flow.length, self._values)
        self._machine = Machine(self._equations)
        self._reach = reach_of(recurrence.formula)
        self._held: list[Held] = []
        self._lists = Lists[Held](flow)
        self._followed = 0

    def follow(self) -> Proof:
        """Follows all blocks, from the boundary to the output."""
        flow = self._flow
        self._held = self._run(flow.start, 0, flow.initial)
        self._lists.keep(0, self._held)
        block = 1
        for number, first, last in self._rows:
            if first != block:
                raise Refuted(f"behind block {block - 1} comes block {first}")
            while block <= last:
                before = self._held
                step = self._recurrence.steps[number]
                self._held = self._lists.given(step, block, before)
                self._held = self._run(step, block)
                self._lists.keep(block, self._held)
                self._followed += 1
                block += 1
                if self._repeats(before, first, block):
                    self._pass(block, last)
                    block = last + 1
        if block != flow.length + 1:
            raise Refuted(f"there are {block - 1} blocks, and not {flow.length}")
        self._lists.close()
        self._end()
        return Proof(flow.length, self._followed)

    def _repeats(self, before: list[Held], first: int, block: int) -> bool:
        """Whether all blocks of a row do what the last one did: induction.

        The state is that of the block before, a block later, and the same equations hold
        from there on. Of the row, as many blocks were followed as the equations look back:
        a value that a block computes and a later one again was seen then.
        """
        reach = self._reach
        if self._flow.stacks:
            return False  # what a block takes off is of another age in each
        if block - 1 <= max(reach.settled, first + reach.order):
            return False
        return shifted(self._values, before, 1, reach.named) == self._held

    def _pass(self, first: int, last: int) -> None:
        """Goes over blocks that repeat what the one before did.

        What was computed so far has to be in the state.
        """
        reach = self._reach
        there = [item for item in self._held if isinstance(item, int)]
        self._once([*there, *self._machine.constants.values()])
        self._machine.calls.clear()
        by = last + 1 - first
        self._held = shifted(self._values, self._held, by, reach.named)
        values = [item for item in self._held if isinstance(item, int)]
        self._equations.pass_over(first, last, values, reach.named)

    def _run(
        self,
        step: Step,
        block: int,
        outputs: Sequence[Slot] | None = None,
        by: int | None = None,
    ) -> list[Held]:
        """What a block makes of the state."""
        try:
            return self._machine.run(step, block, self._held, by=by, outputs=outputs)
        except Unknown as unknown:
            raise Refuted(
                f"block {block} reads {unknown.what} (as written for block {step.at}), "
                "which it does not get"
            ) from None
        except Different as different:
            raise Refuted(
                f"block {block} makes {self._shown(different.name)} = "
                f"{self._shown(different.made)}, and it is "
                f"{self._shown(different.wanted)}"
            ) from None

    def _end(self) -> None:
        """Compares what is made of the last state with the equations' output."""
        flow = self._flow
        self._held = self._lists.given(flow.end, flow.length + 1, self._held)
        behind = flow.length - (flow.end.at - 1)
        (made,) = self._run(flow.end, flow.length + 1, [flow.output], behind)
        wanted = self._equations.output()
        if made != wanted:
            raise Refuted(
                f"the output would be {self._shown(made)}, and is {self._shown(wanted)}"
            )
        assert wanted is not None
        self._once([wanted])

    def _once(self, wanted: list[int]) -> None:
        """Whether each operator runs once on what it gets, and none for nobody."""
        needed = self._needed(wanted)
        seen: dict[int, tuple[int, Apply]] = {}
        for call, written in self._machine.calls:
            before = seen.setdefault(call, written)
            # Terms in another order are written apart, and have one value.
            apart = before[0] == written[0] and before[1] != written[1]
            if before is not written and not apart:
                raise Refuted(f"{self._shown(call)} is computed twice")
            if call not in needed:
                raise Refuted(f"{self._shown(call)} is computed, and nobody reads it")

    def _needed(self, wanted: list[int]) -> set[int]:
        """All that some values are made of."""
        made = self._equations.made

        def steps(item: int) -> tuple[int, ...]:
            return (*self._values.parts(item), *([made[item]] if item in made else []))

        return set(closure(wanted, steps))

    def _shown(self, held: Held | None) -> str:
        if held is None:
            return "nothing"
        if isinstance(held, int):
            return self._values.show(held)
        return f"the module {held[0]}_{held[1]}"
