"""The picture of a file, as an editor shows it beside the text."""

from __future__ import annotations

from dataclasses import dataclass

from recform.compiler import Compiled
from recform.diagnostics import CompileError
from recform.editor.document import Document, Refused
from recform.render import Diagram, Format, Subject, diagram, request, write


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn: views, themes and formats as :mod:`recform.render` names them.

    Attributes:
        view: what of the network.
        network: its name; None for the first of the file.
        theme: which colours.
        form: what it is written as.
    """

    view: str = "step"
    network: str | None = None
    theme: str = "auto"
    form: str = "svg"


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        data: in the format that was wanted.
        drawn: what it shows, in words too.
        network: whose it is; empty for one whose shapes do not meet.
        networks: the names of all that may be drawn.
        old: whether it is of an earlier text, since this one does not compile.
    """

    data: bytes
    drawn: Diagram
    network: str
    networks: tuple[str, ...]
    old: bool


def draw(document: Document, wanted: Wanted) -> Picture:
    """The picture of a file: of its text, or of the last one that there is a picture of.

    Raises:
        Refused: if there is none, with the reason.
    """
    subject, network, networks, old = _subject(document, wanted.network)
    try:
        asked = request(wanted.view, theme=wanted.theme)
        drawn = diagram(subject, asked)
        data = write(drawn, asked, Format(wanted.form))
    except CompileError as error:
        said = [
            f"{d.message} ({d.hint})" if d.hint else d.message
            for d in error.diagnostics
        ]
        raise Refused("; ".join(said)) from None
    except ValueError as error:
        raise Refused(str(error)) from None
    return Picture(data, drawn, network, networks, old)


def _subject(
    document: Document, name: str | None
) -> tuple[Subject, str, tuple[str, ...], bool]:
    checked, good = document.checked, document.good
    if checked is not None and checked.partial is not None:
        return checked.partial, "", (), False
    if good is None:
        raise Refused("there is no picture as long as the formula does not compile")
    networks = {item.name: item for item in good.networks}
    chosen: Compiled = networks.get(name or "", good.networks[0])
    old = checked is None or not checked.networks
    return chosen.graph, chosen.name, tuple(networks), old
