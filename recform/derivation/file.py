"""The derived recursion as a formula file: the file of the general formula, mended."""

from __future__ import annotations

from recform.algebra.formula import Scope
from recform.derivation.forward import Derivation, Recursion
from recform.outline.sections import Section
from recform.reading.sorts import MAX_OFFSET
from recform.source import Source
from recform.syntax import nodes as n

#: The blocks of a file without a `stages` statement.
_DEFAULT_BLOCKS = 8

#: What a derived file says of itself.
_MARK = "# Derived from the general formula"


def taken_names(section: Section) -> list[str]:
    """Names that mean something in a file already."""
    return [
        *section.params,
        *section.consts,
        *section.scalars,
        *section.definitions,
        "L",
        "F",
        "I",
    ]


def derived_lines(found: Derivation, section: Section) -> list[str]:
    """The statements that stand for the general formula."""
    recursion = found.recursion
    given = " ".join(found.wanted.text.split())
    lines = [f"{_MARK} {given}", *recursion.equations()]
    # Where some get nothing again and again, the file says so of the start, and what is
    # compiled of it is refused, whatever the output reads.
    silent = silent_starts(recursion) or [list(recursion.unknowns[1:])]
    for block, names in enumerate(silent[: _blocks(section) + 1]):
        lines += [f"{name}_{block} = 0" for name in names]
    if len(recursion.unknowns) > 1 and "output" not in section.single:
        lines.append(f"output {recursion.unknowns[0]}_L")
    return lines


def _blocks(section: Section) -> int:
    """How many blocks the index counts, as far as the file says so in numbers."""
    item = section.single.get("stages")
    if not isinstance(item, n.Stages):
        return _DEFAULT_BLOCKS
    counts = [
        int(stage.blocks.value) if isinstance(stage.blocks, n.Number) else MAX_OFFSET
        for stage in item.stages
    ]
    scope = section.single.get("scope")
    own = isinstance(scope, n.Scope) and scope.where == Scope.STAGE.value
    return min(counts) if own else sum(counts)


def silent_starts(recursion: Recursion) -> list[list[str]] | None:
    """The unknowns that get nothing yet, for each of the first blocks.

    Only the first unknown starts with the input. None if some unknown gets nothing again
    and again, as with paths that skip two blocks at once and do nothing else.
    """
    reaches = {
        pair: sorted({len(word) for word in words})
        for pair, words in recursion.terms.items()
    }
    alive = [{recursion.unknowns[0]}]
    windows = []
    while True:
        window = tuple(tuple(sorted(names)) for names in alive[-recursion.order :])
        if len(alive) >= recursion.order and all(
            len(names) == len(recursion.unknowns) for names in window
        ):
            break
        if window in windows:
            return None
        windows.append(window)
        block = len(alive)
        alive.append(
            {
                target
                for (target, source), lengths in reaches.items()
                if any(k <= block and source in alive[block - k] for k in lengths)
            }
        )
    return [[u for u in recursion.unknowns if u not in names] for names in alive]


def derived_file(source: Source, found: list[tuple[Derivation, Section]]) -> str:
    """The text of a file with recursions in place of its general formulas."""
    text = source.text
    for derivation, section in sorted(
        found, key=lambda pair: pair[0].wanted.place.start, reverse=True
    ):
        place = derivation.wanted.place
        lines = "\n".join(derived_lines(derivation, section))
        end = text.find("\n", place.end)
        rest = text[place.end : end if end >= 0 else len(text)]
        # A comment behind the general formula stays, on a line of its own.
        comment = f"{rest.strip()}\n" if rest.strip() else ""
        text = text[: place.start] + comment + lines + text[place.end + len(rest) :]
    return text if text.endswith("\n") else f"{text}\n"
