"""Reciprocals, roots, exponentials and logarithms in a normal form.

Few functions write all of them: ``1/sqrt(y)`` is ``sqrt(y) * 1/y``, a product has one
exponential, and a sum of two below a line is a sigmoid: ``1/(exp(a) + exp(b))`` is
``exp(-a)*sigmoid(a - b)``. Two formulas are equal that are so wherever both have a value:
``y * 1/y`` is 1, ``sqrt(y)*sqrt(y)`` is y, ``exp(log(y))`` too. What has a value keeps it,
so ``log(a*b)`` is a sum only if one of them is seen to be nowhere below zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, reduce
from itertools import chain
from typing import TypeAlias

import sympy

from recform.blocks import Function
from recform.blocks.symbolic import Symbolic
from recform.equality.max import (
    EXP,
    LOG,
    OVER,
    ROOT,
    SIGMOID,
    Known,
    content,
    is_positive,
    is_positive_atom,
    largest,
    minus,
    starts_negative,
)
from recform.equality.terms import (
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

SIN, COS, SOFTPLUS = (Function(f"{word}(x)") for word in ("sin", "cos", "softplus"))
#: The largest power of a function inside of another that is multiplied out.
_MOST_POWER = 8
#: Most terms of a sum below a line that is taken apart, and how much work that is.
_MOST_FACTORED, _FACTORING = 24, 20
#: The largest primes that a number in a logarithm is taken apart by.
_PRIMES = 1000

#: A function of a value in normal form.
Made: TypeAlias = Callable[[Known, Value], Value]
_ONE: Value = {ONE: sympy.S.One}


def is_partial(known: Known) -> bool:
    """Whether a function has a root, logarithm or fraction in it."""
    words = known.words if isinstance(known, Function) else ()
    return any(word.name in ("/", "**", "sqrt", "log") for word in words)


def _inside(atoms: Atoms, atom: Atom, known: Function) -> Value | None:
    """x, if an atom is this function of x."""
    kind, *rest = atoms.key(atom)
    return dict(rest[1]) if kind == "f" and rest[0] == known else None


def _exponential(atoms: Atoms, x: Value) -> Value:
    return atoms.value("f", EXP, frozen(x)) if x else _ONE


# ------------------------------------------------------------------------- exponentials


def exponential(atoms: Atoms, x: Value, made: Made) -> Iterator[Value]:
    """Factors of ``exp(x)``: y of ``exp(log(y))``."""
    rest = dict(x)
    for monomial, weight in x.items():
        whole = (2 * weight).is_Integer and abs(weight) <= _MOST_POWER
        y = _inside(atoms, monomial[0], LOG) if whole and len(monomial) == 1 else None
        if y is not None:
            del rest[monomial]
            base = y if weight > 0 else made(OVER, y)
            yield from [base] * int(abs(weight))
            yield from [made(ROOT, base)] * (not weight.is_Integer)
    yield _exponential(atoms, rest)


def logarithm(atoms: Atoms, x: Value, made: Made) -> Value:
    """``log(x)``; of a product a sum, as far as factors are seen to be nowhere below zero."""
    size = _rational_content(x)
    exponent, rest = _without_exponential(atoms, scaled(1 / size, x))
    parts = [exponent]
    for prime, power in size.factors(limit=_PRIMES).items():
        number = atoms.value("f", LOG, frozen({ONE: sympy.Integer(prime)}))
        parts.append(scaled(sympy.Integer(power), number))
    p = _one_minus(atoms, rest)
    if p is not None:
        parts.append(negative(made(SOFTPLUS, p)))
    elif len(rest) != 1 or min(rest.values()) != 1:
        parts.append(atoms.value("f", LOG, frozen(rest)))
    else:
        (monomial,) = rest
        signed = tuple(a for a in monomial if not is_positive_atom(atoms, a))
        if len(set(signed)) > 1 or (signed and len(signed) % 2 == 0):
            parts.append(atoms.value("f", LOG, frozen({signed: sympy.S.One})))
            monomial = tuple(a for a in monomial if a not in signed)
        parts += [_logarithm(atoms, atom, made) for atom in monomial]
    return plus(*parts)


def _logarithm(atoms: Atoms, atom: Atom, made: Made) -> Value:
    if (p := _inside(atoms, atom, SIGMOID)) is not None:
        return negative(made(SOFTPLUS, negative(p)))
    if (y := _inside(atoms, atom, OVER)) is not None:
        return negative(made(LOG, y))
    if (y := _inside(atoms, atom, ROOT)) is not None:
        return scaled(sympy.S.Half, made(LOG, y))
    return atoms.value("f", LOG, frozen({(atom,): sympy.S.One}))


def _exponent(atoms: Atoms, monomial: Monomial) -> tuple[Value, Monomial]:
    """The exponent of a product's exponentials, and its other factors."""
    inside = {a: _inside(atoms, a, EXP) for a in monomial}
    exponents = [x for a in monomial if (x := inside[a]) is not None]
    return plus(*exponents), tuple(a for a in monomial if inside[a] is None)


