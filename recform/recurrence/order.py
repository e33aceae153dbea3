"""The order in which a block computes its unknowns: each after those that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from recform.algebra.expr import History, I, K, State, Tensor, subtensors
from recform.algebra.formula import Equation, Formula
from recform.algebra.indices import offset
from recform.closure import closure


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
