"""How much memory is held at once, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from recform.costs.tape import Buffer, Tape


@dataclass(frozen=True)
class Peaks:
    """Bytes beside parameters, what the optimizer has, and what comes in.

    Attributes:
        kept: what autograd holds when the forward pass is through, without what comes in.
        training: the most that is held at once in a forward and a backward pass,
            gradients of parameters included.
        inference: the most that is held at once where no gradient is wanted.
    """

    kept: int
    training: int
    inference: int


def peaks(tape: Tape, batch: int, size: int) -> Peaks:
    """The peaks.

    Args:
        tape: the operations.
        batch: how many examples.
        size: bytes of a number.
    """
    return _Simulation(tape, batch, size).peaks()


class _Simulation:
    def __init__(self, tape: Tape, batch: int, size: int) -> None:
        self._tape = tape
        self._batch = batch
        self._size = size
        self._length = len(tape.operations)
        self._inside = [
            op.copies * op.inside.held(batch, size) for op in tape.operations
        ]
        for number in tape.result:
            tape.buffers[number].named = self._length - 1

    def peaks(self) -> Peaks:
        made = [b for b in self._tape.buffers if b.born >= 0]
        kept = [b for b in made if b.kept is not None]
        total = sum(b.copies * self._bytes(b) for b in kept) + sum(self._inside)
        spans = [(b.born, b.named, self._bytes(b)) for b in made]
        inference = self._most([*spans, *self._workspaces()])
        return Peaks(total, max(self._forward(made), self._backward(made)), inference)

    def _workspaces(self, *, back: bool = False) -> list[tuple[int, int, int]]:
        amounts = (
            op.workspace_back if back else op.workspace for op in self._tape.operations
        )
        held = (amount.held(self._batch, self._size) for amount in amounts)
        return [(n, n, more) for n, more in enumerate(held)]

    def _bytes(self, buffer: Buffer) -> int:
        return buffer.amount.held(self._batch, self._size)

    def _forward(self, made: list[Buffer]) -> int:
        end = self._length - 1
        spans = [(n, end, more) for n, more in enumerate(self._inside)]
        spans += self._workspaces()
        for b in made:
            if b.kept is None:
                spans.append((b.born, b.named, self._bytes(b)))
            else:
                spans.append((b.born, end, b.copies * self._bytes(b)))
        return self._most(spans)

    def _backward(self, made: list[Buffer]) -> int:
        """From the last operation to the first; spans are of operations all the same."""
        end = self._length - 1
        spans = [(n, end, more) for n, more in enumerate(self._inside)]
        for b in made:
            if b.kept is not None:
                spans.append((b.kept, end, b.copies * self._bytes(b)))
            if b.trained:
                spans.append((b.born, b.read, self._bytes(b)))
        for number in self._tape.result:
            spans.append((0, end, self._bytes(self._tape.buffers[number])))
        spans += self._workspaces(back=True)
        return self._most([*spans, *self._gradients()])

    def _gradients(self) -> Iterator[tuple[int, int, int]]:
        """Those of parameters, which stay; what later calls add to them is there first."""
        operations = self._tape.operations
        last = {op.owner: n for n, op in enumerate(operations)}
        for n, op in enumerate(operations):
            size = op.parameters * self._size
            yield (0, n, op.copies * size) if last[op.owner] == n else (n, n, size)
        yield (0, self._length - 1, self._tape.scalars * self._size)

    def _most(self, spans: list[tuple[int, int, int]]) -> int:
        """The most that is held at once; each span is from one operation to another."""
        change = [0] * (self._length + 1)
        for first, last, amount in spans:
            change[first] += amount
            change[last + 1] -= amount
        return max(accumulate(change), default=0)
