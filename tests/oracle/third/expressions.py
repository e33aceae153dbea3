"""Sums, products, powers and calls."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from tests.oracle.third import numbers
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.names import Names
from tests.oracle.third.operators import (
    FUNCTIONS,
    axis,
    filled,
)
from tests.oracle.third.values import (
    Place,
    Value,
    changed,
    composed,
    extreme,
    mentions,
    nothing,
    number,
    of,
    operator_sum,
    plain_number,
    reckoned,
    scaled,
    spine,
)

JOINING = ("max", "min", "mean", "concat", "dot", "norm", "split", "sum")
_SIGN = {"+": 1, "-": -1}


class Expressions(Names):
    """Expressions of one flow of blocks."""

    def value(self, node: Node, at: Place) -> Value:
        match node[0]:
            case "number":
                return number(numbers.read(node[1]))
            case "neg":
                return self.product([("*", ("number", "1")), ("*", node[1])], at, -1)
            case "+" | "-":
                return self.sum(spine(node, "+-"), at)
            case "*" | "/":
                return self.product(spine(node, "*/"), at)
            case "^":
                return self.power(node, at)
            case "name":
                return self.name(node[1], node[2], at)
            case "call":
                return self.call(node, at)
        raise Unread(f"{node}")

    def sum(self, terms: list[tuple[str, Node]], at: Place) -> Value:
        """A sum: of tensors and operators what is there, of numbers all or nothing."""
        values = [(_SIGN[sign], self.value(node, at)) for sign, node in terms]
        sorts = {value.sort for _, value in values}
        if sorts == {"number"}:
            if not all(value.there for _, value in values):
                return nothing("number")
            total: Any = None
            for sign, value in values:
                total = (
                    (value.it if sign > 0 else -value.it)
                    if total is None
                    else reckoned("+" if sign > 0 else "-", total, value.it)
                )
            return number(total)
        left = [(sign, value) for sign, value in values if value.there]
        if "operator" in sorts:
            if "tensor" in sorts:
                raise Unread("a tensor and an operator")
            if not left:
                return nothing("operator")
            return Value(
                "operator", operator_sum(left, lambda parts: self.meet(parts, at))
            )
        if not left:
            return nothing("tensor")
        met = self.meet([value for _, value in left], at)
        made = None
        for (sign, _), item in zip(left, met, strict=True):
            part = item if sign > 0 else -item
            made = part if made is None else made + part
        return of(made, [value for _, value in left])

    def product(
        self, factors: list[tuple[str, Node]], at: Place, sign: int = 1
    ) -> Value:
        """A product: an operator is applied to the next tensor on its right."""
        values = [
            (kind, self.value(node, at)) for kind, node in self.bounded(factors, at)
        ]
        sorts = {value.sort for _, value in values}
        sort = next(s for s in ("tensor", "operator", "number") if s in sorts)
        if not all(value.there for _, value in values):
            return nothing(sort)
        if sort == "number":
            made: Any = Fraction(sign)
            for kind, value in values:
                made = reckoned(kind, made, value.it)
            return number(made)
        waiting: list[Value] = [number(Fraction(sign))]
        tensors: list[tuple[str, Value]] = []
        for kind, value in values:
            if kind == "/" and value.sort == "number":
                value = number(reckoned("/", Fraction(1), value.it))
            elif kind == "/" and value.sort == "operator":
                raise Unread("/ of an operator")
            if value.sort != "tensor":
                waiting.append(value)
                continue
            if kind == "/" and any(w.sort == "operator" for w in waiting):
                raise Unread("an operator in front of /")
            for part in reversed(waiting if kind == "*" else []):
                value = self.apply(part, value, at)
            if kind == "*":
                waiting = []
            tensors.append((kind, value))
        if sort == "operator":
            return composed(waiting, self.apply, at)
        total = self._times(tensors, at)
        for part in reversed(waiting):
            if part.sort != "number":
                raise Unread("an operator behind a tensor")
            total = self.apply(part, total, at)
        return total

    def bounded(
        self, factors: list[tuple[str, Node]], at: Place
    ) -> list[tuple[str, Node]]:
        """Factors with what boundary equations say in the place of applications."""
        if not self.applied or len(factors) < 2:
            return factors
        *before, (_, one), (_, two) = factors
        key = tuple(
            part
            for node in (one, two)
            if node[0] == "name" and node[2] and node[2][0][0] != "range"
            for part in (node[1], self.index(node[2][0], at))
        )
        return [*before, ("*", self.applied[key])] if key in self.applied else factors

    def _times(self, tensors: list[tuple[str, Value]], at: Place) -> Value:
        met = self.meet([value for _, value in tensors], at)
        total = met[0] if tensors[0][0] == "*" else 1 / met[0]
        for (kind, _), item in zip(tensors[1:], met[1:], strict=True):
            total = total * item if kind == "*" else total / item
        return of(total, [value for _, value in tensors])

    def apply(self, part: Value, value: Value, at: Place) -> Value:
        """A number or an operator in front of a tensor."""
        if part.sort == "number":
            bare = value.it if value.bare is None else value.bare
            it, factor = scaled(part.it, value.it), reckoned("*", part.it, value.factor)
            return replace(value, it=it, bare=bare, factor=factor)
        made: Value = part.it([value])
        return made

    def power(self, node: Node, at: Place) -> Value:
        base, exponent = self.value(node[1], at), self.value(node[2], at)
        if exponent.sort != "number":
            raise Unread("a power of a tensor")
        if not base.there or not exponent.there:
            return nothing(base.sort)
        if base.sort == "number":
            return number(reckoned("^", base.it, exponent.it))
        if base.sort == "operator":
            times = numbers.whole(exponent.it)
            return composed([base] * times, self.apply, at)
        by = exponent.it
        if not isinstance(by, Fraction):
            raise Unread("a power that is no fraction")
        return changed(base, base.it ** float(by))

    def call(self, node: Node, at: Place) -> Value:
        _, name, index, given, _ = node
        if index is None and name in ("sum", "prod") and len(given) == 4:
            return self.ranged(node, at)
        if index is None and name == "softmax" and len(given) == 2:
            return self.share(node, at)
        if index is not None or not (
            name in FUNCTIONS or name in numbers.FUNCTIONS or name in JOINING
        ):
            operator = self.name(name, index, at)
            values = [self.value(part, at) for part in given]
            if operator.sort != "operator":
                raise Unread(f"a call of {name}")
            if not operator.there or not all(value.there for value in values):
                return nothing("tensor")
            made: Value = operator.it(values)
            return made
        if name in JOINING:
            values = [value for part in given for value in self.spread(part, at)]
            return self.joined(name, values, at)
        (value,) = (self.value(part, at) for part in given)
        if not value.there:
            return value
        if value.sort == "number" and not isinstance(value.it, Tensor):
            return number(numbers.FUNCTIONS[name](value.it))
        if value.sort == "operator":
            raise Unread("a function of an operator")
        if name in ("floor", "ceil"):
            return changed(value, getattr(torch, name)(value.it))
        return changed(value, FUNCTIONS[name](value.it))

    def spread(self, node: Node, at: Place) -> list[Value]:
        """An argument of `concat` and others: one, or those of a range."""
        if node[0] == "name" and node[2] and node[2][0][0] == "range":
            low, high = (self.index(end, at) for end in node[2][0][1:])
            found = []
            for k in range(low, high + 1):
                if node[1] in at.locals:
                    found.append(at.locals[node[1]](k))
                else:
                    found.append(self.state(node[1], k, at))
            return found
        return [self.value(node, at)]

    def joined(self, name: str, values: list[Value], at: Place) -> Value:
        if name == "split":
            x, count = values
            cut = x.it.chunk(numbers.whole(count.it), axis(x.it)) if x.there else None
            return changed(x, cut)
        if name == "concat":
            return self._concat(values)
        if all(value.sort == "number" for value in values) and name in ("min", "max"):
            if not all(value.there for value in values):
                return nothing("number")
            return number(extreme(name, [value.it for value in values]))
        if name in ("dot", "norm"):
            if not all(value.there for value in values):
                return nothing("tensor")
            return self._inner(name, values, at)
        left = [value for value in values if value.there]
        if not left:
            return nothing("tensor")
        met = self.meet(left, at)
        made = met[0]
        for item in met[1:]:
            match name:
                case "max":
                    made = torch.maximum(made, item)
                case "min":
                    made = torch.minimum(made, item)
                case _:
                    made = made + item
        return of(made / len(met) if name == "mean" else made, left)

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
        if named:
            raise Unread("by stage")
        name = letter[1]
        first, last = self.index(low, at), self.index(high, at)
        finite = not mentions(high, ("i", "L"))
        listed = at.listed | {name} if finite else at.listed
        members = at.members if finite else (name, first, last)
        values = []
        for k in range(first, last + 1):
            place = replace(
                at.knows(**{name: Fraction(k)}), listed=listed, members=members
            )
            values.append(self.value(body, place))
        if kind == "prod":
            return self._prod(values, at)
        if all(value.sort == "number" for value in values):
            if not all(value.there for value in values):
                return nothing("number")
            total = values[0].it
            for value in values[1:]:
                total = reckoned("+", total, value.it)
            return number(total)
        if any(value.sort == "operator" for value in values):
            left = [(1, value) for value in values if value.there]
            if not left:
                return nothing("operator")
            run = operator_sum(left, lambda parts: self.meet(parts, at))
            return Value("operator", run)
        left_ = [value for value in values if value.there]
        if not left_:
            return nothing("tensor")
        return of(sum(self.meet(left_, at)[1:], self.meet(left_, at)[0]), left_)

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
        return self._times([("*", value) for value in values], at)

    def share(self, node: Node, at: Place) -> Value:
        """``softmax(k, score)``: the share of this member."""
        _, _, _, (letter, score), _ = node
        if at.members is None or at.members[0] != letter[1]:
            raise Unread("softmax outside of a sum")
        name, first, last = at.members
        mine = self.value(score, at)
        total: Any = 0
        for k in range(first, last + 1):
            value = self.value(score, at.knows(**{name: Fraction(k)}))
            if value.there:
                total = total + value.it.exp()
        return changed(mine, mine.it.exp() / total) if mine.there else mine
