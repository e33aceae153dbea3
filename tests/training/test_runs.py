"""The folder of a run: what it holds, who may write to it, and what if nobody can."""

from __future__ import annotations

import errno
import json
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.diagnostics import CompileError, Diagnostic
from recform.training.engine import Stopped
from recform.training.recipe import RECIPES, recipe_of
from recform.training.runs import all_runs, named
from recform.training.screen import Live, Silent
from recform.training.session import run
from tests.training.helpers import TINY, outcome, planned, told, trained
from tests.training.test_resume import Stopping


def refused(folder: Path, *overrides: str, **options: Any) -> Diagnostic:
    with pytest.raises(CompileError) as caught:
        trained(folder, TINY, *overrides, **options)
    return told(caught.value)


@pytest.mark.usefixtures("pictures")
def test_the_folder_is_enough_to_run_it_again(tmp_path: Path) -> None:
    first = trained(tmp_path, settings={"input": "1x8x8"})
    folder = tmp_path / "run"
    assert {path.name for path in folder.iterdir()} == {
        *("run.json", "recipe.toml", "formula", "network.py", "metrics.jsonl"),
        *("curves.svg", "weights.safetensors", "result.json", ".lock"),
    }
    known = json.loads((folder / "run.json").read_text())
    assert (folder / "formula" / known["subject"]["file"]).read_text() == TINY
    assert known["surroundings"]["packages"]["torch"] == torch.__version__
    svg = (folder / "curves.svg").read_text()
    assert svg.startswith("<?xml")
    assert "held out" in svg
    # The weights know their formula, and the network says what the result says.
    module = recform.load(folder / "formula" / "tiny.rf", classes=10)
    found = recform.load_weights(
        module,
        folder / "formula" / "tiny.rf",
        folder / "weights.safetensors",
        classes=10,
    )
    assert not found.remarks
    # And again, from what is in the folder.
    recipe = recipe_of(str(folder / "recipe.toml"))
    again = planned(
        tmp_path,
        (folder / "formula" / "tiny.rf").read_text(),
        recipe="quick",
        settings=known["subject"]["settings"] | {"classes": 10},
        name="again",
    )
    assert recipe.epochs == again.recipe.epochs == first.epochs
    run(again, Silent())
    assert outcome(tmp_path / "again") == outcome(folder)
    pictures = [tmp_path / name / "curves.svg" for name in ("run", "again")]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert [found.name for found in all_runs(tmp_path)] == ["again", "run"]


def test_tensorboard_has_the_curves(tmp_path: Path) -> None:
    from rich.console import Console
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    class Ending(Live):
        step = Stopping(6).step

    with (tmp_path / "out").open("w") as stream:
        folder = tmp_path / "run" / "tensorboard"
        screen = Ending("Tiny", Console(file=stream), folder)
        with pytest.raises(Stopped):
            run(planned(tmp_path), screen)
        screen.close()
        time.sleep(1.1)  # TensorBoard sorts files by the second
        run(planned(tmp_path), Live("Tiny", Console(file=stream), folder))
    events = EventAccumulator(str(folder)).Reload()
    for tag in ("loss", "accuracy", "validation_loss", "validation_accuracy", "lr"):
        found = events.Scalars(tag)
        ours = [x[tag] for x in planned(tmp_path).run.metrics()]
        assert [event.step for event in found] == [5, 10, 15]
        assert [event.value for event in found] == pytest.approx(ours)
    text = (tmp_path / "out").read_text()
    assert "goes on behind step 7 of 15" in text
    assert text.count("held out") == 2


# -- whose folder it is


