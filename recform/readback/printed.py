"""The plan as it was printed: the Python of a network is read back and compared.

The network's constructor and forward pass are run on names, with the blocks as they come:
what each of them gets, and what is made of what the last one makes, is what the formula
says. Then each block that differs from the others is made and run, beside the step of the
plan, the pipelines and the adapters that it has, with the numbers of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from recform.diagnostics.refuted import Refuted
from recform.graph.model import NetworkGraph
from recform.readback.forms import drawn
from recform.readback.parts import Hole, Instance, Method, Value, call
from recform.readback.plan import Printed
from recform.readback.rows import Span, merged
from recform.readback.sides import Block, Sides
from recform.readback.whole import Network
from recform.recurrence.model import ModuleSlot, Slot, contexts_of, read_by

#: The method of a block that makes of what it hands on what it got.
INVERSE = "inverse"


def check_printed(graph: NetworkGraph, printed: Printed) -> None:
    """Compares the source of a network with its plan.

    Args:
        graph: the network with shapes.
        printed: its source, and what in it is what of the plan.

    Raises:
        Refuted: if they differ.
    """
    network = Network(graph, printed)
    network.check()
    rows: dict[int, tuple[Block, list[Span]]] = {}
    for span, block in network.found:
        rows.setdefault(id(block.segment), (block, []))[1].append(span)
    for block, found in rows.values():
        row = merged(found)
        ends: list[Instance] = [row[0].at(0), row[-1].at(row[-1].count - 1)]
        _check_growth(row, *(end.given for end in ends))
        segment = block.segment
        last = segment.first + segment.count - 1
        done: list[Mapping[str, Value]] = []
        for number, instance in zip((segment.first, last), ends, strict=True):
            if instance.given not in done:
                done.append(instance.given)
                at = replace(block, number=number)
                _check_block(graph, printed, at, instance)


def _check_growth(
    rows: Sequence[Span], first: Mapping[str, Value], last: Mapping[str, Value]
) -> None:
    """Numbers of blocks that are alike grow steadily, so that the ends speak for all.

    Where they do by themselves in a row of the code, its own ends speak for it.
    """
    count = sum(row.count for row in rows)
    place = 0
    for row in rows:
        for end in (0, row.count - 1):
            instance = row.at(end)
            for name, number in instance.given.items():
                ends = first[name], last[name], number
                right = number == first[name]
                if first[name] != last[name]:
                    right = all(isinstance(item, int | float) for item in ends) and (
                        (number - first[name]) * (count - 1)
                        == (place + end) * (last[name] - first[name])
                    )
                if not right:
                    raise Refuted(f"{instance.kind.name} gets {name} = {number}")
        place += row.count


def _check_block(
    graph: NetworkGraph, printed: Printed, block: Block, found: Instance
) -> None:
    """Compares a block with its step."""
    step = graph.recurrence.steps[block.segment.step]
    what = f"{found.kind.name} as block {block.number}"
    sides = Sides(graph, printed, what)
    scalars = graph.recurrence.formula.scalars

    def outside(name: str, place: str) -> Value:
        return drawn(place) if name in scalars else Hole(place)

    slots: dict[Slot, Value] = {
        slot: outside(slot.name, f"slot {number}")
        if isinstance(slot, ModuleSlot)
        else sides.table.atom("slot", number)
        for number, slot in enumerate(step.inputs)
    }
    slots |= {tensor: sides.context(tensor) for tensor in contexts_of(step)}
    handed = printed.steps[block.segment.step].handed

    def shared(name: str) -> Value:
        if name in handed:
            return outside(name, f"shared {name}")
        # It learns nothing: it is written where it is called.
        flow = next(
            n for n, group in enumerate(graph.shared) if name in (m.name for m in group)
        )
        return sides.owned(name, flow)

    wanted = sides.block(block, slots, shared)
    given = [outside(name, f"shared {name}") for name in handed]
    given += [slots[step.inputs[number]] for number in read_by(step)]
    given += map(slots.__getitem__, contexts_of(step))
    with sides.running():
        instance = Instance(found.kind, found.given)
        made = call(sides.code, instance, given)
        results = made if isinstance(made, tuple) else (made,)
        if len(results) != len(wanted):
            raise Refuted(f"{what} hands on {len(results)} values")
        rows = [
            (str(slot), sides.handed(result), sides.handed(right))
            for slot, result, right in zip(step.outputs, results, wanted, strict=True)
        ]
    sides.compare(rows)
    if not block.segment.block.sites:
        inputs = [slots[slot] for slot in step.inputs]
        _check_inverse(sides, instance, given[: len(handed)], results, inputs)


def _check_inverse(
    sides: Sides,
    instance: Instance,
    shared: Sequence[Value],
    results: Sequence[Value],
    inputs: Sequence[Value],
) -> None:
    """A block that is run backwards, if it can be, makes what it got."""
    with sides.running():
        method = sides.code.attribute(instance, INVERSE)
        if not isinstance(method, Method):
            return
        made = call(sides.code, method, [*shared, *results])
        back = list(made) if isinstance(made, tuple) else [made]
        frozen = [list(map(sides.table.frozen, row)) for row in (back, inputs)]
    if frozen[0] != frozen[1]:
        raise Refuted(f"{sides.what} does not get back what it got")
