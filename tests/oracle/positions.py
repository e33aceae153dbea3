"""A naive interpreter of equations over positions: the oracle for recurrences.

It reads the statements of a file, and knows nothing of how they are lowered: a value is
that of an unknown, at a block and at a position, and is computed by recursion on both. The
operators are those of the emitted network, which it finds by their letters, and gives one
token at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from recform.compiler import from_text
from recform.diagnostics import Diagnostics
from recform.syntax import nodes as n
from recform.syntax.parse import parse

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "dot": lambda x, y: (x * y).sum(-1, keepdim=True),
    "concat": lambda *parts: torch.cat(parts, -1),
    "max": torch.maximum,
}


class Loops:
    """A file's equations, on the blocks of its network.

    Args:
        text: the file.
        blocks: of the emitted network.
        start: what the stem made.
        shared: the network, if blocks share what they do not have.
        widths: of unknowns that are not as wide as that.
    """

    def __init__(
        self,
        text: str,
        blocks: list[nn.Module],
        start: Tensor,
        shared: nn.Module | None = None,
        widths: Mapping[str, int] | None = None,
    ) -> None:
        self.shared, self.widths = shared, widths or {}
        report = Diagnostics()
        file = parse(from_text(text), report, None)
        report.check()
        self.equations: dict[str, Any] = {}
        self.ahead: dict[str, int] = {}
        self.starts: dict[str, Any] = {}
        for item in file.statements:
            left: Any = item.left[0] if isinstance(item, n.Relation) else None
            if isinstance(left, n.Reference) and left.indices:
                assert isinstance(item, n.Relation)
                if isinstance(left.indices[-1], n.Number):  # H_<i,0>
                    self.starts[left.name] = item.right.expression
                    continue
                self.equations[left.name] = item.right.expression
                # Of `H_<i,t+1> = ...` the t is that of the position before.
                ahead = self.index(left.indices[-1], 0, 0) if left.indices[1:] else 0
                self.ahead[left.name] = ahead
        self.blocks, self.start = blocks, start
        self.known: dict[tuple[str, int, int], Tensor] = {}

    def output(self, name: str) -> Tensor:
        """An unknown of the last block, at all positions."""
        length = self.start.shape[1]
        return torch.stack(
            [self.unknown(name, len(self.blocks), t) for t in range(length)], 1
        )

    def unknown(self, name: str, i: int, t: int) -> Tensor | None:
        if i < 0:
            return None  # a block before the first: a term that is not there
        if i == 0 or t < 0:
            if t >= 0:
                return self.start[:, t]
            count, _, width = self.start.shape
            zeros = self.start.new_zeros(count, self.widths.get(name, width))
            # Position 0 of the file, whose first one is 1.
            begins = i > 0 and t == -1 and name in self.starts
            return zeros + self.value(self.starts[name], i, t) if begins else zeros
        if (name, i, t) not in self.known:
            at = t - self.ahead[name]
            self.known[name, i, t] = self.value(self.equations[name], i, at)
        return self.known[name, i, t]

    def value(self, node: Any, i: int, t: int) -> Any:
        match node:
            case n.Number():
                return float(node.value)
            case n.Group():
                return self.value(node.inner, i, t)
            case n.Sum():
                found = ((sign, self.value(term, i, t)) for sign, term in node.terms)
                terms = [sign * value for sign, value in found if value is not None]
                return sum(terms[1:], start=terms[0])
            case n.Product():
                return self.product([factor for _, factor in node.factors], i, t)
            case n.Call():
                parts = [self.value(part, i, t) for part in node.arguments]
                if isinstance(parts[0], float):
                    return getattr(math, node.function.name)(*parts)
                return FUNCTIONS[node.function.name](*parts)
            case n.Reference() if node.name in self.equations:
                block, *position = [self.index(item, i, t) for item in node.indices]
                return self.unknown(node.name, block, position[0] if position else t)
            case n.Reference():
                return self.owned(node.name, i)
        raise TypeError(type(node).__name__)

    def product(self, factors: list[Any], i: int, t: int) -> Any:
        """Each operator applies to the next tensor on its right."""
        made: list[Any] = []
        for factor in reversed(factors):
            value = self.value(factor, i, t)
            if isinstance(value, nn.Module):
                made[-1] = value(made[-1])
            else:
                made.append(value)
        return math.prod(made[1:], start=made[0])

    def index(self, node: Any, i: int, t: int) -> int:
        match node:
            case n.Number():
                return int(node.value)
            case n.Reference():
                return {"i": i, "t": t}[node.name]
            case n.Sum():
                return sum(sign * self.index(term, i, t) for sign, term in node.terms)
        raise TypeError(type(node).__name__)

    def owned(self, letter: str, i: int) -> Any:
        """A module or a scalar of a block, or of a recurrence in it."""
        for module in (self.blocks[i - 1], self.shared or nn.Module()):
            cells = [part for name, part in module.named_children() if "cell" in name]
            for owner in (module, *cells):
                if hasattr(owner, letter):
                    return getattr(owner, letter)
        raise LookupError(letter)