def _without_exponential(atoms: Atoms, y: Value) -> tuple[Value, Value]:
    """The smallest exponent of a sum's terms, and the sum over its exponential.

    Which one is the smallest does not change if all of them are moved.
    """
    terms = [(*_exponent(atoms, m), w) for m, w in y.items()]
    if not any(exponent for exponent, _, _ in terms):
        return {}, y
    least = terms[0][0]
    for exponent, _, _ in terms:
        if starts_negative(minus(exponent, least)):
            least = exponent
    return least, plus(
        *(
            product({rest: w}, _exponential(atoms, minus(exponent, least)))
            for exponent, rest, w in terms
        )
    )


def _one_plus(atoms: Atoms, y: Value) -> Value | None:
    """d, if a value is ``1 + exp(d)``."""
    if len(y) != 2 or any(weight != 1 for weight in y.values()) or ONE not in y:
        return None
    (monomial,) = (m for m in y if m != ONE)
    return _inside(atoms, monomial[0], EXP) if len(monomial) == 1 else None


def _one_minus(atoms: Atoms, y: Value) -> Value | None:
    """p, if a value is ``1 - sigmoid(p)``."""
    if len(y) != 2 or y.get(ONE) != 1:
        return None
    ((monomial, weight),) = ((m, w) for m, w in y.items() if m != ONE)
    if weight != -1 or len(monomial) != 1:
        return None
    return _inside(atoms, monomial[0], SIGMOID)


# ---------------------------------------------------------------- reciprocals and roots


def reciprocal(atoms: Atoms, y: Value, made: Made) -> Iterator[Value]:
    """Factors of ``1/y``."""
    if not y:
        yield atoms.value("f", OVER, frozen(y))
        return
    for factor in atoms.products.get(frozen(y), ()):
        yield from reciprocal(atoms, factor, made)
    if frozen(y) in atoms.products:
        return
    size = min(y.values()) if len(y) == 1 else content([y])
    shared = _shared(y)
    for atom in shared:
        yield from _over(atoms, atom, made)
    left = cleaned({without(m, shared): w / size for m, w in y.items()})
    exponent, rest = _without_exponential(atoms, left)
    yield _exponential(atoms, negative(exponent))
    if starts_negative(rest):
        size, rest = -size, negative(rest)
    yield {ONE: 1 / size}
    if (d := _one_plus(atoms, rest)) is not None:
        yield made(SIGMOID, negative(d))
    elif (p := _one_minus(atoms, rest)) is not None:
        yield plus(_ONE, made(EXP, p))
    elif rest != _ONE:
        factors = _factored(atoms, rest)
        if len(factors) == 1:
            yield atoms.value("f", OVER, frozen(rest))
        else:
            yield from chain.from_iterable(reciprocal(atoms, f, made) for f in factors)


def below(atoms: Atoms, value: Value) -> Value | None:
    """An x of which a term of a value has ``1/x``; None without one."""
    for monomial in value:
        for atom in monomial:
            if (x := _inside(atoms, atom, OVER)) is not None:
                return x
    return None


