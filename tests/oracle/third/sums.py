"""Sums, products and what joins several tensors; histories grow block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from tests.oracle.third import numbers
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.operators import axis, filled
from tests.oracle.third.shapes import Shapes
from tests.oracle.third.values import (
    Place,
    Value,
    changed,
    composed,
    extreme,
    member_nodes,
    mentions,
    nothing,
    number,
    of,
    plain_number,
    reckoned,
    spine,
)

JOINED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "max": torch.maximum,
    "min": torch.minimum,
    "mean": torch.add,
    "sum": torch.add,
}


class Sums(Shapes):
    """Where several tensors make one."""

    def total(self, terms: list[tuple[int, Value]], at: Place) -> Value:
        """A sum of tensors and numbers, of which a tensor is there."""
        signs, values = [sign for sign, _ in terms], [value for _, value in terms]
        made = None
        for sign, item in zip(signs, self.meet(values, at, signs), strict=True):
            part = item if sign > 0 else -item
            made = part if made is None else made + part
        return replace(of(made, values), terms=tuple(terms))

    def times(self, tensors: list[tuple[str, Value]], at: Place) -> Value:
        if len(tensors) == 1 and tensors[0][0] == "*":
            return tensors[0][1]
        met = self.meet([value for _, value in tensors], at, product=True)
        total = met[0] if tensors[0][0] == "*" else 1 / met[0]
        for (kind, _), item in zip(tensors[1:], met[1:], strict=True):
            total = total * item if kind == "*" else total / item
        return of(total, [value for _, value in tensors])

    def spread(self, node: Node, at: Place) -> list[Value]:
        """An argument of `concat` and others: one, or those of a range."""
        if node[0] == "name" and node[2] and node[2][-1][0] == "range":
            low, high = (self.index(end, at) for end in node[2][-1][1:])
            if len(node[2]) == 2:
                inner = [
                    (*node[2][:1], ("number", str(t))) for t in range(low, high + 1)
                ]
                return [self.two(node[1], index, at) for index in inner]
        if node[0] == "name" and node[2] and node[2][0][0] == "range":
            low, high = (self.index(end, at) for end in node[2][0][1:])
            if len(node[2]) == 2:
                rest = node[2][1:]
                blocks = [("number", str(k)) for k in range(low, high + 1)]
                return [self.two(node[1], (k, *rest), at) for k in blocks]
            found = []
            for k in range(low, high + 1):
                if node[1] in at.locals:
                    found.append(at.locals[node[1]](k))
                else:
                    found.append(self.state(node[1], k, at))
            return found
        return [self.value(node, at)]

    def joined(
        self, name: str, values: list[Value], at: Place, ranged: bool = False
    ) -> Value:
        if name == "split":
            x, count = values
            cut = x.it.chunk(numbers.whole(count.it), axis(x.it)) if x.there else None
            return changed(x, cut)
        if name == "concat":
            return self._concat(values)
        numeric = bool(values) and all(value.sort == "number" for value in values)
        if numeric and name in ("min", "max"):
            if not all(value.there for value in values):
                return nothing("number")
            return number(extreme(name, [value.it for value in values]))
        if name in ("dot", "norm"):
            if not all(value.there for value in values):
                return nothing("tensor")
            return self._inner(name, values, at)
        left = [value for value in values if value.there and not value.alone]
        if not left:
            return nothing("tensor")
        if len(left) == 1 and not ranged:
            return left[0]
        total = self.folded(name, left, at) if ranged else self.met(name, left, at)
        return changed(total, total.it / len(left)) if name == "mean" else total

    def met(self, name: str, values: list[Value], at: Place) -> Value:
        """``max``, ``min`` or a sum of what stands side by side."""
        first, *others = self.meet(values, at)
        for item in others:
            first = JOINED[name](first, item)
        return of(first, values)

    def folded(self, name: str, values: list[Value], at: Place) -> Value:
        """The same of a range, to which block after block puts a member."""
        made = values[0]
        keys = (name, id(made.it))
        for value in values[1:]:
            keys += (id(value.it),)
            if keys not in self.folds:
                self.folds[keys] = (self.met(name, [made, value], at), values)
            made = self.folds[keys][0]
        return made

    def _inner(self, name: str, values: list[Value], at: Place) -> Value:
        """``dot`` and ``norm``: one number a position."""
        one, two = self.meet([*values, *values][:2], at)
        made = (one * two).sum(
            axis(one if one.dim() >= two.dim() else two), keepdim=True
        )
        return of(made.sqrt() if name == "norm" else made, values)

    def _concat(self, values: list[Value]) -> Value:
        items: list[Value] = []
        front: list[Any] = []
        for value in values:
            if value.alone:
                continue
            if value.sort == "tensor":
                items.append(value)
            elif not items:
                front.append(value.it)
            elif items[-1].there:
                last = items[-1]
                more = filled(last.it, plain_number(value.it))
                it = torch.cat([last.it, more], axis(last.it))
                items[-1] = changed(last, it)
        left = [value for value in items if value.there]
        if not left:
            return nothing("tensor")
        tensors = [value.it for value in left]
        for value in reversed(front):
            tensors.insert(0, filled(tensors[-1], plain_number(value)))
        return of(torch.cat(tensors, axis(tensors[0])), left)

    def ranged(self, node: Node, at: Place) -> Value:
        """``sum(k, low, high, body)`` and ``prod``."""
        _, kind, _, (letter, low, high, body), named = node
        name = letter[1]
        first, last = self.index(low, at), self.index(high, at)
        finite = not mentions(high, ("i", "L"))
        listed = at.listed | {name} if finite else at.listed
        numbers_ = range(first, last + 1)
        if named:
            numbers_ = [k for k in numbers_ if k == last or self._ends_stage(k)]
        members = at.members if finite else (name, tuple(numbers_))
        if not finite and (named or mentions(body, ("i",))):
            front, rest = self._in_front(body, name, at)
            if front and not (named or mentions(rest, ("i",))):
                history = ("call", kind, None, (letter, low, high, rest), ())
                return self.product([*front, ("*", history)], at)
            at = replace(at, lists=self._lists(node, numbers_, at))
        values = []
        for k in numbers_:
            place = replace(
                at.knows(**{name: Fraction(k)}), listed=listed, members=members
            )
            values.append(self.value(body, place))
        if kind == "prod":
            return self._prod(values, at)
        if values and all(value.sort == "number" for value in values):
            if not all(value.there for value in values):
                return nothing("number")
            return self.sum_of_numbers([(1, value) for value in values])
        if any(value.sort == "operator" for value in values):
            left = [(1, value) for value in values if value.there]
            if not left:
                return nothing("operator")
            return self.summed(left, at)
        left_ = [value for value in values if value.there]
        if not left_:
            return nothing("tensor")
        if finite or named or mentions(body, ("i",)):
            return self.total([(1, value) for value in left_], at)
        return self.folded("sum", left_, at)

    def _in_front(
        self, body: Node, name: str, at: Place
    ) -> tuple[list[tuple[str, Node]], Node]:
        """The numbers of a body that are the same for all members, and the rest of it."""
        factors, count = spine(body, "*/"), 0
        for _, factor in factors[:-1]:
            if mentions(factor, (name,)) or self.value(factor, at).sort != "number":
                break
            count += 1
        while factors[count][0] == "/":
            count -= 1
        (_, rest), *others = factors[count:]
        for kind, factor in others:
            rest = (kind, rest, factor)
        return factors[:count], rest

    def _lists(
        self, node: Node, numbers_: Iterable[int], at: Place
    ) -> dict[tuple[Node, int], Value]:
        """Members of a sum over depth, of which some went through adapters: rule 9."""
        _, _, _, (letter, _, _, body), named = node
        made: dict[tuple[Node, int], Value] = {}
        for part in member_nodes(body, letter[1]):
            listed: dict[int, Value] = {}
            for k in numbers_:
                value = self.value(part, at.knows(**{letter[1]: Fraction(k)}))
                if value.sort == "tensor" and value.there:
                    # Of groups it is done where one comes behind those that are whole.
                    block = min(value.newest + bool(named), at.i or self.length)
                    listed = {**self._behind(listed, value, block), k: value}
            made |= {(part, k): value for k, value in listed.items()}
        return made

    def _behind(
        self, listed: dict[int, Value], value: Value, block: int
    ) -> dict[int, Value]:
        """The members of a list in the shape of one that a block puts behind them."""
        last = next(reversed(listed.values()), value)
        into, at = tuple(value.it.shape[1:]), Place(block)
        if tuple(last.it.shape[1:]) == into:
            return listed
        keys = ("list", block, into, *(id(member.it) for member in listed.values()))
        if keys not in self.lists:
            *_, module = self._chosen([last], [0], into, at, None)
            made = {
                k: Value("tensor", self._through_adapter(x, into, at, module), block)
                for k, x in listed.items()
            }
            self.lists[keys] = (made, listed)
        return self.lists[keys][0]

    def _ends_stage(self, block: int) -> bool:
        """Whether a block is the last of its stage, or lies before the first."""
        here = self.stage_of(block)[0] if block else -1
        return block == self.length or self.stage_of(block + 1)[0] > here

    def sum_of_numbers(self, terms: list[tuple[int, Value]]) -> Value:
        total: Any = None
        for sign, value in terms:
            if total is None:
                total = value.it if sign > 0 else -value.it
            else:
                total = reckoned("+" if sign > 0 else "-", total, value.it)
        return number(total)

    def _prod(self, values: list[Value], at: Place) -> Value:
        sorts = {value.sort for value in values}
        if not all(value.there for value in values):
            sort = next(s for s in ("tensor", "operator", "number") if s in sorts)
            return nothing(sort)
        if sorts == {"number"}:
            total: Any = Fraction(1)
            for value in values:
                total = reckoned("*", total, value.it)
            return number(total)
        if sorts <= {"number", "operator"}:
            return composed(values, self.apply, at)
        return self.times([("*", value) for value in values], at)

    def share(self, node: Node, at: Place) -> Value:
        """``softmax(k, score)``: the share of this member."""
        _, _, _, (letter, score), _ = node
        if at.members is None or at.members[0] != letter[1]:
            raise Unread("softmax outside of a sum")
        name, members = at.members
        mine = self.value(score, at)
        # Shares are of logarithms: exp of a large score is infinite.
        total: Any = None
        for k in members:
            value = self.value(score, at.knows(**{name: Fraction(k)}))
            if value.there:
                total = value.it if total is None else torch.logaddexp(total, value.it)
        return changed(mine, (mine.it - total).exp()) if mine.there else mine
