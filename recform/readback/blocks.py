"""A block of a network on both sides: the code of its class, and its step."""

from __future__ import annotations

from collections.abc import Sequence

from recform.diagnostics.refuted import Refuted
from recform.execution.draws import NoNumber
from recform.execution.library import INVERSE
from recform.execution.parts import Hole, Instance, Method, Value, call
from recform.graph.model import NetworkGraph
from recform.readback.plan import Printed
from recform.readback.sides import Block, Prepared, Sides
from recform.recurrence.model import ModuleSlot, Slot, contexts_of, read_by


class Beside(Sides):
    """A block on both sides.

    Args:
        graph: the network with shapes.
        printed: its source.
        block: the block.
        found: what the code has for it.

    Attributes:
        place: the block.
        found: what the code has for it.
        instance: the same by itself.
        prepared: what the formula's side is made with.
    """

    def __init__(
        self, graph: NetworkGraph, printed: Printed, block: Block, found: Instance
    ) -> None:
        super().__init__(graph, printed, f"{found.kind.name} as block {block.number}")
        self.place, self.found = block, found
        self.instance = Instance(found.kind, found.given)
        self.prepared = Prepared()

    def check(self) -> None:
        """Compares the block with its step.

        Raises:
            Refuted: if they differ.
        """
        block = self.place
        step = self.graph.recurrence.steps[block.segment.step]
        scalars = self.formula.scalars

        def outside(name: str, place: str) -> Value:
            return self.drawn(name, place) if name in scalars else Hole(place)

        slots: dict[Slot, Value] = {
            slot: outside(slot.name, f"slot {number}")
            if isinstance(slot, ModuleSlot)
            else self.table.atom("slot", number)
            for number, slot in enumerate(step.inputs)
        }
        slots |= {tensor: self.context(tensor) for tensor in contexts_of(step)}
        handed = self.printed.steps[block.segment.step].handed

        def shared(name: str) -> Value:
            if name in handed:
                return outside(name, f"shared {name}")
            # It learns nothing: it is written where it is called.
            flow = next(
                n
                for n, group in enumerate(self.graph.shared)
                if name in (m.name for m in group)
            )
            return self.owned(name, flow)

        wanted = self.block(block, slots, shared, self.prepared)
        given = [outside(name, f"shared {name}") for name in handed]
        given += [slots[step.inputs[number]] for number in read_by(step)]
        given += map(slots.__getitem__, contexts_of(step))
        with self.running():
            made = call(self.code, self.instance, given)
            results = made if isinstance(made, tuple) else (made,)
            if len(results) != len(wanted):
                raise Refuted(f"{self.what} hands on {len(results)} values")
            rows = [
                (str(slot), self.handed(result), self.handed(right))
                for slot, result, right in zip(
                    step.outputs, results, wanted, strict=True
                )
            ]
        self.compare(rows)
        if not block.segment.block.sites:
            inputs = [slots[slot] for slot in step.inputs]
            self._check_inverse(given[: len(handed)], results, inputs)

    def _check_inverse(
        self, shared: Sequence[Value], results: Sequence[Value], inputs: Sequence[Value]
    ) -> None:
        """A block that is run backwards, if it can be, makes what it got.

        Raises:
            NoNumber: if it divides by what is 0 here.
        """
        with self.running():
            method = self.code.attribute(self.instance, INVERSE)
            if not isinstance(method, Method):
                return
            try:
                made = call(self.code, method, [*shared, *results])
            except ZeroDivisionError:
                # On this side of a corner nobody can run it backwards; on another one can.
                raise NoNumber from None
            back = list(made) if isinstance(made, tuple) else [made]
            frozen = [list(map(self.table.frozen, row)) for row in (back, inputs)]
        if frozen[0] != frozen[1]:
            raise Refuted(f"{self.what} does not get back what it got")
