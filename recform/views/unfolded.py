"""A block of the network in a frame, with operators that are opened in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import sympy

from recform.algebra.expr import Apply, I
from recform.algebra.typeset import plain
from recform.diagram import text
from recform.diagram.model import Cluster, Edge
from recform.recurrence.model import ModuleSlot, Slot, Step, contexts_of
from recform.views import facts
from recform.views.bundles import Bundle
from recform.views.interior import Interior
from recform.views.parts import Setting
from recform.views.sketch import Carried, called
from recform.views.spine import straightened

if TYPE_CHECKING:
    from recform.views.overview import Overview


def unfold(
    writer: Overview, bundle: Bundle, step: Step, label: str, stage: str
) -> None:
    """Draws a block, or one of several equal ones, in a frame within its stage."""
    setting = _setting(writer, bundle, step, stage)
    doors = _doors(writer, setting, step)
    interior = Interior(setting, doors)
    tails = [interior.tail(slot) for slot in step.outputs]
    nodes, edges = interior.canvas.nodes, interior.canvas.edges
    if step.inputs and tails:
        nodes, edges = straightened(nodes, edges, doors[step.inputs[0]], tails[0])
    given = {slot: [carried] for slot, carried in _around(writer, doors).items()}
    # What goes through a block as it is comes from where it came from.
    carried = dict(zip(step.inputs, writer.carried, strict=False))
    real = {door: carried[slot].tail for slot, door in doors.items() if slot in carried}
    made = writer.out_of(bundle, step, [real.get(tail, tail) for tail in tails])
    given |= writer.into(bundle, step, made)
    writer.clusters.append(
        Cluster(setting.cluster, text.words(label), label, parent=stage)
    )
    writer.clusters += interior.canvas.clusters
    writer.nodes += [replace(n, parameters=n.parameters * bundle.count) for n in nodes]
    writer.edges += _entered(
        writer, edges, {doors[slot]: slot for slot in doors}, given
    )
    writer.remarks += [s for s in interior.canvas.remarks if s not in writer.remarks]
    writer.carried = made


def _setting(writer: Overview, bundle: Bundle, step: Step, stage: str) -> Setting:
    lead = bundle.lead.block
    alike = all(s.block.shapes == lead.shapes for s, _ in bundle.segments)
    prefix = f"{stage}-block-{bundle.first}"
    return Setting(
        writer.formula,
        facts.Names(
            step,
            I if bundle.count > 1 else sympy.Integer(bundle.first),
            decimals=writer.formula.decimals,
        ),
        prefix,
        f"{prefix}-frame",
        blocks=tuple(writer.alike[bundle.lead.step]),
        block=lead if alike else None,
        shapes=lead.shapes if alike else None,
        opening=writer.opening,
    )


def _doors(writer: Overview, setting: Setting, step: Step) -> dict[Slot, str]:
    """Where each thing comes in, until it is known from where: a name for each."""
    modules = [
        ModuleSlot(tensor.operator, tensor.index)
        for tensor in step.body
        if isinstance(tensor, Apply)
        and tensor.operator in writer.modules
        and not (tensor.index.is_Integer and tensor.index >= 1)
    ]
    slots = dict.fromkeys([*step.inputs, *contexts_of(step), *modules])
    return {slot: f"{setting.prefix}-door-{n}" for n, slot in enumerate(slots)}


def _around(writer: Overview, doors: Mapping[Slot, str]) -> dict[Slot, Carried]:
    """Further inputs, and modules of the network itself."""
    found: dict[Slot, Carried] = {}
    for slot in doors:
        if isinstance(slot, ModuleSlot):
            if slot.name in writer.modules:
                found[slot] = Carried(writer.modules[slot.name], None, None)
        elif slot in writer.contexts:
            tail, shape = writer.contexts[slot]
            found[slot] = Carried(tail, None, shape)
    return found


def _entered(
    writer: Overview,
    edges: list[Edge],
    slots: Mapping[str, Slot],
    given: Mapping[Slot, list[Carried]],
) -> list[Edge]:
    """The edges, those through a door from where it leads; the first of each has words."""
    found: list[Edge] = []
    told: set[Slot] = set()
    for edge in edges:
        if edge.tail not in slots:
            found.append(edge)
            continue
        slot = slots[edge.tail]
        for number, carried in enumerate(given[slot]):
            label, tooltip, group = _said(writer, slot, carried)
            again = replace(
                edge,
                id=edge.id if not number else f"{edge.id}-{number + 1}",
                tail=carried.tail,
                label=() if slot in told else label,
                tooltip=tooltip,
                group=group,
            )
            found.append(again)
        told.add(slot)
    return found


def _said(writer: Overview, slot: Slot, carried: Carried) -> tuple[text.Text, str, int]:
    if isinstance(slot, ModuleSlot):
        return writer.said(carried, slot)
    if slot in writer.contexts:
        return writer.said(carried, None, plain(slot))
    return writer.said(carried, called(slot, carried))
