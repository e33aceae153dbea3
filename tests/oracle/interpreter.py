"""A naive interpreter of the equations: the oracle for the emitted modules.

It knows nothing of steps, states or graphs. It writes an equation out for a block number,
and computes what it finds by recursion on the index, with a memo: a value that was
computed once is there. Weights are those of the emitted network. Of a compiled network it
reads the formula; of the module what anybody can see (see also adapters.py).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate, chain
from typing import Any

import sympy
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recform.algebra import expr as e
from recform.algebra.formula import Formula, Scope
from recform.algebra.lists import Dealt, Members, Over
from tests.oracle.adapters import Call, NoAdapter, groups, sizes, spread, spreads

#: Deep networks are deep recursions here.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu6": F.relu6,
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "softplus": F.softplus,
    "exp": torch.exp,
    "reciprocal": torch.reciprocal,
}
NUMBERS = {sympy.exp: torch.exp, sympy.tanh: torch.tanh, sympy.log: torch.log}
#: What looks at the last axis alone, of tokens and vectors.
ALONE = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Identity)
#: Whose terms meet in one shape.
MEETING = e.TensorSum | e.Pointwise | e.Combine


class Flow:
    """One flow of blocks: the whole network, or a stage with ``scope stage``.

    Attributes:
        arguments: for each operator that was called, by the path of its module, what on.
    """

    def __init__(
        self,
        formula: Formula,
        net: nn.Module,
        blocks: list[nn.Module],
        number: int,
        start: Tensor,
        contexts: dict[str, Tensor],
        calls: list[Call],
        arguments: dict[int, list[tuple[Tensor, ...]]],
    ) -> None:
        self.formula, self.net, self.blocks = formula, net, blocks
        self.ordinal, self.start, self.calls = number, start, calls
        self.contexts = contexts
        self.arguments = arguments
        self.equations = {eq.unknown: eq.right for eq in formula.equations}
        self.boundaries = {b.left: b.right for b in formula.boundaries}
        self.at_start = {
            part.operator
            for b in formula.boundaries
            for right in ([b.rule.right] if b.rule else [b.right])
            if right is not None
            for part in parts_of(right)
            if isinstance(part, e.Apply) and part.index == 0
        }
        self.declared = declared(formula, number, sizes(start))
        self.stages = stages_of_blocks(formula, number)
        self.ends = [0, *accumulate(stage.blocks for stage in formula.stages[:-1])]
        self.calls_of: dict[tuple[str, int], list[Any]] = {}
        self.settled: dict[Any, Any] = {}
        self.values: dict[Any, Any] = {}
        self.made: dict[Any, Tensor] = {}
        self.begun: dict[Any, int] = {}
        self.taken: dict[tuple[int, str], Any] = {}
        self.meetings = 0
        self.block = 0

    def output(self) -> Any:
        written = self.written(self.formula.output, len(self.blocks))
        settled = self.settle(written)
        self.read_calls(settled)
        with self.inside(len(self.blocks)):
            return self.value(settled)

    def read_calls(self, output: Any) -> None:
        """What each operator is called on in its own block, of all that is read."""
        waiting, seen = [output], {output}
        while waiting:
            tensor = waiting.pop()
            if isinstance(tensor, e.Apply) and self.home(tensor) == tensor.index:
                key = (tensor.operator, int(tensor.index))
                self.calls_of.setdefault(key, []).append(tensor.arguments)
            found = list(tensor.children)
            if isinstance(tensor, e.State):
                found = [self.definition(tensor)]
            elif isinstance(tensor, e.History):
                members = map(self.settle, self.members(tensor))
                found = [member for member in members if member is not None]
            new = [part for part in dict.fromkeys(found) if part not in seen]
            seen.update(new)
            waiting += new

    @contextmanager
    def inside(self, block: int) -> Iterator[None]:
        before, self.block = self.block, block
        yield
        self.block = before

    def written(self, tensor: Any, block: int) -> Any:
        numbers = {e.I: sympy.Integer(block), e.L: sympy.Integer(len(self.blocks))}
        return tensor.xreplace(numbers)

    # -- what is left of an expression at the start of the history

    def settle(self, tensor: Any) -> Any:
        """A written-out expression without what vanishes; None if nothing is left."""
        if tensor not in self.settled:
            if tensor in self.boundaries and not isinstance(tensor, e.State):
                right = self.boundaries[tensor]
                found = None if right is None else self.settle(self.written(right, 0))
            else:
                found = self._settle(tensor)
            self.settled[tensor] = found
        return self.settled[tensor]

    def _settle(self, tensor: Any) -> Any:
        match tensor:
            case e.Input() | e.Context():
                return tensor
            case e.State():
                return None if self.definition(tensor) is None else tensor
            case e.Filled():
                return None if self.dead(tensor.coefficient) else tensor
            case e.Scaled():
                inner = self.settle(tensor.tensor)
                if inner is None or self.dead(tensor.coefficient):
                    return None
                if isinstance(inner, e.Filled):
                    return e.Filled(tensor.coefficient * inner.coefficient)
                return e.Scaled(tensor.coefficient, inner)
            case e.TensorSum() | e.Combine() | e.Concat():
                left = [self.settle(part) for part in tensor.children]
                return self._joined(tensor, [part for part in left if part is not None])
            case e.Pointwise():
                left = [self.settle(part) for part in tensor.children]
                return None if None in left else e.Pointwise(*left)
            case e.History():
                members = [self.settle(member) for member in self.members(tensor)]
                left = [member for member in members if member is not None]
                # Of one member it is that member, but for a mean: that has a coefficient.
                one = len(left) == 1 and tensor.kind in ("concat", "sum", "max", "min")
                return left[0] if one else tensor if left else None
        if isinstance(tensor, Over):
            inner = self.settle(tensor.tensor)
            there = inner is not None and inner.is_many
            if tensor.kind == "sum":
                # Features for the members are no members.
                there = there and inner.has(Members)
            return Over(tensor.kind, inner) if there else None
        # An operator, a function or a part of something.
        inner = [self.settle(a) if isinstance(a, e.Tensor) else a for a in tensor.args]
        if None in inner or any(isinstance(a, e.Filled) for a in inner):
            return None
        if isinstance(tensor, e.Apply):
            made = e.Apply(tensor.operator, tensor.index, *inner[2:])
            named = self.under_other_names(made)
            if named is not None and named != tensor:
                return self.settle(named)
            return made if self.exists(made) else None
        return tensor.func(*inner)

    def _joined(self, tensor: Any, left: list[Any]) -> Any:
        numbers = [part for part in left if isinstance(part, e.Filled)]
        if not isinstance(tensor, e.TensorSum):
            left = [part for part in left if part not in numbers]
        elif len(numbers) == len(left) > 0:
            return e.Filled(sum(part.coefficient for part in numbers))
        if len(left) < 2:
            return left[0] if left else None
        kind = (tensor.kind,) if isinstance(tensor, e.Combine) else ()
        return tensor.func(*kind, *left)

    def members(self, history: e.History) -> list[Any]:
        last = int(history.last)
        indices = range(history.first, last + 1)
        if history.kind == "stages":
            indices = [k for k in indices if k in self.ends or k == last]
        return [history.body.xreplace({e.K: sympy.Integer(k)}) for k in indices]

    def definition(self, state: e.State) -> Any:
        """What an unknown is at an index; None before the start."""
        index = int(state.index)
        if state in self.boundaries:
            right = self.boundaries[state]
        elif before_time(state.name) and state.name not in self.equations:
            return None
        elif index > 0:
            right = self.equations[state.name]
        else:
            right = e.Input() if index == 0 else None
        found = None if right is None else self.settle(self.written(right, index))
        return None if isinstance(found, e.Filled) else found

    def under_other_names(self, applied: e.Apply) -> Any:
        """What a boundary equation or the start calls an application, if one does."""
        if applied in self.boundaries:
            return applied
        if not all(map(self.is_input, applied.arguments)):
            return None
        for left in self.boundaries:
            if (
                isinstance(left, e.Apply)
                and (left.operator, left.index) == (applied.operator, applied.index)
                and all(map(self.is_input, left.arguments))
            ):
                return left
        inputs = [e.Input()] * len(applied.arguments)
        named = e.Apply(applied.operator, applied.index, *inputs)
        return named if applied.index == 0 and self.exists(named) else None

    def is_input(self, tensor: Any) -> bool:
        """Whether a tensor is the input, under whatever name."""
        if isinstance(tensor, e.State) and int(tensor.index) <= 0:
            return isinstance(self.definition(tensor), e.Input)
        return isinstance(tensor, e.Input)

    def exists(self, applied: e.Apply) -> bool:
        """An operator of a block before the first one is none.

        But for the one that a boundary equation applies to the input, as in X_0 = W_0*input.
        """
        if before_time(applied.operator):
            return False
        if applied.index is sympy.nan or applied.index > 0:
            return True
        return bool(
            applied.index == 0
            and applied.operator in self.at_start
            and all(map(self.is_input, applied.arguments))
        )

    def dead(self, coefficient: Any) -> bool:
        return any(
            (item.index is not sympy.nan and item.index < 1) or before_time(item.name)
            for item in coefficient.atoms(e.Learned)
        )

    # -- values

    def value(self, tensor: Any) -> Any:
        """What a settled expression is: a tensor (a number, of a number in a sum)."""
        if tensor not in self.values:
            self.values[tensor] = self.compute(tensor)
        return self.values[tensor]

    def compute(self, tensor: Any) -> Any:
        match tensor:
            case e.Input():
                return self.start
            case e.Context():
                return self.contexts[tensor.name]
            case e.State():
                return self.state(tensor)
            case e.Apply() if self.is_number(tensor):
                return self.beside(tensor)
            case e.Apply():
                self.begun.setdefault(tensor, self.block)
                module = self.operator(tensor.operator, tensor.index)
                return self.called(module, *self.arguments_of(tensor))
            case e.Scaled():
                return self.number(tensor.coefficient) * self.value(tensor.tensor)
            case e.Filled():
                return self.number(tensor.coefficient)
            case e.TensorSum() | e.Pointwise() | e.Combine():
                return self.met(kind_of(tensor), tensor.children, None)
            case e.Concat():
                return concat([self.value(part) for part in tensor.children])
            case e.Elementwise():
                return FUNCTIONS[tensor.name](self.value(tensor.argument))
            case e.Part():
                whole = self.value(tensor.tensor)
                return whole.chunk(tensor.parts, dim=axis(whole))[tensor.which]
            case e.History():
                return self.history(tensor)
            case Over():
                return total(self.each(tensor.tensor))
            case e.Across():
                return self.across(tensor.kind, self.value(tensor.tensor))
        raise TypeError(type(tensor).__name__)

    # -- a number beside a tensor: concat(X_<i-1>, i/L)

    def is_number(self, applied: e.Apply) -> bool:
        steps = self.formula.operators[applied.operator].steps
        return [step.operator.name for step in steps] == ["append"]

    def beside(self, applied: e.Apply) -> Tensor:
        (argument,) = applied.arguments
        value, given = self.value(argument), self.formula.operators[applied.operator]
        number = sympy.sympify(given.steps[0].arguments["value"])
        if applied.index is not sympy.nan:
            number = number.xreplace({e.I: applied.index})
        number = number.xreplace({e.L: sympy.Integer(len(self.blocks))})
        one = torch.full_like(value.narrow(axis(value), 0, 1), float(number))
        front = given.steps[0].arguments["front"]
        return concat([one, value] if front else [value, one])

    # -- sums over members, one member after the other

    def each(self, tensor: Any) -> list[Any]:
        """What an expression is for each member of the sum that it stands in."""
        match tensor:
            case Members():
                return self.held(tensor.listed)
            case Dealt():
                whole = self.value(tensor.tensor)
                return list(whole.split(1, axis(whole)))
            case Over():
                scores = torch.stack(self.each(tensor.tensor))
                weights = torch.exp(scores - scores.amax(0))
                return list(weights / weights.sum(0))
            case e.Apply():
                self.begun.setdefault(tensor, self.block)
                module = self.operator(tensor.operator, tensor.index)
                return self.called_on_each(module, self.columns(tensor.arguments))
            case e.Scaled():
                values = self.each(tensor.tensor)
                number = self.number(tensor.coefficient)
                if not tensor.coefficient.has(e.K):
                    return [number * value for value in values]
                return [n * value for n, value in zip(number, values, strict=True)]
        rows = self.columns(tensor.children)
        return [self.of_one(tensor, list(parts)) for parts in rows]

    def held(self, listed: Any) -> list[Tensor]:
        """The members of a list: a newer one brings those before it to its shape.

        By stages, the finished ones are a list of their own, to which a block joins the
        newest one for itself, or an earlier one does.
        """
        by_stage = listed.kind == "stages"
        newest_one = int(listed.last)
        found: list[Tensor] = []
        for number in range(listed.first, newest_one + 1):
            if by_stage and number not in self.ends and number != newest_one:
                continue
            member = self.settle(listed.body.xreplace({e.K: sympy.Integer(number)}))
            if member is None:
                continue
            blocks = [number + by_stage]
            if by_stage and number == newest_one:
                blocks = [*range(self.block, number - 1, -1)]
            found = self.joined_to(found, self.value(member), member, blocks)
        return found

    def joined_to(
        self, older: list[Tensor], new: Tensor, member: Any, blocks: list[int]
    ) -> list[Tensor]:
        """A list with one more: those of another shape go through one adapter."""
        odd = [value for value in older if sizes(value) != sizes(new)]
        if not odd:
            return [*older, new]
        self.meetings += 1
        mine = (self.meetings, member)
        made: dict[tuple[int, str], list[Call]] = {}
        for block in blocks:
            for call in self.calls:
                if call.block == block and call.makes[1:] == sizes(new):
                    made.setdefault((block, call.attribute), []).append(call)
        fit = [
            calls
            for calls in made.values()
            if all(any(call.takes(value) for call in calls) for value in odd)
        ]
        free = [
            calls
            for calls in fit
            if self.taken.get((calls[0].block, calls[0].attribute), mine) == mine
        ]
        if not fit:
            raise NoAdapter(f"blocks {blocks} bring no members to {sizes(new)}")
        call = (free or fit)[0][0]
        return [
            value if sizes(value) == sizes(new) else self.through(call, member, value)
            for value in older
        ] + [new]

    def columns(self, parts: Any) -> list[tuple[Any, ...]]:
        """The parts for each member; what is no member's is the same for all."""
        columns = [self.each(part) if part.is_many else None for part in parts]
        count = next(len(column) for column in columns if column is not None)
        filled = [
            [self.value(part)] * count if column is None else column
            for part, column in zip(parts, columns, strict=True)
        ]
        return list(zip(*filled, strict=True))

    def of_one(self, tensor: Any, parts: list[Any]) -> Any:
        match tensor:
            case e.Elementwise():
                return FUNCTIONS[tensor.name](parts[0])
            case e.Across():
                return self.across(tensor.kind, parts[0])
            case e.Part():
                return parts[0].chunk(tensor.parts, dim=axis(parts[0]))[tensor.which]
        return joined(kind_of(tensor), parts)

    def across(self, kind: str, value: Tensor) -> Tensor:
        if kind == "sum":
            return value.sum(axis(value), keepdim=True)
        return (value**2).sum(axis(value), keepdim=True) ** 0.5

    def called_on_each(self, module: nn.Module, rows: list[Any]) -> list[Tensor]:
        """A module on all members; once, if it looks at no more than one position."""
        leaves = [m for m in module.modules() if next(m.children(), None) is None]
        alone = all(isinstance(m, ALONE) for m in leaves)
        if alone and len(rows[0]) == 1 and rows[0][0].dim() < 4:
            return list(self.called(module, torch.stack([row[0] for row in rows])))
        # A call for a sum is one of its own, on what the block may call it on as well.
        return [self.called(module, *(v.view_as(v) for v in row)) for row in rows]

    def state(self, state: e.State) -> Any:
        index = int(state.index)
        right = self.definition(state)
        if index < 1:
            return self.value(right)
        # What earlier blocks made is there, in their order: a history grows block by block.
        found = [item for item in right.atoms(e.State) if item.index.is_Integer]
        for older in sorted(found, key=lambda item: (int(item.index), str(item))):
            if older.index < index:
                self.value(older)
        with self.inside(index):
            target = self.declared[index - 1]
            if self.is_made(right, index):
                return self.named(right)
            if isinstance(right, MEETING):
                return self.met(kind_of(right), right.children, target)
            factors, inner = bare(right)
            value = self.value(inner)
            if sizes(value) == target:
                return self.named(right)
            self.meetings += 1
            return self.times(factors, self.adapted(inner, value, index, target))

    def named(self, right: Any) -> Tensor:
        """The value of an unknown, which may have the equation of another one.

        An operator on both may run once or twice: two unknowns are two tensors, but what
        starts as the input, or is one application, is one.
        """
        value = self.value(right)
        return value.view_as(value)  # type: ignore[no-any-return]

    def arguments_of(self, applied: e.Apply) -> list[Tensor]:
        """What an operator gets: brought here, if it gets tensors of several stages."""
        return [
            self.argument(applied, place, inner)
            for place, inner in enumerate(applied.arguments)
        ]

    def argument(self, applied: e.Apply, place: int, given: Any) -> Tensor:
        """One of the tensors that an operator gets."""
        index = applied.index
        if index is sympy.nan or index < 1 or self.home(applied) != index:
            return self.value(given)  # type: ignore[no-any-return]
        block = int(index)
        calls = self.calls_of[applied.operator, block]
        stages = {self.stage(call[place]) for call in calls}
        factors, inner = bare(given)
        value, target = self.value(inner), self.declared[block - 1]
        if (
            len(stages) < 2
            or self.stage(given) == self.stages[block - 1]
            or sizes(value) == target
            or spreads(sizes(value), target, product=False)
        ):
            return self.value(given)  # type: ignore[no-any-return]
        self.meetings += 1
        call = self.find(inner, value, (block,), target)
        if call is None:
            raise NoAdapter(f"{applied} has no adapter in front of its argument")
        return self.times(factors, self.through(call, inner, value))

    def stage(self, tensor: Any) -> int:
        """The stage of the newest block that made a part."""
        if is_of_contexts(tensor):
            # What no block makes is of every stage.
            return self.stages[max(self.block, 1) - 1]
        block = self.newest(tensor)
        return self.stages[block - 1] if block else -1

    def newest(self, tensor: Any) -> int:
        """The number of the newest block that made a part."""
        if isinstance(tensor, e.Apply):
            return self.home(tensor)
        if isinstance(tensor, e.State | e.History):
            return newest(tensor)
        return max(map(self.newest, tensor.children), default=0)

    def called(self, module: nn.Module, *values: Tensor) -> Tensor:
        """A module on values: it runs once on what was computed once."""
        key = (id(module), *map(id, values))
        if key not in self.made:
            self.made[key] = module(*values)
            self.arguments.setdefault(id(module), []).append(values)
        return self.made[key]

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

    def times(self, factors: list[Any], value: Tensor) -> Tensor:
        for factor in reversed(factors):
            value = self.number(factor) * value
        return value

    def history(self, history: e.History) -> Any:
        """Kept as one tensor that adds up or grows, from the oldest member on."""
        members = self.members(history)
        left = [part for part in map(self.settle, members) if part is not None]
        if history.kind == "concat":
            return concat([self.value(member) for member in left])
        if history.kind == "mean":
            total = e.History("sum", history.body, history.first, history.last)
            return self.value(total) / len(left)
        older = e.History(history.kind, history.body, history.first, history.last - 1)
        both = [self.settle(part) for part in (older, members[-1])]
        left = [part for part in both if part is not None]
        if len(left) == 1:
            return self.value(left[0])
        kind = "TensorSum" if history.kind == "sum" else history.kind
        return self.met(kind, left, None)

    # -- terms that meet

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

    def is_made(self, tensor: Any, block: int) -> bool:
        """Whether a block makes a term itself, with an operator."""
        match tensor:
            case e.Apply():
                return self.home(tensor) == block
            case e.State():
                return int(tensor.index) == block and self.is_made(
                    self.definition(tensor), block
                )
            case e.History():
                last = self.settle(self.members(tensor)[-1])
                return last is not None and self.is_made(last, block)
        return any(self.is_made(part, block) for part in tensor.children)

    def home(self, applied: e.Apply) -> int:
        """The block in which an operator runs: its owner's, or where its argument is."""
        if applied.index is sympy.nan:
            return self.begun.get(applied, self.block)
        return max([int(applied.index), *map(newest, applied.arguments)])


