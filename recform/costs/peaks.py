"""How much memory is held at once, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from recform.blocks import Amount
from recform.costs.gradients import MOMENTS, WHILE
from recform.costs.tape import NOTHING, Operation, Tape


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
        learned: bytes of gradients that they are the first to make, and of what else stays
            when they have gone back.
        forward, backward: the most that is held at once while they run.
    """

    kept: int
    learned: int
    forward: int
    backward: int


@dataclass(frozen=True)
class Course:
    """What a forward and a backward pass hold.

    Attributes:
        pieces: of operations in a row.
        asked: for each operation the bytes that are kept to its gradient, if no later one
            asks for them.
    """

    pieces: list[Held]
    asked: list[int]


def held(tape: Tape, batch: int, size: int, borders: Sequence[int] = ()) -> Course:
    """What a forward and a backward pass hold.

    Args:
        tape: the operations.
        batch: how many examples.
        size: bytes of a number.
        borders: where the operations are parted, if they are; counted from the first.
    """
    moments = _Moments(tape, batch, size)
    learned = moments.operations()
    moments.tensors()
    forward, backward = accumulate(moments.forward), accumulate(moments.backward)
    there, back = list(forward), list(backward)
    pieces = pairwise((0, *borders, len(tape.operations)))
    found = [
        Held(
            sum(moments.kept[a:b]),
            sum(learned[a:b]),
            max(there[a:b], default=0),
            max(back[MOMENTS * a : MOMENTS * b], default=0),
        )
        for a, b in pieces
    ]
    return Course(found, moments.asked)


def peaks(tape: Tape, batch: int, size: int) -> Peaks:
    """The peaks of a network.

    Args:
        tape: its operations.
        batch: how many examples.
        size: bytes of a number.
    """
    (both,) = held(tape, batch, size).pieces
    training = max(both.forward, both.backward)
    return Peaks(both.kept, training, inference(tape, batch, size))


def inference(tape: Tape, batch: int, size: int) -> int:
    """The most that is held at once where no gradient is wanted; as of :func:`peaks`."""
    return max(accumulate(_Moments(tape, batch, size).inference()))


