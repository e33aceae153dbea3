"""Scalars: numbers, coefficients and sizes as bounded SymPy expressions.

The bounds are there because a file comes from anybody: ``2^2^2^2^9`` must be a
diagnostic and not the end of the machine's memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import comb, prod
from typing import NoReturn

import sympy

from recform.algebra.expr import of_number
from recform.algebra.placed import Placed
from recform.algebra.stable import absolute
from recform.blocks.exact import as_any_float, filled, is_nothing
from recform.blocks.function import EXACT
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, Unread, beyond, meant
from recform.source import Span
from recform.syntax import nodes as n

_MAX_BITS = 256
_MAX_EXPONENT = 64
#: Most terms of a number that is multiplied out, those below its lines with each of them.
_MAX_TERMS = 512
#: More terms of ``(sqrt(2) + sin(1) + ...)^8`` say no more than the power does.
_LONG = 24
#: Most operations of a number that is simplified.
_MOST_OPERATIONS = 60


FUNCTIONS: dict[str, Callable[..., Symbolic]] = {
    "sqrt": sympy.sqrt,
    "exp": sympy.exp,
    "log": sympy.log,
    "abs": absolute,
    **{name: EXACT[name] for name in ("sin", "cos", "tanh", "sigmoid", "softplus")},
    "relu": lambda x: sympy.Max(x, 0),
    "min": sympy.Min,
    "max": sympy.Max,
    "floor": sympy.floor,
    "ceil": sympy.ceiling,
}
#: What a place is called; no constant of a file has such a name.
_PLACE = ("c", "s", "cin", "i", "L")
CONSTANTS = {"pi": sympy.pi, "e": sympy.E}


class Undefined(Exception):
    """A number that does not exist, such as the root of a negative one; its text says so."""


class Unreasonable(Exception):
    """A number is larger than any that a network could need; its text says so."""


def power(base: Symbolic, exponent: Symbolic) -> Symbolic:
    """``base ^ exponent`` within bounds.

    Raises:
        Unreasonable: if the result would be out of all reason.
        ZeroDivisionError: for zero to a negative power.
        Undefined: for a root of a negative number.
    """
    if exponent.is_number and abs(exponent) > _MAX_EXPONENT:
        if base in (0, 1):
            return base
        raise Unreasonable(beyond("this exponent", _MAX_EXPONENT))
    if base == 0 and exponent.is_number and exponent < 0:
        raise ZeroDivisionError
    if base.is_number and base < 0 and exponent.is_number and not exponent.is_Integer:
        raise Undefined("this is a root of a negative number")
    return bounded(base**exponent)


def bounded(value: Symbolic) -> Symbolic:
    """The value itself; 0 if it is that, as ``log(4) + log(2) - log(8)`` is.

    Raises:
        Unreasonable: if it is a number of too many digits, or a product or power of sums
            that nobody could write out.
        Undefined: if it is no real number.
    """
    if (
        value.is_Rational
        and max(int(value.p).bit_length(), int(value.q).bit_length()) > _MAX_BITS
    ):
        raise Unreasonable(beyond("this number", f"2^{_MAX_BITS}"))
    if value.is_number and not value.is_Rational:
        number = as_any_float(value)
        if math.isnan(number):
            raise Undefined("this is no real number")
        if math.isinf(number):
            raise Unreasonable(beyond("this number", "10^308"))
        if number == 0 and is_nothing(value):
            return sympy.S.Zero
    if (value.is_Mul or value.is_Pow) and terms_of(value) > _MAX_TERMS:
        raise Unreasonable(beyond("this number", f"{_MAX_TERMS} terms, multiplied out"))
    return value


def expanded(value: Symbolic) -> Symbolic:
    """A number multiplied out, but for powers of numbers that would have many terms."""
    value = sympy.sympify(value)
    powers = sorted(value.atoms(sympy.Pow), key=str)
    long = {p: sympy.Dummy() for p in powers if p.is_number and terms_of(p) > _LONG}
    if not long:
        return sympy.expand(value)
    back = {name: number for number, name in long.items()}
    return sympy.expand(value.xreplace(long)).xreplace(back)


def simplified(value: Symbolic) -> Symbolic:
    """A number in the fewest words; what is long stays as it is, for it takes minutes."""
    if value.count_ops() > _MOST_OPERATIONS:
        return value
    functions = value.atoms(sympy.Function)
    long = [part for part in functions if part.count_ops() > _LONG / 2]
    names = {part: sympy.Dummy(real=True) for part in sorted(long, key=str)}
    back = {name: part for part, name in names.items()}
    return sympy.simplify(value.xreplace(names)).xreplace(back)


def named_functions(value: Symbolic) -> dict[Symbolic, Symbolic]:
    """Names for functions of numbers, by what they stand for.

    Of ``exp(0.27)`` SymPy's polynomials make the 27th power of ``exp(1/100)``.
    """
    found = sorted((p for p in value.atoms(sympy.Function) if p.is_number), key=str)
    return {number: sympy.Dummy(real=True) for number in found}


@lru_cache(maxsize=4096)
def cancelled(value: Symbolic) -> Symbolic:
    """A number as one fraction in lowest terms."""
    names = named_functions(value)
    back = {name: number for number, name in names.items()}
    return sympy.cancel(value.xreplace(names)).xreplace(back)


def terms_of(value: Symbolic) -> int:
    """At most so many terms a number has, once it is multiplied out."""
    if value.is_Pow and value.exp.is_Integer:
        power = abs(int(value.exp))
        return comb(terms_of(value.base) + power - 1, power)
    if value.is_Mul:
        return prod(map(terms_of, value.args))
    return sum(map(terms_of, value.args)) if value.is_Add else 1


def _is_fixed(expr: n.Reference) -> bool:
    """Whether a name has the number of a block: ``k_2``, ``k_L``."""
    return all(
        isinstance(index, n.Number)
        or (isinstance(index, n.Reference) and index.name == "L")
        for index in expr.indices
    )


def of_block(name: str) -> str:
    """What a constant with an index is called among names: no other name has a `_`."""
    return f"{name}_i"


class ScalarReader:
    """Reads syntax as a scalar.

    Args:
        names: what each name stands for; a constant ``k_i`` stands in ``i``, under the
            name that :func:`of_block` gives it.
        report: gets RF106, RF201 to RF212 and RF304.
        where: what is being read, for the words of a diagnostic ("a stage").
    """

    def __init__(
        self, names: Mapping[str, Symbolic], report: Diagnostics, where: str
    ) -> None:
        self._scalars = _Scalars(names, where)
        self._report = report

    def read(self, expr: n.Expr) -> Symbolic:
        """The value, or None after a diagnostic."""
        try:
            return self._scalars.value(expr)
        except Unread as unread:
            unread.tell(self._report)
            return None


def scalar_of(expr: n.Expr, names: Mapping[str, Symbolic]) -> Symbolic:
    """The value of what may be a scalar, or None if it is none.

    Args:
        expr: what is looked at.
        names: what each name stands for.
    """
    try:
        return _Scalars(names, "this").value(expr)
    except Unread:
        return None


class _Scalars:
    def __init__(self, names: Mapping[str, Symbolic], where: str) -> None:
        self._names = names
        self._where = where

    def value(self, expr: n.Expr) -> Symbolic:
        """The value.

        Raises:
            Unread: if it has none.
        """
        try:
            return self._read(expr)
        except Unreasonable as error:
            self._fail("RF106", str(error), expr.span)
        except Undefined as error:
            self._fail("RF211", str(error), expr.span)
        except ZeroDivisionError:
            self._fail("RF211", "this divides by zero", expr.span)

    def _read(self, expr: n.Expr) -> Symbolic:
        match expr:
            case n.Number():
                return bounded(
                    sympy.Rational(expr.value.numerator, expr.value.denominator)
                )
            case n.Boolean():
                return expr.value
            case n.Group():
                return self._read(expr.inner)
            case n.Sum():
                return bounded(
                    sum((s * self._number(t) for s, t in expr.terms), sympy.S.Zero)
                )
            case n.Product():
                result = sympy.S.One
                for direction, factor in expr.factors:
                    value = self._number(factor)
                    if direction < 0 and value == 0:
                        raise ZeroDivisionError
                    result = bounded(
                        result * value if direction > 0 else result / value
                    )
                return result
            case n.Power():
                return power(self._number(expr.base), self._number(expr.exponent))
            case n.Reference():
                return self._reference(expr)
            case n.Call():
                return self._call(expr)
        self._fail(
            "RF212",
            f"{self._where} takes a number here",
            expr.span,
            "it is made of numbers and names of numbers: 3, c/2, 0.2*i/L",
        )

    def _number(self, expr: n.Expr) -> Symbolic:
        value = self._read(expr)
        if isinstance(value, bool):
            hint = "write a number, as 1 or 0"
            self._fail("RF212", "true and false are no numbers", expr.span, hint)
        return value

    def _reference(self, expr: n.Reference) -> Symbolic:
        if expr.indices:
            return self._of_block(expr)
        if expr.name in self._names:
            return self._names[expr.name]
        if expr.name in CONSTANTS:
            return CONSTANTS[expr.name]
        if of_block(expr.name) in self._names:
            said = f"{expr.name} needs an index"
            self._fail("RF304", said, expr.span, f"write {expr.name}_i")
        known = sorted(self._names)
        hint = meant(expr.name, known)
        if expr.name in ("i", "j") and not hint:
            index = ", unless it has an index: const k_i = ..."
            constant = self._where == "a constant"
            hint = f"{self._where} belongs to no block{index * constant}"
        elif not hint and known:
            hint = "known here: " + ", ".join(known)
        self._fail(
            "RF201", f"the name {expr.name!r} is not known here", expr.span, hint
        )

    def _of_block(self, expr: n.Reference) -> Symbolic:
        """A constant of a block: ``k_i``, ``k_<i-1>``, ``k_2``."""
        value = self._names.get(of_block(expr.name))
        if value is None and expr.name in self._names and expr.name not in _PLACE:
            said = f"{expr.name} was declared without an index"
            self._fail("RF304", said, expr.span, f"write {expr.name}")
        if "i" not in self._names and (value is None or not _is_fixed(expr)):
            said = f"{self._where} belongs to no block, and takes no indexed names"
            hint = "write the number that it stands for"
            if value is not None:
                said = f"{self._where} belongs to no block"
                hint = f"write {expr.name}_1, that of block 1"
            self._fail("RF212", said, expr.span, hint)
        if value is None or len(expr.indices) > 1:
            self._fail(
                "RF212",
                f"{self._where} takes no indexed names but those of constants",
                expr.span,
                f"write what it stands for, or const {expr.name}_i = 1/(i + 1), "
                f"or const {expr.name} = (...) per block and {expr.name}",
            )
        (place,) = expr.indices
        index = None if isinstance(place, n.Range) else self._number(place)
        if index is None or not index.is_integer:
            said = f"of which block {expr.name} is, a whole number says"
            self._fail("RF304", said, place.span, f"{expr.name}_i is that of the block")
        value = of_number(value, index)
        if value.is_number and not value.is_real:
            said = f"{expr.span.text} is no number"
            self._fail("RF211", said, expr.span, "blocks are counted from 1")
        table = {item: self._placed(item, expr) for item in value.atoms(Placed)}
        return bounded(filled(value, table))

    def _placed(self, item: Placed, expr: n.Reference) -> Symbolic:
        """What stands here for a number that a block has by its place."""
        elsewhere = item.index != self._names.get("i")
        if elsewhere or item.row.name not in self._names:
            self._fail(
                "RF212",
                f"{expr.span.text} is made of {item.row.name}, which is not known here"
                + (" of another block" if elsewhere else ""),
                expr.span,
                f"multiply in the equation: {expr.span.text}*X_<i-1>",
            )
        return self._names[item.row.name]

    def _call(self, expr: n.Call) -> Symbolic:
        name = expr.function.name
        if name not in FUNCTIONS or expr.function.indices:
            self._fail(
                "RF201",
                f"there is no function {name!r} of numbers",
                expr.function.span,
                meant(name, FUNCTIONS, f"of numbers there are {', '.join(FUNCTIONS)}"),
            )
        arguments = []
        for argument in expr.arguments:
            if isinstance(argument, n.Keyword):
                self._fail(
                    "RF203", f"{name} takes no names of arguments", argument.span
                )
            else:
                arguments.append(self._number(argument))
        return call(name, arguments, expr.span, self._fail)

    def _fail(self, code: str, message: str, span: Span, hint: str = "") -> NoReturn:
        raise Unread(code, message, span, hint)


def call(
    name: str,
    arguments: list[Symbolic],
    span: Span,
    fail: Callable[[str, str, Span], None],
) -> Symbolic:
    """A function of numbers; a wrong number of arguments goes to ``fail``."""
    wanted = "2 or more" if name in ("min", "max") else "1"
    if (len(arguments) < 2) if wanted != "1" else (len(arguments) != 1):
        fail("RF203", f"{name} takes {wanted} number(s), not {len(arguments)}", span)
    if name in ("log",) and arguments[0].is_number and arguments[0] <= 0:
        fail("RF211", f"{name} takes a number above zero", span)
    if name == "sqrt" and arguments[0].is_number and arguments[0] < 0:
        fail("RF211", "sqrt takes a number that is not negative", span)
    if name == "exp" and arguments[0].is_number and abs(arguments[0]) > 700:
        raise Unreasonable(beyond("this exponent", 700))
    return bounded(FUNCTIONS[name](*arguments))
