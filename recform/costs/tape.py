"""A network as one list of operations, in the order in which its code runs them.

An operation reads tensors and makes one. A tensor here is what holds numbers: a name, a part
of a split or a view of a tensor is that tensor. So how long each has to be there, forward and
backward, is an interval of this list.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar

from recform.blocks import Amount, Order, Work

#: What a slot of the state holds: a tensor, those of a list, or nothing (a module).
Held: TypeAlias = "tuple[int, ...]"
#: No memory at all.
NOTHING = Amount()
#: Bytes of the state of the generator that torch has on a CPU.
GENERATOR = 5056


class Seen(tuple[int, ...]):
    """A part of a tensor, or a view of one, which holds no numbers of its own."""


class Span(NamedTuple):
    """Memory that is held for a while in the backward pass.

    Attributes:
        amount: how much.
        last, since: the moments (:mod:`recform.costs.gradients`) in which it is, which
            are counted against the time of the backward pass.
    """

    amount: Amount
    last: int
    since: int


@dataclass
class Buffer:
    """A tensor that holds numbers.

    Attributes:
        amount: how much it is.
        born: the operation that makes it; -1 for what comes in.
        read: the last one that reads it.
        named: the last one while code has a name for it.
        kept: the first one in whose backward pass it is needed, so that it is kept to
            there; None if it is not kept.
        again: the first and the last ones between which the backward pass has made it
            again, and how many like it.
        trained: whether it depends on parameters, so that it has a gradient.
        gradients: when there is a gradient of it that counts for it alone.
        copies: how many like it there are, of operations that run in a row.
        before: whether an earlier part of the tape keeps it, and counts it.
        given: whether it is a parameter, which is there all the time.
        apart: whether the features of a position lie apart in memory.
        dealt: how many numbers it is, if it is streams of which none is in one piece.
        woven: whether each of its streams has all examples side by side.
        earlier: whether an earlier part makes it.
        alone: whether only parts keep it that are run backwards: no other knows of that.
    """

    amount: Amount
    born: int
    read: int
    named: int
    trained: bool
    gradients: tuple[Span, ...] = ()
    kept: int | None = None
    again: tuple[tuple[int, int, int], ...] = ()
    copies: int = 1
    before: bool = False
    earlier: bool = False
    alone: bool = False
    given: bool = False
    apart: bool = False
    dealt: int = 0
    woven: bool = False


@dataclass(frozen=True)
class Operation:
    """Something that is computed.

    Attributes:
        part: the part of the network that it is in, as the summary names it.
        unit: the number of the block that it is in; 0 before the first one, and one more
            than there are behind the last one.
        between: whether it stands behind that block, and in front of the next one.
        reads: what it is made of.
        twice: those of it that are one more argument, and have a gradient more for it.
        makes: what it makes.
        inside: what autograd keeps for it beside whole tensors.
        until: the operation to whose gradient that is kept; its own, if None.
        lean: what a lean pass keeps of that.
        stays: what is kept of it even where the operation is run again.
        aided: whether its result is made again of that as well as of what it reads.
        fixed: what of that a checkpoint makes again.
        cheap: whether a lean pass runs it again.
        exact: whether a lean pass keeps what it reads itself.
        changed_in_place: whether no pass makes its result again.
        unheld: whether nobody has its result but as a view.
        absent: whether it hands on what it reads, in evaluation.
        converts: whether it only changes the type of numbers, or copies them.
        parameters: how many it has.
        turned: whether their gradient is a view of what is made.
        rows: whether it makes rows of features of the gradient that comes to it.
        spreads: whether it copies one that is a view of the gradient of a sum.
        order: how what it makes lies in memory, and with that gradients that it makes.
        owner: the operator that it is in, which has them; other operations may have the
            same. None in an equation.
        scalars: learned numbers that have a gradient of it, and how many each is.
        works: what it computes.
        workspace, workspace_back: what is held while it computes, and its gradient.
        watched: what is held besides, where a frame that keeps less watches the pass.
        adds: what comes to gradients that there are already, until it is added to them.
        sums: what is held besides while it is.
        seen: whether what its gradient makes of what it reads are views.
        remaking: what is held before its gradient, while tensors are made again for that.
        waiting, waits: what was made again of what it has inside before its own gradient
            asks for it, and by how many operations earlier in the backward pass.
        runs: how often it runs in a row.
        piles: what those have made by then that ran before it in that row.
        gathers: what each of a row leaves for the gradient of what all of them read, while
            the others go back.
        hands: those of what it reads that get as gradient what it gets, or a part of that.
        cuts: the parts of what it reads that it reads alone: keys, how much they are, and
            what they are parts of.
        slices: those of what it reads whose gradient is made of that of a part, behind it.
        asks: the tensors that its gradient is computed from, each of which autograd keeps.
        again: the operations that its backward pass runs again.
        leaves: what its block hands on, if it is the last one of that.
    """

    part: str
    unit: int
    reads: Held
    makes: int
    inside: Amount
    lean: Amount
    stays: Amount
    fixed: Amount
    cheap: bool
    parameters: int
    owner: object
    works: tuple[Work, ...]
    workspace: Amount
    workspace_back: Amount
    watched: Amount = field(default_factory=Amount)
    adds: Amount = field(default_factory=Amount)
    sums: Amount = field(default_factory=Amount)
    seen: bool = False
    runs: int = 1
    aided: bool = False
    scalars: tuple[tuple[object, int], ...] = ()
    piles: Amount = field(default_factory=Amount)
    gathers: Amount = field(default_factory=Amount)
    exact: bool = False
    changed_in_place: bool = False
    unheld: bool = False
    absent: bool = False
    converts: bool = False
    turned: bool = False
    rows: bool = False
    spreads: bool = False
    order: Order | None = None
    hands: tuple[object, ...] = ()
    cuts: tuple[tuple[object, Amount, int], ...] = ()
    slices: Held = ()
    twice: Held = ()
    asks: Held = ()
    remaking: Amount = field(default_factory=Amount)
    waiting: Amount = field(default_factory=Amount)
    waits: int = 0
    again: tuple[int, ...] = ()
    between: bool = False
    leaves: Held = ()
    until: int | None = None

    @property
    def learns(self) -> tuple[tuple[object, int], ...]:
        """Who has the numbers that have a gradient of it, and how many."""
        own = ((self.owner, self.parameters),) if self.parameters else ()
        return (*own, *self.scalars)


_Item = TypeVar("_Item", Buffer, Operation)


def but(item: _Item, **changes: Any) -> _Item:
    """One that differs; as :func:`dataclasses.replace`, which takes ten times as long."""
    made = object.__new__(type(item))
    made.__dict__.update(item.__dict__)
    made.__dict__.update(changes)
    return made


@contextmanager
def uncollected() -> Iterator[None]:
    """Has no rubbish looked for: of millions of small things none holds itself."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@dataclass