def _factored(atoms: Atoms, y: Value) -> list[Value]:
    """The factors of a sum, which may stand alone in other places."""
    names = {atom: sympy.Symbol(f"x{atom}") for m in y for atom in m}
    longest = max(map(len, y))
    if not (len(y) <= _MOST_FACTORED and len(names) <= longest * _MOST_POWER):
        return [y]
    if (
        longest < 2
        or longest > _MOST_POWER
        or not all(w.is_Rational for w in y.values())
    ):
        return [y]
    atoms.work(_FACTORING * len(y) * longest)
    whole = sympy.Add(*(w * sympy.prod([names[a] for a in m]) for m, w in y.items()))
    number, factors = sympy.factor_list(whole)
    if len(factors) == 1 and factors[0][1] == 1:
        return [y]
    back = {name: atom for atom, name in names.items()}
    result = [{ONE: number}] * (number != 1)
    for factor, times in factors:
        polynomial = sympy.Poly(factor)
        made = {
            tuple(
                sorted(
                    back[name]
                    for name, power in zip(polynomial.gens, powers, strict=True)
                    for _ in range(power)
                )
            ): weight
            for powers, weight in polynomial.terms()
        }
        result += [made] * times
    return result


def _over(atoms: Atoms, atom: Atom, made: Made) -> Iterator[Value]:
    """Factors of one over an atom."""
    if (x := _inside(atoms, atom, EXP)) is not None:
        yield _exponential(atoms, negative(x))
    elif (p := _inside(atoms, atom, SIGMOID)) is not None:
        yield plus(_ONE, made(EXP, negative(p)))
    elif (y := _inside(atoms, atom, ROOT)) is not None:
        yield {(atom,): sympy.S.One}
        yield from reciprocal(atoms, y, made)
    elif (y := _inside(atoms, atom, OVER)) is not None:
        yield y
    else:
        yield atoms.value("f", OVER, frozen({(atom,): sympy.S.One}))


def root(atoms: Atoms, x: Value, made: Made) -> Iterator[Value]:
    """Factors of ``sqrt(x)``."""
    left, right = atoms.products.get(frozen(x), ({}, _ONE))
    if left == right:
        yield largest(atoms, [left, negative(left)])
        return
    front = _rational_content(x)
    # sqrt(p/q) = sqrt(p*q)/q, without the squares of p*q.
    whole, odd_part = sympy.sqrt(front.p * front.q).as_coeff_Mul()
    yield {ONE: whole / front.q}
    exponent, rest = _without_exponential(atoms, scaled(odd_part**2 / front, x))
    yield _exponential(atoms, scaled(sympy.S.Half, exponent))
    if len(rest) != 1:
        yield from _root_of_sum(atoms, rest)
        return
    ((monomial, weight),) = rest.items()
    odd = tuple(a for a in dict.fromkeys(monomial) if monomial.count(a) % 2)
    y = _inside(atoms, odd[0], OVER) if len(odd) == 1 else None
    if not is_positive(atoms, {odd: weight}) and (y is None or len(monomial) > 1):
        yield atoms.value("f", ROOT, frozen(rest))
        return
    for atom in dict.fromkeys(monomial):
        half = monomial.count(atom) // 2
        size: Value = {(atom,): sympy.S.One}
        if not is_positive_atom(atoms, atom):
            size = largest(atoms, [size, negative(size)])
        yield from [size] * half
    if y is not None and weight > 0:
        yield from (made(ROOT, scaled(weight, y)), made(OVER, y))
    elif (odd, weight) != (ONE, 1):
        yield atoms.value("f", ROOT, frozen({odd: weight}))


def _root_of_sum(atoms: Atoms, y: Value) -> Iterator[Value]:
    """``sqrt(x^2 + 2*x*z + z^2)`` is a size.

    Of a square times something else it is not: where the square is zero, the rest may have
    no root.
    """
    factors = _factored(atoms, y) if y else []
    numbers = [factor for factor in factors if factor.keys() == {ONE}]
    sums = [factor for factor in factors if factor.keys() != {ONE}]
    if numbers or not sums or any(sums.count(factor) % 2 for factor in sums):
        yield atoms.value("f", ROOT, frozen(y)) if y else {}
        return
    for place, factor in enumerate(sums):
        if sums[:place].count(factor) % 2:
            yield largest(atoms, [factor, negative(factor)])


