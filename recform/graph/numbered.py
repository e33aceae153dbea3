"""What changes with the number of a block: in most networks that use it, only rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import I, L
from recform.algebra.formula import Formula
from recform.algebra.lists import Members
from recform.algebra.stable import with_words
from recform.algebra.symbols import parameter
from recform.blocks import Kind, symbols_in
from recform.blocks.symbolic import Symbolic
from recform.graph.model import Block, Module


@dataclass(frozen=True)
class Numbered:
    """The arguments of a network's operators that depend on the number of the block.

    Attributes:
        alone: whether they are rates and nothing else. Blocks look alike then, as long as
            no rate comes out as 0 or 1 (:attr:`recform.blocks.Kind.RATE`).
        lists: whether a block reads a list, which is longer in the next one.
        rates: these, as functions of ``i`` and ``L``.
    """

    alone: bool
    lists: bool
    rates: tuple[Callable[[int, int], float], ...]

    def alike(self, first: int, last: int, length: int) -> int:
        """How many of the blocks from the first one on look as that one does, at least 1."""
        count = 1
        if self.alone and self._between(first, length):
            while first + count <= last and self._between(first + count, length):
                count += 1
        return count

    def _between(self, block: int, length: int) -> bool:
        try:
            return all(0 < rate(block, length) < 1 for rate in self.rates)
        except (ArithmeticError, ValueError, TypeError):
            return False  # who follows the block says what is wrong


def numbered(formula: Formula) -> Numbered:
    """What depends on the number of the block in the operators of a network."""
    values = {parameter(p.name): p.value for p in formula.params if p.free}
    tables = {table.symbol for table in formula.tables if table.by_block}
    rates = []
    own = [b.right for b in formula.boundaries if b.right is not None]
    rights = [*(equation.right for equation in formula.equations), *own]
    lists = any(right.has(Members) for right in rights)
    alone = not lists
    for pipeline in formula.operators.values():
        for step in pipeline.steps:
            kinds = {
                argument.name: argument.kind for argument in step.operator.arguments
            }
            for name, value in step.arguments.items():
                symbols = symbols_in(value)
                if not symbols & {I, *tables}:
                    continue
                kind = kinds.get(name, Kind.NUMBER)
                if not kind.free or not symbols <= {I, L, *values}:
                    alone = False
                elif kind is Kind.RATE:
                    rates.append(_function(value, values))
    return Numbered(alone, lists, tuple(rates))


def _function(
    value: Symbolic, values: dict[Symbolic, Symbolic]
) -> Callable[[int, int], float]:
    function: Callable[[int, int], float] = sympy.lambdify(
        (I, L), with_words(value.xreplace(values)), modules="math"
    )
    return function


def unnumbered(module: Module) -> Module:
    """A module as if it were of no block."""
    return replace(module, place=replace(module.place, index=0))


def without_number(block: Block) -> Block:
    """A block as if it had no number."""
    return replace(
        block, calls={name: unnumbered(module) for name, module in block.calls.items()}
    )
