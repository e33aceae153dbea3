"""What is drawn at random: pure functions of the seed, the epoch and the example.

Nothing is remembered from draw to draw. So a run that goes on in the middle of an epoch
sees what it would have seen, and any number of processes see the same epoch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from recform.training.recipe import Recipe


def mixed(*parts: object) -> int:
    """A seed of 63 bits that stands for all parts together."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1


def generator(*parts: object) -> torch.Generator:
    """A generator on the CPU whose numbers depend on the parts alone."""
    return torch.Generator().manual_seed(mixed(*parts))


def seeded(seed: int, device: torch.device) -> None:
    """Seeds what dropout draws from, on a CPU or this process's GPU.

    `torch.manual_seed` does it for all kinds of devices, and takes a millisecond.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def order(count: int, seed: int, epoch: int) -> Tensor:
    """The order in which an epoch sees the examples, int64 of shape (count,)."""
    return torch.randperm(count, generator=generator("order", seed, epoch))


def held_out(labels: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Which examples train, and which are held out: the same share of every class.

    It depends on the labels alone, so that all seeds hold out the same examples.

    Args:
        labels: int64 of shape (examples,).
        share: of each class; at least one example of each stays.
    """
    shuffled = torch.randperm(len(labels), generator=generator("held out", len(labels)))
    # Class by class, each in that order; the first of each class are held out.
    members = shuffled[torch.sort(labels[shuffled], stable=True).indices]
    sizes = torch.unique(labels, return_counts=True)[1]
    counts = torch.minimum((share * sizes.double()).round().long(), sizes - 1)
    place = torch.arange(len(labels)) - (sizes.cumsum(0) - sizes).repeat_interleave(
        sizes
    )
    out = torch.zeros(len(labels), dtype=torch.bool)
    out[members[place < counts.repeat_interleave(sizes)]] = True
    return (~out).nonzero()[:, 0], out.nonzero()[:, 0]


@dataclass(frozen=True)
class Draws:
    """The random changes of an epoch's images, a row an example.

    Attributes:
        shift: int64 (examples, 2), the corner of the crop in the padded image.
        flip: bool (examples,).
        hole: int64 (examples, 2), the centre of the hole.
        padding, side: of the crop and of the hole, in pixels.
    """

    shift: Tensor
    flip: Tensor
    hole: Tensor
    padding: int
    side: int

    def to(self, device: torch.device) -> Draws:
        """The same on a device."""
        shift, flip, hole = (t.to(device) for t in (self.shift, self.flip, self.hole))
        return replace(self, shift=shift, flip=flip, hole=hole)


def image_draws(
    count: int,
    size: tuple[int, int],
    recipe: Recipe,
    flips: bool,
    seed: int,
    epoch: int,
) -> Draws:
    """The random changes of all images of an epoch.

    Args:
        count: of images.
        size: height and width in pixels.
        recipe: how far they go.
        flips: whether a mirrored image is still of its class.
        seed: of the run.
        epoch: counted from 0.
    """
    source = generator("images", seed, epoch)
    padding = round(recipe.crop * min(size))
    shift = torch.randint(2 * padding + 1, (count, 2), generator=source)
    flip = torch.rand(count, generator=source) < 0.5
    hole = (torch.rand(count, 2, generator=source) * torch.tensor(size)).long()
    flip &= recipe.flip and flips
    return Draws(shift, flip, hole, padding, round(recipe.cutout * min(size)))


def cropped(images: Tensor, picks: Tensor, draws: Draws) -> Tensor:
    """Random crops of padded images, some of them mirrored.

    Args:
        images: uint8 (batch, channels, height, width).
        picks: int64 (batch,), which rows of the draws are theirs.
        draws: on the device of the images.
    """
    height, width = images.shape[-2:]
    down = torch.arange(height, device=images.device)
    right = torch.arange(width, device=images.device)
    shift = draws.shift[picks]
    rows = down + shift[:, :1]
    columns = torch.where(draws.flip[picks, None], width - 1 - right, right)
    columns = columns + shift[:, 1:]
    images = torch.nn.functional.pad(images, [draws.padding] * 4)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    # Indexed with the channels last, which the view puts back.
    cut = images.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]]
    return cut.permute(0, 3, 1, 2)


def holed(images: Tensor, picks: Tensor, draws: Draws) -> Tensor:
    """Images with a square of zeros, the mean of all pixels (DeVries and Taylor, 2017).

    Args:
        images: float (batch, channels, height, width).
        picks: int64 (batch,), which rows of the draws are theirs.
        draws: on the device of the images.
    """
    near = []
    for axis, size in enumerate(images.shape[-2:]):
        first = draws.hole[picks, axis, None] - draws.side // 2
        at = torch.arange(size, device=images.device)
        near.append((at >= first) & (at < first + draws.side))
    return images * ~(near[0][:, None, :, None] & near[1][:, None, None, :])
