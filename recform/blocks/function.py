"""What an elementwise operator computes, said once: as a formula in x.

Everything that is told of a function comes from it: the numbers of a check, exact ones,
slopes, the laws by which two formulas are compared, and what a gate is at rest.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TypeAlias, TypeVar

import sympy

from recform.blocks.symbolic import Symbolic

_T = TypeVar("_T")


@dataclass(frozen=True)
class Word:
    """A word, or one of ``+ - * / **``, with what it is applied to."""

    name: str
    parts: tuple[Term, ...]


#: ``x``, a number, or a word with its parts.
Term: TypeAlias = "str | Fraction | Word"


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


#: What a value may be made of, in numbers. Of ``max`` and ``min`` the last of equal
#: arguments is taken: ``max(x, 0)`` has no slope at 0, and ``min(0, x)`` has one.
NUMBERS: Mapping[str, Callable[..., float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "max": max,
    "min": min,
    "abs": abs,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "sigmoid": _sigmoid,
    # A word of its own, for torch works its slope out with fewer digits.
    "hardsigmoid": lambda x: min(max(x / 6 + 1 / 2, 0), 1),
    "softplus": _softplus,
    "erf": math.erf,
    # How much of the normal distribution lies below x.
    "normal": lambda x: math.erfc(-x / math.sqrt(2)) / 2,
}
#: The same as SymPy's expressions.
EXACT: Mapping[str, Callable[..., Symbolic]] = {
    **{name: NUMBERS[name] for name in ("+", "-", "*", "/", "**")},
    "max": sympy.Max,
    "min": sympy.Min,
    "abs": sympy.Abs,
    **{name: getattr(sympy, name) for name in ("sqrt", "exp", "log", "sin", "cos")},
    "tanh": sympy.tanh,
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
    "hardsigmoid": lambda x: sympy.Min(sympy.Max(x / 6 + sympy.Rational(1, 2), 0), 1),
    "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    "erf": sympy.erf,
    "normal": lambda x: (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
}
_SIGNS: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
#: The largest power of a number that is worked out.
_LARGEST = 64


@dataclass(frozen=True)
class Function:
    """What an elementwise operator computes.

    Attributes:
        value: in x, as Python writes it: numbers, ``+ - * / **``, and the words max, min,
            abs, sqrt, exp, log, sin, cos, tanh, sigmoid, hardsigmoid, softplus, erf,
            normal (the distribution function of the normal distribution).
        grows: whether it falls nowhere: then ``max(f(x), f(y)) = f(max(x, y))``.
        gate: whether it grows, lies between 0 and 1, and ``f(-x) = 1 - f(x)``.
        steepest: no two of its values are further apart than so many times their
            arguments; None where it is not told, or there is no such number.
    """

    value: str
    grows: bool = False
    gate: bool = False
    steepest: float | None = None

    @property
    def term(self) -> Term:
        """The value, read.

        Raises:
            ValueError: if it is no such formula.
        """
        return _read(self.value)

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of the value, each as often as it stands there."""
        return tuple(_words(self.term))

    def fold(
        self,
        x: _T,
        number: Callable[[Fraction], _T],
        word: Callable[[str, Sequence[_T]], _T],
    ) -> _T:
        """The value, from what x, a number and a word stand for."""

        def folded(term: Term) -> _T:
            if isinstance(term, Word):
                return word(term.name, [folded(part) for part in term.parts])
            return x if isinstance(term, str) else number(term)

        return folded(self.term)

    def at(self, x: float) -> float:
        """The value for a number.

        Raises:
            ArithmeticError: if it is too large for a float, or divides by zero.
            ValueError: if it has no value there.
        """
        return self.fold(x, float, lambda name, parts: NUMBERS[name](*parts))


@cache
def _read(text: str) -> Term:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if "x" not in {getattr(part, "id", "") for part in ast.walk(tree)}:
            raise SyntaxError
        return _term(tree)
    except (SyntaxError, RecursionError, ZeroDivisionError):
        raise ValueError(f"{text!r} is no formula in x") from None


def _words(term: Term) -> Iterator[Word]:
    if isinstance(term, Word):
        yield term
        for part in term.parts:
            yield from _words(part)


def _term(node: ast.expr) -> Term:
    match node:
        case ast.Name(id="x"):
            return "x"
        case ast.Constant(value=int() | float() as value) if not isinstance(
            value, bool
        ):
            return Fraction(repr(value))
        case ast.UnaryOp(op=ast.USub()):
            return _word("*", Fraction(-1), _term(node.operand))
        case ast.UnaryOp(op=ast.UAdd()):
            return _term(node.operand)
        case ast.BinOp() if type(node.op) in _SIGNS:
            left, right = _term(node.left), _term(node.right)
            if isinstance(node.op, ast.Div) and isinstance(right, Fraction):
                return _word("*", left, 1 / right)
            return _word(_SIGNS[type(node.op)], left, right)
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            if name in NUMBERS and (len(node.args) == 1) != (name in ("max", "min")):
                return Word(name, tuple(map(_term, node.args)))
    raise ValueError(f"{ast.unparse(node)!r} is nothing that a value is made of")


def _word(name: str, left: Term, right: Term) -> Term:
    """An operation; of two fractions, its result."""
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        whole = right.denominator == 1 and abs(right) <= _LARGEST
        if name != "**" or whole:
            return Fraction(NUMBERS[name](left, right))
    return Word(name, (left, right))
