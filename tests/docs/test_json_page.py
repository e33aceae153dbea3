"""docs/json.md: its command prints what it shows, and it names every command."""

from __future__ import annotations

import json
import re
from pathlib import Path

from recform import cli
from tests.warm import shell

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text()


def test_command(tmp_path: Path) -> None:
    block = re.search(r"```console\n\$ (.*?)\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    shown = shell(tmp_path, block.group(1)).stdout.splitlines()
    for line in block.group(2).splitlines():
        assert line == "..." or line in shown, line


def test_every_command_and_key_is_named() -> None:
    schema = json.loads((Path(cli.__file__).parent / "answer.schema.json").read_text())
    for name in (*schema["properties"], *schema["$defs"]["diagnostic"]["properties"]):
        assert f"`{name}`" in PAGE
    for name in filter(None, schema["properties"]["command"]["enum"]):
        assert f"`{name}`" in PAGE
