"""The rules of a pipeline: what its operators make of a shape, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import NamedTuple

import sympy

from recform.algebra.formula import Pipeline, Step
from recform.algebra.symbols import INCOMING, MAX_SIZE, STRIDE
from recform.blocks import (
    Amount,
    Arguments,
    Cost,
    Deed,
    Kind,
    Layout,
    Memory,
    Misfit,
    Shape,
    Work,
    symbols_in,
)
from recform.blocks.arguments import Value
from recform.blocks.symbolic import Symbolic
from recform.source import Span


@dataclass(frozen=True)
class Weight:
    """A weight that several operators of a network share.

    Attributes:
        name: what it is.
        sizes: its own, as the operator has it.
        operator: the name of the operator.
        place: where that stands.
    """

    name: str
    sizes: tuple[int, ...]
    operator: str
    place: Span


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
class Trace:
    """A pipeline on one shape.

    Attributes:
        output: the shape of what it makes.
        parameters, multiply_adds: its costs.
        saves_inputs: of each input of the pipeline, whether it is kept for the backward
            pass.
        saves_output: whether its output is.
        kept: what is kept in between.
        weights: those that are shared with other pipelines.
        links: its operators, one after the other.
        turned: whether the features of a position lie apart in memory in what it makes.
        multiplies: whether it begins with a product of matrices, which copies such.
    """

    output: Shape
    parameters: int
    multiply_adds: int
    saves_inputs: tuple[bool, ...]
    saves_output: bool
    kept: Amount
    weights: tuple[Weight, ...] = ()
    links: tuple[Link, ...] = ()
    turned: bool = False
    multiplies: bool = False

    @property
    def workspace(self) -> int:
        """The most numbers that are held at once, beside its input and its output."""
        most, before, named = 0, 0, 0
        for links in statements(self.links):
            for number, link in enumerate(links):
                held = link.made + before + (named if number else 0)
                most = max(most, held + link.cost.workspace)
                before = link.made
            named = before
        return max(0, most - self.output.elements)

    @property
    def saves_input(self) -> bool:
        """Whether an input is kept."""
        return any(self.saves_inputs)


def statements(links: Iterable[Link]) -> Iterator[list[Link]]:
    """The operators as code has them, in statements; what makes nothing is left out.

    While a statement runs, there is a name for what came into it.
    """
    found: list[Link] = []
    for link in links:
        if link.cost.passes:
            continue
        if len(found) > 3 or (len(found) > 1 and found[-1].ends):
            yield found
            found = []
        found.append(link)
    if found:
        yield found


def trace(
    pipeline: Pipeline, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> Trace:
    """A pipeline on shapes whose sizes are numbers.

    Args:
        pipeline: the operators.
        inputs: what comes in.
        values: what its symbols stand for (``cin`` is the features of the first input).

    Raises:
        Misfit: if an operator does not fit; it says which one, and where it stands.
    """
    values = _entered(inputs, values)
    parameters = multiply_adds = 0
    kept = Amount()
    links: list[Link] = []
    turned = False
    pending = 0  # an output that is kept, and inside of the pipeline if it goes on
    saves_inputs, last_saved = (False,) * len(inputs), False
    first = True  # what comes in is the pipeline's input, or a view of it
    held = sum(x.elements for x in inputs)  # or of all that what comes in is a view of
    weights: list[Weight] = []
    for step in pipeline.steps:
        made = _one(step, inputs, values)
        y, cost = made.shape, made.cost
        if step.shares:
            weights.append(_weight(step, inputs, values))
        parameters += cost.parameters
        multiply_adds += cost.multiply_adds
        if cost.saves_input and first:
            every = pipeline.inputs
            names = every if cost.saves_input is True else cost.saves_input or ()
            saves_inputs = tuple(name in names for name in every)
        elif cost.saves_input and not last_saved:
            kept += Amount(held)
        if not cost.passes:
            kept += Amount(pending)
            pending = y.elements if cost.saves_output else 0
            last_saved, first, held = cost.saves_output, False, y.elements
        kept += cost.inside
        if not (step.operator.elementwise or cost.passes):
            turned = step.operator.turns
        links.append(_link(step, inputs, made))
        inputs = (y,)
    (x,) = inputs
    return Trace(
        x,
        parameters,
        multiply_adds,
        saves_inputs,
        last_saved,
        kept,
        tuple(weights),
        tuple(links),
        turned,
        bool(pipeline.steps) and pipeline.steps[0].operator.multiplies,
    )


def _link(step: Step, inputs: tuple[Shape, ...], made: _Made) -> Link:
    """What an operator of a pipeline does."""
    cost, makes = made.cost, made.shape.elements
    if cost.passes:
        return Link(0, cost, (), step.ends)
    works = step.operator.works_of(inputs, made.arguments)
    if not works:
        reads = sum(x.elements for x in inputs)
        works = (Work(reads, makes, cost.parameters, cost.multiply_adds),)
    # Definitions are made of what is read here, and are not known here.
    opened = getattr(step.operator, "opened", None)
    if opened is not None:
        inside = partial(opened, inputs, made.arguments)
        takes = step.operator.leaves  # type: ignore[attr-defined]
        return Link(makes, cost, works, step.ends, takes=takes, inside=inside)
    takes = step.operator.inputs
    deeds = step.operator.deeds_of(inputs, made.arguments)
    done = partial(_done, deeds, cost.parameters) if deeds else None
    return Link(makes, cost, works, step.ends, takes=takes, inside=done)


def _done(deeds: tuple[Deed, ...], parameters: int) -> tuple[Inner, ...]:
    """Operations of torch; what is learned counts with the last of them."""
    sizes = {deed.makes: deed.numbers for deed in deeds}
    found = []
    for deed in deeds:
        learned = parameters if deed is deeds[-1] else 0
        cost = Cost(
            parameters=learned,
            multiply_adds=deed.multiply_adds,
            saves_bytes=deed.bytes,
            saves_once=deed.once,
            workspace_back=deed.back,
            cheap=deed.cheap,
            stays=Amount(bytes=deed.bytes, once=deed.once),
            fixed=Amount(once=deed.once),
        )
        read = sum(sizes.get(name, deed.numbers) for name in deed.reads)
        work = Work(read, deed.numbers, learned, deed.multiply_adds)
        link = Link(deed.numbers, cost, (work,))
        found.append(Inner(deed.makes, deed.reads, (link,), deed.asks))
    return tuple(found)


def memories(
    pipeline: Pipeline, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> tuple[Memory, ...]:
    """What a pipeline keeps of positions that it has seen; sizes are numbers.

    Raises:
        Misfit: if it cannot go on by positions; it says which operator, and where.
    """
    values = _entered(inputs, values)
    found: list[Memory] = []
    for step in pipeline.steps:
        with _blamed(step):
            arguments = arguments_of(step, values)
            found += step.operator.memory_of(inputs, arguments)
            inputs = (step.operator.shape_of(inputs, arguments),)
    return tuple(found)


def _weight(
    step: Step, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> Weight:
    sizes = step.operator.shared(inputs[0], arguments_of(step, values))
    return Weight(step.shares, tuple(map(int, sizes)), step.operator.name, step.span)


def _entered(
    inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> dict[Symbolic, Symbolic]:
    """The values of symbols, with the features of what comes in."""
    return {**values, INCOMING: inputs[0].features} if inputs else dict(values)


class _Made(NamedTuple):
    """An operator on shapes."""

    arguments: Arguments
    shape: Shape
    cost: Cost


def _one(
    step: Step, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> _Made:
    with _blamed(step):
        _require_ids(step, inputs)
        a, operator = arguments_of(step, values), step.operator
        return _Made(a, operator.shape_of(inputs, a), operator.cost_of(inputs, a))


def _require_ids(step: Step, inputs: tuple[Shape, ...]) -> None:
    """Raises a Misfit where ids come to an operator that reckons with numbers."""
    for x in inputs:
        if x.layout is Layout.IDS and not step.operator.takes_ids:
            raise Misfit(
                "RF405",
                f"takes numbers, but gets ids ({x})",
                hint="`embed` makes tokens of ids: stem embed(c)",
            )


@contextmanager
def _blamed(step: Step) -> Iterator[None]:
    """A misfit says which operator it is about, and where that stands."""
    try:
        yield
    except Misfit as misfit:
        if misfit.place is None:
            misfit.operator, misfit.place = step.operator.name, step.span
        raise


def output_of(
    pipeline: Pipeline, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> Shape:
    """The shape that a pipeline makes; sizes may be symbols."""
    (x,) = (*inputs[:1], *shapes_along(pipeline, inputs, values))[-1:]
    return x


def shapes_along(
    pipeline: Pipeline, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> Iterator[Shape]:
    """The shape behind each operator of a pipeline; sizes may be symbols."""
    values = _entered(inputs, values)
    for step in pipeline.steps:
        with _blamed(step):
            _require_ids(step, inputs)
            inputs = (step.operator.shape_of(inputs, arguments_of(step, values)),)
        yield inputs[0]


def arguments_of(step: Step, values: Mapping[Symbolic, Symbolic]) -> Arguments:
    """The arguments of an operator with values in the place of symbols.

    Raises:
        Misfit: if an argument comes out as a number that the operator does not take.
    """
    stride = sympy.sympify(values.get(STRIDE, 1))
    if stride.is_Rational and not stride.is_Integer:
        _no_stride(step, stride)
    filled: dict[str, Value] = {}
    for name, value in step.arguments.items():
        free = symbols_in(value)
        if free:
            # SymPy is slow, and most blocks put in the same few numbers.
            known = sorted((s for s in free if s in values), key=_name)
            pairs = tuple((symbol, sympy.sympify(values[symbol])) for symbol in known)
            declared = (a.kind for a in step.operator.arguments if a.name == name)
            value = _put_in(value, pairs, next(declared, Kind.NUMBER), name)
        filled[name] = value
    return Arguments(filled)


def _name(symbol: Symbolic) -> str:
    return symbol.name  # type: ignore[no-any-return]


def _no_stride(step: Step, stride: Symbolic) -> None:
    """Looks whether an operator is told a stride where the grid becomes finer.

    Raises:
        Misfit: if it is.
    """
    for name, value in step.arguments.items():
        if STRIDE in symbols_in(value):
            raise Misfit(
                "RF404",
                f"gets s = {stride} for its {name}, and no grid is divided here: "
                "it becomes finer",
                argument=name,
                hint="1/s is how many times finer: upsample(1/s), "
                "deconv(2, c, stride=1/s)",
            )


@lru_cache(maxsize=4096)
def _put_in(
    value: Value, pairs: tuple[tuple[Symbolic, Symbolic], ...], kind: Kind, name: str
) -> Value:
    if isinstance(value, tuple):
        return tuple(
            _put_in(part, pairs, kind, name) if symbols_in(part) else part
            for part in value
        )
    number = value.subs(dict(pairs), simultaneous=True)
    return number if number.free_symbols else number_of(number, kind, name)


def number_of(value: Symbolic, kind: Kind, name: str) -> int | float:
    """A symbolic argument with numbers put in.

    Raises:
        Misfit: if it is no number of its kind.
    """
    least = kind.least
    if kind.symbolic and least is not None:
        if not value.is_Integer or not least <= value <= MAX_SIZE:
            shown = str(sympy.N(value, 6)) if not value.is_Rational else str(value)
            raise Misfit(
                "RF404",
                f"gets {shown} as its {name} here, "
                f"which is no whole number of at least {least}",
                argument=name,
            )
        return int(value)
    number = float(value)
    if kind is Kind.RATE and not 0 <= number <= 1:
        raise Misfit("RF404", f"gets a {name} of {number} here, not one from 0 to 1")
    return int(value) if value.is_Integer and not kind.free else number
