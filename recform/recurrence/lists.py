"""Lists: how many members they have; those of one sum have the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sympy

from recform.algebra.expr import History, K, State, Tensor, subtensors
from recform.algebra.formula import Formula
from recform.algebra.lists import Members, Over, is_list
from recform.diagnostics import Diagnostics
from recform.recurrence.unroll import Unroller
from recform.source import Span


def members(listed: History, ends: Iterable[int]) -> int:
    """How many tensors a list has, written out for a block.

    Args:
        listed: it.
        ends: the last blocks of the stages, after each of which a list by stages grows.
    """
    last = int(listed.last)
    if listed.kind == "finished":
        return sum(listed.first <= end < last for end in ends)
    return last - listed.first + 1


def check_lists(
    formula: Formula, unroller: Unroller, length: int, report: Diagnostics
) -> None:
    """Reports members of a sum that are nothing, where others are there.

    Args:
        formula: the network.
        unroller: writes it out.
        length: the number of blocks.
        report: gets RF314.

    Raises:
        CompileError: then.
    """
    sums = [*_rights(formula, length), (formula.output, formula.output_span, length)]
    for tensor, span, block in sums:
        for part in subtensors(tensor):
            if isinstance(part, Over) and part.kind == "sum":
                place = formula.spans.get(part, span)
                if _is_uneven(part, unroller, block) or _has_gap(part, unroller, block):
                    _report(place, block, report)
                    report.check()


def _rights(formula: Formula, length: int) -> Iterator[tuple[Tensor, Span, int]]:
    """What holds in each block, where it stands, and the number of the block."""
    own = {boundary.left: boundary for boundary in formula.boundaries}
    for equation in formula.equations:
        for block in range(1, length + 1):
            holds = own.get(State(equation.unknown, block), equation)
            if holds.right is not None:
                yield holds.right, holds.span, block


def _lists(
    over: Over, unroller: Unroller, block: int
) -> list[tuple[History, Tensor | None]]:
    """The lists of a sum, and what is there of each in a block."""
    found = []
    for part in subtensors(over):
        if isinstance(part, Members) and isinstance(part.listed, History):
            written = unroller.replaced(part.listed, block, last=True)
            assert isinstance(written, History)
            found.append((written, unroller.settle(written)))
    return found


def _is_uneven(over: Over, unroller: Unroller, block: int) -> bool:
    """Whether one list of a sum begins later than another one, or is not there."""
    firsts = {
        # One by stages begins where the file says, whether or not a member is behind it.
        settled.first
        if isinstance(settled, History) and settled.kind == "list"
        else settled is None
        for _, settled in _lists(over, unroller, block)
    }
    return len(firsts) > 1


def _has_gap(over: Over, unroller: Unroller, block: int) -> bool:
    """Whether a member behind the first one is nothing."""
    for written, settled in _lists(over, unroller, block):
        if settled is None or not is_list(written):
            continue
        first = settled.first if isinstance(settled, History) else written.first
        last = int(written.last)
        for index in (max(first, last - 1), last):
            member = written.body.xreplace({K: sympy.Integer(index)})
            if unroller.at(member, index) is None:
                return True
    return False


def _report(place: Span, block: int, report: Diagnostics) -> None:
    report.error(
        "RF314",
        f"some members of this sum are nothing in block {block}, and others are there",
        place,
        hint="let the sum start behind them, or give them an equation",
    )
