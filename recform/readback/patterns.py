"""Blocks that differ in numbers alone: one proof with letters in the place of numbers.

A block is taken apart on both sides: the objects of its code, once their constructors have
run, and the operators and coefficients of its step. Two that are put together alike differ
in numbers. These become letters, of which nothing is known, one letter where the numbers of
both blocks are the same; if the code does what the step says with letters, it does so with
any numbers. So of each other block that is put together alike it has to be shown that its
numbers are those of letters: what was one letter is one number, on both sides, and what was
none is the number that it was. What learned scalars start with is compared block by block.
A block of which this cannot be shown is followed as if there were no others.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from recform.algebra.expr import I, Tensor
from recform.algebra.symbols import BLOCK
from recform.blocks import Misfit, Shape
from recform.diagnostics.refuted import Refuted
from recform.execution.anatomy import Anatomy, Build, Known, Letter, Unknown
from recform.execution.draws import NoNumber
from recform.execution.forms import BROKEN, Form, Table, Term, Unreadable, add, form
from recform.execution.parts import Instance
from recform.graph.model import Module, NetworkGraph, Site
from recform.readback.blocks import Beside
from recform.readback.coefficients import Key
from recform.readback.plan import Printed
from recform.readback.sides import Block, Prepared
from recform.readback.starts import Learns, odd_starts
from recform.readback.wanted import Line

#: Of the tensors of a step.
_Shapes: TypeAlias = Mapping[Tensor, Shape]
#: How often it may fail until all that is left is followed block by block.
TRIES = 8
#: How many groups are kept: of blocks of other shapes there may be very many.
_GROUPS = 8
#: How near numbers are that are one letter: any two of them are as near as two sides have
#: to be.
_NEAR = 0.5e-7


@dataclass(frozen=True)
class _Seen:
    """What a block is made of, on both sides.

    Attributes:
        block: the block.
        found: what the code has for it.
        build: how both are put together.
        numbers: of the code, and behind these of the formula.
        ends: how many are the code's.
        asked: what constructors have called that is not of the file.
    """

    block: Block
    found: Instance
    build: Build
    numbers: tuple[float, ...]
    ends: int
    asked: frozenset[str]


@dataclass(frozen=True)
class _Term:
    """A number that is made of a letter: ``more + times*letter``."""

    letter: int
    times: float
    more: float

    def __str__(self) -> str:
        return f"{self.more} + {self.times}*letter {self.letter}"

    def is_near(self, letters: Mapping[int, float], number: float) -> bool:
        """Whether it is a number, if letters are numbers."""
        made = self.more + self.times * letters[self.letter]
        return math.isclose(made, number, rel_tol=_NEAR)


@dataclass(frozen=True)
class _Pattern:
    """A block with letters in it whose code does what its step says.

    Attributes:
        numbers: what each number is: itself, or made of a letter.
        letters: the place of the first number that is just a letter, for each.
        asked: what its code has called that is not of the file.
    """

    numbers: tuple[float | _Term, ...]
    letters: tuple[int, ...]
    asked: frozenset[str]

    def fits(self, seen: _Seen) -> bool:
        """Whether a block that is put together like it is it, with numbers for letters."""
        letters = dict(enumerate(seen.numbers[place] for place in self.letters))
        return seen.asked <= self.asked and all(
            wanted.is_near(letters, number)
            if isinstance(wanted, _Term)
            else wanted == number
            for wanted, number in zip(self.numbers, seen.numbers, strict=True)
        )


class _Recipe:
    """What of a step hangs on the number of the block, as one shows that was followed.

    Args:
        beside: the block.

    Attributes:
        own, adapters: the names of all that the block has.
        starts: of learned scalars of definitions that have no number of a block in them.

    Raises:
        Unknown: if this is not known of it.
    """

    def __init__(self, beside: Beside) -> None:
        made, formula = beside.prepared, beside.formula
        if beside.said.shares:
            raise Unknown
        self.own = frozenset(made.own)
        self.adapters = frozenset(made.adapters)
        self._lines = [n for n, p in made.own.items() if _is_numbered(p)]
        self._scalars = [name for name in made.own if name in formula.scalars]
        names = beside.printed.steps[beside.place.segment.step].adapters
        sites = beside.place.segment.block.sites
        at: dict[str, Site] = {names[site]: site for site in sites}
        self._adapters = {n: at[n] for n, p in made.adapters.items() if _is_numbered(p)}
        self._keys = [key for key in made.numbers if key[0].has(I)]
        self._steady = {k: n for k, n in made.numbers.items() if not k[0].has(I)}
        self._drawn = made.drawn
        self._said = beside.said.said
        again = Beside(beside.graph, beside.printed, beside.place, beside.found)
        self.prepared(again, Anatomy(again.said))
        self.starts: Learns = beside.said.learned - again.said.learned

    def tell(self, beside: Beside) -> None:
        """Tells a block what is known of functions and classes that its code calls."""
        beside.said.said.makers |= self._said.makers
        beside.said.said.defaults |= self._said.defaults

    def prepared(self, beside: Beside, walk: Anatomy) -> tuple[Build, Prepared]:
        """What a block of the formula is made with, as far as that hangs on its number.

        Args:
            beside: the block.
            walk: takes it apart.

        Returns:
            How it is put together, and it.
        """
        block = beside.place
        lines = {name: beside.own(block, name) for name in self._lines}
        adapters = {
            n: beside.adapter(block, site) for n, site in self._adapters.items()
        }
        for name in self._scalars:
            lines[name] = beside.own(block, name)
        numbers: dict[Key, Term] = dict(self._steady)
        builds: list[Build] = []
        for part in (*lines.values(), *adapters.values()):
            build, _ = walk.of(part)
            builds.append(build)
        worked = beside.coefficients(block, self._drawn.__getitem__)
        for key in self._keys:
            build, numbers[key] = walk.of(worked.number(key))
            builds.append(build)
        return tuple(builds), Prepared(lines, adapters, numbers, whole=True)


def _is_numbered(part: object) -> bool:
    return isinstance(part, Line) and part.is_numbered


class Patterns:
    """Blocks that were proved, and what else is proved with them.

    Args:
        graph: the network with shapes.
        printed: its source.
    """

    def __init__(self, graph: NetworkGraph, printed: Printed) -> None:
        self._graph, self._printed = graph, printed
        self._groups: list[_Group] = []

    def add(self, beside: Beside) -> None:
        """Takes a block that was proved by itself."""
        group = self._group(beside.place)
        if group is None:
            group = _Group(self._graph, self._printed, beside.place)
            self._groups = [group, *self._groups[: _GROUPS - 1]]
        group.add(beside)

    def covers(self, block: Block, found: Instance) -> bool:
        """Whether a block is proved with those that were added.

        Args:
            block: the block.
            found: what the code has for it.
        """
        group = self._group(block)
        return group is not None and group.covers(block, found)

    def is_numbered(self, block: Block) -> bool:
        """Whether what the formula says of blocks like it depends on their number."""
        group = self._group(block)
        return group is None or group.is_numbered

    def _group(self, block: Block) -> _Group | None:
        return next((group for group in self._groups if group.takes(block)), None)


class _Group:
    """Blocks of one step in which all has the same shapes.

    Args:
        graph: the network with shapes.
        printed: its source.
        block: one of them.

    Attributes:
        is_numbered: whether what the formula says of one depends on its number.
    """

    def __init__(self, graph: NetworkGraph, printed: Printed, block: Block) -> None:
        self._graph, self._printed, self._block = graph, printed, block
        self.is_numbered = False
        self._last: Beside | None = None
        self._is_new = self._is_exact = False
        self._recipe: _Recipe | None = None
        self._objects: dict[Hashable, Known] = {}
        self._proved: dict[Build, _Seen] = {}
        self._patterns: dict[Build, list[_Pattern]] = {}
        self._left = TRIES

    def takes(self, block: Block) -> bool:
        """Whether a block differs from the others in its number alone, to the formula."""
        mine, its = self._block.segment, block.segment
        one, other = mine.block, its.block
        return (
            (mine.step, self._block.length) == (its.step, block.length)
            and one.calls.keys() == other.calls.keys()
            and one.sites == other.sites
            and all(self._is_placed(n, m, other.calls[n]) for n, m in one.calls.items())
            and self._is_shaped(one.shapes, other.shapes)
        )

    def _is_placed(self, name: str, one: Module, other: Module) -> bool:
        """Whether an operator has the same place; one with a number of its own is made."""
        if BLOCK in self._graph.recurrence.formula.operators[name].symbols:
            return True
        return one.inputs == other.inputs and (
            replace(one.place, index=0) == replace(other.place, index=0)
        )

    def _is_shaped(self, one: _Shapes, other: _Shapes) -> bool:
        """Whether the formula's side makes the same of tensors, whatever their features.

        Of these it asks which are the same, and whether there is one.
        """
        if one == other:
            return True
        return not self._is_exact and _sorts(one) == _sorts(other)

    def add(self, beside: Beside) -> None:
        """Takes a block that was proved by itself."""
        self._last, self._is_new = beside, True
        self.is_numbered |= beside.said.said.is_numbered
        made = beside.prepared.own.values()
        self._is_exact |= any(isinstance(m, Line) and m.is_compared for m in made)

    def covers(self, block: Block, found: Instance) -> bool:
        """Whether a block is proved with those that were added."""
        if self._last is None or not self._left:
            return False
        try:
            recipe = self._recipe = self._recipe or _Recipe(self._last)
            if self._is_new:
                self._is_new = False
                seen = self._look(recipe, self._last.place, self._last.found)
                self._proved.setdefault(seen.build, seen)
            seen = self._look(recipe, block, found)
            known = self._patterns.setdefault(seen.build, [])
            if not any(pattern.fits(seen) for pattern in known):
                pattern = self._pattern(recipe, self._proved[seen.build], seen)
                if not pattern.fits(seen):
                    raise Unknown
                known.append(pattern)
        except (Unknown, Refuted, Misfit, NoNumber, Unreadable, *BROKEN):
            self._left -= 1
            return False
        return True

    def _look(self, recipe: _Recipe, block: Block, found: Instance) -> _Seen:
        """A block taken apart.

        Raises:
            Unknown: if its learned scalars start with something else than they should.
        """
        beside = Beside(self._graph, self._printed, block, found)
        recipe.tell(beside)
        code = Anatomy(beside.code, self._objects)
        said = Anatomy(beside.said)
        build = code.constructed(beside.instance)
        wanted, _ = recipe.prepared(beside, said)
        learned = beside.code.learned + code.learned
        if odd_starts(learned, beside.said.learned + recipe.starts):
            raise Unknown
        return _Seen(
            block,
            found,
            (build, wanted),
            (*code.numbers, *said.numbers),
            len(code.numbers),
            frozenset(beside.code.asked | code.asked),
        )

    def _pattern(self, recipe: _Recipe, one: _Seen, other: _Seen) -> _Pattern:
        """What two blocks have in common, which is proved.

        Raises:
            Unknown, Refuted, NoNumber: if it is not.
        """
        beside = Beside(self._graph, self._printed, one.block, one.found)
        recipe.tell(beside)
        numbers, places = _terms(one, other)
        letters = [
            Letter(str(item), _form(beside.table, item))
            if isinstance(item, _Term)
            else None
            for item in numbers
        ]
        code = Anatomy(beside.code, None, letters[: one.ends])
        said = Anatomy(beside.said, None, letters[one.ends :])
        build = code.constructed(beside.instance)
        wanted, beside.prepared = recipe.prepared(beside, said)
        if (build, wanted) != one.build:
            raise Unknown
        beside.check()
        made = beside.prepared
        if made.own.keys() != recipe.own or made.adapters.keys() != recipe.adapters:
            raise Unknown
        asked = frozenset(beside.code.asked)
        return _Pattern(tuple(numbers), tuple(places), asked)


def _sorts(shapes: _Shapes) -> list[object]:
    """Shapes in which numbers of features are told apart, and are no numbers."""
    met: dict[object, int] = {1: 0}
    return [
        (tensor, shape.layout, shape.grid, met.setdefault(shape.features, len(met)))
        for tensor, shape in shapes.items()
    ]


def _form(table: Table, term: _Term) -> Form:
    """A number that is made of a letter, where it is reckoned with."""
    return form(add(term.more, {table.node("letter", term.letter): term.times}))


def _terms(one: _Seen, other: _Seen) -> tuple[list[float | _Term], list[int]]:
    """What numbers are that differ in two blocks, and where each letter is first.

    Of the code each is a letter; the formula's are made of those, if that is easily said.
    """
    pairs = list(zip(one.numbers, other.numbers, strict=True))
    terms: list[float | _Term] = []
    places: list[int] = []
    for place, (a, b) in enumerate(pairs):
        if a == b:
            terms.append(a)
            continue
        letters = [pairs[first] for first in places]
        term = _same(letters, a, b)
        if term is None and place >= one.ends:
            term = _made_of(letters, a, b)
        if term is None:
            term = _Term(len(places), 1.0, 0.0)
            places.append(place)
        terms.append(term)
    return terms, places


def _same(letters: Sequence[tuple[float, float]], a: float, b: float) -> _Term | None:
    """The letter that is the same as a number in two blocks."""
    for which, (first, second) in enumerate(letters):
        term = _Term(which, 1.0, 0.0)
        if term.is_near({which: first}, a) and term.is_near({which: second}, b):
            return term
    return None


def _made_of(
    letters: Sequence[tuple[float, float]], a: float, b: float
) -> _Term | None:
    """A letter, by which a number is made with few digits that is one in two blocks."""
    for which, (first, second) in enumerate(letters):
        times = (b - a) / (second - first)
        term = _Term(which, float(f"{times:.6g}"), float(f"{a - times * first:.6g}"))
        if term.is_near({which: first}, a) and term.is_near({which: second}, b):
            return term
    return None
