"""Where a number that is not finite came from: the run up to it is run again, and watched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from recform.training.engine import Plan, Training
from recform.training.screen import Silent


@dataclass(frozen=True)
class Origin:
    """The first thing that was not finite.

    Attributes:
        step: counted from 1.
        what: in words.
        place: where it is in the formula; empty where that is not known.
    """

    step: int
    what: str
    place: str = ""


def origin(plan: Plan, accelerator: Accelerator, bad: int) -> Origin:
    """Finds where numbers went wrong first.

    All of a step depends on its number, so that running from the last checkpoint again
    leads to the same numbers.

    Args:
        plan: of a run that diverged.
        accelerator: whose networks are no longer needed.
        bad: the step in which that was seen, counted from 0.
    """
    accelerator.free_memory()
    training = Training(plan, accelerator, Silent())
    training.resume()
    while (step := training.progress.step) <= bad:
        # The loss shows what the step before did to the weights.
        if step < bad - 1:
            _one_step(training)
            continue
        with _watched(training.model) as found:
            _one_step(training)
        found += _of_weights(training.model)
        if found:
            path, what = found[0]
            told = f"{what} of {path or 'the network'}"
            return Origin(step + 1, told, plan.subject.place(path) if path else "")
    return Origin(bad + 1, "the loss")


def _one_step(training: Training) -> None:
    epoch, begun = divmod(training.progress.step, training.steps)
    next(iter(training.steps_of(epoch, begun)), None)


def _of_weights(model: nn.Module) -> list[tuple[str, str]]:
    """Weights that are not finite, and those whose gradients are not, the last first.

    What is not finite goes backwards from where it arose.
    """
    found = []
    for name, weight in reversed(list(model.named_parameters())):
        if weight.grad is not None and not _finite(weight.grad):
            found.append((_bare(name), "the gradient"))
        elif not _finite(weight):
            found.append((_bare(name), "the value"))
    return found


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _bare(name: str) -> str:
    for wrapper in ("module.", "_orig_mod."):
        name = name.removeprefix(wrapper)
    return name


@contextmanager
def _watched(model: nn.Module) -> Iterator[list[tuple[str, str]]]:
    """Within this, what is not finite is noted, the first first.

    That is what goes into modules and comes out of them, and then the gradients of that,
    which come from behind.
    """
    found: list[tuple[str, str]] = []

    def note(value: object, path: str, what: str) -> None:
        def later(slope: Tensor) -> None:
            if not _finite(slope):
                found.append((path, f"the gradient of {what}"))

        for tensor in value if isinstance(value, tuple | list) else (value,):
            if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
                continue
            if not _finite(tensor):
                found.append((path, what))
            elif tensor.requires_grad:
                tensor.register_hook(later)  # type: ignore[no-untyped-call]

    handles = []
    for name, module in model.named_modules():
        path = _bare(name)

        def before(_: nn.Module, inputs: object, path: str = path) -> None:
            note(inputs, path, "the input")

        def behind(_: nn.Module, __: object, output: object, path: str = path) -> None:
            note(output, path, "the output")

        handles.append(module.register_forward_pre_hook(before))
        handles.append(module.register_forward_hook(behind))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


__all__ = ["Origin", "origin"]
