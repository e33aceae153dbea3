"""Blocks that were followed, for others that come to the same: their number says no more."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias, TypeVar

from recform.algebra.pipeline import Pipeline
from recform.algebra.symbols import BLOCK
from recform.blocks import Misfit
from recform.graph.model import Block, Module
from recform.graph.pipelines import PipelineRunner

T = TypeVar("T")

#: What the arguments of the operators of a block come to; None if one is refused.
_Told: TypeAlias = "tuple[tuple[str, ...], ...] | None"


@dataclass(frozen=True)
class _Known(Generic[T]):
    """A block that was followed.

    Attributes:
        number: its number.
        block: what it looks like.
        after: what it hands on.
    """

    number: int
    block: Block
    after: T


class Followed(Generic[T]):
    """The blocks of a flow.

    Args:
        runner: runs pipelines.
        operators: of the network.
    """

    def __init__(
        self, runner: PipelineRunner, operators: Mapping[str, Pipeline]
    ) -> None:
        self._runner = runner
        self._operators = operators
        #: The first one that gets something, and all by what its operators come to in them.
        self._first: dict[Hashable, Block] = {}
        self._known: dict[tuple[Hashable, _Told], _Known[T]] = {}

    def keep(self, gets: Hashable, number: int, block: Block, after: T) -> None:
        """Keeps a block.

        Args:
            gets: all that it hangs on but its number.
            number: of it.
            block: what it looks like.
            after: what it hands on.
        """
        first = self._first.setdefault(gets, block)
        key = gets, self._told(first, number)
        self._known.setdefault(key, _Known(number, block, after))

    def like(self, gets: Hashable, number: int) -> tuple[Block, T] | None:
        """A block that computes what one does that was followed; None if none is known.

        Args:
            gets: as of :meth:`keep`.
            number: of the block.
        """
        if gets not in self._first:
            return None
        told = self._told(self._first[gets], number)
        known = self._known.get((gets, told))
        if told is None or known is None:
            return None
        # With what another one gets inside, arguments that are the same there may differ.
        block = known.block
        if self._told(block, number) != self._told(block, known.number):
            return None
        calls = {name: _at(module, number) for name, module in block.calls.items()}
        return replace(block, calls=calls), known.after

    def _told(self, block: Block, number: int) -> _Told:
        """What the arguments of a block's operators come to where it has a number."""
        found: list[tuple[str, ...]] = []
        for name, module in block.calls.items():
            pipeline = self._operators[name]
            if BLOCK in pipeline.symbols:
                if module.inputs is None:
                    return None
                place = replace(module.place, index=number)
                try:
                    found.append(self._runner.told(pipeline, module.inputs, place))
                except Misfit:  # which is reported where the block is followed
                    return None
        return tuple(found)


def _at(module: Module, number: int) -> Module:
    """The module of another block."""
    return replace(module, place=replace(module.place, index=number))
