"""The emitted module of a whole network against its equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from recform.blocks import Shape
from recform.blocks.examples import random_inputs
from recform.compiler import Compiled
from recform.diagnostics import CompileError
from recform.emit.owners import plain_graph
from recform.verify.checks import Check, measured
from recform.verify.evaluate import Missing, Untold
from recform.verify.modules import drawn
from recform.verify.naive import Naive
from recform.verify.sizes import Small
from recform.verify.trials import settled, shake, started

if TYPE_CHECKING:
    import torch

CLAIM = "the whole network is what its equations say"


def emitted(compiled: Compiled, small: Small | None) -> Check:
    """Runs the network, or one with thinner stages, and evaluates its equations.

    Args:
        compiled: the network of the file.
        small: what of it is run, as of :func:`recform.verify.sizes.thinner`.
    """
    if small is None:
        totals = compiled.graph.totals
        size = (
            f"{totals.parameters:,} parameters, {totals.multiply_adds:,} multiply-adds"
        )
        return Check(CLAIM, None, f"too large to be run by the way: {size}")
    candidate, shapes = small
    try:
        return _by_equations(compiled, candidate, shapes)
    except Missing as error:
        return Check(CLAIM, None, f"nobody reads {error}: the network has none")
    except Untold as error:
        return Check(CLAIM, None, str(error))
    except CompileError as error:
        # Code of a plugin that does not make the shape which it tells, most often.
        holds = False if candidate is compiled else None
        return Check(CLAIM, holds, error.diagnostics[0].message)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        # Torch's words where code and shapes do not meet: those that a plugin tells, or of
        # a part of the width that the file cuts, of which thinner stages have less.
        holds = False if candidate is compiled else None
        return Check(CLAIM, holds, f"the module does not run: {error}")


def _by_equations(
    compiled: Compiled, tried: Compiled, shapes: Sequence[Shape]
) -> Check:
    """A network against its equations.

    Args:
        compiled: the network of the file.
        tried: it, or one with thinner stages.
        shapes: of the examples, for each input.

    Raises:
        Missing: if the module lacks an operator that the equations name.
        Untold: if a plugin says no value of a function that they name.
    """
    plain = Compiled(plain_graph(tried.graph), tried.proof)
    network = drawn(plain)
    naive = Naive(plain, network)
    starts: list[tuple[str, float]] = []
    for flow, run in enumerate(plain.recurrence.flows):
        starts += started(plain.formula, run.length, naive.parts(flow))
    shake(network)
    blocks = depths(compiled)
    widths = " x ".join(str(stage.width) for stage in tried.formula.stages)
    thin = "" if tried is compiled else f", widths {widths}"
    where = f"{blocks}{thin}, examples of {' and '.join(map(str, shapes))}: "
    holds, detail = settled(
        lambda _: measured(network, naive, examples(shapes), starts, where), 1
    )
    return Check(CLAIM, holds, detail)


def depths(compiled: Compiled) -> str:
    """How many blocks a network has, in words."""
    lengths = [str(flow.length) for flow in compiled.recurrence.flows]
    return f"{' and '.join(lengths)} blocks"


def examples(shapes: Sequence[Shape]) -> tuple[torch.Tensor, ...]:
    """Some random examples, for each input."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return random_inputs(shapes, 3, generator, dtype=torch.float64)
