"""Photographs in folders, a folder a class: they stream through workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from recform.training.draws import mixed
from recform.training.examples import Batch, Pass, Scale, channels_last

if TYPE_CHECKING:
    from PIL import Image

#: Of ImageNet, by channel, of bytes: torchvision's mean and deviation times 255.
IMAGENET = Scale(
    torch.tensor([123.675, 116.28, 103.53])[:, None, None],
    torch.tensor([58.395, 57.12, 57.375])[:, None, None],
)
#: The side of an image before its middle is cut out, by that of the middle.
ROOM = 256 / 224


class CorruptImage(Exception):
    """An image that cannot be read; its text names the file."""


@dataclass(frozen=True)
class Photographs(Dataset[tuple[Tensor, int]]):
    """Files of images and their classes, cut to one size.

    Attributes:
        files: paths and classes.
        size: height and width of what the network gets.
        device: where batches come to.
        workers: processes that read.
    """

    files: tuple[tuple[str, int], ...]
    size: tuple[int, int]
    workers: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __len__(self) -> int:
        return len(self.files)

    def to(self, device: torch.device) -> Photographs:
        return replace(self, device=device)

    def __getitem__(self, key: Any) -> tuple[Tensor, int]:
        """An image as bytes (3, height, width), and its class.

        Args:
            key: the number of the example, and the pass.
        """
        from torchvision.transforms import v2

        number, run = key
        path, label = self.files[number]
        image = _read(path)
        if run.recipe is None:
            cut: list[Any] = [
                v2.Resize(self._sides(*image.shape[1:]), antialias=True),
                v2.CenterCrop(self.size),
            ]
            return v2.Compose(cut)(image), label
        cut = [
            v2.RandomResizedCrop(
                self.size, scale=(run.recipe.scale, 1.0), antialias=True
            ),
            v2.RandomHorizontalFlip(0.5 if run.recipe.flip else 0.0),
        ]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed("photograph", run.seed, run.epoch, number))
            return v2.Compose(cut)(image), label

    def _sides(self, height: int, width: int) -> list[int]:
        """Height and width of an image, in its own shape, before its middle is cut out."""
        down, across = (round(side * ROOM) for side in self.size)
        if down * width >= across * height:
            return [down, down * width // height]
        return [across * height // width, across]

    def batches(self, picks: Iterable[Tensor], run: Pass) -> Iterator[Batch]:
        keys = [[(number, run) for number in pick.tolist()] for pick in picks]
        on_gpu = self.device.type == "cuda"
        loader: DataLoader[Any] = DataLoader(
            self,
            batch_sampler=keys,
            num_workers=self.workers,
            pin_memory=on_gpu,
            worker_init_fn=_steady,
            # Of its own: it draws a number, which dropout would miss.
            generator=torch.Generator(),
        )
        scale = IMAGENET.to(self.device)
        for images, labels in loader:
            moved = images.to(self.device, non_blocking=True)
            yield channels_last(scale(moved)), labels.to(self.device, non_blocking=True)


def _steady(_: int) -> None:
    """Leaves it to the process that trains to end at Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read(path: str) -> Tensor:
    """A file's picture as a person sees it: bytes (3, height, width).

    Raises:
        CorruptImage: if it cannot be read, or nothing says which of its numbers is white.
    """
    from PIL import Image
    from torchvision.transforms.v2.functional import pil_to_tensor

    try:
        with Image.open(path) as image:
            pixels: Tensor = pil_to_tensor(_upright(image).convert("RGB"))
            return pixels
    except Exception as error:  # whatever a decoder makes of what is no image
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise CorruptImage(f"{path}: {said}") from None


def _upright(image: Image.Image) -> Image.Image:
    """The same as its camera was held, with 8 bits a number.

    Of 16 bits, which Pillow cuts off at 255, they are the upper ones.

    Raises:
        ValueError: if its numbers are of 32 bits.
    """
    import numpy as np
    from PIL import Image, ImageOps

    # Of some formats Pillow opens 16 bits as 32.
    opened = image.mode == "I" and image.format in ("PNG", "PPM")
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I;16") or opened:
        return Image.fromarray((np.asarray(turned) >> 8).astype("uint8"))
    if turned.mode in ("I", "F"):
        raise ValueError("its numbers are of 32 bits, and those of an image of 8 or 16")
    return turned


def files_of(folder: Path) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...]]:
    """The classes of a folder (the names of its folders), and its images.

    Raises:
        OSError: if it cannot be read.
    """
    from torchvision.datasets.folder import IMG_EXTENSIONS

    with os.scandir(folder) as found:
        classes = tuple(sorted(entry.name for entry in found if entry.is_dir()))
    files = [
        (path.as_posix(), number)
        for number, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in IMG_EXTENSIONS and not path.is_dir()
    ]
    return classes, tuple(files)
