"""What changes with the number of a block: in most networks that use it, only rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import sympy

from recform.algebra.definitions.body import Body
from recform.algebra.expr import L
from recform.algebra.formula import Formula
from recform.algebra.lists import Members
from recform.algebra.pipeline import Step
from recform.algebra.symbols import BLOCK, parameter
from recform.algebra.tracing import put_in_argument
from recform.blocks import Argument, Arguments, Kind, Misfit, put_in, symbols_in
from recform.blocks.arguments import Value
from recform.blocks.symbolic import Symbolic
from recform.graph.model import Block, Module


@dataclass(frozen=True)
class Numbered:
    """The arguments of a network's operators that depend on the number of the block.

    Attributes:
        other: one of them that shapes a block, as sizes do, in words; empty if none does.
        lists: whether a block reads a list, which is longer in the next one.
        plain: for each of them, whether it is so in a block of so many.
    """

    other: str
    lists: bool
    plain: tuple[Callable[[int, int], bool], ...]

    @property
    def alone(self) -> bool:
        """Whether no size is among them, and no list.

        Blocks look alike then, as long as each is a number, and no rate comes out as 0 or
        1 (:attr:`recform.blocks.Kind.RATE`).
        """
        return not self.other and not self.lists

    def alike(self, first: int, last: int, length: int) -> int:
        """How many of the blocks from the first one on look as that one does, at least 1."""
        count = 1
        if self.alone and self._is_plain(first, length):
            while first + count <= last and self._is_plain(first + count, length):
                count += 1
        return count

    def _is_plain(self, block: int, length: int) -> bool:
        return all(plain(block, length) for plain in self.plain)


def numbered(formula: Formula) -> Numbered:
    """What depends on the number of the block in the operators of a network."""
    values = {parameter(p.name): p.value for p in formula.params if p.free}
    tables = {table.symbol for table in formula.tables if table.by_block}
    plain = []
    own = [b.right for b in formula.boundaries if b.right is not None]
    rights = [*(equation.right for equation in formula.equations), *own]
    lists = any(right.has(Members) for right in rights)
    other = ""
    changing = {BLOCK, *tables}
    for pipeline in formula.operators.values():
        for step in pipeline.steps:
            for operator, argument, value in _changing(step, {}, changing):
                kind = argument.kind
                if not kind.free or not symbols_in(value) <= {BLOCK, L, *values}:
                    other = other or f"{operator}'s {argument.name}"
                else:
                    plain.append(partial(_is_plain, values, kind, value))
    return Numbered(other, lists, tuple(plain))


def _changing(
    step: Step, table: Mapping[Symbolic, Value], changing: set[Symbolic]
) -> Iterator[tuple[str, Argument, Value]]:
    """The arguments of an operator that have such symbols, or of those in a definition.

    Args:
        step: the operator.
        table: what the symbols in its arguments stand for.
        changing: the symbols.
    """
    operator = step.operator
    given = {name: put_in(value, table) for name, value in step.arguments.items()}
    if not any(symbols_in(value) & changing for value in given.values()):
        return
    if isinstance(operator, Body):
        inside = operator.values(Arguments(given))
        for pipeline in operator.operators.values():
            for inner in pipeline.steps:
                yield from _changing(inner, inside, changing)
        return
    for argument in operator.arguments:
        value = given.get(argument.name)
        if symbols_in(value) & changing:
            yield operator.name, argument, value


def _is_plain(
    values: Mapping[Symbolic, Symbolic],
    kind: Kind,
    value: Symbolic,
    block: int,
    length: int,
) -> bool:
    """Whether an argument is a number like others; else who follows the block says what is."""
    known = {**values, BLOCK: sympy.Integer(block), L: sympy.Integer(length)}
    pairs = tuple(
        (symbol, known[symbol]) for symbol in sorted(symbols_in(value), key=str)
    )
    try:
        number = put_in_argument(value, pairs, kind, "")
    except Misfit:
        return False
    return kind is not Kind.RATE or 0 < number < 1


def unnumbered(module: Module) -> Module:
    """A module as if it were of no block."""
    return replace(module, place=replace(module.place, index=0))


def without_number(block: Block) -> Block:
    """A block as if it had no number."""
    return replace(
        block, calls={name: unnumbered(module) for name, module in block.calls.items()}
    )
