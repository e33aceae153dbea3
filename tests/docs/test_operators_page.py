"""docs/operators.md: its files compile, its commands print what it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

import recform
from tests.plugins.test_plugins import same_costs
from tests.warm import shell

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operators.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for _, text in BLOCKS:
        name = re.match(r"# (\w+\.(?:py|rf))\n", text)
        if name:
            (tmp_path / name.group(1)).write_text(text)
    return tmp_path


def test_commands(folder: Path) -> None:
    for language, text in BLOCKS:
        if language != "console":
            continue
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            result = shell(folder, command)
            shown = (result.stdout + result.stderr).split("\n")
            for line in expected.rstrip("\n").split("\n"):
                assert line == "..." or line in shown, (command, line, shown)


def test_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    for language, text in BLOCKS:
        if language == "python" and not text.startswith("#"):
            exec(text, scope)
    scope["network"](torch.randn(2, 3, 32, 32)).sum().backward()


def test_the_class_with_a_module(folder: Path) -> None:
    compiled = recform.compile(folder / "scaled.rf", plugins=[folder / "layerscale.py"])
    same_costs(compiled)
    assert compiled.source.count("class LayerScale(nn.Module)") == 1
    scales = [m for m in compiled.module().modules() if hasattr(m, "scale")]
    assert len(scales) == 3
    assert all((block.scale.weight == 0.1).all() for block in scales)  # type: ignore[union-attr]


def test_ten_lines() -> None:
    text = next(text for _, text in BLOCKS if text.startswith("# mish.py"))
    code = [line for line in text.split("\n")[1:] if line.strip()]
    assert len(code) <= 10


def test_every_attribute_and_kind_is_in_the_tables() -> None:
    from recform.blocks import Kind, Operator

    for name in [*Operator.__annotations__, "shape", "cost", "emit"]:
        assert f"`{name}" in PAGE, name
    for kind in Kind:
        assert re.search(rf"`(Kind\.)?{kind.name}`", PAGE), kind
