"""What indices say: of which block a tensor is, of which time, or of none.

``X_<i,2>`` is ``X.2`` at index i: formulas with two indices are written out over the second
one, so that everything after sees a system of equations with one index.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from itertools import chain, count

import sympy

from recform.algebra.expr import (
    Apply,
    Context,
    Filled,
    History,
    I,
    L,
    State,
    Tensor,
    subtensors,
)
from recform.blocks.symbolic import Symbolic


def offset(index: Symbolic) -> int | None:
    """The number ``n`` of an index ``i + n``, or None for one that is counted otherwise."""
    if not getattr(index, "free_symbols", None) or I not in index.free_symbols:
        return None
    step = index - I
    return int(step) if step.is_Integer else None


def mirrored(index: Symbolic) -> int | None:
    """The number ``c`` of an index ``L + c - i``, or None for any other index."""
    shift = index - L + I
    return int(shift) if shift.is_Integer and index.has(I) else None


def has_mirror(tensor: Tensor) -> bool:
    """Whether a tensor of a formula reads ``X_<L-i>``."""
    return any(
        isinstance(part, State) and mirrored(part.index) is not None
        for part in subtensors(tensor)
    )


def counts_from_end(tensor: Tensor) -> bool:
    """Whether a tensor of a formula names a block by ``L``: ``X_<L-i>``, ``X_<L-4>``."""
    return any(
        isinstance(index := getattr(part, name, None), sympy.Expr) and index.has(L)
        for part in subtensors(tensor)
        for name in ("index", "last")
    )


_TIME = re.compile(r"\.(-?\d+)$")


def at_time(name: str, time: object) -> str:
    """The name of a tensor, operator or scalar at one value of a second index."""
    return f"{name}.{time}"


def untimed(name: str) -> str:
    """The name in the file: ``X`` for ``X.2``."""
    return _TIME.sub("", name)


def time_of(name: str) -> int | None:
    """The second index in a name; None if it has none."""
    found = _TIME.search(name)
    return None if found is None else int(found.group(1))


def is_before_time(name: str) -> bool:
    """Whether a name is of a time before the first one, where nothing is."""
    time = time_of(name)
    return time is not None and time < 1


@lru_cache(maxsize=4096)
def is_of_context(tensor: Tensor) -> bool:
    """Whether a tensor is a further input, or made of such ones by what all blocks share.

    Such a tensor belongs to no block, so it has no stage, and no adapter.
    """
    if isinstance(tensor, Context):
        return True
    own = isinstance(tensor, Apply) and tensor.index is not sympy.nan
    if own or isinstance(tensor, History):
        return False
    parts = [part for part in tensor.children if not isinstance(part, Filled)]
    return bool(parts) and all(map(is_of_context, parts))


def free_letter(taken: Collection[str]) -> str:
    """A letter for what a sum runs over, which nothing else has."""
    letters = chain("kjlmnpqr", (f"k{number}" for number in count(2)))
    return next(letter for letter in letters if letter not in taken)
