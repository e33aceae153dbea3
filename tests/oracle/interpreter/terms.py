"""What expressions of the algebra are, as the interpreter asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from recform.algebra import expr as e


def is_of_contexts(tensor: Any) -> bool:
    """Whether an expression is made of further inputs alone, and by no block."""
    leaves = [part for part in parts_of(tensor) if not part.children]
    others = [part for part in parts_of(tensor) if isinstance(part, e.Apply)]
    return (
        any(isinstance(leaf, e.Context) for leaf in leaves)
        and all(isinstance(leaf, e.Context | e.Filled) for leaf in leaves)
        and all(part.index is sympy.nan for part in others)
    )


def newest(tensor: Any) -> int:
    """The number of the newest block whose value an expression reads."""
    if isinstance(tensor, e.State):
        return int(tensor.index)
    if isinstance(tensor, e.History):
        return int(tensor.last)
    own = [0]
    if isinstance(tensor, e.Apply) and tensor.index is not sympy.nan:
        own = [int(tensor.index)]
    return max([*own, *(newest(part) for part in tensor.children)])


def parts_of(tensor: Any) -> Iterator[Any]:
    """An expression and all its parts."""
    yield tensor
    for part in tensor.children:
        yield from parts_of(part)


def bare(term: Any) -> tuple[list[Any], Any]:
    """The coefficients of a term, and the term without: what an adapter adapts."""
    factors = []
    while isinstance(term, e.Scaled):
        factors.append(term.coefficient)
        term = term.tensor
    return factors, term


def kind_of(tensor: Any) -> str:
    """How terms are joined."""
    return tensor.kind if isinstance(tensor, e.Combine) else type(tensor).__name__


def before_time(name: str) -> bool:
    """Whether a second index lies before the first time, where nothing is."""
    time = name.partition(".")[2]
    return bool(time) and int(time) < 1


def identifier(name: str) -> str:
    """The attribute of an operator or scalar: ``U2`` of ``U.2``."""
    return name.replace("'", "_prime").replace(".", "")
