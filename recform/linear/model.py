"""The data of a linearised recurrence: what each unknown of block i gets from older ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from recform.algebra.expr import Tensor
from recform.algebra.formula import Formula
from recform.blocks.symbolic import Symbolic
from recform.linear.words import Letter, Polynomial
from recform.series.places import BLOCK, SHARED, At
from recform.series.show import PLAIN, Plain


@dataclass(frozen=True)
class Source:
    """A tensor that something is differentiated by.

    Attributes:
        unknown: its name; ``input`` for what the stem hands over.
        at: its index.
    """

    unknown: str
    at: At

    def text(self, style: Plain = PLAIN) -> str:
        """In the language of the files, or as LaTeX."""
        if "(" not in self.unknown:
            return style.name(self.unknown, self.at)
        # A history with another end: ``concat(X_<0..i>)``.
        name, index = self.unknown, self.at.text()
        name = name.replace("..i>", f"..{index}>").replace(", i, ", f", {index}, ")
        return style.formula(name)


INPUT = "input"
STEM = Source(INPUT, At(SHARED))

#: A derivative: for each tensor that it is taken by, a polynomial.
Gradient = Mapping[Source, Polynomial]


@dataclass(frozen=True)
class Law:
    """The derivative of an unknown of block i.

    Attributes:
        unknown: its name; a history is named after what it holds, such as
            ``concat(X_<0..i>)``.
        gradient: by unknowns of older blocks (``i - d``), of the same block (``d`` = 0),
            and by single blocks that the equation names (``X_0``).
        written: whether it has an equation in the file (a history has none).
    """

    unknown: str
    gradient: Gradient
    written: bool = True


@dataclass(frozen=True)
class Linear:
    """The linearised recurrence of a formula.

    Attributes:
        formula: what it was made from.
        activations: whether derivatives of elementwise functions are letters of words;
            otherwise the functions are left out.
        laws: for all blocks behind the first ones, in the order of computation.
        solved: the same without unknowns of the same block on the right.
        order: how many blocks back the solved laws reach.
        first: how many first blocks are written out (block 0, the start, not counted).
        starts: the derivative of each unknown of the blocks 0 to ``first``, by block
            and name, in the order of computation; what vanishes has an empty one.
        output: the derivative of what the head gets.
        assumptions: what was taken for granted, in sentences.
        definitions: what each unknown and each history is, where all is written out.
    """

    formula: Formula
    activations: bool
    laws: tuple[Law, ...]
    solved: tuple[Law, ...]
    order: int
    first: int
    starts: tuple[Mapping[str, Gradient], ...]
    output: Gradient
    assumptions: tuple[str, ...]
    definitions: Mapping[Tensor, Tensor] = field(default_factory=dict, repr=False)

    @cached_property
    def counts(self) -> dict[tuple[Symbolic, int, int], int]:
        """How many paths coefficients stand for, as far as that was asked."""
        return {}

    @cached_property
    def lengths(
        self,
    ) -> dict[tuple[int, int, int, bool], tuple[Polynomial, dict[int, int]]]:
        """How many words of each length polynomials have, by their id, as far as asked."""
        return {}

    @property
    def unknowns(self) -> tuple[str, ...]:
        """All unknowns, histories among them, in the order of computation."""
        return tuple(law.unknown for law in self.laws)

    @property
    def single(self) -> Law | None:
        """The only law, solved, where there is one unknown; None otherwise."""
        return self.solved[0] if len(self.solved) == 1 else None

    @cached_property
    def coefficients(self) -> Mapping[tuple[str, str, int], Polynomial]:
        """``a_d(i)``: what ``U_i`` gets from ``V_<i-d>``, by (U, V, d)."""
        return {
            (law.unknown, source.unknown, -source.at.number): polynomial
            for law in self.solved
            for source, polynomial in law.gradient.items()
            if source.at.base == BLOCK
        }

    @property
    def letters(self) -> tuple[Letter, ...]:
        """All letters of the laws."""
        return tuple(
            dict.fromkeys(
                letter
                for law in self.laws
                for polynomial in law.gradient.values()
                for letter in polynomial.letters
            )
        )


def merged(parts: Iterable[tuple[Source, Polynomial]]) -> Gradient:
    """The sum of derivatives; what cancels is gone."""
    found: dict[Source, list[Polynomial]] = {}
    for source, polynomial in parts:
        found.setdefault(source, []).append(polynomial)
    # All at once: a sum of many terms is put in order once, and not with each of them.
    made = {
        source: Polynomial.total(item for p in terms for item in p.terms.items())
        for source, terms in found.items()
    }
    return {source: total for source, total in made.items() if total}
