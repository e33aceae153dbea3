"""Terms that meet in a sum, a product or a `max`, and the adapters in front of them."""

from __future__ import annotations

import math
from typing import Any

import sympy
import torch
from torch import Tensor, nn

from recform.algebra import expr as e
from tests.oracle.adapters import Call, NoAdapter, groups, sizes, spreads
from tests.oracle.interpreter.joining import joined
from tests.oracle.interpreter.settled import Settled
from tests.oracle.interpreter.terms import (
    bare,
    identifier,
)

NUMBERS = {sympy.exp: torch.exp, sympy.tanh: torch.tanh, sympy.log: torch.log}


class Meeting(Settled):
    """Brings terms to one shape, by the rules of docs/language.md, and joins them."""

    def value(self, tensor: Any) -> Any:
        """What a settled expression is; said by who computes."""
        raise NotImplementedError

    def met(self, kind: str, terms: Any, target: tuple[int, ...] | None) -> Any:
        """The terms of a sum, a product or a `max`, brought to one shape and joined."""
        pairs = [bare(t) for t in terms]
        values = [self.value(t) for _, t in pairs]
        product = kind == "Pointwise"
        shaped = [n for n, (_, t) in enumerate(pairs) if not isinstance(t, e.Filled)]
        shapes = [sizes(values[n]) for n in shaped]
        full = {
            s for s in shapes if not any(spreads(s, t, product=product) for t in shapes)
        }
        if target is None:
            target = (
                next(iter(full))
                if len(full) == 1
                else self.target([terms[n] for n in shaped], shapes, product)
            )
        odd = {
            n
            for n, shape in zip(shaped, shapes, strict=True)
            if shape != target and not spreads(shape, target, product=product)
        }
        # Rule 6: where all are gates, and none has the width or the grid, none is one.
        place = 0 if len(target) == 3 else -1
        grids = [
            tuple(s for n, s in enumerate(x) if n != place % len(x)) for x in shapes
        ]
        wanted = tuple(s for n, s in enumerate(target) if n != place % len(target))
        if not odd and not (
            any(shape[place] == target[place] for shape in shapes)
            and any(
                len(x) == len(target) and g == wanted
                for x, g in zip(shapes, grids, strict=True)
            )
        ):
            odd = set(shaped)
        if odd:
            self.meetings += 1
            return self.brought(kind, pairs, values, odd, target)
        made = [self.times(f, v) for (f, _), v in zip(pairs, values, strict=True)]
        return joined(kind, made)

    def target(
        self, terms: list[Any], shapes: list[tuple[int, ...]], product: bool
    ) -> tuple[int, ...]:
        """The shape of what the block itself makes; else that of the newest term."""
        declared = self.declared[max(self.block, 1) - 1]
        made = {
            shape
            for term, shape in zip(terms, shapes, strict=True)
            if self.is_made(term, self.block)
        }
        if all(spreads(s, declared, product=product) for s in made or shapes):
            return declared
        if not made:
            newest = [self.newest(term) for term in terms]
            return shapes[newest.index(max(newest))]
        return made.pop() if len(made) == 1 else declared

    def brought(
        self,
        kind: str,
        pairs: list[Any],
        values: list[Any],
        odd: set[int],
        target: tuple[int, ...],
    ) -> Any:
        """The terms joined, some of which go through adapters."""
        block = self.block
        done: dict[int, Tensor] = {}
        for n in sorted(odd):
            call = self.find(pairs[n][1], values[n], (block,), target)
            if call is not None:
                done[n] = self.through(call, pairs[n][1], values[n])
        missing = odd - set(done)
        if missing and kind in ("TensorSum", "sum"):
            early = self.early(pairs, values, missing, target)
            if early is not None:
                value, taken = early
                rest = [n for n in range(len(pairs)) if n not in taken]
                left = [([], value), *(pairs[n] for n in rest)]
                found = [value, *(values[n] for n in rest)]
                again = {place + 1 for place, n in enumerate(rest) if n in odd}
                if not again:
                    return joined(
                        kind,
                        [
                            self.times(f, v)
                            for (f, _), v in zip(left, found, strict=True)
                        ],
                    )
                return self.brought(kind, left, found, again, target)
        for n in sorted(missing):
            done[n] = self.adapted(pairs[n][1], values[n], block, target)
        made = [
            self.times(factors, done.get(n, values[n]))
            for n, (factors, _) in enumerate(pairs)
        ]
        return joined(kind, made)

    def early(
        self,
        pairs: list[Any],
        values: list[Any],
        missing: set[int],
        target: tuple[int, ...],
    ) -> tuple[Tensor, set[int]] | None:
        """Terms that an earlier block added up, behind their common adapter."""
        places = [n for n, (_, t) in enumerate(pairs) if not isinstance(t, e.Filled)]
        for chosen in groups(places, missing):
            some = [pairs[n] for n in chosen]
            for block in range(self.block, 0, -1):
                total = self.sum_of(some, [values[n] for n in chosen], block)
                if total is None:
                    continue
                call = self.find(chosen, total, (self.block,), target)
                if call is not None:
                    return self.through(call, chosen, total), set(chosen)
                if len({sizes(values[n]) for n in chosen}) == 1:
                    break
        return None

    def sum_of(self, pairs: list[Any], values: list[Any], block: int) -> Tensor | None:
        """What a block makes of some terms, if it can."""
        if len({sizes(v) for v in values}) == 1:
            made = [self.times(f, v) for (f, _), v in zip(pairs, values, strict=True)]
            return joined("TensorSum", made)
        shapes = [sizes(v) for v in values]
        for target in dict.fromkeys(shapes):
            made = []
            for (factors, inner), value in zip(pairs, values, strict=True):
                if sizes(value) != target:
                    call = self.find(inner, value, (block,), target)
                    if call is None:
                        break
                    value = self.through(call, inner, value)
                made.append(self.times(factors, value))
            else:
                return joined("TensorSum", made)
        return None

    def find(
        self, term: Any, value: Tensor, blocks: tuple[int, ...], target: tuple[int, ...]
    ) -> Call | None:
        """An adapter that was called on this value: one that no other term has."""
        found = [
            call
            for call in self.calls
            if call.block in blocks and call.makes[1:] == target and call.takes(value)
        ]
        mine = (self.meetings, term)
        for call in found:
            if self.taken.get((call.block, call.attribute), mine) == mine:
                return call
        return found[0] if found else None

    def adapted(
        self, inner: Any, value: Tensor, block: int, target: tuple[int, ...]
    ) -> Tensor:
        """A term behind its adapter: the block's, or an earlier one's in a partial sum."""
        call = self.find(inner, value, (block,), target)
        for earlier in range(block - 1, 0, -1):
            call = call or self.find(inner, value, (earlier,), target)
        if call is None:
            raise NoAdapter(
                f"block {block} has no adapter for {inner}: {sizes(value)} to {target}"
            )
        return self.through(call, inner, value)

    def through(self, call: Call, term: Any, value: Tensor) -> Tensor:
        self.taken.setdefault((call.block, call.attribute), (self.meetings, term))
        return self.called(getattr(self.blocks[call.block - 1], call.attribute), value)

    def called(self, module: nn.Module, *values: Tensor) -> Tensor:
        """A module on values: it runs once on what was computed once."""
        key = (id(module), *map(id, values))
        if key not in self.made:
            self.made[key] = module(*values)
            self.arguments.setdefault(id(module), []).append(values)
        return self.made[key]

    def times(self, factors: list[Any], value: Tensor) -> Tensor:
        for factor in reversed(factors):
            value = self.number(factor) * value
        return value

    def number(self, value: Any) -> Any:
        if isinstance(value, e.Learned):
            name = identifier(value.name)
            if value.index is sympy.nan:
                return self.of_network(name)
            return getattr(self.blocks[int(value.index) - 1], name)
        if not value.atoms(e.Learned):
            return float(value)
        parts = [self.number(arg) for arg in value.args]
        if value.is_Add:
            return sum(parts[1:], start=parts[0])
        if value.is_Mul:
            return math.prod(parts[1:], start=parts[0])
        if value.is_Pow:
            return parts[0] ** parts[1]
        return NUMBERS[value.func](*parts)

    def operator(self, name: str, index: Any) -> Any:
        name = identifier(name)
        if index is sympy.nan:
            return self.of_network(name)
        if index == 0:
            return self.of_network(f"{name}_0")
        return getattr(self.blocks[int(index) - 1], name)

    def of_network(self, name: str) -> Any:
        staged = f"{name}_{self.ordinal + 1}"
        return getattr(self.net, staged if hasattr(self.net, staged) else name)
