"""Networks that the tests of this folder draw."""

from __future__ import annotations

from functools import cache

from recform.compiler import Compiled, compile_source, from_text
from recform.graph import Partial, ShapeError
from recform.render import Diagram, Request, View, diagram
from recform.render.picture import Picture
from recform.render.placing.compose import compose
from recform.render.placing.renderer import PINNED, find
from recform.render.placing.tiles import arranged
from tests.compiled import NAMES, example
from tests.thinned import thinned

#: The examples that each run of the tests draws, and all of which the long one does.
SOME = thinned(NAMES, 4)


def network(text: str) -> Compiled:
    """A network from text."""
    return compile_source(from_text(text))[0]


def partial(text: str) -> Partial:
    """What is known of a network whose shapes do not meet."""
    try:
        compile_source(from_text(text))
    except ShapeError as error:
        return error.partial
    raise AssertionError("its shapes meet")


@cache
def drawn(name: str, view: View = View.step, **options: object) -> Diagram:
    """A view of an example."""
    request = Request(view=view, **options)  # type: ignore[arg-type]
    return diagram(example(name).graph, request)


def picture(made: Diagram, *, legend: bool = True) -> Picture:
    """A diagram, placed by the pinned renderer."""
    return compose(made, arranged(made, find(PINNED)), legend=legend)
