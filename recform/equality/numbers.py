"""Numbers of coefficients as values: the laws of functions hold of learned scalars, too.

In linear algebra a learned scalar is a number of the field. Where nothing but laws is asked
it is a tensor of equal features, and its functions are functions of tensors.
"""

from __future__ import annotations

from functools import partial, reduce

import sympy

from recform.algebra.expr import I, L
from recform.blocks.symbolic import Symbolic
from recform.equality.laws import function, multiplied, word
from recform.equality.max import EXP
from recform.equality.terms import ONE, Atoms, Value, negative, plus
from recform.equality.values import Evaluator

#: What SymPy calls words of the language.
_WORDS = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tanh: "tanh",
    sympy.erf: "erf",
    sympy.Abs: "abs",
    sympy.Max: "max",
    sympy.Min: "min",
}


class Lawful(Evaluator):
    """Evaluates tensors with their coefficients as values."""

    def _front(self, coefficient: Symbolic, at: Symbolic) -> Value:
        number, vectors = self._named(coefficient, at)
        return _value(self._atoms, number, vectors)


def _value(atoms: Atoms, number: Symbolic, vectors: frozenset[Symbolic]) -> Value:
    inner = partial(_value, atoms, vectors=vectors)
    if number.is_Rational:
        return {ONE: number} if number else {}
    if number in vectors:
        return atoms.value("learned", number)
    if number is sympy.E:
        return function(atoms, EXP, {ONE: sympy.S.One})
    if number.is_Symbol or number.is_Number or number.is_NumberSymbol:
        kind = "positive" if number in (I, L) or number.is_NumberSymbol else "scalar"
        return atoms.value(kind, number)
    if number.is_Add:
        return plus(*map(inner, number.args))
    if number.is_Mul:
        return reduce(partial(multiplied, atoms), map(inner, number.args))
    if number.is_Pow:
        return _power(atoms, inner(number.base), number.base, inner(number.exp))
    name = _WORDS.get(number.func)
    if name is not None:
        return word(atoms, name, [*map(inner, number.args)])
    return atoms.value("scalar", number)


def _power(atoms: Atoms, base: Value, number: Symbolic, exponent: Value) -> Value:
    if exponent.keys() <= {ONE}:
        power = exponent.get(ONE, sympy.S.Zero)
        if power.is_Rational and power < 0:
            turned = word(atoms, "**", [base, negative(exponent)])
            return word(atoms, "/", [{ONE: sympy.S.One}, turned])
        return base if power == 1 else word(atoms, "**", [base, exponent])
    if number.is_Rational and number > 0:
        # 2^(i-1) is a half of 2^i.
        return word(
            atoms, "exp", [multiplied(atoms, exponent, word(atoms, "log", [base]))]
        )
    return word(atoms, "**", [base, exponent])
