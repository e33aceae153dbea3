"""The view of one block: what comes in, what the formula makes of it, what goes out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import Apply, Context, I, State, Tensor
from recform.algebra.formula import Formula
from recform.algebra.typeset import plain
from recform.algebra.written.said import boundary_texts, equation_texts
from recform.diagram import text
from recform.diagram.model import Cluster, Diagram, Direction, Edge, Kind, Node, View
from recform.graph.model import NetworkGraph, Segment
from recform.graph.partial import Partial
from recform.recurrence.model import ModuleSlot, Slot, contexts_of
from recform.recurrence.regimes import in_blocks, longest, own_blocks, regimes
from recform.views import facts
from recform.views.interior import Interior
from recform.views.opened import CLOSED, Opening, unopened
from recform.views.parts import Setting, distinct, slug
from recform.views.spine import straightened
from recform.views.times import at_one_time


@dataclass(frozen=True)
class Located:
    """A block of the network.

    Attributes:
        number: counted through the whole network, from 1.
        index: as the formula counts (from 1 in each stage, with ``scope stage``).
    """

    number: int
    index: int
    segment: Segment


def locate(network: NetworkGraph, number: int) -> Located | None:
    """The block of this number; None if the network is shorter."""
    before = 0
    for _, segment in facts.segments(network):
        if number <= before + segment.count:
            return Located(number, segment.first + number - before - 1, segment)
        before += segment.count
    return None


def of_pattern(
    network: NetworkGraph, direction: Direction, opening: Opening = CLOSED
) -> Diagram:
    """The block as the formula says it, for a block i in the middle of the network."""
    recurrence = network.recurrence
    step = recurrence.pattern
    at = at_one_time(recurrence.formula, step)
    blocks = tuple(
        segment.block
        for _, segment in facts.segments(network)
        if recurrence.steps[segment.step] == step
    )
    setting = Setting(
        recurrence.formula,
        facts.Names(
            at.step, I, at.times, at.positions, decimals=recurrence.formula.decimals
        ),
        "",
        "",
        blocks=blocks,
        opening=opening,
    )
    groups = facts.Groups(recurrence, at)
    label = f"block i{at.label}"
    return _draw(setting, groups, label, direction, said=at.said, general=True)


def of_block(
    network: NetworkGraph,
    where: Located,
    direction: Direction,
    opening: Opening = CLOSED,
) -> Diagram:
    """One block of the network, with the shapes and the adapters that it has."""
    recurrence = network.recurrence
    segment = where.segment
    same = [s for _, s in facts.segments(network) if s.step == segment.step]
    at = at_one_time(recurrence.formula, recurrence.steps[segment.step])
    setting = Setting(
        recurrence.formula,
        facts.Names(
            at.step,
            sympy.Integer(where.index),
            at.times,
            at.positions,
            decimals=recurrence.formula.decimals,
        ),
        "",
        "",
        blocks=tuple(s.block for s in same),
        block=segment.block,
        shapes=segment.block.shapes,
        opening=opening,
    )
    label = f"block {where.number}{at.label}"
    groups = facts.Groups(recurrence, at)
    return _draw(setting, groups, label, direction, said=at.said)


def of_partial(
    partial: Partial, direction: Direction, opening: Opening = CLOSED
) -> Diagram:
    """The block in which shapes do not meet, with the two ends marked."""
    assert partial.step is not None
    recurrence = partial.recurrence
    setting = Setting(
        recurrence.formula,
        facts.Names(
            partial.step,
            sympy.Integer(partial.index),
            decimals=recurrence.formula.decimals,
        ),
        "",
        "",
        shapes=partial.shapes,
        at=partial.at,
        ends=partial.ends,
        opening=opening,
    )
    label = f"block {partial.index}: shapes do not meet"
    return _draw(setting, facts.Groups(recurrence), label, direction, wrong=True)


def _draw(
    setting: Setting,
    groups: facts.Groups,
    label: str,
    direction: Direction,
    *,
    said: str = "",
    wrong: bool = False,
    general: bool = False,
) -> Diagram:
    formula, step = setting.formula, setting.names.step
    prefix = f"{slug(formula.name)}-step"
    setting = replace(setting, prefix=prefix, cluster=f"{prefix}-block")
    inputs = distinct([state_node(setting, groups, slot, "in") for slot in step.inputs])
    sources: dict[Slot, str] = {
        s: n.id for s, n in zip(step.inputs, inputs, strict=True)
    }
    contexts = {tensor: context_node(setting, tensor) for tensor in contexts_of(step)}
    sources |= {tensor: node.id for tensor, node in contexts.items()}
    interior = Interior(setting, sources)
    outputs = distinct(
        [state_node(setting, groups, slot, "out") for slot in step.outputs]
    )
    edges = coloured(interior.canvas.edges, [*inputs, *outputs])
    for number, slot in enumerate(step.outputs):
        edges.append(
            Edge(
                f"{prefix}-hands-on-{number + 1}",
                interior.tail(slot),
                outputs[number].id,
                shape_text(setting, slot),
                outputs[number].tooltip,
                group=outputs[number].group,
                module=isinstance(slot, ModuleSlot),
            )
        )
    drawn = [*inputs, *contexts.values(), *interior.canvas.nodes, *outputs]
    nodes = interior.mark(drawn)
    if inputs and outputs:
        nodes, edges = straightened(nodes, edges, inputs[0].id, outputs[0].id)
    cluster = Cluster(f"{prefix}-block", text.words(label), wrong=wrong)
    made = Diagram(
        prefix,
        View.step,
        direction,
        f"{formula.name}: {label}",
        _description(setting, interior, not_for(formula) if general else ""),
        (
            *(general_caption(formula) if general else caption_of(formula)),
            *([text.words(said)] if said else []),
        ),
        tuple(nodes),
        tuple(edges),
        (cluster, *interior.canvas.clusters) if interior.canvas.nodes else (),
        tuple(text.formula(item) for item in groups.texts()),
    )
    others = unopened(setting.opening, formula, [step])
    return remarked(made, [*interior.canvas.remarks, *others])


def remarked(diagram: Diagram, sentences: Iterable[str]) -> Diagram:
    """The diagram with sentences about what is not drawn, under its caption."""
    remarks = tuple(sentences)
    rows = [row for said in remarks for row in text.wrapped(_sentence(said), 72)]
    return replace(diagram, caption=(*diagram.caption, *rows), remarks=remarks)


def _sentence(said: str) -> text.Text:
    """Words with tensors among them, such as X_<i-1>, typeset."""
    parts = re.split(r"(\w+_(?:<[^<>]*>|[A-Z0-9]\b))", said)
    typeset = [(text.formula if n % 2 else text.words)(p) for n, p in enumerate(parts)]
    return text.joined([run for part in typeset for run in part])


def state_node(setting: Setting, groups: facts.Groups, slot: Slot, side: str) -> Node:
    """What a block gets (``in``) or hands on (``out``)."""
    name = setting.names.slot(slot)
    is_module = isinstance(slot, ModuleSlot)
    what = "the module" if is_module else "the tensor"
    verb = "comes in" if side == "in" else "is handed on"
    shape = "" if isinstance(slot, ModuleSlot) else setting.said_shape(slot)
    tooltip = f"{what} {name} {verb}" + (f"; {shape}" if shape else "")
    lines = text.wrapped(text.formula(name), 26)
    return Node(
        f"{setting.prefix}-{side}-{slug(name)}",
        Kind.module if is_module else Kind.state,
        lines,
        tooltip,
        name,
        group=groups.of(slot),
        end="source" if side == "in" else "sink",
    )


def context_node(setting: Setting, tensor: Tensor) -> Node:
    """A further input of the network, or what is made of such ones, as a block gets it."""
    name = setting.names.tensor(tensor)
    what = "input" if isinstance(tensor, Context) else "made before block 1:"
    shape = setting.said_shape(tensor)
    return Node(
        f"{setting.prefix}-input-{slug(name)}",
        Kind.input,
        text.wrapped(text.formula(name), 26),
        f"{what} {name}; {shape}",
        name,
        end="source",
    )


def coloured(edges: list[Edge], states: list[Node]) -> list[Edge]:
    """Edges that carry a state over the border of a block get its colour."""
    groups = {node.id: node.group for node in states}
    return [replace(e, group=groups.get(e.tail, e.group)) for e in edges]


def shape_text(setting: Setting, slot: Slot) -> text.Text:
    """The shape of what is handed on, where shapes are drawn."""
    shape = None if isinstance(slot, ModuleSlot) else setting.shape(slot)
    return text.words("" if shape is None else str(shape).replace(" x ", "×"))


def caption_of(formula: Formula) -> tuple[text.Text, ...]:
    """The equations of the file, and where they start, typeset."""
    # `A_0, B_0 = split(input, 2)` is two boundaries of one text.
    lines = dict.fromkeys(
        [
            *(_for_block_i(formula, line) for line in equation_texts(formula)),
            *(b.text for b in formula.boundaries),
        ]
    )
    return tuple(
        line for item in lines for line in text.wrapped(text.formula(item), 72)
    )


def _for_block_i(formula: Formula, line: str) -> str:
    """An equation with the index of the picture: ``y_<i+1> = ...`` is one for ``y_i``."""
    left = line.partition("=")[0]
    for equation in formula.equations:
        if equation.text == line and re.search(r"_[<{]\s*i\s*[-+]", left):
            right = plain(equation.right, formula.decimals)
            return f"{plain(State(equation.unknown, I))} = {right}"
    return line


def general_caption(formula: Formula) -> tuple[text.Text, ...]:
    """The caption of a picture of the general equations: and where they do not hold."""
    other = not_for(formula)
    return (*caption_of(formula), *([text.words(other)] if other else []))


def not_for(formula: Formula) -> str:
    """The blocks for which a picture of the general equations is not; empty if for all."""
    if not own_blocks(formula):
        return ""
    found = regimes(formula, longest(formula))
    blocks = sorted(n for regime in found if not regime.general for n in regime.blocks)
    whose = "has an equation of its" if len(blocks) == 1 else "have equations of their"
    return f"Not for {in_blocks(blocks)}, which {whose} own"


def equations_of(formula: Formula) -> str:
    """The equations in a row, those of single blocks as well where there are such."""
    texts = equation_texts(formula)
    if own_blocks(formula):
        texts += boundary_texts(formula)
    return "; ".join(texts)


def _description(setting: Setting, interior: Interior, other: str) -> str:
    step = setting.names.step
    slots = (*step.inputs, *contexts_of(step))
    taken = map(setting.names.slot, slots)
    gets = ", ".join(taken)
    makes = ", ".join(setting.names.slot(slot) for slot in step.outputs)
    applied = {setting.names.tensor(t) for t in step.body if isinstance(t, Apply)}
    calls = [n.meaning for n in interior.canvas.nodes if n.meaning in applied]
    sums = sum(1 for n in interior.canvas.nodes if n.kind is Kind.sum)
    parts = [
        equations_of(setting.formula),
        f"The block gets {gets or 'nothing'} and hands on {makes}",
        f"It computes {', '.join(calls) or 'no operator'}",
        f"It has {facts.count(sums, 'sum')}",
        *([other] if other else []),
    ]
    return ". ".join(parts) + "."
