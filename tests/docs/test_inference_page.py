"""docs/inference.md: its programs run, and the code is what is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torch._inductor.config

import recform

ROOT = Path(__file__).resolve().parents[2]
SHOWN, *PROGRAMS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "inference.md").read_text(), re.DOTALL
)


def test_the_code_is_what_is_written() -> None:
    path = ROOT / "examples" / "modern" / "repvgg.rf"
    assert SHOWN in recform.compile(path, inference=True).source


def test_the_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, torch.nn.Module] = {}
    # A program changes how torch compiles.
    with torch._inductor.config.patch(freezing=False), torch.no_grad():
        exec("\n".join(PROGRAMS), names)
        x = torch.randn(1, 3, 32, 32)
        wanted = names["network"].eval()(x)
        for name in ("fast", "again", "faster"):
            apart = (names[name](x) - wanted).abs().max()
            assert apart < 1e-5 * wanted.abs().max()
