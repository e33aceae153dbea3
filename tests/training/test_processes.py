"""Two processes come to what one comes to, and shards of weights too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recform.training.engine import Stopped
from recform.training.session import run
from tests import warm
from tests.training.helpers import lines, outcome, planned, trained, weights
from tests.training.processes import MORE, PLAIN
from tests.training.test_resume import Stopping

ROOT = Path(__file__).resolve().parents[2]


def launched(folder: Path, kind: str) -> subprocess.CompletedProcess[str]:
    """Runs of two processes, by torchrun, which have imported torch already."""
    script = str(Path(__file__).with_name("processes.py"))
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    program = ["--no-python", str(warm.program("python")), script]
    return subprocess.run(
        [sys.executable, *launcher, *program, str(folder), kind],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", pytest.param("fsdp2", marks=pytest.mark.long)])
def test_two_processes_are_as_good_as_one(kind: str, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(planned(tmp_path, PLAIN, *MORE, name="begun"), Stopping(7))
    done = launched(tmp_path, kind)
    assert done.returncode == 0, done.stderr
    known = json.loads((tmp_path / "plain" / "run.json").read_text())
    assert known["surroundings"]["processes"] == 2
    trained(tmp_path, PLAIN, *MORE, name="one")
    trained(tmp_path, PLAIN, *MORE, "select=last", name="last")
    for name, other in (("plain", "one"), ("parts", "last")):
        found, expected = lines(tmp_path / name), lines(tmp_path / other)
        assert len(found) == 3
        for ours, theirs in zip(found, expected, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-5)
        kept, known = weights(tmp_path / name), weights(tmp_path / other)
        assert kept.keys() == known.keys()
        for key, tensor in kept.items():
            assert (tensor - known[key]).abs().max() < 1e-4
    # Stopped by a signal to one of them, behind a step of the second epoch, and resumed.
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "plain")
    # Begun by one process, with whole weights.
    if kind == "ddp":
        assert done.stdout == ""
        for ours, theirs in zip(
            lines(tmp_path / "begun"), lines(tmp_path / "one"), strict=True
        ):
            assert ours == pytest.approx(theirs, rel=1e-5)
        return
    assert "step-0000000008 are whole, and here they are in shards" in done.stdout
    # Nothing is lost, and one process goes on.
    trained(tmp_path, PLAIN, *MORE, name="begun")
    assert outcome(tmp_path / "begun") == outcome(tmp_path / "one")
