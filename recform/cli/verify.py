"""``recform verify``: the analysis of a formula held against its network."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recform.cli import common
from recform.compiler import Compiled

if TYPE_CHECKING:
    from recform.analysis.verify import Check


def command(
    file: common.File,
    settings: common.Settings = None,
    network: common.NetworkName = None,
    module: Annotated[
        Path | None,
        typer.Option(
            "--module", metavar="OUT.py", help="A generated file to try, too."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    form: common.DiagnosticFormat = common.Format.text,
) -> None:
    """Differentiate and run the network, and compare it with the analysis."""
    with common.diagnosed(form):
        networks = common.compiled(file, settings, network)
        common.show(networks[0].warnings, form)
        found = [(item.name, checks_of(item, module)) for item in networks]
    if as_json:
        data = [
            {"name": name, "checks": [asdict(check) for check in checks]}
            for name, checks in found
        ]
        text = json.dumps(data[0] if len(data) == 1 else data, indent=2)
        sys.stdout.write(text + "\n")
    else:
        words = {True: "holds", False: "FAILS", None: "not tried"}
        for name, checks in found:
            typer.echo(name)
            for check in checks:
                typer.echo(f"  {words[check.holds]}: {check.claim} ({check.detail})")
    if any(check.holds is False for _, checks in found for check in checks):
        raise typer.Exit(1)


def checks_of(compiled: Compiled, module: Path | None) -> list[Check]:
    """All checks of a network, and of a file that was generated from it."""
    from recform.analysis.verify import verify
    from recform.cli.modules import build

    checks = list(verify(compiled.formula, build))
    if module is not None:
        checks.append(_same(compiled, module))
    return checks


def _same(compiled: Compiled, path: Path) -> Check:
    """Whether a generated file computes what the formula says, with the same weights."""
    import torch

    from recform.analysis.trials import CLOSE, shake
    from recform.analysis.verify import Check
    from recform.cli.modules import load

    claim = f"{path.as_posix()} is the network of the formula"
    theirs = load(path, compiled.name).double().eval()
    ours = compiled.module().double().eval()
    shake(ours)
    try:
        theirs.load_state_dict(ours.state_dict())
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        return Check(claim, False, "other parameters: " + " ".join(lines[1:3])[:160])
    torch.manual_seed(0)
    sizes = [int(size) for size in compiled.formula.input.sizes]
    images = torch.randn(2, *sizes, dtype=torch.float64)
    with torch.no_grad():
        expected, found = ours(images), theirs(images)
    if expected.shape != found.shape:
        return Check(claim, False, f"its output has the shape {tuple(found.shape)}")
    scale = max(1.0, float(expected.abs().max()))
    worst = float((expected - found).abs().max()) / scale
    return Check(claim, worst <= CLOSE, f"relative error {worst:.1e}")
