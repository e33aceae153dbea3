"""What a step of `recform train` costs beside a bare loop with the same batches.

The bare loop does what the trainer must do: it forms the batches, sets the learning rate, and
adds up the loss. A turn is some steps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from table import Asked, Figure, ratios, turns
from torch.nn import functional as F

from recform.compiler import compile_source, from_text
from recform.training.engine import Plan, Training
from recform.training.examples import Pass
from recform.training.numerics import Numerics, accelerator
from recform.training.optimizer import optimizer
from recform.training.recipe import lr_at, recipe_of
from recform.training.screen import Silent
from recform.training.session import Wanted, of_formula

#: A step takes about 20 ms on one core.
NETWORK = """network Small
param classes = 10
input 1 x 8 x 8
stem conv(3, 32) > bn > relu
stages 32 x 2, 64 x 2 / 2
head avgpool > linear(classes)
W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn
X_i = relu(X_<i-1> + W_i*X_<i-1>)
"""
#: Steps of a turn.
STEPS = 4


def bare(plan: Plan) -> Iterator[None]:
    """A loop as one writes it by hand; a step a time."""
    model = plan.subject.make().to(memory_format=torch.channels_last)
    adapting = optimizer(model, plan.recipe)
    data, batch = plan.data.train, plan.recipe.batch
    steps = len(data) // batch
    step = 0
    while True:
        picks = torch.randperm(len(data))[: steps * batch].split(batch)
        total = torch.zeros((), dtype=torch.float64)
        run = Pass(plan.seed, step // steps, plan.recipe)
        for inputs, targets in data.batches(picks, run):
            for group in adapting.param_groups:
                group["lr"] = lr_at(plan.recipe, step, steps)
            adapting.zero_grad()
            loss = F.cross_entropy(
                model(inputs), targets, label_smoothing=plan.recipe.label_smoothing
            )
            loss.backward()
            adapting.step()
            total += loss.item() * len(targets)
            step += 1
            yield


def trainers(plan: Plan, training: Training) -> Iterator[None]:
    """What the trainer does; a step a time."""
    epoch = 0
    while True:
        for _ in training.steps_of(epoch):
            training._after_step(0.01)
            yield
        epoch += 1


def some(loop: Iterator[None]) -> None:
    """A turn."""
    for _ in range(STEPS):
        next(loop)


def figures(asked: Asked) -> Iterator[Figure]:
    """Both loops, in turns."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        recipe = recipe_of("quick", ["epochs=100000"])
        numerics = Numerics(device="cpu", checkpoint=1e9)
        wanted = Wanted("digits", recipe, numerics=numerics, folder=Path(folder))
        compiling: Callable[[Any], Any] = lambda settings: compile_source(  # noqa: E731
            from_text(NETWORK), settings
        )[0]
        plan = of_formula(compiling, wanted)
        with accelerator(recipe, plan.numerics) as engine:
            loops = {
                "ours": trainers(plan, Training(plan, engine, Silent())),
                "bare": bare(plan),
            }
            actions = {name: partial(some, loop) for name, loop in loops.items()}
            times = turns(actions, asked.turns(40), warm=2)
    found = ratios(times["ours"], times["bare"])
    yield Figure("step of `recform train` / step of a bare loop", found, bound=1.03)
