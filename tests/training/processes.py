"""Runs of two processes: ``torchrun --nproc-per-node 2 processes.py FOLDER KIND``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from accelerate.utils import DistributedType

from recform.diagnostics import CompileError
from recform.training import engine
from recform.training.engine import Stopped
from recform.training.screen import Silent
from recform.training.session import run
from tests.training.helpers import planned

#: No norm of the batch: each process would have its own.
PLAIN = """network Plain
param classes = 10
input 1 x 8 x 8
stem conv(3, 8) > relu
stages 8 x 2, 16 x 1 / 2
head avgpool > linear(classes)
W = conv(3, c, stride=s) > ln > relu
adapter conv(1, c, stride=s)
init linear = normal(0.3)
X_i = X_<i-1> + W_i*X_<i-1>
"""
#: Clipped, so that the norm of the whole gradient counts.
MORE = ("lr=0.1", "clip=1")


class Stopping(Silent):
    """Has the first process alone stopped, behind a step."""

    def step(self, step: int) -> None:
        if step == 7:
            os.kill(os.getpid(), signal.SIGTERM)


def as_on_gpus(self: Any, *_: Any) -> tuple[str, DistributedType]:
    """Accelerate shards on GPUs only; torch does on CPUs, too."""
    return "gloo", DistributedType.MULTI_GPU


def main(folder: Path, kind: str) -> None:
    """Runs that are compared with those of one process."""
    torch.distributed.init_process_group("gloo")
    if kind != "ddp":
        PartialState._prepare_backend = as_on_gpus
        os.environ.update(
            ACCELERATE_USE_FSDP="true",
            FSDP_VERSION=kind[-1],
            ACCELERATE_TORCH_DEVICE="cpu",
        )
    engine.LOOK = 1
    for name, overrides in (
        ("plain", ()),
        ("parts", ("accumulate=2", "select=last")),
    ):
        run(planned(folder, PLAIN, *MORE, *overrides, name=name), Silent())
    plan = planned(folder, PLAIN, *MORE, name="stopped")
    try:
        run(plan, Stopping())
        raise AssertionError("it was not stopped")
    except Stopped:
        pass
    run(plan, Silent())
    # One process has begun it, without shards.
    try:
        run(planned(folder, PLAIN, *MORE, name="begun"), Silent())
    except CompileError as error:
        if PartialState().is_main_process:
            print(error)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