class Tape:
    """The list, or a stretch of one.

    Attributes:
        operations: in order.
        buffers: what they read and make, by their numbers.
        first: the number of the first operation.
        result: what the network returns.
        size: bytes of a number, of which it hangs which kernels torch has.
        batch: how many examples there are, of which hangs what is worth keeping.
        units: how many parts it has: blocks, and what stands before and behind them.
        scalars: learned scalars, which no operation has.
        differs: whether a GPU has other operations than a CPU.
        generator: bytes of the state of torch's generators; a GPU's is not in its memory.
        learned: numbers whose gradients are there before the backward pass of this part
            of a network, and how often each owner has had one by then.
    """

    operations: list[Operation] = field(default_factory=list)
    buffers: dict[int, Buffer] = field(default_factory=dict)
    first: int = 0
    result: Held = ()
    units: int = 1
    size: int = 4
    batch: int = 2
    scalars: int = 0
    differs: bool = False
    generator: int = GENERATOR
    learned: tuple[int, Mapping[object, int]] = field(default_factory=lambda: (0, {}))

    @property
    def last(self) -> int:
        """The number behind that of the last operation."""
        return self.first + len(self.operations)

    def numbered(self) -> Iterator[tuple[int, Operation]]:
        """The operations with their numbers."""
        return enumerate(self.operations, self.first)

    def cut(self, first: int, last: int) -> list[Operation]:
        """The operations from one to another, which is not among them."""
        return self.operations[first - self.first : last - self.first]