def is_of_contexts(tensor: Any) -> bool:
    """Whether an expression is made of further inputs alone, and by no block."""
    leaves = [part for part in parts_of(tensor) if not part.children]
    others = [part for part in parts_of(tensor) if isinstance(part, e.Apply)]
    return (
        any(isinstance(leaf, e.Context) for leaf in leaves)
        and all(isinstance(leaf, e.Context | e.Filled) for leaf in leaves)
        and all(part.index is sympy.nan for part in others)
    )


def newest(tensor: Any) -> int:
    """The number of the newest block whose value an expression reads."""
    if isinstance(tensor, e.State):
        return int(tensor.index)
    if isinstance(tensor, e.History):
        return int(tensor.last)
    own = [0]
    if isinstance(tensor, e.Apply) and tensor.index is not sympy.nan:
        own = [int(tensor.index)]
    return max([*own, *(newest(part) for part in tensor.children)])


def parts_of(tensor: Any) -> Iterator[Any]:
    """An expression and all its parts."""
    yield tensor
    for part in tensor.children:
        yield from parts_of(part)


def bare(term: Any) -> tuple[list[Any], Any]:
    """The coefficients of a term, and the term without: what an adapter adapts."""
    factors = []
    while isinstance(term, e.Scaled):
        factors.append(term.coefficient)
        term = term.tensor
    return factors, term


