"""What is noted of operations that are on the tape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recform.blocks import Amount
from recform.costs.tape import Buffer, Held, Tape, but


class Marks:
    """The tape, and what is kept, named and handed on.

    Attributes:
        tape: as far as it is written.
        unit: the number of the block that is written.
        between: whether it is through.

    Args:
        tape: an empty one.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.unit = 0
        self.between = False
        #: What had a name up to which operation, one after the other.
        self._names: list[tuple[int, Held]] = []

    @property
    def here(self) -> int:
        """The number of the next operation."""
        return len(self.tape.operations)

    def comes_in(self, amount: Amount, *, apart: bool = False) -> Held:
        """A tensor that is there before the first operation."""
        return self._buffer(Buffer(amount, -1, -1, -1, trained=False, apart=apart))

    def _buffer(self, made: Buffer) -> Held:
        number = len(self.tape.buffers)
        self.tape.buffers[number] = made
        return (number,)

    def keep(self, held: Held, by: int) -> None:
        """Notes that tensors are kept for the gradient of an operation."""
        operations = self.tape.operations
        for number in held:
            buffer = self.tape.buffers[number]
            # What an adapter makes stands behind a product that is made of it.
            place = max(by, buffer.born)
            op = operations[place]
            if op.converts or (op.owner and not self.is_trained(place)):
                continue
            buffer.kept = by if buffer.kept is None else min(buffer.kept, by)
            asks = tuple(dict.fromkeys((*operations[place].asks, number)))
            operations[place] = but(operations[place], asks=asks)

    def is_trained(self, operation: int) -> bool:
        """Whether what an operation makes has a gradient; learned scalars left out."""
        return self.tape.buffers[self.tape.operations[operation].makes].trained

    def hand_on(self, held: tuple[object, ...], slices: Held = ()) -> None:
        """Notes that tensors get the gradient of the last operation as it is.

        Args:
            held: these.
            slices: those of which it reads a part.
        """
        last = self.tape.operations[-1]
        self.tape.operations[-1] = but(last, hands=held, slices=slices)

    def cut(self, start: int, parts: Iterable[tuple[object, int, Held]]) -> None:
        """Notes that operations read parts of tensors alone.

        Args:
            start: the first of these operations, which go on to here.
            parts: keys, numbers of each, and what they are parts of.
        """
        cuts = [(key, Amount(n), whole) for key, n, (whole, *_) in parts]
        for number in range(start, self.here) if cuts else ():
            op = self.tape.operations[number]
            own = tuple(cut for cut in cuts if cut[2] in op.reads)
            self.tape.operations[number] = but(op, cuts=(*op.cuts, *own))

    def leave(self, held: Sequence[Held]) -> None:
        """Notes what a block hands on, when it is through."""
        last = self.tape.operations[-1] if self.tape.operations else None
        if last is not None and last.unit == self.unit:
            leaves = tuple(dict.fromkeys(n for each in held for n in each))
            self.tape.operations[-1] = but(last, leaves=leaves)
        self.between = True

    def name(self, held: Held) -> None:
        """Notes that code has a name for tensors up to here."""
        if held:
            self._names.append((self.here - 1, held))

    def finish(self) -> Tape:
        """The tape, when all is written: how long each tensor is read, and has a name."""
        buffers = self.tape.buffers
        read = _last(enumerate(op.reads for op in self.tape.operations))
        named = _last(self._names)
        for number, buffer in buffers.items():
            buffer.read = max(buffer.read, read.get(number, -1))
            buffer.named = max(buffer.read, named.get(number, -1))
        return self.tape


def _last(events: Iterable[tuple[int, Held]]) -> dict[int, int]:
    """The last number beside which each tensor stands.

    Args:
        events: in the order of their numbers. Many of them may be the same long list.
    """
    found: dict[int, int] = {}
    for number, held in reversed([*events]):
        found |= dict.fromkeys(set(held).difference(found), number)
    return found
