"""What a step of `recform train` costs beside a bare loop with the same batches.

The two take turns, some steps each, in one process, so that a machine whose speed drifts
does not matter; the figure is the median of the ratios of neighbouring turns. The bare loop
does what the trainer must do: it forms the batches, sets the learning rate, and adds up the
loss.

    python benchmarks/training.py [--turns 40] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
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
#: The largest ratio that is allowed.
BOUND = 1.03
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


def taken(loop: Iterator[None]) -> float:
    """Seconds of the processor for a turn."""
    start = time.process_time()
    for _ in range(STEPS):
        next(loop)
    return time.process_time() - start


def measured(turns: int) -> tuple[float, float]:
    """The ratio, and the seconds of a step of the bare loop."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = recipe_of("quick", ["epochs=100000"])
        numerics = Numerics(device="cpu", checkpoint=1e9)
        wanted = Wanted("digits", recipe, numerics=numerics, folder=Path(folder))
        compiling: Callable[[Any], Any] = lambda settings: compile_source(  # noqa: E731
            from_text(NETWORK), settings
        )[0]
        plan = of_formula(compiling, wanted)
        with accelerator(recipe, plan.numerics) as engine:
            ours, theirs = trainers(plan, Training(plan, engine, Silent())), bare(plan)
            pairs = []
            for turn in range(2 + turns):
                # Who is first changes.
                order = (ours, theirs) if turn % 2 else (theirs, ours)
                found = {id(loop): taken(loop) for loop in order}
                pairs.append((found[id(ours)], found[id(theirs)]))
    pairs = pairs[2:]
    ratio = statistics.median(a / b for a, b in pairs)
    return ratio, statistics.median(b for _, b in pairs) / STEPS


def main() -> None:
    """Measures, prints, and writes the ratio as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    ratio, seconds = measured(options.turns)
    mark = "" if ratio <= BOUND else "  TOO SLOW"
    print(
        f"a step of a bare loop: {seconds * 1000:.1f} ms; of recform train: "
        f"{ratio:.3f} times that, bound {BOUND}{mark}"
    )
    if options.json:
        options.json.write_text(json.dumps({"train": ratio}, indent=2) + "\n")


if __name__ == "__main__":
    main()
