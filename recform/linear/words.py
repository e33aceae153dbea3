"""Polynomials over words of operators: matrices that do not commute.

A word is a product of letters, the one that is applied last on the left, as the paper
writes it: ``W_i*W_<i-1>``. A polynomial is a sum of words with scalar coefficients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import sympy

from recform.algebra.expr import I, Tensor
from recform.algebra.scalars import expanded, terms_of
from recform.algebra.totals import totals
from recform.algebra.typeset import added
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.series.places import SHARED, At
from recform.series.show import PLAIN, Plain

#: How many words are as much work as a term of a sum in front of one.
_SLOWER = 4


@dataclass(frozen=True)
class Letter:
    """A linear map that a path goes through.

    Attributes:
        kind: ``operator``; ``activation``, the derivative of an elementwise function;
            ``gate``, a tensor that another is multiplied with; ``gain``, a scalar for
            each feature; ``shift``, tokens moved by positions; ``embed`` and
            ``project``, a part's place in a concatenation and a part of a split.
        name: ``W``, ``relu``, ...
        at: the block that it belongs to.
        tensor: for an activation the function of its argument, for a gate its value,
            for a place the concatenation, in the index i (with ``at.number`` zero where
            there is an i).
        part: for ``embed`` and ``project``: which part of how many; for an operator of
            several inputs, by which of them it is differentiated.
    """

    kind: str
    name: str
    at: At
    tensor: Tensor | None = None
    part: tuple[int, int] | None = None

    @cached_property
    def _hash(self) -> int:
        return hash((self.kind, self.name, self.at, self.tensor, self.part))

    def __hash__(self) -> int:
        # Words are keys, and have many letters.
        return self._hash

    def shifted(self, by: int) -> Letter:
        """The letter with ``i + by`` for ``i``."""
        return self.placed(self.at.shifted(by)) if by else self

    def moved(self, base: str, origin: int = 0) -> Letter:
        """The letter with ``base + origin`` for ``i``."""
        return self.placed(self.at.moved(base, origin))

    def placed(self, at: At) -> Letter:
        """The letter at another block."""
        return Letter(self.kind, self.name, at, self.tensor, self.part)

    @property
    def counts(self) -> bool:
        """Whether going through it is passing a block."""
        return self.kind == "operator"

    @property
    def label(self) -> str:
        """Its name, with the number of the input of an operator of several: ``A^2``."""
        name, dot, time = self.name.partition(".")
        return f"{name}{_mark(self)}{dot}{time}"

    def value(self) -> Tensor | None:
        """The tensor at the letter's own block."""
        if self.tensor is None or self.at.base == SHARED:
            return self.tensor
        return self.tensor.xreplace({I: self.at.expression()})  # type: ignore[no-any-return]

    def text(self, style: Plain = PLAIN) -> str:
        """In the language of the files, or as LaTeX; an activation is ``relu'_i``."""
        if self.kind not in ("gate", "gain"):
            return style.name(self.label, self.at)
        value = self.value()
        assert value is not None
        if self.kind == "gain":
            return style.scalar(value.args[0])
        return style.call("diag", style.tensor(value))


Word = tuple[Letter, ...]


def _mark(letter: Letter) -> str:
    """What tells a derivative from the operator or the function of its name."""
    if letter.kind == "activation":
        return "'"
    if letter.kind == "operator" and letter.part is not None:
        return f"^{letter.part[0] + 1}"
    return ""


