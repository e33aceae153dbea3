"""The equations written out naively, as values: what the network has to compute.

The rules are those of docs/language.md ("Where the history starts"): what lies before the
start vanishes, and so does what is applied to it, unless a boundary equation says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Context,
    Filled,
    History,
    I,
    Input,
    K,
    L,
    Learned,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.algebra.lists import LISTS, Over
from recform.blocks.symbolic import Symbolic
from recform.proof.coefficients import has_i, number, scalars
from recform.proof.indices import place, written
from recform.proof.shift import shifted
from recform.proof.stated import Stated
from recform.proof.values import Node, Values

INPUT: Node = ("input",)


class Equations:
    """The equations of a flow of blocks, written out for block numbers.

    Args:
        formula: the network.
        length: the number of blocks.
        values: the table of values.

    Attributes:
        made: what each unknown and each history that was asked for is made of, by its
            name; where nothing is, None.
    """

    def __init__(self, formula: Formula, length: int, values: Values) -> None:
        self.values = values
        self.made: dict[int, int] = {}
        self._states: dict[tuple[str, int], int | None] = {}
        self._histories: dict[tuple[str, Tensor, int, int], int | None] = {}
        self._passed: list[tuple[int, int]] = []
        self._fixed = 0
        # Unknowns that are one application, by the application.
        self._applications: dict[int, int] = {}
        self._busy: set[tuple[str, int]] = set()
        # Two unknowns may have one right side: one can be read within the other.
        self._defining: list[tuple[Tensor, int]] = []
        self.length = length
        self.formula = formula
        self._stated = Stated(formula, length)

    def output(self) -> int | None:
        """What the equations make of the last block."""
        return self.value(self.formula.output, self.length)

    def state(self, name: str, index: int) -> int | None:
        """An unknown at a block: its name, or None if there is nothing.

        What starts as the input is the input, and what is the history up to there is
        that history, under whatever name.
        """
        key = (name, index)
        if key not in self._states:
            for first, last in self._passed:
                if first <= index <= last:
                    return self._like(("state", name), first - 1, index)
            self._busy.add(key)
            made = self._state(name, index)
            self._busy.discard(key)
            if made is None or self._is_number(made):
                self._states[key] = None
            elif self._is_name(name, index, made):
                self._states[key] = made
            elif not isinstance(self._stated.right(name, index), Apply):
                self._states[key] = self._name(("state", name, index), made)
            else:
                if made not in self._applications:
                    named = self._name(("state", name, index), made)
                    self._applications[made] = named
                self._states[key] = self._applications[made]
        return self._states[key]

    def _is_name(self, name: str, index: int, made: int) -> bool:
        """Whether an unknown is only a name for what it is made of."""
        kind, *rest = self.values.nodes[made]
        if kind == "input":
            return index <= 0
        is_history = isinstance(self._stated.right(name, index), History)
        return bool(is_history and kind == "history" and rest[-1] == index)

    def applied(
        self, operator: str, owner: int | None, arguments: tuple[int, ...]
    ) -> int:
        """What an operator makes of values; the unknown that is that, if one is."""
        made = self.values.make("apply", operator, owner, arguments)
        newest = max([0, *map(self._newest, arguments)]) if owner is None else owner
        for key in self._stated.applications(operator, newest):
            if not self._is_busy(*key):
                self.state(*key)
        return self._applications.get(made, made)

    def _is_busy(self, name: str, index: int) -> bool:
        """Whether this unknown is being read now, or an older one of its name.

        An operator in the equation of a block may be what the next block begins with, and
        so on: without an end.
        """
        return any(other == name and at <= index for other, at in self._busy)

    def _newest(self, value: int) -> int:
        """The newest block of which a value has an unknown."""
        kind, *rest = self.values.nodes[value]
        if kind in ("state", "history"):
            return int(rest[-1])
        return max([0, *map(self._newest, self.values.parts(value))])

    def definition(self, named: int) -> int:
        """What an unknown or history is made of; of anything else, the value itself."""
        if named in self.made:
            return self.made[named]
        kind, *rest = self.values.nodes[named]
        made: int | None = named
        if kind == "state":
            made = self._state(rest[0], rest[1])
        elif kind == "history":
            history, body, first, last = rest
            before = self.history(history, body, first, last - 1)
            found = self._longer(history, body, first, last, before)
            assert found is not None
            return self.made[found]
        assert made is not None
        return made

    def pass_over(
        self, first: int, last: int, state: Iterable[int], named: int
    ) -> None:
        """Takes blocks as given, in which all is as in the one before.

        Args:
            first: the first of the blocks.
            last: the last one.
            state: the values behind it. Histories in it are given; their next members
                are not, for it is later blocks that make them.
            named: what belongs to blocks up to this one is the same in all of them.
        """
        self._fixed = named
        by = last + 1 - first
        for value in self.values.within(state):
            kind, *key = self.values.nodes[value]
            if kind == "history" and tuple(key) not in self._histories:
                *key, there = key
                for index in range(there - by + 1, there + 1):
                    self._histories[*key, index] = self._like(
                        ("history", *key), there - by, index
                    )
        self._passed.append((first, last))

    def _like(self, node: Node, known: int, index: int) -> int | None:
        """The name of what is there at a block, if it is at another one."""
        if node[0] == "state":
            there = self.state(node[1], known)
        else:
            there = self.history(node[1], node[2], node[3], known)
        if there is None:
            return None
        made = self.made.get(there)
        if made not in self._applications:
            return self._later(there, index - known)
        # An operator that is applied behind the given blocks may make one of their unknowns.
        made = self._later(made, index - known)
        return self._applications.setdefault(made, self._later(there, index - known))

    def _later(self, value: int, by: int) -> int:
        """What a value is some blocks later."""
        (later,) = shifted(self.values, [value], by, self._fixed)
        assert isinstance(later, int)
        return later

    def _name(self, node: Node, made: int) -> int:
        named = self.values.make(*node)
        self.made[named] = made
        return named

    def _state(self, name: str, index: int) -> int | None:
        if self._stated.has_own(name, index):
            right = self._stated.right(name, index)
            return None if right is None else self._raw(right, index)
        if index < 0:
            return None
        if index == 0:
            return self.values.make(*INPUT)
        return self._raw(self._stated.general(name), index)

    def _is_number(self, value: int) -> bool:
        return bool(self.values.nodes[value][0] == "number")

    # -- expressions

    def value(self, tensor: Tensor, block: int, k: int = 0) -> int | None:
        """A tensor of the formula for a block; None where nothing is left of it."""
        if self._stated.inner and not isinstance(
            tensor, State | Input | Context | Filled
        ):
            here = written(tensor, {I: block, L: self.length, K: k})
            for left, right in self._stated.inner:
                if here == left:
                    return None if right is None else self.value(right, 0)
        return self._made(tensor, block, k)

    def _made(self, tensor: Tensor, block: int, k: int) -> int | None:
        values = self.values
        match tensor:
            case Input():
                return values.make(*INPUT)
            case Context():
                return values.make("context", tensor.name)
            case State():
                return self.state(tensor.name, self._index(tensor.index, block, k))
            case Apply():
                return self._applied(tensor, block, k)
            case Scaled() | Filled():
                return self._scaled(tensor, block, k)
            case TensorSum():
                return self._sum(self._present(tensor, block, k))
            case Pointwise():
                return self._product(tensor, block, k)
            case Combine() | Concat():
                left = [
                    part
                    for part in self._present(tensor, block, k)
                    if not self._is_number(part)
                ]
                if len(left) < 2:
                    return left[0] if left else None
                return values.of(tensor, left)
            case History():
                last = self._index(tensor.last, block, k)
                return self.history(tensor.kind, tensor.body, tensor.first, last)
        (part,) = tensor.children
        inner = self._shaped(part, block, k)
        if inner is None or (
            isinstance(tensor, Over)
            and not values.is_many(inner, dealt=tensor.kind != "sum")
        ):
            return None
        return values.of(tensor, [inner])

    def _index(self, index: Symbolic, block: int, k: int) -> int:
        symbol, distance = place(index)
        base = {I: block, L: self.length, K: k}
        return distance + (base[symbol] if symbol is not None else 0)

    def _present(self, tensor: Tensor, block: int, k: int) -> list[int]:
        found = [self.value(part, block, k) for part in tensor.children]
        return [part for part in found if part is not None]

    def _shaped(self, tensor: Tensor, block: int, k: int) -> int | None:
        """An argument; a number that is left alone has no shape."""
        inner = self.value(tensor, block, k)
        return None if inner is None or self._is_number(inner) else inner

    def _raw(self, right: Tensor, block: int) -> int | None:
        """The right side of an unknown; an application under no name.

        No other unknown is looked for that may be the same one: that would need this one.
        """
        self._defining.append((right, block))
        made = self.value(right, block)
        self._defining.pop()
        return made

    def _applied(self, tensor: Apply, block: int, k: int) -> int | None:
        shared = tensor.index is sympy.nan
        owner = None if shared else self._index(tensor.index, block, k)
        if owner is not None and owner < 0:
            return None
        found = [self._shaped(inner, block, k) for inner in tensor.arguments]
        arguments = tuple(inner for inner in found if inner is not None)
        if len(arguments) < len(found):
            return None
        for left, right in self._stated.inner:
            # An argument of which only a part is there may be what a boundary names.
            if (
                isinstance(left, Apply)
                and (left.operator, left.index) == (tensor.operator, owner)
                and len(left.arguments) == len(arguments)
                and all(
                    self._shaped(there, 0, 0) == here
                    for there, here in zip(left.arguments, arguments, strict=True)
                )
            ):
                return None if right is None else self.value(right, 0)
        # Block 0 has the operators that a boundary equation applies to the input.
        is_input = all(self.values.nodes[inner] == INPUT for inner in arguments)
        if owner == 0 and not (is_input and tensor.operator in self._stated.at_start):
            return None
        if (tensor, block) in self._defining:
            return self.values.make("apply", tensor.operator, owner, arguments)
        return self.applied(tensor.operator, owner, arguments)

    def _scaled(self, tensor: Scaled | Filled, block: int, k: int) -> int | None:
        coefficient = tensor.coefficient
        if any(s.index.has(K) for s in scalars(coefficient)) or _reads(coefficient, K):
            learned = {
                item: item.at(sympy.Integer(self._index(item.index, block, k)))
                for item in coefficient.atoms(Learned)
                if item.index is not sympy.nan
            }
            # The number of a member is that of a block.
            coefficient, block = coefficient.xreplace(learned).xreplace({K: I}), k
        owners = [
            self._index(item.index, block, k)
            for item in coefficient.atoms(Learned)
            if item.index is not sympy.nan
        ]
        inner = None
        if isinstance(tensor, Scaled):
            inner = self.value(tensor.tensor, block, k)
            if inner is None:
                return None
        if any(owner < 1 for owner in owners):
            return None
        own = number(coefficient, lambda item: self._index(item.index, block, k), block)
        return self.values.scale(own, inner)

    def _sum(self, parts: list[int]) -> int | None:
        if not parts:
            return None
        if all(map(self._is_number, parts)):
            return self._number(parts, lambda values: sum(values, sympy.S.Zero))
        return parts[0] if len(parts) == 1 else self.values.sum(parts)

    def _number(self, parts: list[int], joined: Callable[..., Symbolic]) -> int:
        """What is made of numbers alone."""
        numbers = [self.values.nodes[part][1:] for part in parts]
        at = next((at for _, at in numbers if at is not None), None)
        made = joined(value for value, _ in numbers)
        return self.values.make("number", made, at if has_i(made) else None)

    def _product(self, tensor: Tensor, block: int, k: int) -> int | None:
        parts = self._present(tensor, block, k)
        if len(parts) < len(tensor.children):
            return None
        tensors = [part for part in parts if not self._is_number(part)]
        if not tensors:
            return self._number(parts, sympy.prod)
        made = tensors[0]
        if len(tensors) > 1:
            made = self.values.make("product", tuple(tensors))
        for part in filter(self._is_number, parts):
            _, value, at = self.values.nodes[part]
            if value != 1:
                made = self.values.make("scaled", value, at, made)
        return made

    def history(self, kind: str, body: Tensor, first: int, last: int) -> int | None:
        """What is put together of a growing range, a member more each time.

        It has a name as soon as it has two members; a list has one with its first.
        """
        if kind == "stages":
            return self._by_stages(body, first, last)
        key = (kind, body, first)
        known = last
        while known >= first and (*key, known) not in self._histories:
            known -= 1
        result = self._histories.get((*key, known))
        for index in range(max(known, first - 1) + 1, last + 1):
            result = self._longer(kind, body, first, index, result)
            self._histories[*key, index] = result
        return result

    def _by_stages(self, body: Tensor, first: int, last: int) -> int | None:
        """The member of the last block behind those at the ends of stages."""
        if last < first:
            return None
        if last in self.formula.ends and body not in self.formula.open_stages:
            return self.history("finished", body, first, last + 1)
        before = self.history("finished", body, first, last)
        member = self._shaped(body, 0, last)
        parts = tuple(part for part in (before, member) if part is not None)
        return before if member is None else self.values.make("listed", parts)

    def _longer(
        self, kind: str, body: Tensor, first: int, index: int, before: int | None
    ) -> int | None:
        """A history at an index, from what it was at the one before.

        What is nothing at the start is no member of a list.
        """
        if kind not in LISTS:
            newest = self.value(body, 0, index)
            if before is None or newest is None:
                return newest if before is None else before
            whole = self.values.together(kind, (before, newest))
            return self._name(("history", kind, body, first, index), whole)
        member = None
        if kind == "list":
            member = self._shaped(body, 0, index)
        elif index - 1 >= first and index - 1 in self.formula.ends:
            member = self._shaped(body, 0, index - 1)
        if member is None and (before is None or kind == "list"):
            return before
        begin = first
        if kind == "list":
            begin = index if before is None else self.values.nodes[before][-2]
        parts = tuple(part for part in (before, member) if part is not None)
        made = self.values.make("listed", parts) if member is not None else before
        assert made is not None
        return self._name(("history", kind, body, begin, index), made)


def _reads(coefficient: Symbolic, symbol: sympy.Symbol) -> bool:
    """Whether a number in a coefficient is a symbol, outside of learned scalars."""
    # Any number in their place could be one of which there is no logarithm.
    learned = {item: sympy.Dummy(real=True) for item in coefficient.atoms(Learned)}
    return bool(coefficient.xreplace(learned).has(symbol))
