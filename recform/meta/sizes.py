"""Sizes, and how torch's operations change them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

#: The sizes of a tensor, as ``tensor.shape`` has them.
Sizes = tuple[int, ...]


class Misshapen(Exception):
    """Torch would refuse these sizes.

    Attributes:
        line: of a file, where it would; empty outside of one.
    """

    line = ""


class Mixed(Misshapen):
    """Two axes are the examples of a batch."""


class Examples(int):
    """How many examples a batch has, which is written N: not what is as many by chance."""


#: It has many parts, for what takes a batch apart, and few enough for a loop.
BATCH = Examples(840)


def shown(sizes: Iterable[int]) -> str:
    """Sizes as torch writes them."""
    return f"[{', '.join('N' if isinstance(n, Examples) else str(n) for n in sizes)}]"


def spread(*all_sizes: Sizes) -> Sizes:
    """The sizes of what several tensors spread over.

    Raises:
        Misshapen: if two sizes on one axis are neither the same nor 1.
    """
    first = all_sizes[0]
    if all(sizes == first for sizes in all_sizes):
        return first
    count = max(map(len, all_sizes))
    found = [1] * count
    for sizes in all_sizes:
        for place, size in enumerate(sizes, count - len(sizes)):
            if found[place] == 1:
                found[place] = size
            elif size not in (1, found[place]):
                raise Misshapen(
                    f"{' and '.join(map(shown, all_sizes))} do not spread over each other"
                )
    return tuple(found)


def axis(count: int, place: int) -> int:
    """An axis counted from the front.

    Raises:
        Misshapen: if there is none.
    """
    if not -count <= place < max(count, 1):
        raise Misshapen(f"there is no axis {place} of {count}")
    return place % max(count, 1)


def axes(count: int, places: int | Sequence[int] | None) -> list[int]:
    """Several axes counted from the front; all of them for None."""
    if places is None:
        return list(range(count))
    if isinstance(places, int):
        places = (places,)
    found = [axis(count, place) for place in places]
    if len({*found}) < len(found):
        raise Misshapen(f"an axis stands twice in {shown(places)}")
    return found


def reduced(
    sizes: Sizes, places: int | Sequence[int] | None, keepdim: bool = False
) -> Sizes:
    """Without some axes, or with one number on each."""
    gone = axes(len(sizes), places)
    if keepdim:
        return tuple(1 if k in gone else size for k, size in enumerate(sizes))
    return tuple(size for k, size in enumerate(sizes) if k not in gone)


def filled(total: int, wanted: Sequence[int]) -> Sizes:
    """Wanted sizes of so many numbers, one of which may be -1.

    Raises:
        Misshapen: if there are more or fewer.
    """
    rest = math.prod(size for size in wanted if size != -1)
    if -1 in wanted:
        if wanted.count(-1) > 1 or not rest or total % rest:
            raise Misshapen(f"{total} numbers have no sizes {shown(wanted)}")
        left = total // rest
        left = BATCH if left == BATCH else left
        wanted = [left if size == -1 else size for size in wanted]
    elif rest != total:
        raise Misshapen(f"{total} numbers have no sizes {shown(wanted)}")
    return tuple(wanted)


def joined(all_sizes: Sequence[Sizes], place: int) -> Sizes:
    """One behind the other along an axis.

    Raises:
        Misshapen: if they differ along another.
    """
    first = all_sizes[0]
    along = axis(len(first), place)
    for sizes in all_sizes:
        if sizes == first:
            continue
        if len(sizes) != len(first) or any(
            size != first[k] for k, size in enumerate(sizes) if k != along
        ):
            raise Misshapen(
                f"{' and '.join(map(shown, all_sizes))} are not joined along axis {place}"
            )
    total = sum(sizes[along] for sizes in all_sizes)
    return (*first[:along], total, *first[along + 1 :])


def product(left: Sizes, right: Sizes) -> Sizes:
    """Of two matrices, or rows of them.

    Raises:
        Misshapen: if the columns of one are not the rows of the other.
    """
    rows, columns = left or (0,), right or (0,)
    inner = columns[-2] if len(columns) > 1 else columns[0]
    if not left or not right or rows[-1] != inner:
        raise Misshapen(f"{shown(left)} and {shown(right)} have no product")
    front = spread(rows[:-2], columns[:-2])
    return (*front, *rows[-2:-1], *columns[-1:]) if len(columns) > 1 else (*rows[:-1],)


def each(value: Any, count: int) -> tuple[int, ...]:
    """A number for each axis of a grid."""
    if isinstance(value, int):
        return (value,) * count
    return tuple(value) * (count if len(value) == 1 else 1)


def windows(
    size: int, kernel: int, stride: int, rims: int, dilation: int, *, up: bool = False
) -> int:
    """How many windows there are along an axis.

    Args:
        size: of the axis.
        kernel: of a window, whose places are ``dilation`` apart.
        stride: from one window to the next.
        rims: on both sides, together.
        dilation: see above.
        up: whether one that begins inside counts, though it ends outside.

    Raises:
        Misshapen: if there is none.
    """
    beyond = size + rims - dilation * (kernel - 1) - 1
    if up:
        count = -(-beyond // stride) + 1
        if (count - 1) * stride >= size + rims // 2:
            count -= 1
    else:
        count = beyond // stride + 1
    if count < 1 or (beyond < 0 and not up):
        raise Misshapen(f"a window of {kernel} does not fit into {size}")
    return count
