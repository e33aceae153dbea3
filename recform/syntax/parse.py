"""From text to :class:`recform.syntax.nodes.File`, with `use` followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePath

from recform.blocks import Library
from recform.diagnostics import Diagnostics
from recform.files import decode, read_source
from recform.operators import standard
from recform.source import Source, Span
from recform.syntax import nodes as n
from recform.syntax.foreign import answered
from recform.syntax.grammar import tables
from recform.syntax.lalr import Tree, Unexpected
from recform.syntax.mistakes import explain
from recform.syntax.statements import statements
from recform.syntax.tree import statement
from recform.syntax.uses import Folder, Held, is_formula

#: Most files that a file may use, and these again.
MAX_USED = 32


@dataclass(frozen=True)
class _Frame:
    """A file that is being read, and the `use` that asked for it."""

    path: PurePath
    place: Span


def parse(
    source: Source,
    report: Diagnostics,
    folder: Folder = None,
    library: Library | None = None,
) -> n.File:
    """Parses a source and the files that it uses.

    Args:
        source: the text.
        report: gets every error of the text.
        folder: where `use` looks; without one, `use` is an error.
        library: the operators that may be named; without one, those of recform.
    """
    reader = _Reader(report, library or standard())
    parsed = tuple(reader.statements(source, folder, ()))
    return n.File(source.name, parsed, tuple(reader.used.values()), reader.library)


@dataclass(frozen=True)
class _Reader:
    """Reads a file and those that it uses, each once."""

    report: Diagnostics
    library: Library
    used: dict[PurePath, Source] = field(default_factory=dict)

    def statements(
        self, source: Source, folder: Folder, above: tuple[_Frame, ...]
    ) -> list[n.Statement]:
        report = self.report
        spans = statements(source, report)
        if not spans and not report.has_errors:
            report.error(
                "RF003",
                f"{source.name} has no statement",
                hint="the smallest network is one equation: X_i = X_<i-1> + W_i*X_<i-1>",
                file=source.name,
            )
        result: list[n.Statement] = []
        for span in spans:
            if report.is_full:
                break
            if answered(span, report, self.library):
                continue
            try:
                tree = self._tree(span)
                if tree is None:
                    continue
                item = statement(tree, source, span.start, report)
            except RecursionError:
                # Towers of powers and rows of signs nest without a bracket.
                report.error(
                    "RF103",
                    "this is nested too deep",
                    Span(source, span.start, span.start + 1),
                )
                continue
            if isinstance(item, n.Use):
                result.extend(self._use(item, folder, above))
            else:
                result.append(item)
        return result

    def _tree(self, span: Span) -> Tree | None:
        """The tree of a statement; None if it has none, after a diagnostic."""
        try:
            return tables().parse(span.text_without_comments)
        except Unexpected:
            return explain(tables(), span, self.report, self.library)

    def _use(
        self, item: n.Use, folder: Folder, above: tuple[_Frame, ...]
    ) -> list[n.Statement]:
        report = self.report
        if folder is None:
            report.error(
                "RF007", "text that is no file cannot use another file", item.span
            )
            return []
        named = (
            folder.find(item.path) if isinstance(folder, Held) else folder / item.path
        )
        if not is_formula(named):
            # Diagnostics show lines of a used file: a formula from somebody else must not
            # have any file of this machine printed. FILE.rf itself was named by the user.
            report.error(
                "RF006",
                f"{item.path} is no formula file by its name",
                item.span,
                hint="the name of a file that is used ends in .rf",
            )
            return []
        try:
            path: PurePath = named.resolve() if isinstance(named, Path) else named
        except (OSError, ValueError, RuntimeError):
            report.error("RF006", f"{item.path} cannot be read", item.span)
            return []
        if any(frame.path == path for frame in above):
            report.error(
                "RF005",
                f"{item.path} uses itself, over {len(above)} file(s)",
                item.span,
            )
            return []
        if path in self.used:
            return []
        beside: Folder
        if isinstance(folder, Held):
            source = _held(folder, named, report, item.span)
            beside = folder.beside(named)
        else:
            path_there = folder / item.path
            source = read_source(path_there, report, item.span)
            beside = path_there.parent
        if source is None:
            return []
        if len(self.used) >= MAX_USED:
            report.error(
                "RF110", f"more than {MAX_USED} files are used together", item.span
            )
            return []
        self.used[path] = source
        return self.statements(source, beside, (*above, _Frame(path, item.span)))


def _held(
    held: Held, path: PurePath, report: Diagnostics, place: Span
) -> Source | None:
    """The text of a file that came with the formula, or None after a diagnostic."""
    name, text = str(path), held.text(path)
    if text is None:
        report.error("RF001", f"there is no file {name}", place, file=name)
        return None
    return decode(name, text.encode("utf-8", "surrogatepass"), report, place)
