"""examples/language_model.py on a tiny budget."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "language_model.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("language_model", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Next(nn.Module):
    """Says of each byte that the next one is one more, and of all behind nonsense."""

    def forward(self, ids: Tensor) -> Tensor:
        assert ids.shape == (1, 4)
        return 100.0 * nn.functional.one_hot(ids + 1, 256)


def test_it_goes_on_from_what_it_sees(script: ModuleType) -> None:
    told = script.written(Next(), b"ab", 5, 4, 1.0)
    assert bytes(told) == b"cdefg"


def test_it_learns_and_writes(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = ["length=32", "width=32", "depth=1", "heads=2"]
    given = ["--size", "60000", "--runs", str(tmp_path), "--letters", "20"]
    monkeypatch.setattr(sys, "argv", ["x", *given, "--set", *small])
    torch.manual_seed(0)
    script.main()
    told = capsys.readouterr().out
    found = re.search(r"([\d.]+) nats a byte", told)
    assert found is not None
    # Less than of bytes that are all as likely, and than of the likeliest ones alone.
    assert float(found[1]) < 3.3 < math.log(256)
    assert len(told.partition("def ")[2].rstrip("\n").encode()) >= 20
