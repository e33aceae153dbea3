"""Gradients of a tape's tensors: from when to when there is one, and what is beside it.

A step of the backward pass has three moments: before it, when what it asks for is made again;
while it computes; and after it, when what it had is gone, and what it made is added to what
others did. They are counted as the tape counts operations, three for each, against the time
of the backward pass. A gradient is added in the place of another one that nobody else has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

from recform.blocks import Amount, Order
from recform.costs.tape import NOTHING, Operation, Span, Tape, but

#: The moments of a step, and how many these are.
AFTER, WHILE, BEFORE, MOMENTS = 0, 1, 2, 3


@dataclass(eq=False)
class _Gradient:
    """A tensor that is the gradient of some.

    Attributes:
        amount: how much it is.
        since: the moment from which on it is told of those that have it.
        seen: whether it is a view, to which nothing is added in its place.
        apart: whether the features of a position lie apart in memory.
        holders: the tensors whose gradient it is.
    """

    amount: Amount
    since: int
    seen: bool = False
    apart: bool = False
    holders: dict[object, None] = field(default_factory=dict)


def follow(tape: Tape) -> None:
    """Notes on a tape that is written what gradients there are."""
    _Gradients(tape).follow()


class _Gradients:
    """Follows a backward pass.

    Tensors have their numbers; a part of one that is read by itself has a gradient of its
    own, and a key, until all of these are put together behind the first that is read.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._buffers = tape.buffers
        self._of: dict[object, _Gradient] = {}
        #: Tensors with a gradient of their own, to which others are added in its place.
        self._settled: set[object] = set()
        #: How much each tensor and each part is.
        self._amounts: dict[object, Amount] = {
            number: buffer.amount for number, buffer in tape.buffers.items()
        }
        #: What each part is of.
        self._wholes: dict[object, int] = {}
        #: The parts of each tensor that is cut, and what an operation is the first to cut.
        self._cut: dict[int, dict[object, None]] = {}
        self._cuts: dict[int, list[int]] = {}
        for number, op in enumerate(tape.operations):
            for key, amount, whole in op.cuts:
                if tape.buffers[whole].trained and whole not in self._cut:
                    self._cuts.setdefault(number, []).append(whole)
                self._cut.setdefault(whole, {})[whole, key] = None
                self._amounts[whole, key], self._wholes[whole, key] = amount, whole

    def follow(self) -> None:
        """Goes from the last operation to the first."""
        operations = self._tape.operations
        for number in self._tape.result:
            since = MOMENTS * len(operations) - 1
            self._of[number] = self._made(number, since)
            self._of[number].apart = self._buffers[number].apart
        for number in reversed(range(len(operations))):
            if self._buffers[operations[number].makes].trained:
                operations[number] = self._step(number, operations[number])

    def _made(self, tensor: object, since: int, *, seen: bool = False) -> _Gradient:
        """A gradient of a tensor alone."""
        return _Gradient(self._amounts[tensor], since, seen, holders={tensor: None})

    def _reads(self, op: Operation, settled: Container[object]) -> Iterator[object]:
        """The tensors, and the parts of such, that get a gradient from an operation.

        Of those that it reads once some are settled, and left out.
        """
        cut = {whole for _, _, whole in op.cuts}
        for read in [n for n in op.reads if n not in settled]:
            if self._buffers[read].trained:
                if read not in cut:
                    yield read
                else:
                    yield from ((w, key) for key, _, w in op.cuts if w == read)
        yield from (n for n in op.twice if self._buffers[n].trained and n not in cut)

    def _step(self, number: int, op: Operation) -> Operation:
        """The backward pass of an operation."""
        first = MOMENTS * number
        mine = self._of.pop(op.makes, None) or self._made(op.makes, first + WHILE)
        adds = sums = NOTHING
        added, hands, slices = False, {*op.hands}, {*op.slices}
        settled = self._settled.intersection(op.reads).difference(hands, slices)
        settled.difference_update(whole for _, _, whole in op.cuts)
        #: Of how many tensors of a size something is added: of a sum over depth, of many.
        more = Counter(map(self._amounts.__getitem__, settled))
        for read in self._reads(op, settled):
            if read in slices:
                continue
            handed = read in hands
            before = self._of.get(read)
            if before is None:
                self._of[read] = self._first(read, op, mine, first, handed=handed)
                continue
            added = added or handed
            amount = self._amounts[read]
            if not handed:
                more[amount] += 1
            alone = len(before.holders) == 1 and not before.seen
            if alone and before.amount == amount:
                self._settled.add(read)
                continue
            others: list[object] = []
            if len(before.holders) > 1:
                others = [n for n in before.holders if n != read]
                others = [n for n in others if handed or n != op.makes]
            if others or before.seen or before.amount != amount:
                sums += self._apart(read, before, first, others)
        for amount, count in more.items():
            adds += amount.times(count)
        self._leave(op.makes, mine, first + WHILE)
        if mine.holders:
            mine.since = first + AFTER
        elif added:  # What is handed on is there while it is added.
            sums += mine.amount
        sums += self._sliced(op, mine, first)
        for whole in self._cuts.get(number, ()):
            sums += self._whole(whole, first)
        back = op.workspace_back
        if op.rows and mine.apart:  # It is copied first.
            back += mine.amount
        elif op.spreads and mine.amount != self._amounts[op.makes]:
            back += self._amounts[op.makes]
        return but(op, adds=adds, sums=op.sums + sums, workspace_back=back)

    def _first(
        self, read: object, op: Operation, mine: _Gradient, first: int, *, handed: bool
    ) -> _Gradient:
        """The gradient that is the first of a tensor in the backward pass."""
        if not handed:
            made = self._made(read, first + WHILE, seen=op.seen)
            alike = op.order not in (Order.APART, Order.TOGETHER)
            made.apart = mine.apart if alike else op.order is Order.APART
            if made.apart and op.parameters:  # A convolution goes by what it reads.
                made.apart = any(self._buffers[n].apart for n in op.reads)
            return made
        mine.holders[read] = None
        return mine

    def _sliced(self, op: Operation, mine: _Gradient, first: int) -> Amount:
        """Has tensors get their gradient of which an operation read a part.

        One after the other, from the last, has one as large as it is made of its part's.

        Returns:
            What is there besides, while they are.
        """
        reads = [n for n in op.reads if n in op.slices and self._buffers[n].trained]
        most = told = had = NOTHING
        while reads:
            parts = NOTHING if mine.holders else mine.amount.times(len(reads))
            read = reads.pop()
            before, whole = self._of.get(read), self._amounts[read]
            there = had + parts + whole
            if before is None:
                self._of[read] = self._made(read, first + AFTER)
                had, told = had + whole, told + whole
            else:
                others = [n for n in before.holders if n != read]
                if others or before.seen or before.amount != whole:
                    there += self._apart(read, before, first, others)
                if self._of[read] is not before:
                    left = NOTHING if others else before.amount
                    there += left + whole
                    had, told = had + whole, told + left + whole
            most = max(most, there, key=_numbers)
        return Amount(*(max(0, a - b) for a, b in zip(most, told, strict=True)))

    def _apart(
        self, read: object, before: _Gradient, first: int, others: Sequence[object]
    ) -> Amount:
        """Has a tensor get the sum of two gradients, of which the first stays as it is.

        Returns:
            What is there besides, while they are added up.
        """
        if not others and before.amount == self._amounts[read]:
            before.seen = False  # The sum takes its place.
            return before.amount
        if others:
            del before.holders[read]
        else:
            self._leave(read, before, first + AFTER)
        self._of[read] = self._made(read, first + AFTER)
        self._of[read].apart = before.apart  # The sum lies as the first one.
        return NOTHING

    def _whole(self, whole: int, first: int) -> Amount:
        """Puts the gradients of the parts of a tensor together.

        Returns:
            What is there besides, if that is added to another gradient.
        """
        for part in self._cut[whole]:
            if part in self._of:
                self._leave(part, self._of.pop(part), first + AFTER)
        if whole in self._of:
            return self._amounts[whole]
        self._of[whole] = self._made(whole, first + AFTER)
        return NOTHING

    def _leave(self, tensor: object, gradient: _Gradient, last: int) -> None:
        """Tells of a gradient that a tensor had it, as its own operation now has."""
        del gradient.holders[tensor]
        number = tensor if isinstance(tensor, int) else self._wholes[tensor]
        span = Span(gradient.amount, last, gradient.since)
        made = self._buffers[number]
        self._buffers[number] = but(made, gradients=(*made.gradients, span))


def spans(found: Sequence[Span], first: int, last: int) -> tuple[Span, ...]:
    """The parts of spans between the moments of two operations, without the last one."""
    least, most = MOMENTS * first, MOMENTS * last - 1
    return tuple(
        Span(s.amount, max(s.last, least), min(s.since, most))
        for s in found
        if s.last <= min(s.since, most) and least <= min(s.since, most)
    )


def _numbers(amount: Amount) -> int:
    """To compare it with others: the bytes of an example."""
    return amount.held(1, 4)
