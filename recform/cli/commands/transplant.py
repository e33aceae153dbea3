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
    file: Annotated[
        str,
        typer.Argument(metavar="FILE.rf", help="The network that gets the weights."),
    ],
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
    settings: common.Settings = None,
    network: common.NetworkName = None,
    other_network: Annotated[
        str | None,
        typer.Option("--other", metavar="NAME", help="The network of OTHER.rf."),
    ] = None,
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, help="For the numbers of what starts afresh."),
    ] = 0,
    as_json: answer.Json = False,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Take over the weights of another network: every tensor whose role both have."""
    from recform.compiler import choose

    if other_network is not None and origin is None:
        raise typer.BadParameter("it names a network of --from", param_hint="--other")
    if as_json and output == common.STDOUT:
        raise typer.BadParameter("the answer goes to standard output", param_hint="-o")
    with common.diagnosed(form):
        target = choose(common.compiled(file, settings, network), network)
        source = None
        if origin is not None:
            other = common.compiled(origin, None, other_network)
            source = choose(other, other_network)
        given = [] if source is None else source.warnings
        common.show([*target.warnings, *given], form)
        from recform.weights import transplant

        made = transplant(weights, target, source, seed=seed, plugins=common.plugins())
        if output is not None:
            common.write_whole(output, made.content(), ".safetensors")
    common.show([*target.warnings, *made.match.remarks], form)
    from recform.weights.text import render, transplant_dict

    if as_json:
        answer.result(transplant_dict(made))
        return
    # Where the weights went to standard output, the report would be among them.
    render(made, stderr=output == common.STDOUT)
    if output is None:
        typer.echo("Nothing was written: -o OUT.safetensors writes the weights.")
