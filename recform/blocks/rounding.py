"""Numbers of expressions as floats, each with a bound of what it is off.

There may be half a million of them, and nearly all come out right. To very many digits are
worked out only those of which the bound does not say so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce

from recform.blocks.symbolic import Symbolic

#: What an operation adds at most, as a part of the number: some times what one of the
#: processor, or of Python's library, is off.
_UNIT = 2.0**-50
#: The same where a number is too small for a float.
_SMALL = 1e-300
#: A whole number below it is a float as it stands.
_WHOLE = 2**53
#: What a number may be off, as a part of it; how large it may be; what counts as none.
_NEAR, _MOST, _NOTHING = 1e-11, 1e288, 1e-290

#: Functions of ``x``, which is off by ``e``: their code; what has to hold of the two; and
#: what comes of ``e`` in the number ``y`` that they make.
_FUNCTIONS: Mapping[str, tuple[str, str, str]] = {
    "exp": ("exp({x})", "{e} < 1", "{y}*expm1({e})"),
    "log": ("log({x})", "{x} > {e}", "{e}/({x} - {e})"),
    "log1p": ("log1p({x})", "1 + {x} > {e}", "{e}/(1 + {x} - {e})"),
    "sin": ("sin({x})", "True", "{e}"),
    "cos": ("cos({x})", "True", "{e}"),
    "tanh": ("tanh({x})", "True", "{e}"),
    "Abs": ("abs({x})", "True", "{e}"),
    "Sigmoid": ("1/(1 + exp(-{x}))", "{e} < 1", "{y}*expm1({e})"),
    "Softplus": ("max({x}, 0) + log1p(exp(-abs({x})))", "{e} < 1", "{y}*expm1({e})"),
}
_CUTS = {"floor": "floor", "ceiling": "ceil"}
_CHOICES = {"Max": "max", "Min": "min"}
_CONSTANTS = {"Pi": math.pi, "Exp1": math.e}

#: The code of a number, and of what it is off; of a whole number, nothing.
_Number = tuple[str, str]
_EXACT = "0"


class _Unknown(Exception):
    """A number or a function of which no rule is here."""


def nearly(value: Symbolic, symbols: Sequence[Symbolic]) -> Callable[..., float | None]:
    """An expression as a function of whole numbers, good to ten digits.

    It gives 0 for what is far smaller than any other float may be, and None where floats may
    not come to the number: nothing is left of the digits, or something on the way is larger
    than any float, or is no number.
    """
    try:
        return _Code(symbols).function(value)
    except (_Unknown, OverflowError):
        return lambda *numbers: None


class _Code:
    """Lines of code that work a number out, and what it is off.

    Args:
        symbols: what whole numbers are given for.
    """

    def __init__(self, symbols: Sequence[Symbolic]) -> None:
        self._given = [f"n{place}" for place in range(len(symbols))]
        self._lines: list[str] = []
        self._made: dict[Symbolic, _Number] = {
            symbol: (name, _EXACT)
            for symbol, name in zip(symbols, self._given, strict=True)
        }

    def function(self, value: Symbolic) -> Callable[..., float | None]:
        """All of it as a function."""
        made, off = self._of(value)
        self._need(
            f"({off} <= {_NEAR}*abs({made}) < {_MOST} or {made} == 0 and {off} < {_NOTHING})"
        )
        lines = [*self._lines, f"return float({made})"]
        text = [f"def made({', '.join(self._given)}):", " try:"]
        text += [f"  {line}" for line in lines]
        text += [" except (ArithmeticError, ValueError, TypeError):", "  return None"]
        names = dict(vars(math))
        exec("\n".join(text), names)
        found: Callable[..., float | None] = names["made"]
        return found

    def _need(self, condition: str) -> None:
        """What is to hold; of what is no number, nothing does."""
        self._lines.append(f"if not {condition}: return None")

    def _need_float(self, number: _Number) -> None:
        """A whole number is to be a float as it stands: ``sin(10**20)`` is of that alone."""
        if number[1] == _EXACT:
            self._need(f"abs({number[0]}) < {_WHOLE}")

    def _named(self, code: str, off: str = "") -> _Number:
        """The number ``y`` that code makes, and what it is off, if it is."""
        y, e = f"y{len(self._lines)}", f"e{len(self._lines)}"
        self._lines.append(f"{y} = {code}")
        if not off:
            return y, _EXACT
        self._lines.append(f"{e} = {off.format(y=y)} + {_UNIT}*abs({y}) + {_SMALL}")
        return y, e

    def _of(self, value: Symbolic) -> _Number:
        if value not in self._made:
            self._made[value] = self._written(value)
        return self._made[value]

    def _written(self, value: Symbolic) -> _Number:
        name = value.func.__name__
        if value.is_Integer:
            return f"({value})", _EXACT
        if value.is_Rational or value.is_Float or name in _CONSTANTS:
            number = _CONSTANTS.get(name) or float(value)
            return f"({number!r})", repr(_UNIT * abs(number) + _SMALL)
        parts = [self._of(part) for part in value.args]
        if value.is_Pow:
            return self._power(parts, bool(value.exp.is_integer))
        if value.is_Add or value.is_Mul:
            return reduce(self._sum if value.is_Add else self._product, parts)
        if name in _CHOICES:
            code = f"{_CHOICES[name]}({', '.join(x for x, _ in parts)})"
            errors = {e for _, e in parts} - {_EXACT}
            return self._named(code, " + ".join(sorted(errors)))
        if name not in {*_CUTS, *_FUNCTIONS}:
            raise _Unknown(name)
        ((x, e),) = parts
        if name in _CUTS:
            cut = _CUTS[name]
            self._need(f"{cut}({x} - 2*{e}) == {cut}({x} + 2*{e})")
            return self._named(f"{cut}({x})")
        code, condition, off = _FUNCTIONS[name]
        self._need_float((x, e))
        self._need(condition.format(x=x, e=e))
        return self._named(code.format(x=x), off.format(x=x, e=e, y="{y}"))

    def _sum(self, a: _Number, b: _Number) -> _Number:
        (x, d), (y, e) = a, b
        off = f"{d} + {e}"
        return self._named(f"{x} + {y}", "" if d == e == _EXACT else off)

    def _product(self, a: _Number, b: _Number) -> _Number:
        (x, d), (y, e) = a, b
        off = f"abs({x})*{e} + abs({y})*{d} + {d}*{e}"
        return self._named(f"{x}*{y}", "" if d == e == _EXACT else off)

    def _power(self, parts: Sequence[_Number], is_whole: bool) -> _Number:
        """By the logarithm of what the base is off, as a part of it."""
        (x, d), (n, e) = parts
        self._need(f"{f'abs({x})' if is_whole else x} > {d}")
        for number in parts:
            self._need_float(number)
        part = f"{d}/(abs({x}) - {d})"
        log = f"abs({n})*{part}"
        if e != _EXACT:
            log = f"{log} + {e}*(abs(log(abs({x}))) + {part})"
        return self._named(f"float({x})**{n}", f"abs({{y}})*expm1({log})")
