"""Nodes, edges and frames as they are added, with ids that stay the same."""

from __future__ import annotations

from dataclasses import dataclass, field

from recform.diagram.model import Cluster, Edge, Node


@dataclass
class Canvas:
    """What has been drawn, and sentences about it."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def fresh(self, base: str) -> str:
        """An id that nothing has: with a number behind it, from the second one on."""
        identifier, number = base, 1
        while identifier in self._ids:
            number += 1
            identifier = f"{base}-{number}"
        self._ids.add(identifier)
        return identifier

    def remark(self, sentence: str) -> None:
        """Keeps a sentence, once."""
        if sentence not in self.remarks:
            self.remarks.append(sentence)
