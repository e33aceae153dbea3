"""docs/training.md: its Python runs, its recipe is one, its tables name what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from recform.cli.app import app
from recform.training.data import KINDS
from recform.training.recipe import RECIPES, recipe_of

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "training.md").read_text()
COMPARE = (ROOT / "docs" / "compare.md").read_text()
RESULTS = (ROOT / "docs" / "results.md").read_text()


def test_python(capsys: pytest.CaptureFixture[str]) -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, {"__name__": "page"})
    assert "network 2" in capsys.readouterr().out


def test_the_recipe(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mine.toml").write_text(block)
    recipe = recipe_of(str(tmp_path / "mine.toml"))
    assert (recipe.epochs, recipe.batch, recipe.label_smoothing) == (36, 128, 0.1)


def test_tables_name_what_there_is() -> None:
    rows = "\n".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))
    named = re.findall(r"`([\w.:/-]+)`", rows)
    kinds = [name.partition(":")[0] for name in named]
    assert [kind for kind in kinds if kind in KINDS] == list(KINDS)
    assert [name for name in named if name in RECIPES] == list(RECIPES)


COMMANDS = [
    line
    for page in (PAGE, COMPARE, RESULTS)
    for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    for line in block.replace("\\\n", "").splitlines()
    if "recform" in line and "pip" not in line
]


@pytest.mark.parametrize("line", COMMANDS)
def test_options_are_known(line: str) -> None:
    """Commands that would train for long are read, and not run."""
    words = shlex.split(line[line.rindex("recform ") :])[1:]
    command = typer.main.get_command(app)
    context = command.make_context("recform", list(words), resilient_parsing=True)
    name, inner, rest = command.resolve_command(context, list(words))  # type: ignore[attr-defined]
    assert name == words[0]
    parsed = inner.make_context(name, list(rest))
    assert parsed.params
