"""The rules of a pipeline: what its operators make of a shape, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from typing import NamedTuple

import sympy

from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.stable import with_words
from recform.algebra.symbols import INCOMING, MAX_SIZE, STRIDE
from recform.blocks import (
    Amount,
    Arguments,
    Cost,
    Kind,
    Layout,
    Link,
    Memory,
    Misfit,
    Order,
    Shape,
    Work,
    symbols_in,
)
from recform.blocks.acts import chained, statements
from recform.blocks.arguments import Value
from recform.blocks.code import LARGEST, Real, code, is_near, reckoned
from recform.blocks.exact import as_any_float, filled, runs_over
from recform.blocks.operator import declares
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import beyond, large
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
        apart: whether the features of a position lie apart in memory in what it makes.
        dealt: how many numbers it is, if it makes streams that lie side by side there.
    """

    output: Shape
    parameters: int
    multiply_adds: int
    saves_inputs: tuple[bool, ...]
    saves_output: bool
    kept: Amount
    weights: tuple[Weight, ...] = ()
    links: tuple[Link, ...] = ()
    apart: bool = False
    dealt: int = 0

    @property
    def workspace(self) -> int:
        """The most numbers that are held at once, beside its input and its output."""
        most, before, named = 0, 0, 0
        for links in statements(self.links):
            for number, link in enumerate(links):
                held = link.made + before + (named if number else 0)
                most = max(most, held + link.cost.held.single)
                before = link.made
            named = before
        return max(0, most - self.output.elements)

    @property
    def saves_input(self) -> bool:
        """Whether an input is kept."""
        return any(self.saves_inputs)


def trace(
    pipeline: Pipeline,
    inputs: tuple[Shape, ...],
    values: Mapping[Symbolic, Symbolic],
    apart: bool | None = None,
) -> Trace:
    """A pipeline on shapes whose sizes are numbers.

    Args:
        pipeline: the operators.
        inputs: what comes in.
        values: what its symbols stand for (``cin`` is the features of the first input).
        apart: whether the features of a position of that lie apart in memory; as in an
            image, if nothing is said.

    Raises:
        Misfit: if an operator does not fit; it says which one, and where it stands.
    """
    values = _entered(inputs, values)
    links: list[Link] = []
    weights: list[Weight] = []
    if apart is None:
        apart = any(x.layout is Layout.IMAGE for x in inputs[:1])
    held: list[Link] = []  # with the copies of what lies apart
    dealt = woven = False  # whether streams lie side by side, and are all alike
    spread = 0  # by how much these are more than the one that they are a view of
    for step in pipeline.steps:
        made = _one(step, inputs, values)
        if dealt and not woven and step.operator.joins:
            made = made._replace(cost=Cost(passes=True))  # a view of the same numbers
        if step.shares:
            weights.append(_weight(step, inputs, values))
        link = _link(step, inputs, made)
        if step.shares:
            numbers = math.prod(weights[-1].sizes)
            link = replace(link, shares=(step.shares, numbers))
        if dealt and (link.multiplies or (link.weaves and not woven)):
            link = replace(link, copies=inputs[0].elements)
        elif spread and not link.cost.hands:
            # Its gradient is one of all streams, which are summed; it copies none.
            back = link.cost.workspace_back + spread
            cost = replace(link.cost, workspace_back=back)
            link = replace(link, cost=cost, weaves=False)
        links.append(link)
        if link.copies or (link.multiplies and apart):
            held.append(Link(inputs[0].elements, Cost(saves_output=True), ()))
        held.append(link)
        if not made.cost.passes:
            # What is computed of one that stands for many has each in one piece.
            dealt, spread = dealt and not spread, 0
            if link.order is not Order.ALIKE:
                apart = link.order is Order.APART
        if step.operator.deals:
            dealt = _is_dealt(made.shape)
            spread = made.shape.elements - inputs[0].elements
            woven = spread > 0
        elif link.order is not Order.ALIKE:
            dealt = False
        inputs = (made.shape,)
    asks, saves_output, kept = chained(held)
    names = pipeline.inputs if asks is True else asks or ()
    (x,) = inputs
    return Trace(
        x,
        sum(link.cost.parameters for link in links),
        sum(link.cost.multiply_adds for link in links),
        tuple(name in names for name in pipeline.inputs),
        saves_output,
        kept,
        tuple(weights),
        tuple(links),
        apart,
        x.elements if dealt else 0,
    )


