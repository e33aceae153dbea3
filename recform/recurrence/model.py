"""The data that the recurrence hands on: steps, their state, and which block takes which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache

import sympy

from recform.algebra.expr import (
    Apply,
    Filled,
    Learned,
    Scaled,
    State,
    Tensor,
    learned_in,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import is_of_context
from recform.algebra.lists import Mirror


@dataclass(frozen=True)
class ModuleSlot:
    """An operator or a learned scalar of an earlier block, handed on like a tensor.

    Attributes:
        name: the operator letter or the scalar's name.
        index: the block that owns it.
    """

    name: str
    index: int


Slot = Tensor | ModuleSlot


class Place(Enum):
    """Where in a row of blocks a step is taken.

    FRONT and BACK are counted from the first and from the last block; OPENING is the first
    block of several stages; PATTERN is the regular step, met again in another row; LATE is
    that of the blocks that take from stacks.
    """

    REGULAR = "regular"
    START = "start"
    END = "end"
    OPENING = "opening"
    FRONT = "front"
    BACK = "back"
    PATTERN = "pattern"
    LATE = "late"
    OPEN = "not said yet"


@dataclass(frozen=True)
class Role:
    """What a step is among those of a network.

    Attributes:
        place: where it is taken.
        number: at the front and at the back, which block it is, counted from 1.
    """

    place: Place
    number: int = 1

    @property
    def words(self) -> tuple[str, ...]:
        """As names and pictures say it: ``third``, ``second last``."""
        match self.place:
            case Place.FRONT:
                return (_ordinal(self.number),)
            case Place.BACK:
                return (*((_ordinal(self.number),) if self.number > 1 else ()), "last")
        return (self.place.value,)

    def __str__(self) -> str:
        return "_".join(self.words)


_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
]


def _ordinal(number: int) -> str:
    """``first``, ``second``, ... or ``block9``."""
    return _ORDINALS[number - 1] if number <= len(_ORDINALS) else f"block{number}"


#: The step of a block in the middle, what comes before the first block and behind the
#: last one, and a step of which nobody has said yet where it stands.
REGULAR, START, END = Role(Place.REGULAR), Role(Place.START), Role(Place.END)
PATTERN, OPEN = Role(Place.PATTERN), Role(Place.OPEN)


@dataclass(frozen=True)
class Step:
    """What a block computes, written out for one block number.

    All tensors have plain numbers as indices. ``X`` at index ``at - 1`` is what the
    block before made; an index up to ``absolute`` means that very block (``X_0``).

    Attributes:
        at: the number of the block that it is written out for.
        inputs: what the block gets, in order.
        outputs: what it hands on, in order.
        body: what it computes, in the order of computation; operators' arguments and
            terms come before what uses them.
        definitions: for each unknown and each history in the body, what it is made of;
            for a sum of which a part was formed early, the sum with that part in
            brackets.
        role: where it is taken.
        aside: how many of the outputs, the last ones, are for stacks alone.
        aliases: inputs that are the same tensor as another one in this place.
    """

    at: int
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    body: tuple[Tensor, ...]
    definitions: Mapping[Tensor, Tensor] = field(compare=False)
    role: Role = field(compare=False, default=REGULAR)
    absolute: int = field(compare=False, default=0)
    aside: int = 0

    @property
    def handed(self) -> tuple[Slot, ...]:
        """The outputs that the next block gets."""
        return self.outputs[: len(self.outputs) - self.aside]

    @cached_property
    def computed(self) -> frozenset[Tensor]:
        """The tensors of the body."""
        return frozenset(self.body)

    @cached_property
    def popped(self) -> tuple[int, ...]:
        """The numbers of the inputs that the block takes off stacks; the last ones."""
        return tuple(
            number
            for number, slot in enumerate(self.inputs)
            if isinstance(slot, Mirror) and slot.index == self.at
        )

    @property
    def carried(self) -> int:
        """How many inputs come from the block before."""
        return len(self.inputs) - len(self.popped)

    @cached_property
    def taken(self) -> frozenset[Slot]:
        """What the block gets."""
        return frozenset(self.inputs)

    @cached_property
    def contexts(self) -> tuple[Tensor, ...]:
        """As of :func:`contexts_of`."""
        read = (part for tensor in self.body for part in self.parts(tensor))
        there = self.taken | self.computed
        found = [part for part in read if is_of_context(part) and part not in there]
        return tuple(dict.fromkeys(found))

    @cached_property
    def owned_scalars(self) -> frozenset[str]:
        """The learned scalars of the block itself that it reads or hands on."""
        read = (
            item
            for tensor in self.body
            for part in (tensor, *self.parts(tensor))
            if isinstance(part, Scaled | Filled) and part not in self.taken
            for item in part.coefficient.atoms(Learned)
        )
        handed = (slot for slot in self.outputs if isinstance(slot, ModuleSlot))
        return frozenset(x.name for x in (*read, *handed) if x.index == self.at)

    @cached_property
    def coefficients(self) -> tuple[Scaled | Filled, ...]:
        """Every coefficient of the step; numbers in sums are no tensors of the body."""
        found = dict.fromkeys(
            part
            for tensor in self.body
            for part in (tensor, *self.parts(tensor))
            if isinstance(part, Scaled | Filled)
            and part not in self.taken
            and (isinstance(part, Filled) or part in self.computed)
        )
        return tuple(found)

    def bare(self, term: Tensor) -> Tensor:
        """A term without its coefficient: what an adapter adapts.

        One that is handed on with its coefficient, and not without, stays as it is.
        """
        while isinstance(term, Scaled):
            there = self.taken | self.computed
            if term in self.taken and term.tensor not in there:
                break
            term = term.tensor
        return term

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor of the body is made from, in the author's order."""
        inner = self.definitions.get(tensor)
        if inner is None:
            return tensor.children
        return (inner,) if isinstance(tensor, State) else inner.children


