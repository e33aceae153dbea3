"""Rows of parts of one form: what they keep, the most that they hold, what they run again.

What a row comes to hangs only on what those before it keep of the tensors that it reads. Of
rows that are alike one is worked out (:mod:`recform.costs.stretches`), and of a long row of
equal blocks a few are followed (:mod:`recform.costs.repeats`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from recform.costs.forms import Forming, under
from recform.costs.peaks import Held, held
from recform.costs.repeats import Short
from recform.costs.stretches import Stretch
from recform.costs.tape import Tape
from recform.memory import Memory


@dataclass(frozen=True)
class Row:
    """Parts of one form in a row.

    Attributes:
        kept: bytes that it keeps beside what those before it do.
        peak: the most bytes that are held in it, besides what those before it keep.
        again: what it takes to run again what its backward pass does.
        holds: the tensors that are kept behind it, by their places among those that later
            rows touch; those that only rows keep which are run backwards, by ``~``.
    """

    kept: int
    peak: int
    again: int
    holds: frozenset[int]


@dataclass(frozen=True, eq=False)
class Alike:
    """What rows that are alike have in common; places are those of a stretch.

    Attributes:
        held: what is held in each piece, without the gradients that are there before; every
            other piece may stand for many.
        again: in each piece the operations that its backward pass runs again.
        asked: for each operation the bytes that are kept to its gradient.
        incoming: of what comes into the network and is kept, by its number on the tape, the
            first operation whose gradient asks for it.
        holds: as of a row, by their places among the tensors of the part.
        ends: the operation behind each piece.
    """

    held: Sequence[Held]
    again: Sequence[Sequence[int]]
    asked: Sequence[int]
    incoming: Mapping[int, int]
    holds: frozenset[int]
    ends: Sequence[int]


@dataclass(frozen=True)
class Placed:
    """A row of units, of which a few are followed.

    Attributes:
        first: the operation of the tape that those begin with.
        alike: what they come to.
        more: how many are left out for every other piece, from the second on.
        learned: bytes of the gradients that are there before its backward pass.
        holds: as of the row.
        singly: as of :class:`recform.costs.repeats.Repeat`.
    """

    first: int
    alike: Alike
    more: Sequence[int]
    learned: int
    holds: frozenset[int]
    singly: bool = False

    @property
    def often(self) -> list[int]:
        """How many each piece stands for."""
        often = [1] * len(self.alike.held)
        often[1::2] = [1 + more for more in self.more]
        return often

    def row(self, spent: Sequence[int]) -> Row:
        """What it comes to.

        In the forward pass the most is held in the last of pieces that stand for many; in
        the backward pass in the last or in the first, for what is kept and what has its
        gradient already grow evenly, from one end and from the other.

        Args:
            spent: what it takes to run again what the backward pass of each piece does.
        """
        held, often = self.alike.held, self.often
        behind = sum((n - 1) * p.learned for n, p in zip(often, held, strict=True))
        kept = peak = 0
        for n, piece in zip(often, held, strict=True):
            behind -= (n - 1) * piece.learned
            most = (n - 1) * max(piece.kept, piece.learned)
            back = piece.backward + kept + most + behind + self.learned
            peak = max(peak, piece.forward + kept + (n - 1) * piece.kept, back)
            kept += (n - 1) * piece.kept
        whole = kept + sum(piece.kept for piece in held)
        again = sum(n * time for n, time in zip(often, spent, strict=True))
        return Row(whole, peak, again, self.holds)


class Rows:
    """Rows of units.

    Args:
        short: the tape of the plain network.
        batch: how many examples.
        size: bytes of a number.
    """

    def __init__(self, short: Short, batch: int, size: int) -> None:
        self._short = short
        self._tape = short.tape
        self._batch, self._size = batch, size
        self._parts: dict[tuple[int, int], Stretch] = {}
        self._known: dict[object, Alike] = {}
        #: The last lean row that was followed; a longer one goes on where it ends.
        self._going: dict[object, Forming] = {}

    def placed(
        self, start: int, end: int, form: Memory, holds: frozenset[int]
    ) -> Placed:
        """A row, as it is on the tape.

        Args:
            start: the unit that it begins with.
            end: the one behind it.
            form: of all of them.
            holds: as of the row before it.
        """
        first, last, repeats = self._short.placed(start, end, form)
        part = self._part(first, last)
        learned = self._short.learned[end] * self._size
        if part.first == part.last:
            return Placed(part.first, _NOTHING, (), 0, holds)
        places = [(self._firsts[r.first], self._firsts[r.last]) for r in repeats]
        borders = tuple(n - part.first for place in places for n in place)
        before = part.before(holds)
        key = (part.sign, form, before, borders)
        if key not in self._known:
            self._known[key] = self._worked_out(part, form, before, borders)
        alike = self._known[key]
        more = tuple(repeat.more for repeat in repeats)
        behind = part.behind(alike.holds | before)
        singly = any(repeat.singly for repeat in repeats)
        return Placed(part.first, alike, more, learned, behind, singly)

    def _part(self, first: int, last: int) -> Stretch:
        """The units of the tape from one to another."""
        if (first, last) not in self._parts:
            between = self._firsts[first], self._firsts[last]
            self._parts[first, last] = Stretch(self._short.signs, *between)
        return self._parts[first, last]

    @cached_property
    def _firsts(self) -> list[int]:
        """The first operation of each unit of the tape, and how many there are."""
        units = [op.unit for op in self._tape.operations]
        return [bisect_left(units, unit) for unit in range(self._tape.units + 1)]

    def _worked_out(
        self,
        part: Stretch,
        form: Memory,
        before: frozenset[int],
        borders: Sequence[int],
    ) -> Alike:
        tape = self._under(part, form, before)
        first, ends = part.first, (*borders, len(tape.operations))
        pieces = [tape.operations[a:b] for a, b in pairwise((0, *ends))]
        every = enumerate(tape.buffers.items())
        kept = [
            (n, *item) for n, item in every if item[1].kept is not None or ~n in before
        ]
        found = held(tape, self._batch, self._size, borders)
        return Alike(
            found.pieces,
            [[n - first for op in piece for n in op.again] for piece in pieces],
            found.asked,
            {
                number: buffer.kept - first
                for _, number, buffer in kept
                if buffer.born < 0 and buffer.kept is not None
            },
            frozenset(~place if b.alone else place for place, _, b in kept),
            ends,
        )

    def _under(self, part: Stretch, form: Memory, before: frozenset[int]) -> Tape:
        """The tape of a row in a form."""
        tape = part.tape(before)
        forms = [Memory.plain] * self._tape.units
        start, end = tape.operations[0].unit, 1 + tape.operations[-1].unit
        if form is not Memory.lean:
            forms[start:end] = [form] * (end - start)
            return under(tape, forms)
        going = self._going.get((part.first, before))
        if going is None or going.last > part.last:
            forms[start:] = [form] * (len(forms) - start)
            going = Forming(forms)
        self._going = {(part.first, before): going}
        return going.tape(tape)


#: Of units without operations.
_NOTHING = Alike((), (), (), {}, frozenset(), ())
