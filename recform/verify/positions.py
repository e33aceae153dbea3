"""A network that goes on by positions, against a pass through all of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from recform.compiler import Compiled
from recform.diagnostics import CompileError, Diagnostics
from recform.graph.positions import kept
from recform.verify.checks import Check
from recform.verify.emitted import examples
from recform.verify.modules import drawn
from recform.verify.observe import SINGLE
from recform.verify.sizes import Small
from recform.verify.trials import CLOSE, NOT_FINITE, error_of, shake

CLAIM = "position by position it makes what it makes at once"


def by_positions(compiled: Compiled, small: Small | None) -> Iterator[Check]:
    """The check, of a network in which no position depends on those behind it.

    Args:
        compiled: the network of the file.
        small: what of it is run, as of :func:`recform.verify.sizes.thinner`.
    """
    try:
        kept(compiled.graph, Diagnostics())
    except CompileError:
        return
    if small is None:
        yield Check(CLAIM, None, "too large to be run by the way")
        return
    import torch

    candidate, shapes = small
    try:
        target = replace(candidate.target, generation=True)
        network = drawn(replace(candidate, target=target))
    except CompileError as error:  # of names that it needs
        yield Check(CLAIM, None, error.diagnostics[0].message)
        return
    shake(network)
    (x,) = examples(shapes)
    past = sys.modules[type(network).__module__].Past()
    single = min(SINGLE, x.shape[1])
    pieces = [x[:, n : n + 1] for n in range(single)]
    pieces += [x[:, single:]] if x.shape[1] > single else []
    going: Any = network
    with torch.no_grad():
        made = [going.step(piece, past) for piece in pieces]
        far = error_of(torch.cat(made, 1), network(x))
    said = NOT_FINITE if math.isnan(far) else f"relative error {far:.1e}"
    holds = None if math.isnan(far) else far <= CLOSE
    yield Check(CLAIM, holds, f"{x.shape[1]} positions, {said}")
