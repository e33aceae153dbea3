"""Which unknowns recur over positions: those that read themselves at earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from recform.algebra.expr import Elementwise, State, Tensor
from recform.algebra.formula import Equation
from recform.algebra.indices import offset
from recform.closure import closure
from recform.operators.positions import Shift


def lag_of(tensor: Tensor) -> tuple[State, int] | None:
    """An unknown and how many positions ago it is meant; None if it is something else."""
    lag = 0
    while isinstance(tensor, Elementwise) and isinstance(tensor.function, Shift):
        tensor, lag = tensor.argument, lag + 1
    return (tensor, lag) if isinstance(tensor, State) else None


def lagged(tensor: Tensor) -> Iterator[tuple[State, int]]:
    """The unknowns in a tensor, and how many positions back each is read."""
    found = lag_of(tensor)
    if found is not None:
        yield found
        return
    for child in tensor.children:
        yield from lagged(child)


def recurring(equations: Iterable[Equation]) -> list[tuple[str, ...]]:
    """Unknowns of a block that need each other at earlier positions.

    Those that need each other at the same position are none: that is for others to say.
    """
    reads = {
        equation.unknown: {
            (state.name, lag)
            for state, lag in lagged(equation.right)
            if offset(state.index) == 0
        }
        for equation in equations
    }
    now = {name: {other for other, lag in of if not lag} for name, of in reads.items()}
    ever = {name: {other for other, _ in of} for name, of in reads.items()}
    reach = {name: _reached(name, ever) for name in reads}
    groups = dict.fromkeys(
        tuple(other for other in reads if other in reach[name] and name in reach[other])
        for name in reads
        if name in reach[name]
    )
    return [group for group in groups if not any(n in _reached(n, now) for n in group)]


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    return {n for n in closure(edges[start], lambda n: edges.get(n, ())) if n in edges}
