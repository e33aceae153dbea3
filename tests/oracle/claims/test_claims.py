"""What recform says of random formulas, tried with loops over matrices of numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from tests import Tried
from tests.analysis.random_files import random_file
from tests.oracle.claims import back, depths, derived, told
from tests.oracle.claims.recurrences import file, recurrences
from tests.oracle.claims.wanted import routes, said
from tests.oracle.files import recurrences as files
from tests.oracle.search import search, tries
from tests.oracle.wider import wider

CURVED = recurrences()
STRAIGHT = recurrences(curved=False)
FILES = st.one_of(
    CURVED.map(lambda lines: file(lines, 5)),
    files(3, 6, staged=False, images=False),
    files(2, 4, staged=True),
    wider(staged=False),
    st.integers(0, 10**6).map(random_file),
)
#: A file, another depth for its only stage, or how many times the blocks of each stage.
DEEPER = st.tuples(FILES, st.sampled_from(depths.DEPTHS), st.integers(1, 3))
SHORT = st.tuples(FILES, st.sampled_from(depths.DEPTHS[:4]), st.integers(1, 2))


@tries(12)
@example("(pass pass)")
@given(routes())
def test_paths(route: str) -> None:
    event(derived.of_route(route))


@tries(4)
@given(said())
def test_sums_and_products(formula: tuple[str, str]) -> None:
    event(derived.of_formula(*formula))


@tries(5)
@example(["X_i = (1 + 1/i)*X_<i-1> + W_i*X_<i-1> - (1 + 1/i)*W_<i-1>*X_<i-2>"])
@given(CURVED)
def test_invariants_and_the_inverse(lines: list[str]) -> None:
    event(told.invariants(lines))
    event(told.inverse(lines))


@tries(4)
@example(["X_i = X_<i-1> + W_i*Y_<i-1>", "Y_i = Y_<i-1> + W_i*X_i"])
@given(STRAIGHT)
def test_roots_errors_and_derivatives(lines: list[str]) -> None:
    for claim in (told.stability, told.rounding, back.jacobians, back.general):
        event(claim(lines))


def deeper(drawn: tuple[str, int, int]) -> str:
    """What came of ``analyze --depth``."""
    text, blocks, times = drawn
    stages = depths.STAGES.search(text)
    assert stages is not None
    return depths.analysed(text, times if "," in stages[1] else None, blocks)


STAGED = "input 3\nstem none\nhead none\nstages 3 x 2, 3 x 1\nW = linear(c)\n"


@tries(3)
@example((file(["X_i = 2*X_<i-1>"], 5), 1, 1))
@example((file(["X_i = (1 - 1/L)*X_<i-1> + W_i*X_<i-1>"], 5), 17, 1))
@example((file(["X_i = X_<i-2>/i + W_i*X_<i-1>"], 5), 8, 1))
@example((f"{STAGED}const m = (2, 3) per stage\nX_i = m*X_<i-1> + W_i*X_<i-1>\n", 0, 3))
@example((f"{STAGED}X_i = X_<i-1>/j + W_i*X_<i-1>\n", 0, 2))
@given(SHORT)
def test_another_depth(drawn: tuple[str, int, int]) -> None:
    event(deeper(drawn))


@tries(1)
@given(STRAIGHT.map(lambda lines: file(lines, 5)), st.sampled_from((2, 8)))
def test_a_depth_that_is_set(tmp_path_factory: Any, text: str, depth: int) -> None:
    folder = tmp_path_factory.mktemp("depths")
    event(depths.set_by_hand(text, depth, folder, 6))


#: What the long search draws from, how many in its half hour, and what tries each.
SEARCHES: dict[str, tuple[st.SearchStrategy[Any], int, Callable[..., str]]] = {
    "paths": (routes(), 1500, derived.of_route),
    "sums and products": (said(), 300, lambda pair: derived.of_formula(*pair)),
    "invariants": (CURVED, 500, told.invariants),
    "the inverse": (CURVED, 500, told.inverse),
    "roots": (STRAIGHT, 300, told.stability),
    "rounding errors": (STRAIGHT, 400, told.rounding),
    "derivatives": (STRAIGHT, 300, back.jacobians),
    "general formulas": (STRAIGHT, 200, back.general),
    "another depth": (DEEPER, 300, deeper),
}


@pytest.mark.long
@pytest.mark.parametrize("name", SEARCHES)
def test_search(name: str, scale: float, tried: Tried) -> None:
    strategy, examples, try_one = SEARCHES[name]
    tried(search(strategy, try_one, max(1, round(examples * scale))))


@pytest.mark.long
def test_search_of_depths_that_are_set(
    scale: float, tried: Tried, tmp_path: Path
) -> None:
    drawn = st.tuples(FILES, st.sampled_from((1, 2, 3, 8, 17)))

    def try_one(pair: Any) -> str:
        return depths.set_by_hand(*pair, tmp_path)

    counts: Counter[str] = search(drawn, try_one, max(1, round(30 * scale)))
    tried(counts)


@pytest.mark.long
def test_a_thousand_blocks() -> None:
    for lines in (
        ["X_i = X_<i-1> + W_i*X_<i-1> - W_<i-1>*X_<i-2>"],
        ["X_i = (1 - 1/L)*X_<i-1> + i/L*W_i*X_<i-1>"],
        ["Z_i = 0.9*Z_<i-1> + 0.1*W_i*X_<i-1>", "X_i = X_<i-1> + Z_i"],
    ):
        assert depths.analysed(file(lines, 5), None, 1000) == "the same"
