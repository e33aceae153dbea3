"""The plan as it was printed: the Python of a network is read back and compared.

The network's constructor and forward pass are run on names, with the blocks as they come:
what each of them gets, and what is made of what the last one makes, is what the formula
says. Then each block that differs from the one before is made and run, beside the step of
the plan, the pipelines and the adapters that it has, with the numbers of the graph. Then all
of it is read again with other arguments of the network's constructor; blocks only where they
get others, or the formula's do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from recform.blocks import Misfit
from recform.diagnostics.refuted import Refuted
from recform.execution.draws import Draws, NoNumber
from recform.execution.library import INVERSE
from recform.execution.parts import Hole, Instance, Method, Value, call
from recform.execution.rows import Span, merged
from recform.graph.model import NetworkGraph
from recform.readback.constructor import (
    Given,
    at,
    check_defaults,
    elsewhere,
    is_timms,
)
from recform.readback.draws import draws_of, sides_of
from recform.readback.plan import Printed
from recform.readback.sides import Block, Declined, Sides
from recform.readback.whole import Network
from recform.recurrence.model import ModuleSlot, Slot, contexts_of, read_by


def check_printed(graph: NetworkGraph, printed: Printed) -> None:
    """Compares the source of a network with its plan.

    Args:
        graph: the network with shapes.
        printed: its source, and what in it is what of the plan.

    Raises:
        Refuted: if they differ.
        NoNumber: if a coefficient is none, whatever its learned scalars are.
    """
    recurrence = graph.recurrence
    nowhere = NoNumber()

    def holds(draws: Draws) -> bool:
        nonlocal nowhere
        try:
            _check(graph, replace(printed, draws=draws))
        except NoNumber as none:
            nowhere = none
            return False
        return True

    held = [holds(draws) for draws in sides_of(recurrence)]
    if not any(held) and not any(map(holds, draws_of(recurrence))):
        raise nowhere


def _check(graph: NetworkGraph, printed: Printed) -> None:
    """The same at one number for each learned scalar."""
    defaults = check_defaults(graph, printed)
    first = Network(graph, printed, defaults, {})
    first.check()
    _check_rows(first, None)

    def read(given: Given, head_alone: bool) -> bool:
        try:
            made = at(graph, given, is_timms(printed))
            again = Network(made, printed, defaults, given)
            if head_alone:
                again.check_head()
                return True
            again.check()
            _check_rows(again, first)
        except (Misfit, Declined):
            return False
        return True

    elsewhere(graph, printed, defaults, read)


def _check_rows(network: Network, known: Network | None) -> None:
    """Compares the blocks that a network calls.

    Args:
        network: which has been compared.
        known: the same with other arguments. Its blocks are proved, and so are those that
            are made as they are, if the formula says nothing else of them.
    """
    before = _rows(known) if known else {}
    for which, (block, row) in _rows(network).items():
        _, same = before.get(which, (block, []))
        is_same = len(row) == len(same) and all(map(Span.is_made_as, row, same))
        if not is_same or network.reads_given(block):
            _check_blocks(network.graph, network.printed, block, row)


def _rows(network: Network) -> Mapping[int, tuple[Block, Sequence[Span]]]:
    """The blocks that a network calls, by the segment that they are of."""
    found: dict[int, tuple[Block, list[Span]]] = {}
    for span, block in network.found:
        found.setdefault(id(block.segment), (block, []))[1].append(span)
    return {which: (block, merged(spans)) for which, (block, spans) in found.items()}


def _check_blocks(
    graph: NetworkGraph, printed: Printed, block: Block, rows: Sequence[Span]
) -> None:
    """Compares blocks that take the same step.

    One stands for the next if that gets the same numbers, and the formula says the same of
    both. Where numbers grow, or the formula has the number of the block in it, no two of
    them are known to speak for those between: each is looked at.
    """
    given: Mapping[str, Value] | None = None
    first, is_numbered = block.segment.first, False
    for row in rows:
        for place in range(row.count):
            instance = row.at(place)
            if is_numbered or instance.given != given:
                at = replace(block, number=first + place)
                is_numbered = _check_block(graph, printed, at, instance)
                given = instance.given
            if row.is_even and not is_numbered:
                break
        first += row.count


def _check_block(
    graph: NetworkGraph, printed: Printed, block: Block, found: Instance
) -> bool:
    """Compares a block with its step.

    Returns:
        Whether what the formula says of it depends on its number.

    Raises:
        Refuted: if they differ.
    """
    step = graph.recurrence.steps[block.segment.step]
    what = f"{found.kind.name} as block {block.number}"
    sides = Sides(graph, printed, what)
    scalars = graph.recurrence.formula.scalars

    def outside(name: str, place: str) -> Value:
        return sides.drawn(name, place) if name in scalars else Hole(place)

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
    return sides.said.said.is_numbered


def _check_inverse(
    sides: Sides,
    instance: Instance,
    shared: Sequence[Value],
    results: Sequence[Value],
    inputs: Sequence[Value],
) -> None:
    """A block that is run backwards, if it can be, makes what it got.

    Raises:
        NoNumber: if it divides by what is 0 here.
    """
    with sides.running():
        method = sides.code.attribute(instance, INVERSE)
        if not isinstance(method, Method):
            return
        try:
            made = call(sides.code, method, [*shared, *results])
        except ZeroDivisionError:
            # On this side of a corner nobody can run it backwards; on another one can.
            raise NoNumber from None
        back = list(made) if isinstance(made, tuple) else [made]
        frozen = [list(map(sides.table.frozen, row)) for row in (back, inputs)]
    if frozen[0] != frozen[1]:
        raise Refuted(f"{sides.what} does not get back what it got")
