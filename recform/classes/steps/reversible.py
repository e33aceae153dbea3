"""Blocks that are run backwards: the method that makes of what a block hands on what it got.

The inverse is the analysis's (`analysis/invariants/inverse.py`), in the names of the block's
class. The proof reads it back: behind the forward pass it gives what went in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import Apply, I, Learned, Scaled, Tensor, Weighted, subtensors
from recform.algebra.formula import Formula
from recform.algebra.indices import untimed
from recform.algebra.reindex import numbered, reindexed
from recform.algebra.written.constants import is_of_block
from recform.analysis.invariants.backwards import (
    no_use,
    obstacle,
    rows_back,
    solved_states,
    way_back,
)
from recform.analysis.invariants.inverse import Inverse, inverse
from recform.blocks.amount import Dtype
from recform.blocks.symbolic import Symbolic
from recform.classes.network import plan_network
from recform.diagnostics import CompileError, Diagnostics
from recform.execution.library import INVERSE, REVERSIBLE
from recform.graph.model import NetworkGraph, Segment
from recform.linear.forms import tensor_of
from recform.memory import Back, Memory
from recform.plan.definitions import (
    Assign,
    Class,
    Definition,
    Function,
    Parameter,
    Return,
    Statement,
)
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace, fail
from recform.plan.network import NetworkPlan, StepPlan
from recform.recurrence.model import Place, Slot, Step
from recform.writers.formula.coefficients import coefficient_code
from recform.writers.formula.terms import Writer
from recform.writers.names import argument_names, is_inline, variable

#: By what share of the largest tensor of a row a state may be off that is had back.
MOST_OFF = 1e-3


def reversing(plan: NetworkPlan) -> NetworkPlan:
    """The plan of a network whose regular blocks keep nothing.

    Raises:
        CompileError: RF531, if there is no inverse; RF532, if no block can use it; RF219,
            if a module has the name of the method.
    """
    formula = plan.graph.recurrence.formula
    report = Diagnostics()
    found = way_back(formula, report)
    changed: dict[str, Definition] = {}
    obstacles: list[str] = []
    for step, planned in _regular(plan):
        made = _class_of(plan, planned)
        if made is None and planned.printed.is_class:
            return plan  # Its blocks are of a class that stands with another network.
        if made is None:
            obstacles.append("its blocks have no class")
            continue
        if any(item.name == INVERSE for item in made.attributes):
            fail(
                f"a module is called {INVERSE!r}, and blocks that are run backwards need "
                "the name",
                formula.equations[0].span,
                "give it another one",
            )
        writer = _Inverse(plan, step, planned, made, found)
        if writer.obstacle():
            obstacles.append(writer.obstacle())
        else:
            changed[made.name] = writer.write()
    if not changed:
        no_use(formula, [*obstacles, "no block of it is like the others"][0], report)
    return plan.changed(lambda made: changed.get(made.name, made))


def ways_back(network: NetworkGraph, dtype: Dtype) -> Back | None:
    """Which parts of a network a plan may have run backwards; None if none.

    They have an inverse and a class that it can stand in, and rounding errors stay below
    :data:`MOST_OFF` in a row of them.
    """
    report = Diagnostics()
    try:
        rows, found = rows_back(network, report), inverse(network.recurrence.formula)
        names = Namespace.module(argument_names(network.recurrence.formula))
        plan = plan_network(network, names, "")
    except CompileError:
        return None
    written = set()
    for step, planned in _regular(plan):
        made = _class_of(plan, planned)
        named = made and any(item.name == INVERSE for item in made.attributes)
        if made is None or named:
            continue
        if not _Inverse(plan, step, planned, made, found).obstacle():
            written.add(step)
    steps = network.recurrence.steps
    segments = [s for stage in network.stages for s in stage.segments]
    classes = [steps[s.step] in written for s in segments for _ in range(s.count)]
    ends = zip(rows.forms, (False, *classes, False), strict=True)
    parts = tuple(form is Memory.reversible and there for form, there in ends)
    most = found.lost.longest(sum(parts), dtype.error, MOST_OFF)
    return Back(parts, most) if most and any(parts) else None


def _regular(plan: NetworkPlan) -> Iterator[tuple[Step, StepPlan]]:
    """The steps of blocks that are like others."""
    for step, planned in zip(plan.graph.recurrence.steps, plan.steps, strict=True):
        if step.role.place in (Place.REGULAR, Place.PATTERN):
            yield step, planned


def _class_of(plan: NetworkPlan, planned: StepPlan) -> Class | None:
    """The class of the blocks of a step, if it stands with this network."""
    made = next((d for d in plan.definitions if d.name == planned.name), None)
    return made if isinstance(made, Class) else None


@dataclass(frozen=True)
class _Inverse:
    """Writes the inverse of a step.

    Attributes:
        plan: of the network.
        step: of the recurrence.
        planned: what it is as code.
        made: its class.
        found: the inverse of a block, with the index i.
    """

    plan: NetworkPlan
    step: Step
    planned: StepPlan
    made: Class
    found: Inverse

    @property
    def _solved(self) -> list[tuple[Tensor, Tensor]]:
        """What is solved for, in order, and what it is."""
        rights = [tensor_of(item.right) for item in inverse(self._named()).steps]
        states = solved_states(self.step, self.found)
        return [
            (state, numbered(right, self.step.at, 0))
            for state, right in zip(states, rights, strict=True)
            if right is not None
        ]

    def obstacle(self) -> str:
        """Why a block cannot use the inverse; empty if it can."""
        formula = self.plan.graph.recurrence.formula
        if why := obstacle(self.plan.graph, self.step, self.found):
            return why
        for _, right in self._solved:
            for part in subtensors(right):
                if isinstance(part, Weighted) and is_of_block(part.coefficient):
                    return "its class has no words for a number of the block in it"
        if all(segment.block.sites for segment in self._segments()):
            return "what its blocks get is adapted in each of them"
        for name in self.planned.inlined:
            if is_inline(formula, name):
                return f"the parts of {name} are the block's own"
            own = untimed(name)
            return f"{own} has no module that the way back could call, as {own}_i has"
        if any("." in name for name in self._operators()):
            return "its operators stand in containers"
        return ""

    def _operators(self) -> list[str]:
        """The attributes of the operators that the block owns."""
        known = self.plan.graph.recurrence.formula.operators
        paths = self.planned.modules.items()
        return [path.removeprefix("self.") for name, path in paths if name in known]

    def write(self) -> Class:
        """The class with the method, and with a frame around its forward pass."""
        (forward,) = self.made.methods
        names = ", ".join(f'"{name}"' for name in self._operators())
        framed = replace(forward, around=f"{REVERSIBLE}({names})")
        return replace(self.made, methods=(framed, self._method(forward)))

    def _method(self, forward: Function) -> Function:
        order = self.plan.graph.recurrence.order
        names = Namespace.forward()
        handed = self.planned.printed.handed
        shared = forward.parameters[: len(handed)]
        calls = dict(zip(handed, (names.new(p.name) for p in shared), strict=True))
        variables: dict[Slot, str] = {
            slot: names.new(variable(slot, self.step.at, order))
            for slot in self.step.outputs
        }
        inputs = tuple(Parameter(name, "Tensor") for name in variables.values())
        body: list[Statement] = []
        for tensor, right in self._solved:
            text = self._writer(tensor, variables, calls).show(right)
            variables[tensor] = names.new(variable(tensor, self.step.at, order))
            body.append(Assign(variables[tensor], Code(text)))
        given = ", ".join(variables[slot] for slot in self.step.inputs)
        kind = forward.result
        about = "What the block got, from what it hands on."
        made = (*body, Return(Code(given)))
        return Function(INVERSE, (*shared, *inputs), kind, made, about)

    def _writer(
        self, made: Tensor, variables: dict[Slot, str], calls: Mapping[str, str]
    ) -> Writer:
        step, modules = self.step, self.planned.modules
        shapes = next(self._segments()).block.shapes
        newest = made.xreplace({made.index: sympy.Integer(step.at)})

        def operator(tensor: Apply) -> str:
            return calls.get(tensor.operator) or modules[tensor.operator]

        def coefficient(tensor: Tensor) -> tuple[str, int]:
            value = tensor.coefficient
            scalars = {
                item: calls.get(item.name) or modules[item.name]
                for item in value.atoms(Learned)
            }
            return coefficient_code(value, scalars)

        return Writer(
            step.parts,
            _bare,
            # What is no tensor of the block is what is solved for, or a sum that makes it.
            lambda tensor: shapes.get(tensor, shapes[newest]),
            operator,
            lambda value, parent: "",
            coefficient,
            variables=variables,
        )

    def _named(self) -> Formula:
        """The formula, with the attributes for numbers that depend on the block.

        What an equation is solved for is then said by what its block has.
        """
        formula = self.plan.graph.recurrence.formula
        at = {I: sympy.Integer(self.step.at)}

        def said(value: Symbolic, where: Symbolic) -> tuple[Symbolic, Symbolic]:
            value = value.xreplace({x: x.xreplace(at) for x in value.atoms(Learned)})
            return self.planned.said.get(value, value), where

        equations = (
            replace(item, right=reindexed(item.right, lambda index: index, said))
            for item in formula.equations
        )
        return replace(formula, equations=tuple(equations))

    def _segments(self) -> Iterator[Segment]:
        """The blocks that take the step."""
        for stage in self.plan.graph.stages:
            for segment in stage.segments:
                if self.plan.graph.recurrence.steps[segment.step] is self.step:
                    yield segment


def _bare(term: Tensor) -> Tensor:
    while isinstance(term, Scaled):
        term = term.tensor
    return term
