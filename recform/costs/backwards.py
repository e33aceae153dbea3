"""What a network keeps whose blocks are run backwards (`blocks/support/reversible.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from recform.blocks import Amount
from recform.costs.tape import Buffer, Operation, Tape
from recform.memory import Memory


def run_back(tape: Tape, forms: Sequence[Memory]) -> Tape:
    """The tape of a network some of whose blocks keep nothing; the last of a row its state.

    Args:
        tape: of the network, each block of it written out, and those that are not run
            backwards in their forms.
        forms: of each unit.
    """
    return _Backwards(tape, forms).tape()


class _Backwards:
    """Follows the blocks of rows, each of which is run back and forth in the backward pass."""

    def __init__(self, tape: Tape, forms: Sequence[Memory]) -> None:
        self._tape = tape
        self._back = [form is Memory.reversible for form in forms]
        self._places: dict[int, tuple[int, int]] = {}
        for number, op in enumerate(tape.operations):
            first, _ = self._places.get(op.unit, (number, number))
            self._places[op.unit] = first, number
        self._kept: dict[int, int] = {}
        self._again: dict[int, tuple[int, int]] = {}
        self._operations: list[Operation] = []

    def tape(self) -> Tape:
        """The tape."""
        for number, buffer in enumerate(self._tape.buffers):
            if buffer.kept is not None:
                self._keep((number,), buffer.kept)
            if buffer.again is not None:
                self._again[number] = buffer.again
        for unit in self._places:
            self._operations += self._unit(unit)
        pairs = enumerate(self._tape.buffers)
        buffers = [self._buffer(number, buffer) for number, buffer in pairs]
        return replace(self._tape, operations=self._operations, buffers=buffers)

    def _buffer(self, number: int, buffer: Buffer) -> Buffer:
        kept, again = self._kept.get(number), self._again.get(number)
        if buffer.before:
            return replace(buffer, again=again)
        alone = kept is not None and buffer.kept is None
        return replace(buffer, kept=kept, again=again, alone=alone)

    def _keep(self, held: Iterable[int], by: int) -> None:
        for number in held:
            self._kept[number] = min(self._kept.get(number, by), by)

    def _has(self, number: int, first: int, last: int) -> None:
        """Notes that the backward pass has a tensor from the last operation to the first."""
        before = self._again.get(number, (first, last))
        self._again[number] = min(before[0], first), max(before[1], last)

    def _unit(self, unit: int) -> list[Operation]:
        first, last = self._places[unit]
        operations = self._tape.operations[first : last + 1]
        if not self._back[unit]:
            return operations
        asks: dict[int, int] = {}
        for number, op in enumerate(operations, first):
            for asked in op.asks:
                asks.setdefault(asked, number)
        for asked, number in asks.items():
            buffer = self._tape.buffers[asked]
            if buffer.born >= first and not buffer.earlier:
                self._has(asked, number, last)
        before = unit - 1
        start = self._places[before][0] if self._back[before] else first
        given = self._crossing(first)
        for number in given:
            self._has(number, start, last)
        if not self._back[unit + 1]:
            # It hands on as many as it got, whether or not somebody reads them.
            made = self._crossing(last + 1)
            older = [number for number in reversed(given) if number not in made]
            # Each block knows the one behind it: the last is there until the first is gone.
            row = unit
            while self._back[row - 1]:
                row -= 1
            held = [*made, *older[: max(0, len(given) - len(made))]]
            self._keep(held, self._places[row][0])
        return list(self._run_twice(operations, first, asks, self._at_end(unit, asks)))

    def _at_end(self, unit: int, asks: Mapping[int, int]) -> Amount:
        """What is there besides when a block has run back and forth.

        What it hands on is made anew, and what that is summed up of is there from before.
        """
        first, last = self._places[unit]
        buffers, operations = self._tape.buffers, self._tape.operations
        made = [n for n in self._crossing(last + 1) if buffers[n].born >= first]
        made = [n for n in made if not buffers[n].earlier]
        read = {n: None for m in made for n in operations[buffers[m].born].reads}
        terms = [n for n in read if buffers[n].born >= first and n not in asks]
        whole = (*made, *(n for n in terms if not buffers[n].earlier and n not in made))
        return sum((buffers[n].amount for n in whole), Amount())

    def _crossing(self, border: int) -> list[int]:
        """The tensors that operations before a border make, and others behind it read."""
        return [
            number
            for number, buffer in enumerate(self._tape.buffers)
            if buffer.read >= border
            and (buffer.earlier or (0 <= buffer.born < border and not buffer.before))
        ]

    def _run_twice(
        self,
        operations: Sequence[Operation],
        first: int,
        asks: Mapping[int, int],
        end: Amount,
    ) -> Iterable[Operation]:
        """The operations of a block: what they had inside is there while it runs back."""
        inside = accumulate(
            operations, lambda sum, op: sum + op.inside, initial=Amount()
        )
        every = tuple(range(first, first + len(operations)))
        for number, (op, held) in enumerate(
            zip(operations, list(inside)[1:], strict=True)
        ):
            last = number == len(operations) - 1
            again = every if last else ()
            back = op.workspace_back + held + (end if last else Amount())
            yield replace(op, inside=Amount(), workspace_back=back, again=again)
