"""Sigmoids and softpluses in numbers, as computers can work them out.

Exactly, they are made of ``exp`` and ``log``. Of floats, ``log(1 + exp(x))`` has no digit
left where ``exp(x)`` is small beside 1, and none at all where it is larger than any float.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy.printing.latex import LatexPrinter

from recform.algebra.expr import Learned
from recform.blocks.symbolic import Symbolic


class _Word(sympy.Function):
    """A function that has a name in the language."""

    name = ""
    # Otherwise sympy, to put terms in order, takes powers apart into real and imaginary.
    is_real = True

    def _eval_evalf(self, prec: int) -> Symbolic:
        # A max wants to compare its arguments, `sin(softplus(3))` too.
        return self.rewrite(sympy.exp)._eval_evalf(prec)

    def _latex(self, printer: LatexPrinter, exp: str = "") -> str:
        power = f"^{{{exp}}}" if exp else ""
        inner = printer.doprint(self.args[0])
        return rf"\operatorname{{{self.name}}}{power}\left({inner}\right)"


class Sigmoid(_Word):
    """The word of torch, whose slope is a number even where ``exp`` runs over."""

    name = "sigmoid"

    def _eval_rewrite_as_exp(self, x: Symbolic, **hints: object) -> Symbolic:
        return 1 / (1 + sympy.exp(-x))


class Softplus(_Word):
    """The same of ``log(1 + exp(x))``."""

    name = "softplus"

    def _eval_rewrite_as_exp(self, x: Symbolic, **hints: object) -> Symbolic:
        return sympy.log(1 + sympy.exp(x))


class log1p(sympy.Function):
    """``log(1 + x)`` to all digits, named as Python and mpmath name it."""

    is_real = True


def with_words(value: Symbolic) -> Symbolic:
    """The same, where each sigmoid and softplus of something learned is one function.

    Those of numbers are written out, so that no float on the way runs over.
    """
    return _replaced(value, _softplus, _sigmoid)


def in_words(value: Symbolic) -> Symbolic:
    """The same for readers: with the words of the language for all of them."""
    return _replaced(value, Softplus, Sigmoid)


def _replaced(
    value: Symbolic,
    softplus: Callable[[Symbolic], Symbolic],
    sigmoid: Callable[[Symbolic], Symbolic],
) -> Symbolic:
    if not value.has(sympy.exp):
        return value
    value = value.replace(
        lambda part: isinstance(part, sympy.log) and exponent(part.args[0]) is not None,
        lambda part: softplus(exponent(part.args[0])),
    )
    return value.replace(
        lambda part: (
            part.is_Pow
            and part.exp.could_extract_minus_sign()
            and exponent(part.base) is not None
        ),
        lambda part: sigmoid(-exponent(part.base)) ** -part.exp,
    )


def absolute(value: Symbolic) -> Symbolic:
    """``abs(value)``; of ``exp(a)`` SymPy takes the real part of an a that may be none."""
    made = sympy.Abs(value)
    if not made.has(sympy.re, sympy.im):
        return made
    return made.replace(sympy.re, lambda part: part).replace(sympy.im, lambda _: 0)


def _softplus(x: Symbolic) -> Symbolic:
    if x.has(Learned):
        return Softplus(x)
    return sympy.Max(x, 0) + log1p(sympy.exp(-absolute(x)))


def _sigmoid(x: Symbolic) -> Symbolic:
    if x.has(Learned):
        return Sigmoid(x)
    return sympy.exp(sympy.Min(x, 0)) / (1 + sympy.exp(-absolute(x)))


def exponent(value: Symbolic) -> Symbolic:
    """The ``x`` of ``1 + exp(x)``, ``1 + exp(-2)*exp(x)`` too; of all else None.

    Below a line it is what ``sigmoid(-x)`` has there, in a logarithm it is ``softplus(x)``.
    """
    if not (value.is_Add and len(value.args) == 2 and value.args[0] == 1):
        return None
    pairs = [part.as_base_exp() for part in sympy.Mul.make_args(value.args[1])]
    if any(base != sympy.E for base, _ in pairs):
        return None
    return sympy.Add(*(power for _, power in pairs))
