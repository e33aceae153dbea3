"""The values of expressions: recursion on the index, with a memo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sympy
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recform.algebra import expr as e
from recform.algebra.lists import Dealt, Members, Over
from recform.algebra.symbols import BLOCK
from tests.oracle.adapters import Call, NoAdapter, sizes, spreads
from tests.oracle.interpreter.joining import axis, concat, joined, total
from tests.oracle.interpreter.meeting import Meeting
from tests.oracle.interpreter.terms import (
    bare,
    kind_of,
)

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
    "selu": F.selu,
    "sin": torch.sin,
    "cos": torch.cos,
    "abs": torch.abs,
    "exp": torch.exp,
    "reciprocal": torch.reciprocal,
}

#: What looks at the last axis alone, of tokens and vectors.
ALONE = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Identity)

#: Whose terms meet in one shape.
MEETING = e.TensorSum | e.Pointwise | e.Combine


class Flow(Meeting):
    """The values of one flow of blocks."""

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

    def is_number(self, applied: e.Apply) -> bool:
        steps = self.formula.operators[applied.operator].steps
        return [step.operator.name for step in steps] == ["append"]

    def beside(self, applied: e.Apply) -> Tensor:
        (argument,) = applied.arguments
        value, given = self.value(argument), self.formula.operators[applied.operator]
        number = sympy.sympify(given.steps[0].arguments["value"])
        if applied.index is not sympy.nan:
            number = number.xreplace({BLOCK: applied.index})
        number = number.xreplace({e.L: sympy.Integer(len(self.blocks))})
        one = torch.full_like(value.narrow(axis(value), 0, 1), float(number))
        front = given.steps[0].arguments["front"]
        return concat([one, value] if front else [value, one])

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
            return (
                self.value(right) if isinstance(right, e.Input) else self.named(right)
            )
        # What earlier blocks made is there, in their order: a history grows block by block.
        found = [item for item in right.atoms(e.State) if item.index.is_Integer]
        for older in sorted(found, key=lambda item: (int(item.index), str(item))):
            if older.index < index:
                self.value(older)
        with self.inside(index):
            target = self.declared[index - 1]
            here = self.stage(right) == self.stages[index - 1]
            if here or self.is_made(right, index):
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
