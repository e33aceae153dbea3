"""The order in which a block computes its unknowns: each after those that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from graphlib import CycleError, TopologicalSorter
from typing import NoReturn

from recform.algebra.expr import History, I, K, State, Tensor, subtensors
from recform.algebra.formula import Equation, Formula
from recform.algebra.indices import offset
from recform.algebra.typeset import indexed
from recform.closure import closure
from recform.diagnostics import Diagnostics, Label
from recform.source import Span


class Circular(Exception):
    """Boundary equations that need each other.

    Args:
        tensors: their left sides; each needs the next, and the last one the first.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        super().__init__(tensors)
        self.tensors = tensors


def needed(formula: Formula, name: str) -> set[str]:
    """The unknowns of a block that another one of the same block waits for; itself, too."""
    rights = {equation.unknown: equation.right for equation in formula.equations}

    def steps(name: str) -> Iterator[str]:
        for part in subtensors(rights[name]):
            here = isinstance(part, State) and (
                part.index == I or part.index.is_Integer
            )
            if here and part.name in rights:
                yield part.name

    return set(closure([name] if name in rights else [], steps))


def in_order(formula: Formula) -> tuple[Equation, ...]:
    """The equations in the order of computation: what the same block reads comes first.

    Equations that the file has in such an order stay as they are.

    Args:
        formula: from the algebra, checked: no unknowns need each other.
    """
    by_name = {equation.unknown: equation for equation in formula.equations}
    needs = {name: {*needed_here(e.right)} for name, e in by_name.items()}
    return tuple(by_name[name] for name in by_need(needs))


def by_need(needs: Mapping[str, Set[str]]) -> list[str]:
    """Names with what each of them needs before it; otherwise as they were.

    Args:
        needs: of each name, what it needs, without circles; others than these names, too.
    """
    left = list(needs)
    result = []
    while left:
        result.append(next(name for name in left if needs[name].isdisjoint(left)))
        left.remove(result[-1])
    return result


def needed_here(right: Tensor) -> Iterator[str]:
    """The unknowns that an equation reads of its own block, in a history as well."""
    for tensor in subtensors(right):
        if isinstance(tensor, State) and offset(tensor.index) == 0:
            yield tensor.name
        elif isinstance(tensor, History) and tensor.last.has(I):
            newest = tensor.body.xreplace({K: tensor.last})
            yield from needed_here(newest)


def check_circles(formula: Formula, report: Diagnostics) -> None:
    """Reports (RF301) unknowns that need each other in every block."""
    by_name = {equation.unknown: equation for equation in formula.equations}
    needs: dict[str, dict[str, None]] = {name: {} for name in by_name}
    for equation in formula.equations:
        for name in needed_here(equation.right):
            if name in by_name and name != equation.unknown:
                needs[equation.unknown][name] = None
    try:
        TopologicalSorter(needs).prepare()
        return
    except CycleError as error:
        # The last is the first again, and each is needed by the next.
        cycle = error.args[1][:0:-1]
    start = min(range(len(cycle)), key=lambda n: [*by_name].index(cycle[n]))
    cycle = [*cycle[start:], *cycle[:start]]
    names = [indexed(name, I) for name in cycle]
    _circle(names, [by_name[name].span for name in cycle], report)


def circular(formula: Formula, found: Circular, report: Diagnostics) -> NoReturn:
    """Reports boundary equations that need each other.

    Raises:
        CompileError: RF301.
    """
    spans = {boundary.left: boundary.span for boundary in formula.boundaries}
    _circle([str(t) for t in found.tensors], [spans[t] for t in found.tensors], report)
    report.check()
    raise AssertionError("an error was reported")


def _circle(names: list[str], spans: list[Span], report: Diagnostics) -> None:
    alone = f"{names[0]} is computed from itself, by way of what it reads"
    several = f"{' needs '.join([*names, names[0]])}: none of them can be the first"
    report.error(
        "RF301",
        several if names[1:] else alone,
        spans[0],
        others=[Label(span, "") for span in dict.fromkeys(spans[1:])],
        hint=f"take {'one of them' if names[1:] else 'it'} from the block before",
    )
