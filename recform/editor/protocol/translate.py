"""The answers of an editor's features in the words of the protocol."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types

from recform.diagnostics import Diagnostic, Severity
from recform.editor.colours import KINDS, Colour
from recform.editor.completion import Proposal
from recform.editor.document import Document
from recform.editor.fixes import Fix
from recform.editor.hover import Hover
from recform.editor.lines import Lines
from recform.editor.names import Sort
from recform.editor.outline import Entry
from recform.editor.places import using
from recform.editor.rename import Edit
from recform.source import Span

_SYMBOLS = {
    Sort.NETWORK.value: types.SymbolKind.Class,
    Sort.UNKNOWN.value: types.SymbolKind.Variable,
    Sort.INPUT.value: types.SymbolKind.Variable,
    Sort.OPERATOR.value: types.SymbolKind.Function,
    Sort.SCALAR.value: types.SymbolKind.Number,
    Sort.VECTOR.value: types.SymbolKind.Number,
    Sort.CONSTANT.value: types.SymbolKind.Constant,
    Sort.PARAMETER.value: types.SymbolKind.Constant,
}
_COMPLETIONS = {
    Sort.UNKNOWN.value: types.CompletionItemKind.Variable,
    Sort.INPUT.value: types.CompletionItemKind.Variable,
    Sort.OPERATOR.value: types.CompletionItemKind.Method,
    Sort.LOCAL.value: types.CompletionItemKind.Method,
    Sort.LIBRARY.value: types.CompletionItemKind.Function,
    Sort.SETTING.value: types.CompletionItemKind.Property,
    Sort.ARGUMENT.value: types.CompletionItemKind.Property,
    Sort.WORD.value: types.CompletionItemKind.Value,
    Sort.INDEX.value: types.CompletionItemKind.Value,
    "keyword": types.CompletionItemKind.Keyword,
}
#: What is declared and read by nobody is shown paler.
_UNUSED = "RF222"


class Translator:
    """Says things of one open file as its client wants them.

    Args:
        document: the file.
        uri: by which the client calls it.
        encoding: in which it counts columns.
    """

    def __init__(self, document: Document, uri: str, encoding: str) -> None:
        self.document = document
        self._uri = uri
        self._encoding = encoding
        self._lines = Lines(document.source, encoding)

    # -- places

    def offset(self, position: types.Position) -> int:
        """The offset of a position."""
        return self._lines.offset(position.line, position.character)

    def position(self, offset: int) -> types.Position:
        """The position of an offset."""
        return types.Position(*self._lines.place(offset))

    def range(self, span: Span) -> types.Range:
        """The range of a part of this text, or of another one."""
        if span.source is self.document.source:
            lines = self._lines
        else:
            lines = Lines(span.source, self._encoding)
        start, end = lines.place(span.start), lines.place(span.end)
        return types.Range(types.Position(*start), types.Position(*end))

    def location(self, span: Span) -> types.Location:
        """The place of a span, in this file or in another one."""
        uri = self._uri
        if span.source is not self.document.source:
            uri = Path(span.source.name).absolute().as_uri()
        return types.Location(uri, self.range(span))

    # -- answers

    def diagnostic(self, item: Diagnostic) -> types.Diagnostic:
        """A mistake, with its hint, at its place."""
        first = item.labels[0] if item.labels else None
        text = (
            item.message
            if first is None or not first.text
            else (f"{item.message} ({first.text})")
        )
        lines = [text, *item.notes, *([f"hint: {item.hint}"] if item.hint else [])]
        own = first is not None and first.span.source is self.document.source
        others = item.labels[1:] if own else item.labels
        error = item.severity is Severity.ERROR
        severity = types.DiagnosticSeverity
        return types.Diagnostic(
            range=self.range(self._place(item)),
            message="\n".join(lines),
            severity=severity.Error if error else severity.Warning,
            code=item.code,
            source="recform",
            tags=[types.DiagnosticTag.Unnecessary] if item.code == _UNUSED else None,
            related_information=[
                types.DiagnosticRelatedInformation(
                    self.location(label.span), label.text or item.message
                )
                for label in others
            ],
        )

    def _place(self, item: Diagnostic) -> Span:
        """Where a mistake is shown that is perhaps in another file, or in no place."""
        source = self.document.source
        if not item.labels:
            return Span(source, 0, len(source.line(1)))
        span = item.labels[0].span
        return span if span.source is source else using(self.document, span.source.name)

    def hover(self, found: Hover) -> types.Hover:
        """What is said of a place."""
        text = types.MarkupContent(types.MarkupKind.Markdown, found.text)
        return types.Hover(text, self.range(found.place))

    def completion(self, item: Proposal) -> types.CompletionItem:
        """Something that may be written."""
        page = types.MarkupContent(types.MarkupKind.Markdown, item.page)
        return types.CompletionItem(
            label=item.label,
            kind=_COMPLETIONS.get(item.sort, types.CompletionItemKind.Constant),
            detail=item.detail or item.sort,
            documentation=page if item.page else None,
            insert_text=item.insert or None,
            sort_text=f"{item.rank}{item.label}",
        )

    def edit(self, edit: Edit) -> types.TextEdit:
        """A text in the place of another."""
        return types.TextEdit(self.range(edit.place), edit.text)

    def edits(self, edits: Iterable[Edit]) -> types.WorkspaceEdit:
        """Edits of this file."""
        return types.WorkspaceEdit(changes={self._uri: [*map(self.edit, edits)]})

    def action(self, fix: Fix) -> types.CodeAction:
        """A quick fix."""
        return types.CodeAction(
            title=fix.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[self.diagnostic(fix.mends)],
            is_preferred=True,
            edit=self.edits((fix.edit,)),
        )

    def symbol(self, entry: Entry) -> types.DocumentSymbol:
        """An entry of the outline."""
        return types.DocumentSymbol(
            name=entry.name,
            detail=entry.sort,
            kind=_SYMBOLS.get(entry.sort, types.SymbolKind.Property),
            range=self.range(entry.whole),
            selection_range=self.range(entry.place),
            children=[self.symbol(item) for item in entry.inside],
        )

    def tokens(self, found: Iterable[Colour]) -> types.SemanticTokens:
        """Colours, each told by how far it is from the one before."""
        data: list[int] = []
        line = column = 0
        for item in found:
            next_line, next_column = self._lines.place(item.start)
            gap = next_column - (column if next_line == line else 0)
            length = self._lines.length(item.start, item.end)
            data += [next_line - line, gap, length, KINDS.index(item.kind), 0]
            line, column = next_line, next_column
        return types.SemanticTokens(data)
