"""Operations of torch, one after the other, and what they cost together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import is_

from recform.blocks.amount import Amount, Cost, Work, uncounted
from recform.blocks.shape import Order


@dataclass(frozen=True)
class Inner:
    """A tensor inside of an operator.

    Attributes:
        tensor: what it is.
        reads: what it is made of, of what comes in and of what was made before.
        links: what makes it; nothing, if it is what it reads.
        asks: what autograd keeps for it, of these and of what is made.
        hands: those of what it reads whose gradient is that of this tensor as it is, or a
            part of that.
        cuts: the parts of what it reads that it reads alone: keys, numbers of each, and
            what they are parts of.
        factor: a number among what it reads, which is asked for by the gradient of the rest.
        slices: those of what it reads of which it reads a part: their gradient is as large
            as all of it, and made of that part's.
        gpu: what is in its place on a GPU, if that is something else.
        meets: whether it is one of those that several terms or factors come to, which runs
            as soon as what it is made of is there.
        names: those that code has a name for until here.
        runs: how many like it there are in a row, of which this is written out.
        module: what has its parameters, where others may have the same.
    """

    tensor: object
    reads: tuple[object, ...]
    links: tuple[Link, ...]
    asks: tuple[object, ...]
    hands: tuple[object, ...] = ()
    cuts: tuple[tuple[object, int, object], ...] = ()
    names: tuple[object, ...] = ()
    runs: int = 1
    module: object = None
    meets: bool = False
    slices: tuple[object, ...] = ()
    factor: object = None
    gpu: tuple[Inner, ...] | None = None

    @property
    def made(self) -> tuple[object, int]:
        """Its name, and how many numbers it is."""
        return self.tensor, self.links[-1].made if self.links else 0

    @property
    def on_gpu(self) -> tuple[Inner, ...]:
        """The same on a GPU."""
        if self.gpu is not None:
            return self.gpu
        links = tuple(link.on_gpu for link in self.links)
        same = all(map(is_, links, self.links))
        return (self if same else replace(self, links=links),)

    def instead(self, change: Callable[[Inner], Inner]) -> Inner:
        """Another one, and likewise what is in its place on a GPU."""
        gpu = self.gpu and tuple(map(change, self.gpu))
        return replace(change(self), gpu=gpu)


@dataclass(frozen=True)
class Link:
    """An operator of a pipeline, or another tensor of a block: what it makes and keeps.

    Attributes:
        made: how many numbers; 0 for a view of what comes in.
        once: how many it makes for all examples together.
        cost: what it costs.
        works: what it computes.
        ends: whether code begins a statement behind it, where one is long.
        begins: whether code begins one with it.
        methods: whether it begins one behind it in any case, as behind several methods.
        multiplies: whether it copies what comes in where that lies apart in memory.
        order: how what it makes lies there; None if what is inside says so.
        takes: how `inside` calls what comes in.
        inside: of what is more than one operation of torch, these one after the other;
            the last is what it makes.
        absent: whether it hands on what comes in, in evaluation.
        meets: of several factors, which meet two by two, what makes each of these products.
        shares: the name of a weight that others have, too, and how many numbers it is.
        scalars: the learned numbers that it has for factors, and how many each is.
        number: what makes that, if it is made of learned ones; the last is the factor.
        copies: how many numbers it copies of streams that lie side by side in memory.
        weaves: whether it copies streams that have not all examples side by side.
        woven: whether those that it makes have.
    """

    made: int
    cost: Cost
    works: tuple[Work, ...]
    ends: bool = False
    begins: bool = False
    methods: bool = False
    multiplies: bool = False
    order: Order | None = Order.TOGETHER
    takes: tuple[object, ...] = ()
    inside: Callable[[], tuple[Inner, ...]] | None = field(default=None, compare=False)
    absent: bool = False
    meets: tuple[Link, ...] = ()
    shares: tuple[str, int] | None = None
    once: int = 0
    scalars: tuple[tuple[object, int], ...] = ()
    number: tuple[Inner, ...] = ()
    copies: int = 0
    weaves: bool = False
    woven: bool = False

    @property
    def amount(self) -> Amount:
        """How much it makes."""
        return Amount(self.made, once=self.once)

    @property
    def on_gpu(self) -> Link:
        """The same on a GPU."""
        cost = self.cost.on_gpu
        inside = None if cost.fused else self.inside
        if cost is self.cost and inside is self.inside:
            return self
        return replace(self, cost=cost, inside=inside)

    @property
    def in_half(self) -> Link:
        """The same where numbers have two bytes."""
        cost = self.cost.in_half
        # What only changes the type reads the other one.
        of = cost.wide != cost.converts
        works = tuple(replace(x, from_wide=of, wide=cost.wide) for x in self.works)
        made = self.made * (2 if cost.wide else 1)
        return replace(self, cost=cost, made=made, works=works)

    def times(self, count: int) -> Link:
        """That of one call for each of ``count`` tensors; its module is one."""
        if count == 1:
            return self
        works = tuple(work.times(count) for work in self.works)
        inside = partial(_many, self.inside, count) if self.inside else None
        return replace(
            self,
            made=self.made * count,
            cost=self.cost.times(count),
            works=works,
            inside=inside,
        )


def _many(inside: Callable[[], tuple[Inner, ...]], count: int) -> tuple[Inner, ...]:
    """What an operator computes of so many tensors."""

    def times(act: Inner) -> Inner:
        return replace(act, links=tuple(link.times(count) for link in act.links))

    return tuple(act.instead(times) for act in inside())


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
    sizes: dict[object, Amount] = {}
    asked: dict[object, None] = {}
    owned: set[object] = set()
    parameters = multiply_adds = 0
    inside = Amount()

    def root(tensor: object) -> object:
        while tensor in views:
            tensor = views[tensor]
        return tensor

    for act in acts:
        made = [link for link in act.links if not link.cost.passes]
        if made:
            sizes[act.tensor] = made[-1].amount.times(act.runs)
        elif act.reads:
            views[act.tensor] = act.reads[0]
        asked |= dict.fromkeys(map(root, act.asks))
        inside += chained(act.links)[2].times(act.runs)
        multiply_adds += act.runs * sum(link.cost.multiply_adds for link in act.links)
        if act.module is None or act.module not in owned:
            owned.add(act.module)
            parameters += sum(link.cost.parameters for link in act.links)
    kept = tuple(name for tensor, name in inputs.items() if tensor in asked)
    called, output = output, root(output)
    others = (sizes.get(tensor, Amount()) for tensor in asked if tensor != output)
    inside = sum(others, inside)
    other = any(link.cost.gpu for act in acts for link in act.links)
    other = other or any(act.gpu is not None for act in acts)
    there = [act for each in acts for act in each.on_gpu] if other else ()
    return Cost(
        parameters=parameters,
        multiply_adds=multiply_adds,
        saves_input=kept if len(inputs) > 1 else bool(kept),
        saves_output=output in asked and output not in inputs,
        saves_more=inside.numbers,
        saves_bytes=inside.bytes,
        saves_once=inside.once,
        saves_once_bytes=inside.once_bytes,
        uncounted=uncounted(link.cost for act in acts for link in act.links),
        gpu=cost_of(there, inputs, called) if there else None,
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


def statements(links: Iterable[Link], *, apart: bool = False) -> Iterator[list[Link]]:
    """The operators as code has them, in statements (`writers/pipelines.py` cuts them).

    What makes nothing is left out, though it is written down. While a statement runs, there
    is a name for what came into it.

    Args:
        links: the operators.
        apart: whether each is a module of an nn.Sequential.
    """
    found: list[Link] = []
    before: Link | None = None
    depth = 0
    for link in links:
        if before:
            long = depth > 3 or (before.ends and depth > 1)
            if apart or long or before.methods or link.begins:
                if found:
                    yield found
                found, depth = [], 0
        if not link.cost.passes:
            found.append(link)
        before, depth = link, depth + 1
    if found:
        yield found
