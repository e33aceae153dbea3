"""Steps of training on a GPU that is not there: on what device all of it lies."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from recform.training.engine import Training
from recform.training.examples import Pass, Windows
from recform.training.measure import measured
from recform.training.screen import Silent
from tests.faked import backward, gpu, moved
from tests.training.helpers import TINY, planned

torch.set_num_threads(1)
pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")

DEVICE = torch.device("cuda:1")


class Faked:
    """What accelerate does of a process, for tensors that have no numbers."""

    device, distributed_type = DEVICE, None
    num_processes, process_index, scaler = 1, 0, None
    is_main_process = True

    def prepare(self, module: nn.Module, made: torch.optim.Optimizer) -> Any:
        return module, SimpleNamespace(optimizer=made, param_groups=made.param_groups)

    def backward(self, loss: Tensor) -> None:
        backward([loss])

    def no_sync(self, _: nn.Module) -> Any:
        return nullcontext()

    def clip_grad_norm_(self, weights: Any, most: float) -> None:
        nn.utils.clip_grad_norm_(weights, most)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("accumulate=2", "cutout=0.25", "crop=0.125"),
        ("optimizer=adamw", "lr=0.003", "clip=1"),
    ],
    ids=" ".join,
)
def test_steps(
    overrides: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Examples, draws, loss, sums, clipping and the optimiser, and then the accuracy."""
    plan, seeds = planned(tmp_path, TINY, *overrides), list[int]()
    monkeypatch.setattr(torch.cuda, "manual_seed", seeds.append)

    def to(net: nn.Module, device: Any = None, **_: Any) -> nn.Module:
        return net if device is None else moved(net, str(device))

    monkeypatch.setattr(nn.Module, "to", to)
    with gpu(host=True):
        training = Training(plan, cast(Accelerator, Faked()), Silent())
        steps = [*islice(training.steps_of(0), 2)]
        assert steps == [0, 1] and len(seeds) >= 2
        held = plan.data.validation.to(DEVICE)
        assert measured(training.model, held, 50).device == torch.device("cpu")
        state = training._bare.state.values()
        every = [t for one in state for t in one.values() if isinstance(t, Tensor)]
        assert every
        assert all(t.device == DEVICE for t in every if t.dim())


def test_text() -> None:
    with gpu(host=True):
        text = torch.zeros(100, dtype=torch.uint8)
        for hot in (True, False):
            windows = Windows(text, 8, 20, hot).to(DEVICE)
            ((seen, following),) = windows.batches([torch.arange(4)], Pass())
            assert seen.device == following.device == DEVICE
