"""Where a number that is not finite came from: the run up to it is run again, and watched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from recform.training.engine import Diverged, Training
from recform.training.subject import Subject


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
    place: str


def origin(training: Training, subject: Subject, bad: int, steps: int) -> Origin:
    """Finds where numbers went wrong first.

    All of a step depends on its number, so that running from the last checkpoint again
    leads to the same numbers.

    Args:
        training: one that diverged.
        subject: its network.
        bad: the step whose loss was not finite, counted from 0.
        steps: of an epoch.
    """
    training.resume()
    model = training.model
    while training.progress.step <= bad:
        step = training.progress.step
        epoch, begun = divmod(step, steps)
        # The loss shows what the step before did to the weights.
        close = step >= bad - 1
        with _watched(model) if close else _unwatched() as found:
            next(iter(training.steps_of(epoch, begun)), None)
        if not close:
            continue
        if found:
            path, what = found[0]
            return _told(step, f"{what} of {path or 'the network'}", subject, path)
        for name, parameter in model.named_parameters():
            path = _bare(name)
            for tensor, what in (
                (parameter.grad, "the gradient"),
                (parameter, "the value"),
            ):
                if tensor is not None and not bool(torch.isfinite(tensor).all()):
                    return _told(step, f"{what} of {path}", subject, path)
    return Origin(bad + 1, "the loss", "")


def _told(step: int, what: str, subject: Subject, path: str) -> Origin:
    return Origin(step + 1, what, subject.place(path) if path else "")


def _bare(name: str) -> str:
    for wrapper in ("module.", "_orig_mod."):
        name = name.removeprefix(wrapper)
    return name


@contextmanager
def _unwatched() -> Iterator[list[tuple[str, str]]]:
    yield []


@contextmanager
def _watched(model: nn.Module) -> Iterator[list[tuple[str, str]]]:
    """Within this, modules are noted whose output is the first that is not finite."""
    found: list[tuple[str, str]] = []
    handles = []
    for name, module in model.named_modules():

        def look(_: nn.Module, __: Any, output: Any, path: str = _bare(name)) -> None:
            tensors = output if isinstance(output, tuple | list) else (output,)
            for tensor in tensors:
                if isinstance(tensor, Tensor) and not bool(
                    torch.isfinite(tensor).all()
                ):
                    found.append((path, "the output"))

        handles.append(module.register_forward_hook(look))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


__all__ = ["Diverged", "Origin", "origin"]
