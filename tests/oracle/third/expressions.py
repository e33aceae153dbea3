"""Sums, products, powers and calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tests.oracle.third import numbers
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.operators import (
    FUNCTIONS,
    axis,
)
from tests.oracle.third.places import Missing
from tests.oracle.third.sums import Sums
from tests.oracle.third.values import (
    Place,
    Value,
    changed,
    composed,
    gathered,
    mentions_range,
    nothing,
    number,
    operator_sum,
    reckoned,
    scaled,
    spine,
)

JOINING = ("max", "min", "mean", "concat", "dot", "norm", "split", "sum")
_SIGN = {"+": 1, "-": -1}


class Expressions(Sums):
    """Expressions of one flow of blocks."""

    def plainly(self, node: Node, at: Place) -> Value:
        if at.lists and at.members is not None:
            member = at.lists.get((node, int(at.locals.get(at.members[0], -1))))
            if member is not None:
                return member
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
        inner = replace(at, into=None)
        values = [(_SIGN[sign], self.value(node, inner)) for sign, node in terms]
        sorts = {value.sort for _, value in values}
        if sorts == {"number"} and not all(value.there for _, value in values):
            return nothing("number")
        left = [(sign, value) for sign, value in values if value.there]
        if left and all(value.sort == "number" for _, value in left):
            total = self.sum_of_numbers(left)
            alone = "tensor" in sorts or any(value.alone for _, value in left)
            return replace(total, alone=alone)
        if "operator" in sorts:
            if "tensor" in sorts:
                raise Unread("a tensor and an operator")
            if not left:
                return nothing("operator")
            return self.summed(left, at)
        return self.total(left, at) if left else nothing("tensor")

    def summed(self, terms: list[tuple[int, Value]], at: Place) -> Value:
        """A sum of operators, with their signs, as an operator."""
        total = operator_sum(
            terms,
            lambda parts: self.total(parts, at),
            lambda factor, value: self.apply(factor, value, at),
        )
        return Value("operator", total)

    def product(
        self, factors: list[tuple[str, Node]], at: Place, sign: int = 1
    ) -> Value:
        """A product: an operator is applied to the next tensor on its right."""
        values = self.factors(self.bounded(factors, at), at)
        sorts = {value.sort for _, value in values}
        sort = next(s for s in ("tensor", "operator", "number") if s in sorts)
        if not all(value.there for _, value in values) or _shapeless(values):
            return nothing("tensor" if any(v.alone for _, v in values) else sort)
        if sort == "number":
            made: Any = Fraction(sign)
            for kind, value in values:
                made = reckoned(kind, made, value.it)
            return replace(number(made), alone=any(v.alone for _, v in values))
        waiting: list[Value] = [number(Fraction(sign))] if sign < 0 else []
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
            for part in reversed(gathered(waiting) if kind == "*" else []):
                value = self.apply(part, value, at)
            if kind == "*":
                waiting = []
            tensors.append((kind, value))
        if sort == "operator":
            return composed(gathered(waiting), self.apply, at)
        total = self.times(tensors, at)
        for part in reversed(gathered(waiting)):
            if part.sort != "number":
                raise Unread("an operator behind a tensor")
            total = self.apply(part, total, at)
        return total

    def factors(
        self, nodes: list[tuple[str, Node]], at: Place
    ) -> list[tuple[str, Value]]:
        """What is multiplied; if one is nothing, the others need not be there."""
        inner = replace(at, into=None)
        kinds = [kind for kind, _ in nodes]
        # The terms of a sum of operators are those of a sum.
        places = [at if nodes[0][1][0] in "+-" else inner, *[inner] * (len(nodes) - 1)]
        pairs = zip(nodes, places, strict=True)
        parts = [partial(self._factor, *pair, place) for pair, place in pairs]
        values = self.all_or_none(parts)
        return list(zip(kinds, values, strict=False))

    def _factor(self, kind: str, node: Node, at: Place) -> list[Value]:
        value = self.value(node, at)
        return [nothing("tensor") if kind == "/" and value.alone else value]

    def all_or_none(self, parts: list[Callable[[], list[Value]]]) -> list[Value]:
        """Values, all of which are needed: if one is nothing, none need be there."""
        values: list[Value] = []
        missing: list[Missing] = []
        for part in parts:
            try:
                values += part()
            except Missing as error:
                missing.append(error)
                values.append(nothing("tensor"))
        if missing and sum(not value.there for value in values) == len(missing):
            raise missing[0]
        return values

    def bounded(
        self, factors: list[tuple[str, Node]], at: Place
    ) -> list[tuple[str, Node]]:
        """Factors with what boundary equations say in the place of applications."""
        made = list(factors)
        for place in range(len(factors) - 1 if self.applied else 0):
            (_, one), (kind, two) = made[place : place + 2]
            if kind == "/" or {one[0], two[0]} & {"number", "call"}:
                continue
            try:
                key = self.written(("*", one, two), at)
            except Unread:  # a sum in it has an index of its own
                continue
            if key not in self.applied:
                same = (k for k in self.applied if self._is_same(k, key, two, at))
                key = next(same, key)
            if key in self.applied:
                made[place : place + 2] = [(made[place][0], self.applied[key])]
                break
        return made

    def _is_same(self, named: Any, key: Any, argument: Node, at: Place) -> bool:
        """Whether an application is one that a boundary equation has, by another name."""
        if named[:2] != key[:2] or named[2][0] != "name" or argument[0] != "name":
            return False
        name, (block,) = named[2][1], named[2][2]
        other = self.value(argument, at)
        return other.there and other.it is self.state(name, block, at).it

    def apply(self, part: Value, value: Value, at: Place) -> Value:
        """A number or an operator in front of a tensor."""
        if part.sort == "number":
            bare = value.it if value.bare is None else value.bare
            factor = reckoned("*", part.it, value.factor)
            # Numbers for features that an adapter is still to make.
            early = isinstance(part.it, Tensor) and part.it.numel() > 1
            early = early and part.it.numel() not in (value.it.shape[axis(value.it)], 1)
            early = early and value.it.shape[axis(value.it)] > 1
            it = value.it if early else scaled(part.it, value.it)
            return replace(value, it=it, bare=bare, factor=factor, terms=())
        made: Value = part.it([value])
        return made

    def power(self, node: Node, at: Place) -> Value:
        into, at = at.into, replace(at, into=None)
        base, exponent = self.value(node[1], at), self.value(node[2], at)
        if exponent.sort != "number":
            raise Unread("a power of a tensor")
        if not base.there or not exponent.there:
            return nothing(base.sort)
        if base.sort == "number":
            if base.alone and not _is_count(exponent.it):
                return nothing("tensor")  # a root or a quotient of what has no shape
            made = number(reckoned("^", base.it, exponent.it))
            return replace(made, alone=base.alone)
        if base.sort == "operator":
            times = numbers.whole(exponent.it)
            return composed([base] * times, self.apply, at)
        by = exponent.it
        if not isinstance(by, Fraction):
            raise Unread("a power that is no fraction")
        if into is not None:
            base = self.adapted(base, at)
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
            if not operator.there:
                return nothing("tensor")
            values = self.all_or_none(
                [partial(self.spread, part, at) for part in given]
            )
            if operator.sort != "operator":
                raise Unread(f"a call of {name}")
            there = all(value.there and not value.alone for value in values)
            if not there:
                return nothing("tensor")
            made: Value = operator.it(values)
            return made
        if name in JOINING:
            inner = replace(at, into=None)
            parts = [partial(self.spread, part, inner) for part in given]
            if name == "dot":
                values = self.all_or_none(parts)
            else:
                values = [value for part in parts for value in part()]
            ranged = mentions_range(given)
            return self.joined(name, values, at, ranged)
        (value,) = (self.value(part, at) for part in given)
        if not value.there or value.alone:
            return nothing("tensor") if value.alone else value
        if value.sort == "number" and not isinstance(value.it, Tensor):
            return number(numbers.FUNCTIONS[name](value.it))
        if value.sort == "operator":
            raise Unread("a function of an operator")
        if name in ("floor", "ceil"):
            return changed(value, getattr(torch, name)(value.it))
        return changed(value, FUNCTIONS[name](value.it))


def _is_count(exponent: Any) -> bool:
    """Whether a power is a product of equal factors."""
    whole = isinstance(exponent, Fraction) and exponent.denominator == 1
    return whole and exponent > 0


def _shapeless(values: list[tuple[str, Value]]) -> bool:
    """Whether an operator gets, or something is divided by, a number left alone."""
    waiting = False
    for kind, value in values:
        if value.alone and (waiting or kind == "/"):
            return True
        waiting = value.sort == "operator" or (waiting and value.sort == "number")
    return False
