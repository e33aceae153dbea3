"""Laws of functions, as far as normal forms of tensors know them.

A function is what its operator says that it computes, and that is written by few words:
what is piecewise linear by ``max`` (``min(x, y)`` is ``-max(-x, -y)``), ``tanh(x)`` is
``2*sigmoid(2*x) - 1``; a quotient, root, exponential or logarithm is one of
:mod:`powers`. Another word, or a function of which nothing is said, stays an atom. Each law
is an identity of real numbers, wherever both sides have a value; what no law says stays
unknown, and is not taken for different.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import cache, partial, reduce

import sympy

from recform.blocks import Function
from recform.blocks.function import EXACT
from recform.blocks.symbolic import Symbolic
from recform.equality.concat import each, side_by_side
from recform.equality.max import (
    EXP,
    NORMAL,
    OVER,
    SIGMOID,
    Known,
    is_gate,
    is_positive,
    is_positive_atom,
    largest,
    minus,
    rectified,
    relevant,
    remember_square,
    starts_negative,
)
from recform.equality.powers import (
    COS,
    SIN,
    below,
    exponential,
    is_partial,
    logarithm,
    reciprocal,
    root,
    simpler,
)
from recform.equality.terms import (
    MAX_TERMS,
    ONE,
    Atom,
    Atoms,
    Monomial,
    Value,
    cleaned,
    frozen,
    negative,
    plus,
    product,
    scaled,
    without,
)

#: Most terms of an argument by which a function is multiplied out, and where it has
#: pieces or is multiplied out twice.
_MOST_TERMS, _FEW_TERMS = 32, 4
#: The largest power that is multiplied out.
_MOST_POWER = 8
#: Most factors of a product that are looked at in pairs.
_MOST_FACTORS = 8
#: Most factors of a product whose size is that of each.
_MOST_SIZES = 4
#: Most lines below a line.
_MOST_LINES = 4
#: A term of a difference is as much work as so many terms that are looked at.
_DIFFERENCE = 4


def function(atoms: Atoms, known: Known, x: Value) -> Value:
    """An elementwise function of a value."""
    return atoms.once((known, frozen(x)), lambda: _function(atoms, known, x))


def _function(atoms: Atoms, known: Known, x: Value) -> Value:
    inside = each(atoms, [x], lambda column: function(atoms, known, column[0]))
    if inside is not None:
        return inside
    is_word = known in (SIGMOID, NORMAL)
    if isinstance(known, Function) and not is_word and len(x) <= _most_terms(known):
        with suppress(_Unwritten):
            return known.fold(x, _number, partial(_written, atoms))
    return _atom(atoms, known, x)


def word(atoms: Atoms, name: str, parts: Sequence[Value]) -> Value:
    """A word of the language, such as ``max``, ``**`` or ``tanh``, of values."""
    try:
        return _written(atoms, name, parts)
    except _Unwritten:
        return atoms.value("word", name, *map(frozen, parts))


class _Unwritten(Exception):
    """A function's value is not made of what laws know alone: it is an atom."""


def _number(number: Fraction) -> Value:
    return cleaned({ONE: sympy.Rational(number)})


