"""How numbers are computed: the device, the precision, and accelerate around them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import TorchDynamoPlugin

from recform.training.data import refuse
from recform.training.recipe import Recipe


@dataclass(frozen=True)
class Numerics:
    """How numbers are computed.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        compiled: whether torch.compile is used.
        deterministic: whether only operations are that give the same bits every time.
        checkpoint: seconds between checkpoints.
    """

    device: str = "auto"
    precision: str = "auto"
    compiled: bool = False
    deterministic: bool = False
    checkpoint: float = 30.0


def precision(asked: str, device: str) -> str:
    """The precision that `auto` means on a device, as accelerate calls it."""
    if asked == "fp32" or (asked == "auto" and device != "cuda"):
        return "no"
    if asked != "auto":
        return asked
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def device_kind(asked: str) -> str:
    """`cpu` or `cuda`.

    Raises:
        CompileError: if there is no such device (RF815).
    """
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        refuse("RF815", "there is no GPU that torch can use", "--device cpu")
    return asked


@contextmanager
def accelerator(recipe: Recipe, numerics: Numerics) -> Iterator[Accelerator]:
    """Accelerate for a run; within a process one after another can have its own."""
    kind = device_kind(numerics.device)
    if numerics.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(numerics.deterministic)
    # It costs time, and nothing here reads memory before it writes it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not numerics.deterministic
    plugin = TorchDynamoPlugin(backend="inductor") if numerics.compiled else None
    AcceleratorState._reset_state()
    try:
        yield Accelerator(
            cpu=kind == "cpu",
            mixed_precision=precision(numerics.precision, kind),
            gradient_accumulation_steps=recipe.accumulate,
            dynamo_plugin=plugin,
        )
    finally:
        torch.use_deterministic_algorithms(before)
