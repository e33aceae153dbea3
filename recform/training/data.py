"""Data by name: `digits`, `cifar10`, `npz:FILE`, `imagefolder:DIR`, `text:FILE`, `fake`."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from recform.diagnostics import Diagnostic, Diagnostics, meant, refuse
from recform.files import reason
from recform.training.draws import generator, held_out
from recform.training.examples import Examples, Images, Scale, Windows
from recform.training.folder import Photographs, files_of

#: Sizes of the network's input, as :class:`recform.blocks.Shape` has them.
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Data:
    """A data set, cut into three parts.

    Attributes:
        name: as the user wrote it.
        digest: SHA-256 of what it holds (of photographs: their names and sizes).
        shape: of an example: channels x height x width, or positions x tokens.
        classes: how many there are.
        train, validation, test: the parts; nothing is chosen by the test set.
        root: the folder that they were downloaded to; None if they were not.
        remarks: warnings of what is odd about them.
    """

    name: str
    digest: str
    shape: Sizes
    classes: int
    train: Examples
    validation: Examples
    test: Examples
    root: Path | None = field(default=None, kw_only=True)
    remarks: tuple[Diagnostic, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class Asked:
    """Which data, for which network.

    Attributes:
        name: `kind` or `kind:argument`.
        root: where data sets are downloaded to.
        validation: share that is held out.
        wanted: the network's input, where the data have no size of their own.
        workers: processes that read photographs.
    """

    name: str
    root: Path
    validation: float
    wanted: Sizes
    workers: int = 0

    @property
    def argument(self) -> Path:
        """What stands behind the colon."""
        return Path(self.name.partition(":")[2])

    @property
    def file(self) -> Path:
        """The same, where it is a file: of a pipe or a device no end is known.

        Raises:
            ValueError: if it is something else.
        """
        if self.argument.exists() and not self.argument.is_file():
            raise ValueError("it is no file")
        return self.argument


def load(asked: Asked) -> Data:
    """The data of this name.

    Raises:
        CompileError: if there are none (RF805), they cannot be read (RF806), they have
            no such form as the network takes (RF807), or one class only (RF830).
    """
    kind, colon, argument = asked.name.partition(":")
    if kind not in KINDS:
        known = ", ".join(KINDS)
        hint = meant(kind, KINDS, f"there are {known}")
        refuse("RF805", f"there are no data {kind[:40]!r}", hint)
    needs = kind in ("npz", "imagefolder", "text")
    if needs and not argument:
        refuse("RF805", f"{kind} needs a path", f"--data {kind}:PATH")
    if colon and not needs:
        refuse("RF805", f"{kind} takes no argument", f"--data {kind}")
    if not asked.name.isprintable():
        text = f"{asked.name!a} cannot be printed on one line"
        refuse("RF805", text, "rename the file, or give a link to it")
    try:
        return KINDS[kind](asked)
    except MemoryError:
        refuse("RF806", f"{asked.name} does not fit into memory")
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        if isinstance(error, OSError) and error.filename is not None:
            why = f"{error.filename}: {why}"
        refuse("RF806", f"{asked.name} cannot be read: {why[:200]}")


def as_vectors(data: Data) -> Data:
    """The same for a network that takes an image as a vector."""
    return _each(data, Images, flat=True)


def as_numbers(data: Data) -> Data:
    """The same for a network that takes a token as a number, its id."""
    return _each(data, Windows, one_hot=False)


def _each(data: Data, kind: type[Any], **changes: bool) -> Data:
    parts = {name: getattr(data, name) for name in ("train", "validation", "test")}
    return replace(
        data,
        **{
            name: replace(part, **changes) if isinstance(part, kind) else part
            for name, part in parts.items()
        },
    )


# -- images in memory


def _digits(asked: Asked) -> Data:
    from sklearn.datasets import load_digits

    found = load_digits()
    images = torch.tensor(found.images * (255 / 16)).round().to(torch.uint8)[:, None]
    labels = torch.tensor(found.target, dtype=torch.int64)
    # The set has no test part of its own: a fifth of every class.
    train, test = held_out(labels, 0.2)
    parts = (images[train], labels[train]), (images[test], labels[test])
    return _images(asked, *parts, flips=False)


def _cifar(asked: Asked) -> Data:
    from filelock import FileLock
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[asked.name]
    parts = []
    for train in (True, False):
        try:
            asked.root.mkdir(parents=True, exist_ok=True)
            # One process fetches what all of them want.
            with FileLock(asked.root / f".{asked.name}.lock"):
                found = kind(str(asked.root), train=train, download=True)
        except Exception as error:  # of sockets, hashes, archives
            refuse(
                "RF806",
                f"{asked.name} is not in {asked.root} and cannot be fetched: {error}",
                "--data-root names the folder that has it",
            )
        images = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()
        parts.append((images, torch.tensor(found.targets, dtype=torch.int64)))
    found = _images(asked, parts[0], parts[1], flips=True)
    return replace(found, root=asked.root)


def _npz(asked: Asked) -> Data:
    names = [f"{kind}_{part}" for part in ("train", "test") for kind in "xy"]
    held = _arrays(asked.file, names)
    if missing := [name for name in names if name not in held]:
        raise ValueError(f"it has no {' and no '.join(missing)}")
    arrays = [held[name] for name in names]
    parts = []
    for part, x, y in (("train", *arrays[:2]), ("test", *arrays[2:])):
        images = _pixels(x, part)
        if len(images) != y.size:
            text = f"{len(images)} images and {y.size} labels"
            raise ValueError(f"x_{part} and y_{part} have {text}")
        parts.append((images, _labels(y, part)))
    if parts[0][0].shape[1:] != parts[1][0].shape[1:]:
        raise ValueError("x_train and x_test have images of different sizes")
    return _images(asked, parts[0], parts[1], flips=True)


def _arrays(path: Path, names: list[str]) -> dict[str, Any]:
    """Those of the arrays of a file that it has.

    Raises:
        OSError: if it cannot be opened.
        ValueError: if it is no such file.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name] for name in names if name in held.files}
    except (OSError, MemoryError):
        raise
    except Exception:  # whatever a decoder makes of what is broken
        raise ValueError(
            "it is broken, holds Python's objects, or is no file of numpy.savez"
        ) from None


