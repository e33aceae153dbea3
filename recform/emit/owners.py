"""A network under names that say what each parameter is for, whatever the file calls it.

A file may choose where parameters live (`names`, labels), so a name tells nothing by
itself. The plain network is emitted from the same graph with the defaults instead: its
parameters can be named from what the writers know, and it computes the same, so that
the parameters of the two correspond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from recform.algebra.definitions.body import Body
from recform.algebra.formula import Formula, Scope
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.typeset import plain
from recform.blocks.identifiers import identifier
from recform.classes.network import plan_network
from recform.emit.module import emit, module_names
from recform.graph.model import NetworkGraph, Piece, Site, StageGraph
from recform.memory import Memory
from recform.plan.network import NetworkPlan
from recform.plan.places import Kind
from recform.recurrence.build import relative
from recform.recurrence.model import Step as BlockStep
from recform.recurrence.moves import move
from recform.target import Target

#: How far back a block is counted from the block that reads it.
_REACH = 64
#: What a file says of memory does not matter here.
_PLAIN = Target(memory=Memory.plain)


@dataclass(frozen=True)
class Owner:
    """What parameters belong to.

    Attributes:
        kind: ``stem``, ``head``, ``transition``, ``operator``, ``scalar`` or ``adapter``.
        name: the letter of the operator, the name of the scalar, or what the adapter
            adapts, seen from its block (``X_<i-1>``).
        stage: counted from 1; 0 for what belongs to the whole network.
        block: counted from 1 in its stage; 0 for what belongs to no block.
        index: the number of the block, as the formula counts; None where it has none.
        rises: whether it is an adapter for a grid that becomes finer.
    """

    kind: str
    name: str
    stage: int = 0
    block: int = 0
    index: int | None = None
    rises: bool = False


@dataclass(frozen=True)
class PlainCode:
    """The plain network.

    Attributes:
        name: of its class.
        source: the module.
        owners: what the parameters belong to whose names start like this.
        parts: of the adapters' pipelines, by their numbers where they are an
            nn.Sequential: of the one for a finer grid under True.
    """

    name: str
    source: str
    owners: Mapping[str, Owner]
    parts: Mapping[bool, tuple[str, ...]]


def emit_plain(network: NetworkGraph) -> PlainCode:
    """The network under plain names.

    A part of a pipeline is called after its kind and its number among those of its
    kind: ``conv1``, ``bn1``, ``conv2``. Inside of a definition by equations the letter
    of its operator stands in front.
    """
    graph = plain_graph(network)
    plan = plan_network(graph, module_names([graph]))
    formula = graph.recurrence.formula
    parts = {False: _labels(formula.adapter), True: _labels(formula.rise)}
    return PlainCode(
        plan.network.name, emit([graph], target=_PLAIN), _owners(plan), parts
    )


def _labels(adapter: Pipeline | None) -> tuple[str, ...]:
    steps = adapter.steps if adapter else ()
    return tuple(step.label for step in steps if step.label)


def plain_labels(pipeline: Pipeline, prefix: str = "") -> list[str]:
    """The plain names of the parts of a pipeline; empty for those without a module.

    Args:
        pipeline: the parts.
        prefix: in front of all of them.
    """
    numbers: dict[str, int] = {}
    labels: list[str] = []
    for step in pipeline.steps:
        label = ""
        if step.operator.attribute:
            kind = identifier(step.operator.attribute)
            numbers[kind] = numbers.get(kind, 0) + 1
            join = "_" if kind[-1].isdigit() else ""
            label = f"{prefix}{kind}{join}{numbers[kind]}"
        labels.append(label)
    return labels


def inner_prefix(letter: str) -> str:
    """What stands in front of plain names inside of a definition by equations."""
    return f"{identifier(letter)}_"


def plain_graph(network: NetworkGraph) -> NetworkGraph:
    """The network without the names of its file: what is emitted of it has plain ones."""
    return _Relabelled().graph(network)


class _Relabelled:
    """Pipelines with a label on every part."""

    def __init__(self) -> None:
        self._bodies: dict[Body, Body] = {}

    def graph(self, network: NetworkGraph) -> NetworkGraph:
        formula = self._formula(network.recurrence.formula)
        recurrence = replace(network.recurrence, formula=formula)
        return replace(
            network,
            recurrence=recurrence,
            stem=self._piece(network.stem),
            head=self._piece(network.head),
            transitions=tuple(map(self._piece, network.transitions)),
        )

    def _piece(self, piece: Piece) -> Piece:
        return replace(piece, pipeline=self._pipeline(piece.pipeline))

    def _formula(self, formula: Formula) -> Formula:
        return replace(
            formula,
            stem=self._pipeline(formula.stem),
            head=self._pipeline(formula.head),
            adapter=self._perhaps(formula.adapter),
            rise=self._perhaps(formula.rise),
            transition=self._perhaps(formula.transition),
            lift=self._perhaps(formula.lift),
            operators={n: self._pipeline(p) for n, p in formula.operators.items()},
            names={},
            name_spans={},
        )

    def _perhaps(self, pipeline: Pipeline | None) -> Pipeline | None:
        return None if pipeline is None else self._pipeline(pipeline)

    def _pipeline(self, pipeline: Pipeline, prefix: str = "") -> Pipeline:
        steps: list[Step] = []
        labels = plain_labels(pipeline, prefix)
        for step, label in zip(pipeline.steps, labels, strict=True):
            operator = step.operator
            if isinstance(operator, Body):
                operator = self._body(operator)
            steps.append(replace(step, operator=operator, label=label))
        return replace(pipeline, steps=tuple(steps))

    def _body(self, body: Body) -> Body:
        if body not in self._bodies:
            operators = {
                name: self._pipeline(pipeline, inner_prefix(name))
                for name, pipeline in body.operators.items()
            }
            self._bodies[body] = replace(body, operators=operators)
        return self._bodies[body]


# ------------------------------------------------------------------------- who owns what


def _owners(plan: NetworkPlan) -> dict[str, Owner]:
    network = plan.graph
    formula = network.recurrence.formula
    by_stage = formula.scope is Scope.STAGE
    owners: dict[str, Owner] = {}
    for origin, attribute in plan.pieces.items():
        kind = origin.kind.value
        number = origin.number + 1 if origin.kind is Kind.TRANSITION else 0
        owners[attribute] = Owner(kind, kind, number)
    for key, attribute in plan.shared.items():
        stage = key.flow + 1 if by_stage else 0
        if key.name in formula.scalars:
            owners[attribute] = Owner("scalar", key.name)
        else:
            index = 0 if key.first else None
            owners[attribute] = Owner("operator", key.name, stage, index=index)
    for number, stage_graph in enumerate(network.stages):
        owners |= _of_stage(plan, stage_graph, number + 1)
    return owners


def _of_stage(plan: NetworkPlan, stage: StageGraph, number: int) -> dict[str, Owner]:
    owners: dict[str, Owner] = {}
    network, container = plan.graph, plan.stages[number - 1]
    scalars = network.recurrence.formula.scalars
    position = 0
    for segment in stage.segments:
        code = plan.steps[segment.step]
        step = network.recurrence.steps[segment.step]
        for index in range(segment.first, segment.first + segment.count):
            block = f"{container}.{position}"
            position += 1
            place = (number, position, index)
            for name, path in code.modules.items():
                kind = "scalar" if name in scalars else "operator"
                attribute = path.removeprefix("self.")
                owners[f"{block}.{attribute}"] = Owner(kind, name, *place)
            adapters = code.printed.adapters
            rising = {
                adapters[site]
                for site, bridge in segment.block.sites.items()
                if bridge.stride < 1
            }
            for text, attribute in _adapters(step, adapters, index).items():
                rises = attribute in rising
                owners[f"{block}.{attribute}"] = Owner("adapter", text, *place, rises)
    return owners


def _adapters(
    step: BlockStep, adapters: Mapping[Site, str], index: int
) -> dict[str, str]:
    """The adapters of a block, by what they adapt as that block sees it."""
    found: dict[str, str] = {}
    for site, attribute in adapters.items():
        if attribute in found.values():
            continue
        value = move(site.value, index - step.at, step.absolute)
        text = plain(relative(value, index, index - _REACH))
        number = 2
        # One value may be brought to several shapes.
        while text in found:
            text = f"{text.partition(' (')[0]} ({number})"
            number += 1
        found[text] = attribute
    return found
