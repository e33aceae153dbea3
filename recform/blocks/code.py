"""Argument values and sizes, numbers or symbols, as Python source."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import sympy
from sympy.printing.precedence import PRECEDENCE, precedence
from sympy.printing.pycode import PythonCodePrinter

from recform.blocks.arguments import Argument, Arguments, Value
from recform.blocks.exact import as_any_float, filled
from recform.blocks.symbolic import Symbolic

#: Whole numbers of Python's from here on are none that torch takes; floats are.
TOO_LARGE = 2**63
#: What a constant is from here on is a float, as no size is as large.
MANY = 2**31
#: Numbers beyond are none that torch's functions take beside tensors of float32.
LARGEST = 2.0**127 * (2 - 2.0**-23)
#: How near a number that code makes is to what it is; the proof asks for less.
_NEAR = 1e-9
#: What code of numbers calls.
_CALLED = {
    "math": math,
    **{function.__name__: function for function in (min, max, abs, float, round)},
}


class Real(sympy.Function):  # type: ignore[misc]
    """A number, whole or not, that holds symbols; all other values with symbols are sizes."""

    @property
    def precedence(self) -> int:
        """How tightly the code of what is in it binds."""
        return int(min(precedence(self.args[0]), PRECEDENCE["Mul"]))


def divided(arguments: Iterable[Argument], a: Arguments) -> Arguments:
    """Arguments of which those that need not be whole are known as such when written."""
    kinds = {argument.name: argument.kind for argument in arguments}
    return Arguments(
        {
            name: Real(value)
            if name in kinds and kinds[name].real and symbols_in(value)
            else value
            for name, value in a.items()
        }
    )


def code(value: Value) -> str:
    """A number, a flag, a word, a pair or a symbolic size as Python source."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(code, value))})"
    number = sympy.sympify(value)
    if number.is_Integer and abs(number) < TOO_LARGE:
        return str(int(number))
    if number.is_Rational or number.is_Float:
        if number.is_Rational and not is_decimal(number):
            return f"{number.p} / {number.q}"
        return repr(float(number))
    if number.is_number:
        return repr(float(number))  # a root, say: it is divided as numbers are
    return _quotient(number)


def reckoned(text: str, names: Mapping[str, Any]) -> float:
    """What Python makes of code of a number, or NaN if that is none.

    Args:
        text: the code.
        names: what its names stand for.
    """
    try:
        return float(eval(_compiled(text), {"__builtins__": {}, **_CALLED}, {**names}))
    except (ArithmeticError, ValueError, TypeError, NameError):
        return math.nan


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Any:
    return compile(text, "<number>", "eval")


def is_near(made: float, wanted: float) -> bool:
    """Whether code makes a number of what it is."""
    return math.isclose(made, wanted, rel_tol=_NEAR)


def made(cls: str, *given: Value, **named: tuple[Value, Value]) -> str:
    """The expression that makes a module.

    Args:
        cls: its class.
        given: what that takes first.
        named: what it takes by name, and what it has if nothing is said, which is left out.
    """
    parts = [code(value) for value in given]
    parts += [f"{name}={code(v)}" for name, (v, plain) in named.items() if v != plain]
    return f"{cls}({', '.join(parts)})"


def is_decimal(number: sympy.Rational) -> bool:
    """Whether a rational number has an end as a decimal."""
    q = int(number.q)
    for prime in (2, 5):
        while q % prime == 0:
            q //= prime
    return q == 1


def symbols_in(value: Value) -> set[Symbolic]:
    """The symbols of an argument, which may be a pair."""
    if isinstance(value, tuple):
        return set().union(*map(symbols_in, value))
    free: set[Symbolic] = getattr(value, "free_symbols", set())
    return free


def put_in(value: Value, table: Mapping[Symbolic, Value]) -> Value:
    """An argument, which may be a pair, with values in the place of symbols."""
    if isinstance(value, tuple):
        return tuple(put_in(part, table) for part in value)
    if not symbols_in(value):
        return value
    # At once: what is put in may hold symbols of the same names.
    made = filled(value, {k: sympy.sympify(v) for k, v in table.items()})
    if made.free_symbols:
        return made
    return int(made) if made.is_Integer else float(made)


def _fraction(number: Symbolic) -> str:
    """A number that need not be whole."""
    if number.has(sympy.exp):
        return _python(number)  # below a common line it may be too large for a float
    constant, rest = sympy.factor_terms(sympy.together(number)).as_coeff_Mul()
    numerator, denominator = sympy.fraction(rest)
    if constant.is_Rational and not is_decimal(constant):
        # As a product that is not worked out: the sum below stays as it is.
        denominator = sympy.Mul(constant.q, denominator, evaluate=denominator == 1)
        constant = sympy.Integer(constant.p)
    if constant == denominator == 1:
        return _python(numerator)
    text = _factor(numerator)
    if constant != 1:
        text = f"{code(constant)} * {text}" if numerator != 1 else code(constant)
    if denominator != 1:
        below = _factor(denominator)
        text += f" / {f'({below})' if denominator.is_Mul else below}"
    return text


def _factor(expr: sympy.Expr) -> str:
    held = expr.is_Add or expr.func is sympy.floor
    return f"({_python(expr)})" if held else _python(expr)


