"""What a network keeps whose blocks are run backwards (`blocks/support/reversible.py`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from recform.blocks import Amount
from recform.costs.tape import Buffer, Held, Operation, Tape, but
from recform.memory import Memory


def run_back(tape: Tape, forms: Sequence[Memory]) -> Tape:
    """The tape of a network some of whose blocks keep nothing; the last of a row its state.

    Args:
        tape: of the network, each block of it written out, and those that are not run
            backwards in their forms.
        forms: of each unit.
    """
    return _Backwards(tape, forms).tape()


def as_run(tape: Tape, forms: Sequence[Memory]) -> list[Memory]:
    """The forms in which units run: no block runs backwards that gets what has no gradient."""
    firsts: dict[int, int] = {}
    for number, op in tape.numbered():
        firsts.setdefault(op.unit, number)
    fixed = [b for b in tape.buffers.values() if not (b.trained or b.given)]

    def form(unit: int, wanted: Memory) -> Memory:
        first = firsts.get(unit, 0)
        gets = any(b.born < first <= b.read for b in fixed)
        return Memory.plain if wanted is Memory.reversible and gets else wanted

    return [form(unit, wanted) for unit, wanted in enumerate(forms)]


class _Backwards:
    """Follows the blocks of rows, each of which is run back and forth in the backward pass."""

    def __init__(self, tape: Tape, forms: Sequence[Memory]) -> None:
        self._tape = tape
        self._back = [form is Memory.reversible for form in forms]
        self._places: dict[int, tuple[int, int]] = {}
        for number, op in tape.numbered():
            if not op.between:
                first, _ = self._places.get(op.unit, (number, number))
                self._places[op.unit] = first, number
        self._kept: dict[int, int] = {}
        #: From when to when a row has each tensor, by the first unit of the row.
        self._again: dict[int, dict[int, tuple[int, int]]] = {}
        self._operations = list(tape.operations)

    def tape(self) -> Tape:
        """The tape."""
        for number, buffer in self._tape.buffers.items():
            if buffer.kept is not None:
                self._keep((number,), buffer.kept)
        for unit, (first, last) in self._places.items():
            if self._back[unit]:
                at = first - self._tape.first
                self._operations[at : at + last + 1 - first] = self._unit(unit)
        buffers = {n: self._buffer(n, b) for n, b in self._tape.buffers.items()}
        return replace(self._tape, operations=self._operations, buffers=buffers)

    def _buffer(self, number: int, buffer: Buffer) -> Buffer:
        spans = self._again.get(number, {}).values()
        again = (*buffer.again, *((*span, 1) for span in spans))
        if buffer.before:
            return but(buffer, again=again)
        kept = self._kept.get(number)
        alone = kept is not None and buffer.kept is None
        return but(buffer, kept=kept, again=again, alone=alone)

    def _keep(self, held: Iterable[int], by: int) -> None:
        for number in held:
            self._kept[number] = min(self._kept.get(number, by), by)

    def _has(self, row: int, number: int, first: int, last: int) -> None:
        """Notes that a row has a tensor from the last operation to the first."""
        spans = self._again.setdefault(number, {})
        before = spans.get(row, (first, last))
        spans[row] = min(before[0], first), max(before[1], last)

    def _runs(self, unit: int) -> int:
        """The operation in front of whose gradient a block is run back and forth.

        It is the first one in the backward pass that asks for something.
        """
        first, last = self._places[unit]
        operations = enumerate(self._tape.cut(first, last + 1), first)
        return max((n for n, op in operations if _asks(op)), default=last)

    def _follows(self, unit: int) -> bool:
        """Whether a block is run backwards behind another one that is."""
        if not self._back[unit] or not self._back[unit - 1]:
            return False
        return self._places[unit - 1][1] + 1 == self._places[unit][0]

    def _unit(self, unit: int) -> list[Operation]:
        """The operations of a block that is run backwards."""
        first, last = self._places[unit]
        operations = self._tape.cut(first, last + 1)
        runs = self._runs(unit)
        row, end = unit, unit
        while self._follows(row):
            row -= 1
        while self._follows(end + 1):
            end += 1
        # Each block knows the one behind it: the last is there until the first is gone.
        left = self._tape.operations[self._places[end][1] - self._tape.first].leaves
        self._keep(left, self._places[row][0])
        for number, op in enumerate(operations, first):
            for asked in op.asks:
                if asked not in left:
                    self._has(row, asked, number, runs)
        # What a block got is what the one before it has handed on, until that has run.
        start = self._runs(unit - 1) + 1 if self._follows(unit) else runs
        for number in self._crossing(first):
            if number not in left:
                self._has(row, number, start, runs)
        return list(self._run_twice(unit, runs, left, self._places[row][0]))

    def _besides(self, unit: int, left: Held) -> Amount:
        """What is there when a block has run back and forth, beside what is asked for."""
        first, last = self._places[unit]
        buffers, operations = self._tape.buffers, self._tape.cut(first, last + 1)
        asks = {n: None for op in operations for n in op.asks}
        handed = self._crossing(last + 1)
        made = [
            n for n in handed if buffers[n].born >= first and not buffers[n].earlier
        ]
        read = {
            n: None for m in made for n in operations[buffers[m].born - first].reads
        }
        own = [n for n in read if buffers[n].born >= first and not buffers[n].earlier]
        terms = [buffers[n].amount for n in own if n not in asks and n not in made]
        # There already is what it got or asks for itself, and what the row leaves.
        others = [n for n in made if n not in asks and n not in left]
        more = sum((buffers[n].amount for n in others), Amount())
        if all(op.owner for op in operations if _asks(op)):
            # Its operators ran once, each for a term that was taken off. Where one is
            # scaled, what is left and what is taken off are divided by that first.
            scaled = [n for n in own if not operations[buffers[n].born - first].owner]
            each = [buffers[n].amount.times(2) for n in scaled] or terms
            return more + max(each, key=_bytes, default=Amount())
        return more + self._equation(first, last, asks)

    def _equation(self, first: int, last: int, asks: Container[int]) -> Amount:
        """The most that is there while an equation runs again, of what operators made."""
        buffers, every = (
            self._tape.buffers,
            [*enumerate(self._tape.cut(first, last + 1), first)],
        )
        equation = [number for number, op in every if not op.owner]
        reads = {n for _, op in every if not op.owner for n in op.reads}
        made = [
            (number if not op.owner else first, buffers[op.makes])
            for number, op in every
            if op.makes not in asks and (not op.owner or op.makes in reads)
        ]
        there = (
            sum((b.amount for since, b in made if since <= at <= b.named), Amount())
            for at in equation
        )
        return max(there, key=_bytes, default=Amount())

    def _crossing(self, border: int) -> list[int]:
        """The tensors that operations before a border make, and others behind it read."""
        return [
            number
            for number, buffer in self._tape.buffers.items()
            if buffer.read >= border
            and (buffer.earlier or (0 <= buffer.born < border and not buffer.before))
        ]

    def _run_twice(
        self, unit: int, runs: int, left: Held, until: int
    ) -> Iterable[Operation]:
        """The operations of a block: what they had inside is there since it has run back."""
        first, last = self._places[unit]
        operations = self._tape.cut(first, last + 1)
        drawn, held = _drawn(operations), Amount()
        for number, op in enumerate(operations, first):
            held += op.inside
            if number > runs:
                yield op
                continue
            back = op.workspace_back + held
            # It draws again what it drew, from where it did; so long each block is there.
            states = Amount(once_bytes=self._tape.generator * drawn[number - first])
            made = but(op, inside=states, until=until, workspace_back=back)
            if number == runs:
                more = held + self._besides(unit, left)
                made = but(made, remaking=more, again=tuple(range(first, last + 1)))
            yield made


def _drawn(operations: Sequence[Operation]) -> list[int]:
    """For each operation of a block the calls of operators that draw, if it draws first.

    An operation that draws is none in evaluation.
    """
    calls: dict[object, Counter[object]] = {}
    first: dict[object, int] = {}
    for number, op in enumerate(operations):
        if op.absent:
            call = _call(op.owner)
            first.setdefault(call, number)
            calls.setdefault(call, Counter())[op.owner] += 1
    found = [0] * len(operations)
    for call, number in first.items():
        found[number] = max(calls[call].values())
    return found


def _call(owner: object) -> object:
    """The operator of a block that an operation is in, of which that may be a part."""
    while isinstance(owner, tuple) and isinstance(owner[0], tuple):
        owner = owner[0]
    return owner


def _asks(op: Operation) -> bool:
    """Whether a gradient asks for anything of the forward pass."""
    return bool(op.asks) or op.inside != Amount()


def _bytes(amount: Amount) -> int:
    """To compare it with others."""
    return amount.held(1, 4)
