"""``recform render``: a diagram of a network, in one of several views and formats."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from recform.cli import answer, common
from recform.render import (
    BadArgument,
    Direction,
    Format,
    Request,
    Style,
    Subject,
    Theme,
    View,
    diagram,
    request,
    write,
)

_SUFFIXES = {
    ".gv": Format.dot,
    ".mmd": Format.mermaid,
    **{f".{form.value}": form for form in Format},
}
#: A picture of TikZ is kept in a .tex file as well as a whole document is.
_ALIKE = {Format.tikz, Format.tex}
_BINARY = (Format.png, Format.pdf)


def command(
    chosen: common.Chosen,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT.svg",
            help="Where to write; names the format.",
        ),
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--to", help="The format, if OUT does not name it.")
    ] = None,
    view: Annotated[
        View, typer.Option("--view", help="What of the network is drawn.")
    ] = View.step,
    direction: Annotated[
        Direction | None,
        typer.Option("--direction", help="Left to right, or top to bottom."),
    ] = None,
    expand: Annotated[
        bool, typer.Option("--expand", help="In `network`: a node for each block.")
    ] = False,
    blocks: Annotated[
        int | None,
        typer.Option("--blocks", help="In `unrolled` and `paths`: how many blocks."),
    ] = None,
    block: Annotated[
        int | None,
        typer.Option("--block", help="In `step`: this block, with its shapes."),
    ] = None,
    opened: Annotated[
        list[str] | None,
        typer.Option(
            "--open",
            metavar="W",
            help="But in `paths`: what is in the box of this operator, or of this "
            "definition (may be repeated).",
        ),
    ] = None,
    depth: Annotated[
        int,
        typer.Option(
            "--depth",
            help="The same of all operators: 2 for what they are made of, 3 for what is "
            "in that, and so on.",
        ),
    ] = 1,
    legend: Annotated[
        bool, typer.Option("--legend", help="Explain forms and colours below.")
    ] = False,
    theme: Annotated[
        Theme, typer.Option("--theme", help="Colours; auto is both, in an SVG.")
    ] = Theme.auto,
    width: Annotated[
        str | None,
        typer.Option(
            "--width",
            metavar="8.5cm",
            help="How wide it is at most, with type that can be read: in cm, mm, in, pt.",
        ),
    ] = None,
    style: Annotated[
        Style, typer.Option("--style", help="The fonts of a venue.")
    ] = Style.default,
    dpi: Annotated[
        int | None,
        typer.Option("--dpi", help="Of a PNG, 20 to 2400; 200 if left out."),
    ] = None,
    renderer: Annotated[
        str,
        typer.Option(
            "--renderer", metavar="PROGRAM", help="What lays the picture out."
        ),
    ] = "auto",
    as_json: answer.AsJson = False,
) -> None:
    """Draw a network: to OUT, or to standard output (as SVG, if nothing is said).

    A file with a shape error is drawn too, with the ends that do not meet in red.
    """
    from recform.graph import ShapeError

    if output == common.STDOUT:
        output = None
    wanted = _format(output, form)
    asked = _request(
        wanted,
        view=view,
        direction=direction,
        expand=expand,
        blocks=blocks,
        block=block,
        open=opened or (),
        depth=depth,
        legend=legend,
        theme=theme,
        width=width,
        style=style,
        dpi=dpi,
        renderer=renderer,
    )
    inline = as_json and output is None
    if inline and wanted in _BINARY:
        raise typer.BadParameter(
            f"a {wanted.value} is no text for --json; name a file", param_hint="-o"
        )
    status = 0
    subject: Subject
    try:
        picked = chosen.one()
        answer.show(picked.warnings)
        subject = picked.graph
    except ShapeError as error:
        answer.show(error.diagnostics)
        subject, status = error.partial, 1
    drawn = diagram(subject, asked)
    data = write(drawn, asked, wanted)
    answer.result(
        {
            "format": wanted.value,
            "output": None if output is None else str(output),
            "picture": data.decode() if inline else None,
            "remarks": list(drawn.remarks),
        }
    )
    if answer.is_read():
        for remark in drawn.remarks:
            typer.echo(f"{remark}.", err=True)
    if not inline:
        kind = f".{wanted.value}"
        if wanted in _BINARY:
            common.write_whole(output, data, kind)
        else:
            common.write_sealed(output, data.decode(), kind)
    if status:
        raise typer.Exit(status)


def _request(form: Format, **options: Any) -> Request:
    """What is asked for.

    Raises:
        typer.BadParameter: if an option is none of this view or format, or wrong.
    """
    try:
        made = request(**options)
        made.check(form)
    except BadArgument as error:
        raise typer.BadParameter(
            error.problem, param_hint=f"--{error.argument}"
        ) from None
    return made


def _format(output: Path | None, form: Format | None) -> Format:
    """The format that is asked for.

    Raises:
        typer.BadParameter: if there is none, or two, or if it cannot be shown on a
            terminal.
    """
    named = None if output is None else _SUFFIXES.get(output.suffix.lower())
    if form is not None and named not in (None, form) and {form, named} != _ALIKE:
        assert output is not None and named is not None
        raise typer.BadParameter(
            f"{output.name!r} is a {named.value} by its name, and --to says {form.value}",
            param_hint="--to",
        )
    if form is None:
        if output is None:
            return Format.svg
        form = named
        if form is None:
            known = ", ".join(sorted(_SUFFIXES))
            raise typer.BadParameter(
                f"{output.name!r} names no format; its ending may be {known}",
                param_hint="-o",
            )
    if output is None and form in _BINARY and sys.stdout.isatty():
        raise typer.BadParameter(
            f"a {form.value} is not for a terminal; name a file", param_hint="-o"
        )
    return form
