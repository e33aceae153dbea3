"""Draws what is in the box of an operator: its pipeline, its definition by equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from recform.algebra.body import Body
from recform.algebra.expr import Apply, Tensor
from recform.blocks import Shape
from recform.diagram import text
from recform.diagram.model import Cluster, Edge, Node
from recform.diagram.views import facts
from recform.diagram.views.opened import Box, Call, Scope, boxes, inside
from recform.diagram.views.parts import Setting, slug
from recform.recurrence.model import Slot, Step

if TYPE_CHECKING:
    from recform.diagram.views.interior import Interior


def framed(interior: Interior, tensor: Apply, label: str, scope: Scope) -> str:
    """An operator as a frame around what it is made of; the node that ends it."""
    canvas, setting = interior.canvas, interior.setting
    pipeline = setting.operators[tensor.operator]
    made = boxes(pipeline, scope)
    if len(made) == 1 and not isinstance(made[0].lead.operator, Body):
        # A frame around one box would say no more.
        node = _box(interior, made[0], setting, tensor, name=label)
        interior.feed(tensor, node)
        return node
    base = canvas.fresh(f"{setting.prefix}-{slug(label)}")
    frame = Cluster(
        canvas.fresh(f"{base}-frame"),
        text.formula(label),
        f"{setting.names.tensor(tensor)}: {pipeline.text}",
        parent=setting.cluster,
    )
    canvas.clusters.append(frame)
    within = replace(setting, prefix=base, cluster=frame.id, level=setting.level + 1)
    return drawn(interior, tensor, made, within)


def drawn(
    interior: Interior, tensor: Apply, made: Sequence[Box], within: Setting
) -> str:
    """The boxes of a pipeline, one after the other; the node that ends it.

    Args:
        interior: what it stands in.
        tensor: what the whole pipeline makes.
        made: the boxes.
        within: the frame around them.
    """
    tail = ""
    # What is nothing else is drawn in the frame that is there.
    alone = len(made) == 1 and within.body is None
    for number, box in enumerate(made):
        call = box.lead
        body = call.operator
        if isinstance(body, Body) and (alone or _enters(within, body)):
            tails = (tail,) if tail else interior.sources(tensor)
            setting = within if alone else _frame(interior, call, within)
            tail = _definition(interior, body, call, tails, setting)
            continue
        node = _box(interior, box, within, tensor, last=box is made[-1])
        if tail:
            _edge(interior, tail, node, made[number - 1].output)
        else:
            interior.feed(tensor, node)
        tail = node
    return tail


def _enters(within: Setting, body: Body) -> bool:
    return within.opening.opens(body.name, body.operators.values(), within.level)


def _box(
    interior: Interior,
    box: Box,
    within: Setting,
    tensor: Apply,
    *,
    last: bool = True,
    name: str = "",
) -> str:
    canvas, call = interior.canvas, box.lead
    meaning = interior.setting.names.tensor(tensor) if last else ""
    first = interior.is_first(tensor)
    size = box.parameters if first else 0
    # `outer`, as a function of equations, is called what it is.
    what = call.label() if name not in ("", call.operator.name) else ""
    lines = [*([text.formula(what)] if what else []), *box.notes]
    notes = [row for line in lines for row in text.wrapped(line, 22)]
    if not first:
        notes.append(text.words("the same again"))
    elif size:
        notes.append(text.words(facts.count(size, "parameter")))
    identifier = canvas.fresh(f"{within.prefix}-{slug(name or call.operator.name)}")
    canvas.nodes.append(
        Node(
            identifier,
            call.kind,
            (text.formula(name or call.label()),),
            "; ".join(filter(None, (meaning, box.said))),
            meaning,
            within.cluster,
            shared=interior.is_shared(tensor),
            note=tuple(notes),
            parameters=size,
        )
    )
    return identifier


def _edge(interior: Interior, tail: str, head: str, shape: Shape | None) -> None:
    canvas, said = interior.canvas, "" if shape is None else str(shape)
    identifier = canvas.fresh(f"{interior.setting.prefix}-edge-{len(canvas.edges) + 1}")
    label = text.words(said.replace(" x ", "×"))
    canvas.edges.append(Edge(identifier, tail, head, label, said))


def _frame(interior: Interior, call: Call, within: Setting) -> Setting:
    """A frame around a definition that stands beside others in a pipeline."""
    canvas, name = interior.canvas, call.operator.name
    base = canvas.fresh(f"{within.prefix}-{slug(name)}")
    frame = Cluster(
        canvas.fresh(f"{base}-frame"),
        text.formula(name),
        f"{call.said}: {call.operator.about}",
        parent=within.cluster,
    )
    canvas.clusters.append(frame)
    return replace(within, prefix=base, cluster=frame.id, level=within.level + 1)


def _definition(
    interior: Interior,
    body: Body,
    call: Call,
    tails: tuple[str, ...],
    within: Setting,
) -> str:
    """A definition by equations, drawn as a block is; the node that ends it."""
    step = Step(
        at=0,
        # No number in it is that of a block.
        absolute=1,
        inputs=body.leaves,
        outputs=(body.output,),
        body=tuple(t for t in body.tensors if t not in body.leaves),
        definitions=body.definitions,
    )
    known = call.scope.inputs
    shapes: dict[Tensor, Shape] = {}
    if known is not None and call.made is not None:
        solid = body.inside(known, call.arguments)
        shapes = {tensor: solid.shape(tensor) for tensor in body.tensors}
        shapes |= dict(zip(body.leaves, known, strict=True))
    setting = replace(
        within,
        names=facts.Names(step),
        body=body,
        scope=inside(body, call.arguments, call.scope),
        block=None,
        blocks=(),
        shapes=shapes,
    )
    sources: dict[Slot, str] = dict(zip(body.leaves, tails, strict=True))
    inner = type(interior)(setting, sources, interior.canvas)
    return inner.tail(body.output)
