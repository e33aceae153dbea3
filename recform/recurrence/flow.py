"""The largest flow through a network of edges, by shortest augmenting ways.

Edmonds and Karp (1972). The networks have a few dozen nodes, and the flow is the number
of tensors in a state; a library of graphs takes longer to import than all of this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

#: The capacity of an edge that takes any flow.
ANY = float("inf")

N = TypeVar("N", bound=Hashable)


class Flow(Generic[N]):
    """Edges with capacities, in the order in which they were added."""

    def __init__(self) -> None:
        self._capacity: dict[N, dict[N, float]] = {}
        self._before: dict[N, dict[N, None]] = {}
        self._flow: dict[N, dict[N, int]] = {}

    def __contains__(self, node: N) -> bool:
        return node in self._capacity

    def edge(self, start: N, end: N, capacity: float = ANY) -> None:
        """Adds an edge; one that is there keeps its place."""
        for node in (start, end):
            self._capacity.setdefault(node, {})
            self._before.setdefault(node, {})
            self._flow.setdefault(node, {})
        self._capacity[start][end] = capacity
        self._before[end][start] = None
        self._flow[start].setdefault(end, 0)

    def fill(self, start: N, end: N) -> int:
        """Sends as much as it can from start to end, in units; how much that is.

        Every way from start to end has to pass an edge of finite capacity.
        """
        total = 0
        while end in (reached := self._reached(start, end)):
            node = end
            while node != start:
                before = reached[node]
                assert before is not None
                if node in self._flow[before] and self._is_free(before, node):
                    self._flow[before][node] += 1
                else:
                    self._flow[node][before] -= 1
                node = before
            total += 1
        return total

    def reachable(self, start: N) -> set[N]:
        """Nodes to which more could flow, of what has been sent."""
        return set(self._reached(start))

    def sent(self) -> dict[N, dict[N, int]]:
        """What flows over each edge."""
        return {node: dict(ends) for node, ends in self._flow.items()}

    def _is_free(self, start: N, end: N) -> bool:
        return self._flow[start][end] < self._capacity[start][end]

    def _reached(self, start: N, end: N | None = None) -> dict[N, N | None]:
        """Nodes to which more could flow, each with the one before it, up to an end."""
        reached: dict[N, N | None] = {start: None}
        waiting = deque([start])
        while waiting and end not in reached:
            node = waiting.popleft()
            onward = [other for other in self._flow[node] if self._is_free(node, other)]
            back = [
                other for other in self._before[node] if self._flow[other][node] > 0
            ]
            for other in (*onward, *back):
                if other not in reached:
                    reached[other] = node
                    waiting.append(other)
        return reached
