"""``recform equiv``: whether two formulas make the same network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from recform.cli import common
from recform.compiler import choose

Other = Annotated[
    str, typer.Argument(metavar="OTHER.rf", help="The formula to compare with.")
]
OtherName = Annotated[
    str | None,
    typer.Option("--other", metavar="NAME", help="The network of OTHER.rf."),
]


def command(
    file: common.File,
    other: Other,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT.py",
            help="Where a program goes that shows the difference, if there is one.",
        ),
    ] = None,
    linear: Annotated[
        bool, typer.Option("--linear", help="Equal for linear operators is enough.")
    ] = False,
    ignore_frame: Annotated[
        bool,
        typer.Option(
            "--ignore-frame",
            help="Equal equations are enough, whatever stem, stages, blocks and head are.",
        ),
    ] = False,
    settings: common.Settings = None,
    network: common.NetworkName = None,
    other_network: OtherName = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Tell whether two formulas are equal; status 0 if they are, 1 if not."""
    from recform.analysis.equal import ANY, LINEAR, compare
    from recform.analysis.equal_text import as_dict, lines

    with common.diagnosed(form):
        first = choose(common.compiled(file, settings, network), network)
        second = choose(common.compiled(other, settings, other_network), other_network)
        common.show([*first.warnings, *second.warnings], form)
        verdict = compare(first.formula, second.formula)
        if output is not None and verdict.example is not None:
            common.write_whole(output, verdict.example.program)
    if as_json:
        sys.stdout.write(json.dumps(as_dict(verdict), indent=2) + "\n")
    else:
        typer.echo("\n".join(lines(verdict)))
        if verdict.example is not None and output is None:
            typer.echo("\n-o FILE.py writes a program that computes them again.")
    enough = (ANY, LINEAR) if linear else (ANY,)
    if verdict.answer not in enough or (verdict.frame and not ignore_frame):
        raise typer.Exit(1)
