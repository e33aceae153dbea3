"""From text to :class:`recform.syntax.nodes.File`, with `use` followed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from recform.diagnostics import Diagnostics
from recform.files import decode, read_source
from recform.source import Source, Span
from recform.syntax import nodes as n
from recform.syntax.foreign import answered
from recform.syntax.grammar import tables
from recform.syntax.lalr import Unexpected
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


def parse(source: Source, report: Diagnostics, folder: Folder = None) -> n.File:
    """Parses a source and the files that it uses.

    Args:
        source: the text.
        report: gets every error of the text.
        folder: where `use` looks; without one, `use` is an error.
    """
    used: dict[PurePath, Source] = {}
    parsed = tuple(_parse(source, report, folder, (), used))
    return n.File(source.name, parsed, tuple(used.values()))


def _parse(
    source: Source,
    report: Diagnostics,
    folder: Folder,
    above: tuple[_Frame, ...],
    seen: dict[PurePath, Source],
) -> list[n.Statement]:
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
        if answered(span, report):
            continue
        try:
            tree = tables().parse(span.text_without_comments)
            item = statement(tree, source, span.start, report)
        except Unexpected as error:
            explain(error, span, report)
            continue
        except RecursionError:
            # Towers of powers and rows of signs nest without a bracket.
            report.error(
                "RF103",
                "this is nested too deep",
                Span(source, span.start, span.start + 1),
            )
            continue
        if isinstance(item, n.Use):
            result.extend(_use(item, report, folder, above, seen))
        else:
            result.append(item)
    return result


def _use(
    item: n.Use,
    report: Diagnostics,
    folder: Folder,
    above: tuple[_Frame, ...],
    seen: dict[PurePath, Source],
) -> list[n.Statement]:
    if folder is None:
        report.error("RF007", "text that is no file cannot use another file", item.span)
        return []
    named = folder.find(item.path) if isinstance(folder, Held) else folder / item.path
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
            "RF005", f"{item.path} uses itself, over {len(above)} file(s)", item.span
        )
        return []
    if path in seen:
        return []
    beside: Folder
    if isinstance(folder, Held):
        source, beside = _held(folder, named, report, item.span), folder.beside(named)
    else:
        path_there = folder / item.path
        source, beside = read_source(path_there, report, item.span), path_there.parent
    if source is None:
        return []
    if len(seen) >= MAX_USED:
        report.error(
            "RF110", f"more than {MAX_USED} files are used together", item.span
        )
        return []
    seen[path] = source
    return _parse(source, report, beside, (*above, _Frame(path, item.span)), seen)


def _held(
    held: Held, path: PurePath, report: Diagnostics, place: Span
) -> Source | None:
    """The text of a file that came with the formula, or None after a diagnostic."""
    name, text = str(path), held.text(path)
    if text is None:
        report.error("RF001", f"there is no file {name}", place, file=name)
        return None
    return decode(name, text.encode("utf-8", "surrogatepass"), report, place)
