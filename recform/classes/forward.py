"""The forward pass of a network: start, loop over the blocks, end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import sympy

from recform.algebra.expr import Apply, I, L, Learned, State, Tensor
from recform.algebra.formula import Scope
from recform.classes.steps.passes import Pass, passes, stack_names
from recform.graph.model import NetworkGraph
from recform.plan.definitions import (
    Assign,
    Do,
    Function,
    Line,
    Loop,
    Return,
    Statement,
    forward,
)
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.plan.places import HEAD, STEM, Origin, Shared, transition
from recform.recurrence.model import START, Flow, ModuleSlot, Slot, Step
from recform.writers.formula.coefficients import coefficient_text
from recform.writers.formula.stacked import stacks
from recform.writers.formula.statements import BodyWriter
from recform.writers.formula.terms import ATOM, PRODUCT, SUM, Writer
from recform.writers.names import base_name, context_names, variable
from recform.writers.pipelines import PipelineCode, applied, line_of, returned


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
        self._contexts = context_names(self._recurrence)

    def write(self) -> Function:
        """The method."""
        body = (*self._before(), *self._blocks(), *self._head())
        return forward(body, ("x", *self._formula.contexts))

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
        names = self._scope("x")
        unknowns = {base_name(State(e.unknown, 0)) for e in self._formula.equations}
        lists = stack_names(flow, self._scope("x", *unknowns))
        writer = self._writer(flow.start, number, {})
        start = BodyWriter(
            flow.start,
            writer,
            names,
            self._name_of(flow.start),
            self._line,
            fixed=self._contexts,
        )
        made: list[Statement] = [*start.write(flow.initial)]
        initial = [writer.show(s) for s in flow.initial if isinstance(s, Tensor)]
        if self._single:
            if initial[0] != "x":
                made.append(Assign("x", Code(initial[0])))
            made += self._run_single(flow, number)
            final = ["x"]
        else:
            final = self._loop(made, flow, number, initial, lists)
        # What went into the loop is not needed any more: its names serve again.
        behind, result = self._end(flow, number, final, self._scope("x", *final))
        return [*made, *behind], result

    def _scope(self, *taken: str) -> Namespace:
        """The variables that are still free."""
        return Namespace.forward({*self._contexts.values(), *taken})

    def _end(
        self,
        flow: Flow,
        number: int,
        final: list[str],
        names: Namespace,
        indent: int = 8,
    ) -> tuple[tuple[Statement, ...], str]:
        """What is made of the state behind the last block; and its expression."""
        variables: dict[Slot, str] = {}
        for slot, text in zip(flow.end.inputs, final, strict=True):
            variables[slot] = text
        variables.update(self._contexts)
        end = self._writer(flow.end, number, variables)
        name_of = self._name_of(flow.end)
        tail = BodyWriter(flow.end, end, names, name_of, self._line, indent)
        return tail.write(()), end.show(flow.output)

    def _loop(
        self,
        made: list[Statement],
        flow: Flow,
        number: int,
        initial: list[str],
        lists: tuple[str, ...],
    ) -> list[str]:
        """Adds the calls of the blocks; returns where the last state is."""
        stages = range(len(self._has.stages))
        numbers = [number] if self._formula.scope is Scope.STAGE else list(stages)
        start, calls = passes(self._network, numbers, initial, flow, lists)
        known = dict(zip(start, initial, strict=False))
        read = (name for name in calls[0].takes if name in known)
        new = [(name, known[name]) for name in read if name != known[name]]
        if new:
            targets, texts = (", ".join(column) for column in zip(*new, strict=True))
            made.append(Assign(targets, Code(texts)))
        for stack, name in zip(flow.stacks, lists, strict=True):
            first = initial[stack.kept[0]] if 0 in stack.kept else ""
            # Where it has a name by now, it is not computed again.
            first = next((named for named, text in new if text == first), first)
            made.append(Assign(name, Code(f"[{first}]"), type="list[Tensor]"))
        made += self._run(calls, flow, number)
        return list(calls[-1].makes)[: len(flow.end.inputs)]

    def _run_single(self, flow: Flow, number: int) -> Iterator[Statement]:
        """The blocks of a flow, each of which takes what the one before makes."""
        for stage in self._stages_of(number):
            yield Assign("x", Code(f"{stage}(x)"))

    def _run(
        self, calls: Sequence[Pass], flow: Flow, number: int
    ) -> Iterator[Statement]:
        """The blocks of a flow, which take a state and hand on the next."""
        for item in calls:
            stage = f"self.{self._has.stages[item.stage]}"
            if item.alone:
                yield from self._called(item, f"{stage}{item.one}", number)
            else:
                made = self._called(item, "block", number)
                yield Loop("block", Code(f"{stage}{item.several}"), made)

    def _called(self, item: Pass, block: str, number: int) -> tuple[Statement, ...]:
        """The call of a block, and what it puts on stacks."""
        shared = (
            f"self.{attribute}"
            for name in item.shared
            if (attribute := self._has.shared.get(Shared(name, number)))
        )
        arguments = ", ".join([*shared, *item.takes])
        call = Assign(", ".join(item.makes), Code(f"{block}({arguments})"))
        kept = (Do(Code(f"{name}.append({value})")) for name, value in item.keeps)
        return (call, *kept)

    def _writer(self, step: Step, number: int, variables: dict[Slot, str]) -> Writer:
        network = self._network
        shapes = (
            network.starts[number].shapes
            if step.role == START
            else network.ends[number].shapes
        )

        def operator(tensor: Apply) -> str:
            first = tensor.index is not sympy.nan and int(tensor.index) == 0
            return f"self.{self._has.shared[Shared(tensor.operator, number, first)]}"

        def scalar(item: Learned) -> str:
            if item.index is sympy.nan:
                return f"self.{self._has.shared[Shared(item.name, number)]}"
            # The last blocks hand theirs on.
            return variables[ModuleSlot(item.name, int(item.index))]

        flow = self._recurrence.flows[number]
        # The end is written as that of a short network.
        behind = 0 if step.role == START else flow.length - (step.at - 1)

        def coefficient(tensor: Tensor) -> tuple[str, int]:
            value = tensor.coefficient
            names = {item: scalar(item) for item in value.atoms(Learned)}
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
            partial(stacks, self._formula, shapes.__getitem__),
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