@lru_cache(maxsize=4096, typed=True)
def _quotient(expr: sympy.Expr) -> str:
    """Sizes divide exactly (this has been checked), so they are divided with ``//``."""
    numerator, denominator = sympy.fraction(sympy.together(expr))
    if not expr.has(Real) and not (_is_whole(numerator) and _is_whole(denominator)):
        return f"round({_fraction(expr)})"
    return _python(numerator) if denominator == 1 else _over(numerator, denominator)


def _over(numerator: Symbolic, denominator: Symbolic) -> str:
    """A rounded quotient of whole numbers."""
    above, below = _python(numerator), _python(denominator)
    if precedence(numerator) < PRECEDENCE["Mul"]:
        above = f"({above})"
    return f"{above} // {below if denominator.is_Atom else f'({below})'}"


def _is_whole(expr: Symbolic) -> bool:
    """Whether what is written is a whole number of Python's, as a float is no size.

    Python's `2**-1` is a float; where nothing but a power is no whole number by itself,
    its exponent is never below zero.
    """
    return _is_made_of_whole(expr.as_coeff_Add()[1], alone=True)


def _is_made_of_whole(expr: Symbolic, *, alone: bool = False) -> bool:
    if expr.is_Atom:
        # Of arguments that are fractions it is said that they are.
        return bool((expr.is_Symbol and expr.is_integer is None) or expr.is_integer)
    if isinstance(expr, sympy.floor | sympy.ceiling):
        return True
    if expr.is_Pow and not (expr.exp.is_nonnegative or alone):
        return False
    kinds = sympy.Add | sympy.Mul | sympy.Pow | sympy.Max | sympy.Min | sympy.Abs
    return isinstance(expr, kinds) and all(map(_is_made_of_whole, expr.args))


def _most(expr: Symbolic) -> float:
    """A whole number is no larger than this."""
    grows = sympy.Add | sympy.Mul | sympy.Max | sympy.Min | sympy.Abs
    grows |= sympy.floor | sympy.ceiling
    for part in sympy.preorder_traversal(expr):
        is_power = part.is_Pow and part.exp.is_nonnegative
        whole = part.is_Symbol and part.is_integer in (None, True)
        if not (isinstance(part, grows) or is_power or whole or part.is_Rational):
            return LARGEST
    known = dict.fromkeys(expr.free_symbols, MANY)
    return as_any_float(expr.replace(lambda e: e.is_Rational, abs), known)


class ExpressionPrinter(PythonCodePrinter):  # type: ignore[misc]
    """Python of expressions.

    SymPy's own `doprint` may print statements, and imports all that those are made of,
    which takes a tenth of the time of `import sympy`.
    """

    def __init__(self) -> None:
        super().__init__({"fully_qualified_modules": True})

    def doprint(self, expr: Symbolic) -> str:
        """An expression as Python."""
        return str(self._print(expr))


class _Printer(ExpressionPrinter):
    """Spaces around operators are set later; a rounded quotient is ``//``."""

    def _print_Real(self, expr: Real) -> str:
        value = expr.args[0]
        # A whole number may be larger than torch takes them.
        is_large = _is_whole(value) and _most(value) >= TOO_LARGE
        return f"float({_fraction(value)})" if is_large else _fraction(value)

    def _print_Integer(self, expr: sympy.Integer) -> str:
        return code(expr)

    def _print_Rational(self, expr: sympy.Rational) -> str:
        text = code(expr)
        return f"({text})" if "/" in text else text

    def _print_Float(self, expr: sympy.Float) -> str:
        return code(expr)

    def parenthesize(self, item: Symbolic, level: int, strict: bool = False) -> str:
        """Brackets where they are needed: a decimal is a literal, no quotient."""
        if item.is_Rational and item >= 0 and is_decimal(item):
            return code(item)
        return str(super().parenthesize(item, level, strict))

    def _print_floor(self, expr: sympy.Expr) -> str:
        quotient = _floor(expr.args[0])
        return f"({quotient})" if quotient else f"math.floor({_near(expr.args[0])})"

    def _print_ceiling(self, expr: sympy.Expr) -> str:
        quotient = _floor(-expr.args[0])
        return f"(-({quotient}))" if quotient else f"math.ceil({_near(expr.args[0])})"

    def _print_log1p(self, expr: sympy.Expr) -> str:
        return f"math.log1p({self._print(expr.args[0])})"

    def _print_Min(self, expr: sympy.Expr) -> str:
        return f"min({', '.join(sorted(_python(part) for part in expr.args))})"


def _near(expr: sympy.Expr) -> str:
    """A fraction whose float is a whole number where it is one: 100 * 0.29 is below 29."""
    return f"round({_fraction(expr)}, 9)"


def _floor(expr: sympy.Expr) -> str:
    """A rounded quotient of whole numbers; empty if it is none."""
    numerator, denominator = sympy.fraction(sympy.together(expr))
    if not (_is_whole(numerator) and _is_whole(denominator)):
        return ""
    return _over(numerator, denominator)


def _python(expr: sympy.Expr) -> str:
    text = re.sub(r" ?\*(?!\*)(?<!\*\*) ?", " * ", _Printer().doprint(expr))
    text = re.sub(r"(?<=[^ /])/(?=[^ /])", " / ", text)
    # The exponent 1/3 gets the brackets of its own, and those of an exponent.
    text = re.sub(r"\((\(\d+ / \d+\))\)", r"\1", text)
    # Spaces stand around a power of more than a name or a number.
    text = re.sub(r"\*\*(?=\()|(?<=\))\*\*", " ** ", text)
    return text[1:-1] if expr.func is sympy.floor and text[0] == "(" else text
