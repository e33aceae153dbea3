"""A run against a loop that is written by hand, bit for bit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from recform.training import layout
from recform.training.draws import image_draws, mixed, order
from recform.training.engine import Plan
from recform.training.examples import Images, Pass
from recform.training.recipe import Recipe
from recform.training.screen import Silent
from recform.training.session import run
from tests.training.helpers import TINY, lines, planned, same, trained, weights


def changed(data: Images, pick: int, recipe: Recipe, seed: int, epoch: int) -> Tensor:
    """One image as an epoch shows it, cut out and mirrored by slices."""
    height, width = data.images.shape[2:]
    draws = image_draws(len(data), (height, width), recipe, data.flips, seed, epoch)
    top, left = draws.shift[pick].tolist()
    room = round(recipe.crop * min(height, width))
    padded = torch.zeros(data.images.shape[1], height + 2 * room, width + 2 * room)
    padded[:, room : room + height, room : room + width] = data.images[pick]
    image = padded[:, top : top + height, left : left + width]
    if draws.flip[pick]:
        image = image.flip(2)
    image = (image - data.scale.mean) / data.scale.deviation
    side = round(recipe.cutout * min(height, width))
    # A hole may reach over the edge.
    top, left = (at - side // 2 for at in draws.hole[pick].tolist())
    image[:, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
    return image


def laid_out(images: Tensor) -> Tensor:
    """The same with the channels last in memory."""
    count, channels, height, width = images.shape
    made = torch.empty(count, height, width, channels)
    for channel in range(channels):
        made[..., channel] = images[:, channel]
    return made.permute(0, 3, 1, 2)


def optimizer(model: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    decay = recipe.weight_decay
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors}]
    groups[1]["weight_decay"] = decay if recipe.decay_all else 0
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, 0.999)
        return torch.optim.AdamW(groups, 1, betas=betas, weight_decay=decay)
    return torch.optim.SGD(
        groups, 1, recipe.momentum, weight_decay=decay, nesterov=recipe.nesterov
    )


def by_hand(plan: Plan) -> tuple[dict[str, Tensor], list[float], list[float]]:
    """The weights of the best epoch, and the losses of training and of the held out."""
    recipe, seed = plan.recipe, plan.seed
    data, out = plan.data.train, plan.data.validation
    assert isinstance(data, Images) and isinstance(out, Images)
    torch.manual_seed(mixed("start", seed))
    model = layout.laid_out(plan.subject.make(), torch.device("cpu"))
    adapting = optimizer(model, recipe)
    steps = len(data) // recipe.batch
    best, kept, losses, held = -1.0, {}, [], []
    for epoch in range(recipe.epochs):
        model.train()
        total = 0.0
        turn = order(len(data), seed, epoch)
        for number in range(steps):
            step = epoch * steps + number
            rate = recipe.lr * (1 + step) / (1 + recipe.warmup * steps)
            if epoch >= recipe.warmup:
                share = (step / steps - recipe.warmup) / (recipe.epochs - recipe.warmup)
                rate = recipe.lr * (1 + math.cos(math.pi * share)) / 2
            for group in adapting.param_groups:
                group["lr"] = rate
            torch.manual_seed(mixed("step", seed, step, 0))
            adapting.zero_grad()
            picks = turn[number * recipe.batch : (number + 1) * recipe.batch]
            for part in picks.chunk(recipe.accumulate):
                images = [changed(data, n, recipe, seed, epoch) for n in part.tolist()]
                loss = F.cross_entropy(
                    model(laid_out(torch.stack(images))),
                    data.labels[part],
                    label_smoothing=recipe.label_smoothing,
                )
                (loss / recipe.accumulate).backward()
                total += loss.item() * len(part)
            if recipe.clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            adapting.step()
        losses.append(total / (steps * recipe.batch))
        model.eval()
        with torch.no_grad():
            scores = model((out.images - data.scale.mean) / data.scale.deviation)
        held.append(F.cross_entropy(scores, out.labels).item())
        accuracy = (scores.argmax(1) == out.labels).double().mean().item()
        if accuracy > best:
            best = accuracy
            kept = {name: t.clone() for name, t in model.state_dict().items()}
    return kept, losses, held


@pytest.mark.parametrize(
    "overrides",
    [
        ("cutout=0.4",),
        ("cutout=0.5",),
        ("accumulate=2", "clip=0.5", "decay_all=true", "optimizer=adamw", "lr=0.01"),
    ],
)
def test_a_run_is_a_loop_by_hand(overrides: tuple[str, ...], tmp_path: Path) -> None:
    plan = planned(tmp_path, TINY, *overrides)
    # Mirrored digits are none; here they test mirroring.
    images = plan.data.train
    assert isinstance(images, Images)
    plan = replace(plan, data=replace(plan.data, train=replace(images, flips=True)))
    run(plan, Silent())
    kept, losses, held = by_hand(plan)
    assert same(weights(tmp_path / "run"), kept)
    found = lines(tmp_path / "run")
    assert [line["loss"] for line in found] == pytest.approx(losses, rel=1e-6)
    assert [line["validation_loss"] for line in found] == pytest.approx(held, rel=1e-6)


def test_the_seed_decides(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        trained(tmp_path, seed=seed, name=name)
    one, again, other = (weights(tmp_path / name) for name in "abc")
    assert same(one, again)
    assert lines(tmp_path / "a") == lines(tmp_path / "b")
    assert not any(
        torch.equal(one[name], other[name]) for name in ("stem.conv.weight",)
    )


class Counted(Images):
    """Counts how often it is read."""

    reads: list[int]

    def to(self, device: torch.device) -> Counted:
        return self

    def batches(self, picks: Any, run: Pass) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in super().batches(picks, run):
            self.reads.append(len(batch[1]))
            yield batch


def test_the_test_set_is_read_once_at_the_end(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    seen: list[tuple[str, int]] = []

    class Watching(Silent):
        def epoch(self, line: Any, per_second: float | None) -> None:
            seen.append(("epoch", len(reads)))

        def testing(self) -> None:
            seen.append(("testing", len(reads)))

    reads: list[int] = []
    test = plan.data.test
    assert isinstance(test, Images)
    counted = Counted(test.images, test.labels, test.scale, test.flips)
    object.__setattr__(counted, "reads", reads)
    plan = replace(plan, data=replace(plan.data, test=counted))
    result = run(plan, Watching())
    assert seen == [("epoch", 0)] * 3 + [("testing", 0)]
    assert sum(reads) == len(test)
    # What it said is what the weights of that epoch say.
    model = plan.subject.make()
    model.load_state_dict(weights(tmp_path / "run"))
    scores = model.eval()((test.images - test.scale.mean) / test.scale.deviation)
    right = (scores.argmax(1) == test.labels).double().mean().item()
    assert result.accuracy == pytest.approx(right)
    assert result.loss == pytest.approx(F.cross_entropy(scores, test.labels).item())


def test_another_test_set_chooses_the_same_weights(tmp_path: Path) -> None:
    plan = planned(tmp_path, name="a")
    run(plan, Silent())
    other = planned(tmp_path, name="b")
    test = other.data.test
    assert isinstance(test, Images)
    wrong = replace(test, labels=(test.labels + 1) % 10)
    result = run(replace(other, data=replace(other.data, test=wrong)), Silent())
    assert lines(tmp_path / "a") == lines(tmp_path / "b")
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    best = max(lines(tmp_path / "b"), key=lambda line: line["validation_accuracy"])
    assert result.validation == best["validation_accuracy"]
    assert result.epoch == best["epoch"]


def test_the_last_epoch_counts_if_it_is_asked_for(tmp_path: Path) -> None:
    result = trained(tmp_path, TINY, "select=last")
    assert result.epoch == 3
    assert result.validation == lines(tmp_path / "run")[-1]["validation_accuracy"]
    whole = trained(tmp_path, TINY, "select=last", "validation=0", name="whole")
    assert whole.validation is None
    assert lines(tmp_path / "whole")[-1]["validation_accuracy"] is None


def test_few_examples_are_one_batch(tmp_path: Path) -> None:
    result = trained(tmp_path, TINY, "batch=5000", "epochs=2")
    assert result.steps == 2


def test_the_switches_of_torch_are_as_before(tmp_path: Path) -> None:
    from accelerate.state import AcceleratorState, PartialState

    before = torch.backends.cudnn.benchmark
    states = [AcceleratorState._shared_state, PartialState._shared_state]
    kept = [dict(state) for state in states]
    trained(tmp_path, TINY, "epochs=1", "warmup=0", deterministic=True)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert torch.backends.cudnn.benchmark == before
    assert states == kept
    options = {"precision": "bf16", "name": "bf16"}
    trained(tmp_path, TINY, "epochs=1", "warmup=0", **options)
    assert not same(weights(tmp_path / "run"), weights(tmp_path / "bf16"))
