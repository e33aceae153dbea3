"""A second index: times that are written out, and positions of tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F

from tests.oracle.third.file import POSITIONS, own_references
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.names import Names
from tests.oracle.third.operators import WrongShape
from tests.oracle.third.values import Place, Value, nothing, number, plain_number


class Times(Names):
    """Names with two indices."""

    @property
    def positional(self) -> bool:
        return self.file.times == POSITIONS

    def value(self, node: Node, at: Place) -> Value:
        """What is free of a recurrence is computed at all positions at once."""
        if at.t is None or not self.positional or self._recurs_in(node):
            return self.plainly(node, at)
        key = (id(node), at.i)
        if key not in self.whole:
            self.whole[key] = self.plainly(node, replace(at, t=None))
        made = self.whole[key]
        if made.sort == "tensor" and made.there and made.it.dim() == 3:
            return replace(made, it=made.it[:, at.t - 1], bare=None, terms=())
        return made

    def _recurs_in(self, node: Any) -> bool:
        """Whether a part of an expression is a number, or recurs in its own block."""
        if node[0] == "number" or (node[0] == "name" and node[2] is None):
            return True
        return any(name in self.file.recurring for name in own_references(node))

    def two(self, name: str, index: tuple[Node, ...], at: Place) -> Value:
        """``X_<i,t>``, ``W_<i,t>`` and ``a_<i,t>``."""
        file = self.file
        if name in file.laws and self.positional:
            return self._at_position(name, index, at)
        block, t = self.index(index[0], at), self.index(index[1], at)
        if name in file.laws or any(key[0] == name for key in file.timed):
            return self.at_time(name, block, t, at)
        if name in file.scalars:
            if block < 1 or t < 1:
                return nothing("number")
            home: Any = self.blocks[block - 1] if self.blocks else None
            return number(self._scalar(home, f"{name}{t}", file.scalars[name][0]))
        if t < 1:
            return nothing("operator")
        return self.operator(name, block, at, t)

    def once(self, name: str, at: Place) -> Value:
        """``W_t`` and ``b_t``: one of all blocks at a time."""
        assert at.t is not None
        if name in self.file.scalars:
            if at.t < 1:
                return nothing("number")
            declared = self.file.scalars[name][0]
            return number(self._scalar(self.network.net, f"{name}{at.t}", declared))
        return self.operator(name, None, at, at.t)

    def at_time(self, name: str, block: int, t: int, at: Place) -> Value:
        key = (name, block, t)
        if key not in self.states:
            self.states[key] = self._timed(name, block, t)
        made: Value = self.states[key]
        return made if at.i == block else replace(made, holds=False)

    def _timed(self, name: str, block: int, t: int) -> Value:
        timed = self.file.timed
        # What is said of one block goes before what is said of all.
        node = timed.get((name, block, t))
        node = node or (timed.get((name, block, None)) if t > 0 else None)
        of_all = timed.get((name, None, t))
        if block < 0 or t < 0 or (t == 0 and not (node or of_all)):
            return nothing("tensor")
        if block == 0 and node is None:
            return Value("tensor", self.inputs["input"])
        node = node or of_all or self.file.laws[name][0]
        made = self.value(node, Place(block, t=t))
        if not made.there:
            return made
        made = self.of_block(made, node, Place(block, t=t))
        return replace(made, newest=block, bare=None, factor=1, terms=())

    def _at_position(self, name: str, index: tuple[Node, ...], at: Place) -> Value:
        """An unknown at the position of a token, or some positions before."""
        block = self.index(index[0], at)
        back = positions_back(index[1])
        own = block == at.i and name in self.file.recurring
        if at.t is not None and own:
            return self.recurred(name, block, at.t - back)
        made = self.state(name, block, at)
        if back and made.there:
            it = F.pad(made.it, (0, 0, back, 0))[:, : made.it.shape[1]]
            made = replace(made, it=it, bare=None, terms=())
        return made

    def recurred(self, name: str, block: int, t: int) -> Value:
        """What recurs at one position."""
        key = (name, block, t)
        if key not in self.states:
            if t >= 1:
                made = self.value(self.file.laws[name][0], Place(block, t=t))
            else:
                made = Value("tensor", self._begun(name, block))
            made = replace(made, newest=block, bare=None, factor=1, terms=())
            self.states[key] = made
        return self.states[key]

    def _begun(self, name: str, block: int) -> Any:
        """What a recurrence begins with."""
        zeros = self.inputs["input"].new_zeros(len(self.inputs["input"]), self.begin)
        start = self.file.timed.get((name, None, 0))
        if start is None:
            return zeros
        return zeros + plain_number(self.value(start, Place(block)).it)

    def recurrence(self, name: str, block: int) -> Value:
        """What recurs, position by position."""
        rows = self.inputs["input"].shape[1]
        c = self.network.widths[self.stage_of(block)[0]]
        # As wide as it has to be to begin; what is added to zeros says more.
        for self.begin in (1, c, c * c, 2 * c, 4 * c):
            try:
                made = [self.recurred(name, block, t).it for t in range(1, rows + 1)]
                return Value("tensor", torch.stack(made, 1), block)
            except (RuntimeError, WrongShape, Unread):
                for key in [key for key in self.states if len(key) == 3]:
                    if key[1] == block:
                        del self.states[key]
        raise Unread(f"how wide {name} is")


def positions_back(node: Node) -> int:
    match node:
        case ("name", "t", None):
            return 0
        case ("-", ("name", "t", None), ("number", back)):
            return int(back)
    raise Unread(f"the position {node}")
