"""Every file that is drawn is refused by a diagnostic, or proved, in each of its forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st

import recform
from recform.blocks.examples import random_examples
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, Severity
from recform.memory import Memory
from recform.target import Target
from tests import Tried
from tests.drawers import (
    definitions,
    depth,
    frames,
    generation,
    learned,
    meetings,
    pipelines,
    plugins,
    positions,
    tables,
)
from tests.oracle.compare import shake
from tests.oracle.search import search, tries
from tests.oracle.third.check import TooLarge, apart, check, passes
from tests.oracle.third.grammar import Unread
from tests.oracle.third.meeting import NotFollowed
from tests.oracle.third.places import Missing
from tests.splicing.test_splicing import outcome

torch.set_num_threads(1)

DRAWERS = {
    "definitions": definitions.files,
    "pipelines": pipelines.files,
    "depth": depth.files,
    "frames": frames.files,
    "positions": positions.files,
    "tables": tables.files,
    "learned": learned.files,
    "meetings": meetings.files,
}
FORMS = ("plain", "lean", "checkpoint", "reversible")


def drawn(files: Callable[[Random], str]) -> st.SearchStrategy[str]:
    """A file; its first line is a comment that says in which form it is tried."""
    texts = st.randoms(use_true_random=False).map(files)
    return st.tuples(st.sampled_from(FORMS), texts).map("# {0[0]}\n{0[1]}".format)


def proved(text: str) -> str:
    """What came of a file; fails if it is legal and its code is not proved, or ends so.

    What is proved runs, and makes what is said of it.
    """
    memory = Memory(text.split()[1])
    try:
        for item in compile_source(from_text(text)):
            made = replace(item, target=Target(memory=memory))
            assert made.source
            inputs = (made.formula.input, *made.formula.contexts.values())
            given = (random_examples(shape, 2) for shape in inputs)
            result = made.module()(*given)
            assert result.shape[1:] == made.graph.output.sizes
    except CompileError as error:
        assert "RF901" not in {item.code for item in error.diagnostics}, error
        return "refused"
    return "proved"


def followed(text: str) -> str:
    """What a third reader says of a file, which knows nothing of recform's code."""
    try:
        check(text, ("plain", text.split()[1]))
    except CompileError:
        return "refused"
    except (Missing, NotFollowed, TooLarge, Unread):
        return "not followed"
    return "agreed"


def stepped(text: str) -> str:
    """What a network makes position by position, and in pieces, beside a whole pass."""
    try:
        plain = recform.compile(text)
        going = recform.compile(text, generation=True)
        scope: dict[str, Any] = {}
        exec(going.source, scope)
    except CompileError as error:
        assert "RF901" not in {item.code for item in error.diagnostics}, error
        return f"refused {error.diagnostics[0].code}"
    torch.manual_seed(0)
    net, other = plain.module().double().eval(), going.module().double().eval()
    shake(net)
    other.load_state_dict(net.state_dict())
    x = random_examples(plain.formula.input, 2, dtype=torch.float64)
    with torch.no_grad():
        wanted = net(x)
        for cuts in ([1] * x.shape[1], [3, 1, x.shape[1] - 4]):
            past = scope["Past"]()
            made = [other.step(piece, past) for piece in x.split(cuts, 1)]
            torch.testing.assert_close(torch.cat(made, 1), wanted, rtol=1e-8, atol=1e-9)
    return "agreed"


def plugged(text: str) -> str:
    """What a file with a plugin makes in a form, or with definitions, beside the plain one.

    Args:
        text: the form (`definitions`: they take the place of the plugin's operators) and a
            number, of which both are drawn.
    """
    form, seed = text.split()
    file = plugins.drawn(Random(int(seed)))
    try:
        plain = recform.compile(file.text, plugins=file.operators)
        net: Any = plain.module().double()
    except CompileError as error:
        return told(error, file)
    shake(net)
    try:
        match form:
            case "inference":
                other = recform.optimize(net.eval(), plain)
            case "definitions":
                other = recform.compile(file.twin + file.text).module().double()
            case _:
                same = recform.compile(file.text, plugins=file.operators, memory=form)
                other = same.module().double()
    except CompileError as error:
        return f"no {form}: {told(error, file)}"
    x = torch.randn(3, *file.input, dtype=torch.float64)
    if form == "inference":
        worst = [other(x).detach()], [net(x).detach()]
    else:
        worst = _both(net, other, x)
    try:
        assert apart(*worst) < 1e-8, file
    except TooLarge:
        return "overflowed"
    return "agreed"


def _both(net: Any, other: Any, x: torch.Tensor) -> tuple[list[Any], list[Any]]:
    """Outputs and gradients of two networks on the weights of one."""
    mine, theirs = list(net.parameters()), list(other.parameters())
    with torch.no_grad():
        for parameter, value in zip(theirs, mine, strict=True):
            parameter.copy_(value.view_as(parameter))
    wanted, found = passes(net, (x,), mine), passes(other, (x,), theirs)
    pairs = zip(found, wanted, strict=True)
    return [a if a is None or b is None else a.view_as(b) for a, b in pairs], wanted


def told(error: CompileError, file: object) -> str:
    """What a refusal is called; fails if it is a fault of the compiler or of the plugin."""
    codes = {item.code for item in error.diagnostics if item.severity is Severity.ERROR}
    assert not codes & {"RF901", "RF513", "RF514", "RF515"}, (file, error)
    return f"refused {min(codes)}"


PLUGGED = st.tuples(
    st.sampled_from(("definitions", "definitions", "inference", *FORMS[1:])),
    st.integers(0, 2**32 - 1),
).map("{0[0]} {0[1]}".format)


@tries(3)
@given(PLUGGED)
def test_few_plugins(text: str) -> None:
    event(plugged(text))


@pytest.mark.long
def test_search_plugins(scale: float, tried: Tried) -> None:
    tried(search(PLUGGED, plugged, round(150 * scale)))


def test_few_positions() -> None:
    @tries(3)
    @given(st.randoms(use_true_random=False).map(generation.files))
    def run(text: str) -> None:
        event(stepped(text))

    run()


@pytest.mark.long
def test_search_positions(scale: float, tried: Tried) -> None:
    texts = st.randoms(use_true_random=False).map(generation.files)
    tried(search(texts, stepped, round(150 * scale)))


@pytest.mark.parametrize("name", DRAWERS)
def test_few(name: str) -> None:
    @tries(3)
    @given(drawn(DRAWERS[name]))
    def run(text: str) -> None:
        event(proved(text))

    run()


@pytest.mark.long
@pytest.mark.parametrize("name", DRAWERS)
def test_search(name: str, scale: float, tried: Tried) -> None:
    tried(search(drawn(DRAWERS[name]), proved, round(150 * scale)))


@pytest.mark.long
@pytest.mark.parametrize("name", DRAWERS)
def test_another_reader(name: str, scale: float, tried: Tried) -> None:
    tried(search(drawn(DRAWERS[name]), followed, round(40 * scale)))


@pytest.mark.long
def test_search_in_all_forms(scale: float, tried: Tried) -> None:
    texts = st.randoms(use_true_random=False).map(meetings.files)
    tried(search(texts, outcome, round(150 * scale)))
