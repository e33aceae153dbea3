"""Generated files with another number in them, on sizes and in torch."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from recform.compiler import Compiled
from recform.meta import Misshapen, Unread, sizes_of
from recform.modules import load_source, without_numbers
from tests import Tried
from tests.compiled import NAMES, networks

REFUSED = "refused"
#: Not of an axis whose size is asked for: there are seven examples, and N of them here.
_NUMBER = re.compile(r"(?<![\w.:])(?<!shape\[)\d+(?![\w.])")


def there(text: str, network: Compiled, *, numbers: bool = False) -> Any:
    """What torch makes of its sizes; without numbers it looks at some of them only."""
    formula = network.formula
    try:
        with nullcontext() if numbers else without_numbers(), torch.no_grad():
            module = getattr(load_source(text, "mutant"), formula.name)()
            ids = [shape.layout.name == "IDS" for shape in formula.inputs]
            given = [
                torch.zeros(7, *shape.sizes, dtype=torch.long if whole else None)
                for shape, whole in zip(formula.inputs, ids, strict=True)
            ]
            return tuple(module(*given).shape)[1:]
    except (RuntimeError, IndexError, ValueError, TypeError, ZeroDivisionError):
        return REFUSED
    finally:
        for label in [k for k in sys.modules if k.startswith("recform_mutant")]:
            del sys.modules[label]


def here(text: str, network: Compiled) -> Any:
    """What is made of its sizes here."""
    sizes = [shape.sizes for shape in network.formula.inputs]
    try:
        return sizes_of(text, network.formula.name, sizes)
    except (Misshapen, Unread):
        return REFUSED


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("language/squeeze_excitation.rf", 8),
        ("language/tokens.rf", 8),
        *(pytest.param(name, 40, marks=pytest.mark.long) for name in NAMES),
    ],
)
def test_a_number_that_is_another_is_refused_where_torch_refuses_it(
    name: str, count: int, tried: Tried
) -> None:
    dice = random.Random(name)
    found: Counter[str] = Counter()
    for network in networks(name):
        text = network.source
        start = text.index("\nclass ")
        places = [
            m for m in _NUMBER.finditer(text, start) if "#" not in _before(text, m)
        ]
        assert here(text, network) == network.graph.output.sizes
        for place in dice.sample(places, min(count, len(places))):
            other = max(int(place[0]) + dice.choice([-1, 1, 2]), 0)
            mutant = text[: place.start()] + str(other) + text[place.end() :]
            wanted = there(mutant, network)
            if wanted != REFUSED and 0 in wanted:
                continue
            assert here(mutant, network) == wanted, text[
                place.start() - 60 : place.end()
            ]
            found["refused" if wanted == REFUSED else "run"] += 1
    tried(found)


def _before(text: str, place: re.Match[str]) -> str:
    """What stands in front of a place, in its line."""
    return text[text.rfind("\n", 0, place.start()) : place.start()]
