"""Random recurrences: every view of every one is drawn, and agrees with the graph."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from recform.diagnostics import CompileError
from recform.graph import ShapeError
from recform.render import Diagram, Format, Request, View, diagram, write
from recform.render.placing.renderer import PINNED
from tests.oracle.files import recurrences
from tests.oracle.search import few
from tests.render.networks import network
from tests.render.test_step import check_edges, check_nodes


def owned_by(drawn: Diagram) -> int:
    return sum(node.parameters for node in drawn.nodes)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=few(10))
@given(recurrences())
def test_random_recurrences(text: str) -> None:
    try:
        compiled = network(text)
    except ShapeError as error:
        for view in View:
            drawn = diagram(error.partial, Request(view=view))
            assert any(node.wrong for node in drawn.nodes)
        return
    except CompileError:
        return
    block = diagram(compiled.graph, Request())
    check_nodes(compiled, block)
    check_edges(compiled, block)
    whole = diagram(compiled.graph, Request(view=View.network))
    assert owned_by(whole) == compiled.graph.totals.parameters
    blocks = sum(flow.length for flow in compiled.recurrence.flows)
    for number in range(1, blocks + 1):
        closed = diagram(compiled.graph, Request(block=number))
        opened = diagram(compiled.graph, Request(block=number, depth=9))
        assert owned_by(opened) == owned_by(closed)
    for view in (View.unrolled, View.paths):
        drawn = diagram(compiled.graph, Request(view=view, blocks=3))
        ids = [n.id for n in drawn.nodes] + [e.id for e in drawn.edges]
        assert len(ids) == len(set(ids))
        write(drawn, Request(), Format.mermaid)
        write(drawn, Request(), Format.dot)
        svg = write(drawn, Request(renderer=PINNED), Format.svg).decode()
        assert all(f'id="{name}"' in svg for name in ids)
