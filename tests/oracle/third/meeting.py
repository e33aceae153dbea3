"""Terms of one shape, by an adapter where they have several: rules 6 to 8."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from tests.oracle.third.expressions import Expressions
from tests.oracle.third.file import flow_of
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.layouts import outward
from tests.oracle.third.operators import axis
from tests.oracle.third.places import LEARNING, Weights, is_bare
from tests.oracle.third.values import (
    Place,
    Value,
    changed,
    padded,
    scaled,
    spread_out,
)

ADAPTERS = {
    (True, False): flow_of("conv(1, c, stride=s) > bn"),
    (True, True): flow_of("upsample(1/s) > conv(1, c) > bn"),
    (False, False): flow_of("linear(c)"),
}
#: What travels as a sum has so many terms at most.
MOST = 5


class NotFollowed(Unread):
    """Which adapter stands in front of what cannot be told from outside."""


class Mixed(Exception):
    """A block calls an operator on tensors of several shapes, as is seen only now."""


def is_gate(
    shape: tuple[int, ...], into: tuple[int, ...], small: bool, product: bool
) -> bool:
    """Whether a tensor is spread over another one without an adapter.

    Args:
        shape: of the tensor.
        into: of the other one.
        small: whether the grid of the block has one position: then an image is no gate
            for one of several.
        product: whether they are multiplied: then one feature is spread over many.
    """
    dims = len(into) + 1
    if small and len(shape) == 3 and shape[1:] != into[1:]:
        return False
    (made,) = padded([shape], dims)
    features = 0 if dims == 4 else -1
    alike = all(a in (1, b) for a, b in zip(made, into, strict=True))
    return alike and shape != into and (product or made[features] == into[features])


class Meeting(Expressions):
    """Where terms meet."""

    def meet(
        self,
        values: list[Value],
        at: Place,
        signs: list[int] | None = None,
        product: bool = False,
    ) -> list[Tensor]:
        """Tensors (and numbers) in shapes that can be added.

        Args:
            values: what meets.
            at: where.
            signs: of the terms of a sum, which may travel as sums.
            product: whether they are multiplied.
        """
        tensors = [value for value in values if value.sort == "tensor"]
        shapes = {tuple(value.it.shape[1:]) for value in tensors}
        dims = max(value.it.dim() for value in tensors)
        into = None if at.into is None or len(at.into) != dims - 1 else at.into
        if len(shapes) == 1 and into is None:
            return [spread_out(value, dims) for value in values]
        if into is None:
            most = tuple(
                max(s[k] for s in padded(shapes, dims)) for k in range(dims - 1)
            )
            small = self._one_position(at, dims)
            if all(s == most or is_gate(s, most, small, product) for s in shapes):
                return [spread_out(value, dims) for value in values]
        if into is None and signs and any(value.terms for value in values):
            return self._flat(values, at, signs)
        into = into or self._wanted(tensors, at, product)
        return self._adapted(values, at, into, signs, product)

    def several_shapes(self, name: str, block: int | None, value: Value) -> None:
        """Starts anew, if an operator is called on several shapes, which was not known."""
        assert block is not None
        older = self.stage_made(value) < self.stage_of(block)[0]
        if (name, block) not in self.mixed and older:
            self.mixed.add((name, block))
            raise Mixed

    def _one_position(self, at: Place, dims: int) -> bool:
        """Whether the grid of the block has one position."""
        if dims != 4 or at.i is None or self.inputs.get("input") is None:
            return False
        return self.inputs["input"].dim() == 4 and self.shape_of(at.i, 4)[1:] == (1, 1)

    def _flat(self, values: list[Value], at: Place, signs: list[int]) -> list[Tensor]:
        """Terms of sums of operators are terms of the sum that these stand in."""
        terms: list[tuple[int, Value]] = []
        for sign, value in zip(signs, values, strict=True):
            inner = value.terms or ((1, value),)
            terms += [(sign * by, part) for by, part in inner]
        made = self.total([(by, replace(part, terms=())) for by, part in terms], at).it
        rest = torch.zeros_like(made)
        return [made if signs[0] > 0 else -made, *([rest] * (len(values) - 1))]

    def brought(
        self, name: str, block: int | None, values: list[Value], at: Place
    ) -> list[Value]:
        """Rule 5: what an operator is called on, where that is of several stages."""
        if not block or len(values) > 1 or values[0].newest > block:
            return values
        if at.members is not None:  # A call for each member belongs to the sum.
            return values
        (value,) = values
        key, made = (name, block), self.stage_made(value)
        stages = self.calls.setdefault(key, set())
        stages.add(made)
        if len(stages) > 1 and key not in self.mixed:
            self.mixed.add(key)
            raise Mixed
        here = made == self.stage_of(block)[0] or key not in self.mixed
        if here or tuple(value.it.shape[1:]) == self.shape_of(block, value.it.dim()):
            return values
        # It runs in its own block, whoever reads it.
        return [self.adapted(value, replace(at, i=block))]

    def _wanted(
        self, tensors: list[Value], at: Place, product: bool
    ) -> tuple[int, ...]:
        """Rule 6: the shape of the terms that this block makes, or of the newest."""
        dims = max(value.it.dim() for value in tensors)
        made = [tuple(value.it.shape[1:]) for value in tensors if value.holds]
        if made and at.i is not None:
            # Gates alone: what they scale has the shape of the block.
            declared, small = self.shape_of(at.i, dims), self._one_position(at, dims)
            if all(is_gate(shape, declared, small, product) for shape in made):
                return declared
        full = [value for value in tensors if value.it.dim() == dims]
        holding = {tuple(v.it.shape[1:]) for v in full if v.holds}
        if len(holding) == 1:
            return holding.pop()
        if holding:
            if at.i is None:
                raise Unread("an adapter at the end")
            return self.shape_of(at.i, dims)
        newest = max(full, key=lambda value: value.newest)
        return tuple(newest.it.shape[1:])

    def _adapted(
        self,
        values: list[Value],
        at: Place,
        into: tuple[int, ...],
        signs: list[int] | None,
        product: bool = False,
    ) -> list[Tensor]:
        made: list[Any] = [None] * len(values)
        missing = []
        for place, value in enumerate(values):
            shape = tuple(value.it.shape[1:]) if value.sort == "tensor" else into
            small = self._one_position(at, len(shape) + 1)
            if shape == into or is_gate(shape, into, small, product):
                made[place] = spread_out(value, len(into) + 1)
            else:
                missing.append(place)
        while missing:
            found = self._chosen(values, missing, into, at, signs)
            chosen, factor, bare, module = found
            first, *others = chosen
            it = scaled(factor, self._through_adapter(bare, into, at, module))
            made[first] = it if signs is None or signs[first] > 0 else -it
            for place in others:
                made[place] = torch.zeros_like(it)
            missing = [place for place in missing if place not in chosen]
        return made

    def adapted(self, value: Value, at: Place) -> Value:
        """Rule 7: a right side of an older stage, behind its coefficient."""
        assert at.i is not None
        into = self.shape_of(at.i, value.it.dim())
        (it,) = self._adapted([value], at, into, None)
        return replace(changed(value, it), newest=at.i)

    def _chosen(
        self,
        values: list[Value],
        missing: list[int],
        into: tuple[int, ...],
        at: Place,
        signs: Any,
    ) -> tuple[tuple[int, ...], Any, Value, Any]:
        """Terms that have an adapter together, with their coefficient, and the adapter."""
        first = values[missing[0]]
        bare = first if first.bare is None else replace(first, it=first.bare)
        sign = 1 if signs is None else signs[missing[0]]
        since = min([value.newest for value in values if value.sort == "tensor"])
        modules = self.adapters(at, since)
        if not modules or not self._learning():
            return (missing[0],), _times(sign, first.factor), bare, None
        wanted = tuple(outward(bare.it.new_empty(1, *into)).shape[1:])
        modules = [x for x in modules if self.network.made.get(id(x)) == wanted]
        fitting = [module for module in modules if self._got(module, bare.it)]
        # Two terms of one value have two, if they differ in other blocks.
        fitting.sort(key=lambda module: id(module) in self.taken)
        for module in fitting:
            self.network.unsure |= len(fitting) > 1
            self.taken.add(id(module))
            return (missing[0],), _times(sign, first.factor), bare, module
        for count in range(1, min(len(missing), MOST) + 1 if signs else 2):
            for chosen in combinations(missing, count):
                parts = [values[place] for place in chosen]
                if missing[0] not in chosen or len({p.it.shape for p in parts}) > 1:
                    continue
                by = signs or [1] * len(values)
                total: Any = sum(by[place] * values[place].it for place in chosen)
                newest = max(parts, key=lambda part: part.newest)
                for module in modules:
                    factor = self._multiple(module, total)
                    if factor is not None:
                        bare = replace(newest, it=total / factor)
                        return chosen, factor, bare, module
        raise NotFollowed("an adapter for what none got")

    def adapters(self, at: Place, since: int) -> list[nn.Module]:
        """The adapters of a block, and those of older ones, that form sums early."""
        if self.blocks is None or at.i is None:
            raise Unread("an adapter outside of blocks")
        named = self.file.names.get("adapter")
        letter = "shortcut" if named is None else named[1]
        row = self.blocks[max(since - 1, 0) : at.i][::-1]
        found = [pair for block in row for pair in block.named_children()]
        made = [module for name, module in found if name.startswith(letter)]
        # What has none in this block may be there for others.
        return [module for module in made if not is_bare(module)]

    def _learning(self) -> bool:
        grid = self.inputs["input"].dim() == 4
        return _learns(self.adapter_flow(grid, False))

    def _got(self, module: nn.Module, x: Tensor) -> bool:
        got, x = self.network.got.get(id(module)), outward(x)
        return got is not None and got.shape == x.shape and _close(got, x, 1e-5)

    def _multiple(self, module: nn.Module, x: Tensor) -> float | None:
        """How many times what an adapter got a tensor is, if it is."""
        got, x = self.network.got.get(id(module)), outward(x)
        if got is None or got.shape != x.shape:
            return None
        # In deep networks squares of numbers run over.
        size = float(got.abs().max()) or 1.0
        got, x = got / size, x.detach() / size
        factor = float((got * x).sum() / got.square().sum())
        return factor if _close(factor * got, x, 1e-8) and factor else None

    def _through_adapter(
        self, x: Value, shape: tuple[int, ...], at: Place, module: Any
    ) -> Tensor:
        it: Tensor = x.it
        stride = Fraction(1)
        if it.dim() == 4:
            if at.i is None:
                raise Unread("an adapter outside of blocks")
            found = self.leading(x, shape[1:], at.i)
            if found is None:
                raise Unread("an adapter to another grid")
            stride = found
        flow = self.adapter_flow(it.dim() == 4, stride < 1)
        weights = Weights(module)
        sizes = {"c": Fraction(shape[axis(it) - 1]), "s": stride}
        if module is None and _learns(flow):
            raise Unread("an adapter that is not there")
        made = self.through(flow, [it], Place(None, flow=sizes), weights)
        assert not weights.left, "an adapter has more weights"
        return made

    def adapter_flow(self, grid: bool, finer: bool) -> Node:
        """The flow of `adapter`, or of `adapter up`."""
        default: Any = ADAPTERS[grid, finer]
        return self.file.frame.get("adapter up" if finer else "adapter", default)


def _close(got: Tensor, x: Tensor, error: float) -> bool:
    """Whether tensors are the same, beside the largest numbers in them."""
    return bool((got - x).abs().max() <= error * x.abs().max())


def _times(sign: int, factor: Any) -> Any:
    return factor if sign > 0 else -factor


def _learns(node: Any) -> bool:
    if isinstance(node, tuple):
        return any(_learns(part) for part in node)
    return isinstance(node, str) and node in LEARNING
