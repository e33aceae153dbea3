"""The Jacobian of the output by older blocks: its recurrence, and written out.

``f_j``, the derivative of the output by ``X_j``, obeys ``f_j = sum of f_<j+d>*a_d(j+d)`` where
``a_d(i)`` is what ``X_i`` gets from ``X_<i-d>``: the factors stand on the right (Liao et al.,
Eq. (14), corrected), so that products come out in the order of Eqs. (6), (9) and (12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from recform.algebra.expr import State, Tensor
from recform.algebra.typeset import added, latex, plain
from recform.analysis.jacobian.products import closed_form
from recform.linear.model import STEM, Linear, Source
from recform.linear.propagate import propagate
from recform.linear.words import BACK, BLOCK, LAST, START, At, Letter, Polynomial
from recform.recurrence.regimes import ranges, runs

#: The general formula is written out to so many blocks back, and so many terms.
STEPS, MOST = 4, 40
#: Most paths that are looked at, to find so few terms.
MOST_PATHS = 4_096


@dataclass(frozen=True)
class Formulas:
    """An equation, in the language of the files and as LaTeX."""

    left: str
    right: str
    latex: str

    def text(self) -> str:
        """The equation on one line."""
        return f"{self.left} = {self.right}"


@dataclass(frozen=True)
class Case:
    """The recurrence of the derivatives by the unknown of some blocks.

    Attributes:
        blocks: the numbers L-i of these blocks.
        onwards: whether it holds for all blocks behind the last of them, too.
        recurrence: with L-i for the block, or with its number.
    """

    blocks: tuple[int, ...]
    onwards: bool
    recurrence: Formulas

    def where(self) -> str:
        """``L-i = 1-3, 6 and more``."""
        if not self.onwards:
            return f"L-i = {ranges(self.blocks)}"
        last = runs(self.blocks)[-1][0]
        before = [number for number in self.blocks if number < last]
        ahead = f"{ranges(before)}, " if before else ""
        return f"L-i = {ahead}{last} and more"


@dataclass(frozen=True)
class Pieces:
    """The derivatives by one unknown where blocks have equations of their own.

    Attributes:
        cases: a recurrence for each group of blocks, the general one first.
        behind: the closed form holds for L-i from here on; None if no block is left.
        written: ``df/dX_L``, ``df/dX_<L-1>``, ... in numbers, by the number of blocks.
    """

    cases: tuple[Case, ...]
    behind: int | None
    written: Mapping[int, tuple[Formulas, ...]]


@dataclass(frozen=True)
class Jacobian:
    """The derivative of the output by one unknown.

    Attributes:
        unknown: by which.
        recurrence: in ``f``, from newer to older blocks, by the general equations.
        written: the general formula for i = 0, 1, 2, ...
        terms: the numbers of terms of these.
        closed: the general formula for any i, where one was found.
        own: what holds where blocks have equations of their own; None without such.
    """

    unknown: str
    recurrence: Formulas
    written: tuple[Formulas, ...]
    terms: tuple[int, ...]
    closed: Formulas | None
    own: Pieces | None = None


def jacobians(linear: Linear) -> tuple[Jacobian, ...]:
    """The derivatives of the output by every unknown that has an equation."""
    written = _written(linear)
    result = []
    for law in linear.laws:
        if not law.written:
            continue
        rows = written[law.unknown]
        result.append(
            Jacobian(
                unknown=law.unknown,
                recurrence=_recurrence(linear, law.unknown),
                written=tuple(
                    _formula(linear, law.unknown, LAST, -back, polynomial)
                    for back, polynomial in enumerate(rows)
                ),
                terms=tuple(len(polynomial.terms) for polynomial in rows),
                closed=_closed(linear, law.unknown),
            )
        )
    return tuple(result)


def by_input(linear: Linear, length: int) -> Formulas | None:
    """The derivative of a short network by its input; None if it has too many terms."""
    paths = propagate(linear, length, lambda p, _: len(p.terms), 1, STEM)
    if paths is not None and paths > MOST_PATHS:
        return None  # few of so many paths have one word, and those are longer yet
    polynomial = propagate(
        linear,
        length,
        lambda p, block: p.moved(START, block).mapped(
            lambda letter: numbered(letter, block)
        ),
        Polynomial.one(),
        STEM,
    )
    polynomial = ordered(polynomial or Polynomial())
    if len(polynomial.terms) > MOST:
        return None
    left = f"d({plain(linear.formula.output)})/d(input), L = {length}"
    side = rf"\left.\frac{{\partial {latex(linear.formula.output)}}}"
    side += rf"{{\partial \mathrm{{input}}}}\right|_{{L={length}}}"
    return Formulas(left, polynomial.text(), f"{side} = {polynomial.latex()}")


def numbered(letter: Letter, block: int) -> Letter:
    """A letter of the output, which counts from L, of a network of so many blocks."""
    if letter.at.base != LAST:
        return letter
    return Letter(
        letter.kind,
        letter.name,
        At(START, block + letter.at.number),
        letter.tensor,
        letter.part,
    )


def ordered(polynomial: Polynomial) -> Polynomial:
    """Short words first, among equals those with the newer blocks, as in Eq. (9)."""

    def key(word: tuple[Letter, ...]) -> tuple[int, tuple[int, ...], str]:
        return (
            len(word),
            tuple(-letter.at.number for letter in word),
            "".join(letter.name for letter in word),
        )

    words = sorted(polynomial.terms, key=key)
    return Polynomial({word: polynomial.terms[word] for word in words})


# -- the recurrence


def derivative(output: Tensor, unknown: str, at: At) -> tuple[str, str]:
    """``dX_L/dX_<L-i>``, in the language of the files and as LaTeX."""
    by = Source(unknown, at)
    top, under = plain(output), by.text()
    side = latex(output)
    if not isinstance(output, State):
        top, side = f"({top})", rf"\left({side}\right)"
    left = f"d{top}/d{under}"
    return left, rf"\frac{{\partial {side}}}{{\partial {by.latex()}}}"


def _formula(
    linear: Linear, unknown: str, base: str, origin: int, polynomial: Polynomial
) -> Formulas:
    left, side = derivative(linear.formula.output, unknown, At(base, origin))
    return Formulas(left, polynomial.text(), f"{side} = {polynomial.latex()}")


def _recurrence(linear: Linear, unknown: str) -> Formulas:
    left, side = derivative(linear.formula.output, unknown, At(BACK))
    plain_parts, latex_parts = [], []
    for law in linear.laws:
        for source, polynomial in law.gradient.items():
            if source.unknown != unknown or source.at.base != BLOCK:
                continue
            distance = -source.at.number
            factor = polynomial.moved(BACK, distance)
            names = derivative(linear.formula.output, law.unknown, At(BACK, distance))
            plain_parts.append(product(names[0], factor, factor.text(), "*"))
            latex_parts.append(product(names[1], factor, factor.latex(), r" \cdot "))
    right, tex = added(plain_parts), added(latex_parts)
    return Formulas(left, right, f"{side} = {tex}")


def product(left: str, factor: Polynomial, text: str, times: str) -> str:
    """A derivative times a polynomial on its right, as text."""
    if text == "1":
        return left
    if text == "-1":
        return f"-{left}"
    opening, closing = (r"\left(", r"\right)") if "\\" in times else ("(", ")")
    if not factor.letters and len(factor.terms) == 1:
        (coefficient,) = factor.terms.values()
        shown = f"{opening}{text}{closing}" if coefficient.is_Add else text
        return f"{shown}{times}{left}"
    if len(factor.terms) > 1:
        return f"{left}{times}{opening}{text}{closing}"
    return (
        f"-{left}{times}{text[1:]}" if text.startswith("-") else f"{left}{times}{text}"
    )


# -- written out


def _written(linear: Linear) -> dict[str, list[Polynomial]]:
    """``f_<L-i>`` for i = 0, 1, 2, ... by unknown."""
    found: dict[tuple[str, int], Polynomial] = {}
    rows: dict[str, list[Polynomial]] = {law.unknown: [] for law in linear.laws}
    for back in range(STEPS + 1):
        for law in reversed(linear.laws):
            parts = _parts(linear, law.unknown, back, found)
            if sum(a.products * b.products for a, b in parts) > MOST_PATHS:
                return rows
            found[law.unknown, back] = _added(parts)
        if any(found[name, back].products > MOST for name in rows):
            break
        for name, made in rows.items():
            made.append(ordered(found[name, back]))
    return rows


#: A derivative and what it is multiplied by, on its right.
_Part: TypeAlias = tuple[Polynomial, Polynomial]


def _parts(
    linear: Linear,
    unknown: str,
    back: int,
    found: dict[tuple[str, int], Polynomial],
) -> list[_Part]:
    output = linear.output.get(Source(unknown, At(LAST, -back)), Polynomial())
    parts = [(output, Polynomial.one())]
    for law in linear.laws:
        for source, polynomial in law.gradient.items():
            distance = -source.at.number
            if (
                source.unknown == unknown
                and source.at.base == BLOCK
                and (law.unknown, back - distance) in found
            ):
                factor = polynomial.moved(LAST, distance - back)
                parts.append((found[law.unknown, back - distance], factor))
    return parts


def _added(parts: list[_Part]) -> Polynomial:
    total = Polynomial()
    for made, factor in parts:
        total += made * factor
    return total


# -- closed forms


def _closed(linear: Linear, unknown: str) -> Formulas | None:
    """The general formula, if the only law is a product of laws of order one."""
    law = linear.single
    if law is None or linear.output != {Source(unknown, At(LAST)): Polynomial.one()}:
        return None
    found = closed_form(
        {
            -source.at.number: polynomial
            for source, polynomial in law.gradient.items()
            if source.at.base == BLOCK
        }
    )
    if found is None:
        return None
    left, side = derivative(linear.formula.output, unknown, At(BACK))
    return Formulas(left, found[0], f"{side} = {found[1]}")
