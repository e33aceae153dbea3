"""Polynomials over atoms: tensors of written-out equations in a normal form.

A value is a sum of elementwise products of atoms, with numbers in front. What an atom is
made of is its key: the input, an operator or a function applied to a value, features put
side by side. Atoms are equal if their keys are.
"""

from __future__ import annotations

from typing import Any

import sympy

#: An atom's number.
Atom = int
Monomial = tuple[Atom, ...]
#: Weights (SymPy numbers) by monomial; none is zero.
Value = dict[Monomial, Any]

ONE: Monomial = ()
#: Most terms of a value.
MAX_TERMS = 4096


class TooLarge(Exception):
    """A value has more terms than is reasonable."""


class Atoms:
    """Numbers for atoms: equal ones get the same."""

    def __init__(self) -> None:
        self._numbers: dict[Any, Atom] = {}
        self._keys: list[Any] = []

    def number(self, *key: Any) -> Atom:
        """The number of an atom, told by what it is made of."""
        if key not in self._numbers:
            self._numbers[key] = len(self._keys)
            self._keys.append(key)
        return self._numbers[key]

    def key(self, atom: Atom) -> Any:
        """What an atom is made of."""
        return self._keys[atom]

    def value(self, *key: Any) -> Value:
        """An atom as a value."""
        return {(self.number(*key),): sympy.S.One}


def frozen(value: Value) -> Any:
    """A value as a key."""
    return tuple(sorted(value.items()))


def plus(*values: Value) -> Value:
    """The sum."""
    total: Value = {}
    for value in values:
        for monomial, weight in value.items():
            total[monomial] = total[monomial] + weight if monomial in total else weight
    return cleaned(total)


def scaled(weight: Any, value: Value) -> Value:
    """A number times a value."""
    return cleaned({monomial: weight * w for monomial, w in value.items()})


def cleaned(value: Value) -> Value:
    """A value with its weights in normal form and without those that are zero.

    Raises:
        TooLarge: if it has too many terms.
    """
    if len(value) > MAX_TERMS:
        raise TooLarge
    result = {}
    for monomial, weight in value.items():
        plain = _simple(weight)
        if plain != 0:
            result[monomial] = plain
    return result


def _simple(weight: Any) -> Any:
    """A weight in a form that is 0 if and only if it is zero."""
    if weight.is_Number or weight.is_Symbol:
        return weight
    weight = sympy.expand(weight)
    # Fractions need more than polynomials, and are rare.
    fractions = any(p.exp.is_negative for p in weight.atoms(sympy.Pow))
    return sympy.cancel(weight) if fractions else weight


def product(left: Value, right: Value) -> Value:
    """The elementwise product."""
    total: Value = {}
    for a, v in left.items():
        for b, w in right.items():
            monomial = tuple(sorted(a + b))
            total[monomial] = total.get(monomial, sympy.S.Zero) + v * w
    return cleaned(total)
