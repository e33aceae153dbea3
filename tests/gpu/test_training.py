"""Runs of `recform train` on a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recform.training.engine import Stopped
from recform.training.session import run
from tests.training.helpers import TINY, lines, outcome, planned, trained, weights
from tests.training.test_resume import Stopping


def test_the_same_bits_however_often_it_is_stopped(
    gpu: torch.device, tmp_path: Path
) -> None:
    """In the deterministic mode, in which random numbers are those of the GPU."""
    options = {"device": gpu.type, "deterministic": True}
    for name in ("one", "two"):
        trained(tmp_path / name, TINY, **options)
    for step in (0, 6, 9):
        with pytest.raises(Stopped):
            run(planned(tmp_path / "three", TINY, **options), Stopping(step))
    trained(tmp_path / "three", TINY, **options)
    first, *others = (outcome(tmp_path / n / "run") for n in ("one", "two", "three"))
    assert others == [first, first]


@pytest.mark.parametrize(
    ("options", "overrides"),
    [
        ({}, ()),
        ({"precision": "fp32"}, ()),
        ({"precision": "fp16"}, ("clip=1",)),
        ({"compiled": True}, ()),
        ({}, ("accumulate=2", "cutout=0.25")),
        ({}, ("optimizer=adamw", "lr=0.003")),
    ],
    ids=["auto", "fp32", "fp16", "compiled", "accumulated", "adamw"],
)
def test_it_learns(
    options: dict[str, str],
    overrides: tuple[str, ...],
    gpu: torch.device,
    tmp_path: Path,
) -> None:
    if gpu.type == "cpu" and options.get("precision") == "fp16":
        pytest.skip("fp16 needs a GPU")
    overrides = ("batch=64", "epochs=10", *overrides)
    made = trained(tmp_path, TINY, *overrides, device=gpu.type, **options)
    assert made.accuracy > 0.5  # a guess has 0.1
    assert all(value.isfinite().all() for value in weights(tmp_path / "run").values())


def test_as_on_a_cpu(gpu: torch.device, tmp_path: Path) -> None:
    """Without dropout, whose draws differ, the first losses are those of a CPU."""
    text = TINY.replace(" > dropout(0.1)", "")
    for name, device in (("ours", gpu.type), ("theirs", "cpu")):
        options = {"device": device, "precision": "fp32", "deterministic": True}
        trained(tmp_path / name, text, "lr=0.01", **options)
    ours, theirs = (lines(tmp_path / name / "run") for name in ("ours", "theirs"))
    assert ours[0]["loss"] == pytest.approx(theirs[0]["loss"], rel=1e-3)
