"""How much memory is held at once, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TypeAlias

from recform.blocks import Amount
from recform.costs.tape import NOTHING, Tape

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
class Held:
    """What some operations in a row hold, in a forward and a backward pass.

    Attributes:
        kept: bytes that autograd keeps of what they make.
        learned: bytes of gradients that they are the first to make, and that stay.
        forward, backward: the most that is held at once while they run.
    """

    kept: int
    learned: int
    forward: int
    backward: int


def held(tape: Tape, batch: int, size: int, borders: Sequence[int] = ()) -> list[Held]:
    """What a forward and a backward pass hold.

    Args:
        tape: the operations.
        batch: how many examples.
        size: bytes of a number.
        borders: where the operations are parted, if they are.
    """
    spans = _Spans(tape, batch, size)
    count = len(tape.operations)
    pieces = [range(*pair) for pair in pairwise((0, *borders, count))]
    forward, backward = spans.course(spans.forward()), spans.course(spans.backward(), 2)
    kept, learned = spans.kept(), spans.learned()
    return [
        Held(
            sum(kept[n] for n in piece),
            sum(learned[n] for n in piece),
            max(forward[piece.start : piece.stop], default=0),
            max(backward[piece.start : piece.stop], default=0),
        )
        for piece in pieces
    ]


def kept_for(tape: Tape, batch: int, size: int) -> list[int]:
    """For each operation the bytes that are kept to its gradient, if no later one asks.

    Args:
        tape: the operations.
        batch: how many examples.
        size: bytes of a number.
    """
    return _Spans(tape, batch, size).kept(asked=True)


def peaks(tape: Tape, batch: int, size: int) -> Peaks:
    """The peaks of a network.

    Args:
        tape: its operations.
        batch: how many examples.
        size: bytes of a number.
    """
    spans = _Spans(tape, batch, size)
    (both,) = held(tape, batch, size)
    inference = max(spans.course(spans.inference()), default=0)
    return Peaks(both.kept, max(both.forward, both.backward), inference)


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
        made = [b for b in tape.buffers if b.born >= 0 and not b.before]
        self._made = [(b, self._held(b.amount)) for b in made]

    def kept(self, *, asked: bool = False) -> list[int]:
        """What autograd holds at the end of the forward pass, of what each makes.

        Args:
            asked: of what is kept to the gradient of each, instead.
        """
        found = [0] * (self._end + 1)
        for buffer, size in self._made:
            if buffer.kept is not None:
                found[buffer.kept if asked else buffer.born] += size * buffer.copies
        for n, _, amount in self._inside:
            found[n] += amount
        return found

    def learned(self) -> list[int]:
        """The gradients that each is the first to make, and that stay."""
        return [amount if stays else 0 for stays, amount in self._gradients]

    def inference(self) -> Iterator[Span]:
        """Tensors while code has names for them."""
        for buffer, size in self._made:
            yield buffer.born, buffer.named, size
        for n, op in enumerate(self._tape.operations):
            if op.workspace != NOTHING:
                yield n, n, self._held(op.workspace)

    def forward(self) -> Iterator[Span]:
        """Likewise, and what is kept to the end."""
        yield from self._inside
        for buffer, size in self._made:
            if buffer.kept is None:
                yield buffer.born, buffer.named, size
            else:
                yield buffer.born, self._end, size * buffer.copies
        for n, op in enumerate(self._tape.operations):
            if op.workspace != NOTHING:
                # Some of what is held on the way is kept.
                yield n, n, max(0, self._held(op.workspace) - self._held(op.inside))

    def backward(self) -> Iterator[Span]:
        """What is kept until its gradient was computed, and gradients."""
        end = 2 * self._end + 1
        for first, _, amount in self._inside:
            yield 2 * first, end, amount
        for buffer, size in self._made:
            if buffer.kept is not None:
                yield 2 * buffer.kept, end, size * buffer.copies
        for buffer in self._tape.buffers:
            for first, last in buffer.again:
                yield 2 * first, 2 * last + 1, self._held(buffer.amount)
            if buffer.trained:
                last = buffer.read if buffer.graded is None else buffer.graded
                size = self._held(buffer.amount)
                yield 2 * buffer.born, min(2 * last, end), size
        for number in self._tape.result:
            yield 0, end, self._held(self._tape.buffers[number].amount)
        for n, op in enumerate(self._tape.operations):
            if op.workspace_back != NOTHING:
                yield 2 * n, 2 * n, self._held(op.workspace_back)
            if op.remaking != NOTHING:
                yield 2 * n + 1, 2 * n + 1, self._held(op.remaking)
        for n, (stays, amount) in enumerate(self._gradients):
            if amount:
                yield 0 if stays else 2 * n, 2 * n, amount
        learned, _ = self._tape.learned
        yield 0, end, (self._tape.scalars + learned) * self._size

    @cached_property
    def _gradients(self) -> list[tuple[bool, int]]:
        """Those of the parameters of each operation, and whether they stay.

        One that an earlier call adds is there beside; the first sum is a tensor of its own.
        """
        had = dict(self._tape.learned[1])
        found: list[tuple[bool, int]] = []
        for op in reversed(self._tape.operations):
            if not op.parameters:
                found.append((True, 0))
                continue
            count = had.get(op.owner, 0)
            had[op.owner] = count + 1
            size = op.parameters * self._size
            found.append((not count, (2 if count == 1 else 1) * size))
        return found[::-1]

    @cached_property
    def _inside(self) -> list[Span]:
        return [
            (n, self._end, op.runs * self._held(op.inside))
            for n, op in enumerate(self._tape.operations)
            if op.inside != NOTHING
        ]

    def _held(self, amount: Amount) -> int:
        return amount.held(self._batch, self._size)

    def course(self, spans: Iterator[Span], moments: int = 1) -> list[int]:
        """What is held while each operation runs, the most of so many moments of each."""
        count = self._end + 1
        change = [0] * (moments * count + 1)
        for first, last, amount in spans:
            change[first] += amount
            change[last + 1] -= amount
        held = list(accumulate(change))[:-1]
        return (
            list(map(max, *(held[n::moments] for n in range(moments))))
            if moments > 1
            else held
        )
