"""Lines of Python: indentation, wrapping in the manner of ruff format, docstrings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise

WIDTH = 88


class Lines:
    """Lines of source with a current indentation."""

    def __init__(self, offset: int = 0) -> None:
        """Empty lines; ``offset`` is by how much they will be indented later."""
        self._lines: list[str] = []
        self._level = 0
        self._width = WIDTH - offset

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
        self.extend(wrap(text, self._width - 4 * self._level, comment))

    def assign(self, target: str, value: str, comment: str = "") -> None:
        """``target = value``."""
        self.statement(f"{target} = {value}", comment)

    def returns(self, value: str, comment: str = "") -> None:
        """``return value``."""
        self.statement(f"return {value}", comment)

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"


def wrap(text: str, width: int, comment: str = "") -> list[str]:
    """A statement as lines no longer than ``width``, as ruff format breaks them."""
    suffix = f"  # {comment}" if comment else ""
    if len(text) + len(suffix) <= width:
        return [text + suffix]
    bracket = _last_bracket(text)
    if bracket is None:
        return _in_brackets(text, width, suffix)
    start, end = bracket
    head, inner, tail = text[: start + 1], text[start + 1 : end], text[end:]
    if _splits_operators(text[:start]):
        return _in_brackets(text, width, suffix)
    items = split_top(inner)
    one = "    " + inner
    if len(one) <= width and not (len(items) > 1 and inner.rstrip().endswith(",")):
        return [head, one, tail + suffix]
    lines = [head]
    for item in items:
        lines.extend("    " + line for line in wrap(item.strip() + ",", width - 4))
    return [*lines, tail + suffix]


def _splits_operators(prefix: str) -> bool:
    """Whether an operator stands outside of all brackets after the ``=``."""
    value = prefix.split(" = ", 1)[-1]
    value = value.removeprefix("return ")
    depth = 0
    for n, char in enumerate(value):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and char in "+-*/" and value[n - 1 : n] == " ":
            return True
    return False


def _in_brackets(text: str, width: int, suffix: str) -> list[str]:
    """Puts the value into brackets of its own, an operator at the start of each line."""
    if text.startswith("return "):
        head, value = "return (", text[len("return ") :]
    elif " = " in text:
        target, value = text.split(" = ", 1)
        head = f"{target} = ("
    else:
        return [text + suffix]
    if len(value) + 4 <= width:
        return [head, f"    {value}", ")" + suffix]
    terms = _terms(value)
    return [head, *(f"    {term}" for term in terms), ")" + suffix]


def _terms(value: str) -> list[str]:
    """A sum cut in front of its top-level ``+`` and ``-``."""
    depth = 0
    cuts = [0]
    for n, char in enumerate(value):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and char in "+-" and value[n - 1] == " " and value[n + 1] == " ":
            cuts.append(n)
    cuts.append(len(value))
    return [value[a:b].strip() for a, b in pairwise(cuts)]


def _last_bracket(text: str) -> tuple[int, int] | None:
    """The bracket that closes at the end of the text."""
    trailing = text.rstrip(",")
    if not trailing or trailing[-1] not in ")]}":
        return None
    depth = 0
    for n in range(len(trailing) - 1, -1, -1):
        depth += (trailing[n] in ")]}") - (trailing[n] in "([{")
        if depth == 0:
            return n, len(trailing) - 1
    return None


def split_top(text: str) -> list[str]:
    """Cuts at commas outside of brackets and strings."""
    items = []
    depth = start = 0
    quoted = ""
    for n, char in enumerate(text):
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "\"'":
            quoted = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            items.append(text[start:n])
            start = n + 1
    if text[start:].strip():
        items.append(text[start:])
    return items


def signature(name: str, parameters: list[str], result: str) -> list[str]:
    """A ``def`` line, one parameter a line if it gets long."""
    line = f"def {name}({', '.join(parameters)}) -> {result}:"
    if len(line) <= WIDTH - 4:
        return [line]
    inner = "    " + ", ".join(parameters)
    if len(inner) <= WIDTH - 4:
        return [f"def {name}(", inner, f") -> {result}:"]
    return [f"def {name}(", *(f"    {p}," for p in parameters), f") -> {result}:"]


def docstring(text: str) -> list[str]:
    """A docstring; what comes from a file is data here, whatever it holds."""
    paragraphs = [_escaped(line) for line in text.split("\n")]
    if len(paragraphs) == 1 and len(paragraphs[0]) <= WIDTH - 10:
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
