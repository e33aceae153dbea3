"""Checkpoints: where a run goes on after it was stopped, at whatever moment.

A checkpoint is a folder that gets its name when it is whole. There is always the last
whole one: the one before goes away after that. Random numbers are in none, since they are
functions of the seed and the step.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate.utils import DistributedType, broadcast_object_list
from accelerate.utils.constants import FSDP_MODEL_NAME
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException

from recform.diagnostics import refuse
from recform.files import reason

if TYPE_CHECKING:
    from accelerate import Accelerator


class _Expected(logging.Filter):
    """Leaves out what accelerate says of a weight that modules share: it is kept once."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "shared tensor" not in record.getMessage()


logging.getLogger("accelerate.utils.other").addFilter(_Expected())

_FORMING, _STATE, _BEST = "forming", "progress.json", "best.safetensors"


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: steps that were made.
        loss, right, seen: sums over the epoch so far.
        seconds: of training, over all starts.
        best: accuracy on the held-out part of the epoch that counts; -1 before any.
        best_epoch: that epoch, counted from 1.
        kept: the weights after that epoch, on the CPU.
    """

    step: int = 0
    loss: float = 0.0
    right: int = 0
    seen: int = 0
    seconds: float = 0.0
    best: float = -1.0
    best_epoch: int = 0
    kept: Mapping[str, Tensor] = field(default_factory=dict, repr=False)


def save(accelerator: Accelerator, folder: Path, progress: Progress) -> None:
    """Writes a checkpoint; all processes call it.

    Raises:
        CompileError: if it cannot be written (RF814); the one before is still there.
    """
    forming = folder / _FORMING
    whole = folder / f"step-{progress.step:010}"
    try:
        if accelerator.is_main_process:
            shutil.rmtree(forming, ignore_errors=True)
            forming.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(forming))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            _add(forming, progress)
            _settle(forming)
            _remove(whole)
            os.replace(forming, whole)
            for old in sorted(folder.iterdir()):
                if old != whole:
                    _remove(old)
        accelerator.wait_for_everyone()
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch tells of a full disk as a RuntimeError, safetensors as its own.
        if isinstance(error, torch.OutOfMemoryError):
            raise
        shutil.rmtree(forming, ignore_errors=True)
        said = (reason(error).splitlines() or [type(error).__name__])[0][:200]
        if "iostream" in said or "enforce fail" in said:
            said = "torch cannot write a file; the disk may be full"
        refuse(
            "RF814",
            f"no checkpoint can be written to {folder}: {said}",
            "make room, and give the same command again: it goes on from the last one",
        )


def load(accelerator: Accelerator, folder: Path) -> Progress:
    """Goes to the last whole checkpoint; without one, all stays as it is.

    Raises:
        CompileError: if it cannot be read, or its weights are cut into shards and those
            here are not, or the other way round (RF818).
    """
    there = [f for f in reversed(_all(folder)) if (f / _STATE).exists()]
    # All processes go on from the one that the first of them sees.
    chosen = [there[0] if there else None]
    broadcast_object_list(chosen)
    if (found := chosen[0]) is None:
        return Progress()
    shards = accelerator.distributed_type == DistributedType.FSDP
    if shards != (found / f"{FSDP_MODEL_NAME}_0").exists():
        theirs, ours = ("whole", "in shards") if shards else ("in shards", "whole")
        refuse(
            "RF818",
            f"the weights of the checkpoint {found} are {theirs}, and here they are {ours}",
            "go on as the run was begun, or give this one another name: --name NAME",
        )
    try:
        state = json.loads((found / _STATE).read_text())
        best = found / _BEST
        kept = load_file(best) if best.exists() else {}
        accelerator.load_state(str(found))
        return Progress(**state, kept=kept)
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except (Exception, CheckpointException) as error:  # of unpickling, sizes, shards
        said = (str(error).splitlines() or [""])[0][:200]
        refuse(
            "RF818",
            f"the checkpoint {found} cannot be read: {type(error).__name__}: {said}",
            "remove it, and the run goes on from the one before, or begins again",
        )


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*")) if folder.is_dir() else []


def _remove(old: Path) -> None:
    """Takes a checkpoint away; one that is half away is none."""
    with suppress(OSError):
        (old / _STATE).unlink(missing_ok=True)
    shutil.rmtree(old, ignore_errors=True)


def _add(forming: Path, progress: Progress) -> None:
    state = asdict(replace(progress, kept={}))
    del state["kept"]
    (forming / _STATE).write_text(json.dumps(state))
    if progress.kept:
        save_file(dict(progress.kept), forming / _BEST)


def _settle(folder: Path) -> None:
    """Sees to it that all is on the disk before the folder gets its name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def clear(folder: Path) -> None:
    """Takes all checkpoints away."""
    shutil.rmtree(folder, ignore_errors=True)
