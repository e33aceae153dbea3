"""The general formula of a recurrence that is a product of first-order ones.

With S for one block back, ``X_i = sum of a_d(i)*X_<i-d>`` is
``(1 - a_1*S - a_2*S^2 - ...)*X = 0``. If that is ``(1 - b_1*S)*...*(1 - b_n*S)``, a path
goes through a number of the newest blocks by b_n, then by b_<n-1>, and through the oldest by
b_1. The factors do not commute. They are searched among the ways to share out the terms of
a_1, with a root of the recurrence without operators for a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import sympy

from recform.algebra.expr import I, Learned
from recform.algebra.typeset import plain_scalar
from recform.analysis.words import BACK, At, Polynomial

#: Recurrences that reach further back are not tried, nor first terms with more words.
_MOST_ORDER, _MOST_WORDS = 4, 6
_VARIABLES = "kmn"


def closed_form(steps: Mapping[int, Polynomial]) -> tuple[str, str] | None:
    """The derivative by the unknown of block L-i, in the language of the files and LaTeX.

    Args:
        steps: what block i gets from block i - d, by d.
    """
    order = max(steps, default=0)
    if not 1 <= order <= _MOST_ORDER:
        return None
    found = factors([steps.get(d, Polynomial()) for d in range(1, order + 1)])
    return None if found is None else _nested(found)


def factors(steps: Sequence[Polynomial]) -> list[Polynomial] | None:
    """Polynomials ``b_1, ..., b_n`` with ``(1 - b_1*S)*...*(1 - b_n*S) = 1 - a_1*S - ...``.

    Args:
        steps: ``a_1, ..., a_n``.
    """
    if len(steps) == 1:
        return [steps[0]]
    for first in _candidates(steps):
        rest: list[Polynomial] = []
        before = Polynomial.one()
        for step in steps:
            # (1 - b*S)*(1 - c_1*S - ...): a_1 = b + c_1, a_d = c_d - b*c_<d-1>.
            sign = 1 if not rest else -1
            before = _exact(step - (first * before.shifted(-1)).scaled(sign))
            rest.append(before)
        if rest.pop():
            continue
        others = factors(rest)
        if others is not None:
            return [first, *others]
    return None


def _candidates(steps: Sequence[Polynomial]) -> Iterator[Polynomial]:
    """What the first factor may be: some terms of ``a_1``, and a number."""
    words = [item for item in steps[0].terms.items() if item[0]]
    number = steps[0].terms.get((), sympy.S.Zero)
    numbers = list(dict.fromkeys([sympy.S.Zero, number, *_roots(steps)]))
    if len(words) > _MOST_WORDS:
        return
    for size in range(len(words) + 1):
        for chosen in combinations(words, size):
            for value in numbers:
                yield Polynomial.total([((), value), *chosen])


def _roots(steps: Sequence[Polynomial]) -> list[Any]:
    """Roots of the recurrence without its operators, where they are numbers."""
    numbers = [step.terms.get((), sympy.S.Zero) for step in steps]
    if any(value.has(I) or value.atoms(Learned) for value in numbers):
        return []
    z = sympy.Symbol("z")
    order = len(steps)
    polynomial = z**order - sum(
        value * z ** (order - d) for d, value in enumerate(numbers, 1)
    )
    if polynomial.free_symbols != {z}:
        return []
    found = sympy.roots(sympy.Poly(polynomial, z), cubics=False, quartics=False)
    return sorted(
        (r for r in found if r.is_real), key=lambda r: (bool(r < 0), float(r))
    )


def _exact(polynomial: Polynomial) -> Polynomial:
    """With coefficients in which zero is seen to be zero."""
    return Polynomial.total(
        (
            word,
            sympy.radsimp(sympy.cancel(value)) if value.has(I) else sympy.expand(value),
        )
        for word, value in polynomial.terms.items()
    )


# -------------------------------------------------------------------------------- writing


def _nested(found: Sequence[Polynomial]) -> tuple[str, str]:
    """Sums over where the factors take turns, the newest blocks first."""
    one = Polynomial.one()
    names = _VARIABLES[: len(found) - 1]
    bounds = ["0", *names, "i"]
    parts = []
    for polynomial, (begin, end) in zip(reversed(found), pairwise(bounds), strict=True):
        if polynomial != one:
            parts.append(
                _power(begin, end, polynomial) or _prod(begin, end, polynomial)
            )
    text = "*".join(part for part, _ in parts) or "1"
    tex = " ".join(part for _, part in parts) or "1"
    if len(found) == 2 and found[0] == one and parts:  # As Eq. (12) has it.
        return f"1 + sum(k, 1, i, {text})", rf"1 + \sum_{{k=1}}^{{i}} {tex}"
    for position in reversed(range(len(names))):
        name, begin = names[position], bounds[position]
        text = f"sum({name}, {begin}, i, {text})"
        tex = rf"\sum_{{{name}={begin}}}^{{i}} {tex}"
    return text, tex


def _power(first: str, end: str, polynomial: Polynomial) -> tuple[str, str] | None:
    """A number as often as there are blocks; None for anything else."""
    number = polynomial.terms.get((), sympy.S.Zero)
    if polynomial.letters or number.has(I) or number.atoms(Learned):
        return None
    text = plain_scalar(number)
    if not (number.is_Integer and number > 0):
        text = f"({text})"
    times = end if first == "0" else f"({end}-{first})"
    base = sympy.latex(number)
    if not (number.is_Integer and number > 0):
        base = rf"\left({base}\right)"
    return f"{text}^{times}", f"{base}^{{{times.strip('()')}}}"


def _prod(first: str, end: str, polynomial: Polynomial) -> tuple[str, str]:
    """A product over blocks L-j, the newest on the left, as text and as LaTeX."""
    index = Polynomial(
        {
            tuple(letter.moved(BACK) for letter in word): coefficient.xreplace(
                {I: At(BACK).expression()}
            )
            for word, coefficient in polynomial.terms.items()
        }
    )
    text = index.text().replace("L-i", "L-j").replace("L - i", "L - j")
    tex = index.latex().replace("L-i", "L-j").replace("L - i", "L - j")
    several = len(index.terms) > 1
    shown = rf"\left({tex}\right)" if several else tex
    return (
        f"prod(j, {first}, {end}-1, {text})",
        rf"\prod_{{j={first}}}^{{{end}-1}} {shown}",
    )
