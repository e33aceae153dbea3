"""What names are: numbers, learned scalars, unknowns of blocks."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from tests.oracle.third import numbers
from tests.oracle.third.definitions import Definitions
from tests.oracle.third.file import POSITIONS, Declared, T
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.operators import axis
from tests.oracle.third.places import Missing, home_of
from tests.oracle.third.values import (
    Place,
    Value,
    changed,
    nothing,
    number,
)

#: Whose terms are brought to the shape of a block.
TERMS = ("max", "min", "mean")
#: What is read where nothing is.
NONE = nn.Parameter(torch.tensor([math.nan], dtype=torch.float64))


class Names(Definitions):
    """Names of one flow of blocks."""

    def stage_of(self, block: int) -> tuple[int, int]:
        """The stage of a block, and its number there, from 1."""
        if self.file.scope != "network":
            return self.stage, block
        for stage, count in enumerate(self.network.counts):
            if block <= count:
                return stage, block
            block -= count
        raise Unread("behind the last block")

    def index(self, node: Node, at: Place) -> int:
        return numbers.whole(self.numeric(node, at))

    def numeric(self, node: Node, at: Place) -> Any:
        made = self.value(node, at)
        if made.sort != "number" or not made.there or isinstance(made.it, Tensor):
            raise Unread(f"no number: {node}")
        return made.it

    def name(self, name: str, index: tuple[Node, ...] | None, at: Place) -> Value:
        file = self.file
        if index is None:
            return self.plain(name, at)
        if (
            len(index) > 1
            and file.times is not None
            and not self._of_members(name, index, at)
        ):
            return self.two(name, index, at)
        if len(index) > 1:
            return self.member(name, index, at)
        if index[0] == T and at.t is not None and file.times != POSITIONS:
            return self.once(name, at)
        if index[0][0] == "range":
            raise Unread("a range outside of a function")
        if name in at.locals and callable(at.locals[name]):
            made: Value = at.locals[name](self.index(index[0], at))
            return made
        if name in file.consts:
            return self.constant(name, self.index(index[0], at), at)
        if name in file.scalars:
            return self.learned(name, index[0], at)
        block = self.index(index[0], at)
        if self.is_unknown(name):
            return self.state(name, block, at)
        return self.operator(name, block, at)

    def is_unknown(self, name: str) -> bool:
        """Whether a name has equations."""
        file = self.file
        own = (key[0] for key in file.own)
        return name in file.laws or name in (*own, *(made[0] for made in file.ranges))

    def plain(self, name: str, at: Place) -> Value:
        file = self.file
        if name in at.locals:
            found = at.locals[name]
            return found if isinstance(found, Value) else number(found)
        if name in at.flow:
            return number(at.flow[name])
        if name == "i":
            if at.i is None:
                raise Unread("i without a block")
            return number(Fraction(at.i))
        if name == "t" and at.t is not None:
            return number(Fraction(at.t))
        if name == "T" and file.times is not None:
            return self.value(file.times, Place(None))
        if name == "L":
            return number(Fraction(self.length))
        # A file may have names of its own that are words of the language elsewhere.
        if name in file.consts:
            return self.constant(name, at.i, at)
        if name in file.params:
            return self.value(file.params[name], Place(None))
        if name == "j" and at.i is not None:
            return number(Fraction(self.stage_of(at.i)[1]))
        if name in self.inputs:
            return Value("tensor", self.inputs[name])
        if name in file.scalars:
            (declared,) = file.scalars[name]
            return number(self._scalar(self.network.net, name, declared))
        if name in numbers.CONSTANTS:
            return number(numbers.CONSTANTS[name]())
        return self.operator(name, None, at)

    def constant(self, name: str, block: int | None, at: Place) -> Value:
        declared = self.file.consts[name]
        if declared.per:
            if block is None:
                raise Unread("a constant of no block")
            if block < 1:
                raise Unread("the number of no block")
            stage, _ = self.stage_of(block)
            if declared.per == "stage":
                place = stage
            elif self.file.scope == "network":
                place = block - 1
            else:
                place = sum(self.network.counts[: self.stage]) + block - 1
            items = declared.value[1] if declared.value[0] == "tuple" else None
            node = declared.value if items is None else items[place]
            return self.value(node, Place(block))
        here = block if declared.index is not None else None
        return self.value(declared.value, Place(here))

    def learned(self, name: str, index: Node, at: Place) -> Value:
        """A learned scalar with an index: of a block, or of a list for all blocks."""
        declared = self.file.scalars[name][0]
        listed = index[0] == "number" or (index[0] == "name" and index[1] in at.listed)
        place = self.index(index, at)
        if listed:
            return number(self._scalar(self.network.net, f"{name}_{place}", declared))
        if place < 1:
            return nothing("number")
        assert self.blocks is not None
        home = self.blocks[place - 1]
        return number(self._scalar(home_of(home, name), name, declared))

    def _scalar(self, module: nn.Module, name: str, declared: Declared) -> Tensor:
        named = self.file.names.get(name)
        if named is not None:
            name = named[1]
        # What no term needs is not there: whoever reads it gets no number.
        found = getattr(module, name, NONE)
        assert isinstance(found, nn.Parameter), f"{name} is not learned"
        if found is not NONE and not self.network.narrow:
            # One number broadcasts like many, so that outputs do not tell.
            alone, count = declared.per != "channel", found.numel()
            assert (count == 1) == alone, f"{name} has {count} numbers"
        return found

    def _of_members(self, name: str, index: tuple[Node, ...], at: Place) -> bool:
        """Whether a second index is the variable of a sum, and no time."""
        is_variable = at.members is not None and index[-1] == (
            "name",
            at.members[0],
            None,
        )
        at_time = name in self.file.laws and self.file.times != POSITIONS
        return is_variable and not at_time

    def member(self, name: str, index: tuple[Node, ...], at: Place) -> Value:
        """``a_<i,k>``: a number for each member of a sum, or a feature of a tensor."""
        if at.members is None or len(index) != 2:
            raise Unread(f"{name} of two indices")
        block, k = (self.index(node, at) for node in index)
        back = len(at.members[1]) - at.members[1].index(k)
        if name in self.file.scalars:
            assert self.blocks is not None
            vector = getattr(self.blocks[block - 1], name, None)
            if vector is None:
                raise Missing(name)
            return number(vector[_place(len(vector), back, at)].view(1))
        if name in self.file.laws:
            return dealt(self.state(name, block, at), back, at)
        operator = self.operator(name, block, at)
        return replace(operator, it=lambda values: dealt(operator.it(values), back, at))

    def state(self, name: str, block: int, at: Place) -> Value:
        key = (name, block)
        if key not in self.states:
            self.states[key] = self._state(name, block)
        made = self.states[key]
        return made if at.i == block else replace(made, holds=False)

    def _state(self, name: str, block: int) -> Value:
        if block < 0 and (name, block) not in self.file.own:
            return nothing("tensor")
        if block == 0 and (name, block) not in self.file.own:
            return Value("tensor", self.inputs["input"])
        if name in self.file.recurring:
            return self.recurrence(name, block)
        node, at, part = self._equation(name, block)
        if block <= 0 and node == ("number", "0"):
            return nothing("tensor")
        made = self.value(node, at)
        if isinstance(made.it, tuple):
            made = changed(made, made.it[part])
        if not made.there or made.sort != "tensor":
            raise Unread("an unknown that is nothing")
        if block > 0:
            made = self.of_block(made, node, at)
        return replace(changed(made, made.it), newest=block)

    def _equation(self, name: str, block: int) -> tuple[Node, Place, int | None]:
        """The right side of an unknown, and where it stands."""
        file = self.file
        if key := file.own.get((name, block)):
            return key[0], Place(block if block > 0 else None), key[1]
        for other, low, high, node in file.ranges:
            ends = [self.index(end, Place(None)) for end in (low, high)]
            if other == name and ends[0] <= block <= ends[1]:
                return node, Place(block), None
        first = file.firsts.get(name)
        if first is not None and self.stage_of(block)[1] == 1:
            return first, Place(block), None
        node, part = file.laws[name]
        return node, Place(block), part

    def of_block(self, made: Value, node: Node, at: Place) -> Value:
        """Rule 7: a right side of an older stage comes to the shape of the block."""
        assert at.i is not None
        if self.stage_made(made) >= self.stage_of(at.i)[0]:
            return made
        into = self.shape_of(at.i, made.it.dim())
        if tuple(made.it.shape[1:]) == into:
            return made
        if node[0] in "+-" or (node[0] == "call" and node[1] in TERMS):
            return self.value(node, replace(at, into=into))
        if node[0] == "^" or (node[0] in "*/" and made.bare is None):
            return self.value(node, replace(at, into=into))
        return self.adapted(made, at)

    def starting(self) -> set[tuple[str, int]]:
        """The operators of block 0, which stand on the right of boundary equations.

        Each with the number of its indices: two of one that is of a time.
        """
        if self._starting is None:
            sides = [item[0] for item in self.file.own.values()]
            sides += [item[1] for item in self.file.applied]
            sides += [item[3] for item in self.file.ranges]
            sides += self.file.timed.values()
            self._starting = {found for side in sides for found in at_zero(side)}
        return self._starting

    def _boundary(self) -> dict[Any, Node]:
        at = Place(None)
        return {self.written(left, at): right for left, right in self.file.applied}

    def written(self, node: Any, at: Place) -> Any:
        """An expression with numbers for its indices."""
        if not isinstance(node, tuple):
            return node
        if len(node) == 3 and node[0] == "name" and node[2]:
            if node[2][0][0] == "range":
                return node
            return (*node[:2], tuple(self.index(part, at) for part in node[2]))
        return tuple(self.written(part, at) for part in node)


def dealt(value: Value, back: int, at: Place) -> Value:
    """One feature of a tensor, for one member of a sum, counted from the last."""
    features = axis(value.it)
    place = _place(value.it.shape[features], back, at)
    return changed(value, value.it.narrow(features, place, 1))


def _place(count: int, back: int, at: Place) -> int:
    """Which of so many numbers is that of a member: that of block 0 may not be there."""
    assert at.members is not None
    members = at.members[1]
    missing = len(members) - count
    assert missing in (0, 1) and (not missing or members[0] == 0), f"{count} numbers"
    if back > count:
        raise Missing("the member of block 0")
    return count - back


def at_zero(node: Any) -> set[tuple[str, int]]:
    """The names that have the index 0, each with the number of its indices."""
    if not isinstance(node, tuple):
        return set()
    is_name = node[:1] == ("name",) and len(node) == 3 and node[2]
    first = is_name and node[2][0] == ("number", "0")
    own = {(node[1], len(node[2]))} if first else set()
    return own.union(*(at_zero(part) for part in node))
