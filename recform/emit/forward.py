"""The forward pass of a network: start, loop over the blocks, end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import sympy

from recform.algebra.expr import Apply, I, L, Learned, Tensor
from recform.emit.body import BodyWriter
from recform.emit.expressions import ATOM, PRODUCT, SUM, Writer, coefficient_text
from recform.emit.names import base_name, variable
from recform.emit.namespace import Namespace
from recform.emit.pipelines import PipelineCode, chain, marked
from recform.emit.text import Lines
from recform.graph.model import NetworkGraph, Piece
from recform.recurrence.model import Flow, ModuleSlot, Slot, Step


class ForwardWriter:
    """Writes the forward pass.

    Args:
        network: the whole.
        single: whether states are single tensors rather than tuples.
        stage_names: the attributes of the stages.
        inlined: the code of the stem and the head, if they have no class.
        attributes: of stem, head and transitions that have one.
        shared: the attributes of what all blocks share, by name and flow.
    """

    def __init__(
        self,
        network: NetworkGraph,
        single: bool,
        stage_names: Sequence[str],
        inlined: Mapping[str, PipelineCode],
        attributes: Mapping[str, str],
        shared: Mapping[tuple[str, int], str],
    ) -> None:
        self._network = network
        self._recurrence = network.recurrence
        self._formula = network.recurrence.formula
        self._single = single
        self._stage_names = stage_names
        self._inlined = inlined
        self._attribute = attributes
        self._shared_attributes = shared

    def write(self, lines: Lines) -> None:
        """Writes the method."""
        if self._formula.scope == "stage":
            self._staged_forward(lines)
        else:
            self._plain_forward(lines)

    def _plain_forward(self, lines: Lines) -> None:
        flow = self._recurrence.flows[0]
        lines.add("def forward(self, x: Tensor) -> Tensor:")
        with lines.indented():
            self._apply_piece(lines, "stem", "x")
            stages = [f"self.{name}" for name in self._stage_names]
            result = self._follow(lines, flow, 0, stages)
            self._return_piece(lines, "head", result)

    def _staged_forward(self, lines: Lines) -> None:
        lines.add("def forward(self, x: Tensor) -> Tensor:")
        with lines.indented():
            self._apply_piece(lines, "stem", "x")
            for number, flow in enumerate(self._recurrence.flows):
                if number and self._network.transitions:
                    attribute = self._attribute[f"transition{number + 1}"]
                    lines.assign("x", f"self.{attribute}(x)")
                result = self._follow(
                    lines, flow, number, [f"self.{self._stage_names[number]}"]
                )
                if result != "x":
                    lines.assign("x", result)
            self._return_piece(lines, "head", "x")

    def _apply_piece(self, lines: Lines, role: str, x: str) -> None:
        if role in self._inlined:
            statements, result = chain(self._inlined[role], x, "x")
            mark = marked(self._piece(role).pipeline.span, self._formula.source)
            for statement in statements:
                lines.statement(statement, mark)
            lines.assign("x", result, mark)
        elif role in self._attribute:
            lines.assign("x", f"self.{self._attribute[role]}({x})")

    def _return_piece(self, lines: Lines, role: str, x: str) -> None:
        if role in self._inlined:
            statements, result = chain(self._inlined[role], x, "x")
            mark = marked(self._piece(role).pipeline.span, self._formula.source)
            for statement in statements:
                lines.statement(statement, mark)
            lines.returns(result, mark)
        elif role in self._attribute:
            lines.returns(f"self.{self._attribute[role]}({x})")
        else:
            lines.returns(x)

    def _piece(self, role: str) -> Piece:
        return self._network.stem if role == "stem" else self._network.head

    def _follow(self, lines: Lines, flow: Flow, number: int, stages: list[str]) -> str:
        """The blocks of a flow; returns the expression of its output."""
        names = Namespace.forward({"x"})
        writer = self._writer(flow.start, number, {})
        body = BodyWriter(
            flow.start, writer, names, self._name_of(flow.start), self._mark
        )
        body.write(lines, flow.initial)
        initial = [writer.show(s) for s in flow.initial if isinstance(s, Tensor)]
        if self._single:
            if initial[0] != "x":
                lines.assign("x", initial[0])
            self._run_single(lines, flow, number, stages)
            final = ["x"]
        else:
            final = self._loop(lines, flow, number, stages, initial, names)
        return self._end(lines, flow, number, final, names)

    def _end(
        self, lines: Lines, flow: Flow, number: int, final: list[str], names: Namespace
    ) -> str:
        """What is made of the state behind the last block; returns its expression."""
        variables: dict[Any, str] = {}
        for slot, text in zip(flow.end.inputs, final, strict=True):
            variables[slot] = text
        end = self._writer(flow.end, number, variables)
        tail = BodyWriter(flow.end, end, names, self._name_of(flow.end), self._mark)
        tail.write(lines, ())
        return end.show(flow.output)

    def _loop(
        self,
        lines: Lines,
        flow: Flow,
        number: int,
        stages: list[str],
        initial: list[str],
        names: Namespace,
    ) -> list[str]:
        trailing = "," if len(initial) == 1 else ""
        kind = "" if number else self._state_type()
        lines.statement(f"state{kind} = ({', '.join(initial)}{trailing})")
        shared = self._shared_arguments(flow, number)
        arguments = ", ".join([*shared, "*state"])
        self._run(lines, flow, number, stages, arguments)
        used = self._needed(flow)
        if len(flow.end.inputs) == 1:
            lines.add("(x,) = state")
            return ["x"]
        # What went into the loop is not needed any more: the same names serve again.
        targets_of = Namespace.forward({"x"})
        targets = []
        for slot in flow.end.inputs:
            if slot not in used:
                targets.append("_")
            elif not isinstance(slot, Tensor) or slot == flow.output:
                targets.append("x")
            else:
                targets.append(targets_of.new(base_name(slot)))
        start, end = len(initial), len(targets)
        read = [n for n, target in enumerate(targets) if target != "_"]
        if len(read) == 1 or (not kind and start != end):
            texts = {n: f"state[{n if n < start else n - end}]" for n in read}
            return [texts.get(n, "_") for n in range(end)]
        lines.assign(", ".join(targets), "state")
        return targets

    def _state_type(self) -> str:
        """The annotation of the state, where it is more than what it starts with.

        TorchScript follows a tuple whose length changes, but not one that is said to be
        of any length.
        """
        flows = self._recurrence.flows
        steps = [self._recurrence.steps[run.step] for f in flows for run in f.runs]
        if any(isinstance(s, ModuleSlot) for step in steps for s in step.outputs):
            return ": tuple[Any, ...]"
        size = len(flows[0].initial)
        for flow in flows:
            end, used = flow.end.inputs, self._needed(flow)
            read = [n for n, slot in enumerate(end) if slot in used]
            # From the front or from behind, within what the tuple starts with.
            near = all(n < size or n >= len(end) - size for n in read)
            if len(flow.initial) != size or not near or len(end) == 1 < size:
                return ": tuple[Tensor, ...]"
        return ""

    def _run_single(
        self, lines: Lines, flow: Flow, number: int, stages: list[str]
    ) -> None:
        """The blocks of some stages, each of which takes what the one before makes."""
        for stage in stages:
            lines.assign("x", f"{stage}(x)")

    def _run(
        self,
        lines: Lines,
        flow: Flow,
        number: int,
        stages: list[str],
        arguments: str,
    ) -> None:
        """The blocks of some stages, which take a state and hand on the next."""
        # A loop for each: TorchScript has none over several containers.
        for stage in stages:
            lines.add(f"for block in {stage}:")
            with lines.indented():
                lines.assign("state", f"block({arguments})")

    def _needed(self, flow: Flow) -> set[Any]:
        needed: set[Any] = set()
        for tensor in flow.end.body:
            needed.update(flow.end.parts(tensor))
        needed.add(flow.output)
        return needed

    def _shared_arguments(self, flow: Flow, number: int) -> list[str]:
        """What the network hands to every block: the same for all steps of a flow."""
        return [
            f"self.{self._shared_attributes[name, number]}"
            for name in self._recurrence.handed(flow)
        ]

    def _writer(self, step: Step, number: int, variables: dict[Any, str]) -> Writer:
        network = self._network
        shapes = (
            network.starts[number].shapes
            if step.role == "start"
            else network.ends[number].shapes
        )

        def operator(tensor: Apply, argument: str) -> str:
            name = tensor.operator
            if tensor.index is not sympy.nan and int(tensor.index) == 0:
                name = f"{name}_0"
            return f"self.{self._shared_attributes[name, number]}({argument})"

        flow = self._recurrence.flows[number]
        # The end is written as that of a short network.
        behind = 0 if step.role == "start" else flow.length - (step.at - 1)

        def coefficient(tensor: Tensor) -> tuple[str, int]:
            value = tensor.coefficient
            names = {
                item: f"self.{self._shared_attributes[item.name, number]}"
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

    def _mark(self, tensor: Tensor) -> str:
        """The boundary equation that says what a tensor is, as a comment."""
        for boundary in self._formula.boundaries:
            if boundary.left == tensor:
                return marked(boundary.span, self._formula.source)
        return ""
