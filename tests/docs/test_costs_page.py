"""docs/costs.md: its command prints what it shows, and it has the figures of the devices."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recform.cli.app import app
from recform.costs.devices import DEVICES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "costs.md").read_text()


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples" / "paper", tmp_path / "examples" / "paper")
    monkeypatch.chdir(tmp_path)
    (shown,) = re.findall(r"```console\n\$ (.*?)```", PAGE, re.DOTALL)
    command, _, expected = shown.partition("\n")
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    lines = [line.rstrip() for line in result.output.split("\n")]
    assert "\n".join(lines).strip() == expected.strip()


def test_devices() -> None:
    for device in DEVICES:
        memory = "" if device.memory is None else f"{device.memory // 10**9} GB"
        rates = (f"{rate / 1e12:g}" for rate in device.operations.values())
        cells = (device.name, memory, f"{device.bandwidth / 1e9:g} GB/s", *rates)
        assert f"| {' | '.join((*cells, device.source))} |" in PAGE
