"""Routes between two blocks in the middle of a network, by the operators that they pass.

What a block hands on reaches a later block along words of operators, which do not
commute (Liao et al., section 3). Routes are words: two ways with the same operators are
one route, and ways that cancel, as in Eq. (20), are none. An activation passes what comes
in; a gate, and which argument of a ``max`` is the largest, is a factor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple, Self, TypeAlias

import sympy

from recform.algebra.expr import Concat, History, I, L, Learned, State, Tensor
from recform.algebra.formula import Formula
from recform.algebra.totals import Sum, totals
from recform.analysis.paths.counting import Counter
from recform.blocks.exact import as_float, filled, precise
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.linear.model import Gradient, Law, Linear, Source
from recform.linear.propagate import owner, propagate
from recform.linear.recurrence import linearise
from recform.linear.words import Letter, Polynomial
from recform.series.places import BLOCK, LAST, START, At

#: Letters and the numbers of their blocks (None if all share one), the outermost first.
Word: TypeAlias = tuple[tuple[str, int | None], ...]

#: By how much of its terms a sum may be off zero for rounding alone.
_ROUNDING = 1e-9
#: Most words that are written out; longer tables are counted without them.
MAX_WORDS = 4_096


class Route(NamedTuple):
    """Where a route starts, where it ends (of parts side by side), and what it passes."""

    source: str
    end: int
    word: Word


class TooMany(Exception):
    """There are too many different words."""


class Routes:
    """Routes from block 0 to block ``blocks``, counted from a block in the middle.

    Attributes:
        blocks: how many blocks lie behind the first one.
        sources: the outputs of block 0 from which routes start: those that the network's
            output reads.
        unknowns: of the formula, in the order of computation.
    """

    def __init__(self, formula: Formula, blocks: int) -> None:
        self.blocks = blocks
        self._linear = _middle(formula)
        self.unknowns = tuple(x.unknown for x in self._linear.laws if x.written)
        read = _unknowns(formula.output)
        names = [equation.unknown for equation in formula.equations]
        self.sources = tuple(n for n in names if n in read) or tuple(names[-1:])

    def routes(self) -> dict[Route, Symbolic]:
        """All routes with what each is multiplied by; none is zero.

        Raises:
            TooMany: if there are more than :data:`MAX_WORDS`.
        """
        result: dict[Route, Symbolic] = {}
        one = _Words({(): _Factor.of(1)})
        for end, linear in enumerate(_ends(self._linear)):
            for name in self.sources:
                start = Source(name, At(START, 0))
                found = propagate(linear, self.blocks, self._words, one, start)
                for word, factor in () if found is None else found.terms.items():
                    if factor:
                        result[Route(name, end, word)] = factor.exact
        if len(result) > MAX_WORDS:
            raise TooMany
        return result

    def counts(self) -> dict[int, int]:
        """How many ways pass so many operators, where there are too many to list.

        Every way counts with its factor if that is a whole number, so that ways which
        cancel are gone; with its sign if it is another number; as one otherwise.
        """
        counter = Counter(self._linear, self.blocks)
        result = totals(
            item
            for name in self.sources
            for item in enumerate(counter.by_length(Source(name, At(START, 0))))
        )
        return {length: n for length, n in sorted(result.items()) if n}

    def _words(self, polynomial: Polynomial, block: int) -> _Words:
        """The operators of a polynomial's words in a block; other letters are factors."""
        terms = polynomial.terms.items()
        return _Words(totals(self._term(*term, block) for term in terms))

    def _term(
        self, letters: tuple[Letter, ...], coefficient: Symbolic, block: int
    ) -> tuple[Word, _Factor]:
        factor, word = self._number(coefficient, block), []
        for letter in letters:
            at = owner(letter, block, self.blocks)
            if letter.counts:
                word.append((letter.label, at))
            else:
                factor *= self._factor(letter, block if at is None else at)
        return tuple(word), _Factor.of(factor)

    def _number(self, coefficient: Symbolic, block: int) -> Symbolic:
        """A coefficient in a block, whose number is counted from the last one."""
        return filled(coefficient, {I: L - (self.blocks - block)})

    def _factor(self, letter: Letter, block: int) -> Symbolic:
        """What a way through a letter that is no operator is multiplied by."""
        if letter.kind == "gate":
            return sympy.Symbol(f"[{letter.name}] at {block}")
        if letter.kind == "gain" and letter.tensor is not None:
            return self._number(letter.tensor.args[0], block)
        return sympy.S.One