def _pixels(array: Any, part: str) -> Tensor:
    """Uint8 (examples, channels, height, width) of an array in one of the usual forms."""
    if array.dtype.kind not in "uif" or array.ndim not in (3, 4) or not array.size:
        raise ValueError(
            f"x_{part} is {array.dtype} of shape {array.shape}, and should be bytes of "
            "shape (examples, height, width, channels)"
        )
    if array.dtype.kind == "f":
        if not (array.min() >= 0 and array.max() <= 1):
            raise ValueError(f"x_{part} has floating-point numbers not from 0 to 1")
        array = (array * 255).round()
    elif not (array.min() >= 0 and array.max() <= 255):
        raise ValueError(f"x_{part} has numbers not from 0 to 255")
    images = torch.from_numpy(array.astype("uint8"))
    if images.dim() == 3:
        return images[:, None].contiguous()
    first, middle, last = images.shape[1:]
    # Most images are square; of others, and of a few places, few numbers are those of
    # channels: 1 x 1 x 64 is a row of 64 numbers.
    behind = first > 4 >= last
    if (first == middle) != (middle == last):
        behind = first == middle and not first <= 4 < last
    return images.permute(0, 3, 1, 2).contiguous() if behind else images


def _labels(array: Any, part: str) -> Tensor:
    if array.dtype.kind not in "ui" or array.min() < 0 or array.max() > 10**6:
        raise ValueError(f"y_{part} is no classes, whole numbers from 0 to 1,000,000")
    return torch.from_numpy(array.reshape(-1).astype("int64"))


def _fake(asked: Asked) -> Data:
    """Noise of the network's own size: for timing."""
    if len(asked.wanted) != 3:
        refuse("RF807", "fake data are images, and the network takes none")
    source = generator("fake")
    images = torch.randint(
        256, (1280, *asked.wanted), generator=source, dtype=torch.uint8
    )
    labels = torch.randint(10, (len(images),), generator=source)
    parts = [(images[cut], labels[cut]) for cut in (slice(1024), slice(1024, None))]
    return _images(asked, parts[0], parts[1], flips=True)


