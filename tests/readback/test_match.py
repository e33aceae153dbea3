"""Which of several equal modules is which, against every way there is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recform.execution.forms import Form, Made, Table, add
from recform.execution.match import Unlike, matched

#: Modules that are alike.
MODULES = 5


@st.composite
def programs(draw: st.DrawFn) -> list[tuple[int, list[tuple[int, float]]]]:
    """Calls of modules on sums of a slot and of what was called before."""
    calls = []
    for n in range(draw(st.integers(2, 7))):
        terms = draw(
            st.lists(
                st.tuples(st.integers(0, n), st.sampled_from([1.0, 0.5])),
                min_size=1,
                max_size=3,
                unique_by=lambda term: term[0],
            )
        )
        calls.append((draw(st.integers(0, MODULES - 1)), terms))
    return calls


def run(
    table: Table,
    modules: Sequence[Made],
    program: Sequence[tuple[int, list]],
    ends: int,
) -> list[Form]:
    """What a program makes: its last values, or all of them in a sum."""
    values: list = [table.atom("slot", 0)]
    for module, terms in program:
        made: Form | float = 0.0
        for n, factor in terms:
            made = add(made, table.multiply(factor, values[n]))
        values.append(table.atom("call", modules[module], table.frozen(made)))
    made = 0.0
    for value in values:
        made = add(made, value)
    return values[-ends:] if ends else [made]


@given(programs(), st.data())
def test_against_every_permutation(
    program: list[tuple[int, list]], data: st.DataObject
) -> None:
    """Of the same program with other modules, in which something may be changed."""
    order = data.draw(st.permutations(range(MODULES)))
    other = [(order[module], terms) for module, terms in program]
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(other) - 1))
        other[at] = (data.draw(st.integers(0, MODULES - 1)), other[at][1])
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(other) - 1))
        other[at] = (other[at][0], program[data.draw(st.integers(0, at))][1])
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(other) - 1))
        module, ((n, factor), *terms) = other[at]
        other[at] = (module, [(n, data.draw(st.sampled_from([factor, 2.0]))), *terms])
    ends = data.draw(st.integers(0, 3))

    table = Table()
    modules = [Made(("nn.Conv2d", 3.0, 3.0)) for _ in range(MODULES)]
    mine = run(table, modules, program, ends)
    equal = any(
        run(table, [modules[n] for n in way], other, ends) == mine
        for way in itertools.permutations(range(MODULES))
    )
    theirs = [Made(module.make) for module in modules]
    wanted = run(table, theirs, other, ends)
    if equal:
        assert all(matched(mine, wanted)[a] in theirs for a in _used(mine))
    else:
        with pytest.raises(Unlike):
            matched(mine, wanted)


def _used(value: object) -> list[Made]:
    match value:
        case Made():
            return [value]
        case list() | tuple() | dict() | frozenset():
            return [made for item in value for made in _used(item)]
    return [made for part in getattr(value, "parts", ()) for made in _used(part)]
