"""What the compiler says of a text: all that `recform check` does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from recform.compiler import Compiled, compile_source, from_text
from recform.diagnostics import CompileError, Diagnostic
from recform.graph import Partial, ShapeError
from recform.operators.plugins import Plugin
from recform.source import Source
from recform.syntax.uses import Folder


@dataclass(frozen=True)
class Checked:
    """A text, and what was found.

    Attributes:
        source: the text.
        diagnostics: errors and warnings, in the order of their places.
        networks: compiled; none if there are errors.
        partial: where shapes do not meet, the network as far as it could be followed.
    """

    source: Source
    diagnostics: tuple[Diagnostic, ...]
    networks: tuple[Compiled, ...] = ()
    partial: Partial | None = None


def compiled(source: Source, folder: Folder, plugins: Iterable[Plugin] = ()) -> Checked:
    """Compiles a text, and proves what it makes of it; no code is written."""
    try:
        # The limits of a file are those of a text; its places are those of the source.
        from_text(source.text, source.name)
        networks = compile_source(source, folder=folder, plugins=plugins)
    except ShapeError as error:
        return Checked(source, error.diagnostics, partial=error.partial)
    except CompileError as error:
        return Checked(source, error.diagnostics)
    return Checked(source, networks[0].warnings, networks)


def written(found: Checked) -> Checked:
    """With what is wrong in the code, which takes as long again to write and to prove."""
    try:
        for item in found.networks:
            _ = item.source
    except CompileError as error:
        return Checked(found.source, error.diagnostics)
    return found


def check(source: Source, folder: Folder, plugins: Iterable[Plugin] = ()) -> Checked:
    """Both: all that is wrong with a text."""
    return written(compiled(source, folder, plugins))
