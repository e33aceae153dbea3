"""The paper's formulas, trained from end to end on digits.

A network whose formula is computed wrongly, whose shortcuts lead nowhere, or that does not
learn, is far from what it reaches here. Every bound is four standard deviations below the
mean of five seeds or more (of six in the deep frame): another processor, or another version
of torch, adds numbers in another order, which is no more than another seed. It is rounded
down to a twentieth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from recform.compiler import Compiled, choose, compile_source, from_text
from recform.training.engine import Plan
from recform.training.measure import measured
from recform.training.screen import Silent
from recform.training.session import of_formula, run
from tests.thinned import thinned
from tests.training.helpers import wanted

PAPER = Path(__file__).resolve().parents[2] / "examples" / "paper"
#: 80 steps.
FAST = ("epochs=4", "warmup=1")
#: No network reaches this that has learned nothing: it is right in a tenth.
NOTHING = 0.2

#: Sixteen blocks of eight channels: without a shortcut that leads from block to block,
#: four epochs are not enough.
DEEP = "width x 8, 2*width x 8 / 2"
#: More than four deviations above Plain, which reaches 0.24, and below all with shortcuts.
SHORTCUTS = 0.38
BOUNDS = {
    "ResNet": 0.55,
    "ResNetS": SHORTCUTS,
    "A5Printed": 0.85,
    "A41": 0.50,
    "A42": NOTHING,  # it has none
    "Eq21": SHORTCUTS,
}

#: The others, each in a frame of a few blocks.
FRAMES = {
    "highway": "16 x 2, 32 x 1 / 2",
    **dict.fromkeys(
        ("resnet50", "resnext29", "res2next29"),
        "48 x 1, 96 x 1 / 2",
    ),
}
FILES = {
    "a41": 0.85,
    "a42": 0.90,
    "eq20": 0.85,
    "eq21": 0.85,
    "highway": 0.30,
    "plain": 0.50,
    "res2next29": 0.60,
    "res2next29_s": 0.80,
    "resnet50": 0.50,
    "resnet50_s": 0.70,
    "resnext29": 0.70,
    "resnext29_s": 0.70,
    "se_resnet": 0.55,
    "se_resnet_s": 0.80,
}


def planned(folder: Path, name: str, stages: str, network: str | None = None) -> Plan:
    """A formula of the paper in a small frame.

    Args:
        folder: of runs.
        name: of the file.
        stages: of the frame.
        network: one of several; the first, if it is None.
    """
    text = (PAPER / f"{name}.rf").read_text()
    text, found = re.subn(r"(?m)^stages .*", f"stages {stages}", text)
    text += "" if found else f"\nstages {stages}\n"
    text = text.replace("conv(3, 64", "conv(3, 16")
    names = re.findall(r"(?m)^network (\w+)", text)

    def compiling(settings: Mapping[str, Any]) -> Compiled:
        chosen = network or names[0]
        source = from_text(text, f"{name}.rf")
        return choose(compile_source(source, settings, PAPER, (), chosen), chosen)

    settings = {"width": 8} if network else {}
    return of_formula(compiling, wanted(folder, FAST, settings=settings))


def untrained(plan: Plan) -> float:
    """The accuracy of a network as it starts."""
    torch.manual_seed(0)
    _, right, seen = measured(plan.subject.make(), plan.data.test, 359).tolist()
    return float(right / seen)


@pytest.mark.slow
@pytest.mark.parametrize("network", thinned(BOUNDS, 8, first=1))
def test_the_formulas_of_the_study(network: str, tmp_path: Path) -> None:
    plan = planned(tmp_path, "study", DEEP, network)
    assert untrained(plan) < NOTHING
    assert run(plan, Silent()).accuracy > BOUNDS[network]


@pytest.mark.slow
def test_what_has_lost_its_shortcuts_does_not_pass(tmp_path: Path) -> None:
    plan = planned(tmp_path, "study", DEEP, "Plain")
    assert run(plan, Silent()).accuracy < SHORTCUTS


@pytest.mark.slow
@pytest.mark.parametrize("name", thinned(FILES, 10, first=4))
def test_the_other_formulas_of_the_paper(name: str, tmp_path: Path) -> None:
    frame = FRAMES.get(name.removesuffix("_s"), "16 x 2, 32 x 2 / 2")
    plan = planned(tmp_path, name, frame)
    assert untrained(plan) < NOTHING
    assert run(plan, Silent()).accuracy > FILES[name]
