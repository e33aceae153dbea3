"""All that is checked of a compiled network: the analysis, and the emitted code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recform.compiler import Compiled
from recform.verify.checks import Check, verify
from recform.verify.emitted import emitted
from recform.verify.modules import build
from recform.verify.positions import by_positions
from recform.verify.sizes import thinner


def checks(compiled: Compiled) -> tuple[Check, ...]:
    """Differentiates and runs a network, and compares it with its formula.

    Raises:
        CompileError: if a twin of it that is needed for this does not compile.
    """
    with _one_thread():
        found = verify(compiled.formula, build)
        small = thinner(compiled)
        return (*found, emitted(compiled, small), *by_positions(compiled, small))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Lets torch compute in one thread: of small tensors, threads but wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