def shared_by(step: Step) -> tuple[str, ...]:
    """The operators and learned scalars without an index that a step uses."""
    found = [
        t.operator for t in step.body if isinstance(t, Apply) and t.index is sympy.nan
    ]
    for tensor in step.body:
        for part in (tensor, *step.parts(tensor)):
            found += sorted(scalar_names(part))
    return tuple(dict.fromkeys(found))


def contexts_of(step: Step) -> tuple[Tensor, ...]:
    """What a step reads that each block has: further inputs, and what is made of them.

    That is what it neither gets from the block before nor computes, in the order in which
    it is read.
    """
    return step.contexts


def read_by(step: Step) -> tuple[int, ...]:
    """The numbers of the inputs that a step reads or hands on; of two alike, the last.

    A special block may get more: what a regular one in front of it hands on.
    """
    read: set[Slot] = set(step.outputs)
    for tensor in step.body:
        if tensor in step.taken:
            continue
        read.update(used_in(tensor))
        for part in step.parts(tensor):
            read.update([part, *scalars_in(part)])
    last = {slot: number for number, slot in enumerate(step.inputs)}
    return tuple(sorted(number for slot, number in last.items() if slot in read))


@lru_cache(maxsize=4096)
def scalars_in(tensor: Tensor) -> tuple[ModuleSlot, ...]:
    """The learned scalars with an index in a written-out coefficient."""
    if not isinstance(tensor, Scaled | Filled):
        return ()
    found = (
        ModuleSlot(item.name, int(item.index))
        for item in tensor.coefficient.atoms(Learned)
        if item.index is not sympy.nan
    )
    return tuple(sorted(found, key=lambda slot: (slot.name, slot.index)))


@lru_cache(maxsize=4096)
def used_in(tensor: Tensor) -> tuple[ModuleSlot, ...]:
    """The operator and the learned scalars of a block that a tensor is made with."""
    if isinstance(tensor, Apply) and tensor.index is not sympy.nan:
        return (ModuleSlot(tensor.operator, int(tensor.index)),)
    return scalars_in(tensor)


def scalar_names(tensor: Tensor) -> set[str]:
    """The learned scalars without an index in the coefficient of a tensor."""
    return {item.name for item in learned_in(tensor) if item.index is sympy.nan}


@dataclass(frozen=True)
class Run:
    """Blocks ``first`` to ``last`` (of the network, or of their stage) take one step."""

    step: int
    first: int
    last: int


@dataclass(frozen=True)
class Stack:
    """Tensors of older blocks that wait for younger ones: the last in is the first out.

    Attributes:
        body: what is kept, with ``k`` for the number of its block.
        shift: ``c`` of ``X_<L+c-i>``.
        kept: for each block that puts its value there, the place of that among its
            outputs; the start is block 0.
        popped: the blocks that take one off.
    """

    body: Tensor
    shift: int
    kept: Mapping[int, int]
    popped: tuple[int, ...]


@dataclass(frozen=True)
class Flow:
    """How the blocks of the network, or of one stage, follow each other.

    Attributes:
        length: the number of blocks.
        start: what is computed before the first block.
        initial: what the first block gets.
        runs: in order; ``step`` indexes :attr:`Recurrence.steps`.
        final: what the last block hands on.
        output: what is made of it, with its body.
        end: what is computed after the last block.
        stacks: what waits for blocks that are as far from the end as its own is in.
    """

    length: int
    start: Step
    initial: tuple[Slot, ...]
    runs: tuple[Run, ...]
    final: tuple[Slot, ...]
    output: Tensor
    end: Step
    stacks: tuple[Stack, ...] = ()


@dataclass(frozen=True)
class Shared:
    """A module that is called more than once.

    Attributes:
        name: as in the formula, such as ``W_i``.
        calls: the tensors that it is applied to, as text.
        reason: why, in a few words.
    """

    name: str
    calls: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Recurrence:
    """The formula as steps.

    Attributes:
        formula: what it was made from.
        order: how many blocks back the equations reach.
        steps: all that differ; the regular one first.
        flows: one for the network, or one for each stage.
        pattern: the regular step; what it hands on is the state.
        reasons: for each tensor of the state, why it is needed.
        bound: the size of a minimum cut between two blocks: no set of fewer tensors
            lets the rest be computed.
        partial: whether the cut may have parts of sums.
        disjoint: as many paths from the past to the future that share no tensor.
        early: partial sums that are formed before their block, as text.
        shared: modules with several calls.
    """

    formula: Formula
    order: int
    steps: tuple[Step, ...]
    flows: tuple[Flow, ...]
    pattern: Step
    reasons: Mapping[Slot, str]
    bound: int
    partial: bool
    disjoint: tuple[tuple[str, ...], ...]
    early: tuple[str, ...]
    shared: tuple[Shared, ...]

    @property
    def shared_scalars(self) -> tuple[str, ...]:
        """Learned scalars without an index that some block reads, in the file's order."""
        used = set()
        for flow in self.flows:
            for step in [
                flow.start,
                flow.end,
                *(self.steps[r.step] for r in flow.runs),
            ]:
                for tensor in step.body:
                    for part in (tensor, *step.parts(tensor)):
                        used |= scalar_names(part)
        return tuple(
            name
            for name, scalar in self.formula.scalars.items()
            if not scalar.indexed and name in used
        )

    @property
    def state(self) -> tuple[Slot, ...]:
        """What a block hands on in the long run."""
        return self.pattern.handed
