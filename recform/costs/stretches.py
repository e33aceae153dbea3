"""Stretches of a tape as tapes of their own, and which of them are alike.

Most blocks of a network do the same. Two stretches are alike if they have the same sign: then
their tapes are the same, but for the numbers of what is in them, and so is all that follows
from these.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable
from functools import cached_property

from recform.costs.gradients import MOMENTS, spans
from recform.costs.tape import Buffer, Held, Span, Tape, but

#: Of more tensors there are a few in most lists.
MANY = 8


class Signs:
    """What operations, and the tensors that are there in front of each, look like from there.

    Attributes:
        tape: the whole one.
        used: for each tensor the last operation that reads it, or may have it kept.
        touched: for each tensor the last operation that may have it kept, or has a name
            for it.
        incoming: how many tensors come in. Behind them each operation makes one.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        buffers = tape.buffers.values()
        self.used = [buffer.read for buffer in buffers]
        for number, op in enumerate(tape.operations):
            for buffer in op.asks:
                self.used[buffer] = max(self.used[buffer], number)
        pairs = zip(self.used, buffers, strict=True)
        self.touched = [max(used, buffer.named) for used, buffer in pairs]
        self.incoming = sum(buffer.born < 0 for buffer in buffers)
        self._numbers: dict[object, int] = {}
        self._crossing: dict[int, list[int]] = {}

    def crossing(self, border: int) -> list[int]:
        """The tensors that operations before a border make, and others behind it touch."""
        if border not in self._crossing:
            made = range(self.incoming, self.incoming + border)
            self._crossing[border] = [n for n in made if self.touched[n] >= border]
        return self._crossing[border]

    @cached_property
    def operations(self) -> list[int]:
        """For each operation a number; the same for those that look alike."""
        return [self.number(self.look(n)) for n in range(len(self.tape.operations))]

    def number(self, look: object) -> int:
        """The number of those that look so."""
        return self._numbers.setdefault(look, len(self._numbers))

    def look(self, number: int, since: int = 0) -> object:
        """What an operation looks like.

        Args:
            number: of it.
            since: tensors of earlier operations are the same from everywhere.
        """
        op = self.tape.operations[number]
        before = self.tape.operations[max(0, number - 1)]
        made = self.tape.buffers[op.makes]
        ends = (made.read, made.named, self.touched[op.makes])
        gradients = _from(made.gradients, number)
        return (
            (op.unit - before.unit, op.between),
            self._from(op.makes, op.reads, since),
            self._from(op.makes, op.asks, since),
            self._from(op.makes, op.leaves, since),
            (op.inside, op.lean, op.stays, op.fixed),
            (op.workspace, op.workspace_back, op.remaking, op.adds, op.sums),
            (op.cheap, op.aided, op.exact, op.changed_in_place, op.unheld, op.absent),
            (op.runs, op.works, op.piles, op.gathers),
            (op.parameters, op.turned, op.owner is None, self._owners[number]),
            (made.amount, made.trained, made.copies, made.given, gradients),
            tuple(end - number for end in ends),
        )

    def _from(self, makes: int, held: Held, since: int) -> object:
        """Tensors as seen from one; what comes in is the same from everywhere."""
        first = self.incoming + since
        if len(held) > MANY and [*held] == sorted(held):
            place = bisect_left(held, first)
            return held[:place], tuple(map(makes.__rsub__, held[place:]))
        return tuple(n - makes if n >= first else n + 1 for n in held)

    @cached_property
    def _owners(self) -> list[tuple[tuple[int, int, int], ...]]:
        """How much owners learn, how far behind each has the next operation, and how many.

        Two are many.
        """
        found: list[tuple[tuple[int, int, int], ...]] = []
        seen: dict[object, tuple[int, int]] = {}
        for number, op in reversed([*enumerate(self.tape.operations)]):
            looks: list[tuple[int, int, int]] = []
            for owner, numbers in op.learns:
                after, count = seen.get(owner, (number, 0))
                looks.append((numbers, after - number, min(count, 2)))
                seen[owner] = number, count + 1
            found.append(tuple(looks))
        return found[::-1]


def _from(gradients: Iterable[Span], number: int) -> tuple[Span, ...]:
    """When gradients are there, as seen from an operation."""
    here = MOMENTS * number
    return tuple(Span(s.amount, s.last - here, s.since - here) for s in gradients)