def _link(step: Step, inputs: tuple[Shape, ...], made: _Made) -> Link:
    """What an operator of a pipeline does."""
    cost, makes = made.cost, made.shape.elements
    call = _call(step, inputs, made.arguments)
    methods = ")." in call
    begins = methods or call.startswith("{x} ") or call.count("{x}") > 1
    if cost.passes:
        return Link(0, cost, (), step.ends, begins, methods)
    works = step.operator.works_of(inputs, made.arguments)
    if not works:
        reads = sum(x.elements for x in inputs)
        works = (Work(reads, makes, cost.parameters, cost.multiply_adds),)
    # Whoever asks for it asks for that of each block, and many have this one link.
    inside = cache(partial(step.operator.opened, inputs, made.arguments))
    return Link(
        makes,
        cost,
        works,
        step.ends,
        begins,
        methods,
        _multiplies(step, inputs),
        step.operator.lies(inputs[0], made.shape),
        takes=step.operator.leaves,
        inside=inside,
        absent=declares(step.operator, "absent"),
        weaves=step.operator.weaves,
        woven=step.operator.weaves and _is_dealt(made.shape),
    )


def _call(step: Step, inputs: tuple[Shape, ...], arguments: Arguments) -> str:
    """How code calls an operator; nothing is said of one from outside."""
    if step.operator.foreign:
        return ""
    try:
        return step.operator.written(inputs, arguments).call
    except NotImplementedError:
        return ""  # It is made of equations, and has a class.


def _multiplies(step: Step, inputs: tuple[Shape, ...]) -> bool:
    """Whether an operator copies what comes in where its features lie apart in memory."""
    (x, *_) = inputs
    several = x.elements > int(x.features) > 1
    return step.operator.multiplies and several and x.layout.features_last


def _is_dealt(streams: Shape) -> bool:
    """Whether a view of what streams are made of has no stream in one piece."""
    if streams.layout is not Layout.STREAMS:
        return False
    many, grid = streams.grid[:1], streams.grid[1:]
    return math.prod(map(int, many)) > 1 and math.prod(map(int, grid)) > 1


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
    with _blamed(step):
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


class Passed(NamedTuple):
    """An operator of a pipeline, what comes into it, and what it makes of that."""

    step: Step
    inputs: tuple[Shape, ...]
    arguments: Arguments
    output: Shape


