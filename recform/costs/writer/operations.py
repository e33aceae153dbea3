"""One operation, from what an operator says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from recform.blocks import Amount
from recform.blocks.acts import Link
from recform.costs.tape import Buffer, Held, Operation, Seen, Tape, but
from recform.costs.writer.lying import Lying


class Operations(Lying):
    """A tape to which operations come.

    Attributes:
        part: the part of the network that is written.
        called: how other blocks know a learned number of the block that is written.

    Args:
        tape: an empty one.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape)
        self.part = ""
        self.called: Callable[[Any], object] = lambda scalar: scalar
        self._runs = 1
        #: The definition that is open, which has the learned numbers in it.
        self._inside: object = None

    def _operation(
        self, link: Link, reads: Held, owner: object, twice: Held = ()
    ) -> Held:
        tape, here, cost = self.tape, self.here, link.cost
        reads = () if cost.given else reads
        parameters = cost.parameters
        if link.shares:  # Both who has it and who shares it make its gradient.
            owner, parameters = link.shares
        trained = bool(cost.parameters) or any(tape.buffers[n].trained for n in reads)
        trained = trained or bool(link.scalars)
        trained = trained or not reads  # made of what is learned alone, as in a scan
        if owner is None and not trained:
            cost = replace(cost, saves_more=0)
        elif not trained:
            cost = replace(
                cost,
                saves_more=0,
                saves_bytes=0,
                saves_once=0,
                saves_once_bytes=0,
                stays=Amount(),
                lean=None,
            )
        tape.operations.append(
            Operation(
                self.part,
                self.unit,
                reads,
                len(tape.buffers),
                cost.inside,
                cost.inside_lean,
                cost.stays,
                cost.fixed,
                link.cost.cheap,
                parameters,
                owner,
                link.works,
                link.cost.held,
                Amount(link.cost.workspace_back),
                seen=cost.seen,
                twice=twice,
                hands=reads if cost.hands else (),
                runs=self._runs,
                scalars=tuple((self._known(item), n) for item, n in link.scalars),
                aided=cost.aided and cost.stays != Amount(),
                exact=cost.exact,
                changed_in_place=cost.changed_in_place,
                unheld=cost.unheld,
                absent=link.absent or cost.absent,
                converts=cost.converts,
                turned=cost.turned,
                rows=link.multiplies and not self._alone,
                spreads=link.multiplies,
                order=link.order,
                between=self.between,
            )
        )
        made = Buffer(link.amount, here, here, here, trained, copies=self._runs)
        held = self._buffer(but(made, before=cost.given, given=cost.given))
        self._lay(held, link.order, reads)
        if link.woven and not self._alone:
            made = self.tape.buffers[held[0]]
            made.dealt, made.woven = link.made, True
        return held

    def _known(self, scalar: object) -> object:
        """A learned number, as others know it."""
        return (self._inside, scalar) if self._inside else self.called(scalar)


def twice_in(parts: Sequence[Held], reads: Held) -> Held:
    """The tensors that are several arguments of an operation, which reads them once."""
    if sum(map(len, parts)) == len(reads):
        return ()
    left, twice = Counter(reads), list[int]()
    whole = (part for part in parts if not isinstance(part, Seen))
    for number in (number for part in whole for number in part):
        left[number] -= 1
        twice += [number] * (left[number] < 0)
    return tuple(twice)
