"""Laws of functions, as far as normal forms of tensors know them.

``max`` carries the piecewise linear ones: ``relu(x)`` is ``max(0, x)``, and
``min(x, y)`` is ``-max(-x, -y)``. A ``max`` is a set of values, so that order and
repetition do not matter; one inside of another is taken out, and what is never the
largest is left out. Of ``max(x, y) = y + max(x - y, 0)`` and all such forms one is
taken, so ``relu(-x) = relu(x) - x`` needs no law of its own. Each law is an identity of
real numbers; what no law says stays unknown, and is not taken for different.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from recform.analysis.equal_terms import (
    ONE,
    Atom,
    Atoms,
    Monomial,
    Value,
    cleaned,
    frozen,
    plus,
    scaled,
)

#: Functions with f(-x) = -f(x).
_ODD = {"tanh"}
#: Functions with f(-x) = f(x) - x.
_RECTIFIERS = {"gelu", "silu", "hardswish"}
#: Functions with f(-x) = 1 - f(x), all of them between 0 and 1.
_SIGMOIDS = {"sigmoid", "hardsigmoid"}
#: Functions that leave alone what is not negative.
_KEEP_POSITIVE = {"elu"}
#: How many values of a ``max`` inside of another are taken out.
_MOST_VALUES = 12


def function(atoms: Atoms, name: str, x: Value) -> Value:
    """An elementwise function of a value."""
    if name == "relu":
        return largest(atoms, [{}, x])
    if name == "relu6":
        shifted = plus(x, {ONE: sympy.Integer(-6)})
        rectified = [largest(atoms, [{}, value]) for value in (x, shifted)]
        return plus(rectified[0], scaled(sympy.S.NegativeOne, rectified[1]))
    if name == "leaky_relu":
        slope = sympy.Rational(1, 100)
        return plus(scaled(slope, x), scaled(1 - slope, function(atoms, "relu", x)))
    if name in _KEEP_POSITIVE and _is_positive(atoms, x):
        return x
    if name in _ODD | _RECTIFIERS and not x:
        return {}
    if name in _ODD | _RECTIFIERS | _SIGMOIDS and _is_reflected(x):
        mirrored = atoms.value("f", name, frozen(scaled(sympy.S.NegativeOne, x)))
        if name in _ODD:
            return scaled(sympy.S.NegativeOne, mirrored)
        if name in _RECTIFIERS:
            return plus(mirrored, x)
        return plus({ONE: sympy.S.One}, scaled(sympy.S.NegativeOne, mirrored))
    return atoms.value("f", name, frozen(x))


def together(atoms: Atoms, kind: str, values: Sequence[Value]) -> Value:
    """``max``, ``min`` or ``concat`` of values."""
    if kind == "concat":
        return _side_by_side(atoms, values)
    if kind == "max":
        return largest(atoms, values)
    negative = [scaled(sympy.S.NegativeOne, value) for value in values]
    return scaled(sympy.S.NegativeOne, largest(atoms, negative))


def _is_reflected(x: Value) -> bool:
    """Whether of x and -x the other one is the argument in the normal form."""
    first = x[min(x)] if x else sympy.S.One
    return bool(first.could_extract_minus_sign())


# ------------------------------------------------------------------------------------ max


def largest(atoms: Atoms, values: Sequence[Value]) -> Value:
    """The largest of several values, element by element."""
    common, found = _flattened(atoms, _relevant(atoms, values))
    found = _relevant(atoms, found)
    if len(found) == 1:
        return plus(common, found[0])
    # Whichever is taken away from all, the result is the same; the simplest is kept.
    moved = [
        (taken, sorted((_minus(value, taken) for value in found), key=_order))
        for taken in found
    ]
    taken, rest = min(moved, key=lambda pair: [_order(value) for value in pair[1]])
    size = _content(rest)
    primitive = tuple(frozen(scaled(1 / size, value)) for value in rest)
    return plus(common, taken, scaled(size, atoms.value("max", primitive)))


def _minus(left: Value, right: Value) -> Value:
    return plus(left, scaled(sympy.S.NegativeOne, right))


def _order(value: Value) -> Any:
    return len(value), [
        (monomial, weight.could_extract_minus_sign(), str(weight))
        for monomial, weight in frozen(value)
    ]


def _relevant(atoms: Atoms, values: Sequence[Value]) -> list[Value]:
    """The values without those that are never larger than another one."""
    result: list[Value] = []
    for value in values:
        if any(_is_positive(atoms, _minus(other, value)) for other in result):
            continue
        result = [
            other for other in result if not _is_positive(atoms, _minus(value, other))
        ]
        result.append(value)
    return result


def _is_positive(atoms: Atoms, value: Value, depth: int = 2) -> bool:
    """Whether a value is seen to be nowhere below zero.

    None of its terms is, or that is so with one of the values in the place of a ``max``.
    """
    negative = [m for m, w in value.items() if not _is_positive_term(atoms, m, w)]
    if not negative:
        return True
    if not depth or len(negative) > _MOST_VALUES:
        return False
    return any(
        _is_positive(atoms, chosen, depth - 1)
        for monomial, weight in value.items()
        if _is_added_max(atoms, monomial, weight)
        for chosen in _choices(atoms, value, monomial)
    )


def _is_positive_term(atoms: Atoms, monomial: Monomial, weight: Any) -> bool:
    return bool(weight.is_Rational and weight > 0) and all(
        monomial.count(atom) % 2 == 0 or _is_positive_atom(atoms, atom)
        for atom in monomial
    )


def _choices(atoms: Atoms, value: Value, monomial: Monomial) -> list[Value]:
    """A value with each of the values of a ``max`` in its place."""
    weight = value[monomial]
    others = {m: w for m, w in value.items() if m != monomial}
    values = atoms.key(monomial[0])[1]
    return [plus(others, scaled(weight, dict(chosen))) for chosen in values]


def _is_positive_atom(atoms: Atoms, atom: Atom) -> bool:
    kind, *rest = atoms.key(atom)
    if kind == "max":
        return frozen({}) in rest[0]
    return kind == "f" and rest[0] in _SIGMOIDS


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
    waiting = [_minus(value, common) for value in values]
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


def _is_added_max(atoms: Atoms, monomial: Monomial, weight: Any) -> bool:
    return bool(_is_max(atoms, monomial) and weight.is_Rational and weight > 0)


def _content(values: Sequence[Value]) -> Any:
    """A positive number that all weights are whole multiples of; 1 for other weights."""
    weights = [weight for value in values for weight in value.values()]
    if not weights or not all(weight.is_Rational for weight in weights):
        return sympy.S.One
    return sympy.gcd_list(weights)


# --------------------------------------------------------------------------------- concat


def part(atoms: Atoms, value: Value, parts: int, which: int) -> Value:
    """One of the equal parts into which the features are cut: of each factor its own."""
    result: Value = {}
    for monomial, weight in value.items():
        cut = sorted(atoms.number("part", parts, which, atom) for atom in monomial)
        result = plus(result, {tuple(cut): weight})
    return result


def _side_by_side(atoms: Atoms, values: Sequence[Value]) -> Value:
    flat: list[Value] = []
    for value in values:
        inner = _as_concat(atoms, value)
        flat += [value] if inner is None else inner
    whole = _whole(atoms, flat)
    if whole is not None:
        return whole
    return atoms.value("concat", *map(frozen, flat))


def _as_concat(atoms: Atoms, value: Value) -> list[Value] | None:
    """What stands side by side in a value, if it is that alone."""
    if len(value) != 1:
        return None
    ((monomial, weight),) = value.items()
    if len(monomial) != 1 or atoms.key(monomial[0])[0] != "concat":
        return None
    return [scaled(weight, dict(inner)) for inner in atoms.key(monomial[0])[1:]]


def _whole(atoms: Atoms, values: Sequence[Value]) -> Value | None:
    """The tensor whose parts these are, all of them and in order."""
    whole: Value = {}
    for monomial, weight in values[0].items():
        factors = []
        for atom in monomial:
            key = atoms.key(atom)
            if key[:3] != ("part", len(values), 0):
                return None
            factors.append(key[3])
        whole[tuple(sorted(factors))] = weight
    cut = [part(atoms, whole, len(values), n) for n in range(len(values))]
    return whole if whole and list(values) == cut else None
