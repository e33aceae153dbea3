"""What the checks of :mod:`verify` share: inputs, weights, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recform.algebra.formula import Formula
from recform.analysis.evaluate import Parts
from recform.recurrence.reach import reach_of

Make = Callable[[Formula], Parts]

#: What two float64 results may differ by, relative to their size.
CLOSE = 1e-9
#: Twins have so many blocks, of so many features.
BLOCKS, WIDTH = 6, 5


def depth(formula: Formula) -> int:
    """How many blocks show every case."""
    reach = reach_of(formula)
    return max(BLOCKS, reach.order + reach.absolute + 3)


def judged(error: float, what: str = "") -> tuple[bool, str]:
    """Whether an error is one of rounding, and how large it is."""
    return error <= CLOSE, f"{what}relative error {error:.1e}"


def error_of(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest number."""
    scale = max(1.0, float(expected.detach().abs().max()))
    return float((found - expected).detach().abs().max()) / scale


def start_of(formula: Formula) -> Any:
    """Two random examples for a network without a stem."""
    import torch

    torch.manual_seed(0)
    sizes = [int(size) for size in formula.input.sizes]
    return torch.randn(2, *sizes, dtype=torch.float64)


def shake(network: Any) -> None:
    """Moves parameters and statistics away from their trivial starts."""
    import torch

    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() <= 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
            else:
                fan = max(parameter[0].numel(), 1)
                parameter.normal_(std=0.7 / fan**0.5)
        for name, buffer in network.named_buffers():
            if "running" in name:
                buffer.add_(0.2 * torch.rand_like(buffer))
