"""What an operator does inside: told once, in its details.

Its picture is drawn of them, and its shape, its costs and the operations that plans of
memory take apart are added up from them. A detail is made of others as the operator is
called on its inputs: by an operator of the library, or by what torch computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from recform.blocks.amount import Amount, Cost, Work, uncounted
from recform.blocks.arguments import Arguments, Value, unsaid
from recform.blocks.shape import Shape, known

if TYPE_CHECKING:
    from recform.blocks.operator import Operator

_FREE = Cost()


@dataclass(frozen=True)
class Inner:
    """A tensor inside of an operator.

    Attributes:
        tensor: what it is.
        reads: what it is made of, of what comes in and of what was made before.
        links: what makes it; nothing, if it is what it reads.
        asks: what autograd keeps for it, of these and of what is made.
        hands: those of what it reads whose gradient is that of this tensor as it is.
        names: those that code has a name for until here.
        runs: how many like it there are in a row, of which this is written out.
        module: what has its parameters, where others may have the same.
    """

    tensor: object
    reads: tuple[object, ...]
    links: tuple[Link, ...]
    asks: tuple[object, ...]
    hands: tuple[object, ...] = ()
    names: tuple[object, ...] = ()
    runs: int = 1
    module: object = None

    @property
    def made(self) -> tuple[object, int]:
        """Its name, and how many numbers it is."""
        return self.tensor, self.links[-1].made if self.links else 0


@dataclass(frozen=True)
class Link:
    """An operator of a pipeline, or another tensor of a block: what it makes and keeps.

    Attributes:
        made: how many numbers; 0 for a view of what comes in.
        cost: what it costs.
        works: what it computes.
        ends: whether code begins a statement behind it.
        copied: numbers of a copy of what comes in, which is what it computes with.
        takes: how `inside` calls what comes in.
        inside: of what is more than one operation of torch, these one after the other;
            the last is what it makes.
    """

    made: int
    cost: Cost
    works: tuple[Work, ...]
    ends: bool = False
    copied: int = 0
    takes: tuple[object, ...] = ()
    inside: Callable[[], tuple[Inner, ...]] | None = field(default=None, compare=False)

    def keeping(self, numbers: int) -> Link:
        """One that keeps a copy of what comes in."""
        more = self.cost.saves_more + numbers
        cost = replace(self.cost, saves_more=more)
        return replace(self, cost=cost, copied=numbers)

    def apart(self) -> tuple[Link, Link]:
        """The copy, and what is computed with it."""
        copy = Link(self.copied, Cost(cheap=True), (Work(self.copied, self.copied),))
        less = self.cost.saves_more - self.copied
        return copy, replace(self, cost=replace(self.cost, saves_more=less), copied=0)

    def times(self, count: int) -> Link:
        """That of one call for each of ``count`` tensors; its module is one."""
        cost = self.cost
        each = replace(
            cost,
            multiply_adds=cost.multiply_adds * count,
            saves_more=cost.saves_more * count,
            saves_bytes=cost.saves_bytes * count,
            saves_once=cost.saves_once * count,
            workspace=cost.workspace * count,
            workspace_back=cost.workspace_back * count,
            lean=None if cost.lean is None else cost.lean.times(count),
            stays=cost.stays.times(count),
            fixed=cost.fixed.times(count),
        )
        works = tuple(work.times(count) for work in self.works)
        inside = self.inside if count == 1 else None
        return replace(
            self,
            made=self.made * count,
            cost=each,
            works=works,
            copied=self.copied * count,
            inside=inside,
        )


@dataclass(frozen=True)
class Detail:
    """One of the things that an operator computes; or what comes into it.

    In what is said, ``{heads}`` stands for the operator's argument of this name.

    Attributes:
        name: what others of them call it.
        said: what stands in its box.
        of: what it is made of: others of them, in front of it, or inputs of the operator.
        note: what is said of it on a smaller line.
        learned: whether it has parameters.
        parameters: how many; 0 where the shapes are not known.
        activation: whether it has the form of an activation.
        shape: of what it makes; None where nobody says.
        does: the operations of torch that it comes to, of which the last has its name;
            none where they are told by a later one. They count where shapes are known.
    """

    name: str
    said: str = ""
    of: tuple[str, ...] = ()
    note: str = ""
    learned: bool = False
    parameters: int = 0
    activation: bool = False
    shape: Shape | None = None
    does: tuple[Inner, ...] = ()

    @property
    def numbers(self) -> int:
        """How many it makes; 0 where its sizes are no numbers."""
        if self.shape is None or not known(*self.shape.sizes):
            return 0
        return self.shape.elements

    @property
    def rows(self) -> int:
        """How many rows of features these are."""
        numbers = self.numbers
        return numbers // int(self.shape.features) if self.shape and numbers else 0

    @property
    def made(self) -> tuple[object, int]:
        """Its name, and how many numbers it is."""
        return self.name, self.numbers


def incoming(
    names: Sequence[str], shapes: Sequence[Shape] | None
) -> tuple[Detail, ...]:
    """What comes into an operator.

    Args:
        names: of its inputs.
        shapes: of these; None where they are not known.
    """
    each = shapes or (None,) * len(names)
    return tuple(Detail(n, shape=x) for n, x in zip(names, each, strict=True))


def operation(
    makes: str,
    of: Sequence[Detail | Inner],
    numbers: int,
    asks: tuple[object, ...] = (),
    *,
    cost: Cost = _FREE,
) -> Inner:
    """An operation of torch.

    Args:
        makes: a name for its result.
        of: what it is made of.
        numbers: how many it makes for an example.
        asks: the names of those of them that its gradient is computed from.
        cost: what else it costs.
    """
    reads = [x.made for x in of]
    # What is made in place of what is there moves nothing.
    read = sum(n for _, n in reads) if numbers else 0
    work = Work(read, numbers, cost.parameters, cost.multiply_adds)
    link = Link(numbers, cost, (work,))
    return Inner(makes, tuple(name for name, _ in reads), (link,), asks)


def again(
    makes: str,
    of: Sequence[Detail | Inner],
    numbers: int,
    asks: tuple[object, ...] = (),
    *,
    bytes: int = 0,
    once: int = 0,
    back: int = 0,
) -> Inner:
    """An operation that a lean pass runs again.

    Args:
        makes: a name for its result.
        of: what it is made of.
        numbers: how many it makes for an example.
        asks: the names of those of them that its gradient is computed from.
        bytes: what it keeps besides, as in :class:`Amount`.
        once: likewise, made of nothing that comes in.
        back: numbers that are held besides while its gradient is computed.
    """
    cost = Cost(
        saves_bytes=bytes,
        saves_once=once,
        workspace_back=back,
        cheap=True,
        stays=Amount(bytes=bytes, once=once),
        fixed=Amount(once=once),
    )
    return operation(makes, of, numbers, asks, cost=cost)


def made_by(
    name: str,
    operator: Operator,
    *of: Detail,
    said: str = "",
    note: str = "",
    activation: bool = False,
    **arguments: Value,
) -> Detail:
    """What an operator makes of others, which says itself what that is and costs.

    Args:
        name: what others call it.
        operator: that is applied.
        of: what it is applied to.
        said: what stands in its box; its name, if left out.
        note: what is said on a smaller line.
        activation: whether it has the form of an activation.
        arguments: that are not its defaults.
    """
    a = Arguments({**unsaid(operator.arguments), **arguments})
    shapes = [x.shape for x in of if x.shape is not None]
    made = Detail(
        name,
        said or operator.name,
        tuple(x.name for x in of),
        note,
        learned=bool(operator.attribute) and not operator.absent,
        activation=activation or operator.elementwise,
        shape=operator.shape_of(tuple(shapes), a) if len(shapes) == len(of) else None,
    )
    if not all(x.numbers for x in of):
        return made
    cost = operator.cost_of(tuple(shapes), a)
    inner = [act for part in operator.details(of, a) for act in part.does]
    if inner:
        own = {act.tensor: f"{name} {act.tensor}" for act in inner[:-1]}
        does = tuple(_renamed(act, own | {inner[-1].tensor: name}) for act in inner)
    elif cost.passes:
        does = (Inner(name, made.of, (), ()),)
    else:
        every = cost.saves_input
        each = zip(operator.inputs, made.of, strict=True)
        asks = [x for i, x in each if every is True or (every and i in every)]
        less = replace(cost, saves_input=False, saves_output=False)
        asked = (*asks, *[name] * cost.saves_output)
        does = (operation(name, of, made.numbers, asked, cost=less),)
    return replace(made, parameters=cost.parameters, does=does)


def _renamed(act: Inner, names: dict[object, str]) -> Inner:
    def each(tensors: Iterable[object]) -> tuple[object, ...]:
        return tuple(names.get(tensor, tensor) for tensor in tensors)

    return replace(
        act, tensor=names[act.tensor], reads=each(act.reads), asks=each(act.asks)
    )


def at_once(
    details: Sequence[Detail],
    of: Sequence[Detail],
    keeps: Cost | None = None,
    *,
    asks: tuple[object, ...] = (),
) -> tuple[Detail, ...]:
    """Details that are one operation of torch.

    Args:
        details: one after the other.
        of: what they are made of.
        keeps: what it keeps beside what its gradient is computed from; what they keep
            one after the other, if nothing is said.
        asks: what its gradient is computed from, if something is said.
    """
    *others, last = details
    if not last.does:
        return tuple(details)
    cost = added_up(details, [x.name for x in of])
    if keeps is None:
        kept = cost.saves_input
        asks = tuple(x.name for x in of if kept is True or (kept and x.name in kept))
        keeps = replace(cost, saves_input=False, saves_output=False)
        asks += (last.name,) * cost.saves_output
    told = replace(keeps, parameters=cost.parameters, multiply_adds=cost.multiply_adds)
    one = operation(last.name, of, last.numbers, asks, cost=told)
    return (*(replace(x, does=()) for x in others), replace(last, does=(one,)))


def added_up(details: Sequence[Detail], inputs: Sequence[str]) -> Cost:
    """What an operator costs that does this; sizes are numbers.

    Args:
        details: of the operator.
        inputs: what it takes.
    """
    acts = [act for detail in details for act in detail.does]
    costs = [link.cost for act in acts for link in act.links]
    cost = cost_of(acts, {name: name for name in inputs}, details[-1].name)
    one = replace(costs[0], saves_input=False, saves_output=False) if costs else _FREE
    return replace(
        one if len(costs) == 1 else _FREE,
        parameters=sum(detail.parameters for detail in details),
        multiply_adds=cost.multiply_adds,
        saves_input=cost.saves_input,
        saves_output=cost.saves_output,
        saves_more=cost.saves_more,
        saves_bytes=cost.saves_bytes,
        saves_once=cost.saves_once,
        passes=not costs,
        uncounted=cost.uncounted,
        cheap=all(cost.cheap for cost in costs),
        stays=sum((cost.stays for cost in costs), Amount()),
        fixed=sum((cost.fixed for cost in costs), Amount()),
    )


def cost_of(
    acts: Sequence[Inner], inputs: Mapping[object, str], output: object
) -> Cost:
    """What these cost one after the other, each tensor that is kept once.

    Args:
        acts: the last of them makes what comes out; sizes are numbers.
        inputs: the names of what comes in.
        output: what comes out.
    """
    views: dict[object, object] = {}
    sizes: dict[object, int] = {}
    asked: dict[object, None] = {}
    owned: set[object] = set()
    parameters = multiply_adds = 0
    inside = Amount()

    def root(tensor: object) -> object:
        while tensor in views:
            tensor = views[tensor]
        return tensor

    for act in acts:
        made = [link.made for link in act.links if not link.cost.passes]
        if made:
            sizes[act.tensor] = made[-1] * act.runs
        elif act.reads:
            views[act.tensor] = act.reads[0]
        asked |= dict.fromkeys(map(root, act.asks))
        inside += chained(act.links)[2].times(act.runs)
        multiply_adds += act.runs * sum(link.cost.multiply_adds for link in act.links)
        if act.module is None or act.module not in owned:
            owned.add(act.module)
            parameters += sum(link.cost.parameters for link in act.links)
    kept = tuple(name for tensor, name in inputs.items() if tensor in asked)
    output = root(output)
    more = sum(sizes.get(tensor, 0) for tensor in asked if tensor != output)
    return Cost(
        parameters=parameters,
        multiply_adds=multiply_adds,
        saves_input=kept if len(inputs) > 1 else bool(kept),
        saves_output=output in asked and output not in inputs,
        saves_more=inside.numbers + more,
        saves_bytes=inside.bytes,
        saves_once=inside.once,
        uncounted=uncounted(link.cost for act in acts for link in act.links),
    )


def chained(links: Iterable[Link]) -> tuple[bool | tuple[str, ...], bool, Amount]:
    """What operators keep one after the other.

    Returns:
        Whether they keep what comes in (or what of it), and what comes out; and what
        they keep in between.
    """
    asks: bool | tuple[str, ...] = False
    saved, first = False, True  # what comes in is no result of theirs, or a view of it
    held = pending = 0  # an output that is kept, and in between if it goes on
    kept = Amount()
    for link in links:
        cost = link.cost
        if cost.saves_input and first:
            asks = cost.saves_input
        elif cost.saves_input and not saved:
            kept += Amount(held)
        if not cost.passes:
            kept += Amount(pending)
            pending = link.made if cost.saves_output else 0
            saved, first, held = cost.saves_output, False, link.made
        kept += cost.inside
    return asks, saved, kept
