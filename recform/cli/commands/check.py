"""``recform check``: tells what is wrong with formula files, and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from recform.cli import answer, common
from recform.diagnostics import CompileError, Diagnostic, Severity
from recform.files import Json


@dataclass(frozen=True)
class _Checked:
    """What is known of one file.

    Attributes:
        file: as it was given.
        networks: their names; none if the file has errors.
        diagnostics: errors and warnings.
    """

    file: str
    networks: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> int:
        """How many errors it has."""
        return sum(item.severity is Severity.ERROR for item in self.diagnostics)

    def as_dict(self) -> Json:
        """For ``--json``."""
        return {
            "file": self.file,
            "networks": list(self.networks),
            "errors": self.errors,
            "warnings": len(self.diagnostics) - self.errors,
        }


def command(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE.rf...", help="Formula files; - is standard input."
        ),
    ],
    settings: common.Settings = None,
    network: common.NetworkName = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with status 1 for warnings, too.")
    ] = False,
    as_json: answer.AsJson = False,
) -> None:
    """Tell what is wrong with formula files; the status is 1 if one has an error."""
    found = [_checked(name, settings, network) for name in names]
    # A program that reads the answer finds one, whether there is something or not.
    answer.show((item for one in found for item in one.diagnostics), always=True)
    answer.result({"files": [one.as_dict() for one in found]})
    bad = [one for one in found if one.errors or (strict and one.diagnostics)]
    if answer.is_read():
        for one in found:
            if one not in bad:
                typer.echo(f"{one.file}: good ({', '.join(one.networks)})")
        if len(found) > 1:
            good = f"{len(found) - len(bad)} good"
            typer.echo(f"{len(found)} files: {good}, {len(bad)} not")
    if bad:
        raise typer.Exit(1)


def _checked(file: str, settings: list[str] | None, network: str | None) -> _Checked:
    try:
        networks = common.compiled(file, settings, network)
        # The names of parameters are checked where the code is written.
        for item in networks:
            _ = item.source
    except CompileError as error:
        return _Checked(file, (), error.diagnostics)
    names = tuple(item.name for item in networks)
    return _Checked(file, names, networks[0].warnings)
