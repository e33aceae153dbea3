"""``max``, which carries all functions that are piecewise linear.

A ``max`` is a set of values, so that order and repetition do not matter; one inside of
another is taken out, and what is never the largest is left out. Of ``max(x, y) = y +
max(x - y, 0)`` and all such forms one is taken, so ``relu(-x) = relu(x) - x`` needs no law
of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import sympy

from recform.blocks import Function, Operator
from recform.blocks.symbolic import Symbolic
from recform.equality.terms import (
    ONE,
    Atom,
    Atoms,
    Frozen,
    Monomial,
    Value,
    cleaned,
    frozen,
    negative,
    plus,
    scaled,
)

#: An elementwise function: what it computes, or its operator where nobody says that.
Known: TypeAlias = Function | Operator
#: Functions that laws know by themselves; the first two are gates.
SIGMOID = Function("sigmoid(x)", grows=True, gate=True)
NORMAL = Function("normal(x)", grows=True, gate=True)
EXP = Function("exp(x)")
LOG = Function("log(x)")
ROOT = Function("sqrt(x)")
OVER = Function("1 / x")
#: How many values of a ``max`` inside of another are taken out.
_MOST_VALUES = 12
#: How many values are looked at to see that one of them is not negative.
_MOST_LOOKS = 40


def is_gate(known: Known) -> bool:
    """Whether a function grows, lies between 0 and 1, and ``f(-x) = 1 - f(x)``."""
    return isinstance(known, Function) and known.gate


def largest(atoms: Atoms, values: Sequence[Value]) -> Value:
    """The largest of several values, element by element."""
    common, found = _flattened(atoms, relevant(atoms, values))
    found = relevant(atoms, found)
    if len(found) == 1:
        return plus(common, found[0])
    # Whichever is taken away from all, the result is the same; the simplest is kept.
    # Of very many values only one is tried.
    tried = found if len(found) <= _MOST_VALUES else [min(found, key=_order)]
    moved = [
        (taken, sorted((minus(value, taken) for value in found), key=_order))
        for taken in tried
    ]
    taken, rest = min(moved, key=lambda pair: [_order(value) for value in pair[1]])
    size = content(rest)
    primitive = tuple(frozen(scaled(1 / size, value)) for value in rest)
    return plus(common, taken, scaled(size, atoms.value("max", primitive)))


def starts_negative(x: Value) -> bool:
    """Whether the first term has a minus sign: so of a value and its negative one does."""
    return bool(x) and bool(x[min(x)].could_extract_minus_sign())


def minus(left: Value, right: Value) -> Value:
    """The difference."""
    return plus(left, negative(right))


def _order(value: Value) -> tuple[int, list[tuple[Monomial, bool, str]]]:
    return len(value), [
        (monomial, *_weight_order(weight)) for monomial, weight in frozen(value)
    ]


@lru_cache(maxsize=4096)
def _weight_order(weight: Symbolic) -> tuple[bool, str]:
    return bool(weight.could_extract_minus_sign()), str(weight)


def relevant(atoms: Atoms, values: Sequence[Value]) -> list[Value]:
    """The values without those that are never larger than another one."""
    if len(values) > _MOST_VALUES:
        return list({frozen(value): value for value in values}.values())
    result: list[Value] = []
    for value in values:
        if any(is_positive(atoms, minus(other, value)) for other in result):
            continue
        result = [
            other for other in result if not is_positive(atoms, minus(value, other))
        ]
        result.append(value)
    return result


def is_positive(atoms: Atoms, value: Value) -> bool:
    """Whether a value is seen to be nowhere below zero."""
    key = "is positive", frozen(value)
    return _is_square(atoms, value) or atoms.once(
        key, lambda: _is_positive(atoms, value, [_MOST_LOOKS])
    )


def _is_square(atoms: Atoms, value: Value) -> bool:
    """Whether a value was made as a square, or is larger by a number."""
    found = atoms.squares.get(_without_number(value))
    return found is not None and bool(
        (value.get(ONE, sympy.S.Zero) - found).is_nonnegative
    )


def remember_square(atoms: Atoms, value: Value) -> None:
    """Remembers that a value is one."""
    atoms.squares[_without_number(value)] = value.get(ONE, sympy.S.Zero)


def _without_number(value: Value) -> Frozen:
    return frozen({m: w for m, w in value.items() if m != ONE})


def _is_positive(atoms: Atoms, value: Value, looks: list[int]) -> bool:
    """None of its terms is below zero, or that is so for simpler values.

    A value that adds a ``max`` is at least the one with any of its values in its place; of
    one that subtracts it all have to be positive. A subtracted sigmoid is at most 1.
    """
    looks[0] -= 1
    atoms.work(len(value))
    negative = [m for m, w in value.items() if not _is_positive_term(atoms, m, w)]
    if not negative:
        return True
    if looks[0] <= 0 or len(value) > _MOST_VALUES:
        return False
    for monomial, weight in value.items():
        if not weight.is_Rational:
            continue
        if _is_max(atoms, monomial):
            found = any if weight > 0 else all
            choices = _choices(atoms, value, monomial)
            if found(_is_positive(atoms, chosen, looks) for chosen in choices):
                return True
        elif weight < 0:
            larger = _without_sigmoid(atoms, monomial)
            if larger is not None:
                moved = {m: w for m, w in value.items() if m != monomial}
                if _is_positive(atoms, plus(moved, {larger: weight}), looks):
                    return True
    return False


def _is_positive_term(atoms: Atoms, monomial: Monomial, weight: Symbolic) -> bool:
    # What SymPy infers of a number takes longer than all else here.
    known = weight.p >= 0 if weight.is_Rational else bool(weight.is_nonnegative)
    return known and all(
        monomial.count(atom) % 2 == 0 or is_positive_atom(atoms, atom)
        for atom in monomial
    )


def _without_sigmoid(atoms: Atoms, monomial: Monomial) -> Monomial | None:
    """What a product with a sigmoid is at most, if it is nowhere negative."""
    if not _is_positive_term(atoms, monomial, sympy.S.One):
        return None
    for place, atom in enumerate(monomial):
        if atoms.key(atom)[0] == "f" and is_gate(atoms.key(atom)[1]):
            return monomial[:place] + monomial[place + 1 :]
    return None


def _choices(atoms: Atoms, value: Value, monomial: Monomial) -> list[Value]:
    """A value with each of the values of a ``max`` in its place."""
    weight = value[monomial]
    others = {m: w for m, w in value.items() if m != monomial}
    values = atoms.key(monomial[0])[1]
    return [plus(others, scaled(weight, dict(chosen))) for chosen in values]


def is_positive_atom(atoms: Atoms, atom: Atom) -> bool:
    """Whether an atom is seen to be nowhere below zero."""
    kind, *rest = atoms.key(atom)
    if kind == "max":
        return frozen({}) in rest[0]
    if kind == "positive":
        return True
    if kind != "f":
        return False
    if rest[0] == OVER:
        return is_positive(atoms, dict(rest[1]))
    if rest[0] == LOG:
        return is_positive(atoms, minus(dict(rest[1]), {ONE: sympy.S.One}))
    return is_gate(rest[0]) or rest[0] in (EXP, ROOT)


def rectified(atoms: Atoms, atom: Atom) -> Value | None:
    """p, if an atom is ``max(0, p)``."""
    kind, *rest = atoms.key(atom)
    if kind != "max" or len(rest[0]) != 2 or rest[0][0] != frozen({}):
        return None
    return dict(rest[0][1])


def _flattened(atoms: Atoms, values: Sequence[Value]) -> tuple[Value, list[Value]]:
    """What is taken away from all values, and they with every ``max`` taken out.

    A ``max`` that all have is taken away first, until it is subtracted nowhere and can be
    taken out. If there would be too many values, they stay as they were.
    """
    shared = {
        monomial: min(value.get(monomial, sympy.S.Zero) for value in values)
        for value in values
        for monomial in value
        if _is_max(atoms, monomial)
        and all(v.get(monomial, sympy.S.Zero).is_Rational for v in values)
    }
    common = cleaned(shared)
    result: list[Value] = []
    waiting = [minus(value, common) for value in values]
    while waiting:
        value = waiting.pop(0)
        inner = next((m for m in value if _is_added_max(atoms, m, value[m])), None)
        if inner is None:
            result.append(value)
        else:
            waiting += _choices(atoms, value, inner)
        if len(waiting) + len(result) > _MOST_VALUES:
            return {}, list(values)
    return common, result


def _is_max(atoms: Atoms, monomial: Monomial) -> bool:
    return len(monomial) == 1 and bool(atoms.key(monomial[0])[0] == "max")


def _is_added_max(atoms: Atoms, monomial: Monomial, weight: Symbolic) -> bool:
    return bool(_is_max(atoms, monomial) and weight.is_Rational and weight > 0)


def content(values: Sequence[Value]) -> Symbolic:
    """A positive number that all weights are multiples of: rational ones of whole numbers."""
    weights = [weight for value in values for weight in value.values()]
    if not weights:
        return sympy.S.One
    powers = [weight.as_powers_dict() for weight in weights]
    size = sympy.S.One
    for base in sorted(powers[0], key=str):
        if base.is_Symbol and all(base in p and p[base].is_Integer for p in powers):
            shared = min(p[base] for p in powers)
            size *= base ** (shared if base.is_positive else shared - shared % 2)
    rest = [weight / size for weight in weights]
    if all(weight.is_Rational for weight in rest):
        size *= abs(sympy.gcd_list(rest))
    return size
