"""The training loop, on Hugging Face accelerate: one process or many, any device.

What happens in a step depends on the seed and the number of the step alone
(:mod:`recform.training.draws`), never on what was drawn before.
"""

from __future__ import annotations

import math
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, broadcast_object_list
from torch import Tensor, nn
from torch.nn import functional as F

from recform.diagnostics import Diagnostic, refuse
from recform.files import Json
from recform.training import checkpoint
from recform.training.checkpoint import Progress
from recform.training.data import Data
from recform.training.draws import mixed, order, seeded
from recform.training.examples import Examples, Pass
from recform.training.layout import laid_out
from recform.training.measure import measured, scored
from recform.training.numerics import Numerics
from recform.training.optimizer import optimizer
from recform.training.recipe import Recipe, lr_at
from recform.training.runs import Result, Run, add_line, keep_lines
from recform.training.screen import Screen
from recform.training.subject import Subject

#: On a GPU, and of several processes, steps between looks at whether the loss is still
#: finite: a look waits for the device, or for the others.
LOOK = 50
#: Steps that are timed before it is known how often checkpoints are written.
TIMED = 10


@dataclass(frozen=True)
class Plan:
    """All that a run is made of.

    Attributes:
        subject, data, recipe, seed, numerics: what is trained, on what, and how.
        run: its folder.
        remarks: warnings of what is odd about all that.
    """

    subject: Subject
    data: Data
    recipe: Recipe
    seed: int
    numerics: Numerics
    run: Run
    remarks: tuple[Diagnostic, ...] = ()


#: A step that no run has.
_NEVER = 2**62


class Diverged(Exception):
    """Numbers are no longer finite.

    Attributes:
        step: the last one, counted from 0.
        examples: whose scores they are, in words; empty where it is the step's loss.
    """

    def __init__(self, step: int, examples: str = "") -> None:
        super().__init__(step, examples)
        self.step, self.examples = step, examples


class Stopped(Exception):
    """The user stopped the run; it can go on."""


