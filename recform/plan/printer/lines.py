"""Lines of Python: indentation, signatures, docstrings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from recform.plan.printer.layout import wrap

WIDTH = 88


class Lines:
    """Lines of source with a current indentation."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._level = 0

    def add(self, text: str) -> None:
        """One line."""
        self._lines.append("    " * self._level + text if text else "")

    def extend(self, texts: Iterable[str]) -> None:
        """Several lines."""
        for text in texts:
            self.add(text)

    def blank(self, count: int = 1) -> None:
        """Empty lines."""
        self._lines.extend([""] * count)

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Indents what is added inside."""
        self._level += 1
        yield
        self._level -= 1

    def statement(self, text: str, comment: str = "") -> None:
        """A statement, broken at its brackets if it is too long for a line."""
        self.extend(wrap(text, WIDTH - 4 * self._level, comment))

    def decorator(self, text: str) -> None:
        """What stands in front of a function, behind an ``@``."""
        first, *more = wrap(f"_{text}", WIDTH - 4 * self._level)
        self.extend([f"@{first[1:]}", *more])

    def signature(self, name: str, parameters: list[str], result: str) -> None:
        """A ``def`` line, one parameter a line if it gets long."""
        line = f"def {name}({', '.join(parameters)}) -> {result}:"
        inner = ", ".join(parameters)
        room = WIDTH - 4 * self._level
        if len(line) <= room:
            self.add(line)
            return
        self.add(f"def {name}(")
        with self.indented():
            if len(inner) <= room - 4:
                self.add(inner)
            else:
                self.extend(f"{parameter}," for parameter in parameters)
        self.add(f") -> {result}:")

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"


def docstring(text: str) -> list[str]:
    """A docstring; what comes from a file is data here, whatever it holds."""
    if "\n" not in text and len(_escaped(text)) > WIDTH - 10:
        text = "\n".join(folded(text, WIDTH - 10))
    paragraphs = [_escaped(line) for line in text.split("\n")]
    if len(paragraphs) == 1 and len(paragraphs[0]) > WIDTH - 10:
        paragraphs = folded(paragraphs[0], WIDTH - 10)
    if len(paragraphs) == 1:
        return [f'"""{paragraphs[0]}"""']
    return [f'"""{paragraphs[0]}', *paragraphs[1:], '"""']


def _escaped(text: str) -> str:
    kept = "".join(char if char.isprintable() else " " for char in text)
    kept = kept.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return kept[:-1] + '\\"' if kept.endswith('"') else kept.rstrip()


def folded(text: str, width: int) -> list[str]:
    """Words in lines of at most ``width`` characters; a longer word keeps a line."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        if current and len(current) + 1 + len(word) > width:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return [*lines, current] if current else lines
