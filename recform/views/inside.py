"""Draws what is in the box of an operator: its pipeline, its definition by equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from recform.algebra.definitions.body import Body
from recform.algebra.expr import Apply, Tensor
from recform.blocks import Detail, Shape
from recform.diagram import text
from recform.diagram.model import Cluster, Edge, Kind, Node
from recform.recurrence.model import Slot, Step
from recform.views import facts
from recform.views.opened import Box, Call, Scope, boxes, inside
from recform.views.parts import Setting, slug

if TYPE_CHECKING:
    from recform.views.interior import Interior


def framed(interior: Interior, tensor: Apply, label: str, scope: Scope) -> str:
    """An operator as a frame around what it is made of; the node that ends it."""
    canvas, setting = interior.canvas, interior.setting
    pipeline = setting.operators[tensor.operator]
    made = boxes(pipeline, scope, setting.opening.names)
    lead = made[0].lead
    if len(made) == 1 and not isinstance(lead.operator, Body) and not lead.details:
        _told(interior, lead)
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
    flows: dict[object, Setting] = {}
    for number, box in enumerate(made):
        call, around = box.lead, _flow(interior, made, box, within, flows)
        opened = alone or _enters(around, call, tensor)
        tails = (tail,) if tail else interior.sources(tensor)
        if opened and isinstance(call.operator, Body):
            setting = around if alone else _frame(interior, call, around)
            tail = _definition(interior, call.operator, call, tails, setting)
            continue
        if opened and call.details:
            setting = around if alone else _frame(interior, call, around)
            tail = _detailed(interior, box, tails, setting, tensor)
            continue
        _told(interior, call)
        node = _box(interior, box, around, tensor, last=box is made[-1])
        if tail:
            _edge(interior, tail, node, made[number - 1].output)
        else:
            interior.feed(tensor, node)
        tail = node
    return tail


def _enters(within: Setting, call: Call, tensor: Apply) -> bool:
    """Whether an operator in a pipeline is opened: a definition, or one of the library.

    Who opens an operator of the network by its name opens those of the library in its row.
    """
    operator, opening = call.operator, within.opening
    inner = operator.operators.values() if isinstance(operator, Body) else ()
    own = within.body is None and not isinstance(operator, Body)
    named = own and tensor.operator in opening.names
    return named or opening.opens(operator.name, *inner, level=within.level)


def _told(interior: Interior, call: Call) -> None:
    """Says of a plugin's operator in an opened one that it has no inside to show."""
    if call.is_silent:
        interior.canvas.remark(
            f"{call.operator.name} stays one box, for its plugin does not say what is in it"
        )


def _flow(
    interior: Interior,
    made: Sequence[Box],
    box: Box,
    within: Setting,
    flows: dict[object, Setting],
) -> Setting:
    """The frame of the innermost flow of the file around a box that is opened by name."""
    around = within
    path = box.lead.within
    for depth, (name, _) in enumerate(path, start=1):
        inside = sum(1 for other in made if other.lead.within[:depth] == path[:depth])
        # A frame around one box, or around all that is in a frame, would say no more.
        if name not in within.opening.names or not 1 < inside < len(made):
            continue
        if path[:depth] not in flows:
            flows[path[:depth]] = _framed(
                interior, name, path[depth - 1][1].text, around
            )
        around = flows[path[:depth]]
    return around


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
    """A frame around an operator that stands beside others in a pipeline."""
    said = f"{call.said}: {call.operator.about}"
    made = _framed(interior, call.operator.name, said, within)
    return replace(made, level=within.level + 1)


def _framed(interior: Interior, name: str, said: str, within: Setting) -> Setting:
    canvas = interior.canvas
    base = canvas.fresh(f"{within.prefix}-{slug(name)}")
    frame = Cluster(
        canvas.fresh(f"{base}-frame"), text.formula(name), said, parent=within.cluster
    )
    canvas.clusters.append(frame)
    return replace(within, prefix=base, cluster=frame.id)


def _detailed(
    interior: Interior,
    box: Box,
    tails: tuple[str, ...],
    within: Setting,
    tensor: Apply,
) -> str:
    """An operator as what it says that it computes; the node that ends it."""
    canvas, call = interior.canvas, box.lead
    first, details = interior.is_first(tensor), call.details
    nodes = dict(zip(call.operator.inputs, tails, strict=True))
    for detail in details:
        last = detail is details[-1]
        lines = [detail.note, *([box.after] if last else [])]
        notes = [
            row
            for line in lines
            if line
            for row in text.wrapped(text.formula(line), 22)
        ]
        size = detail.parameters if first else 0
        if size:
            notes.append(text.words(facts.count(size, "parameter")))
        identifier = canvas.fresh(f"{within.prefix}-{slug(detail.name)}")
        canvas.nodes.append(
            Node(
                identifier,
                _kind(detail),
                (text.formula(detail.said),),
                f"{call.operator.name}: {detail.said}",
                interior.setting.names.tensor(tensor) if last else "",
                within.cluster,
                note=tuple(notes),
                parameters=size,
            )
        )
        for part in detail.of:
            _edge(interior, nodes[part], identifier, None)
        nodes[detail.name] = identifier
    return nodes[details[-1].name]


def _kind(detail: Detail) -> Kind:
    if detail.learned:
        return Kind.operator
    if detail.activation:
        return Kind.activation
    return Kind.combine if len(detail.of) > 1 else Kind.function


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
        # In a recurrence over positions all are those of one, what comes in too.
        solid = body.inside(known, call.arguments)
        shapes = dict(zip(body.leaves, known, strict=True))
        shapes |= {tensor: solid.shape(tensor) for tensor in body.tensors}
    setting = replace(
        within,
        names=facts.Names(step, within.names.index, decimals=within.names.decimals),
        body=body,
        scope=inside(body, call.arguments, call.scope),
        block=None,
        blocks=(),
        shapes=shapes,
    )
    sources: dict[Slot, str] = dict(zip(body.leaves, tails, strict=True))
    inner = type(interior)(setting, sources, interior.canvas)
    return inner.tail(body.output)
