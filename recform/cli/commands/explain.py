"""``recform explain``: the page of a diagnostic's code."""

from __future__ import annotations

import sys
from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated

import typer

from recform.cli import answer
from recform.diagnostics import CompileError, refuse, render_text


def command(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Such as RF204.")],
    as_json: answer.AsJson = False,
) -> None:
    """Explain a code: what it means, a file that earns it, and the file mended."""
    from recform.diagnostics.catalogue import CATALOGUE, section

    code = _known(code, list(CATALOGUE))
    entry = CATALOGUE[code]
    answer.result({"code": code, **asdict(entry)})
    if as_json:
        return
    page = section(code, _said(code, entry.wrong) if entry.wrong else "")
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(page))
    else:
        sys.stdout.write(page)


def _known(code: str, codes: list[str]) -> str:
    """The code as the catalogue has it.

    Raises:
        CompileError: if there is none (RF908).
    """
    wanted = code.strip().upper()
    wanted = f"RF{wanted}" if wanted.isdecimal() else wanted
    if wanted in codes:
        return wanted
    near = get_close_matches(wanted, codes, n=3, cutoff=0.5)
    refuse(
        "RF908",
        f"there is no code {code!r}",
        f"the nearest: {', '.join(near)}" if near else f"for example {codes[0]}",
    )


def _said(code: str, text: str) -> str:
    """What recform says of a file that earns a code.

    Of what is wrong with installed packages, too, this page tells nothing.
    """
    from recform.compiler import compile_source, emit_source, from_text

    try:
        compiled = compile_source(from_text(text, "net.rf"))
        emit_source(list(compiled))
    except CompileError as error:
        told = error.diagnostics
    else:
        told = compiled[0].warnings
    return render_text([item for item in told if item.code == code])