def kind_of(tensor: Any) -> str:
    """How terms are joined."""
    return tensor.kind if isinstance(tensor, e.Combine) else type(tensor).__name__


def before_time(name: str) -> bool:
    """Whether a second index lies before the first time, where nothing is."""
    time = name.partition(".")[2]
    return bool(time) and int(time) < 1


def identifier(name: str) -> str:
    """The attribute of an operator or scalar: ``U2`` of ``U.2``."""
    return name.replace("'", "_prime").replace(".", "")


def joined(kind: str, parts: list[Any]) -> Any:
    parts = spread(parts)
    if kind == "Pointwise":
        return math.prod(parts[1:], start=parts[0])
    if kind in ("TensorSum", "sum", "mean"):
        total = sum(parts[1:], start=parts[0])
        return total / len(parts) if kind == "mean" else total
    stacked = torch.stack(list(torch.broadcast_tensors(*parts)))
    return stacked.amax(0) if kind == "max" else stacked.amin(0)


def total(parts: list[Any]) -> Any:
    return sum(parts[1:], start=parts[0])


def concat(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts, dim=axis(parts[0]))


def axis(value: Tensor) -> int:
    return -1 if value.dim() == 3 else 1


def declared(
    formula: Formula, flow: int, start: tuple[int, ...]
) -> list[tuple[int, ...]]:
    """For each block of a flow, the shape that its stage declares.

    Its width, on a grid divided by the strides so far. With `scope stage` the transition
    has made the stride, but there is none in front of the first stage.
    """
    stages = formula.stages
    if formula.scope is Scope.STAGE:
        stages = stages[flow : flow + 1]
    shapes: list[tuple[int, ...]] = []
    shape = start
    for stage in stages:
        stride = stage.stride
        if formula.scope is Scope.STAGE and flow and formula.transition is not None:
            stride = 1
        if len(shape) == 3:
            shape = (stage.width, *(-(-size // stride) for size in shape[1:]))
        else:
            shape = (*shape[:-1], stage.width)
        shapes += [shape] * stage.blocks
    return shapes


def stages_of_blocks(formula: Formula, flow: int) -> list[int]:
    """For each block of a flow, the number of its stage."""
    stages = list(enumerate(formula.stages))
    if formula.scope is Scope.STAGE:
        stages = stages[flow : flow + 1]
    return [number for number, stage in stages for _ in range(stage.blocks)]


def interpret(
    formula: Formula,
    net: nn.Module,
    given: tuple[Tensor, ...],
    calls: list[list[Call]],
    arguments: dict[int, list[tuple[Tensor, ...]]],
) -> Tensor:
    """What the network is to return, by the equations.

    Args:
        formula: what the file says.
        net: has the weights.
        given: what comes in.
        calls: what the adapters of each flow were called on in the network.
        arguments: is filled with what each operator is called on here.
    """
    value, *more = given
    contexts = dict(zip(formula.contexts, more, strict=True))
    value = net.stem(value) if formula.stem.steps else value
    for number, blocks in enumerate(flows(formula, net)):
        if number and formula.transition is not None:
            value = getattr(net, f"transition{number + 1}")(value)
        noted = calls[number]
        run = Flow(formula, net, blocks, number, value, contexts, noted, arguments)
        value = run.output()
    return net.head(value) if formula.head.steps else value  # type: ignore[no-any-return]


def flows(formula: Formula, net: nn.Module) -> list[list[nn.Module]]:
    """The blocks of each flow, by the names that docs/language.md gives them."""
    if len(formula.stages) == 1:
        return [list(net.blocks)]
    stages = [
        list(getattr(net, f"stage{number + 1}"))
        for number in range(len(formula.stages))
    ]
    return stages if formula.scope is Scope.STAGE else [list(chain(*stages))]
