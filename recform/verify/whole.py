"""All that is checked of a compiled network: the analysis, and the emitted code."""

from __future__ import annotations

from recform.compiler import Compiled
from recform.verify.checks import Check, verify
from recform.verify.emitted import emitted
from recform.verify.modules import build
from recform.verify.positions import by_positions


def checks(compiled: Compiled) -> tuple[Check, ...]:
    """Differentiates and runs a network, and compares it with its formula.

    Raises:
        CompileError: if a twin of it that is needed for this does not compile.
    """
    found = (*verify(compiled.formula, build), emitted(compiled))
    return (*found, *by_positions(compiled))