class _Moments:
    """What is held from one moment to another; operations are counted from the first.

    A moment of the forward pass is an operation. The backward pass goes from the last to the
    first, and has three for each operation (:mod:`recform.costs.gradients`). What comes in
    is there all the time, and is not counted.

    Attributes:
        forward, backward: by how much more is held from each moment on than before it;
            backward, as moments are numbered.
        kept: what autograd holds at the end of the forward pass, of what each makes.
        asked: of what is kept to the gradient of each, instead.
    """

    def __init__(self, tape: Tape, batch: int, size: int) -> None:
        self._tape = tape
        self._batch = batch
        self._size = size
        count = len(tape.operations)
        self.forward, self.backward = [0] * (count + 1), [0] * (MOMENTS * count + 1)
        self.kept, self.asked = [0] * count, [0] * count

    def inference(self) -> list[int]:
        """As `forward`, where no gradient is wanted: tensors while code has names for them."""
        first, change = self._tape.first, self.forward
        named = self._named()
        for number, buffer in self._tape.buffers.items():
            if buffer.born >= 0 and not buffer.before and number in named:
                amount = self._held(buffer.amount)
                change[buffer.born - first] += amount
                change[named[number] + 1 - first] -= amount
        for n, op in enumerate(self._tape.operations):
            if op.workspace != NOTHING and not op.absent:
                amount = self._held(op.workspace)
                change[n] += amount
                change[n + 1] -= amount
            self._pile(n, op)
        return change

    def _pile(self, n: int, op: Operation) -> None:
        """Counts what those before one have made that run in a row with it."""
        if op.piles != NOTHING:
            amount = self._held(op.piles)
            self.forward[n] += amount
            self.forward[n + 1] -= amount

    def _named(self) -> dict[int, int]:
        """How long code has a name for each tensor in evaluation: dropout makes none.

        What is absent there hands on what it reads, if that is one tensor.
        """
        buffers = self._tape.buffers
        named = {number: buffer.named for number, buffer in buffers.items()}
        is_really = {number: number for number in named}
        for op in self._tape.operations:
            if not op.absent:
                continue
            until = named.pop(op.makes)
            if len(op.reads) == 1:
                is_really[op.makes] = same = is_really[op.reads[0]]
                if same in named:
                    named[same] = max(named[same], until)
        return named

    def tensors(self) -> None:
        """Counts tensors while code has names for them, or to the end if they are kept.

        Backward what is kept is there until its gradient was computed, what is made again
        while it is, and gradients.
        """
        first, count = self._tape.first, len(self._tape.operations)
        batch, width = self._batch, self._size
        forward, backward, kept, asked = (
            self.forward,
            self.backward,
            self.kept,
            self.asked,
        )
        for number, buffer in self._tape.buffers.items():
            numbers, more, once, bytes = buffer.amount
            amount = batch * (width * numbers + more) + width * once + bytes
            born = buffer.born - first
            for start, last, often in buffer.again:
                backward[MOMENTS * (start - first) + WHILE] += often * amount
                backward[MOMENTS * (last - first) + MOMENTS] -= often * amount
            for span in buffer.gradients:
                backward[span.last - MOMENTS * first] += (
                    held := self._held(span.amount)
                )
                backward[span.since - MOMENTS * first + 1] -= held
            if buffer.born < 0 or buffer.before:
                continue
            if buffer.kept is None:
                forward[born] += amount
                forward[min(buffer.named + 1 - first, count)] -= amount
            else:
                amount *= buffer.copies
                kept[born] += amount
                forward[born] += amount
                asked[buffer.kept - first] += amount
                if number not in self._tape.result:
                    backward[MOMENTS * (buffer.kept - first) + WHILE] += amount
        # Whoever has the loss has what it is of, to the end.
        for number in self._tape.result:
            backward[0] += self._held(self._tape.buffers[number].amount)

    def operations(self) -> list[int]:
        """Counts what operations have besides; and what each is the first to learn.

        That is the gradients that stay of its parameters. One that an earlier call adds is
        there beside, until it is added in place; the first two are beside their sum, where
        they are views.
        """
        number, had = self._tape.learned
        learned, owners = [0] * len(self.kept), dict(had)
        backward = self.backward
        backward[0] += (self._tape.scalars + number) * self._size
        for n in reversed(range(len(learned))):
            op = self._tape.operations[n]
            after, now, before = range(MOMENTS * n, MOMENTS * n + MOMENTS)
            inside = 0
            if op.inside != NOTHING:
                inside = self._held(op.inside)
                amount = op.runs * inside
                self.kept[n] += amount
                self.asked[n] += amount
                self.forward[n] += amount
                if op.until is None:
                    backward[now] += amount
                else:  # It stays, as gradients do.
                    learned[n] += amount
                    backward[MOMENTS * (op.until - self._tape.first) + WHILE] += amount
            if op.workspace != NOTHING:
                # Some of what is held on the way is kept.
                amount = max(0, self._held(op.workspace) - inside)
                self.forward[n] += amount
                self.forward[n + 1] -= amount
            self._pile(n, op)
            if op.workspace_back != NOTHING:
                amount = self._held(op.workspace_back)
                backward[now] += amount
                backward[before] -= amount
            if op.adds != NOTHING:
                amount = self._held(op.adds)
                backward[after] += amount
                backward[before] -= amount
            if op.sums != NOTHING:
                amount = self._held(op.sums)
                backward[after] += amount
                backward[now] -= amount
            if op.remaking != NOTHING:
                amount = self._held(op.remaking)
                backward[before] += amount
                backward[before + 1] -= amount
            if op.waits:
                amount = self._held(op.waiting)
                backward[now] += amount
                backward[before + 1 + MOMENTS * op.waits] -= amount
            for owner, numbers in op.learns:
                count = owners.get(owner, 0)
                owners[owner] = count + 1
                amount = numbers * self._size
                if not count:
                    learned[n] += amount
                    backward[0] += amount
                else:
                    backward[after] += amount
                    if count == 1 and op.turned:
                        backward[after] += amount
                        backward[now] -= amount
                backward[before] -= amount
        return learned

    def _held(self, amount: Amount) -> int:
        return amount.held(self._batch, self._size)