def _cut(asked: Asked, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which examples train, and which are held out.

    Raises:
        CompileError: if all are of one class (RF830): whatever a network says is right.
    """
    if len(torch.unique(labels)) < 2:
        refuse("RF830", f"all examples of {asked.name} are of one class")
    return held_out(labels, asked.validation)


def _images(
    asked: Asked,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    flips: bool,
) -> Data:
    images, labels = train
    digest = hashlib.sha256()
    for tensor in (*train, *test):
        digest.update(tensor.numpy().tobytes())
    kept, out = _cut(asked, labels)
    scale = Scale.of(images[kept])
    classes = int(torch.cat([labels, test[1]]).max()) + 1
    return Data(
        asked.name,
        digest.hexdigest(),
        tuple(images.shape[1:]),
        classes,
        Images(images[kept], labels[kept], scale, flips),
        Images(images[out], labels[out], scale, flips),
        Images(*test, scale, flips),
        remarks=_untaught(asked.name, classes, labels, test[1]),
    )


def _untaught(
    name: str, classes: int, labels: Tensor, test: Tensor
) -> tuple[Diagnostic, ...]:
    """A warning of the classes that no example is trained on (RF831)."""
    counts = torch.bincount(labels, minlength=classes)
    empty = torch.nonzero(counts == 0).flatten()
    if not len(empty):
        return ()
    words = ", ".join(map(str, empty[:4].tolist()))
    if len(empty) > 4:
        words += f" and {len(empty) - 4:,} more"
    asked = int(torch.isin(test, empty).sum())
    if asked:
        what = f"{asked} of the {len(test)} to test are of such a class"
        hint = f"{what}, and cannot be right; y_train needs examples of it"
    elif empty.tolist() == [0]:
        hint = "classes count from 0; are these counted from 1? then take 1 from each"
    else:
        hint = "classes count from 0, without gaps: number those that there are anew"
    report = Diagnostics()
    kind = "class" if len(empty) == 1 else "classes"
    text = (
        f"{name} has {classes:,} classes, and to train on no example of {kind} {words}"
    )
    report.warning("RF831", text, hint=hint)
    return report.warnings


# -- streams


def _imagefolder(asked: Asked) -> Data:
    if len(asked.wanted) != 3 or asked.wanted[0] != 3:
        refuse(
            "RF807",
            "photographs are 3 x height x width, and the network takes none",
            "input 3 x 224 x 224 in the file, or --set input=3x224x224",
        )
    root = asked.argument
    test_folder = root / "test" if (root / "test").is_dir() else root / "val"
    classes, files = files_of(root / "train")
    others, test = files_of(test_folder)
    if classes != others:
        odd = sorted({*classes} ^ {*others})[:4]
        raise ValueError(
            f"train and {test_folder.name} have different classes: {', '.join(odd)}"
        )
    if not files or not test:
        raise ValueError(
            "it has no images: a folder a class in train, and in val or test"
        )
    labels = torch.tensor([label for _, label in files])
    if empty := sorted({*range(len(classes))} - {*labels.tolist()}):
        raise ValueError(f"train has no images of {classes[empty[0]]}")
    kept, out = _cut(asked, labels)
    size = (asked.wanted[1], asked.wanted[2])
    parts = [
        Photographs(tuple(chosen), size, asked.workers)
        for chosen in (
            [files[n] for n in kept.tolist()],
            [files[n] for n in out.tolist()],
            list(test),
        )
    ]
    digest = hashlib.sha256()
    for name, _ in (*files, *test):
        kind, found = Path(name).relative_to(root).as_posix(), os.stat(name)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{name} is no file")
        digest.update(os.fsencode(f"{kind} {found.st_size}\n"))
    return Data(asked.name, digest.hexdigest(), asked.wanted, len(classes), *parts)


def _text(asked: Asked) -> Data:
    import numpy as np

    if len(asked.wanted) != 2:
        refuse(
            "RF807",
            "text is positions x tokens, and the network takes none",
            "input 64 of 256: a byte is an id; or 64 x 256, a vector with a one",
        )
    content = asked.file.read_bytes()
    text = torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())
    length = asked.wanted[0]
    test = max(len(text) // 10, length + 1)
    out = int(len(text) * asked.validation)
    if out:
        out = max(out, length + 1)
    if len(text) < (least := 2 * length + test + out):
        raise ValueError(
            f"it is too short for windows of {length} bytes: it has {len(text):,}, and "
            f"{least:,} are needed"
        )
    cuts = torch.split(text, [len(text) - test - out, out, test])
    parts = [Windows(cut, length, 256) for cut in cuts]
    digest = hashlib.sha256(content).hexdigest()
    return Data(asked.name, digest, (length, 256), 256, *parts)


KINDS: Mapping[str, Callable[[Asked], Data]] = {
    "digits": _digits,
    "cifar10": _cifar,
    "cifar100": _cifar,
    "npz": _npz,
    "imagefolder": _imagefolder,
    "text": _text,
    "fake": _fake,
}
