"""``recform transplant``: weights of one formula for the network of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recform.cli import answer, common


def command(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS.safetensors", help="What there is.")
    ],
    chosen: common.Chosen,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT.safetensors",
            help="Where to write them; without it, it is only told what would be taken.",
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="OTHER.rf",
            help="The formula of WEIGHTS, if the file does not say it.",
        ),
    ] = None,
    other_network: common.OtherName = None,
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, help="For the numbers of what starts afresh."),
    ] = 0,
    as_json: answer.AsJson = False,
) -> None:
    """Take over the weights of another network: every tensor whose role both have."""
    if other_network is not None and origin is None:
        raise typer.BadParameter("it names a network of --from", param_hint="--other")
    if as_json and output == common.STDOUT:
        raise typer.BadParameter("the answer goes to standard output", param_hint="-o")
    target = chosen.one()
    source = None if origin is None else common.one(origin, None, other_network)
    given = [] if source is None else source.warnings
    answer.show([*target.warnings, *given])
    from recform.weights import transplant

    made = transplant(weights, target, source, seed=seed, plugins=common.plugins())
    if output is not None:
        common.write_whole(output, made.content(), ".safetensors")
    answer.show([*target.warnings, *made.match.remarks])
    from recform.weights.text import render, transplant_dict

    if as_json:
        answer.result(transplant_dict(made))
        return
    # Where the weights went to standard output, the report would be among them.
    render(made, stderr=output == common.STDOUT)
    if output is None:
        typer.echo("Nothing was written: -o OUT.safetensors writes the weights.")
