"""The flows of a network: those of its frame, and those of its operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from recform.algebra.pipeline import Pipeline, Step
from recform.blocks import Arguments, Layout, Operator, Shape, defaults
from recform.blocks.arguments import unsaid
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.lowering.flows.pipelines import NONE, PipelineReader
from recform.operators.ids import IDS
from recform.outline.definitions import every_name
from recform.outline.operator_calls import example
from recform.outline.sections import DEFAULTS, LIFT, RISE, Section, statement_text
from recform.outline.survey import Survey
from recform.outline.unused import idle_flows
from recform.source import Span
from recform.syntax import nodes as n


class NetworkFlows:
    """Reads the flows of one network.

    Args:
        section: the statements.
        found: what the equations name.
        shape: of the input.
        values: of constants and parameters.
        report: gets RF2xx.

    Attributes:
        frame: stem, head, adapters and transition, by role.
        operators: those that the equations name.
        structural: names of parameters that decide how the network is built.
    """

    def __init__(
        self,
        section: Section,
        found: Survey,
        shape: Shape,
        values: Mapping[str, Symbolic],
        report: Diagnostics,
    ) -> None:
        self._section = section
        self._report = report
        self._layout = shape.layout.value
        self._values = values
        self._reader = self._reads(report)
        self.frame: dict[str, Pipeline] = {}
        for role in ("stem", "head", "adapter", RISE, "transition", LIFT):
            item = section.single.get(role)
            if item is None:
                continue  # tokens and vectors have no grid that could become finer
            assert isinstance(item, n.Pipeline)
            empty = Pipeline(role, (), NONE)
            taken = role in section.defaulted and self._is_taken(item)
            self.frame[role] = empty if taken else self._reader.read(role, item.flow)
        stem, head = self.frame["stem"], self.frame["head"]
        self.frame["stem"], self.frame["head"] = _sharing(stem, head, shape)
        self.operators = {
            name: self._operator(name, span) for name, span in found.operators.items()
        }
        for name in section.definitions:
            if name not in self.operators:
                self._reader.define(name)
        self.structural = self._reader.structural

    def _reads(self, report: Diagnostics) -> PipelineReader:
        section = self._section
        params = frozenset(section.params)
        library, definitions = section.library, section.definitions
        return PipelineReader(library, definitions, self._values, params, report)

    def _is_taken(self, item: n.Pipeline) -> bool:
        """Whether a flow that the file leaves out has a name that means something else there.

        It is reported (RF203) where the network has a use for the flow.
        """
        section = self._section
        own = [x for x in every_name(item.flow) if x in section.definitions]
        if not own:
            return False
        tried = Diagnostics()
        self._reads(tried).read(item.role, item.flow)
        places = [label.span.source.name for x in tried for label in x.labels[:1]]
        if DEFAULTS not in places:
            return False
        if item.role not in idle_flows(section):
            self._report.error(
                "RF203",
                f"the file has no `{item.role}`, so it is {item.flow.span.words}, and "
                f"{own[0]} is something else here",
                section.definitions[own[0]].span,
                hint=f"give {own[0]} another name, or write {item.role} ... in the file",
            )
        return True

    def _operator(self, name: str, span: Span) -> Pipeline:
        section = self._section
        if name in section.definitions:
            return self._reader.define(name)
        operator = section.library.lookup(name)
        if operator is not None:
            return self._plain(name, operator, span)
        image = self._layout == "image"
        text = defaults.IMAGE_BLOCK if image else defaults.VECTOR_BLOCK
        return self._reader.read(name, statement_text(text))

    def _plain(self, name: str, operator: Operator, span: Span) -> Pipeline:
        """An operator of the library, which an equation names without arguments."""
        needed = [a.name for a in operator.arguments if a.required]
        if needed:
            self._report.error(
                "RF203",
                f"{name} needs its {' and '.join(needed)}, "
                "which an equation does not give",
                span,
                hint=f"define an operator, such as {name[0].upper()} = {example(operator)}, "
                f"and write {name[0].upper()}_i in its place",
            )
        step = Step(operator, unsaid(operator.arguments), "", span)
        return Pipeline(name, (step,), name, span)


def _sharing(stem: Pipeline, head: Pipeline, shape: Shape) -> tuple[Pipeline, Pipeline]:
    """Both with what operators of the head have in common with one of the stem.

    Those of the head know how many ids there are; None where the stem has no such weight.
    """
    owner = next((step for step in stem.steps if step.operator.shares), None)
    takers = [step for step in head.steps if step.operator.shares]
    ids = shape.features if owner and shape.layout is Layout.IDS else None

    def marked(step: Step) -> Step:
        return replace(step, shares=step.operator.shares)

    def knowing(step: Step) -> Step:
        arguments = Arguments({**step.arguments, IDS: ids})
        return replace(marked(step), arguments=arguments) if step in takers else step

    if owner and takers:
        steps = tuple(marked(step) if step is owner else step for step in stem.steps)
        stem = replace(stem, steps=steps)
    return stem, replace(head, steps=tuple(map(knowing, head.steps)))
