"""Pieces of HTML that outputs of notebooks are made of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from pygments.lexers.python import PythonLexer
from pygments.token import STANDARD_TYPES

from recform.highlight import RecformLexer


@cache
def _style() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def output(*parts: str) -> str:
    """An output of a cell, with its style."""
    return f'<div class="recform"><style>\n{_style()}</style>\n{"".join(parts)}</div>'


def python(code: str) -> str:
    """Code with its colours."""
    tokens = PythonLexer(stripnl=False).get_tokens_unprocessed(code)
    return "".join(_coloured(kind, word) for _, kind, word in tokens)


def formula(line: str, start: int, end: int) -> str:
    """A line of a formula with its colours, a part of it marked."""
    tokens = list(RecformLexer().get_tokens_unprocessed(line))
    before, inside, after = (
        _part(tokens, *ends)
        for ends in ((0, start), (start, end), (end, max(end, len(line))))
    )
    return f"{before}<mark>{inside or ' '}</mark>{after}"


def _part(tokens: Iterable[tuple[int, Any, str]], start: int, end: int) -> str:
    """What lies between two columns."""
    return "".join(
        _coloured(kind, word[max(0, start - at) : max(0, end - at)])
        for at, kind, word in tokens
    )


def _coloured(kind: Any, word: str) -> str:
    name = STANDARD_TYPES.get(kind, "")
    text = escape(word, quote=False)
    return f'<span class="{name}">{text}</span>' if name and word.strip() else text