def _written(atoms: Atoms, word: str, parts: Sequence[Value]) -> Value:
    """A word of a function's value, of its arguments.

    Raises:
        _Unwritten: if no law knows it.
    """
    x = parts[0]
    made = partial(function, atoms)
    several: Callable[[Iterable[Value]], Value] = partial(
        reduce, partial(multiplied, atoms)
    )
    match word:
        case "+":
            return plus(*parts)
        case "-":
            return minus(*parts)
        case "*":
            return multiplied(atoms, *parts)
        case "/":
            y = parts[1]
            above = [x]
            # 1/(1/x + 1/y) is x*y/(x + y).
            while len(y) > 1 and len(above) <= _MOST_LINES and (z := below(atoms, y)):
                y = multiplied(atoms, y, z)
                above.append(z)
            return several([*above, *reciprocal(atoms, y, made)])
        case "**" if (halves := _halves(parts[1])) is not None:
            factors = [x] * (abs(halves) // 2)
            factors += root(atoms, x, made) if halves % 2 else []
            whole = several(factors)
            return whole if halves > 0 else function(atoms, OVER, whole)
        case "max" | "min":
            return together(atoms, word, parts)
        case "abs":
            return together(atoms, "max", [x, negative(x)])
        case "hardsigmoid":
            moved = plus(scaled(sympy.Rational(1, 6), x), _number(Fraction(1, 2)))
            larger = together(atoms, "max", [moved, {}])
            return together(atoms, "min", [larger, _number(Fraction(1))])
        case "tanh":
            gate = function(atoms, SIGMOID, scaled(sympy.Integer(2), x))
            return minus(scaled(sympy.Integer(2), gate), {ONE: sympy.S.One})
        case "sigmoid" | "normal":
            return function(atoms, NORMAL if word == "normal" else SIGMOID, x)
        case "sqrt":
            return several(root(atoms, x, made))
        case "exp":
            return several(exponential(atoms, x, made))
        case "log":
            return logarithm(atoms, x, made)
        case "softplus":
            return logarithm(atoms, plus({ONE: sympy.S.One}, made(EXP, x)), made)
        case "sin" if starts_negative(x):
            return negative(function(atoms, SIN, negative(x)))
        case "cos" if starts_negative(x):
            return function(atoms, COS, negative(x))
    if word == "**":
        raise _Unwritten
    if not x and word in ("sin", "cos"):
        return _number(Fraction(word == "cos"))
    return _atom(atoms, Function(f"{word}(x)"), x)


def _halves(value: Value) -> int | None:
    """How many halves a power is that is written out."""
    halves = 2 * value.get(ONE, sympy.S.Zero)
    fits = value.keys() <= {ONE} and halves.is_Integer and halves
    return int(halves) if fits and abs(halves) <= 2 * _MOST_POWER else None


def _most_terms(known: Function) -> int:
    """Most terms of an argument by which a function is multiplied out.

    Where a product has twice the terms, they would double with every block.
    """
    products = pieces = 0
    for word in known.words:
        if word.name == "**":
            products += 2
        elif word.name == "*":
            products += not any(isinstance(part, Fraction) for part in word.parts)
        pieces += word.name in ("max", "min", "abs", "hardsigmoid")
    if not products:
        return MAX_TERMS
    return _MOST_TERMS if products == 1 and not pieces else _FEW_TERMS


def _atom(atoms: Atoms, known: Known, x: Value) -> Value:
    """A function that stays.

    Of ``f(max(a, b)) + f(min(a, b)) = f(a) + f(b)`` the first one is kept; of a gate's x
    and -x one is its argument.
    """
    gate = is_gate(known)
    if gate and not x:
        return {ONE: sympy.S.Half}
    pair = _two_values(atoms, x) if _at_zero(known) is not None else None
    if gate and (starts_negative(x) if pair is None else not pair[2]):
        return minus({ONE: sympy.S.One}, _atom(atoms, known, negative(x)))
    if pair is None:
        return atoms.value("f", known, frozen(x))
    a, b, is_larger = pair
    if gate and starts_negative(plus(a, b)):
        mirrored = together(atoms, "max", [negative(a), negative(b)])
        both = plus(*(function(atoms, known, value) for value in (a, b, mirrored)))
        return minus(both, {ONE: sympy.S.One})
    if is_larger:
        return atoms.value("f", known, frozen(x))
    larger = function(atoms, known, together(atoms, "max", [a, b]))
    return minus(plus(function(atoms, known, a), function(atoms, known, b)), larger)


@cache
def _zero_of(known: Function) -> Symbolic | None:
    found = known.fold(
        sympy.S.Zero, sympy.Rational, lambda word, parts: EXACT[word](*parts)
    )
    return found if found.is_Rational else None


def _at_zero(known: Known) -> Symbolic | None:
    """What a function that grows is at 0; None if that is no fraction, or it does not."""
    if is_gate(known):
        return sympy.S.Half
    return _zero_of(known) if isinstance(known, Function) and known.grows else None


def _two_values(atoms: Atoms, x: Value) -> tuple[Value, Value, bool] | None:
    """The a and b of which a value is the larger one (True) or the smaller one."""
    found = [m for m in x if _holds_max(atoms, m)]
    inner = rectified(atoms, found[0][0]) if len(found) == 1 == len(found[0]) else None
    if inner is None or any(_holds_max(atoms, m) for m in inner):
        return None
    weight = x[found[0]]
    if not weight.is_Rational:
        return None
    first = minus(x, {found[0]: weight})
    return first, plus(first, scaled(weight, inner)), bool(weight > 0)


def _holds_max(atoms: Atoms, monomial: Monomial) -> bool:
    return any(atoms.key(atom)[0] == "max" for atom in monomial)


def together(atoms: Atoms, kind: str, values: Sequence[Value]) -> Value:
    """``max``, ``min`` or ``concat`` of values."""
    if kind == "concat":
        return side_by_side(atoms, values)
    key = kind, tuple(map(frozen, values))
    return atoms.once(key, lambda: _together(atoms, kind, values))


def _together(atoms: Atoms, kind: str, values: Sequence[Value]) -> Value:
    if kind == "min":
        return negative(together(atoms, "max", [*map(negative, values)]))
    inside = each(atoms, values, lambda column: together(atoms, "max", column))
    if inside is not None:
        return inside
    sizes = _sizes(atoms, values)
    if sizes:
        return reduce(partial(multiplied, atoms), sizes)
    left = _growing_merged(atoms, relevant(atoms, values))
    factor = _common_factor(atoms, left)
    if not factor:
        return largest(atoms, left)
    rest = [{without(m, factor): w for m, w in value.items()} for value in left]
    return multiplied(atoms, {factor: sympy.S.One}, together(atoms, "max", rest))


# --------------------------------------------------------------------- max of other things


def _sizes(atoms: Atoms, values: Sequence[Value]) -> list[Value]:
    """The factors of ``abs(x*y) = abs(x)*abs(y)``, if that is what the values are."""
    if len(values) != 2 or len(values[0]) != 1 or values[1] != negative(values[0]):
        return []
    ((monomial, weight),) = values[0].items()
    if not 1 < len(monomial) <= _MOST_SIZES or not weight.is_Rational:
        return []
    factors: list[Value] = [{(atom,): sympy.S.One} for atom in monomial]
    made = [together(atoms, "max", [x, negative(x)]) for x in factors]
    return [{ONE: abs(weight)}, *made]


def _growing_merged(atoms: Atoms, values: list[Value]) -> list[Value]:
    """``max(f(x), f(y))`` is ``f(max(x, y))`` for a function that grows."""
    for first, left in enumerate(values):
        for second in range(first + 1, len(values)):
            merged = _merged(atoms, left, values[second])
            if merged is not None:
                others = [v for n, v in enumerate(values) if n not in (first, second)]
                return _growing_merged(atoms, [*others, merged])
    return values


def _merged(atoms: Atoms, left: Value, right: Value) -> Value | None:
    """The larger one of two values that differ in the argument of a function."""
    difference = dict(minus(left, right))
    constant = difference.pop(ONE, sympy.S.Zero)
    if not 1 <= len(difference) <= 2 or not constant.is_Rational:
        return None
    terms = []
    for monomial, weight in difference.items():
        kind, *told = atoms.key(monomial[0])
        if len(monomial) > 1 or kind != "f" or _at_zero(told[0]) is None:
            return None
        if not weight.is_Rational:
            return None
        terms.append((weight, told[0], dict(told[1]), monomial))
    weight, known, x, monomial = terms[0]
    if len(terms) == 1:
        if monomial not in left:
            return _merged(atoms, right, left) if monomial in right else None
        if constant != -weight * _at_zero(known):
            return None
        y: Value = {}
    else:
        other, other_known, y, _ = terms[1]
        if known != other_known:
            return None
        if is_gate(known) and (other, constant) == (weight, -weight):
            y = negative(y)
        elif (other, constant) != (-weight, 0):
            return None
    larger = together(atoms, "max" if weight > 0 else "min", [x, y])
    rest = minus(left, {monomial: weight})
    return plus(rest, scaled(weight, function(atoms, known, larger)))


def _common_factor(atoms: Atoms, values: Sequence[Value]) -> Monomial:
    """Atoms that all terms have as factors, and whose product is nowhere negative."""
    monomials = [monomial for value in values for monomial in value]
    if not monomials or ONE in monomials:
        return ()
    result: list[Atom] = []
    for atom in sorted(set(monomials[0])):
        count = min(monomial.count(atom) for monomial in monomials)
        if not is_positive_atom(atoms, atom):
            count -= count % 2
        result += [atom] * count
    return tuple(result)


# -------------------------------------------------------------------------------- products


def multiplied(atoms: Atoms, left: Value, right: Value) -> Value:
    """The product, element by element.

    Where ``max(0, p)`` is not zero it is p, so other factors are only needed there:
    ``relu(x)*relu(x) = x*relu(x)``, ``relu(x)*relu(-x) = 0``.
    """
    inside = each(
        atoms, [left, right], lambda column: multiplied(atoms, column[0], column[1])
    )
    if inside is not None:
        return inside
    made = product(left, right)
    parts = []
    for monomial, weight in made.items():
        atoms.work(len(monomial))
        found = _simplified(atoms, monomial)
        if found is not None:
            atoms.work(len(found))
        parts.append({monomial: weight} if found is None else scaled(weight, found))
    whole = plus(*parts)
    if len(left) > 1 and len(right) > 1:
        atoms.products.setdefault(frozen(whole), (left, right))
        if left == right:
            remember_square(atoms, whole)
    return whole


def _simplified(atoms: Atoms, monomial: Monomial) -> Value | None:
    """A product whose other factors are looked at where a ``max(0, p)`` is not zero."""
    if not 1 < len(monomial) <= _MOST_FACTORS:
        return None
    found = atoms.once(("simpler", monomial), partial(simpler, atoms, monomial))
    if found is not None:
        rest, made = found
        return multiplied(atoms, {rest: sympy.S.One}, made)
    for place, atom in enumerate(monomial):
        inner = rectified(atoms, atom)
        if inner is None:
            continue
        for position, other in enumerate(monomial):
            if position == place:
                continue
            there = atoms.once(
                ("where positive", other, atom),
                partial(_where_positive, atoms, other, atom, inner),
            )
            if there is None:
                continue
            left = tuple(a for n, a in enumerate(monomial) if n != position)
            return multiplied(atoms, {left: sympy.S.One}, there)
    return None


def _where_positive(atoms: Atoms, other: Atom, atom: Atom, p: Value) -> Value | None:
    """An atom where p is positive and ``max(0, p)`` therefore p; None if it is the same."""
    if other == atom:
        return p
    q = rectified(atoms, other)
    if q is not None:
        atoms.work(len(p))
        ratios = [q[m] / w for m, w in p.items() if m in q and (q[m] / w).is_Rational]
        for ratio in dict.fromkeys(ratios):
            atoms.work(_DIFFERENCE * (len(p) + len(q)))
            if ratio > 0 and is_positive(atoms, minus(q, scaled(ratio, p))):
                return q
            if ratio < 0 and is_positive(atoms, minus(scaled(ratio, p), q)):
                return {}
    return _replaced(atoms, other, atom, p)


def _replaced(atoms: Atoms, other: Atom, atom: Atom, p: Value) -> Value | None:
    """An elementwise function with p for an atom in its arguments; None without it.

    A root of p may have no value where the product is zero.
    """
    kind, *rest = atoms.key(other)
    if kind not in ("f", "max") or (kind == "f" and is_partial(rest[0])):
        return None
    arguments = [rest[1]] if kind == "f" else rest[0]
    if not any((atom,) == monomial for value in arguments for monomial, _ in value):
        return None
    moved = [
        plus(*({m: w} if m != (atom,) else scaled(w, p) for m, w in value))
        for value in arguments
    ]
    if kind == "f":
        return function(atoms, rest[0], moved[0])
    return together(atoms, "max", moved)
