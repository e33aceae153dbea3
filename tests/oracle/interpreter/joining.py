"""Values that are joined: sums, products and features side by side."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tests.oracle.adapters import spread


def joined(kind: str, parts: list[Any]) -> Any:
    parts = spread(parts)
    if kind == "Pointwise":
        return math.prod(parts[1:], start=parts[0])
    if kind in ("TensorSum", "sum", "mean"):
        total = sum(parts[1:], start=parts[0])
        return total / len(parts) if kind == "mean" else total
    stacked = torch.stack(list(torch.broadcast_tensors(*parts)))
    return stacked.amax(0) if kind == "max" else stacked.amin(0)


def total(parts: list[Any]) -> Any:
    return sum(parts[1:], start=parts[0])


def concat(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts, dim=axis(parts[0]))


def axis(value: Tensor) -> int:
    return -1 if value.dim() == 3 else 1
