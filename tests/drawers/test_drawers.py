"""Every file that is drawn is refused by a diagnostic, or proved, in each of its forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.target import Target
from tests import Tried
from tests.drawers import definitions, frames, learned, pipelines, tables
from tests.oracle.search import search, tries
from tests.oracle.third.check import TooLarge, check
from tests.oracle.third.grammar import Unread
from tests.oracle.third.meeting import NotFollowed
from tests.oracle.third.places import Missing

torch.set_num_threads(1)

DRAWERS = {
    "definitions": definitions.files,
    "pipelines": pipelines.files,
    "frames": frames.files,
    "tables": tables.files,
    "learned": learned.files,
}
FORMS = ("plain", "lean", "checkpoint", "reversible")


def drawn(files: Callable[[Random], str]) -> st.SearchStrategy[str]:
    """A file; its first line is a comment that says in which form it is tried."""
    texts = st.randoms(use_true_random=False).map(files)
    return st.tuples(st.sampled_from(FORMS), texts).map("# {0[0]}\n{0[1]}".format)


def proved(text: str) -> str:
    """What came of a file; fails if it is legal and its code is not proved, or ends so."""
    memory = Memory(text.split()[1])
    try:
        for item in compile_source(from_text(text)):
            assert replace(item, target=Target(memory=memory)).source
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
