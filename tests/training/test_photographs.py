"""Photographs in folders: how they are cut, turned and drawn, and what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from recform.diagnostics import CompileError
from recform.training.data import Data
from recform.training.examples import Pass
from recform.training.folder import CorruptImage, Photographs
from tests.training.helpers import QUICK, loaded, pixels, refused, told, trained


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Three classes of pictures in three sizes: red, green, blue, and noise."""
    draw = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 2)):
        for number, name in enumerate(("b", "a", "c")):
            folder = tmp_path / "photos" / part / name / "deep"
            folder.mkdir(parents=True)
            for n in range(count):
                size = (20 + 4 * n, 24, 3)
                image = draw.integers(0, 100, size, dtype=np.uint8)
                image[..., number] += 150
                Image.fromarray(image).save(folder / f"{n}.png")
    (tmp_path / "photos" / "train" / "a" / "notes.txt").write_text("no image")
    return tmp_path / "photos"


PHOTOS = """network Photo
param classes = 10
input 3 x 16 x 16
stem conv(3, 4, stride=2) > bn > relu
stages 4 x 1
head avgpool > linear(classes)
W = conv(3, c) > bn > relu > dropout(0.5)
X_i = X_<i-1> + W_i*X_<i-1>
"""


def test_photographs(photographs: Path) -> None:
    where = f"imagefolder:{photographs}"
    data = loaded(where, (3, 16, 16))
    sizes = [len(part) for part in (data.train, data.validation, data.test)]
    assert (data.classes, sizes) == (3, [21, 3, 6])
    found = list(data.test.batches(torch.arange(6).split(4), Pass()))
    labels = torch.cat([targets for _, targets in found])
    images = torch.cat([inputs for inputs, _ in found])
    # The classes are in the order of their names; b is red.
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert images.mean((2, 3)).argmax(1).tolist() == [1, 1, 0, 0, 2, 2]
    assert tuple(images.shape[1:]) == (3, 16, 16)
    small = loaded(where, (3, 8, 12))
    assert next(small.train.batches([torch.arange(3)], Pass()))[0].shape[2:] == (8, 12)


def test_photographs_keep_their_shape(tmp_path: Path) -> None:
    """The middle of an image, as torchvision's evaluation of ImageNet cuts it."""
    wide, high = (
        torch.from_numpy(pixels(3, 30, 60)),
        torch.from_numpy(pixels(3, 90, 40)),
    )
    for number, image in enumerate((wide, high)):
        for part in ("train", "val"):
            path = tmp_path / part / str(number) / "x.png"
            path.parent.mkdir(parents=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    found = loaded(f"imagefolder:{tmp_path}", (3, 28, 28), validation=0.0).test
    cut = v2.Compose([v2.Resize(32, antialias=True), v2.CenterCrop(28)])
    for number, image in enumerate((wide, high)):
        assert isinstance(found, Photographs)
        assert torch.equal(found[number, Pass()][0], cut(image))
    # Of what is no square, the side counts that is short of it.
    found = loaded(f"imagefolder:{tmp_path}", (3, 14, 28), validation=0.0).test
    assert isinstance(found, Photographs)
    sizes = v2.CenterCrop((14, 28))(v2.Resize([72, 32], antialias=True)(high))
    assert torch.equal(found[1, Pass()][0], sizes)


def seen(path: Path) -> Tensor:
    """What a network sees of a photograph of its own size, in bytes (3, height, width)."""
    with Image.open(path) as image:
        height, width = image.height, image.width
    size = max(height, width)
    found = Photographs(((path.as_posix(), 0),), (size, size), 0)[0, Pass()][0]
    assert found.shape == (3, size, size)
    return found


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "tif"])
def test_photographs_stand_as_the_camera_was_held(
    kind: str, turn: int, tmp_path: Path
) -> None:
    """Turned by hand as the EXIF tag 274 says: (where row 0 is, where column 0 is)."""
    upright = np.kron(
        np.array([[250, 10], [90, 170]], "uint8"), np.ones((8, 8), "uint8")
    )
    back = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright[:, ::-1].T,
        7: upright[::-1, ::-1].T,
        8: upright[::-1].T,
    }
    image = Image.fromarray(np.ascontiguousarray(back[turn]))
    tags = image.getexif()
    tags[274] = turn
    image.save(tmp_path / f"x.{kind}", exif=tags)
    found, corners = (
        seen(tmp_path / f"x.{kind}").float(),
        upright[[2, 2, 13, 13], [2, 13, 2, 13]],
    )
    told = torch.stack(
        [found[0, y, x] for y, x in ((2, 2), (2, 13), (13, 2), (13, 13))]
    )
    assert (told - torch.tensor(corners).float()).abs().max() < 20


