"""The forward pass of a step: the formula, in the names of the block's class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import sympy

from recform.algebra.expr import Apply, Filled, I, K, L, Learned, Scaled, Tensor
from recform.blocks import Shape
from recform.blocks.identifiers import identifier
from recform.blocks.symbolic import Symbolic
from recform.classes.steps.owned import Owned, at_block
from recform.graph.calls import stacks
from recform.graph.model import Site
from recform.plan.definitions import Function, Line, Parameter, Return, Statement
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.plan.parts import PipelineCode
from recform.recurrence.model import (
    ModuleSlot,
    Recurrence,
    Slot,
    Step,
    contexts_of,
    read_by,
)
from recform.writers.formula.reckoned import Reckoned
from recform.writers.formula.stacked import slot_type
from recform.writers.formula.statements import BodyWriter
from recform.writers.formula.terms import Writer
from recform.writers.names import context_names, variable
from recform.writers.pipelines import line_of
from recform.writers.says import line_marks


@dataclass(frozen=True)
class Called:
    """What a constructor makes, by what it is of the formula.

    Attributes:
        modules: the expression of each operator and learned scalar of the block.
        inlined: the code of operators whose parts are the block's own.
        said: coefficients that depend on the block, with the attributes for their parts.
    """

    modules: Mapping[str, str]
    inlined: Mapping[str, PipelineCode]
    said: Mapping[Symbolic, Symbolic]


class StepForward:
    """Makes the forward pass of a step.

    Args:
        recurrence: the whole.
        step: of it.
        own: what its blocks own.
        called: what that is called.
        shared: operators and scalars that the network hands to every block.
    """

    def __init__(
        self,
        recurrence: Recurrence,
        step: Step,
        own: Owned,
        called: Called,
        shared: tuple[str, ...],
    ) -> None:
        self._recurrence = recurrence
        self._formula = recurrence.formula
        self._step = step
        self._own = own
        self._called = called
        self._shared = shared

    def write(self) -> tuple[Function, BodyWriter]:
        """The method, and what has written its statements."""
        step = self._step
        contexts = context_names(self._recurrence)
        names = Namespace.forward(contexts.values())
        parameters: list[Parameter] = []
        calls: dict[str, str] = {}
        scalars: dict[Learned, str] = {}
        for shared in self._shared:
            name = names.new(f"{identifier(shared).lower()}_shared")
            if shared in self._formula.operators:
                calls[shared] = name
            else:
                scalars[Learned(shared)] = name
            parameters.append(Parameter(name, self._kind(shared)))
        variables: dict[Slot, str] = {}
        for slot in map(step.inputs.__getitem__, read_by(step)):
            name = names.new(variable(slot, step.at, self._recurrence.order))
            if isinstance(slot, ModuleSlot):
                scalars[Learned(slot.name, slot.index)] = name
            parameters.append(Parameter(name, self._type(slot)))
            variables[slot] = name
        for tensor in contexts_of(step):
            variables[tensor] = contexts[tensor]
            parameters.append(Parameter(contexts[tensor], "Tensor"))
        for scalar in self._own.scalars:
            members = (K,) if self._formula.scalars[scalar].members else ()
            owned = Learned(scalar, sympy.Integer(step.at), *members)
            scalars[owned] = self._called.modules[scalar]
        values = (self._number(tensor) for tensor in step.coefficients)
        reckoned = Reckoned(values, scalars, names)
        writer = self._writer(variables, calls, reckoned)
        line = line_marks(self._formula, self._step)
        body = BodyWriter(
            step,
            writer,
            names,
            partial(variable, at=step.at, order=self._recurrence.order),
            line,
        )
        statements = body.write(step.outputs, self._inlined)
        texts = [self._output(slot, writer, variables) for slot in step.outputs]
        types = ", ".join(map(self._type, step.outputs))
        kind = types if len(texts) == 1 else f"tuple[{types}]"
        first = reckoned.statements(line(step.body[0]) if step.body else None)
        made: tuple[Statement, ...] = (
            *first,
            *statements,
            Return(Code(", ".join(texts))),
        )
        return Function("forward", tuple(parameters), kind, made), body

    def _kind(self, name: str) -> str:
        """The type of an operator or a learned scalar that is handed on."""
        return "Tensor" if name in self._formula.scalars else "nn.Module"

    def _type(self, slot: Slot) -> str:
        return (
            self._kind(slot.name) if isinstance(slot, ModuleSlot) else slot_type(slot)
        )

    def _output(self, slot: Slot, writer: Writer, variables: Mapping[Slot, str]) -> str:
        if isinstance(slot, ModuleSlot):
            if slot in variables:
                return variables[slot]
            return self._called.modules[slot.name]
        return writer.show(slot)

    def _writer(
        self,
        variables: dict[Slot, str],
        calls: Mapping[str, str],
        reckoned: Reckoned,
    ) -> Writer:
        step = self._step

        def operator(tensor: Apply) -> str:
            name = tensor.operator
            if tensor.index is sympy.nan:
                return calls[name]
            if int(tensor.index) != step.at:
                return variables[ModuleSlot(name, int(tensor.index))]
            return self._called.modules[name]

        def adapter(value: Tensor, parent: Tensor) -> str:
            return self._own.adapters.get(Site(value, parent), "")

        def coefficient(tensor: Tensor) -> tuple[str, int]:
            return reckoned.code(self._number(tensor))

        def shape(tensor: Tensor) -> Shape:
            return self._own.blocks[0].shapes[tensor]

        return Writer(
            step.parts,
            step.bare,
            shape,
            operator,
            adapter,
            coefficient,
            partial(stacks, self._formula, shape),
            variables,
        )

    def _inlined(self, tensor: Apply) -> tuple[PipelineCode, Line | None] | None:
        """The code of an inlined operator, and its line; None if it is none."""
        if tensor.operator not in self._called.inlined:
            return None
        if tensor.index is not sympy.nan and int(tensor.index) != self._step.at:
            return None
        span = self._formula.operators[tensor.operator].span
        line = line_of(span, self._formula.source)
        return self._called.inlined[tensor.operator], line

    def _number(self, tensor: Scaled | Filled) -> Symbolic:
        """A coefficient, said by the block's attributes where it depends on the block."""
        value: Symbolic = tensor.coefficient
        if value.has(I) or value.has(L):
            return self._called.said[at_block(value, tensor, self._step)]
        return value
