"""How much memory is held at once, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TypeAlias

from recform.blocks import Amount
from recform.costs.tape import Buffer, Tape

#: From one operation to another, both included: bytes that are held.
Span: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Peaks:
    """Bytes beside parameters, what the optimizer has, and what comes in.

    Attributes:
        kept: what autograd holds when the forward pass is through.
        training: the most that is held at once in a forward and a backward pass,
            gradients of parameters included.
        inference: the most that is held at once where no gradient is wanted.
    """

    kept: int
    training: int
    inference: int


@dataclass(frozen=True)
class Passes:
    """Likewise of a forward and a backward pass.

    Attributes:
        kept: as of :class:`Peaks`.
        forward, backward: the most that is held at once in either.
    """

    kept: int
    forward: int
    backward: int


def passes(tape: Tape, batch: int, size: int) -> Passes:
    """What a forward and a backward pass hold, of what :func:`peaks` is told."""
    spans = _Spans(tape, batch, size)
    forward, backward = spans.most(spans.forward()), spans.most(spans.backward())
    return Passes(spans.kept(), forward, backward)


def peaks(tape: Tape, batch: int, size: int) -> Peaks:
    """The peaks of a network.

    Args:
        tape: its operations.
        batch: how many examples.
        size: bytes of a number.
    """
    held, spans = passes(tape, batch, size), _Spans(tape, batch, size)
    training = max(held.forward, held.backward)
    return Peaks(held.kept, training, spans.most(spans.inference()))


class _Spans:
    """What is held from where to where; the backward pass goes from the last to the first.

    That has two moments for each operation: the one with an even number is its gradient, and
    the odd one before it is when the tensors are made again that it asks for.
    """

    def __init__(self, tape: Tape, batch: int, size: int) -> None:
        self._tape = tape
        self._batch = batch
        self._size = size
        self._end = len(tape.operations) - 1
        # What comes in is there all the time.
        self._made = [b for b in tape.buffers if b.born >= 0 and not b.before]

    def kept(self) -> int:
        """What autograd holds at the end of the forward pass."""
        whole = sum(self._bytes(b) * b.copies for b in self._made if b.kept is not None)
        return whole + sum(amount for _, _, amount in self._inside)

    def inference(self) -> Iterator[Span]:
        """Tensors while code has names for them."""
        for buffer in self._made:
            yield buffer.born, buffer.named, self._bytes(buffer)
        for n, op in enumerate(self._tape.operations):
            yield n, n, self._held(op.workspace)

    def forward(self) -> Iterator[Span]:
        """Likewise, and what is kept to the end."""
        yield from self._inside
        for buffer in self._made:
            if buffer.kept is None:
                yield buffer.born, buffer.named, self._bytes(buffer)
            else:
                yield buffer.born, self._end, self._bytes(buffer) * buffer.copies
        for n, op in enumerate(self._tape.operations):
            # Some of what is held on the way is kept.
            yield n, n, max(0, self._held(op.workspace) - self._held(op.inside))

    def backward(self) -> Iterator[Span]:
        """What is kept until its gradient was computed, and gradients."""
        end = 2 * self._end + 1
        for first, _, amount in self._inside:
            yield 2 * first, end, amount
        for buffer in self._made:
            if buffer.kept is not None:
                yield 2 * buffer.kept, end, self._bytes(buffer) * buffer.copies
        for buffer in self._tape.buffers:
            if buffer.again is not None:
                first, last = buffer.again
                yield 2 * first, 2 * last + 1, self._bytes(buffer)
            if buffer.trained:
                last = buffer.read if buffer.graded is None else buffer.graded
                yield 2 * buffer.born, min(2 * last, end), self._bytes(buffer)
        for number in self._tape.result:
            yield 0, end, self._bytes(self._tape.buffers[number])
        for n, op in enumerate(self._tape.operations):
            yield 2 * n, 2 * n, self._held(op.workspace_back)
            yield 2 * n + 1, 2 * n + 1, self._held(op.remaking)
        yield from self._gradients()

    def _gradients(self) -> Iterator[Span]:
        """Those of parameters, which stay.

        One that an earlier call adds is there beside; the first sum is a tensor of its own.
        """
        learned, owners = self._tape.learned
        had = dict(owners)
        for n, op in reversed([*enumerate(self._tape.operations)]):
            if op.parameters:
                size, count = op.parameters * self._size, had.get(op.owner, 0)
                had[op.owner] = count + 1
                if not count:
                    yield 0, 2 * n, op.copies * size
                else:
                    yield 2 * n, 2 * n, (2 if count == 1 else 1) * size
        yield 0, 2 * self._end + 1, (self._tape.scalars + learned) * self._size

    @cached_property
    def _inside(self) -> list[Span]:
        held = [op.times * self._held(op.inside) for op in self._tape.operations]
        return [(n, self._end, amount) for n, amount in enumerate(held) if amount]

    def _bytes(self, buffer: Buffer) -> int:
        return self._held(buffer.amount)

    def _held(self, amount: Amount) -> int:
        return amount.held(self._batch, self._size)

    def most(self, spans: Iterator[Span]) -> int:
        """The most that is held at once."""
        change = [0] * (2 * self._end + 3)
        for first, last, amount in spans:
            change[first] += amount
            change[last + 1] -= amount
        return max(accumulate(change), default=0)
