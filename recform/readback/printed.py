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
from recform.execution.draws import Draws, NoNumber
from recform.execution.parts import Value
from recform.execution.rows import Span, merged
from recform.graph.model import NetworkGraph
from recform.readback.blocks import Beside
from recform.readback.constructor import (
    Given,
    at,
    check_defaults,
    elsewhere,
    is_timms,
)
from recform.readback.draws import draws_of, sides_of
from recform.readback.patterns import Patterns
from recform.readback.plan import Printed
from recform.readback.sides import Block, Declined
from recform.readback.whole import Network


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
    patterns = Patterns(network.graph, network.printed)
    for which, (block, row) in _rows(network).items():
        _, same = before.get(which, (block, []))
        is_same = len(row) == len(same) and all(map(Span.is_made_as, row, same))
        if not is_same or network.reads_given(block):
            _check_blocks(network, block, row, patterns)


def _rows(network: Network) -> Mapping[int, tuple[Block, Sequence[Span]]]:
    """The blocks that a network calls, by the segment that they are of."""
    found: dict[int, tuple[Block, list[Span]]] = {}
    for span, block in network.found:
        found.setdefault(id(block.segment), (block, []))[1].append(span)
    return {which: (block, merged(spans)) for which, (block, spans) in found.items()}


def _check_blocks(
    network: Network, block: Block, rows: Sequence[Span], patterns: Patterns
) -> None:
    """Compares blocks that take the same step.

    One stands for the next if that gets the same numbers, and the formula says the same of
    both. Where numbers grow, or the formula has the number of the block in it, no two of
    them are known to speak for those between: each is looked at.

    Args:
        network: that calls them.
        block: the first of them.
        rows: what the code has for them.
        patterns: what is proved of other blocks that differ in numbers alone.
    """
    given: Mapping[str, Value] | None = None
    first, is_numbered = block.segment.first, False
    for row in rows:
        for place in range(row.count):
            instance = row.at(place)
            if is_numbered or instance.given != given:
                at = replace(block, number=first + place)
                if not patterns.covers(at, instance):
                    beside = Beside(network.graph, network.printed, at, instance)
                    beside.check()
                    patterns.add(beside)
                is_numbered = patterns.is_numbered(at)
                given = instance.given
            if row.is_even and not is_numbered:
                break
        first += row.count