@pytest.mark.parametrize("kind", ["png", "tif", "pgm", "turned"])
def test_photographs_of_16_bits(kind: str, tmp_path: Path) -> None:
    """As torchvision makes bytes of them."""
    deep = np.arange(64, dtype="uint16").reshape(8, 8) * 1040
    path = tmp_path / f"x.{'tif' if kind == 'turned' else kind}"
    if kind == "pgm":
        path.write_bytes(b"P5 8 8 65535\n" + deep.astype(">u2").tobytes())
    else:
        image = Image.fromarray(deep[::-1, ::-1].copy() if kind == "turned" else deep)
        tags = image.getexif()
        tags[274] = 3 if kind == "turned" else 1
        image.save(path, exif=tags)
    theirs = v2.functional.to_dtype(torch.from_numpy(deep), torch.uint8, scale=True)
    plain = tmp_path / "plain.png"
    Image.fromarray(theirs.numpy()).save(plain)
    assert torch.equal(seen(path), seen(plain))


@pytest.mark.parametrize("kind", ["int32", "float32"])
def test_photographs_of_32_bits(kind: str, tmp_path: Path) -> None:
    Image.fromarray(np.ones((8, 8), kind)).save(tmp_path / "x.tif")
    with pytest.raises(CorruptImage, match=r"x.tif: its numbers are of 32 bits"):
        seen(tmp_path / "x.tif")


def drawn(data: Data, epoch: int, start: int = 0) -> list[Tensor]:
    picks = torch.arange(len(data.train)).split(5)[start:]
    return [x for x, _ in data.train.batches(picks, Pass(3, epoch, QUICK))]


def test_workers_and_starts_change_nothing(photographs: Path) -> None:
    where = f"imagefolder:{photographs}"
    alone = loaded(where, (3, 16, 16))
    several = loaded(where, (3, 16, 16), workers=2)
    torch.manual_seed(0)
    first = drawn(alone, 1)
    after = torch.rand(1)
    torch.manual_seed(0)
    # Nothing was drawn from the numbers that dropout draws from.
    assert torch.equal(after, torch.rand(1))
    assert all(map(torch.equal, first, drawn(several, 1)))
    assert all(map(torch.equal, first[2:], drawn(alone, 1, 2)))
    assert not torch.equal(first[0], drawn(alone, 2)[0])


def test_a_name_that_is_no_text(photographs: Path) -> None:
    image = photographs / "train" / "a" / "deep" / "3.png"
    image.rename(os.fsdecode(bytes(image.parent) + b"/\xff.png"))
    assert len(loaded(f"imagefolder:{photographs}", (3, 8, 8)).train) == 21


def test_photographs_are_trained_on(photographs: Path) -> None:
    where = f"imagefolder:{photographs}"
    options = {"data": where, "workers": 0}
    result = trained(photographs, PHOTOS, "batch=7", "lr=0.1", "epochs=6", **options)
    assert result.accuracy >= 0.5
    assert result.steps == 18


@pytest.mark.parametrize("workers", [0, 2])
def test_a_corrupt_image_is_named(workers: int, photographs: Path) -> None:
    bad = photographs / "train" / "a" / "deep" / "3.png"
    bad.write_bytes(bad.read_bytes()[:200])
    options = {"data": f"imagefolder:{photographs}", "workers": workers}
    with pytest.raises(CompileError) as caught:
        trained(photographs, PHOTOS, "batch=7", **options)
    item = told(caught.value)
    assert item.code == "RF806"
    assert item.message.startswith(f"an image cannot be read: {bad}: ")
    assert "\n" not in item.message


def test_folders_of_a_wrong_form(photographs: Path, tmp_path: Path) -> None:
    where = f"imagefolder:{photographs}"
    item = refused(where, (1, 8, 8))
    assert item.code == "RF807" and "--set input=3x224x224" in item.hint
    (photographs / "val" / "d").mkdir()
    item = refused(where, (3, 8, 8))
    assert item.code == "RF806"
    assert item.message.endswith("train and val have different classes: d")
    item = refused(f"imagefolder:{tmp_path / 'no'}", (3, 8, 8))
    assert item.message.endswith("no/train: No such file or directory")
    (photographs / "train" / "d").mkdir()
    item = refused(where, (3, 8, 8))
    assert item.message.endswith("train has no images of d")
    (tmp_path / "empty" / "train").mkdir(parents=True)
    (tmp_path / "empty" / "test").mkdir()
    item = refused(f"imagefolder:{tmp_path / 'empty'}", (3, 8, 8))
    assert "no images" in item.message


def test_what_is_called_as_an_image_and_is_no_file(photographs: Path) -> None:
    where = f"imagefolder:{photographs}"
    before = loaded(where, (3, 8, 8))
    (photographs / "train" / "a" / "deep" / "folder.jpg").mkdir()
    assert loaded(where, (3, 8, 8)).digest == before.digest
    # Of a pipe no end is known.
    os.mkfifo(photographs / "train" / "a" / "pipe.jpg")
    item = refused(where, (3, 8, 8))
    assert item.code == "RF806"
    assert item.message.endswith("a/pipe.jpg is no file")
