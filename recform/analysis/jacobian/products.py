"""The general formula of a recurrence that is a product of first-order ones.

With S for one block back, ``X_i = sum of a_d(i)*X_<i-d>`` is
``(1 - a_1*S - a_2*S^2 - ...)*X = 0``. If that is ``(1 - b_1*S)*...*(1 - b_n*S)``, a path
goes through a number of the newest blocks by b_n, then by b_<n-1>, and through the oldest by
b_1. The factors do not commute. They are searched among the ways to share out the words of
a_1: without all other words the factors commute, and shares are roots of a polynomial.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import prod

import sympy

from recform.algebra.expr import I, Learned
from recform.blocks.symbolic import Symbolic
from recform.linear.model import Linear
from recform.linear.words import Polynomial, Word
from recform.series.places import BACK, At
from recform.series.show import Plain

#: Recurrences that reach further back are not tried, nor first terms with more words.
_MOST_ORDER, _MOST_WORDS = 4, 6
#: Most ways to share out a first term.
_MOST_CANDIDATES = 256
_VARIABLES = "kmn"
_J = sympy.Symbol("j", **I.assumptions0)


def product_of(linear: Linear) -> list[Polynomial] | None:
    """The first-order factors of a recurrence of one unknown; None if none are found."""
    steps = {distance: p for (_, _, distance), p in linear.coefficients.items()}
    order = max(steps, default=0)
    if not 1 <= order <= _MOST_ORDER:
        return None
    scalars = {
        item.name
        for step in steps.values()
        for value in step.terms.values()
        for item in value.atoms(Learned)
    }
    if scalars & {*_VARIABLES, "j"}:
        # Variables of sums would have the names of scalars.
        return None
    return factors([steps.get(d, Polynomial()) for d in range(1, order + 1)])


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
    """What the first factor may be: a share of each word of ``a_1``, and a number."""
    words = _words(steps)
    if len(words) > _MOST_WORDS:
        return
    options = [_shares(steps, word) for word in ((), *words)]
    if prod(map(len, options)) > _MOST_CANDIDATES:
        # As they stand: every word goes to one of the factors.
        options = [options[0], *(_whole(steps, word) for word in words)]
    for number, *shares in product(*options):
        yield Polynomial.total([((), number), *zip(words, shares, strict=True)])


def _words(steps: Sequence[Polynomial]) -> list[Word]:
    """The words of ``a_1``, and those of which other coefficients have powers."""
    found = dict.fromkeys(word for word in steps[0].terms if word)
    for d, step in enumerate(steps[1:], 2):
        for word in step.terms:
            first = word[: len(word) // d]
            if word and word == _repeated(first, d):
                found.setdefault(first)
    return list(found)


def _repeated(word: Word, times: int) -> Word:
    """``w(i)*w(i-1)*...``, a word through so many blocks."""
    return tuple(letter.shifted(-d) for d in range(times) for letter in word)


def _shares(steps: Sequence[Polynomial], word: Word) -> list[Symbolic]:
    """What a factor may have of a word.

    If the factors have x_1, ..., x_n of it, its powers are those in
    ``(1 - x_1*z)*...*(1 - x_n*z)``. Where that has no plain roots: all or nothing.
    """
    powers = [
        step.terms.get(_repeated(word, d), sympy.S.Zero)
        for d, step in enumerate(steps, 1)
    ]
    return list(dict.fromkeys([*_whole(steps, word), *_roots(powers)]))


def _whole(steps: Sequence[Polynomial], word: Word) -> list[Symbolic]:
    return list(dict.fromkeys([sympy.S.Zero, steps[0].terms.get(word, sympy.S.Zero)]))


def _roots(numbers: Sequence[Symbolic]) -> list[Symbolic]:
    """Real roots of ``z^n - a_1*z^(n-1) - ... - a_n``, where they are numbers."""
    if any(value.has(I) or value.atoms(Learned) for value in numbers):
        return []
    # Of other numbers SymPy looks for roots without end.
    if not all(
        n.is_Rational or (len(numbers) == 2 and n.is_algebraic) for n in numbers
    ):
        return []
    z = sympy.Symbol("z")
    order = len(numbers)
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


def written(style: Plain, found: Sequence[Polynomial]) -> str:
    """The derivative by the unknown of block L-i, by the factors of its recurrence.

    It has sums over where the factors take turns, the newest blocks first.
    """
    one = Polynomial.one()
    names = _VARIABLES[: len(found) - 1]
    bounds = ["0", *names, "i"]
    turns = zip(reversed(found), pairwise(bounds), strict=True)
    parts = [_row(style, *ends, factor) for factor, ends in turns if factor != one]
    text = style.beside.join(parts) or "1"
    if len(found) == 2 and found[0] == one and parts:  # As Eq. (12) has it.
        return f"1 + {style.sum('k', '1', 'i', text)}"
    for name, begin in zip(reversed(names), reversed(bounds[:-2]), strict=True):
        text = style.sum(name, begin, "i", text)
    return text


def _row(style: Plain, first: str, end: str, polynomial: Polynomial) -> str:
    """A product over blocks L-j, the newest on the left; of a number, a power."""
    number = polynomial.terms.get((), sympy.S.Zero)
    if not (polynomial.letters or number.has(I, Learned)):
        base = style.scalar(number)
        base = base if number.is_Integer and number > 0 else style.bracket(base)
        return style.power(base, end if first == "0" else f"{end}-{first}")
    # In coefficients before they are text: SymPy writes 3 - (L - i) as -L + i + 3.
    block = At(BACK).expression().xreplace({I: _J})
    index = Polynomial(
        {
            tuple(letter.moved(BACK) for letter in word): coefficient.xreplace(
                {I: block}
            )
            for word, coefficient in polynomial.terms.items()
        }
    )
    text = index.text(style).replace("L-i", "L-j").replace("L - i", "L - j")
    return style.product("j", first, f"{end}-1", text, len(index.terms))
