"""Files made of pieces of others: each part in the place of one of its kind (LangFuzz).

Nobody thinks up what these files say: all that the grammar has stands beside all else.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.syntax import nodes as n
from tests.rewriting.places import nodes
from tests.splicing.corpus import corpus, donor, hosts, readable
from tests.splicing.pieces import (
    EXPRESSIONS,
    Splice,
    alike,
    all_of,
    equations,
    expressions,
    indices,
    is_alike,
    kind_of,
    pipelines,
)

#: Most changes of a file, and how many of those that are refused are taken back.
CHANGES = 8
BACK = 0.8
#: Statements of which a file has one.
SINGLE = (n.Stages, n.Scope, n.Times, n.Output, n.Memory, n.Paths)
#: What a network stands in.
FRAME = (n.Input, n.Stages, n.Pipeline, n.Scope, n.Times)
BLOCKS = ("0", "1", "2", "first", "1..2", "2..L", "first..2", "L", "i+1", "L/2+1..L")


def expression(splice: Splice) -> None:
    """Another expression, as a rule of the same sort."""
    place = splice.one(expressions(splice.host))
    choices = expressions(splice.donor)
    sort = kind_of(splice.host, place)
    same = alike(splice.donor, choices, sort)
    splice.put(place, splice.one(same if splice.some(0.9) else choices))


def wrapped(splice: Splice) -> None:
    """An expression inside of one of the donor's."""
    host, given = splice.host, splice.donor
    place, outer = splice.one(expressions(host)), splice.one(expressions(given))
    inner = [x for x in nodes(outer) if isinstance(x, EXPRESSIONS) and x is not outer]
    part = splice.one(alike(given, inner, kind_of(host, place)))
    host.put(place, f"({splice.brought(outer, place, (part, host.shown(place)))})")


def part(splice: Splice) -> None:
    """A part of a pipeline changed, added or dropped."""
    flow = splice.one(pipelines(splice.host))
    place = splice.one(flow.parts)
    shown = splice.host.shown
    kind = splice.one(("change", "add", "drop"))
    if kind == "drop" and len(flow.parts) > 1:
        splice.host.put(
            flow, " > ".join(shown(x) for x in flow.parts if x is not place)
        )
        return
    text = splice.brought(splice.one(splice.one(pipelines(splice.donor)).parts), place)
    if kind == "add":
        pair = (shown(place), text)
        text = " > ".join(pair if splice.some() else pair[::-1])
    splice.host.put(place, text)


def pipeline(splice: Splice) -> None:
    """Another pipeline."""
    place = splice.one(pipelines(splice.host))
    splice.put(place, splice.one(pipelines(splice.donor)))


def index(splice: Splice) -> None:
    """Another index, or a range."""
    _subscript(splice, indices(splice.host), indices(splice.donor))


def number(splice: Splice) -> None:
    """Another number."""
    mine, theirs = (all_of(text, n.Number) for text in (splice.host, splice.donor))
    _subscript(splice, mine, theirs)


def _subscript(
    splice: Splice, mine: Sequence[n.Node], theirs: Sequence[n.Node]
) -> None:
    """Something else, which may stand right behind a `_`."""
    place = splice.one(mine)
    text = splice.brought(splice.one(theirs), place)
    bare = splice.host.text[place.span.start - 1] == "_"
    splice.host.put(place, f"<{text}>" if bare else text)


def name(splice: Splice) -> None:
    """Another name of the file, of the same sort."""
    sorts = splice.host.sorts
    place = splice.one([x for x in all_of(splice.host, n.Reference) if x.name in sorts])
    others = [x for x, sort in sorts.items() if sort == sorts[place.name]]
    at = place.span.start
    splice.host.between(at, at + len(place.name), splice.one(others))


def argument(splice: Splice) -> None:
    """An argument of a call added or dropped, or its function changed."""
    place, other = (
        splice.one(all_of(text, n.Call)) for text in (splice.host, splice.donor)
    )
    kind = splice.one(("add", "drop", "function"))
    if kind == "function":
        splice.put(place.function, other.function)
        return
    given = [splice.host.shown(x) for x in place.arguments]
    if kind == "drop":
        given.remove(splice.one(given))
    else:
        given.append(splice.brought(splice.one(other.arguments), place))
    function = splice.host.shown(place.function)
    splice.host.put(place, f"{function}({', '.join(given)})")


def statement(splice: Splice) -> None:
    """A statement added, dropped, or exchanged for one of its kind."""
    kind = splice.one(("add", "drop", "change", "change", "change"))
    if kind == "drop":
        splice.host.put(splice.one(splice.host.statements), "")
        return
    item = splice.one(splice.donor.statements)
    same = [x for x in splice.host.statements if is_alike(x, item)]
    if same and (kind == "change" or isinstance(item, SINGLE)):
        splice.host.put(splice.one(same), splice.brought(item))
    else:
        splice.lines.append(splice.brought(item))


def right(splice: Splice) -> None:
    """The right side of another equation."""
    place = splice.one(equations(splice.host))
    splice.put(place.right, splice.one(equations(splice.donor)).right)


def left(splice: Splice) -> None:
    """An equation for other blocks; as a rule the one for all stays."""
    place = splice.one(equations(splice.host))
    unknown = place.left[0]
    assert isinstance(unknown, n.Reference)
    line = f"{unknown.name}_<{splice.one(BLOCKS)}> = {splice.host.shown(place.right)}"
    if splice.some(0.3):
        splice.host.put(place, line)
    else:
        splice.lines.append(line)


def frame(splice: Splice) -> None:
    """The sizes, stem, head and the like of the donor."""
    for item in splice.host.statements:
        if isinstance(item, FRAME):
            splice.host.put(item, "")
    given = [x for x in splice.donor.statements if isinstance(x, FRAME)]
    splice.lines += [splice.brought(x) for x in given]


WAYS: dict[Callable[[Splice], None], int] = {
    expression: 6,
    wrapped: 3,
    part: 4,
    pipeline: 2,
    index: 2,
    number: 2,
    name: 2,
    argument: 2,
    statement: 4,
    right: 3,
    left: 2,
    frame: 1,
}


def changed(text: str, draw: random.Random) -> str:
    """A file with one change; as it was, if there is nothing to change."""
    host, given = readable(text, draw), donor(draw.randrange(len(corpus())))
    if host is None or given is None:
        return text
    splice = Splice(host, given, draw)
    (way,) = draw.choices([*WAYS], [*WAYS.values()])
    with contextlib.suppress(IndexError):
        way(splice)
    # What is dropped leaves an empty line.
    lines = [line for line in host.made.split("\n") if line.strip()]
    more = [line for line in dict.fromkeys(splice.lines) if line not in lines]
    return "\n".join([*lines, *more]) + "\n"


def spliced(draw: random.Random) -> str:
    """A file made of several, of which most changes are such as are not refused."""
    text = corpus()[draw.randrange(hosts())]
    for _ in range(draw.randint(0, CHANGES - 1)):
        made = changed(text, draw)
        text = text if draw.random() < BACK and is_refused(made) else made
    return changed(text, draw)


#: The same for Hypothesis: by numbers, since no part of what is drawn makes a file smaller.
SPLICED = st.integers(0, 2**32 - 1).map(lambda seed: spliced(random.Random(seed)))


def is_refused(text: str) -> bool:
    """Whether a file has no network."""
    try:
        compile_source(from_text(text))
    except CompileError:
        return True
    except Exception:  # A fault: it is found where the file is tried.
        return False
    return False
