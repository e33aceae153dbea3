"""What a step asks of a device, without one.

Torch's `meta` device stands for a GPU: tensors of it cannot be mixed with the CPU's, and
nothing can be read from it. So a step that passes here has all its tensors where the network
is, and never waits for the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import PropertyMock, patch

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from recform.training.engine import Plan, Training
from recform.training.numerics import accelerator, precision
from recform.training.screen import Silent
from recform.training.session import of_module
from tests.training.helpers import TINY, planned, wanted
from tests.training.test_subject import Tokens

DEVICE = torch.device("meta")


@contextmanager
def training(plan: Plan) -> Iterator[Training]:
    """A run whose device is the one that stands for a GPU."""
    there = patch.object(
        Accelerator, "device", new_callable=PropertyMock, return_value=DEVICE
    )
    with there, accelerator(plan.recipe, plan.numerics) as made:
        yield Training(plan, made, Silent())


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("accumulate=2", "clip=1", "cutout=0.25"),
        ("optimizer=adamw", "label_smoothing=0.1"),
    ],
    ids=["plain", "accumulated", "adamw"],
)
@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_steps_stay_on_the_device(
    tmp_path: Path, overrides: tuple[str, ...], kind: str
) -> None:
    plan = planned(tmp_path, TINY, *overrides, precision=kind)
    with training(plan) as run:
        assert list(run.steps_of(0)) == [0, 1, 2, 3, 4]
        of_weights = list(run.model.parameters())
        moments = [
            value
            for state in run._bare.state.values()
            for value in state.values()
            if value.dim()
        ]
        assert moments
        for tensor in [*of_weights, *moments, run._sums, run._bad]:
            assert tensor.device == DEVICE
        kernels = [p for p in of_weights if p.dim() == 4 and p.shape[2] > 1]
        assert kernels
        for kernel in kernels:
            assert kernel.is_contiguous(memory_format=torch.channels_last)


def test_steps_on_text_stay_on_the_device(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"the cat sings. " * 100)
    asked = wanted(
        tmp_path,
        ("epochs=1", "batch=16", "warmup=0"),
        data=f"text:{tmp_path / 'a.txt'}",
        settings={"input": "16x256"},
        precision="bf16",
    )
    with training(of_module(Tokens, asked)) as run:
        assert len(list(run.steps_of(0))) == run.steps > 2


def test_a_gpu_without_bf16_of_its_own_gets_fp16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for own, auto in ((True, "bf16"), (False, "fp16")):
        # torch says yes to emulation, too, if one does not ask.
        def known(including_emulation: bool = True, own: bool = own) -> bool:
            return own or including_emulation

        monkeypatch.setattr(torch.cuda, "is_bf16_supported", known)
        assert precision("auto", "cuda") == auto
        assert precision("fp32", "cuda") == "no"
        assert precision("fp16", "cuda") == "fp16"


def test_fp16_scales_its_losses(tmp_path: Path) -> None:
    """On a CPU, where torch has the scaler, too, though accelerate does not ask for it.

    A scale that is too large makes gradients infinite: it is halved then, and the step
    changes nothing. The loss itself is finite all the time.
    """
    plan = planned(tmp_path, TINY, "clip=1")
    with accelerator(plan.recipe, plan.numerics) as made:
        made.state._mixed_precision, made.native_amp = "fp16", True
        made.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)
        run = Training(plan, made, Silent())
        kinds: list[torch.dtype] = []
        first = next(m for m in run.model.modules() if isinstance(m, nn.Conv2d))
        first.register_forward_hook(lambda *given: kinds.append(given[-1].dtype))
        skipped = []
        weight, scale = first.weight.detach().clone(), 2.0**24
        for epoch in (0, 1):
            for _ in run.steps_of(epoch):
                now = made.scaler.get_scale()
                assert torch.equal(first.weight, weight) == (now < scale)
                skipped.append(now < scale)
                weight, scale = first.weight.detach().clone(), now
        assert skipped[0] and not skipped[-1]
        assert set(kinds) == {torch.float16}
        assert weight.isfinite().all() and weight.dtype == torch.float32
