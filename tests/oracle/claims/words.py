"""Reads formulas as any reader of the documentation would: as sums and products of matrices.

A formula is turned into an expression of Python by a few replacements of text, and run on
numpy arrays. Nothing of recform is used: no parser, no algebra, no SymPy. Tensors that lie
before the start are zero, and so is what an operator makes there; only functions with
``f(0) = 0`` stand in the files that are drawn, so that what vanishes is zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Op:
    """An operator, or a sum or composition of some."""

    run: Callable[[Array], Array]
    __array_ufunc__ = None

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Op):
            return Op(lambda x: self.run(other.run(x)))
        if isinstance(other, Array) and other.ndim:
            return self.run(other)
        return Op(lambda x: self.run(other * x))

    def __rmul__(self, other: Any) -> Any:
        if isinstance(other, Array) and other.ndim:
            return Waiting(other, self)
        return Op(lambda x: other * self.run(x))

    def __add__(self, other: Any) -> Op:
        other = _op(other)
        return Op(lambda x: self.run(x) + other.run(x))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Op:
        return self + -1 * _op(other)

    def __rsub__(self, other: Any) -> Op:
        return _op(other) + -1 * self

    def __neg__(self) -> Op:
        return Op(lambda x: -self.run(x))

    def __pos__(self) -> Op:
        return self

    def __truediv__(self, number: float) -> Op:
        return self * (1 / number)

    def __pow__(self, times: int) -> Op:
        return self if times == 1 else self * self ** (times - 1)

    def __call__(self, x: Array) -> Array:
        return self.run(x)


def _op(item: Any) -> Op:
    return item if isinstance(item, Op) else Op(lambda x: item * x)


class Linear(Op):
    """An operator that is a matrix: sums and products are worked out at once."""

    def __init__(self, matrix: Array) -> None:
        super().__init__(lambda x: matrix @ x)
        object.__setattr__(self, "matrix", matrix)

    matrix: Array

    def _other(self, other: Any) -> Array | None:
        if isinstance(other, Linear):
            return other.matrix
        if isinstance(other, Op) or (isinstance(other, Array) and other.ndim):
            return None
        return float(other) * np.eye(len(self.matrix))

    def __mul__(self, other: Any) -> Any:
        matrix = self._other(other)
        return (
            super().__mul__(other) if matrix is None else Linear(self.matrix @ matrix)
        )

    def __rmul__(self, other: Any) -> Any:
        matrix = self._other(other)
        return (
            super().__rmul__(other) if matrix is None else Linear(matrix @ self.matrix)
        )

    def __add__(self, other: Any) -> Op:
        matrix = self._other(other)
        return (
            super().__add__(other) if matrix is None else Linear(self.matrix + matrix)
        )

    __radd__ = __add__

    def __rsub__(self, other: Any) -> Op:
        return -1 * self + other

    def __neg__(self) -> Op:
        return Linear(-self.matrix)


@dataclass(frozen=True)
class Waiting:
    """``x*W``: the operator is for the next tensor on its right."""

    before: Array
    op: Op
    __array_ufunc__ = None

    def __mul__(self, other: Any) -> Any:
        made = self.op * other
        return (
            Waiting(self.before, made) if isinstance(made, Op) else self.before * made
        )


NOTHING = Op(lambda x: 0 * x)


@dataclass(frozen=True)
class Operators:
    """An operator of each block; none before the first one, and none behind the last.

    Attributes:
        of: the operator of a block.
        first, last: the blocks that there are.
    """

    of: Callable[[int], Op]
    first: int = 1
    last: int = 10**9

    def __getitem__(self, block: float) -> Op:
        number = whole(block)
        return self.of(number) if self.first <= number <= self.last else NOTHING


def whole(index: float) -> int:
    """An index, which has to be a whole number."""
    assert index == round(index), index
    return round(index)


# ------------------------------------------------------------------------- text to Python

_REPLACED = (
    (re.compile(r"_<([^<>]*)>"), r"[\1]"),
    (re.compile(r"(?<=[A-Za-z0-9])_(\d+|[A-Za-z])\b"), r"[\1]"),
    (re.compile(r"\^"), "**"),
    (re.compile(r"\b(sum|prod)\((\w+), "), r"\1_(lambda \2: "),
    (re.compile(r"(\w+|\([^()]*\))!"), r"factorial(\1)"),
)


@cache
def code(text: str) -> CodeType:
    """An expression of the language as one of Python."""
    for pattern, made in _REPLACED:
        text = pattern.sub(made, text)
    return compile(_bodies_last(text).strip(), text, "eval")


def _bodies_last(text: str) -> str:
    """``sum_(lambda k: 1, i, body)`` with its body behind the colon, its ends behind that."""
    while (match := re.search(r"\b(sum|prod)_\(lambda (\w+): ", text)) is not None:
        parts, place, depth = [""], match.end(), 0
        while depth or text[place] != ")":
            letter = text[place]
            depth += (letter in "([") - (letter in ")]")
            if letter == "," and not depth:
                parts.append("")
            else:
                parts[-1] += letter
            place += 1
        low, high, body = parts
        made = f"{match[1]}__(lambda {match[2]}: ({body}), {low}, {high})"
        text = text[: match.start()] + made + text[place + 1 :]
    return text


def _sum(body: Callable[[int], Any], low: float, high: float) -> Any:
    return sum((body(k) for k in range(math.ceil(low), math.floor(high) + 1)), 0)


def _prod(body: Callable[[int], Any], low: float, high: float) -> Any:
    made: Any = 1
    for k in range(math.ceil(low), math.floor(high) + 1):
        made = made * body(k)
    return made


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


KNOWN: dict[str, Any] = {
    "sum__": _sum,
    "prod__": _prod,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "abs": np.abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "max": max,
    "min": min,
    "pi": math.pi,
    "e": math.e,
    "factorial": math.factorial,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x * _sigmoid(x),
    "sigmoid": _sigmoid,
}


def value(text: str, names: Mapping[str, Any]) -> Any:
    """What an expression is, with values for its names."""
    with np.errstate(all="ignore"):
        return eval(code(text), {"__builtins__": {}, **KNOWN, **names})


# ---------------------------------------------------------------------------- recurrences


@dataclass
class Column:
    """All that the blocks made of one unknown; zero before the start."""

    zero: Array
    made: dict[int, Array] = field(default_factory=dict)

    def __getitem__(self, block: float) -> Array:
        number = whole(block)
        if number < 0 and number not in self.made:
            return self.zero
        return self.made[number]


@dataclass(frozen=True)
class Run:
    """A recurrence that has run.

    Attributes:
        names: what formulas are read with: a column for each unknown, operators, numbers.
        blocks: how many have run.
    """

    names: dict[str, Any]
    blocks: int

    def at(self, text: str, block: int) -> Array:
        """An expression in ``i`` at a block."""
        return value(text, {**self.names, "i": block})

    def state(self, name: str, block: int) -> Array:
        """What a block made of an unknown."""
        return self.names[name][block]


EQUATION = re.compile(r"^([A-Z]\d*)_(i|\d+|<\d+\.\.\d+>) = (.*)$")


def run(
    lines: Sequence[str],
    start: Array,
    names: Mapping[str, Any],
    blocks: int,
    added: Mapping[tuple[str, int], Array] | None = None,
) -> Run:
    """Runs equations block by block.

    Args:
        lines: the equations, those of some blocks and of the start with them.
        start: what all unknowns start as, unless an equation says otherwise.
        names: operators and numbers.
        blocks: how many.
        added: to what a block makes of an unknown, before anybody reads it.
    """
    added = added or {}
    laws: dict[str, str] = {}
    own: dict[tuple[str, int], str] = {}
    for line in lines:
        found = EQUATION.match(line)
        if found is None:
            continue
        name, where, right = found.groups()
        if where == "i":
            laws[name] = right
        elif where.isdigit():
            own[name, int(where)] = right
        else:
            low, high = map(int, where.strip("<>").split(".."))
            for block in range(low, high + 1):
                own.setdefault((name, block), right)
    zero = 0 * start
    columns = {name: Column(zero) for name in laws}
    made = Run({**names, **columns, "input": start, "L": blocks}, blocks)
    for name, column in columns.items():
        first = own.get((name, 0))
        column.made[0] = start if first is None else zero + made.at(first, 0)
    for block in range(1, blocks + 1):
        left = dict(laws)
        while left:
            ready = _ready(left, own, block)
            right = own.get((ready, block), left.pop(ready))
            extra = added.get((ready, block), zero)
            columns[ready].made[block] = extra + made.at(right, block)
    return made


def _ready(
    left: Mapping[str, str], own: Mapping[tuple[str, int], str], block: int
) -> str:
    """The first unknown that reads none of this block's that is still to come."""
    for name, law in left.items():
        right = own.get((name, block), law)
        if not any(re.search(rf"\b{other}_(i\b|{block}\b)", right) for other in left):
            return name
    raise AssertionError(left)


