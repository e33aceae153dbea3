"""Code of a number of a block, with what it is in the blocks in which floats go wrong.

The sine of ``math.pi`` is no 0, and ``math.log(4) + math.log(2) - math.log(8)`` is none:
what a number is in such a block is said as it is, and worked out in all others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recform.blocks.code import is_near

#: Blocks that are told one by one, and after how many what comes again is looked for.
_MOST, _FEW = 64, 3

#: The names that code reads, with what they are in a block.
Names = Mapping[str, Any]


class TooMany(Exception):
    """There are more blocks to be told one by one than anybody would read."""


@dataclass(frozen=True)
class Mended:
    """Code of a number.

    Attributes:
        text: the code.
        numbers: what it makes, one for each block.
    """

    text: str
    numbers: tuple[float, ...]


def mended(
    text: str, got: tuple[float, ...], wanted: Sequence[float], places: Sequence[Names]
) -> Mended:
    """The code with the numbers of the blocks in which it is wrong.

    Args:
        text: the code.
        got: what it makes in each block.
        wanted: what the number is there.
        places: what the names of the code are there.

    Raises:
        TooMany: if there are too many; it says how many.
    """
    wrong = [
        n for n, pair in enumerate(zip(got, wanted, strict=True)) if not is_near(*pair)
    ]
    if not wrong:
        return Mended(text, got)
    names, keys = _telling(wrong, wanted, places)
    blocks: dict[float, dict[Any, None]] = defaultdict(dict)
    for n in wrong:
        blocks[wanted[n]][keys[n]] = None
    numbers = [wanted[n] if n in {*wrong} else number for n, number in enumerate(got)]
    told = 0
    if len(wrong) == len(got):
        value, _ = blocks.popitem()
        text = repr(value)
    for value, found in reversed(blocks.items()):
        others = {k for k, n in zip(keys, wanted, strict=True) if not is_near(value, n)}
        where, count = _where(names, list(found), others)
        text, told = f"{value!r} if {where} else {text}", told + count
    if told > _MOST:
        raise TooMany(len(wrong))
    return Mended(text, tuple(numbers))


def _telling(
    wrong: Iterable[int], wanted: Sequence[float], places: Sequence[Names]
) -> tuple[str, list[Any]]:
    """Names that tell blocks apart in which a number differs, and what they are in each."""
    every = [n for n in places[0] if n != "self" and len({p[n] for p in places}) > 1]
    for name in every:
        keys = [place[name] for place in places]
        there = {keys[n]: wanted[n] for n in wrong}
        if all(
            is_near(there[key], number)
            for key, number in zip(keys, wanted, strict=True)
            if key in there
        ):
            return name, keys
    return f"({', '.join(every)})", [tuple(p[n] for n in every) for p in places]


def _where(name: str, keys: Sequence[Any], others: set[Any]) -> tuple[str, int]:
    """The condition that it is one of some numbers, and how many that tells.

    Args:
        name: of what is asked.
        keys: the numbers.
        others: what it may be besides.
    """
    if len(keys) == 1:
        return f"{name} == {keys[0]!r}", 1
    if len(keys) > _FEW and all(isinstance(key, int) for key in keys):
        for period in range(2, len(keys) + 1):
            rests = sorted({key % period for key in keys})
            if len(rests) <= _FEW and not any(key % period in rests for key in others):
                where, _ = _where(f"{name} % {period}", rests, set())
                return where, len(rests)
    return f"{name} in ({', '.join(map(repr, keys))})", len(keys)