def test_another_process_has_the_folder(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    code = (
        "import sys, filelock\n"
        "with filelock.FileLock(sys.argv[1]):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    plan.run.folder.mkdir()
    lock = plan.run.file(".lock")
    with subprocess.Popen(
        [sys.executable, "-c", code, lock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        item = refused(tmp_path)
        assert item.code == "RF809"
        assert "--name" in item.hint
        assert [path.name for path in plan.run.folder.iterdir()] == [".lock"]
        other.stdin.close()
    assert trained(tmp_path).steps == 15


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "another seed"),
        ({"precision": "bf16"}, "another numerics"),
        ({"data": "fake"}, "another subject and data"),
        ({"overrides": "lr=0.1"}, "another recipe"),
    ],
)
def test_the_folder_of_another_run(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(Stopped):
        run(planned(tmp_path), Stopping(2))
    before = sorted(tmp_path.rglob("*"))
    more = [change.pop("overrides")] if "overrides" in change else []
    text = TINY.replace("stages 8", "stages 9") if "data" in change else TINY
    with pytest.raises(CompileError) as caught:
        trained(tmp_path, text, *more, **change)
    item = told(caught.value)
    assert (item.code, words in item.message) == ("RF810", True), item.message
    assert sorted(tmp_path.rglob("*")) == before
    assert trained(tmp_path).steps == 15


#: What a file of a folder may hold that another version wrote, or nobody.
ODD: list[tuple[str, Any]] = [
    *(("run.json", content) for content in (b"\xff", b"{", b"[]", b'"x"', b"null")),
    ("run.json", {"subject": []}),
    ("run.json", {"recipe": 3, "numerics": "x"}),
    ("run.json", {"surroundings": {"packages": [], "git": 5}}),
    ("result.json", {"accuracy": "x"}),
    ("result.json", {"loss": None}),
    *(("metrics.jsonl", content) for content in (b"\xff\n", b"[]\n3\n", b'{"a": 1}\n')),
    ("metrics.jsonl", b'{"epoch": "1", "step": []}\n'),
    *((name, b"[" * 50_000) for name in ("run.json", "metrics.jsonl")),
]


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run."""
    folder = tmp_path_factory.mktemp("complete")
    trained(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param(*case, id=str(n), marks=[pytest.mark.long] if n % 2 else [])
        for n, case in enumerate(ODD)
    ],
)
def test_a_folder_that_nobody_understands(
    name: str, content: Any, complete: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(complete, folder)
    path = folder / "run" / name
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_text()) | content).encode()
    path.write_bytes(content)
    if name != "run.json":
        (folder / "run" / "result.json").unlink(missing_ok=name != "result.json")
    listed = CliRunner().invoke(app, ["runs", "--runs", str(folder)])
    assert listed.exit_code == 0, listed.exception
    shown = CliRunner().invoke(app, ["runs", "show", "run", "--runs", str(folder)])
    known = name != "run.json"
    assert ("RF826" in shown.stderr, shown.exit_code) == (not known, not known)
    if content in (b"[]", b'"x"'):
        # Of a file that is there and whole, nothing is lost.
        assert refused(folder).code == "RF810"
        return
    trained(folder)
    assert outcome(folder / "run") == outcome(complete / "run")
    shown = CliRunner().invoke(app, ["runs", "show", "run", "--runs", str(folder)])
    assert shown.exit_code == 0, shown.stderr


def test_a_result_that_says_more_is_not_made_again(
    complete: Path, tmp_path: Path
) -> None:
    shutil.copytree(complete, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "run" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"energy": 3.0}))
    before = path.read_bytes()
    trained(tmp_path)
    assert path.read_bytes() == before


@pytest.mark.usefixtures("pictures")
def test_names_are_no_markup(complete: Path, tmp_path: Path) -> None:
    shutil.copytree(complete / "run", tmp_path / "[red]a[")
    (tmp_path / "tiny.rf").write_text(TINY)
    data = tmp_path / r"[b]$\nothing$\u7db2"
    images = np.zeros((20, 8, 8), np.uint8)
    np.savez(data, x_train=images, y_train=np.arange(20) % 2,
             x_test=images, y_test=np.arange(20) % 2)  # fmt: skip
    listed = CliRunner().invoke(app, ["runs", "--runs", str(tmp_path)])
    assert "[red]a[" in listed.stdout
    words = ["train", str(tmp_path / "tiny.rf"), "--data", f"npz:{data}.npz"]
    words += ["--runs", str(tmp_path), "--device", "cpu", "--override", "epochs=1"]
    made = CliRunner().invoke(app, words)
    assert f"Tiny on npz:{data}.npz: 18 examples" in made.stdout


def test_events_that_cannot_be_written(tmp_path: Path) -> None:
    from rich.console import Console

    plan = planned(tmp_path)
    plan.run.folder.mkdir()
    (plan.run.folder / "tensorboard").write_text("no folder")
    screen = Live("Tiny", Console(quiet=True), plan.run.file("tensorboard"))
    with pytest.raises(CompileError) as caught:
        run(plan, screen)
    assert told(caught.value).code == "RF503"


def test_a_disk_without_room_for_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the thread that writes them nothing is heard but the diagnostic."""
    from rich.console import Console

    def write(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    place = "tensorboard.summary.writer.record_writer.RecordWriter.write"
    monkeypatch.setattr(place, write)
    noise: list[Any] = []
    monkeypatch.setattr("threading.excepthook", hook := noise.append)
    plan = planned(tmp_path)
    screen = Live("Tiny", Console(quiet=True), plan.run.file("tensorboard"))
    with pytest.raises(CompileError) as caught:
        run(plan, screen)
    screen.close()
    assert told(caught.value).code == "RF503"
    assert threading.excepthook is hook and not noise


def test_what_does_not_change_the_run_goes_on(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(planned(tmp_path), Stopping(2))
    # And no checkpoint comes for ever.
    assert trained(tmp_path, checkpoint=float("inf")).steps == 15


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "a/b",
        "/etc/x",
        "a\\b",
        "a\0b",
        "a\nb",
        "x" * 300,
        ".hidden",
        "bytes\udcff",
        "turns\u202eround",
        "a\x7fb",
    ],
)
def test_hostile_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        planned(tmp_path, name=name)
    item = told(caught.value)
    assert item.code == "RF817"
    assert item.message.isascii()


def test_a_folder_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        planned(tmp_path / "runs\udcff")
    item = told(caught.value)
    assert item.code == "RF503" and "runs\\udcff' is no text" in item.message
    assert trained(tmp_path / "Läufe", name="ü 名").steps == 15


def test_names_of_runs() -> None:
    found = named("N" * 300, "npz:/a b/ü.npz", RECIPES["quick"], 3, "0123456789")
    assert found.endswith("-01234567")
    assert len(found) < 130
    short = named("Tiny", "npz:/a b/ü.npz", RECIPES["quick"], 3, "0123456789")
    assert short == "Tiny-npz-quick-s3-01234567"


# -- disks


@contextmanager
def full(size: int) -> Iterator[None]:
    """A disk on which no file can get larger: what the system says is EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


#: Sizes that the first files exceed; the lines of metrics and events; the weights of a
#: checkpoint, its optimiser; the weights at the end.
@pytest.mark.parametrize(
    ("size", "seconds"),
    [
        (10, 0),
        (14_500, 30),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in [(1500, 0), (3300, 30), (5000, 0), (14_500, 0)]
        ),
    ],
)
def test_a_full_disk(
    size: int, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.console import Console

    monkeypatch.setattr("recform.training.engine.TIMED", 2)
    overrides = ("epochs=20",) if size == 3300 else ()
    plan = planned(tmp_path, TINY, *overrides, checkpoint=seconds)
    with (tmp_path / "out").open("w") as stream:
        screen = Live("Tiny", Console(file=stream), plan.run.file("tensorboard"))
        with full(size), pytest.raises(CompileError) as caught:
            run(plan, screen)
        screen.close()
    item = told(caught.value)
    assert item.code in ("RF503", "RF814")
    words = ("File too large", "I/O error", "the disk may be full")
    assert any(word in item.message for word in words), item.message
    # With room again, it goes on, and ends as if nothing had been.
    for name in ("run", "whole"):
        trained(tmp_path, TINY, *overrides, name=name)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    item = refused(tmp_path / "runs")
    assert item.code == "RF503"
    assert "--runs" in item.hint


# -- what is not there


@pytest.mark.parametrize(
    "name", ["accelerate", "filelock", "sklearn", "tensorboard", "torchvision"]
)
def test_a_package_that_is_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.rf").write_text(TINY)
    monkeypatch.setitem(sys.modules, name, None)
    result = CliRunner().invoke(app, ["train", str(tmp_path / "tiny.rf")])
    assert result.exit_code == 1
    assert f"error[RF808]: recform train needs {name}" in result.stderr
    assert "pip install 'recform[train]'" in result.stderr


def test_devices_that_are_not_there(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        assert refused(tmp_path, device="cuda").code == "RF815"
    item = refused(tmp_path, precision="fp16")
    assert (item.code, item.message) == ("RF815", "fp16 needs a GPU")


def test_an_operation_that_is_not_deterministic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the backward pass of adaptive pooling on a GPU; torch says which."""

    def fails(_: Any, images: torch.Tensor) -> torch.Tensor:
        return images.put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))

    monkeypatch.setattr("recform.training.engine.scored", fails)
    item = refused(tmp_path, deterministic=True)
    assert (item.code, item.hint) == ("RF815", "leave out --deterministic")
    assert item.message == "the device has no deterministic put_"


