"""Numbers under the names that their author gave them: ``1 - k_i`` of ``const k_i = ...``.

All reckoning is with what constants stand for, in ``i`` and ``L``. Whoever writes a
coefficient asks here how it is said with their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy

from recform.algebra.expr import ANY, I, L, Learned, of_number
from recform.algebra.placed import Placed
from recform.algebra.typeset import indexed
from recform.blocks.symbolic import Symbolic

#: Most names that are looked for in a number, and ways that are followed at once.
_MOST, _WIDE = 4, 24
#: Parts of a number that nobody would write with names.
_LONG = 200


@dataclass(frozen=True)
class Constant:
    """``const k_i = 1/i``, or one without an index that depends on ``L``.

    Attributes:
        name: as in the file.
        value: in ``i``, which is :data:`ANY`, and ``L``.
        behind: how many blocks back equations read it: 0 and 1 for ``k_i - k_<i-1>``.
    """

    name: str
    value: Symbolic
    behind: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Named:
    """A constant of a block, or of the one so many blocks back."""

    constant: Constant
    behind: int

    @cached_property
    def symbol(self) -> Symbolic:
        """What stands for it in what is written of a number."""
        return sympy.Symbol(f"{self.constant.name}_<i-{self.behind}>", real=True)

    @cached_property
    def value(self) -> Symbolic:
        """What it stands for, in the ``i`` of the block."""
        return of_number(self.constant.value, I - self.behind)


def candidates(constants: Iterable[Constant], lag: int = 0) -> list[Named]:
    """All that a coefficient may be said with.

    Args:
        constants: of the formula.
        lag: how many blocks back the equation is of which it is.
    """
    found = [constant for constant in constants if constant.value.has(ANY, I, L)]
    return [
        Named(constant, behind + lag if constant.value.has(ANY, I) else 0)
        for constant in found
        for behind in constant.behind
    ]


def in_names(value: Symbolic, names: Sequence[Named]) -> Symbolic:
    """A number in ``i`` and ``L``, said with names; itself where that takes longer.

    Names alone are best; of several ways the shortest is taken, and of these the one with
    the first names.
    """
    if _cost(value)[0] > _LONG:
        return value
    names = [name for name in names if _with(value, name) != value]
    ways = found = [value]
    for _ in range(_MOST):
        ways = [_with(way, name) for way in ways if is_of_block(way) for name in names]
        ways = sorted(dict.fromkeys(ways), key=_cost)[:_WIDE]
        found = [*found, *ways]
    return min(found, key=lambda way: (is_of_block(way), _cost(way)))


def as_written(value: Symbolic, constants: Iterable[Constant]) -> Symbolic:
    """A number in ``i`` and ``L`` as a reader of the file knows it: ``1 - k_i``."""
    if value.atoms(Learned):
        return value  # Their index is no number to be said.
    names = candidates(constants)
    said = {
        name.symbol: sympy.Symbol(
            indexed(name.constant.name, I - name.behind)
            if name.constant.value.has(ANY, I)
            else name.constant.name,
            real=True,
        )
        for name in names
    }
    return in_names(value, names).xreplace(said)


def is_of_block(value: Symbolic) -> bool:
    """Whether something in a number that is no name depends on ``i`` or ``L``."""
    return bool(value.has(I, L))


def _cost(value: Symbolic) -> tuple[int, int]:
    """How long a number is, and how often it says a place."""
    parts = list(sympy.preorder_traversal(value))
    return len(parts), sum(part in (I, L) or isinstance(part, Placed) for part in parts)


def _with(value: Symbolic, name: Named) -> Symbolic:
    """The same number with a name for what is made of it."""
    if value == name.value:
        return name.symbol
    if not is_of_block(value) or not value.args or isinstance(value, Placed):
        return value
    for way in (_as_factors, _as_terms):
        said = way(value, name)
        if said is not None and _cost(said) < _cost(value):
            return said
    return value.func(*(_with(part, name) for part in value.args))


def _as_terms(value: Symbolic, name: Named) -> Symbolic:
    """``4 - 2*i`` with ``k = i - 1`` is ``2 - 2*k``; None where it has no such terms."""
    number, terms = name.value.as_coeff_Add()
    own, theirs = terms.as_coefficients_dict(), value.as_coefficients_dict()
    ratios = {theirs[term] / own[term] for term in own if term in theirs}
    if len(ratios) != 1 or not all(term in theirs for term in own):
        return None
    ratio = ratios.pop()
    rest = (factor * term for term, factor in theirs.items() if term not in own)
    return sympy.Add(*rest) - ratio * number + ratio * name.symbol


def _as_factors(value: Symbolic, name: Named) -> Symbolic:
    """``3/i^2`` with ``k = 2/i`` is ``3*k^2/4``; None where it has no such factors."""
    number, factors = name.value.as_coeff_Mul()
    own, theirs = factors.as_powers_dict(), value.as_powers_dict()
    if not all(base in theirs for base in own):
        return None
    powers = {theirs[base] / exponent for base, exponent in own.items()}
    if not all(power.is_Rational for power in powers):
        return None
    power = min(powers, key=abs)
    if len(powers) > 1:
        power = sympy.Integer(power)  # of what is left of the others there is more
    if power == 0 or any(other * power < 0 for other in powers):
        return None
    if not (number == 1 or power.is_Integer) or not (2 * power).is_Integer:
        return None
    rest = (b ** (e - power * own.get(b, 0)) for b, e in theirs.items())
    return sympy.Mul(*rest, number**-power, name.symbol**power)
