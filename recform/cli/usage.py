"""Wrong usage: a diagnostic like any other mistake, with status 2."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer

from recform.cli import answer, values
from recform.diagnostics import Diagnostics


class Group(values.Group):
    """The commands; what cannot be understood of their arguments is RF909."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs a command, as typer does.

        Raises:
            SystemExit: with the exit status, in standalone mode.
        """
        given = list(sys.argv[1:] if args is None else args)
        try:
            status = super().main(
                args, prog_name, complete_var, False, windows_expand_args, **extra
            )
        except typer.Abort:
            if not standalone_mode:
                raise
            status = 1
        except Exception as error:
            # typer has no name for the class of its errors.
            if not standalone_mode or not hasattr(error, "format_message"):
                raise
            status = _told(error, given)
        if not standalone_mode:
            return status
        sys.exit(status if isinstance(status, int) else 0)


def _told(error: Any, given: list[str]) -> int:
    """Shows an error of typer's; its exit status."""
    status: int = error.exit_code
    context = error.ctx
    message = error.format_message().strip()
    if context is not None and not given:
        typer.echo(message, err=True)  # the help, where no command was named
        return status
    report = Diagnostics()
    named = context is not None and context.parent is not None
    command = context.info_name if named else ""
    hint = " ".join(filter(None, ("recform", command, "--help")))
    if others := _taking(getattr(error, "option_name", ""), context):
        hint = (
            f"{', '.join(others)} {'takes' if len(others) == 1 else 'take'} it; {hint}"
        )
    report.error("RF909", message.rstrip("."), hint=hint)
    # Whatever is wrong with the others, this one says how to answer.
    if "--json" in given:
        answer.write(command, status, report)
    else:
        answer.show(report)
    return status


def _taking(option: str, context: Any) -> list[str]:
    """The commands that have an option which the one that was named has not."""
    if not option or context is None or context.parent is None:
        return []
    commands = context.parent.command.commands.items()
    return [
        f"recform {name}"
        for name, command in commands
        if any(option in parameter.opts for parameter in command.params)
    ]
