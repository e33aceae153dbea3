"""Files spliced of all examples: a network that is right in all forms, or told why not."""

from __future__ import annotations

import copy
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import event, given

from recform.blocks.examples import random_inputs
from recform.compiler import Compiled, compile_source, from_text
from recform.costs.planning import budget_of
from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.target import Target
from tests import Tried
from tests.oracle.adapters import NoAdapter
from tests.oracle.compare import Overflow, agree, shake
from tests.oracle.search import search, tries
from tests.oracle.third.check import (
    TOLERANCE,
    TOLERANCES,
    TooLarge,
    apart,
    check,
    formed,
    passes,
    rates,
    told_paths,
)
from tests.oracle.third.grammar import Unread
from tests.splicing.splice import SPLICED

torch.set_num_threads(1)

#: What a file may take of a process, to be compiled in one form or refused.
SECONDS = 10
#: Bytes of training with two examples, up to which a network is run.
RUN = 40e6
FORMS = ("lean", "checkpoint", "reversible")
PLAIN = Target(memory=Memory.plain)
TARGETS = (
    *(Target(memory=Memory(form)) for form in FORMS),
    Target(inference=True),
    Target(timm=True),
    Target(generation=True),
    Target(budget=budget_of("75%", 2)),
)
NAMES = re.compile("^names .*", re.MULTILINE)
#: What the third reader says where it is at its end, and not the network.
LOST = (Unread, AssertionError, RuntimeError, LookupError, ValueError, AttributeError)


class Late(BaseException):
    """Something takes too long. It is no exception that anybody catches."""


@contextmanager
def hurried() -> Iterator[None]:
    """Ends what takes too long."""

    def late(*_: object) -> None:
        raise Late

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def compiled(text: str, target: Target) -> Compiled | None:
    """The only network of a file in a form, proved; None if it is refused.

    Fails if that is a fault of the compiler, or takes too long.
    """
    try:
        with hurried():
            item = compile_source(from_text(text), target=target)[0]
            assert item.source
            return item
    except CompileError as error:
        codes = {found.code for found in error.diagnostics}
        assert not any(code.startswith("RF9") for code in codes), error
        return None


def outcome(text: str) -> str:
    """What came of a file, in a word or two."""
    item = compiled(text, PLAIN)
    if item is None:
        return "refused"
    for target in TARGETS:
        compiled(text, target)
    if item.memory(batch=2).training > RUN:
        return "not run"
    # Names change no number, and both readers find their way without them. Labels that
    # are numbers want them.
    bare = NAMES.sub("", text)
    bare = bare if compiled(bare, PLAIN) else text
    try:
        check(bare, ("plain", *FORMS))
    except TooLarge:
        return "overflowed"
    except LOST as error:
        return by_others(bare, item, error)
    return "agreed"


def by_others(text: str, item: Compiled, lost: Exception) -> str:
    """The same, where the third reader is lost: by the interpreter, and form by form."""
    try:
        same_in_all_forms(item)
        # Not in training, where each draws for itself.
        agree(text, (False,))
    except (TooLarge, Overflow):
        return "overflowed"
    except (NoAdapter, LookupError, TypeError, AttributeError):
        # It does not read all that there is; numbers that differ are not taken back.
        if type(lost) is AssertionError:
            raise lost from None
        return "not followed"
    return "agreed with the interpreter"


def same_in_all_forms(item: Compiled) -> None:
    """Fails if a form of a network makes other numbers than the plain one."""
    torch.manual_seed(0)
    net = item.module().double().train()
    shake(net)
    inputs = random_inputs(item.formula.inputs, 3, dtype=torch.float64)
    with rates():
        nets = [("plain", copy.deepcopy(net))]
        nets += [(form, made) for form in FORMS if (made := formed(item, form, net))]
        results = []
        for _, made in nets:
            told_paths(made)
            results.append(passes(made, inputs, list(made.parameters())))
        for (form, _), found in zip(nets[1:], results[1:], strict=True):
            assert apart(found, results[0]) < TOLERANCES.get(form, TOLERANCE), form


@tries(3)
@given(SPLICED)
def test_spliced_files(text: str) -> None:
    event(outcome(text))


@pytest.mark.long
def test_search(scale: float, tried: Tried) -> None:
    tried(search(SPLICED, outcome, max(1, round(1000 * scale))))
