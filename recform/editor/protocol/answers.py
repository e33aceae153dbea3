"""The answers to a client's questions about one file, from what is known of it now.

A function a method of the protocol: each gets what says things as the client wants them, and
the parameters of the question.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from recform.diagnostics import CompileError
from recform.editor import completion, hover, outline, places, rename
from recform.editor.colours import colours
from recform.editor.pictures import Wanted, draw
from recform.editor.protocol.translate import Translator
from recform.formatter import formatted
from recform.render import View
from recform.source import Span


def hovered(say: Translator, params: types.HoverParams) -> types.Hover | None:
    """What is said of a place."""
    found = hover.hover(say.document, say.offset(params.position))
    return None if found is None else say.hover(found)


def completions(
    say: Translator, params: types.CompletionParams
) -> list[types.CompletionItem]:
    """What may be written."""
    found = completion.complete(say.document, say.offset(params.position))
    return [say.completion(item) for item in found]


def definitions(
    say: Translator, params: types.DefinitionParams
) -> list[types.Location]:
    """Where a name is declared."""
    found = places.declarations(say.document, say.offset(params.position))
    return [say.location(span) for span in found]


def references(say: Translator, params: types.ReferenceParams) -> list[types.Location]:
    """Where a name is read, and declared if that is asked for."""
    offset, document = say.offset(params.position), say.document
    found = places.references(document, offset)
    if not params.context.include_declaration:
        declared = places.references(document, offset, only_declared=True)
        found = tuple(span for span in found if span not in declared)
    return [say.location(span) for span in found]


def highlights(
    say: Translator, params: types.DocumentHighlightParams
) -> list[types.DocumentHighlight]:
    """Where a name stands in this file."""
    return [
        types.DocumentHighlight(say.range(span))
        for span in places.references(say.document, say.offset(params.position))
        if span.source is say.document.source
    ]


def renameable(
    say: Translator, params: types.PrepareRenameParams
) -> types.PrepareRenamePlaceholder:
    """The name that is to have another one.

    Raises:
        Refused: if it may not.
    """
    name = rename.renameable(say.document, say.offset(params.position))
    return types.PrepareRenamePlaceholder(say.range(name.span), name.span.text)


def renamed(say: Translator, params: types.RenameParams) -> types.WorkspaceEdit:
    """The edits that give a name another one.

    Raises:
        Refused: if it may not have it.
    """
    offset = say.offset(params.position)
    return say.edits(rename.rename(say.document, offset, params.new_name))


def symbols(
    say: Translator, params: types.DocumentSymbolParams
) -> list[types.DocumentSymbol]:
    """The outline."""
    return [say.symbol(entry) for entry in outline.outline(say.document)]


def canonical(
    say: Translator, params: types.DocumentFormattingParams
) -> list[types.TextEdit] | None:
    """The whole file in canonical form; a file with mistakes of syntax stays."""
    source = say.document.source
    try:
        text = formatted(source)
    except CompileError:
        return None
    whole = Span(source, 0, len(source.text))
    return [] if text == source.text else [say.edit(rename.Edit(whole, text))]


def tokens(say: Translator, params: types.SemanticTokensParams) -> types.SemanticTokens:
    """The colours."""
    return say.tokens(colours(say.document))


def hints(say: Translator, params: types.InlayHintParams) -> list[types.InlayHint]:
    """The shapes behind the parts of flows."""
    start, end = say.offset(params.range.start), say.offset(params.range.end)
    return [
        types.InlayHint(
            position=say.position(note.place.end),
            label=note.text,
            tooltip="the shape behind this, where it is called first",
            padding_left=True,
        )
        for note in say.document.hints
        if start <= note.place.end <= end
    ]


def lenses(say: Translator, params: types.CodeLensParams) -> list[types.CodeLens]:
    """The lines over equations."""
    return [
        types.CodeLens(say.range(note.place), types.Command(note.text, ""))
        for note in say.document.lenses
    ]


@dataclass(frozen=True)
class PictureParams:
    """What is asked of `recform/picture`, a question that the protocol does not have."""

    text_document: types.TextDocumentIdentifier
    wanted: Wanted

    @staticmethod
    def of(params: Any) -> PictureParams:
        """The parameters, of which only the document must be there.

        Args:
            params: as they came: ``textDocument``, ``view``, ``network``, ``theme`` and
                ``format``.
        """
        given = {
            name: str(value)
            for name, key in (
                *(("view", "view"), ("network", "network")),
                *(("theme", "theme"), ("form", "format")),
            )
            if (value := getattr(params, key, None)) is not None
        }
        uri = str(getattr(getattr(params, "textDocument", None), "uri", ""))
        return PictureParams(types.TextDocumentIdentifier(uri), Wanted(**given))


def picture(say: Translator, params: PictureParams) -> dict[str, Any]:
    """The picture of a file: its bytes in base64, and what there is to choose from.

    Raises:
        Refused: if there is none.
    """
    found = draw(say.document, params.wanted)
    return {
        "data": b64encode(found.data).decode(),
        "title": found.drawn.title,
        "description": found.drawn.description,
        "network": found.network,
        "networks": [*found.networks],
        "views": [view.value for view in View],
        "old": found.old,
    }
