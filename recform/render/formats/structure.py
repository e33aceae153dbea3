"""A diagram as JSON, for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TypeAlias

from recform.diagram import text
from recform.diagram.model import Diagram

_Data: TypeAlias = dict[str, list[dict[str, object]]]


def write(diagram: Diagram) -> str:
    """Nodes, edges and clusters with all that is known of them."""
    data = asdict(diagram)
    for node, made in zip(diagram.nodes, data["nodes"], strict=True):
        made["label"] = [text.plain(line) for line in node.label]
        made["note"] = [text.plain(line) for line in node.note]
    for edge, made in zip(diagram.edges, data["edges"], strict=True):
        made["label"] = text.plain(edge.label)
    for cluster, made in zip(diagram.clusters, data["clusters"], strict=True):
        made["label"] = text.plain(cluster.label)
    for bar, made in zip(diagram.bars, data["bars"], strict=True):
        made["routes"] = text.plain(bar.routes)
    data["caption"] = [text.plain(line) for line in diagram.caption]
    data["groups"] = [text.plain(line) for line in diagram.groups]
    data["heading"] = text.plain(diagram.heading)
    return json.dumps(_without_layout(data), indent=2, ensure_ascii=False) + "\n"


def _without_layout(
    data: _Data,
) -> _Data:
    """What says where things stand is no part of what is drawn."""
    for node in data["nodes"]:
        del node["end"], node["column"], node["least"]
    for edge in data["edges"]:
        del edge["spine"]
    del data["tiles"]
    return data