@pytest.mark.parametrize("library", ["CUBLAS", "CUDNN"])
def test_a_library_of_a_gpu_that_gets_no_memory(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"CUDA error: {library}_STATUS_ALLOC_FAILED when calling")

    monkeypatch.setattr("recform.training.engine.scored", fails)
    assert refused(tmp_path).code == "RF812"


def test_a_batch_that_cannot_be_split(tmp_path: Path) -> None:
    assert refused(tmp_path, "batch=5000", "accumulate=2500").code == "RF816"
    vectors = TINY.replace("avgpool > ", "avgpool > linear(4) > bn > ")
    overrides = ("batch=16", "accumulate=16")
    with pytest.raises(CompileError) as caught:
        trained(tmp_path, vectors, *overrides, name="norm")
    assert told(caught.value).code == "RF816"


def test_too_little_memory_offers_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr("recform.training.engine.scored", fails)
    item = refused(tmp_path, "batch=96", "accumulate=2")
    assert item.code == "RF812"
    assert "48 examples" in item.message
    assert item.hint.startswith("--override accumulate=3: ")
    monkeypatch.undo()


def test_a_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import BackendCompilerFailed

    def fails(*_: Any, **__: Any) -> None:
        raise BackendCompilerFailed("inductor", RuntimeError("no C++"), None)

    monkeypatch.setattr("recform.training.engine.scored", fails)
    item = refused(tmp_path)
    assert item.code == "RF820"
    assert "--compile" in item.hint
