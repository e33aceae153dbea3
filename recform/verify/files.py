"""A generated file against its formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recform.compiler import Compiled
from recform.verify.apart import Apart
from recform.verify.checks import Check
from recform.verify.emitted import depths, examples
from recform.verify.judge import worst_of
from recform.verify.observe import observe
from recform.verify.sizes import smaller_images
from recform.verify.trials import shake

if TYPE_CHECKING:
    import torch

#: How long a file may take: so many seconds, and so many times as long as a fresh module.
_SECONDS, _TIMES = 60.0, 20.0


def same(compiled: Compiled, process: Apart, limit: float | None = None) -> Check:
    """Whether the module of a file is the network, in all that can be observed.

    Args:
        compiled: the network.
        process: where the file is run.
        limit: how many seconds it may take; None for many times those of ours.

    Raises:
        CompileError: if it cannot be tried.
    """
    held: dict[str, torch.Tensor] = {}

    def state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
        shake(network)
        held.update({k: v.detach().clone() for k, v in network.state_dict().items()})
        return held

    start = examples(smaller_images(compiled))
    expected = observe(compiled.module, start, state)
    seconds = _SECONDS + _TIMES * expected.seconds if limit is None else limit
    found = process.observe(compiled.name, held, start, seconds)
    holds, detail = worst_of(found, expected)
    claim = f"{process.file.as_posix()} is the network of the formula"
    return Check(claim, holds, f"{depths(compiled)}: {detail}")
