"""How numbers are computed: the device, the precision, and accelerate around them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import (
    DistributedType,
    GradientAccumulationPlugin,
    TorchDynamoPlugin,
)

from recform.diagnostics import refuse
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
    """The precision that is meant on a device, as accelerate calls it.

    Raises:
        CompileError: if the device does not have it (RF815).
    """
    if asked == "fp32" or (asked == "auto" and device != "cuda"):
        return "no"
    if asked == "fp16" and device != "cuda":
        refuse("RF815", "fp16 needs a GPU", "--precision bf16, or fp32")
    if asked != "auto":
        return asked
    # Older ones emulate it, which is slower than fp32.
    own = torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if own else "fp16"


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


def leads() -> bool:
    """Whether this process speaks for all of those that a launcher has started."""
    return os.environ.get("RANK", "0") == "0"


def leave() -> None:
    """Parts from the other processes, at the end of all runs."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def accelerator(recipe: Recipe, numerics: Numerics) -> Iterator[Accelerator]:
    """Accelerate for a run; within a process one after another can have its own.

    Raises:
        CompileError: if the device (RF815), or what the launcher wants (RF821), is not
            there.
    """
    kind = device_kind(numerics.device)
    plugin = TorchDynamoPlugin(backend="inductor") if numerics.compiled else None
    with _states(), _modes(numerics.deterministic):
        made = Accelerator(
            cpu=kind == "cpu",
            mixed_precision=precision(numerics.precision, kind),
            # Not by its number: `accelerate launch` sets another one.
            gradient_accumulation_plugin=GradientAccumulationPlugin(
                num_steps=recipe.accumulate
            ),
            dynamo_plugin=plugin,
        )
        if made.distributed_type == DistributedType.FSDP and not made.is_fsdp2:
            # An optimiser that is made before the shards does not know their weights.
            hint = "accelerate launch --use_fsdp --fsdp_version 2 …"
            refuse("RF821", "shards need the second version of FSDP", hint)
        yield made


@contextmanager
def _states() -> Iterator[None]:
    """Within this, accelerate knows nothing of who used it before; behind it, all."""
    shared = [
        item._shared_state for item in (AcceleratorState, GradientState, PartialState)
    ]
    before = [dict(state) for state in shared]
    for state in shared:
        state.clear()
    try:
        yield
    finally:
        for state, kept in zip(shared, before, strict=True):
            state.clear()
            state.update(kept)


@contextmanager
def _modes(deterministic: bool) -> Iterator[None]:
    """Within this, torch's switches are as a run wants them."""
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn, memory = torch.backends.cudnn, torch.utils.deterministic
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.benchmark,
        memory.fill_uninitialized_memory,  # type: ignore[attr-defined]
    )
    torch.use_deterministic_algorithms(deterministic)
    cudnn.benchmark = not deterministic
    # It costs time, and nothing here reads memory before it writes it.
    memory.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.benchmark = before[2]
        memory.fill_uninitialized_memory = before[3]  # type: ignore[attr-defined]