def _middle(formula: Formula) -> Linear:
    """The laws of blocks in the middle: what lies before block 0 is not there.

    A history begins with what block 0 adds to it.
    """
    linear = linearise(formula, Diagnostics(), activations=False, choices=True, first=0)
    laws = tuple(
        Law(law.unknown, _inside(law.gradient), law.written) for law in linear.laws
    )
    start = {law.unknown: {} if law.written else law.gradient for law in laws}
    return replace(linear, laws=laws, starts=(start,), output=_inside(linear.output))


def _inside(gradient: Gradient) -> Gradient:
    """A derivative by other blocks in the middle: X_0 lies before them."""
    return {s: p for s, p in gradient.items() if s.at.base in (BLOCK, LAST)}


def _ends(linear: Linear) -> Iterator[Linear]:
    """The same laws with each of the tensors that the output puts side by side."""
    output = linear.formula.output
    if not isinstance(output, Concat):
        yield linear
        return
    for number in range(len(output.children)):
        part = (number, len(output.children))
        gradient = {
            source: Polynomial(
                {w[1:]: c for w, c in polynomial.terms.items() if w[0].part == part}
            )
            for source, polynomial in linear.output.items()
        }
        yield replace(linear, output={s: p for s, p in gradient.items() if p})


@dataclass(frozen=True)
class _Factor:
    """What a route is multiplied by, and how large that is at one point.

    A factor that is not zero at a point is not zero: nothing has to be multiplied out.

    Attributes:
        exact: with learned scalars and the number of blocks in it.
        value: with numbers for these.
        bound: the absolute values of its terms added up.
    """

    exact: Symbolic
    value: float
    bound: float

    @classmethod
    def of(cls, factor: Symbolic) -> _Factor:
        """A factor of one term of an equation."""
        factor = sympy.sympify(factor)
        atoms = factor.free_symbols | factor.atoms(Learned)
        point = {a: precise(Random(str(a)).uniform(0.5, 1.5)) for a in atoms}
        try:
            value = as_float(factor, point)
        except (TypeError, OverflowError):
            return cls(factor, 0.0, math.inf)
        return cls(factor, value, abs(value))

    def __add__(self, other: _Factor) -> _Factor:
        return _Factor(
            self.exact + other.exact,
            self.value + other.value,
            self.bound + other.bound,
        )

    def __mul__(self, other: _Factor) -> _Factor:
        return _Factor(
            self.exact * other.exact,
            self.value * other.value,
            self.bound * other.bound,
        )

    def __bool__(self) -> bool:
        """Whether it is not zero."""
        if abs(self.value) > _ROUNDING * self.bound:
            return True
        return bool(sympy.expand(self.exact) != 0)


class _Words(Sum[Word, _Factor]):
    """A sum of words with their factors, not too many of them."""

    def __post_init__(self) -> None:
        if len(self.terms) > MAX_WORDS:
            raise TooMany

    def __mul__(self, other: Self) -> Self:
        # Factors take long, so words are counted before.
        made: set[Word] = set()
        for left in self.terms:
            made.update(left + right for right in other.terms)
            if len(made) > MAX_WORDS:
                raise TooMany
        return super().__mul__(other)


def _unknowns(tensor: Tensor) -> set[str]:
    own = {tensor.name} if isinstance(tensor, State) else set()
    parts = [tensor.body] if isinstance(tensor, History) else tensor.children
    return own.union(*(_unknowns(part) for part in parts))
