"""Equations as sums over opaque tensors: what holds for blocks that are not linear.

``W_i*X_<i-1>`` is one opaque tensor here, ``relu(...)`` another. Only sums and scalar
factors are seen through, so that what follows holds whatever W computes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress

import sympy

from recform.algebra.expr import (
    Elementwise,
    Filled,
    I,
    L,
    Learned,
    Scaled,
    State,
    Tensor,
    TensorSum,
    with_learned,
)
from recform.algebra.formula import Formula
from recform.algebra.multiples import scaled
from recform.algebra.reindex import rebuilt
from recform.algebra.scalars import expanded
from recform.algebra.totals import totals
from recform.algebra.typeset import plain_scalar
from recform.blocks.exact import as_any_float, precise
from recform.blocks.symbolic import Symbolic

#: A sum of opaque tensors with scalar coefficients; none is zero.
Form = Mapping[Tensor, Symbolic]


def form(tensor: Tensor, *, activations: bool = True) -> Form:
    """A tensor as a sum of opaque tensors.

    Args:
        tensor: with the index i, or written out.
        activations: whether elementwise functions are opaque; otherwise left out.
    """

    def terms(part: Tensor, factor: Symbolic) -> Iterator[tuple[Tensor, Symbolic]]:
        match part:
            case TensorSum():
                for child in part.children:
                    yield from terms(child, factor)
            case Scaled():
                yield from terms(part.tensor, factor * part.here)
            case _:
                yield part, factor

    whole = tensor if activations else without_activations(tensor)
    return cleaned(totals(terms(whole, sympy.S.One)))


def without_activations(tensor: Tensor) -> Tensor:
    """A tensor with every elementwise function left out."""
    if isinstance(tensor, Elementwise) and not tensor.function.moves:
        return without_activations(tensor.argument)
    return rebuilt(tensor, without_activations)


def cleaned(terms: Mapping[Tensor, Symbolic]) -> Form:
    """Without what has cancelled."""
    made = {tensor: expanded(value) for tensor, value in terms.items()}
    return {tensor: value for tensor, value in made.items() if value != 0}


def combined(*parts: tuple[Symbolic, Form]) -> Form:
    """The sum of multiples of forms."""
    return cleaned(
        totals(
            (tensor, factor * value)
            for factor, terms in parts
            for tensor, value in terms.items()
        )
    )


def shifted(tensor: Tensor, by: int) -> Tensor:
    """A tensor with ``i + by`` for ``i``."""
    return tensor.xreplace({I: I + by}) if by else tensor


def tensor_of(terms: Form) -> Tensor | None:
    """A form as a tensor, for printing; None for zero."""
    parts: list[Tensor] = []
    for tensor, value in terms.items():
        if isinstance(tensor, Filled):
            parts.append(Filled(value * tensor.coefficient))
        else:
            parts.append(scaled(value, tensor))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else TensorSum(*parts)


def equations(formula: Formula, *, activations: bool = True) -> dict[str, Form]:
    """The right sides of a formula, by unknown, in the order of the file."""
    return {
        equation.unknown: form(equation.right, activations=activations)
        for equation in formula.equations
    }


def rights_of(formula: Formula, block: int) -> Iterator[tuple[str, Symbolic, Tensor]]:
    """Unknown, index and right side of the equations of a block, its own ones too."""
    own = {boundary.left: boundary for boundary in formula.boundaries}
    for equation in formula.equations:
        name = equation.unknown
        boundary = own.get(State(name, block))
        if boundary is None:
            yield name, I, equation.right
        elif boundary.rule is not None:
            yield name, I, boundary.rule.right
        elif boundary.right is not None:
            yield name, sympy.Integer(block), boundary.right


class NoNumber(ArithmeticError):
    """A coefficient is no number in some block, as ``1/(i - 1)`` in the first one."""


def numeric(
    formula: Formula, value: Symbolic, block: int = 1, length: int = 1
) -> float:
    """A coefficient as a number; learned scalars have the values that they start from.

    Raises:
        NoNumber: if it is none there, not a real one, or larger than any float.
    """
    if value.is_Rational:
        exact = value
    elif isinstance(value, Learned):
        with suppress(OverflowError, TypeError):  # as below
            found = _start(formula, value, block, length)
            if math.isfinite(found):
                return found
        exact = sympy.zoo
    else:
        try:
            exact = with_learned(
                value, lambda item: precise(_start(formula, item, block, length))
            )
        except (OverflowError, TypeError):  # of a depth that the network does not have
            exact = sympy.zoo
    what = "is no real number"
    found = as_any_float(exact, {I: block, L: length})
    if math.isfinite(found):
        return found
    if math.isinf(found):
        what = "is larger than any float"
    where = [f"in block {block}"] if value.has(I) else []
    where += ["where its scalars start"] if value.has(Learned) else []
    raise NoNumber(" ".join((plain_scalar(value), what, *where)))


def _start(formula: Formula, item: Learned, block: int, length: int) -> float:
    """Where a learned scalar starts, that of one member of a sum among them."""
    scalar = formula.scalars[item.name]
    if not item.of_members:
        index = item.index.xreplace({I: sympy.Integer(block), L: sympy.Integer(length)})
        (start,) = scalar.numbers(1, index if scalar.indexed else None, length)
        return start
    return scalar.number(int(item.index), int(item.args[2]), length)


def rational(value: Symbolic) -> Symbolic:
    """A number with names for roots, functions and pi in it: fractions can be compared.

    What is equal with names is equal; what is not may still be.
    """
    if value.is_Rational or value.is_Symbol:
        return value
    if isinstance(value, sympy.tanh):
        return 2 * _gate(2 * value.args[0]) - 1
    if value.is_Mul or _is_below(value) or isinstance(value, sympy.exp):
        return _product(value)
    if value.is_Pow and value.exp.is_Integer:
        return rational(value.base) ** value.exp
    if value.is_Add:
        return value.func(*map(rational, value.args))
    if value.is_Pow and value.base.is_Rational and value.base != 0:
        return _power(value.base, value.exp)
    return sympy.Symbol(f"[{value}]", real=True, positive=value.is_positive)


def _is_below(value: Symbolic) -> bool:
    """Whether it is one over a sum."""
    return bool(value.is_Pow and value.exp.is_Integer and value.exp < 0) and bool(
        value.base.is_Add
    )


def _product(value: Symbolic) -> Symbolic:
    """A product, with a gate for ``exp(u) + exp(v)`` below the line.

    ``1/(exp(u) + exp(v))`` is ``exp(-u)*sigmoid(u - v)``. So no sum stands there, and terms
    are told apart as they are.
    """
    factors = sympy.Mul.make_args(value)
    gated = any(_is_below(f) and _two_powers(f.base) for f in factors)
    summed = next((f for f in factors if f.is_Add), None) if gated else None
    if summed is not None:
        # Each term has an exponential of its own, which may be one of those below.
        rest = value / summed
        return sympy.Add(*(_product(rest * term) for term in summed.args))
    powers = [f.args[0] for f in factors if isinstance(f, sympy.exp)]
    power, result = sympy.Add(*powers), sympy.S.One
    for factor in factors:
        pair = _two_powers(factor.base) if _is_below(factor) else None
        if pair is None:
            if factor.is_Pow and factor.exp.is_Integer:
                result *= rational(factor.base) ** factor.exp
            elif not isinstance(factor, sympy.exp):
                result *= rational(factor)
            continue
        weight, *both = pair
        u, v = both if power == both[0] else both[::-1]
        power += factor.exp * u
        result *= (_gate(u - v) / weight) ** -factor.exp
    return result * _power(sympy.E, power)


def _two_powers(below: Symbolic) -> tuple[Symbolic, Symbolic, Symbolic] | None:
    """w, u and v of ``w*exp(u) + w*exp(v)``."""
    found = []
    for term in below.args:
        weight, rest = term.as_coeff_Mul()
        pairs = [part.as_base_exp() for part in sympy.Mul.make_args(rest)]
        if any(base != sympy.E for base, _ in pairs if base != 1):
            return None
        found.append((weight, sympy.Add(*(p for base, p in pairs if base != 1))))
    (weight, u), (other, v) = found if len(found) == 2 else [(0, 0), (1, 0)]
    return (weight, u, v) if weight == other else None


def _gate(x: Symbolic) -> Symbolic:
    """A name for ``sigmoid(x)``; ``sigmoid(-x)`` has it too."""
    if x.could_extract_minus_sign():
        return 1 - _named_gate(-x)
    return _named_gate(x)


def _named_gate(x: Symbolic) -> Symbolic:
    return sympy.Symbol(f"[sigmoid({x})]", real=True, positive=True)


def _power(base: Symbolic, exponent: Symbolic) -> Symbolic:
    """``2^(i - 1)`` as a half of what ``2^i`` is called."""
    result = sympy.S.One
    for term in sympy.Add.make_args(sympy.expand(exponent)):
        count, rest = term.as_coeff_Mul()
        if rest == 1 and count.is_Integer and base.is_Rational:
            result *= base**count
        elif count.is_Integer:
            result *= power_name(base, rest) ** count
        else:
            result *= power_name(base, term)
    return result


def power_name(base: Symbolic, exponent: Symbolic) -> Symbolic:
    """The name of a power in :func:`rational`; ``1/2`` has that of 2, below the line."""
    if base.is_Rational and base.p == 1 and base != 1:
        return 1 / power_name(1 / base, exponent)
    return sympy.Symbol(f"[{base}**{exponent}]", real=True, positive=base.is_positive)


def state(name: str, lag: int) -> State:
    """``X_<i-lag>``."""
    return State(name, I - lag)
