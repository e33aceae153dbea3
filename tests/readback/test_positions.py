"""What goes on by positions is read with something kept, and with nothing kept."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from recform.blocks.examples import random_examples
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.emit import module as emitting
from recform.target import Target
from tests.emit.test_generation import LAYER, TEXTS
from tests.readback.mutants import Written, equal, form

GOING = Target(generation=True)
LOOP, TWO, SHIFTS = "a recurrence", "two positions back", "the token before"
BEGUN, TABLES = (
    "a gated one with a first state",
    "a definition, and tables in blocks",
)
BESIDE = "a recurrence beside a shift"
FORMULAS = {
    **TEXTS,
    BESIDE: f"{LAYER}H_<i,t> = tanh(U_i*X_<i-1,t-1> + W_i*H_<i,t-1>)",
}
#: A formula, what stands in its code, and what is put there.
FAULTS = [
    (TWO, "h, h2 = self.past.last(h, h2)", "h2, h = self.past.last(h, h2)"),
    (TWO, "self.past.keep(h, h2)", "self.past.keep(h2, h)"),
    (TWO, "self.past.keep(h, h2)", "self.past.keep(h)"),
    (TWO, "self.past.keep(h, h2)", "self.past.keep(h, h)"),
    ("several unknowns", "self.past.keep(c, h)", "self.past.keep(h, c)"),
    (LOOP, "self.past.keep(h)", "pass"),
    (LOOP, "self.past.keep(h)", "self.past.keep(made[0])"),
    (LOOP, "self.past.last(h)", "(h,)"),
    (LOOP, "self.past.last(h)", "self.past.last(h + 1)"),
    (
        LOOP,
        "made: list",
        "if self.past is None:\n            h = h + 1\n        made: list",
    ),
    (
        LOOP,
        "made: list",
        "if self.past is not None:\n            h = -h\n        made: list",
    ),
    (LOOP, "if self.past is not None", "if self.W is not None"),
    (LOOP, "past: Past | None = None", "past: Past | None = True"),
    (LOOP, "past: Past | None = None", "pass"),
    (
        LOOP,
        "def step(self, x: Tensor, past: Past)",
        "def steps(self, x: Tensor, past: Past)",
    ),
    (
        LOOP,
        "def step(self, x: Tensor, past: Past)",
        "def step(self, past: Past, x: Tensor)",
    ),
    (LOOP, "past.run(self, x)", "past.run(self.stem, x)"),
    (BESIDE, "made: list", "y = Past.shift(u, self.past)\n        made: list"),
    ("a gated one", ", self.past)", ", None)"),
    (BEGUN, "self.past), self.past)", "self.past), None)"),
    (BEGUN, "self.past), self.past)", "None), self.past)"),
    (SHIFTS, "Past.shift(x, self.past)", "Past.shift(x, None)"),
    (SHIFTS, "Past.shift(x_prev, self.past)", "F.pad(x_prev, (0, 0, 1, -1))"),
    (TABLES, "Past.rows(self.pos_embedding, self.past)", "self.pos_embedding"),
    (TABLES, "self.pos_embedding, self.past)", "self.pos_embedding, None)"),
    (TABLES, "Past.rows(self.pos_embedding,", "Past.rows(self.pos_embedding[:, 1:],"),
]


@cache
def _made(name: str) -> tuple[Written, Tensor]:
    (made,) = compile_source(from_text(FORMULAS[name]), target=GOING)
    written = form(made)
    assert written.accepts(written.code)
    right = _runs(written, written.code)
    assert right is not None
    return written, right


def _runs(made: Written, code: ast.Module) -> Tensor | None:
    """What a source makes of positions, as a whole and in pieces; None if it fails."""
    network, space = made.run(code)
    with torch.no_grad():
        for value in network.double().eval().parameters():
            value.normal_(std=0.4)
    x = random_examples(made.shape, 2, dtype=torch.float64)
    try:
        found = [network(x)]
        for cuts in ([1] * 12, [5, 1, 1, 3, 2]):
            past = space["Past"]()
            found += [network.step(piece, past) for piece in x.split(cuts, 1)]
        whole = torch.cat(found, 1)
    except (AttributeError, ValueError, IndexError, RuntimeError):
        return None
    return whole


def _is(right: Tensor, found: Tensor | None) -> bool:
    return found is not None and equal(right, found)


@pytest.mark.parametrize(("name", "right", "other"), FAULTS)
def test_what_is_kept_is_read_and_put_in_its_place(
    name: str, right: str, other: str
) -> None:
    made, shown = _made(name)
    text = ast.unparse(made.code)
    assert right in text
    code = ast.parse(text.replace(right, other, 1))
    assert not _is(shown, _runs(made, code))
    assert not made.accepts(code)


def test_slots_that_are_alike_may_stand_for_each_other() -> None:
    """Both begin with zeros: which of them is which makes no difference."""
    made, shown = _made(TWO)
    text = ast.unparse(made.code)
    code = ast.parse(text.replace("self.past.last(h, h2)", "self.past.last(h2, h)"))
    assert made.accepts(code)
    assert _is(shown, _runs(made, code))


#: What a class of the library says of what is kept, and what is put there.
BROUGHT = [
    ("attention", "tril(all_ - new)", "tril()"),
    ("attention", "seen = self.past.join(seen)", "self.past.join(seen)"),
    ("keys and values of their own", "else self.past.at", "else 0"),
    ("windows, caps and norms", "else k.shape[2] - q.shape[2]", "else 0"),
    ("convolutions", "self.past.join(x, self.rim[0])", "self.past.join(x, 1)"),
    ("a gated one", "past.keep(made[:, -1:])", "past.keep(made[:, :1])"),
]


@pytest.mark.parametrize(("name", "right", "other"), BROUGHT)
def test_classes_of_the_library_stay_as_they_are(
    name: str, right: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, shown = _made(name)
    assert right in made.head
    changed = replace(made, head=made.head.replace(right, other))
    assert not _is(shown, _runs(changed, made.code))
    bring = emitting.support_classes

    def others(*given: Any, **options: Any) -> Mapping[str, str]:
        found = bring(*given, **options)
        return {name: text.replace(right, other) for name, text in found.items()}

    monkeypatch.setattr(emitting, "support_classes", others)
    with pytest.raises(CompileError, match="RF901"):
        _ = compile_source(from_text(FORMULAS[name]), target=GOING)[0].source
