"""``recform analyze``: what a formula says of its paths, stability and inverse."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recform.cli import answer, common
from recform.diagnostics import Diagnostics
from recform.files import Json

if TYPE_CHECKING:
    from recform.analysis.model import Asked
    from recform.compiler import Compiled


def command(
    chosen: common.Chosen,
    as_json: answer.AsJson = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="The formulas as LaTeX.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A plot: OUT.svg, OUT.png or OUT.pdf."),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option("--depth", min=1, max=20_000, help="Another number of blocks."),
    ] = None,
    origin: Annotated[
        int, typer.Option("--from", min=0, help="Paths start at this block.")
    ] = 0,
    gain: Annotated[
        float,
        typer.Option("--gain", help="What a block multiplies a signal by, assumed."),
    ] = 0.5,
    gate: Annotated[
        float | None,
        typer.Option("--gate", help="The number that stands for every gate."),
    ] = None,
    activations: Annotated[
        bool,
        typer.Option("--activations", help="Keep g' in the Jacobian."),
    ] = False,
    delete: Annotated[
        list[int] | None, typer.Option("--delete", min=1, help="Take a block out.")
    ] = None,
    swap: Annotated[
        str | None, typer.Option("--swap", metavar="J,K", help="Swap two blocks.")
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Do it to a module, too (imports torch)."),
    ] = False,
) -> None:
    """Show Jacobian, paths, stability, invariants and inverse of a formula."""
    from recform.analysis.model import Asked, analyse
    from recform.report.analysis_json import as_dict

    common.one_of(json=as_json, latex=latex)
    if measure and not (delete or swap):
        raise typer.BadParameter(
            "it measures --delete and --swap", param_hint="--measure"
        )
    if not 0 < gain <= 16:
        raise typer.BadParameter("it lies above 0 and up to 16", param_hint="--gain")
    if gate is not None and not 0 <= gate <= 1:
        raise typer.BadParameter("it lies between 0 and 1", param_hint="--gate")
    asked = Asked(
        depth, origin, gain, activations, tuple(delete or ()), _pair(swap), gate
    )
    report = Diagnostics()
    networks = chosen.compiled()
    found = [analyse(item.formula, report, asked) for item in networks]
    if output is not None:
        from recform.report.plot import plot

        picture = plot(found, output, report)
        common.write_whole(output, picture, output.suffix)
    measured = [_measured(item, asked) if measure else [] for item in networks]
    answer.show([*networks[0].warnings, *report])
    if as_json:
        data = [
            as_dict(item) | ({"measured": rows} if measure else {})
            for item, rows in zip(found, measured, strict=True)
        ]
        answer.networks(data)
        return
    # Numbers of paths have any number of digits.
    sys.set_int_max_str_digits(0)
    if latex:
        from recform.report.analysis_latex import latex as typeset

        sys.stdout.write("\n".join(map(typeset, found)))
        return
    from recform.report.analysis_text import render

    for item, rows in common.apart(zip(found, measured, strict=True)):
        render(item)
        for row in rows:
            moved = (
                "not measured"
                if row["change"] is None
                else f"the output changes by {row['change']:.3g} of its size"
            )
            typer.echo(f"  on a random network, {row['what']}: {moved}")


def _pair(text: str | None) -> tuple[int, int] | None:
    """``3,5`` as two blocks.

    Raises:
        typer.BadParameter: if it is anything else.
    """
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2 or not all(p.strip().isdecimal() and len(p) < 9 for p in parts):
        raise typer.BadParameter(f"{text!r} is not J,K", param_hint="--swap")
    first, second = int(parts[0]), int(parts[1])
    if first == second:
        raise typer.BadParameter("these are one block", param_hint="--swap")
    return first, second


def _measured(compiled: Compiled, asked: Asked) -> list[Json]:
    from recform.cli.ablation import ablate

    return ablate(compiled, asked.delete, asked.swap)
