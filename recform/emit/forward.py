"""The forward pass of a network: start, loop over the blocks, end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sympy

from recform.algebra.expr import Apply, I, L, Learned, Tensor
from recform.algebra.formula import Scope
from recform.emit.formula.statements import BodyWriter
from recform.emit.formula.terms import ATOM, PRODUCT, SUM, Writer, coefficient_text
from recform.emit.naming.names import variable
from recform.emit.naming.namespace import Namespace
from recform.emit.pipelines import PipelineCode, applied, line_of, returned
from recform.emit.plan.definitions import (
    Assign,
    Function,
    Line,
    Loop,
    Return,
    Statement,
    forward,
)
from recform.emit.plan.expressions import Code
from recform.emit.plan.places import HEAD, STEM, Origin, Shared, transition
from recform.graph.model import NetworkGraph
from recform.recurrence.model import START, Flow, ModuleSlot, Slot, Step


@dataclass(frozen=True)
class Attributes:
    """What a forward pass reads of its network.

    Attributes:
        stages: the attributes of the stages.
        inlined: the code of the pieces that have no module of their own.
        pieces: the attributes of those that have one.
        shared: those of what all blocks share.
    """

    stages: Sequence[str]
    inlined: Mapping[Origin, PipelineCode]
    pieces: Mapping[Origin, str]
    shared: Mapping[Shared, str]


class ForwardWriter:
    """The forward pass.

    Args:
        network: the whole.
        single: whether states are single tensors rather than tuples.
        attributes: of the network's class.
    """

    def __init__(
        self, network: NetworkGraph, single: bool, attributes: Attributes
    ) -> None:
        self._network = network
        self._recurrence = network.recurrence
        self._formula = network.recurrence.formula
        self._single = single
        self._has = attributes

    def write(self) -> Function:
        """The method."""
        return forward((*self._before(), *self._blocks(), *self._head()))

    def _before(self) -> Iterator[Statement]:
        yield from self._stem()

    def _blocks(self) -> Iterator[Statement]:
        """The blocks of all flows; what the last one makes is ``self._result``."""
        flows = self._recurrence.flows
        for number, flow in enumerate(flows):
            yield from self._transition(number)
            made, self._result = self._follow(flow, number)
            yield from made
            if self._result != "x" and self._is_kept(number):
                yield Assign("x", Code(self._result))
                self._result = "x"

    def _is_kept(self, number: int) -> bool:
        """Whether the output of a flow gets a name."""
        return self._formula.scope is Scope.STAGE

    def _stem(self) -> Iterator[Statement]:
        if STEM in self._has.inlined:
            line = line_of(self._network.stem.pipeline.span, self._formula.source)
            yield from applied(self._has.inlined[STEM], line)
        elif STEM in self._has.pieces:
            yield Assign("x", Code(f"self.{self._has.pieces[STEM]}(x)"))

    def _transition(self, number: int) -> Iterator[Statement]:
        if number and self._network.transitions:
            attribute = self._has.pieces[transition(number)]
            yield Assign("x", Code(f"self.{attribute}(x)"))

    def _head(self) -> Iterator[Statement]:
        x = self._result
        if HEAD in self._has.inlined:
            line = line_of(self._network.head.pipeline.span, self._formula.source)
            yield from returned(self._has.inlined[HEAD], line, x)
        elif HEAD in self._has.pieces:
            yield Return(Code(f"self.{self._has.pieces[HEAD]}({x})"))
        else:
            yield Return(Code(x))

    def _stages_of(self, number: int) -> list[str]:
        """The containers of the blocks of a flow."""
        stages = [f"self.{name}" for name in self._has.stages]
        return [stages[number]] if self._formula.scope is Scope.STAGE else stages

    def _follow(self, flow: Flow, number: int) -> tuple[list[Statement], str]:
        """The blocks of a flow; and the expression of its output."""
        names = Namespace.forward({"x"})
        writer = self._writer(flow.start, number, {})
        start = BodyWriter(
            flow.start, writer, names, self._name_of(flow.start), self._line
        )
        made: list[Statement] = [*start.write(flow.initial)]
        initial = [writer.show(s) for s in flow.initial if isinstance(s, Tensor)]
        if self._single:
            if initial[0] != "x":
                made.append(Assign("x", Code(initial[0])))
            made += self._run_single(flow, number)
            final = ["x"]
        else:
            final = self._loop(made, flow, number, initial)
        # What went into the loop is not needed any more: its names serve again.
        behind, result = self._end(
            flow, number, final, Namespace.forward({"x", *final})
        )
        return [*made, *behind], result

    def _end(
        self,
        flow: Flow,
        number: int,
        final: list[str],
        names: Namespace,
        indent: int = 8,
    ) -> tuple[tuple[Statement, ...], str]:
        """What is made of the state behind the last block; and its expression."""
        variables: dict[Any, str] = {}
        for slot, text in zip(flow.end.inputs, final, strict=True):
            variables[slot] = text
        end = self._writer(flow.end, number, variables)
        name_of = self._name_of(flow.end)
        tail = BodyWriter(flow.end, end, names, name_of, self._line, indent)
        return tail.write(()), end.show(flow.output)

    def _loop(
        self, made: list[Statement], flow: Flow, number: int, initial: list[str]
    ) -> list[str]:
        """Adds the loops over the blocks; returns where the last state is."""
        names = self._state_names(flow)
        if names:
            new = [
                (n, text) for n, text in zip(names, initial, strict=True) if n != text
            ]
            if new:
                targets, texts = (
                    ", ".join(column) for column in zip(*new, strict=True)
                )
                made.append(Assign(targets, Code(texts)))
            made += self._run(flow, number)
            return list(names)
        trailing = "," if len(initial) == 1 else ""
        varying = [n for n, f in enumerate(self._recurrence.flows) if self._varies(f)]
        kind = self._state_type() if number == varying[0] else ""
        state = Code(f"({', '.join(initial)}{trailing})")
        made.append(Assign("state", state, type=kind))
        made += self._run(flow, number)
        used = self._needed(flow)
        if len(flow.end.inputs) == 1:
            made.append(Assign("(x,)", Code("state")))
            return ["x"]
        read = [n for n, slot in enumerate(flow.end.inputs) if slot in used]
        start, end = len(initial), len(flow.end.inputs)
        if len(read) == 1 or (not kind and start != end):
            parts = {n: f"state[{n if n < start else n - end}]" for n in read}
            return [parts.get(n, "_") for n in range(end)]
        last = self._names_of(flow)
        last = tuple(name if n in read else "_" for n, name in enumerate(last))
        made.append(Assign(", ".join(last), Code("state")))
        return list(last)

    def _varies(self, flow: Flow) -> bool:
        """Whether the state grows or shrinks from block to block."""
        steps = (self._recurrence.steps[run.step] for run in flow.runs)
        sizes = {len(slots) for step in steps for slots in (step.inputs, step.outputs)}
        return sizes != {len(flow.initial)}

    def _state_names(self, flow: Flow) -> tuple[str, ...]:
        """The variables that hold the state; none if it is a tuple that varies."""
        return () if self._varies(flow) else self._names_of(flow)

    def _names_of(self, flow: Flow) -> tuple[str, ...]:
        """A variable for each tensor that the last block hands on."""
        names = Namespace.forward()
        last, order = flow.end.at - 1, self._recurrence.order
        return tuple(names.new(variable(s, last, order)) for s in flow.end.inputs)

    def _state_type(self) -> str:
        """The annotation of the state, where it is more than what it starts with.

        TorchScript follows a tuple whose length changes, but not one that is said to be
        of any length.
        """
        flows = [flow for flow in self._recurrence.flows if self._varies(flow)]
        steps = [self._recurrence.steps[run.step] for f in flows for run in f.runs]
        if any(isinstance(s, ModuleSlot) for step in steps for s in step.outputs):
            return "tuple[Any, ...]"
        size = len(flows[0].initial)
        for flow in flows:
            end, used = flow.end.inputs, self._needed(flow)
            read = [n for n, slot in enumerate(end) if slot in used]
            # From the front or from behind, within what the tuple starts with.
            near = all(n < size or n >= len(end) - size for n in read)
            if len(flow.initial) != size or not near or len(end) == 1 < size:
                return "tuple[Tensor, ...]"
        return ""

    def _run_single(self, flow: Flow, number: int) -> Iterator[Statement]:
        """The blocks of a flow, each of which takes what the one before makes."""
        for stage in self._stages_of(number):
            yield Assign("x", Code(f"{stage}(x)"))

    def _run(self, flow: Flow, number: int) -> Iterator[Statement]:
        """The blocks of a flow, which take a state and hand on the next."""
        # A loop for each: TorchScript has none over several containers.
        for stage in self._stages_of(number):
            yield self._looped(stage, flow, number)

    def _looped(self, blocks: str, flow: Flow, number: int) -> Loop:
        """The loop over some blocks."""
        names = self._state_names(flow)
        given = names or ("*state",)
        arguments = ", ".join([*self._shared_arguments(flow, number), *given])
        target = ", ".join(names) if len(names) != 1 else f"({names[0]},)"
        step = Assign(target if names else "state", Code(f"block({arguments})"))
        return Loop("block", Code(blocks), (step,))

    def _needed(self, flow: Flow) -> set[Any]:
        needed: set[Any] = set()
        for tensor in flow.end.body:
            needed.update(flow.end.parts(tensor))
        needed.add(flow.output)
        return needed

    def _shared_arguments(self, flow: Flow, number: int) -> list[str]:
        """What the network hands to every block: the same for all steps of a flow."""
        return [
            f"self.{self._has.shared[Shared(name, number)]}"
            for name in self._recurrence.handed(flow)
        ]

    def _writer(self, step: Step, number: int, variables: dict[Any, str]) -> Writer:
        network = self._network
        shapes = (
            network.starts[number].shapes
            if step.role == START
            else network.ends[number].shapes
        )

        def operator(tensor: Apply, argument: str) -> str:
            first = tensor.index is not sympy.nan and int(tensor.index) == 0
            module = self._has.shared[Shared(tensor.operator, number, first)]
            return f"self.{module}({argument})"

        flow = self._recurrence.flows[number]
        # The end is written as that of a short network.
        behind = 0 if step.role == START else flow.length - (step.at - 1)

        def coefficient(tensor: Tensor) -> tuple[str, int]:
            value = tensor.coefficient
            names = {
                item: f"self.{self._has.shared[Shared(item.name, number)]}"
                for item in value.atoms(Learned)
            }
            numbers = {L: sympy.Integer(flow.length)}
            if tensor.at is not sympy.nan:
                numbers[I] = tensor.at + behind
            value = value.xreplace(numbers)
            text = coefficient_text(value, names, torch=True)
            return text, SUM if value.is_Add else ATOM if value.is_Atom else PRODUCT

        return Writer(
            step.parts,
            step.bare,
            lambda tensor: shapes[tensor],
            operator,
            lambda value, parent: "",
            coefficient,
            variables,
        )

    def _name_of(self, step: Step) -> Callable[[Slot], str]:
        return partial(variable, at=step.at, order=self._recurrence.order)

    def _line(self, tensor: Tensor) -> Line | None:
        """The line of the boundary equation that says what a tensor is."""
        for boundary in self._formula.boundaries:
            if boundary.left == tensor:
                return line_of(boundary.span, self._formula.source)
        return None