@dataclass(frozen=True)
class Polynomial:
    """A sum of words with scalar coefficients; zero has no terms.

    Attributes:
        terms: coefficients by word; none is zero.
    """

    terms: Mapping[Word, Symbolic] = field(default_factory=dict)

    @classmethod
    def one(cls) -> Polynomial:
        """The identity."""
        return cls({(): sympy.S.One})

    @classmethod
    def letter(cls, letter: Letter) -> Polynomial:
        """A word of one letter."""
        return cls({(letter,): sympy.S.One})

    @classmethod
    def total(cls, items: Iterable[tuple[Word, Symbolic]]) -> Polynomial:
        """The sum of words; what cancels is gone."""
        terms = totals(items)
        if any(_open(value) for value in terms.values()):
            terms = {w: expanded(v) if _open(v) else v for w, v in terms.items()}
        return cls({word: value for word, value in terms.items() if value != 0})

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __add__(self, other: Polynomial) -> Polynomial:
        return Polynomial.total([*self.terms.items(), *other.terms.items()])

    def __neg__(self) -> Polynomial:
        return self.scaled(-1)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __mul__(self, other: Polynomial) -> Polynomial:
        """The product, this one on the left (applied last)."""
        products = [
            (product, b if a is sympy.S.One else a if b is sympy.S.One else a * b)
            for first, a in self.terms.items()
            for second, b in other.terms.items()
            if (product := joined(first, second)) is not None
        ]
        if len(products) == 1 and products[0][1] is sympy.S.One:
            return Polynomial(dict(products))
        return Polynomial.total(products)

    def scaled(self, factor: Symbolic) -> Polynomial:
        """Every coefficient times a scalar."""
        return Polynomial.total((word, factor * c) for word, c in self.terms.items())

    def shifted(self, by: int) -> Polynomial:
        """The polynomial with ``i + by`` for ``i``."""
        if not by:
            return self
        return self.mapped(
            lambda letter: letter.shifted(by), lambda c: _replaced(c, I + by)
        )

    def moved(self, base: str, origin: int = 0) -> Polynomial:
        """The polynomial with ``base + origin`` for ``i``."""
        index = At(base, origin).expression()
        return self.mapped(
            lambda letter: letter.moved(base, origin), lambda c: _replaced(c, index)
        )

    def mapped(
        self,
        letters: Callable[[Letter], Letter],
        scalars: Callable[[Symbolic], Symbolic] = lambda value: value,
    ) -> Polynomial:
        """Every letter and every coefficient replaced."""
        return Polynomial.total(
            (tuple(letters(letter) for letter in word), scalars(coefficient))
            for word, coefficient in self.terms.items()
        )

    @cached_property
    def letters(self) -> tuple[Letter, ...]:
        """All letters, each once, in the order of appearance."""
        return tuple(dict.fromkeys(letter for word in self.terms for letter in word))

    @property
    def products(self) -> int:
        """How many products of scalars and operators it is a sum of, as printed."""
        return sum(len(sympy.Add.make_args(c)) for c in self.terms.values())

    @property
    def multiplied_out(self) -> int:
        """How many products it is a sum of, once it has been a factor.

        A term of a number in front of a word is as much work as several words.
        """
        counts = map(terms_of, self.terms.values())
        return sum(n if n == 1 else _SLOWER * n for n in counts)

    def text(self, style: Plain = PLAIN) -> str:
        """In the language of the files, or as LaTeX."""
        terms = []
        for word, coefficient in self.terms.items():
            term = style.times.join(letter.text(style) for letter in word)
            if coefficient == -1 and word:
                term = f"-{term}"
            elif coefficient != 1 or not word:
                factor = style.scalar(coefficient)
                if coefficient.is_Add and word:
                    factor = f"({factor})"
                term = f"{factor}{style.times}{term}" if word else factor
            terms.append(term)
        return added(terms)


def joined(first: Word, second: Word) -> Word | None:
    """The product of two words; None where a part of a split meets another part's place."""
    while first and second:
        left, right = first[-1], second[0]
        if left.kind != "project" or right.kind != "embed" or not right.part:
            break
        if not left.part or left.part[1] != right.part[1]:
            break
        if left.part != right.part:
            return None
        first, second = first[:-1], second[1:]
    return first + second


def _open(value: Symbolic) -> bool:
    """Whether a coefficient may be zero without being the number 0."""
    return bool(value.is_Add or value.is_Mul) and not value.is_Number


def _replaced(coefficient: Symbolic, index: Symbolic) -> Symbolic:
    return filled(coefficient, {I: index}) if coefficient.free_symbols else coefficient