def passed(
    pipeline: Pipeline, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> Iterator[Passed]:
    """Each operator of a pipeline with the shapes around it; sizes may be symbols."""
    values = _entered(inputs, values)
    for step in pipeline.steps:
        with _blamed(step):
            _require_ids(step, inputs)
            a = arguments_of(step, values)
            made = step.operator.shape_of(inputs, a)
        yield Passed(step, inputs, a, made)
        inputs = (made,)


def shapes_along(
    pipeline: Pipeline, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> Iterator[Shape]:
    """The shape behind each operator of a pipeline; sizes may be symbols."""
    return (at.output for at in passed(pipeline, inputs, values))


def told(
    pipeline: Pipeline, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Symbolic]
) -> tuple[str, ...]:
    """What comes out where arguments of a pipeline have symbols in them.

    What it does hangs on these symbols no further.

    Raises:
        Misfit: as :func:`arguments_of`.
    """
    values = _entered(inputs, values)
    every = ((step, arguments_of(step, values)) for step in pipeline.steps)
    return tuple(repr(a[name]) for step, a in every for name, _, _ in step.symbolic)


def arguments_of(step: Step, values: Mapping[Symbolic, Symbolic]) -> Arguments:
    """The arguments of an operator with values in the place of symbols.

    Raises:
        Misfit: if an argument comes out as a number that the operator does not take.
    """
    stride = values.get(STRIDE, 1)
    if not isinstance(stride, int):
        stride = sympy.sympify(stride)
        if stride.is_Rational and not stride.is_Integer:
            _no_stride(step, stride)
    if not step.symbolic:
        return step.arguments
    filled = dict(step.arguments)
    for name, kind, symbols in step.symbolic:
        # SymPy is slow, and most blocks put in the same few numbers.
        pairs = tuple((s, sympy.sympify(values[s])) for s in symbols if s in values)
        filled[name] = put_in_argument(filled[name], pairs, kind, name)
    return Arguments(filled)


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
def put_in_argument(
    value: Value, pairs: tuple[tuple[Symbolic, Symbolic], ...], kind: Kind, name: str
) -> Value:
    """An argument with values in the place of symbols.

    Args:
        value: the argument.
        pairs: symbols, with what they stand for.
        kind: what it takes.
        name: what it is called.

    Raises:
        Misfit: if it comes out as what the operator does not take, or code would work
            another number out.
    """
    if isinstance(value, tuple):
        return tuple(
            put_in_argument(part, pairs, kind, name) if symbols_in(part) else part
            for part in value
        )
    if value.has(sympy.floor, sympy.ceiling):
        # Of a float, 100 * 0.29 is below 29; code rounds before it cuts off.
        pairs = tuple((symbol, _as_fraction(number)) for symbol, number in pairs)
    known = dict(pairs)
    if symbols_in(value) - known.keys() or any(map(symbols_in, known.values())):
        return value.xreplace(known)
    exact = _real(value, name, known)
    is_whole = kind.symbolic and exact == round(exact) and abs(exact) < MAX_SIZE
    number = sympy.Integer(round(exact)) if is_whole else filled(value, known)
    made = number_of(number, kind, name)
    if not (value.is_Symbol or _keeps(value, known, kind, exact)):
        what = (
            f"gets a number as its {name} here of which floats keep no digit: it is made of "
            "numbers that cancel, or are too large or too small"
        )
        hint = "const k = (0.5, 0, 0.5) per block has such numbers as they are"
        raise Misfit("RF106", what, hint, argument=name)
    return made


def _as_fraction(number: Symbolic) -> Symbolic:
    """The fraction that a float stands for; another float is another fraction."""
    if not number.is_Float:
        return number
    simple = sympy.nsimplify(number, rational=True)
    # Of 1.0000000001 SymPy makes 1.
    same = float(simple) == float(number)
    return simple if same else sympy.Rational(repr(float(number)))


def _keeps(
    value: Symbolic, known: Mapping[Symbolic, Symbolic], kind: Kind, exact: float
) -> bool:
    """Whether code makes of an argument what it is."""
    words = with_words(value)
    if runs_over(words, known):
        return False
    # Python may have no such names.
    letters = {
        symbol: sympy.Symbol(f"n{k}", **symbol._assumptions_orig)
        for k, symbol in enumerate(known)
    }
    words = words.xreplace(letters)
    names = {
        letters[symbol].name: int(n) if n.is_Integer else float(n)
        for symbol, n in known.items()
    }
    return is_near(reckoned(code(Real(words) if kind.real else words), names), exact)


def number_of(value: Symbolic, kind: Kind, name: str) -> int | float:
    """A symbolic argument with numbers put in.

    Raises:
        Misfit: if it is no number of its kind.
    """
    least = kind.least
    if kind.symbolic and least is not None:
        if value.is_Float and math.isclose(value, round(value), rel_tol=1e-12):
            # As code rounds what it makes of floats.
            value = sympy.Integer(round(value))
        if value.is_Integer and value > MAX_SIZE:
            what = beyond(
                f"gets {large(int(value))} as its {name} here, which", MAX_SIZE
            )
            raise Misfit("RF106", what, argument=name)
        if not value.is_Integer or value < least:
            shown = str(sympy.N(value, 6)) if not value.is_Rational else str(value)
            raise Misfit(
                "RF404",
                f"gets {shown} as its {name} here, "
                f"which is no whole number of at least {least}",
                argument=name,
            )
        return int(value)
    number = _real(value, name)
    if kind is Kind.RATE and not 0 <= number <= 1:
        raise Misfit("RF404", f"gets a {name} of {number} here, not one from 0 to 1")
    if not kind.allows(number):
        what = f"gets {number:g} as its {name} here, which is not {kind.value}"
        raise Misfit("RF404", what, argument=name)
    return int(value) if value.is_Integer and not kind.free else number


def _real(
    value: Symbolic, name: str, known: Mapping[Symbolic, Symbolic] | None = None
) -> float:
    """A number as a float.

    Raises:
        Misfit: if it is none, or larger than any float.
    """
    number = as_any_float(value, known)
    if math.isnan(number):
        raise Misfit("RF211", f"gets no number as its {name} here", argument=name)
    if abs(number) > LARGEST:
        what = f"gets a number as its {name} here that is larger than any float"
        raise Misfit("RF106", what, argument=name)
    return number
