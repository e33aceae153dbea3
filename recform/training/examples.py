"""Examples to train on: images that lie in memory, photographs in folders, text.

Each kind gives batches for lists of picks, ready on the device. Images in memory stay
there as bytes, and are augmented in batches: no process, no copy from the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from recform.training.draws import cropped, generator, holed, image_draws
from recform.training.recipe import Recipe

#: A batch: what the network gets, and the class of each example (or position).
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Pass:
    """One pass through examples.

    Attributes:
        seed, epoch: of the run.
        recipe: how images are changed; None where they stay as they are.
    """

    seed: int = 0
    epoch: int = 0
    recipe: Recipe | None = None


class Examples(Protocol):
    """A set of examples."""

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> Examples:
        """The same, whose batches come on a device."""
        ...

    def batches(self, picks: Iterable[Tensor], run: Pass) -> Iterator[Batch]:
        """A batch for each list of examples (int64, on the CPU)."""
        ...


@dataclass(frozen=True)
class Scale:
    """How bytes become numbers: mean 0 and deviation 1 a channel of the training set.

    Attributes:
        mean, deviation: float32 (channels, 1, 1), of bytes.
    """

    mean: Tensor
    deviation: Tensor

    @staticmethod
    def of(images: Tensor) -> Scale:
        """Of uint8 images (examples, channels, height, width)."""
        count = torch.zeros(images.shape[1], 256, dtype=torch.float64)
        for channel in range(images.shape[1]):
            found = torch.bincount(images[:, channel].flatten(), minlength=256)
            count[channel] = found.double()
        share = count / count.sum(1, keepdim=True)
        values = torch.arange(256, dtype=torch.float64)
        mean = share @ values
        variance = (share * (values - mean[:, None]) ** 2).sum(1)
        # A channel of one value has no deviation.
        deviation = variance.sqrt().clamp_min(1.0)
        return Scale(*(t.float()[:, None, None] for t in (mean, deviation)))

    def to(self, device: torch.device) -> Scale:
        """The same on a device."""
        return Scale(self.mean.to(device), self.deviation.to(device))

    def __call__(self, images: Tensor) -> Tensor:
        """Float32 images of bytes."""
        return (images.float() - self.mean) / self.deviation


def channels_last(images: Tensor) -> Tensor:
    """The same, laid out so that convolutions are fast, on a CPU too.

    Dropout draws in the order of the memory: with one channel, where torch calls every
    order a channels-last one, it is this one, too.
    """
    return images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Images:
    """Images in memory.

    Attributes:
        images: uint8 (examples, channels, height, width).
        labels: int64 (examples,).
        scale: of the training set.
        flips: whether a mirrored image is still of its class.
        flat: whether the network takes an image as a vector.
    """

    images: Tensor
    labels: Tensor
    scale: Scale
    flips: bool
    flat: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Images:
        images, labels = self.images.to(device), self.labels.to(device)
        scale = self.scale.to(device)
        return replace(self, images=images, labels=labels, scale=scale)

    def batches(self, picks: Iterable[Tensor], run: Pass) -> Iterator[Batch]:
        device = self.labels.device
        draws = None
        if run.recipe is not None:
            size = (self.images.shape[2], self.images.shape[3])
            found = image_draws(
                len(self), size, run.recipe, self.flips, run.seed, run.epoch
            )
            draws = found.to(device)
        for pick in picks:
            here = pick.to(device, non_blocking=True)
            images = self.images[here]
            if draws is not None:
                images = cropped(images, here, draws)
            images = self.scale(images)
            if draws is not None and draws.side:
                images = holed(images, here, draws)
            images = images.flatten(1) if self.flat else channels_last(images)
            yield images, self.labels[here]


@dataclass(frozen=True)
class Windows:
    """Text as bytes: an example is a window, and each position's class the next byte.

    Attributes:
        text: uint8 (length,).
        length: positions of a window.
        classes: how many tokens there are.
        one_hot: whether the network takes a vector a token, or its number.
    """

    text: Tensor
    length: int
    classes: int
    one_hot: bool = True

    def __len__(self) -> int:
        return max(0, (len(self.text) - 1) // self.length)

    def to(self, device: torch.device) -> Windows:
        return replace(self, text=self.text.to(device))

    def batches(self, picks: Iterable[Tensor], run: Pass) -> Iterator[Batch]:
        device = self.text.device
        spare = len(self.text) - 1 - len(self) * self.length
        start = 0
        if run.recipe is not None:
            # Every epoch cuts the text elsewhere.
            source = generator("windows", run.seed, run.epoch)
            start = int(torch.randint(spare + 1, (1,), generator=source))
        steps = torch.arange(self.length + 1, device=device)
        for pick in picks:
            first = start + pick.to(device, non_blocking=True) * self.length
            tokens = self.text[first[:, None] + steps].long()
            seen = tokens[:, :-1]
            if self.one_hot:
                seen = torch.nn.functional.one_hot(seen, self.classes).float()
            yield seen, tokens[:, 1:]