def _rational_content(x: Value) -> Symbolic:
    """A positive fraction that all weights are whole multiples of, if they are fractions."""
    if not x or not all(weight.is_Rational for weight in x.values()):
        return sympy.S.One
    return abs(sympy.gcd_list([*x.values()]))


def _shared(y: Value) -> Monomial:
    """The atoms that all products have."""
    first, *others = y
    return tuple(
        atom
        for atom in dict.fromkeys(first)
        for _ in range(min(m.count(atom) for m in (first, *others)))
    )


# ------------------------------------------------------------------------------ products


def simpler(atoms: Atoms, monomial: Monomial) -> tuple[Monomial, Value] | None:
    """Some factors of a product, and what the others make; None if no law is known."""
    told = [atoms.key(atom) for atom in monomial]
    if not any(kind == "f" for kind, *_ in told):
        return None
    exponent, rest = _exponent(atoms, monomial)
    if len(monomial) - len(rest) > 1:
        return rest, _exponential(atoms, exponent)
    for atom in dict.fromkeys(rest):
        kind, *others = atoms.key(atom)
        if kind != "f":
            continue
        known, x, count = others[0], dict(others[1]), monomial.count(atom)
        others_left = without(rest, (atom,))
        if known == SIGMOID and exponent:
            times = _multiple(exponent, x)
            if times:
                return others_left, _with_gate(atoms, atom, x, times)
        elif known == ROOT and count > 1:
            return without(monomial, (atom, atom)), x
        elif known == COS and count > 1:
            sine = atoms.number("f", SIN, frozen(x))
            squares = minus(_ONE, {(sine, sine): sympy.S.One})
            return without(monomial, (atom, atom)), squares
        elif known == OVER and x:
            found = _over_line(atoms, atom, x, exponent, others_left)
            if found is not None:
                return found
    return None


def _with_gate(atoms: Atoms, gate: Atom, p: Value, times: int) -> Value:
    """``exp(n*p)*sigmoid(p)``: of ``exp(p)*(1 - sigmoid(p)) = sigmoid(p)``."""
    nearer = times - 1 if times > 0 else times + 1
    less = _exponential(atoms, scaled(sympy.Integer(nearer), p))
    gated = product(less, {(gate,): sympy.S.One})
    more = _exponential(atoms, scaled(sympy.Integer(times), p)) if times > 0 else less
    return minus(more, gated)


def _over_line(
    atoms: Atoms, over: Atom, y: Value, exponent: Value, others: Monomial
) -> tuple[Monomial, Value] | None:
    """A product with ``1/y`` and the last term of y: ``y * 1/y`` is 1."""
    monomial = reduce(partial(_last, atoms), y)
    own, factors = _exponent(atoms, monomial)
    weight = y[monomial]
    if any(factors.count(a) > others.count(a) for a in factors):
        return None
    times = _multiple(exponent, own) if own else 0
    if times is None:
        return None
    if own and times < 1:
        # From the other side: the term without an exponential takes one away.
        if len(y) != 2 or times == 0 or ONE not in y:
            return None
        monomial, weight, own, factors = ONE, y[ONE], {}, ONE
    left = product(
        {without(others, factors): sympy.S.One},
        _exponential(atoms, minus(exponent, own)),
    )
    (rest,) = left
    others_of_y = {m: w for m, w in y.items() if m != monomial}
    made = minus(_ONE, product(others_of_y, {(over,): sympy.S.One}))
    return rest, scaled(1 / weight, made)


def _last(atoms: Atoms, left: Monomial, right: Monomial) -> Monomial:
    """The later one of two products, which it stays whatever both are times.

    It has the larger exponent, or a newer atom.
    """
    exponent, other = (_exponent(atoms, monomial)[0] for monomial in (left, right))
    further = minus(other, exponent)
    if further:
        return left if starts_negative(further) else right
    return max((left, right), key=lambda m: sorted(m, reverse=True))


def _multiple(x: Value, p: Value) -> int | None:
    """How often p is x, if that is a whole number."""
    first = min(p, default=ONE)
    times = x.get(first, sympy.S.Zero) / p[first] if p else sympy.S.Zero
    if not times.is_Integer or minus(x, scaled(times, p)):
        return None
    return int(times)
