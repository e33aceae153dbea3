"""Numbers that are not finite: where they came from is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from recform.diagnostics import CompileError, Diagnostic
from recform.training.engine import Stopped
from recform.training.screen import Silent
from recform.training.session import of_module, run
from tests.training.helpers import FAST, TINY, planned, told, trained, wanted
from tests.training.test_resume import Stopping


def diverged(plan: Any) -> tuple[Diagnostic, int]:
    """What is told, and the number of the step."""
    with pytest.raises(CompileError) as caught:
        run(plan, Silent())
    item = told(caught.value)
    assert item.code == "RF811"
    assert "lr=" in item.hint
    found = re.search(r"step (\d+)", item.message)
    assert found is not None
    return item, int(found[1])


class Spoilt(nn.Conv2d):
    """From some step on a number of it is not finite."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        made = super().forward(x)
        if self.training:
            self.calls += 1
            if self.calls == self.spoils_at:
                made = made.clone()
                made[0, 0, 0, 0] = float("nan")
        return made

    spoils_at = 0


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Spoils a module of a network when it is called for the n-th time."""
    from recform.compiler import Compiled

    made = Compiled.module

    def spoil(path: str, step: int) -> None:
        def module(self: Compiled) -> nn.Module:
            network: nn.Module = made(self)
            old = network.get_submodule(path)
            assert isinstance(old, nn.Conv2d)
            old.__class__ = Spoilt
            old.calls, old.spoils_at = 0, step
            return network

        monkeypatch.setattr(Compiled, "module", module)

    return spoil


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("stage1.1.W.conv", "W_2: tiny.rf:7: conv(3, c, stride=s) > bn > relu"),
        pytest.param(
            "stem.conv",
            "the stem: tiny.rf:4: conv(3, 8) > bn > relu",
            marks=pytest.mark.long,
        ),
    ],
)
def test_the_block_and_its_line_are_named(
    path: str, place: str, spoilt: Any, tmp_path: Path
) -> None:
    spoilt(path, 7)
    item, step = diverged(planned(tmp_path))
    assert (step, item.message) == (7, "numbers are not finite in step 7 (epoch 2)")
    assert item.notes[0] == f"first the output of {path}, in step 7"
    assert item.notes[1].startswith(place)
    # The operator counts its calls anew when the run does.
    assert diverged(planned(tmp_path))[1] == 7


@pytest.mark.long
def test_behind_a_checkpoint(spoilt: Any, tmp_path: Path) -> None:
    plan = planned(tmp_path)
    with pytest.raises(Stopped):
        run(plan, Stopping(6))
    spoilt("stage2.0.W.conv", 3)
    item, step = diverged(plan)
    assert step == 10
    assert item.notes[0] == "first the output of stage2.0.W.conv, in step 10"
    assert item.notes[1].startswith("W_3: ")
    # Nothing is lost: the checkpoint is that of before.
    (kept,) = (tmp_path / "run" / "checkpoint").iterdir()
    assert kept.name == "step-0000000007"


def test_a_learning_rate_that_is_too_large(tmp_path: Path) -> None:
    plain = TINY.replace(" > bn > relu > dropout(0.1)", "").replace(" > bn", "")
    item, step = diverged(planned(tmp_path, plain, "lr=500", "epochs=50"))
    assert 1 < step < 50
    assert len(item.notes) == 2
    assert re.search(r"tiny\.rf:\d+: ", item.notes[1])


@pytest.mark.long
def test_the_weights_of_the_last_step_are_looked_at(tmp_path: Path) -> None:
    plain = TINY.replace(" > bn > relu > dropout(0.1)", "").replace(" > bn", "")
    overrides = ("batch=5000", "epochs=1", "warmup=0", "lr=1000", "weight_decay=1000")
    # The only step has a finite loss.
    big = plain + "init linear = normal(1e37)\n"
    with pytest.raises(CompileError) as caught:
        trained(tmp_path, big, *overrides)
    assert told(caught.value).code == "RF811"
    assert not (tmp_path / "run" / "result.json").exists()


class Root(nn.Module):
    """The root of zero has no slope."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(64, 8)
        self.middle = nn.Linear(8, 8)
        self.last = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.middle(torch.relu(self.first(x.flatten(1))))
        made: Tensor = self.last((x - x).sqrt() + x)
        return made


def test_a_gradient_without_a_value(tmp_path: Path) -> None:
    item, step = diverged(of_module(Root, wanted(tmp_path, FAST)))
    # The loss of the first step is finite.
    assert step == 2
    assert item.notes == ("first the gradient of the output of middle, in step 1",)
