"""Data: what they hold, how they are cut, and what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recform.diagnostics import CompileError
from recform.training.draws import held_out
from recform.training.examples import Images, Pass, Windows
from tests.training.helpers import (
    QUICK,
    TINY,
    loaded,
    pixels,
    planned,
    refused,
    told,
    trained,
)

# -- what is held out


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60),
    st.floats(0, 0.9),
)
def test_the_same_share_of_every_class_is_held_out(
    labels: list[int], share: float
) -> None:
    kept, out = held_out(torch.tensor(labels), share)
    assert sorted([*kept.tolist(), *out.tolist()]) == list(range(len(labels)))
    for label in set(labels):
        members = labels.count(label)
        count = sum(labels[n] == label for n in out.tolist())
        assert abs(count - share * members) <= 0.5 or count == members - 1
        assert count < members


def test_digits() -> None:
    from sklearn.datasets import load_digits

    data, again = loaded("digits"), loaded("digits")
    parts = [data.train, data.validation, data.test]
    assert [len(part) for part in parts] == [1295, 143, 359]
    assert (data.shape, data.classes, data.digest) == ((1, 8, 8), 10, again.digest)
    rows = []
    for part in parts:
        assert isinstance(part, Images)
        counts = torch.bincount(part.labels)
        assert counts.max() - counts.min() <= 0.06 * counts.sum()
        rows += part.images.flatten(1).tolist()
    theirs = np.round(load_digits().images * 255 / 16).reshape(-1, 64).tolist()
    assert sorted(rows) == sorted(theirs)
    train = data.train
    assert isinstance(train, Images)
    assert not train.flips
    values = train.images.double()
    assert train.scale.mean.item() == pytest.approx(values.mean().item())
    assert train.scale.deviation.item() == pytest.approx(values.std(correction=0))
    whole = loaded("digits", validation=0.0)
    assert (len(whole.train), len(whole.validation)) == (1438, 0)


# -- npz


def saved(path: Path, x: Any, y: Any = None, **more: Any) -> str:
    x = np.asarray(x)
    y = np.arange(len(x)) % 3 if y is None else y
    arrays = {"x_train": x, "y_train": y, "x_test": x[:4], "y_test": y[:4]}
    np.savez(path, **{**arrays, **more})
    return f"npz:{path}"


@pytest.mark.parametrize("form", ["hwc", "chw", "grey", "float", "int64", "column"])
def test_npz(form: str, tmp_path: Path) -> None:
    chw = pixels(12, 3, 6, 8)
    x: Any = chw.transpose(0, 2, 3, 1)
    y = np.arange(12) % 3
    if form == "chw":
        x = chw
    if form == "grey":
        x = chw = pixels(12, 6, 8)
        chw = chw[:, None]
    if form == "float":
        x = x / np.float32(255)
    if form == "int64":
        x = x.astype("int64")
    if form == "column":
        y = y[:, None].astype("uint8")
    data = loaded(saved(tmp_path / "a.npz", x, y), validation=0.0)
    assert isinstance(data.train, Images) and isinstance(data.test, Images)
    assert (data.shape, data.classes) == (chw.shape[1:], 3)
    assert data.train.images.tolist() == chw.tolist()
    assert data.test.labels.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("shape", "behind"),
    [
        ((8, 8, 6), True),  # the bands of a satellite
        ((4, 4, 1), True),
        ((6, 8, 8), False),
        ((8, 3, 3), False),
        ((3, 3, 3), False),
        ((9, 8, 4), True),
        ((4, 8, 9), False),
        ((1, 1, 9), False),
    ],
)
def test_where_the_channels_are(
    shape: tuple[int, ...], behind: bool, tmp_path: Path
) -> None:
    x = pixels(9, *shape)
    data = loaded(saved(tmp_path / "a.npz", x), validation=0.0)
    assert isinstance(data.train, Images)
    theirs = x.transpose(0, 3, 1, 2) if behind else x
    assert data.train.images.tolist() == theirs.tolist()


X = pixels(12, 4, 4, 3)
Y = np.arange(12) % 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": X[:, 0, 0]}, "x_train is uint8 of shape (12, 3)"),
        ({"x_test": X[:0]}, "x_test is uint8 of shape (0, 4, 4, 3)"),
        ({"x_train": X * 2.0}, "not from 0 to 1"),
        ({"x_train": np.full((12, 4, 4, 3), np.nan)}, "not from 0 to 1"),
        ({"x_train": X.astype("int16") * 2}, "not from 0 to 255"),
        ({"x_train": X.astype("U")}, "x_train is <U"),
        ({"x_test": X[:, :3]}, "different sizes"),
        ({"x_train": X[:, :0]}, "x_train is uint8 of shape (12, 0, 4, 3)"),
        ({"y_train": Y[:11]}, "12 images and 11 labels"),
        ({"y_train": Y[:0]}, "12 images and 0 labels"),
        ({"y_train": np.eye(12)}, "12 images and 144 labels"),
        ({"y_train": Y - 1}, "no classes, whole numbers from 0"),
        ({"y_train": Y / 2}, "no classes, whole numbers from 0"),
        ({"y_train": Y + 0j}, "no classes, whole numbers from 0"),
        ({"y_train": Y.astype("U")}, "no classes, whole numbers from 0"),
        ({"y_train": Y * 10**7}, "no classes, whole numbers from 0"),
        (
            {"y_train": np.full(12, 2**64 - 1, "uint64")},
            "no classes, whole numbers from 0",
        ),
        ({"y_train": np.array([{}] * 12)}, "Python's objects"),
    ],
    ids=range(18),
)
def test_npz_of_a_wrong_form(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    parts = {"y_test": Y, "x_test": X, **changes}
    item = refused(saved(tmp_path / "a.npz", X, Y, **parts))
    assert item.code == "RF806"
    assert words in item.message


def test_npz_that_is_none(tmp_path: Path) -> None:
    for name, content in (("text", b"hello"), ("empty", b""), ("zip", b"PK\3\4" * 9)):
        (tmp_path / name).write_bytes(content)
        assert refused(f"npz:{tmp_path / name}").code == "RF806"
    np.save(tmp_path / "one.npy", X)
    assert "no file of numpy.savez" in refused(f"npz:{tmp_path / 'one.npy'}").message
    np.savez(tmp_path / "half.npz", x_train=X, y_train=Y)
    assert "no x_test and no y_test" in refused(f"npz:{tmp_path / 'half.npz'}").message
    item = refused(f"npz:{tmp_path / 'no.npz'}")
    assert item.message.endswith("no.npz: No such file or directory")
    assert refused(f"npz:{tmp_path}").code == "RF806"


def test_npz_that_is_broken(tmp_path: Path) -> None:
    """Bytes are changed in every way that decoders of zip, deflate and headers meet."""
    np.savez_compressed(tmp_path / "a", x_train=X, y_train=Y, x_test=X, y_test=Y)
    whole = (tmp_path / "a.npz").read_bytes()
    draw = np.random.default_rng(1)
    messages = set()
    for _ in range(150):
        content = bytearray(whole)
        for place in draw.integers(len(content), size=3):
            content[place] = draw.integers(256)
        (tmp_path / "a.npz").write_bytes(content)
        try:
            loaded(f"npz:{tmp_path / 'a.npz'}")
        except CompileError as error:
            messages.add(told(error).message.rpartition(": ")[2])
    assert (
        "it is broken, holds Python's objects, or is no file of numpy.savez" in messages
    )


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        assert refused(f"text:{name}", (16, 256)).message.endswith("it is no file")
        assert refused(f"npz:{name}").message.endswith("it is no file")


def test_too_few_examples_to_hold_some_out(tmp_path: Path) -> None:
    where = saved(tmp_path / "a.npz", pixels(8, 8, 8), np.arange(8) % 2)
    with pytest.raises(CompileError) as caught:
        planned(tmp_path, data=where)
    assert told(caught.value).code == "RF829"
    for change in ("select=last", "validation=0.3"):
        result = trained(tmp_path, TINY, change, data=where, name=change)
        assert (result.validation is None) == (change == "select=last")


def test_a_class_that_only_the_test_set_has(tmp_path: Path) -> None:
    where = saved(tmp_path / "a.npz", X, Y, x_test=X, y_test=Y + 5)
    found = loaded(where)
    assert found.classes == 8
    (item,) = found.remarks
    assert item.message.endswith("on no example of classes 3, 4, 5, 6 and 1 more")
    assert "12 of the 12 to test" in item.hint


@pytest.mark.parametrize(
    ("labels", "words", "hint"),
    [
        (Y, None, ""),
        (Y + 1, "has 4 classes, and to train on no example of class 0", "from 1?"),
        (Y * 2, "has 5 classes, and to train on no example of classes 1, 3", "gaps"),
        (Y + 2, "no example of classes 0, 1", "gaps"),
    ],
)
def test_a_class_that_nobody_teaches(
    labels: Any, words: str | None, hint: str, tmp_path: Path
) -> None:
    where = saved(tmp_path / "a.npz", X, labels)
    items = loaded(where).remarks
    assert [item.code for item in items] == ["RF831"] * (words is not None)
    assert all(words in item.message and hint in item.hint for item in items if words)


def test_names_of_data() -> None:
    assert refused("digit").hint == "did you mean 'digits'?"
    for name in ("npz:a\nb", "npz:\udcff.npz"):
        item = refused(name)
        assert (item.code, item.message.isascii()) == ("RF805", True)
    for name in ("npz", "npz:", "text:", "imagefolder", "digits:x", "", "cifar10:x"):
        assert refused(name).code == "RF805"


# -- text


def test_windows_of_text(tmp_path: Path) -> None:
    content = bytes(range(250)) * 4
    (tmp_path / "a.txt").write_bytes(content)
    data = loaded(f"text:{tmp_path / 'a.txt'}", (16, 99))
    assert (data.shape, data.classes) == ((16, 256), 256)
    assert isinstance(data.train, Windows)
    # Whole windows, and the byte behind the last one.
    sizes = [len(part) for part in (data.train, data.validation, data.test)]
    assert sizes == [(800 - 1) // 16, (100 - 1) // 16, (100 - 1) // 16]
    starts = set()
    for epoch in range(8):
        run = Pass(0, epoch, QUICK)
        inputs, targets = next(data.train.batches([torch.tensor([0, 3])], run))
        assert inputs.shape == (2, 16, 256)
        assert inputs.sum(2).unique().tolist() == [1]
        seen = inputs.argmax(2)
        assert ((seen + 1) % 250).tolist() == targets.tolist()
        assert int(seen[1, 0] - seen[0, 0]) % 250 == 48
        starts.add(int(seen[0, 0]))
    assert len(starts) > 2
    for part, first in ((data.validation, 800), (data.test, 900)):
        inputs, _ = next(part.batches([torch.tensor([0])], Pass()))
        assert int(inputs.argmax(2)[0, 0]) == first % 250


def test_text_of_a_wrong_form(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"0123456789" * 4)
    assert "too short" in refused(f"text:{tmp_path / 'short'}", (16, 256)).message
    (tmp_path / "empty").write_bytes(b"")
    assert refused(f"text:{tmp_path / 'empty'}", (16, 256)).code == "RF806"
    assert refused(f"text:{tmp_path}", (16, 256)).code == "RF806"
    assert refused(f"text:{tmp_path / 'no'}", (16, 256)).code == "RF806"
    assert refused(f"text:{tmp_path / 'short'}", (3, 8, 8)).code == "RF807"


#: A score a byte for each position: `linear` is a map of each position.
LANGUAGE = """network Next
param classes = 256
input 16 x classes
stem linear(c)
stages 16 x 1
head ln > linear(classes)
W = ln > attention(2, causal=true) > linear(c) > gelu
X_i = X_<i-1> + W_i*X_<i-1>
"""


@pytest.mark.parametrize("text", [LANGUAGE, LANGUAGE.replace("classes", "vocabulary")])
def test_a_language_is_learned(text: str, tmp_path: Path) -> None:
    # Each byte says which one comes next.
    (tmp_path / "a.txt").write_bytes(b"the cat sings. " * 400)
    overrides = ("optimizer=adamw", "lr=0.02", "batch=64", "epochs=4")
    options = {"data": f"text:{tmp_path / 'a.txt'}"}
    result = trained(tmp_path, text, *overrides, **options)
    assert result.accuracy > 0.8
    assert result.parameters < 12_000


# -- fake, CIFAR


def test_fake_has_the_size_of_the_network() -> None:
    data = loaded("fake", (3, 5, 7))
    assert (data.shape, data.classes, len(data.test)) == ((3, 5, 7), 10, 256)
    assert refused("fake", (20,)).code == "RF807"


class Cifar:
    """Stands for torchvision's class."""

    asked: ClassVar[list[tuple[str, bool, bool]]] = []

    def __init__(self, root: str, train: bool, download: bool) -> None:
        self.asked.append((root, train, download))
        self.data = pixels(30 if train else 10, 8, 8, 3)
        self.targets = [n % 10 for n in range(len(self.data))]


