"""``recform derive``: from a general formula to its recursion, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recform.cli import answer, common
from recform.diagnostics import CompileError, Diagnostic, Diagnostics, Severity
from recform.settings import Settings

if TYPE_CHECKING:
    from recform.report.derive import Derived


def command(
    chosen: common.Chosen,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUT.rf", help="Where the recursion goes."
        ),
    ] = None,
    order: Annotated[
        int | None,
        typer.Option(min=1, help="Most blocks that the recursion may reach back."),
    ] = None,
    as_json: answer.AsJson = False,
    latex: Annotated[bool, typer.Option("--latex", help="The steps as LaTeX.")] = False,
) -> None:
    """Make the recursion of a general formula, or the general formula of a recursion."""
    from recform.compiler import compile_source
    from recform.report.derive import forward
    from recform.report.derive_back import backward

    common.one_of(json=as_json, latex=latex)
    values = common.parse_settings(chosen.settings or [])
    source, folder = common.source_of(chosen.file)
    reports: list[Any]
    derived: Derived | None = forward(source, folder, values, chosen.network, order)
    if derived is not None:
        name = output.as_posix() if output is not None else "<derived>"
        unfit = unbuildable(derived, values, folder, name)
        answer.show((*derived.warnings, *unfit))
        reports = list(derived.reports)
    else:
        for option, value in (("-o", output), ("--order", order)):
            if value is not None:
                raise typer.BadParameter(
                    "the file has a recursion already", param_hint=option
                )
        compiled = compile_source(
            source, values, folder, common.plugins(), chosen.network
        )
        answer.show(compiled[0].warnings)
        reports = [backward(item.formula) for item in compiled]
    if output is not None and derived is not None:
        common.write_sealed(output, derived.file, ".rf")
        if not as_json and not latex:
            return
    if as_json:
        answer.networks([report.as_dict() for report in reports])
        return
    for report in common.apart(reports):
        typer.echo(report.latex() if latex else report.text())


def unbuildable(
    derived: Derived, settings: Settings, folder: Path | None, name: str
) -> tuple[Diagnostic, ...]:
    """The warning RF644 if the recursions and the rest of the file make no network.

    Args:
        derived: the recursions.
        settings: parameters that replace those of the file.
        folder: where ``use`` looks.
        name: of the file that is derived.
    """
    from recform.compiler import compile_source, from_text

    if any(item.code == "RF642" for item in derived.warnings):
        return ()
    try:
        source = from_text(derived.file, name)
        compile_source(source, settings, folder, common.plugins(), derived.network)
    except CompileError as error:
        first = next(d for d in error.diagnostics if d.severity is Severity.ERROR)
        report = Diagnostics()
        report.warning(
            "RF644",
            "with the rest of the file the recursion makes no network: "
            f"{first.message}",
            derived.reports[0].found.wanted.place,
            hint=first.hint,
        )
        return tuple(report)
    return ()
