"""Coefficients as Python expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce

import sympy
from sympy.printing.precedence import PRECEDENCE

from recform.algebra.expr import I, L, Learned
from recform.algebra.stable import with_words
from recform.blocks.code import TOO_LARGE, ExpressionPrinter, is_decimal
from recform.blocks.exact import as_float, filled
from recform.blocks.symbolic import Symbolic
from recform.writers.formula.terms import ATOM, PRODUCT, SUM, UNARY

_HALF = sympy.Rational(1, 2)
#: A name, a number that is not negative, or a call of what is one.
_ATOM = re.compile(r"[\w.]+(\([^()]*\))?")


class _CoefficientPrinter(ExpressionPrinter):
    """Coefficients: numbers become floats, learned scalars their attributes.

    Learned scalars are tensors, of one number or of many: what is made of them is made by
    functions of torch, never by Python's own, which take one number and forget its slope.
    """

    def __init__(self, names: Mapping[Symbolic, str], torch: bool) -> None:
        super().__init__()
        self._names_of = names
        self._known = {
            symbol: sympy.Rational(text)
            for symbol, text in names.items()
            if text[:1].isdigit()
        }
        self._torch = torch

    def _print_Learned(self, expr: Learned) -> str:
        return self._names_of[expr]

    def _print_Symbol(self, expr: Symbolic) -> str:
        return self._names_of.get(expr, str(expr))

    def _print_Rational(self, expr: Symbolic) -> str:
        return number(expr)

    def _print_Integer(self, expr: Symbolic) -> str:
        return number(expr)

    def _print_Add(self, expr: Symbolic, order: str | None = None) -> str:
        """A sum of numbers is a number: `1 / (i - 1)` is `1 / 6` in block 7."""
        value = filled(expr, self._known)
        if value.is_Rational:
            return self._print_Rational(value)
        return str(super()._print_Add(expr, order))

    def _as_ordered_terms(
        self, expr: Symbolic, order: str | None = None
    ) -> list[Symbolic]:
        """``1 - k + a`` for ``-k + a + 1``: a sum does not begin with a minus."""
        terms = list(super()._as_ordered_terms(expr, order))
        if terms[0].could_extract_minus_sign():
            firsts = [term for term in terms if term.is_number and term > 0]
            firsts += [t for t in terms if not t.could_extract_minus_sign()]
            for first in firsts[:1]:
                terms.remove(first)
                terms.insert(0, first)
        return terms

    def parenthesize(self, item: Symbolic, level: int, strict: bool = False) -> str:
        """Brackets where they are needed: a rational is a literal, no quotient."""
        if item.is_Add:
            item = value if (value := filled(item, self._known)).is_Rational else item
        if item.is_Rational and item >= 0:
            return self._print_Rational(item)
        text = str(super().parenthesize(item, level, strict))
        return f"({text})" if isinstance(item, sympy.floor) and "//" in text else text

    def _print_exp(self, expr: Symbolic) -> str:
        return self._function("exp", expr)

    def _print_sin(self, expr: Symbolic) -> str:
        return self._function("sin", expr)

    def _print_cos(self, expr: Symbolic) -> str:
        return self._function("cos", expr)

    def _print_tanh(self, expr: Symbolic) -> str:
        return self._function("tanh", expr)

    def _print_log(self, expr: Symbolic) -> str:
        return self._function("log", expr)

    def _print_log1p(self, expr: Symbolic) -> str:
        return self._function("log1p", expr)

    def _print_Sigmoid(self, expr: Symbolic) -> str:
        return self._function("sigmoid", expr)

    def _print_Softplus(self, expr: Symbolic) -> str:
        return f"F.softplus({self._print(expr.args[0])})"

    def _print_floor(self, expr: Symbolic) -> str:
        above, below = sympy.fraction(sympy.together(expr.args[0]))
        if above.is_integer and below.is_Integer:
            level = PRECEDENCE["Mul"]
            return f"{self.parenthesize(above, level)} // {below}"
        return self._cut("floor", expr)

    def _print_ceiling(self, expr: Symbolic) -> str:
        return self._cut("ceil", expr)

    def _cut(self, name: str, expr: Symbolic) -> str:
        """A float is a whole number where it should be one: ``2*sin(pi/6)`` is below 1."""
        if expr.has(Learned):
            return self._function(name, expr)
        return f"math.{name}(round({self._print(expr.args[0])}, 9))"

    def _function(self, name: str, expr: Symbolic) -> str:
        module = "torch" if self._torch and expr.has(Learned) else "math"
        return f"{module}.{name}({self._print(expr.args[0])})"

    def _print_Max(self, expr: Symbolic) -> str:
        return self._extreme(expr, "max", "maximum", "min")

    def _print_Min(self, expr: Symbolic) -> str:
        return self._extreme(expr, "min", "minimum", "max")

    def _extreme(self, expr: Symbolic, python: str, torch: str, bound: str) -> str:
        """The largest or smallest: numbers are a bound of what is learned."""
        plain = [self._print(arg) for arg in expr.args if not arg.has(Learned)]
        number = f"{python}({', '.join(plain)})" if plain[1:] else "".join(plain)
        tensors = [self._print(arg) for arg in expr.args if arg.has(Learned)]
        if not tensors:
            return number
        text = reduce(lambda one, other: f"torch.{torch}({one}, {other})", tensors)
        if bound == "min" and number == "0":
            return f"torch.relu({text})"
        return f"torch.clamp({text}, {bound}={number})" if plain else text

    def _print_Pow(self, expr: Symbolic, rational: bool = False) -> str:
        base, power = expr.as_base_exp()
        if power.is_Integer and power < 0:
            return f"1 / {self.parenthesize(base**-power, PRECEDENCE['Mul'] + 1)}"
        if abs(power) != sympy.Rational(1, 2):
            return super()._print_Pow(expr, rational)  # type: ignore[no-any-return]
        inner, learned = self._print(base), expr.has(Learned)
        if power < 0:
            return f"torch.rsqrt({inner})" if learned else f"1 / math.sqrt({inner})"
        return f"torch.sqrt({inner})" if learned else f"math.sqrt({inner})"

    def _rooted(
        self, above: list[Symbolic], below: list[Symbolic]
    ) -> tuple[list[Symbolic], list[Symbolic]]:
        """Factors of a quotient of numbers, with one root in the place of several."""
        roots = [
            [f for f in factors if f.is_Pow and f.exp == _HALF and not f.has(Learned)]
            for factors in (above, below)
        ]
        if sum(map(len, roots)) < 2:
            return above, below
        inner = sympy.Mul(*(f.base for f in roots[0]), *(1 / f.base for f in roots[1]))
        root = sympy.Pow(inner, _HALF, evaluate=False)
        rest = [f for f in above if f not in roots[0] and f != 1]
        return [*rest, root], [f for f in below if f not in roots[1]]

    def _print_Mul(self, expr: Symbolic) -> str:
        """``a * b / c``; SymPy itself puts no spaces around operators."""
        first, _ = expr.as_coeff_Mul()
        above: list[Symbolic] = []
        below: list[Symbolic] = []
        if not is_decimal(first):
            # `h / 6`, where a sixth as a decimal has no end.
            below.append(sympy.Integer(first.q))
            expr = expr * first.q
        for factor in (-expr if first < 0 else expr).as_ordered_factors():
            inverse = factor.is_Pow and factor.exp.is_Rational and factor.exp < 0
            (below if inverse else above).append(1 / factor if inverse else factor)
        above, below = self._rooted(above, below)
        inside = PRECEDENCE["Mul"]
        sign = "-" if first < 0 else ""
        # `-x**2` is the negative of a square.
        level = inside + 1 if sign and len(above) == 1 else inside
        text = " * ".join(self.parenthesize(factor, level) for factor in above)
        if below:
            level = inside if len(below) > 1 else inside + 1
            under = " * ".join(self.parenthesize(factor, level) for factor in below)
            text = f"{text or 1} / {under if len(below) == 1 else f'({under})'}"
        return sign + text


def number(value: Symbolic) -> str:
    """A number as a literal."""
    value = sympy.sympify(value)
    if value.is_Integer and abs(value) < TOO_LARGE:
        return str(int(value))
    return repr(as_float(value))


def coefficient_text(
    value: Symbolic, names: Mapping[Symbolic, str], *, torch: bool
) -> str:
    """A coefficient as Python; without symbols it is a literal."""
    if not value.free_symbols and not value.atoms(Learned):
        return number(value)
    known = {k: sympy.Rational(text) for k, text in names.items() if text.isdecimal()}
    plain = filled(value, known)
    if plain.is_Rational:
        is_quotient = not plain.is_Integer and (value.is_Pow or not is_decimal(plain))
        return f"{plain.p} / {plain.q}" if is_quotient else number(plain)
    text = _CoefficientPrinter(names, torch).doprint(with_words(value))
    # Spaces stand around a power of more than a name or a number.
    return re.sub(r"\*\*(?=\()|(?<=\))\*\*", " ** ", text)


def coefficient_code(value: Symbolic, names: Mapping[Symbolic, str]) -> tuple[str, int]:
    """A coefficient in front of a tensor, and its level of precedence.

    What takes away all of a sum stands in front of it: ``-(a + b)`` for ``-a - b``.
    """
    if value.is_Add and all(term.could_extract_minus_sign() for term in value.args):
        return f"-({coefficient_text(-value, names, torch=True)})", UNARY
    text = coefficient_text(value, names, torch=True)
    if value.is_Add:
        return text, SUM
    return text, ATOM if _ATOM.fullmatch(text) else PRODUCT


def learned(value: Symbolic) -> list[Learned]:
    """Learned scalars of a coefficient, in a stable order."""
    return sorted(value.atoms(Learned), key=str)


def in_parts(value: Symbolic, said: Callable[[Symbolic], Symbolic]) -> Symbolic:
    """A coefficient with other words for what is reckoned once.

    Args:
        value: the coefficient.
        said: gets the largest parts without learned scalars, but with ``i`` or ``L``.
    """
    if not value.has(I, L):
        return value
    if not value.atoms(Learned):
        return said(value)
    if not isinstance(value, sympy.Add | sympy.Mul):
        return value.func(*(in_parts(arg, said) for arg in value.args))
    plain = [arg for arg in value.args if not arg.atoms(Learned)]
    others = (in_parts(arg, said) for arg in value.args if arg.atoms(Learned))
    return value.func(in_parts(value.func(*plain), said), *others)
