"""Which terms go through adapters, by the rules of docs/language.md.

Whether a term needs an adapter, and what shape it is brought to, is computed here from
the shapes of the values. Of the emitted network only what any user can see is read: the
modules that a block has beside its operators, and (by hooks) what each of them was called
on. So which of a block's adapters stands in front of a term is known by the value that it
was given, and not by a table of the compiler's.

"Terms that are added up early travel, and are adapted, together": which ones are added up
early is the compiler's choice, and any choice is right. The terms of a sum that have no
adapter of their own are looked for in sums of several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from torch import Tensor, nn

#: Values that two ways of adding up lead to are this near to each other.
NEAR = 1e-9


@dataclass(frozen=True)
class Call:
    """A module beside a block's operators, and what it was called on in the network."""

    block: int
    attribute: str
    given: Tensor
    makes: tuple[int, ...]

    def takes(self, value: Tensor) -> bool:
        if self.given.shape != value.shape:
            return False
        scale = max(float(value.detach().abs().max()), 1e-30)
        return float((self.given - value).detach().abs().max()) <= NEAR * scale


@dataclass
class Watch:
    """Notes what the adapters of the blocks are called on.

    Attributes:
        calls: for each flow of blocks, in the order of the calls.
    """

    calls: list[list[Call]] = field(default_factory=list)

    def on(self, flows: Sequence[Sequence[nn.Module]], operators: set[str]) -> None:
        for blocks in flows:
            noted: list[Call] = []
            self.calls.append(noted)
            for number, block in enumerate(blocks, 1):
                for name, child in block.named_children():
                    if name not in operators:
                        child.register_forward_hook(_note(noted, number, name))


def twins(calls: list[Call], *, within: bool) -> list[list[tuple[int, str]]]:
    """Adapters that nobody can tell apart: on one value, to one shape.

    Which of them is in front of which term is seen neither by name nor by value.

    Args:
        calls: of the adapters.
        within: only those of one block. A sum of a later block, too, may be formed by
            this one, which shows nowhere; then all of the network are alike.
    """
    kinds: list[list[Call]] = []
    for call in calls:
        for kind in kinds:
            first = kind[0]
            here = call.block == first.block or not within
            if here and call.makes == first.makes and first.takes(call.given):
                kind.append(call)
                break
        else:
            kinds.append([call])
    places = [
        list(dict.fromkeys((call.block, call.attribute) for call in kind))
        for kind in kinds
    ]
    return [group for group in places if len(group) > 1]


def _note(noted: list[Call], block: int, name: str):  # type: ignore[no-untyped-def]
    def hook(_: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        if given[0].shape != made.shape:
            noted.append(Call(block, name, given[0], tuple(made.shape)))

    return hook


def sizes(value: Tensor) -> tuple[int, ...]:
    return tuple(value.shape[1:])


def spreads(small: tuple[int, ...], large: tuple[int, ...], *, product: bool) -> bool:
    """Whether a value is a gate: one number a feature, or (in products) a position.

    In products one number for all of them is one, too.
    """
    if small == large:
        return False
    if product and small == (1,):
        return True
    if len(small) == 1 and len(large) > 1:
        return small[0] == large[0 if len(large) == 3 else -1]
    if not product or len(small) != len(large):
        return False
    axis = 0 if len(large) == 3 else len(large) - 1
    return small[axis] == 1 and all(
        a == b for n, (a, b) in enumerate(zip(small, large, strict=True)) if n != axis
    )


def spread(parts: list[Any]) -> list[Any]:
    """Vectors get the axes of the images or tokens that they are spread over."""
    rank = max((part.dim() for part in parts if isinstance(part, Tensor)), default=0)
    axes = {4: (slice(None), slice(None), None, None), 3: (slice(None), None)}
    return [
        part[axes[rank]]
        if isinstance(part, Tensor) and part.dim() == 2 < rank
        else part
        for part in parts
    ]


def groups(places: list[int], needed: set[int]) -> Iterator[tuple[int, ...]]:
    """Two terms or more that an early sum may have, of which one is needed."""
    for size in range(2, len(places) + 1):
        for chosen in combinations(places, size):
            if needed & set(chosen):
                yield chosen


class NoAdapter(AssertionError):
    """The network has no adapter where the rules ask for one."""