class Training:
    """One run.

    Args:
        plan: what it is made of.
        accelerator: of this process.
        screen: is told of what happens.

    Attributes:
        steps: of an epoch.
        progress: how far it is.
    """

    def __init__(self, plan: Plan, accelerator: Accelerator, screen: Screen) -> None:
        self._plan, self._accelerator, self._screen = plan, accelerator, screen
        self._recipe = plan.recipe
        self._device = accelerator.device
        self._alone = accelerator.num_processes == 1
        size = len(plan.data.train)
        # With few examples all of them are a batch.
        self._batch = min(plan.recipe.batch, size)
        self._parts = accelerator.num_processes * plan.recipe.accumulate
        self._batch -= self._batch % self._parts
        if plan.recipe.batch % self._parts or not self._batch:
            refuse(
                "RF816",
                f"a batch of {min(plan.recipe.batch, size)} cannot be cut into "
                f"{accelerator.num_processes} processes x {plan.recipe.accumulate} "
                "micro-batches",
                "--override batch=… with a multiple of both",
            )
        self.steps = size // self._batch
        self._train = plan.data.train.to(self._device)
        self._validation = plan.data.validation.to(self._device)
        torch.manual_seed(mixed("start", plan.seed))
        module = plan.subject.make()
        sharded = accelerator.distributed_type == DistributedType.FSDP
        if not sharded:
            # Before the optimiser, which learns those tensors that are there.
            module = module.to(self._device)
            if len(plan.data.shape) == 3:
                # Like the images; shards are cut from tensors in the usual order.
                module = laid_out(module, self._device)
        self._model, self._optimizer = accelerator.prepare(
            module, optimizer(module, self._recipe)
        )
        # The wrapper, which scales fp16, looks for a package at each call.
        self._bare: torch.optim.Optimizer = self._optimizer.optimizer
        self.progress = Progress()
        self._sums = torch.zeros(3, dtype=torch.float64, device=self._device)
        # The first step whose loss was not finite.
        self._bad = torch.full((), _NEVER, device=self._device)
        self._stop = self._agreed = False
        self._saved = self._every = 0
        self._times: list[float] = []

    @property
    def model(self) -> nn.Module:
        """The network, as accelerate has wrapped it."""
        model: nn.Module = self._model
        return model

    # -- the run

    def run(self) -> Result:
        """Trains to the end, from the last checkpoint if there is one.

        Raises:
            Diverged: if a loss is not finite, or scores are not.
            Stopped: if the process got SIGINT or SIGTERM; a checkpoint was written.
            CompileError: if something cannot be written (RF503, RF814).
        """
        plan, recipe = self._plan, self._recipe
        with self._signals():
            self.resume()
            if self._accelerator.is_main_process:
                keep_lines(plan.run, self.progress.step)
            self._screen.begin(self.steps, recipe.epochs, self.progress.step)
            for epoch in range(self.progress.step // self.steps, recipe.epochs):
                self._epoch(epoch)
        return self._finish()

    def resume(self) -> None:
        """Goes to the last checkpoint."""
        self.progress = checkpoint.load(self._accelerator, self._folder)
        p = self.progress
        # The sums are those of all processes: one of them takes them over.
        known = torch.tensor([p.loss, p.right, p.seen], dtype=torch.float64)
        self._sums.copy_(known * self._accelerator.is_main_process)
        self._saved = p.step

    @property
    def _folder(self) -> Path:
        return self._plan.run.file("checkpoint")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Within this, the first SIGINT or SIGTERM lets the step end."""

        def stop(number: int, frame: object) -> None:
            self._stop = True
            signal.signal(number, before[signal.Signals(number)] or signal.SIG_DFL)

        try:
            before = {
                n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)
            }
        except ValueError:  # not in the main thread: whoever started it, stops it
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)

    def _epoch(self, epoch: int) -> None:
        begun = self.progress.step - epoch * self.steps
        start = last = time.perf_counter()
        for _ in self.steps_of(epoch, begun):
            taken = time.perf_counter() - last
            self.progress.seconds += taken
            self._after_step(taken)
            last = time.perf_counter()
        train = last - start
        self._look(whole=True)
        self._line(epoch, train / max(1, self.steps - begun), whole=not begun)
        self._perhaps_save()

    def steps_of(self, epoch: int, begun: int = 0) -> Iterator[int]:
        """Runs the steps of an epoch, behind those that were made; yields after each."""
        model, recipe, seed = self._model, self._recipe, self._plan.seed
        model.train()
        rank = self._accelerator.process_index
        batches = self._train.batches(
            self._picks(epoch, begun), Pass(seed, epoch, recipe)
        )
        for number in range(begun, self.steps):
            step = epoch * self.steps + number
            seeded(mixed("step", seed, step, rank), self._device)
            rate = lr_at(recipe, step, self.steps)
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            self._bare.zero_grad()
            for micro in range(recipe.accumulate):
                inputs, targets = next(batches)
                waits = micro + 1 < recipe.accumulate
                with self._accelerator.no_sync(model) if waits else nullcontext():
                    self._forward(inputs, targets, step)
            if recipe.clip:
                self._accelerator.clip_grad_norm_(model.parameters(), recipe.clip)
            (self._optimizer if self._accelerator.scaler else self._bare).step()
            self.progress.step = step + 1
            yield step

    def _forward(self, inputs: Tensor, targets: Tensor, step: int) -> None:
        """Loss and gradients of a micro-batch."""
        scores = scored(self._model, inputs)
        classes = scores.shape[-1]
        flat = targets.reshape(-1)
        loss = F.cross_entropy(
            scores.reshape(-1, classes),
            flat,
            label_smoothing=self._recipe.label_smoothing,
        )
        self._accelerator.backward(loss)
        with torch.no_grad():
            right = (scores.argmax(-1) == targets).sum()
            self._sums += torch.stack(
                [loss.detach() * len(flat), right, right * 0 + len(flat)]
            )
            finite = torch.isfinite(loss)
            self._bad = torch.where(finite, self._bad, self._bad.clamp_max(step))

    def _picks(self, epoch: int, begun: int) -> list[Tensor]:
        """This process's part of every micro-batch from a step on."""
        rank, world = self._accelerator.process_index, self._accelerator.num_processes
        every = order(len(self._train), self._plan.seed, epoch)
        picks = []
        for number in range(begun, self.steps):
            batch = every[number * self._batch : (number + 1) * self._batch]
            parts = batch.reshape(self._recipe.accumulate, world, -1)
            picks += [part[rank] for part in parts]
        return picks

    # -- between steps

    def _after_step(self, taken: float) -> None:
        step = self.progress.step
        if (self._device.type == "cpu" and self._alone) or step % LOOK == 0:
            self._look()
        if not self._every:
            self._times.append(taken)
            if len(self._times) == TIMED:
                # The first steps are slow: memory, kernels, compilation.
                middle = max(statistics.median(self._times[1:]), 1e-6)
                steps = min(2**40, self._plan.numerics.checkpoint / middle)
                found = [max(1, round(steps))]
                broadcast_object_list(found)
                self._every = found[0]
        if step % self.steps:
            self._perhaps_save()  # behind the last step comes the epoch's line first
        self._screen.step(step)

    def _perhaps_save(self) -> None:
        """Writes a checkpoint if it is time to, or the run is to stop."""
        due = self._every and self.progress.step - self._saved >= self._every
        stop = self._stop if self._alone else self._agreed
        if due or stop:
            self._save()
        if stop:
            raise Stopped

    def _look(self, whole: bool = False) -> None:
        """Raises Diverged if a loss was not finite, of any process.

        Several processes agree here on whether they stop.

        Args:
            whole: whether the weights are looked at, too: behind the last step of an epoch
                there may be no loss that tells of them.
        """
        bad = self._bad
        weights = self._model.parameters() if whole else ()
        if not all(bool(torch.isfinite(weight).all()) for weight in weights):
            bad = bad.clamp_max(self.progress.step - 1)
        if not self._alone:
            both = torch.stack([bad, bad * 0 + (not self._stop)])
            torch.distributed.all_reduce(both, torch.distributed.ReduceOp.MIN)
            bad, on = both
            self._agreed = not on
        if int(bad) != _NEVER:
            raise Diverged(int(bad))

    def _save(self) -> None:
        self._look()
        self._count()
        checkpoint.save(self._accelerator, self._folder, self.progress)
        self._saved = self.progress.step

    def _count(self) -> None:
        loss, right, seen = self._accelerator.reduce(self._sums, "sum").tolist()
        self.progress.loss = loss
        self.progress.right, self.progress.seen = int(right), int(seen)

    def _line(self, epoch: int, per_step: float, whole: bool) -> None:
        """What an epoch came to: a line of metrics, and the weights if they are best."""
        progress, plan = self.progress, self._plan
        total = self._accelerator.reduce(self._sums, "sum").tolist()
        line: Json = {
            "epoch": epoch + 1,
            "step": progress.step,
            "loss": total[0] / max(1, total[2]),
            "accuracy": total[1] / max(1, total[2]),
            "lr": lr_at(self._recipe, progress.step - 1, self.steps),
            "validation_loss": None,
            "validation_accuracy": None,
            "seconds": progress.seconds,
            "seconds_per_step": per_step if whole else None,
        }
        if len(plan.data.validation):
            loss, accuracy = self._evaluate(self._model, self._validation)
            line["validation_loss"], line["validation_accuracy"] = loss, accuracy
            if self._recipe.select == "best" and accuracy > progress.best:
                progress.best, progress.best_epoch = accuracy, epoch + 1
                progress.kept = self._weights()
        self._sums.zero_()
        if self._accelerator.is_main_process:
            add_line(plan.run, line)
            per_second = self._batch / per_step if whole else None
            self._screen.epoch(line, per_second)

    def _weights(self) -> dict[str, Tensor]:
        """All weights on the CPU, by the names of the network."""
        state = self._accelerator.get_state_dict(self._model)
        return {
            name.removeprefix("_orig_mod."): tensor.detach().cpu().contiguous().clone()
            for name, tensor in state.items()
        }

    def _evaluate(self, model: nn.Module, examples: Examples) -> tuple[float, float]:
        """Mean loss and accuracy, over all processes."""
        rank, world = self._accelerator.process_index, self._accelerator.num_processes
        sums = measured(model, examples, self._batch // self._parts * 2, rank, world)
        sums = self._accelerator.reduce(sums.to(self._device), "sum")
        model.train()
        return self._means(sums.tolist(), "held-out examples")

    def _means(self, sums: list[float], examples: str) -> tuple[float, float]:
        """Loss and accuracy; of scores that are no numbers, none is the largest."""
        loss, right, seen = sums
        if not math.isfinite(loss):
            raise Diverged(self.progress.step - 1, examples)
        return loss / seen, right / seen

    # -- the end

    def _finish(self) -> Result:
        """Looks at the test set, once, with the weights that were kept."""
        plan, progress, recipe = self._plan, self.progress, self._recipe
        last = recipe.select == "last"
        self._screen.testing()
        kept = self._weights() if last else dict(progress.kept)
        sums, count = [0.0, 0.0, 1.0], 0
        if self._accelerator.is_main_process:
            module = plan.subject.make()
            plan.subject.save(module, kept, plan.run.file("weights.safetensors"))
            module.load_state_dict(kept)
            module = module.to(self._device)
            test = plan.data.test.to(self._device)
            with self._accelerator.autocast():
                each = self._batch // self._parts * 2
                sums = measured(module, test, each).tolist()
            count = sum(p.numel() for p in module.parameters())
        # The others did not look.
        found: list[Any] = [sums, count]
        broadcast_object_list(found)
        sums, count = found
        loss, accuracy = self._means(sums, "test examples")
        facts = plan.subject.facts
        lines = plan.run.metrics()
        per_step = [x["seconds_per_step"] for x in lines if x["seconds_per_step"]]
        validation: float | None = progress.best
        if last:
            validation = lines[-1]["validation_accuracy"] if lines else None
        return Result(
            name=plan.run.name,
            folder=plan.run.folder.as_posix(),
            network=plan.subject.name,
            data=plan.data.name,
            recipe=recipe.name,
            seed=plan.seed,
            accuracy=accuracy,
            loss=loss,
            validation=validation,
            epoch=recipe.epochs if last else progress.best_epoch,
            epochs=recipe.epochs,
            steps=progress.step,
            parameters=count,
            multiply_adds=facts["multiply_adds"],
            seconds=progress.seconds,
            seconds_per_step=statistics.median(per_step or [0.0]),
        )
