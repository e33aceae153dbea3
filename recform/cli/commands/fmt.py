"""``recform fmt``: writes formula files in canonical form."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from recform import files
from recform.cli import answer, common
from recform.diagnostics import CompileError, Diagnostic, refuse


def command(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE.rf...",
            help="Formula files, or folders of them; - is standard input.",
        ),
    ],
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; the status is 1 if a file would."),
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what would change, and write nothing.")
    ] = False,
    as_json: answer.AsJson = False,
) -> None:
    """Write formula files in canonical form; comments and breaks of lines stay."""
    known = list(_files(names))
    changed: list[str] = []
    wrong: dict[str, tuple[Diagnostic, ...]] = {}
    for name in known:
        try:
            before, after = _both(name)
            if name == "-" and not (check or diff or as_json):
                sys.stdout.write(after)
                continue
            if before == after:
                continue
            if diff and not as_json:
                sys.stdout.writelines(_difference(name, before, after))
            elif not check and name != "-":
                files.rewrite(Path(name), after)
            changed.append(name)
        except CompileError as error:
            wrong[name] = error.diagnostics
    answer.show(item for items in wrong.values() for item in items)
    rows = [
        {"file": name, "changed": name in changed, "good": name not in wrong}
        for name in known
    ]
    answer.result({"files": rows})
    if not as_json and known != ["-"]:
        _tell(changed, len(known) - len(wrong), "would be " if check or diff else "")
    if wrong or (changed and (check or diff)):
        raise typer.Exit(1)


def _files(names: Iterable[str]) -> Iterator[str]:
    """What is named, and the formula files of folders in the order of their paths."""
    for name in names:
        if name != "-" and Path(name).is_dir():
            found = sorted(path.as_posix() for path in Path(name).rglob("*.rf"))
            yield from found or [name]
        else:
            yield name


def _both(name: str) -> tuple[str, str]:
    """The text of a file as it is, and in canonical form.

    Raises:
        CompileError: if it cannot be read, or is none of the language.
    """
    from recform.formatter import formatted

    if Path(name).is_dir():
        refuse("RF001", f"{name} has no formula file", file=name)
    source, _ = common.source_of(name)
    return source.text, formatted(source)


def _difference(name: str, before: str, after: str) -> Iterator[str]:
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    for line in difflib.unified_diff(old, new, name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _tell(changed: list[str], good: int, would: str) -> None:
    for name in changed:
        typer.echo(f"{would}formatted: {name}", err=bool(would))
    left = good - len(changed)
    typer.echo(f"{len(changed)} {would}formatted, {left} as they were", err=bool(would))
