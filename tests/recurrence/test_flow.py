"""Flows held against networkx."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from recform.recurrence.flow import ANY, Flow

NODES = st.integers(0, 7)
EDGES = st.lists(st.tuples(NODES, NODES, st.integers(1, 3)), max_size=30)


@given(EDGES)
def test_the_flow_is_the_largest_and_the_cut_the_nearest(
    edges: list[tuple[int, int, int]],
) -> None:
    flow, graph = Flow[int](), nx.DiGraph()
    # Edges run upwards; without end are those that leave no way without one that has.
    for start, end, capacity in edges:
        if start < end and not graph.has_edge(start, end):
            wide = capacity == 3 and start > 0
            flow.edge(start, end, ANY if wide else capacity)
            graph.add_edge(start, end, **({} if wide else {"capacity": capacity}))
    if 0 not in graph or 7 not in graph:
        return
    expected, _ = nx.maximum_flow(graph, 0, 7)
    assert flow.fill(0, 7) == expected
    sent = flow.sent()
    for node in graph:
        balance = sum(sent[node].values()) - sum(
            sent[n][node] for n in graph.pred[node]
        )
        assert balance == {0: expected, 7: -expected}.get(node, 0)
    for start, end, data in graph.edges(data=True):
        assert 0 <= sent[start][end] <= data.get("capacity", expected)
    reached = flow.reachable(0)
    across = [
        e for e in graph.edges(data=True) if e[0] in reached and e[1] not in reached
    ]
    assert sum(data["capacity"] for _, _, data in across) == expected
    residual = nx.algorithms.flow.edmonds_karp(graph, 0, 7)
    free = nx.DiGraph(
        (a, b) for a, b, d in residual.edges(data=True) if d["flow"] < d["capacity"]
    )
    nearest = {0, *(nx.descendants(free, 0) if 0 in free else ())}
    assert reached == nearest
