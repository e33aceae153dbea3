"""An operator whose inside is written as equations: ``SE(x) = x*sigmoid(G*x)``.

To everything outside it is an operator of a flow like ``conv``: it has arguments, a shape
rule and a cost rule. The equations have been written out when it is made; there is no
index left in them but numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import sympy

from recform.algebra.definitions.inside import Inside
from recform.algebra.expr import (
    Apply,
    Elementwise,
    Input,
    Learned,
    State,
    Tensor,
    learned_within,
)
from recform.algebra.formula import LearnedScalar
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.tracing import memories, passed
from recform.blocks import (
    Argument,
    Arguments,
    Cost,
    Emitted,
    Memory,
    Operator,
    Order,
    Shape,
    Work,
    symbols_in,
)
from recform.blocks.acts import Inner
from recform.blocks.arguments import Value
from recform.blocks.symbolic import Symbolic
from recform.source import Span


def given(name: str) -> State:
    """What comes in under a name."""
    return State(name, sympy.nan)


@dataclass(frozen=True, eq=False, kw_only=True)
class Body(Operator):
    """A definition by equations, written out for one choice of its fixed arguments.

    Attributes:
        name: as in the file.
        arguments: those that may still be symbols, then the symbols of the place
            (``c``, ``s``, ``i``, ``L``) that its operators use.
        defaults: of its own arguments that may be symbols; None where a default is one.
        tensors: everything that it computes, parts before what uses them.
        definitions: what each local unknown is.
        output: what it returns.
        operators: the pipelines that it applies, by their letters.
        scalars: its learned scalars.
        about: the definition as it stands in the file (spaces folded).
        attribute: its module's name, where the author gives none.
        span: where it stands.
        incoming: the names of the tensors that come in, where they are several; a single
            one is the input.
    """

    name: str
    arguments: tuple[Argument, ...]
    defaults: Mapping[str, int | float | None]
    tensors: tuple[Tensor, ...]
    definitions: Mapping[State, Tensor]
    output: Tensor
    operators: Mapping[str, Pipeline]
    scalars: Mapping[str, LearnedScalar]
    about: str
    attribute: str
    span: Span
    spans: Mapping[Tensor, Span] = field(repr=False, default_factory=dict)
    incoming: tuple[str, ...] = ()
    # Definitions stand in definitions: what each makes of a shape is worked out once.
    _insides: dict[object, Inside] = field(init=False, repr=False, default_factory=dict)
    _costs: dict[object, Cost] = field(init=False, repr=False, default_factory=dict)
    _opened: dict[object, tuple[Inner, ...]] = field(
        init=False, repr=False, default_factory=dict
    )

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is made from, in the author's order; what comes in, of nothing."""
        if isinstance(tensor, State):
            made = self.definitions.get(tensor)
            return () if made is None else (made,)
        return tensor.children

    def learned(self, name: str) -> tuple[tuple[Tensor, Learned], ...]:
        """Where a learned scalar stands, and as which: what it scales, or is added to."""
        return tuple(
            (tensor, item)
            for tensor in self.tensors
            for item in learned_within(tensor)
            if item.name == name
        )

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The tensors that it takes; a single one has the name that it always has."""
        return self.incoming if len(self.incoming) > 1 else ("x",)

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """What comes in, as its equations name it."""
        return tuple(map(given, self.incoming)) or (Input(),)

    def calls(self) -> Iterator[Apply]:
        """The applications of its operators, in the order of computation."""
        return (tensor for tensor in self.tensors if isinstance(tensor, Apply))

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        """The shape of the output; sizes may be symbols."""
        return self.known(inputs, a).shape(self.output)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        """The costs of all its operators."""
        key = (inputs, tuple(a.items()))
        if key not in self._costs:
            acts = self.opened(inputs, a)
            self._costs[key] = self.known(inputs, a).cost(acts)
        return self._costs[key]

    def works_of(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Work, ...]:
        """What all its operators compute."""
        return self.known(inputs, a).works

    def lies(self, x: Shape, made: Shape) -> Order | None:
        """As its equations say."""
        return None

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        """None: its equations are written as a class."""
        raise NotImplementedError

    def opened(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Inner, ...]:
        """What it computes, one after the other; sizes are numbers."""
        key = (inputs, tuple(a.items()))
        if key not in self._opened:
            self._opened[key] = self.written_out(self.known(inputs, a), inputs)
        return self._opened[key]

    def written_out(
        self, inside: Inside, inputs: tuple[Shape, ...]
    ) -> tuple[Inner, ...]:
        """What it computes, where its shapes are known."""
        made = tuple(inside.opened())
        # What stands in the middle of an expression has none.
        names = tuple(x.tensor for x in made if isinstance(x.tensor, Tensor))
        return (*made, Inner(None, (inside.bare(self.output),), (), (), names=names))

    def known(self, inputs: tuple[Shape, ...], a: Arguments) -> Inside:
        """The shapes inside, as far as they were worked out before."""
        key = (inputs, tuple(a.items()))
        if key not in self._insides:
            self._insides[key] = self.inside(inputs, a)
        return self._insides[key]

    def inside(self, inputs: tuple[Shape, ...], a: Arguments) -> Inside:
        """The shapes inside."""
        return Inside(self, dict(zip(self.leaves, inputs, strict=True)), a)

    def code_of(
        self, name: str, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Value]
    ) -> list[object]:
        """What is written of one of its operators for what comes in there."""
        return code_of(self.operators[name], inputs, values)

    def memory_of(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Memory, ...]:
        """What its operators keep, in the order of computation."""
        inside = self.inside(inputs, a)
        found: list[Memory] = []
        for tensor in self.tensors:
            if isinstance(tensor, Apply):
                shapes = tuple(map(inside.shape, tensor.arguments))
                pipeline = self.operators[tensor.operator]
                found += memories(pipeline, shapes, self.values(a))
            elif isinstance(tensor, Elementwise):
                x = inside.shape(tensor.argument)
                found += tensor.function.memory_of((x,), Arguments({}))
        return tuple(found)

    def values(self, a: Arguments) -> dict[Symbolic, Value]:
        """What the symbols in the arguments of its operators stand for.

        The default of an argument is the symbol that it has inside.
        """
        return {argument.default: a[argument.name] for argument in self.arguments}

    @cached_property
    def counts(self) -> frozenset[Symbolic]:
        """The symbols in the arguments of its operators that count something."""
        return counts_of(self.operators.values())


def code_of(
    pipeline: Pipeline, inputs: tuple[Shape, ...], values: Mapping[Symbolic, Value]
) -> list[object]:
    """What is written of an operator for what comes in; equal code is one function.

    A definition has a class, written for where the features of what comes in are, and
    with operators or numbers made for how many there are.
    """
    written = list[object]()
    for step, comes, a, _ in passed(pipeline, inputs, values):
        body = step.operator
        if not isinstance(body, Body):
            written.append(body.written(comes, a))
            continue
        written += (x.layout for x in comes)
        if body.operators or body.scalars:
            written += (x.features for x in comes)
    return written


def counts_of(pipelines: Iterable[Pipeline]) -> frozenset[Symbolic]:
    """The symbols in arguments that count something, by what operators take there.

    A rate (``drop``, or ``drop*i/L``) counts nothing, whatever number it is.
    """
    found: set[Symbolic] = set()
    for step in (step for pipeline in pipelines for step in pipeline.steps):
        operator = step.operator
        for argument in operator.arguments:
            is_whole = (
                argument.default in operator.counts
                if isinstance(operator, Body)
                else not argument.kind.free
            )
            value = step.arguments[argument.name]
            for symbol in symbols_in(value):
                if is_whole or (value / symbol).has(symbol):
                    found.add(symbol)
    return frozenset(found)


def every_step(pipeline: Pipeline, seen: set[Body] | None = None) -> Iterator[Step]:
    """The operators of a pipeline; those inside of a definition by equations once."""
    seen = set() if seen is None else seen
    for step in pipeline.steps:
        yield step
        if isinstance(step.operator, Body) and step.operator not in seen:
            seen.add(step.operator)
            for inner in step.operator.operators.values():
                yield from every_step(inner, seen)


__all__ = ["Body"]
