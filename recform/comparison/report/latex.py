"""A report as LaTeX, a piece of a document: words, tables of booktabs and longtable."""

from __future__ import annotations

from collections.abc import Iterator

from recform.comparison.report.document import (
    Beside,
    Block,
    Code,
    Document,
    Figure,
    Items,
    Table,
    Text,
)

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


#: Tables with more rows go over several pages: one that floats is cut off at the first.
_PAGE = 40


def render(document: Document) -> str:
    """The whole file: a piece of a document, without a preamble."""
    lines: list[str] = []
    for section in document.sections:
        inner = [line for block in section.blocks for line in _block(block)]
        if inner:
            lines += ["", rf"\subsection*{{{_words(section.title)}}}", *inner]
    more = ",longtable" if any(r"\begin{longtable}" in line for line in lines) else ""
    title = " ".join(document.title.split())
    head = [f"% {title}", rf"% \usepackage{{booktabs{more}}}"]
    return "\n".join([*head, *lines]) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text():
            yield from (_words(block.text), "")
        case Items():
            yield r"\begin{itemize}"
            yield from (rf"  \item {_words(item)}" for item in block.items)
            yield r"\end{itemize}"
        case Table():
            yield from _table(block)
        case Code():
            yield from (rf"\paragraph{{{_words(block.caption)}}}", r"\begin{verbatim}")
            # What ends a verbatim text cannot stand in one.
            yield block.text.replace(r"\end{verbatim}", r"\end {verbatim}")
            yield r"\end{verbatim}"
        case Beside():
            for title, inner in block.columns:
                lines = [line for each in inner for line in _block(each)]
                if lines:
                    yield from (rf"\subsubsection*{{{_words(title)}}}", *lines)
        case Figure():
            return


def _table(table: Table) -> Iterator[str]:
    columns = "".join(
        "l" if n < table.left else "r" for n in range(len(table.headings))
    )
    caption, long = rf"\caption{{{_words(table.caption)}}}", len(table.rows) > _PAGE
    if long:
        yield from (rf"\begin{{longtable}}{{{columns}}}", rf"{caption} \\")
    else:
        yield from (r"\begin{table}[ht]", r"\centering", caption)
        yield rf"\begin{{tabular}}{{{columns}}}"
    yield from (r"\toprule", _row(tuple(map(_words, table.headings))), r"\midrule")
    if long:
        yield r"\endhead"
    for number, row in enumerate(table.rows):
        cells = tuple(map(_words, row))
        if number in table.strong:
            cells = tuple(rf"\textbf{{{cell}}}" if cell else "" for cell in cells)
        yield _row(cells)
    yield r"\bottomrule"
    yield from [r"\end{longtable}"] if long else [r"\end{tabular}", r"\end{table}"]


def _row(cells: tuple[str, ...]) -> str:
    return rf"{' & '.join(cells)} \\"


def _words(text: str) -> str:
    return "".join(_SPECIAL.get(char, char) for char in " ".join(text.split()))
