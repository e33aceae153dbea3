"""``recform verify``: the analysis of a formula held against its network."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recform.cli import answer, common

if TYPE_CHECKING:
    from recform.compiler import Compiled
    from recform.verify.checks import Check


def command(
    chosen: common.Chosen,
    module: Annotated[
        Path | None,
        typer.Option(
            "--module", metavar="OUT.py", help="A generated file to try, too."
        ),
    ] = None,
    limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit", metavar="SECONDS", min=0.1, help="How long it may take."
        ),
    ] = None,
    as_json: answer.AsJson = False,
) -> None:
    """Differentiate and run the network, and compare it with the analysis."""
    printed: list[str] = []
    found: list[tuple[str, list[Check]]] = []
    networks = chosen.compiled()
    answer.show(networks[0].warnings)
    try:
        for item in networks:
            found.append((item.name, _checks(item, module, limit, printed)))
    finally:
        for line in printed:
            typer.echo(f"{module}: {line}", err=True)
    if as_json:
        data = [
            {"name": name, "checks": [asdict(check) for check in checks]}
            for name, checks in found
        ]
        answer.networks(data)
    else:
        words = {True: "holds", False: "FAILS", None: "not tried"}
        for name, checks in found:
            typer.echo(name)
            for check in checks:
                typer.echo(f"  {words[check.holds]}: {check.claim} ({check.detail})")
    if any(check.holds is False for _, checks in found for check in checks):
        raise typer.Exit(1)


def _checks(
    compiled: Compiled, module: Path | None, limit: float | None, printed: list[str]
) -> list[Check]:
    """All checks of a network, and of a file that was generated from it.

    Raises:
        CompileError: without torch (RF906).
    """
    from recform.modules import need_torch

    need_torch("recform verify")
    from recform.verify.whole import checks

    if module is None:
        return list(checks(compiled))
    from recform.verify.apart import apart

    with apart(module) as process:
        typer.echo(f"{module} is run, in a process of its own", err=True)
        from recform.verify.files import same

        try:
            return [*checks(compiled), same(compiled, process, limit)]
        finally:
            printed += process.printed