class Stretch:
    """Some operations of a tape.

    Attributes:
        first, last: the first operation, and the one behind the last.
    """

    def __init__(self, signs: Signs, first: int, last: int) -> None:
        self._signs = signs
        self._whole = signs.tape
        self.first, self.last = first, last

    @cached_property
    def numbers(self) -> list[int]:
        """The tensors that are there meanwhile, or that have a gradient then."""
        signs, first, last = self._signs, self.first, self.last
        there = [n for n in range(signs.incoming) if signs.touched[n] >= first]
        made = range(signs.incoming + first, signs.incoming + last)
        behind = [n for n in sorted({*self._whole.result}) if n >= made.stop]
        return [*there, *signs.crossing(first), *made, *behind]

    @cached_property
    def sign(self) -> int:
        """The same for stretches whose tapes are the same."""
        buffers, last = self._whole.buffers, self.last
        made = bisect_left(self.numbers, self._signs.incoming + self.first)
        result = tuple(
            (self._places[n], buffers[n].born >= last) for n in self._whole.result
        )
        look = (
            tuple(self._signs.operations[self.first : last]),
            tuple(map(self._given, range(made))),
            tuple((place, buffers[self.numbers[place]].amount) for place, _ in result),
            result,
        )
        return self._signs.number(look)

    def _given(self, place: int) -> object:
        """What a tensor that is there before looks like from here, and to the end."""
        number = self.numbers[place]
        if number < self._signs.incoming:
            return number
        buffer, first = self._clipped(self._whole.buffers[number]), self.first
        named = min(buffer.named, self.last - 1)
        ends = buffer.read - first, named - first, _from(buffer.gradients, first)
        used = self._signs.used[number] >= first
        where = number - self._signs.incoming - first if used else None
        return where, buffer.amount, buffer.trained, buffer.copies, buffer.given, ends

    def before(self, holds: Iterable[int]) -> frozenset[int]:
        """The places here of tensors from before, by those among all that cross over.

        In either, what only rows keep that are run backwards is ``~`` of its place.
        """
        places = self._places
        at = [places[n] for n in self._signs.crossing(self.first)]
        return frozenset(~at[~n] if n < 0 else at[n] for n in holds)

    def behind(self, held: Container[int]) -> frozenset[int]:
        """The places, among all that cross over, of those held that are touched behind."""
        at = [self._places[n] for n in self._signs.crossing(self.last)]
        kept = [n for n, place in enumerate(at) if place in held]
        alone = (
            ~n for n, place in enumerate(at) if place not in held and ~place in held
        )
        return frozenset((*kept, *alone))

    def tape(self, before: Iterable[int]) -> Tape:
        """The tape, where tensors of earlier stretches are kept already."""
        buffers, numbers = self._buffers.copy(), self.numbers
        for place in before:
            at, alone = (~place, True) if place < 0 else (place, False)
            number = numbers[at]
            buffers[number] = but(buffers[number], before=True, alone=alone)
        operations = self._whole.operations
        behind = Counter(x for op in operations[self.last :] for x, _ in op.learns)
        return Tape(
            operations[self.first : self.last],
            buffers,
            self.first,
            self._whole.result,
            size=self._whole.size,
            batch=self._whole.batch,
            scalars=self._whole.scalars,
            generator=self._whole.generator,
            learned=(0, behind),
        )

    @cached_property
    def _places(self) -> dict[int, int]:
        return {number: place for place, number in enumerate(self.numbers)}

    @cached_property
    def _buffers(self) -> dict[int, Buffer]:
        """The tensors, of which earlier stretches keep none."""
        whole, first = self._whole.buffers, self._signs.incoming + self.first
        inside = range(first + 1, self._signs.incoming + self.last)
        over = set(self._signs.crossing(self.last))
        return {
            n: whole[n] if n in inside and n not in over else self._clipped(whole[n])
            for n in self.numbers
        }

    def _clipped(self, buffer: Buffer) -> Buffer:
        """A tensor as it is there meanwhile."""
        first, last = self.first, self.last
        born = buffer.born
        return but(
            buffer,
            born=born if born < 0 else min(max(born, first), last - 1),
            # What is read behind this stretch, or in front of it alone, is so of none here.
            read=min(max(buffer.read, first - 1), last),
            gradients=spans(buffer.gradients, first, last),
            named=max(buffer.named, first - 1),
            before=buffer.given or born >= last,
            earlier=0 <= born < first,
        )
