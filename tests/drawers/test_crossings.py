"""Features that meet in one file: it is right in all forms, or told why it has none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st

from tests import Tried
from tests.drawers import crossings
from tests.drawers.crossed import crossed, parted, together
from tests.oracle.search import LAST, search, tries

torch.set_num_threads(1)

RANDOM = st.randoms(use_true_random=False)
FILES = RANDOM.map(crossings.files)
#: Of each feature those that it has not met in the last search.
APART = LAST.parent / "apart"


@tries(1)
@given(FILES)
def test_few(text: str) -> None:
    event(crossed(text))


@pytest.mark.long
def test_search(scale: float, tried: Tried) -> None:
    """Which features never stood in one network, a file tells at its end."""
    met: Counter[tuple[str, str]] = Counter()

    def try_one(text: str) -> str:
        came = crossed(text)
        if came != "refused":
            met.update(crossings.pairs(text))
        return came

    counts = search(FILES, try_one, max(1, round(600 * scale)))
    tried(counts)
    APART.write_text(crossings.apart(met), encoding="utf-8")


@pytest.mark.long
def test_search_of_files_in_two_parts(
    scale: float, tried: Tried, tmp_path: Path
) -> None:
    seeds = st.integers(0, 2**32 - 1).map(str)

    def try_one(seed: str) -> str:
        random = Random(int(seed))
        return parted(crossings.files(random), random, tmp_path)

    tried(search(seeds, try_one, max(1, round(150 * scale))))


@pytest.mark.long
def test_search_of_two_networks(scale: float, tried: Tried) -> None:
    seeds = st.integers(0, 2**32 - 1).map(str)

    def try_one(seed: str) -> str:
        random = Random(int(seed))
        texts = crossings.files(random), crossings.files(random)
        return together(texts, random.choice(("plain", "lean", "checkpoint")))

    tried(search(seeds, try_one, max(1, round(100 * scale))))