def test_cifar_comes_from_torchvision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchvision.datasets.CIFAR10", Cifar)
    root = tmp_path / "new"
    data = loaded("cifar10", root=root)
    assert Cifar.asked[-2:] == [(str(root), True, True), (str(root), False, True)]
    assert (data.shape, data.classes, len(data.test)) == ((3, 8, 8), 10, 10)
    assert isinstance(data.test, Images)
    theirs = Cifar("", False, False).data.transpose(0, 3, 1, 2)
    assert data.test.images.tolist() == theirs.tolist()
    assert data.test.flips and data.root == root


def test_cifar_that_cannot_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr("torchvision.datasets.CIFAR100", fails)
    item = refused("cifar100", root=tmp_path)
    assert item.code == "RF806"
    assert "no network" in item.message
    assert "--data-root" in item.hint
    (tmp_path / "file").write_text("")
    assert refused("cifar100", root=tmp_path / "file" / "x").code == "RF806"


def test_one_class_and_one_example_a_batch(tmp_path: Path) -> None:
    images, labels = pixels(12, 8, 8), np.arange(12) % 2
    assert refused(saved(tmp_path / "a.npz", images, labels * 0 + 3)).code == "RF830"
    overrides = ("batch=1", "epochs=1", "warmup=0", "select=last")
    where = saved(tmp_path / "b.npz", images, labels)
    assert trained(tmp_path, TINY, *overrides, data=where).steps == 10
