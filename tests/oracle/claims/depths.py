"""Another depth that is asked for, beside a file that says it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from rich.console import Console
from typer.testing import CliRunner

from recform.analysis.model import Asked, analyse
from recform.cli.app import app
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, Diagnostics
from recform.report.analysis_json import as_dict
from recform.report.analysis_latex import latex
from recform.report.analysis_text import render

DEPTHS = (1, 2, 3, 8, 17, 40)
STAGES = re.compile(r"^stages (.*)$", re.MULTILINE)


def stretched(text: str, times: int | None, blocks: int = 0) -> str:
    """A file with so many times the blocks in each stage, or with so many in its only one."""

    def stage(match: re.Match[str]) -> str:
        return f"x {int(match[1]) * times if times else blocks}"

    return STAGES.sub(lambda m: "stages " + re.sub(r"x (\d+)", stage, m[1]), text)


def told(text: str, depth: int | None) -> tuple[str, str, str]:
    """All that is told of a file, in three forms; in the place of each, what is wrong."""
    report = Diagnostics()
    try:
        formula = compile_source(from_text(text))[0].formula
        found = analyse(formula, report, Asked(depth=depth))
    except CompileError as error:
        codes = sorted({item.code for item in error.diagnostics})
        return (" ".join(codes),) * 3
    shown = io.StringIO()
    render(found, Console(file=shown, width=120))
    data = as_dict(found)
    warnings = "".join(item.message for item in report)
    return json.dumps(data, indent=1) + warnings, shown.getvalue(), latex(found)


def analysed(text: str, times: int | None, blocks: int = 0) -> str:
    """What came of ``analyze --depth``, beside the file of that depth."""
    stages = STAGES.search(text)
    assert stages is not None
    counts = [int(n) for n in re.findall(r"x (\d+)", stages[1])]
    if "scope stage" in text:  # Each stage gets as many.
        times, blocks = None, (times or 1) * counts[0]
    depth = times * sum(counts) if times else blocks
    one = told(text, depth)
    two = told(stretched(text, times, blocks), None)
    if one[0].startswith("RF") or two[0].startswith("RF"):
        # A file of another depth need not have a network of this one, nor shapes that meet.
        return "refused" if one[0] == two[0] else "one is refused"
    for first, second in zip(one, two, strict=True):
        _same(first, second, text, depth)
    return "the same"


def _same(first: str, second: str, text: str, depth: int) -> None:
    pairs = zip(first.splitlines(), second.splitlines(), strict=False)
    differ = [pair for pair in pairs if pair[0] != pair[1]]
    assert first == second, (depth, differ[:3], text)


#: Commands, and what they are given behind the file.
COMMANDS = (
    ("compile",),
    ("summary",),
    ("summary", "--json"),
    ("analyze",),
    ("derive",),
    ("equiv", "OTHER"),
    ("diff", "OTHER"),
    ("render", "--to", "svg"),
    ("render", "--to", "json", "--view", "unrolled"),
    ("verify",),
)


def set_by_hand(
    text: str, depth: int, folder: Path, commands: int | None = None
) -> str:
    """What came of ``--set depth=N`` in each command, beside the file that says N."""
    failed = False
    shown = STAGES.sub(
        lambda m: (
            "param depth = {}\nstages " + re.sub(r"x \d+", "x depth", m[1], count=1)
        ),
        text,
    )
    file, other = folder / "network.rf", folder / "other.rf"
    for command in COMMANDS[:commands]:
        arguments = [str(other) if word == "OTHER" else word for word in command[1:]]
        made = []
        for default, options in ((3, ["--set", f"depth={depth}"]), (depth, [])):
            for path in (file, other):
                path.write_text(shown.replace("{}", f"{default:2}"))
            result = CliRunner().invoke(
                app, [command[0], str(file), *arguments, *options]
            )
            assert isinstance(result.exception, SystemExit | None), result.exception
            made.append([str(result.exit_code), *_plain(result.output)])
        differ = [pair for pair in zip(*made, strict=False) if pair[0] != pair[1]]
        assert made[0] == made[1], (command, depth, differ[:3], text)
        failed |= made[0][0] == "1"
    return "refused" if failed else "the same"


def _plain(output: str) -> list[str]:
    """An output without what names the settings, and the text of the file."""
    left_out = ("--set", "sealed", "param", "sha256", "settings", "depth", "command:")
    return [
        line
        for line in output.splitlines()
        if not any(word in line for word in left_out)
    ]
