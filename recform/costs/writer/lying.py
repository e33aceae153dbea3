"""How tensors lie in memory, by what they are made of.

What a product of matrices copies of them hangs on what has been written before.
"""

from __future__ import annotations

from recform.blocks import Cost, Order, Work
from recform.blocks.acts import Link
from recform.costs.tape import Held, Tape
from recform.costs.writer.marks import Marks


class Lying(Marks):
    """A tape on which it is noted how tensors lie.

    Args:
        tape: an empty one.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape)
        #: Of one example products copy nothing.
        self._alone = tape.batch == 1

    def _lay(self, made: Held, order: Order | None, reads: Held) -> None:
        """Notes how a tensor lies in memory, by what it is made of."""
        if order is None or not made:
            return
        buffers = self.tape.buffers
        apart, size = order is Order.APART, buffers[made[0]].amount
        dealt, woven = 0, False
        if order is Order.JOINED:
            apart = any(buffers[number].apart for number in reads)
        if order is Order.ALIKE:
            large = next((n for n in reads if buffers[n].amount == size), None)
            if large is not None:
                lies = buffers[large]
                apart, dealt, woven = lies.apart, lies.dealt, lies.woven
            else:
                apart = any(buffers[number].apart for number in reads[:1])
        lies = buffers[made[0]]
        lies.apart, lies.dealt, lies.woven = apart, dealt, woven

    def deal(self, number: int, streams: int) -> None:
        """Has a tensor be streams that lie side by side, or are all the same numbers.

        Args:
            number: of the tensor.
            streams: how many numbers they are.
        """
        made = self.tape.buffers[number]
        made.dealt, made.woven = streams, streams != made.amount.numbers

    def _dealt(self, x: Held) -> int:
        """How much a tensor is of streams of which none is in one piece."""
        return max(self.tape.buffers[number].dealt for number in x)

    def _is_unwoven(self, x: Held) -> bool:
        """Whether streams are copied, so that each has all examples side by side."""
        buffers = [self.tape.buffers[number] for number in x]
        return any(not x.woven and (x.dealt or not self._alone) for x in buffers)

    def _has_to_copy(self, link: Link, x: Held) -> bool:
        """Whether streams are copied, or a tensor, to have rows of features to multiply."""
        if link.weaves:
            return self._is_unwoven(x)
        if not link.multiplies or self._alone:
            return False
        return any(self.tape.buffers[number].apart for number in x)

    def _copy(self, x: Held, numbers: int = 0) -> Link:
        """Such a copy, for whose gradient nothing is asked."""
        size = sum(self.tape.buffers[number].amount.numbers for number in x)
        alike = numbers in (0, size)
        size = numbers or size
        cost = Cost(cheap=True, converts=True, hands=alike)
        return Link(size, cost, (Work(size, size),))
