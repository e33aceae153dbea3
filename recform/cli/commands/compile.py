"""``recform compile``: a formula file becomes a PyTorch module."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from recform.cli import answer, common
from recform.target import Target


class Use(StrEnum):
    """What a network is written for, besides passes through whole examples."""

    generation = "generation"
    inference = "inference"


def command(
    *,
    chosen: common.Chosen,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT.py", help="Where to write it."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether OUT.py is up to date.")
    ] = False,
    timm: Annotated[
        bool, typer.Option("--timm", help="Give it the interface of timm's models.")
    ] = False,
    use: Annotated[
        Use | None,
        typer.Option(
            "--for",
            help="generation: one position after the other; inference: batch norms and "
            "sums of convolutions folded.",
        ),
    ] = None,
    memory: common.Keeps = None,
    trained: common.Trained,
    as_json: answer.AsJson = False,
) -> None:
    """Write the PyTorch module of a formula: to OUT.py, or to standard output."""
    from recform.compiler import emit_source

    if check and output in (None, common.STDOUT):
        raise typer.BadParameter("--check needs -o OUT.py", param_hint="--check")
    budget = None
    if trained.memory_budget is not None:
        from recform.costs.planning import budget_of

        budget = budget_of(trained.memory_budget, **trained.setting)
    elif trained.setting:
        first = next(iter(trained.setting))
        raise typer.BadParameter(
            "it says what --memory-budget is for", param_hint=common.option(first)
        )
    generation, inference = use is Use.generation, use is Use.inference
    target = Target(timm, generation, inference, memory, budget)
    networks = chosen.compiled(target)
    source = emit_source(list(networks))
    answer.show(networks[0].warnings)
    made = {
        "networks": [network.name for network in networks],
        "output": None if output in (None, common.STDOUT) else str(output),
        "source": source if output in (None, common.STDOUT) else None,
        "stale": None,
    }
    if check and output is not None:
        stale = _stale(output, source)
        answer.result({**made, "stale": stale is not None})
        if stale is not None:
            if not as_json:
                sys.stdout.write(stale[1])
            typer.echo(stale[0], err=True)
            raise typer.Exit(1)
        return
    answer.result(made)
    if not as_json or made["source"] is None:
        common.write_sealed(output, source, ".py")


def _stale(path: Path, source: str) -> tuple[str, str] | None:
    """Why a file is not what would be written, and the difference; None if it is."""
    name = path.as_posix()
    try:
        old = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"{name} does not exist", ""
    except (OSError, UnicodeDecodeError) as error:
        return f"{name} cannot be read: {error}", ""
    if old == source:
        return None
    import difflib

    lines = difflib.unified_diff(
        old.splitlines(keepends=True),
        source.splitlines(keepends=True),
        name,
        f"{name} (as it would be now)",
    )
    return f"{name} is stale", "".join(lines)