# ------------------------------------------------------------------------------ operators


def matrices(
    seed: int, size: int, names: str, scale: float = 0.7
) -> dict[str, Operators]:
    """A random matrix for each operator and block."""
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, int], Array] = {}

    def of(name: str) -> Callable[[int], Op]:
        def at(block: int) -> Op:
            if (name, block) not in found:
                drawn = rng.standard_normal((size, size)) / math.sqrt(size)
                found[name, block] = scale * drawn
            return Linear(found[name, block])

        return at

    return {name: Operators(of(name)) for name in names}


def curved(linear: Mapping[str, Operators]) -> dict[str, Operators]:
    """The same operators with something behind them that is not linear."""

    def of(operators: Operators) -> Callable[[int], Op]:
        return lambda block: Op(
            lambda x: (
                np.tanh(operators[block](x)) + 0.4 * np.sin(2 * operators[block](x))
            )
        )

    return {name: Operators(of(item)) for name, item in linear.items()}


@dataclass(frozen=True)
class Numbers:
    """A number of each block."""

    of: Callable[[int], float]

    def __getitem__(self, block: float) -> float:
        return self.of(whole(block))


def apart(found: Array, wanted: Array, scale: float = 1.0) -> float:
    """How far two tensors are apart, beside the largest number (or one that is given)."""
    largest = max(scale, float(np.abs(wanted).max(initial=0)))
    return float(np.abs(found - wanted).max(initial=0)) / largest
