"""Terms of one shape, by an adapter where they have several."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from tests.oracle.third.expressions import Expressions
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.operators import (
    Weights,
    axis,
)
from tests.oracle.third.values import (
    Place,
    Value,
    padded,
    scaled,
    spread_out,
)


class Meeting(Expressions):
    """Where terms meet."""

    def meet(self, values: list[Value], at: Place) -> list[Tensor]:
        """Tensors (and numbers) in shapes that can be added."""
        tensors = [value for value in values if value.sort == "tensor"]
        shapes = {tuple(value.it.shape[1:]) for value in tensors}
        dims = max(value.it.dim() for value in tensors)
        if len(shapes) == 1:
            return [spread_out(value, dims) for value in values]
        most = [max(s[k] for s in padded(shapes, dims)) for k in range(dims - 1)]
        gates = all(
            all(
                size in (1, big)
                for size, big in zip(padded([shape], dims)[0], most, strict=True)
            )
            for shape in shapes
        )
        if gates:
            return [spread_out(value, dims) for value in values]
        return self._adapted(values, at)

    def _adapted(self, values: list[Value], at: Place) -> list[Tensor]:
        if at.i is None or self.file.scope != "network" or self.blocks is None:
            raise Unread("an adapter there")
        holding = {tuple(v.it.shape) for v in values if v.sort == "tensor" and v.holds}
        if len(holding) != 1:
            raise Unread("an adapter for nobody")
        shape = holding.pop()
        named = self.file.names.get("adapter")
        letter = "shortcut" if named is None else named[1]
        block = self.blocks[at.i - 1]
        flow = self.file.frame.get("adapter")
        modules = [m for n, m in block.named_children() if n.startswith(letter)]
        made = []
        for value in values:
            if value.sort == "tensor" and tuple(value.it.shape) != shape:
                bare = value.it if value.bare is None else value.bare
                module = self._chosen(modules, bare)
                made.append(
                    scaled(value.factor, self._adapter(bare, shape, flow, module))
                )
            else:
                made.append(spread_out(value, len(shape)))
        return made

    def _chosen(self, modules: list[nn.Module], x: Tensor) -> Any:
        """The adapter that got this in the module."""
        if len(modules) < 2:
            return modules[0] if modules else None
        for module in modules:
            got = self.network.got.get(id(module))
            if got is not None and got.shape == x.shape and torch.allclose(got, x):
                return module
        raise Unread("an adapter for what none got")

    def _adapter(
        self, x: Tensor, shape: tuple[int, ...], flow: Node | None, module: Any
    ) -> Tensor:
        stride = 1
        if len(shape) == 4:
            while -(-x.shape[2] // stride) > shape[2]:
                stride += 1
        c: Node = ("name", "c", None)
        s: Node = ("name", "s", None)
        if flow is None and len(shape) == 4:
            conv = ("call", "conv", None, (("number", "1"), c), (("stride", s),))
            flow = ("flow", (("", conv), ("", ("name", "bn", None))))
        elif flow is None:
            flow = ("call", "linear", None, (c,), ())
        weights = Weights(module)
        place = Place(None, flow={"c": Fraction(shape[axis(x)]), "s": Fraction(stride)})
        made = self.through(flow, [x], place, weights)
        assert not weights.left, "an adapter has more weights"
        return made
