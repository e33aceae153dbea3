"""The Jacobian of the output by older blocks: its recurrence, and written out.

``f_j``, the derivative of the output by ``X_j``, obeys ``f_j = sum of f_<j+d>*a_d(j+d)`` where
``a_d(i)`` is what ``X_i`` gets from ``X_<i-d>``: the factors stand on the right (Liao et al.,
Eq. (14), corrected), so that products come out in the order of Eqs. (6), (9) and (12).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from recform.algebra.expr import State, Tensor
from recform.algebra.typeset import added, latex, plain
from recform.analysis.jacobian.products import product_of, written
from recform.linear.model import STEM, Linear, Source
from recform.linear.propagate import propagate
from recform.linear.words import Letter, Polynomial
from recform.recurrence.regimes import ranges, runs
from recform.series.places import BACK, BLOCK, LAST, START, At
from recform.series.show import LATEX, PLAIN, Plain

#: A tensor and what the derivative by it is multiplied by, on its right.
Part: TypeAlias = tuple[Source, Polynomial]
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

    @classmethod
    def of(cls, sides: Callable[[Plain], tuple[str, str]]) -> Formulas:
        """An equation of which both sides can be written."""
        left, right = sides(PLAIN)
        return cls(left, right, " = ".join(sides(LATEX)))

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
    found, output = _written(linear), linear.formula.output
    result = []
    for law in linear.laws:
        if not law.written:
            continue
        rows = found[law.unknown]
        result.append(
            Jacobian(
                unknown=law.unknown,
                recurrence=_recurrence(linear, law.unknown),
                written=tuple(
                    equation(output, Source(law.unknown, At(LAST, -back)), polynomial)
                    for back, polynomial in enumerate(rows)
                ),
                terms=tuple(len(polynomial.terms) for polynomial in rows),
                closed=_closed(linear, law.unknown),
            )
        )
    return tuple(result)


def by_input(linear: Linear, length: int) -> Formulas | None:
    """The derivative of a short network by its input; None if it has too many terms."""
    paths = propagate(linear, length, lambda p, _: p.multiplied_out, 1, STEM)
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
    output = linear.formula.output
    left = f"d({plain(output)})/d(input), L = {length}"
    side = LATEX.derivative(latex(output), STEM.text(LATEX))
    side = rf"\left.{side}\right|_{{L={length}}}"
    return Formulas(left, polynomial.text(), f"{side} = {polynomial.text(LATEX)}")


def numbered(letter: Letter, block: int) -> Letter:
    """A letter of the output, which counts from L, of a network of so many blocks."""
    if letter.at.base != LAST:
        return letter
    return letter.placed(At(START, block + letter.at.number))


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


def derivative(style: Plain, output: Tensor, by: Source) -> str:
    """``dX_L/dX_<L-i>``."""
    top = style.tensor(output)
    top = top if isinstance(output, State) else style.bracket(top)
    return style.derivative(top, by.text(style))


def equation(output: Tensor, by: Source, right: Polynomial) -> Formulas:
    """A derivative that is written out."""
    return Formulas.of(lambda style: (derivative(style, output, by), right.text(style)))


def recurrence(output: Tensor, by: Source, terms: Sequence[Part]) -> Formulas:
    """A derivative by those that newer tensors have, each times what stands beside it."""

    def sides(style: Plain) -> tuple[str, str]:
        parts = [
            _product(style, derivative(style, output, newer), factor)
            for newer, factor in terms
        ]
        return derivative(style, output, by), added(parts)

    return Formulas.of(sides)


def _recurrence(linear: Linear, unknown: str) -> Formulas:
    terms = [
        (Source(law.unknown, At(BACK, -source.at.number)), polynomial)
        for law in linear.laws
        for source, polynomial in law.gradient.items()
        if source.unknown == unknown and source.at.base == BLOCK
    ]
    moved = [(newer, factor.moved(BACK, newer.at.number)) for newer, factor in terms]
    return recurrence(linear.formula.output, Source(unknown, At(BACK)), moved)


def _product(style: Plain, left: str, factor: Polynomial) -> str:
    """A derivative times a polynomial on its right, as text."""
    text, times = factor.text(style), style.times
    if text == "1":
        return left
    if text == "-1":
        return f"-{left}"
    if not factor.letters and len(factor.terms) == 1:
        (coefficient,) = factor.terms.values()
        return f"{style.bracket(text) if coefficient.is_Add else text}{times}{left}"
    if len(factor.terms) > 1:
        return f"{left}{times}{style.bracket(text)}"
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
            if sum(a.multiplied_out * b.multiplied_out for a, b in parts) > MOST_PATHS:
                return rows
            products = (made * factor for made, factor in parts)
            found[law.unknown, back] = sum(products, Polynomial())
        if any(found[name, back].products > MOST for name in rows):
            break
        for name, made in rows.items():
            made.append(ordered(found[name, back]))
    return rows


def _parts(
    linear: Linear,
    unknown: str,
    back: int,
    found: dict[tuple[str, int], Polynomial],
) -> list[tuple[Polynomial, Polynomial]]:
    """Derivatives and what each is multiplied by, on its right."""
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


# -- closed forms


def _closed(linear: Linear, unknown: str) -> Formulas | None:
    """The general formula, if the only law is a product of laws of order one."""
    law = linear.single
    if law is None or linear.output != {Source(unknown, At(LAST)): Polynomial.one()}:
        return None
    found = product_of(linear)
    if found is None:
        return None
    output, by = linear.formula.output, Source(unknown, At(BACK))
    return Formulas.of(
        lambda style: (derivative(style, output, by), written(style, found))
    )
