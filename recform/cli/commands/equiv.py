"""``recform equiv``: whether two formulas make the same network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recform.cli import answer, common

if TYPE_CHECKING:
    from recform.equality.verdict import Verdict


def command(
    both: common.Both,
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
    as_json: answer.AsJson = False,
) -> None:
    """Tell whether two formulas are equal.

    The status is 0 if they are; 1 if they differ; 3 if the equations are equal, but not
    all around them; 4 if they are equal at the depth of both files, though not at every
    depth as far as is known; 5 if nothing is decided.
    """
    from recform.equality.compare import compare
    from recform.report.equiv import as_dict, lines

    first, second = both.compiled()
    verdict = compare(first.formula, second.formula)
    if output is not None and verdict.example is not None:
        common.write_sealed(output, verdict.example.program, ".py")
    if as_json:
        answer.result(as_dict(verdict))
    else:
        typer.echo("\n".join(lines(verdict)))
        if verdict.example is not None and output is None:
            typer.echo("\n-o FILE.py writes a program that computes them again.")
    found = status(verdict, linear=linear, frame=not ignore_frame)
    if found:
        raise typer.Exit(found)


#: Exit statuses besides 0 and 1; 2 is wrong usage, as of every command.
FRAME, OWN_DEPTH, UNDECIDED = 3, 4, 5


def status(verdict: Verdict, *, linear: bool, frame: bool) -> int:
    """The exit status of an answer.

    Args:
        verdict: the answer.
        linear: whether it is enough to be equal for linear operators.
        frame: whether what stands around the equations counts.
    """
    from recform.equality.verdict import DIFFERENT, LINEAR, OPEN

    own = verdict.own
    # Of files with two depths, the smaller one says nothing of the other.
    if own is not None and own.same and not own.owner:
        return OWN_DEPTH
    if verdict.answer == OPEN:
        return UNDECIDED
    if verdict.answer == DIFFERENT:
        return 1
    if verdict.answer == LINEAR and not linear:
        return 1 if verdict.example else UNDECIDED
    return FRAME if verdict.frame and frame else 0
