"""The forward pass of a network: start, loop over the blocks, end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from operator import attrgetter

import sympy

from recform.algebra.expr import Apply, I, L, Learned, State, Tensor
from recform.algebra.formula import Formula, Scope
from recform.blocks.exact import filled
from recform.classes.composed import in_a_row
from recform.classes.steps.passes import Pass, passes, stack_names
from recform.graph.calls import stacks
from recform.plan.definitions import (
    Assign,
    Function,
    Line,
    Loop,
    Return,
    Statement,
    forward,
)
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from recform.plan.places import HEAD, STEM, Shared, transition
from recform.recurrence.model import START, Flow, ModuleSlot, Slot, Step
from recform.writers.formula.coefficients import coefficient_code
from recform.writers.formula.statements import BodyWriter
from recform.writers.formula.terms import Writer
from recform.writers.names import base_name, context_names, variable
from recform.writers.pipelines import applied, line_of, returned


@dataclass(frozen=True)
class Passage:
    """The way through a stage.

    Attributes:
        stage: its module.
        runs: its blocks; none where the module runs them itself.
        state: the variables of what it hands on.
    """

    stage: str
    runs: tuple[Pass, ...] = ()
    state: tuple[str, ...] = ("x",)


@dataclass(frozen=True)
class Way:
    """The way through the stages of a flow.

    Attributes:
        before: what is made in front of them.
        stages: in order.
        behind: what is made behind them.
        result: the expression of the flow's output.
        started, ended: the tensors that have a variable in front of the stages, and behind
            them, in the order of the statements.
        names: the variables in front of the stages.
    """

    before: tuple[Statement, ...]
    stages: tuple[Passage, ...]
    behind: tuple[Statement, ...]
    result: str
    started: tuple[Tensor, ...]
    ended: tuple[Tensor, ...]
    names: tuple[str, ...]

    def named(self) -> tuple[Statement, ...]:
        """What is made behind the stages, with a name for the result."""
        if self.result == "x":
            return self.behind
        return (*self.behind, Assign("x", Code(self.result)))


def with_forward(plan: NetworkPlan) -> NetworkPlan:
    """The plan of a network with the forward pass."""
    formula = plan.graph.recurrence.formula
    method = (
        ForwardWriter(plan).write()
        if plan.stages
        else forward(in_a_row(plan.rows[HEAD], formula.source), _inputs(formula))
    )
    return plan.having(replace(plan.network, methods=(method,)))


def _inputs(formula: Formula) -> tuple[str, ...]:
    """What a network takes, whether its blocks read it or not."""
    return ("x", *formula.contexts)


class ForwardWriter:
    """The forward pass.

    Args:
        plan: of the network.
    """

    def __init__(self, plan: NetworkPlan) -> None:
        self._plan = plan
        self._network = plan.graph
        self._recurrence = plan.graph.recurrence
        self._formula = self._recurrence.formula
        self._contexts = context_names(self._recurrence)

    def write(self) -> Function:
        """The method."""
        body = list(self.stem())
        for way in self.ways():
            body += way.before
            for stage in way.stages:
                body += _through(stage)
            # Stages by themselves hand on a value each, which has a name.
            by_stage = self._formula.scope is Scope.STAGE
            body += way.named() if by_stage else way.behind
            result = "x" if by_stage else way.result
        return forward((*body, *self._head(result)), _inputs(self._formula))

    def ways(self) -> list[Way]:
        """The ways through the stages of each flow."""
        return [self._way(*item) for item in enumerate(self._recurrence.flows)]

    def stem(self) -> Iterator[Statement]:
        """What the stem does."""
        if STEM in self._plan.pieces:
            yield Assign("x", Code(f"self.{self._plan.pieces[STEM]}(x)"))
        elif STEM in self._plan.rows:
            line = line_of(self._network.stem.pipeline.span, self._formula.source)
            yield from applied(self._plan.rows[STEM], line)

    def _transition(self, number: int) -> Iterator[Statement]:
        if number and self._network.transitions:
            attribute = self._plan.pieces[transition(number)]
            yield Assign("x", Code(f"self.{attribute}(x)"))

    def _head(self, x: str) -> Iterator[Statement]:
        if HEAD in self._plan.pieces:
            yield Return(Code(f"self.{self._plan.pieces[HEAD]}({x})"))
        elif HEAD in self._plan.rows:
            line = line_of(self._network.head.pipeline.span, self._formula.source)
            yield from returned(self._plan.rows[HEAD], line, x)
        else:
            yield Return(Code(x))

    def _way(self, number: int, flow: Flow) -> Way:
        """The way through the blocks of a flow."""
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
        before = [*self._transition(number), *start.write(flow.initial)]
        names_of = dict(writer.variables)
        initial = [writer.show(s) for s in flow.initial if isinstance(s, Tensor)]
        by_stage = self._formula.scope is Scope.STAGE
        numbers = [number] if by_stage else list(range(len(self._plan.stages)))
        if self._plan.single:
            if initial[0] != "x":
                before.append(Assign("x", Code(initial[0])))
            stages = [Passage(f"self.{self._plan.stages[n]}") for n in numbers]
        else:
            first, calls = passes(self._network, numbers, initial, flow, lists)
            before += _into_loop(flow, first, calls[0], initial, lists)
            stages = [
                self._passage(stage, list(members), number)
                for stage, members in groupby(calls, attrgetter("stage"))
            ]
        final = stages[-1].state[: len(flow.end.inputs)]
        # What went into the loop is not needed any more: its names serve again.
        tail, writer = self._end(number, final, self._scope("x", *final))
        behind, result = tail.write(()), writer.show(flow.output)
        made = start.variables, tail.variables
        started = tuple(names_of[tensor] for tensor in start.variables)
        return Way(tuple(before), tuple(stages), behind, result, *made, started)

    def _passage(self, stage: int, calls: list[Pass], number: int) -> Passage:
        """The way through a stage whose blocks take a state and hand on the next."""
        runs = []
        for item in calls:
            shared = (
                f"self.{attribute}"
                for name in item.shared
                if (attribute := self._plan.shared.get(Shared(name, number)))
            )
            runs.append(replace(item, shared=tuple(shared)))
        return Passage(f"self.{self._plan.stages[stage]}", tuple(runs), calls[-1].makes)

    def _scope(self, *taken: str) -> Namespace:
        """The variables that are still free."""
        return Namespace.forward({*self._contexts.values(), *taken})

    def end(
        self, number: int, final: Sequence[str], names: Namespace, indent: int = 8
    ) -> tuple[tuple[Statement, ...], str]:
        """What is made of the state behind blocks, as if they were the last ones.

        Args:
            number: of the flow.
            final: the variables of the state.
            names: the variables that are still free.
            indent: of the statements.

        Returns:
            Statements, and the expression of the flow's output.
        """
        tail, writer = self._end(number, final, names, indent)
        statements = tail.write(())
        return statements, writer.show(self._recurrence.flows[number].output)

    def _end(
        self, number: int, final: Sequence[str], names: Namespace, indent: int = 8
    ) -> tuple[BodyWriter, Writer]:
        """What writes that; the arguments are those of :meth:`end`."""
        flow = self._recurrence.flows[number]
        variables: dict[Slot, str] = {}
        for slot, text in zip(flow.end.inputs, final, strict=True):
            variables[slot] = text
        variables.update(self._contexts)
        end = self._writer(flow.end, number, variables)
        name_of = self._name_of(flow.end)
        return BodyWriter(flow.end, end, names, name_of, self._line, indent), end

    def _writer(self, step: Step, number: int, variables: dict[Slot, str]) -> Writer:
        network = self._network
        shapes = (
            network.starts[number].shapes
            if step.role == START
            else network.ends[number].shapes
        )

        def operator(tensor: Apply) -> str:
            first = tensor.index is not sympy.nan and int(tensor.index) == 0
            return f"self.{self._plan.shared[Shared(tensor.operator, number, first)]}"

        def scalar(item: Learned) -> str:
            if item.index is sympy.nan:
                return f"self.{self._plan.shared[Shared(item.name, number)]}"
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
            value = filled(value, numbers)
            return coefficient_code(value, names)

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


def _through(passage: Passage) -> Iterator[Statement]:
    """The call of a stage, or of its blocks."""
    if not passage.runs:
        yield Assign("x", Code(f"{passage.stage}(x)"))
    for run in passage.runs:
        if run.alone:
            yield from run.called(passage.stage + run.one)
        else:
            blocks = Code(passage.stage + run.several)
            yield Loop("block", blocks, run.called("block"))


def _into_loop(
    flow: Flow,
    start: Sequence[str],
    first: Pass,
    initial: Sequence[str],
    lists: Sequence[str],
) -> Iterator[Statement]:
    """The variables that the first of the blocks reads, and lists for the stacks.

    Args:
        flow: that of the blocks.
        start: the variables of what there is in front of them.
        first: the call of the first.
        initial: the expressions of what there is in front of them.
        lists: the variables of the stacks.
    """
    known = dict(zip(start, initial, strict=False))
    read = (name for name in first.takes if name in known)
    new = [(name, known[name]) for name in read if name != known[name]]
    if new:
        targets, texts = (", ".join(column) for column in zip(*new, strict=True))
        yield Assign(targets, Code(texts))
    for stack, name in zip(flow.stacks, lists, strict=True):
        made = initial[stack.kept[0]] if 0 in stack.kept else ""
        # Where it has a name by now, it is not computed again.
        made = next((named for named, text in new if text == made), made)
        kind = "" if made else "list[Tensor]"
        yield Assign(name, Code(f"[{made}]"), type=kind)
