"""The LALR parser, made once from ``grammars/recform.lark``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lark import Lark

_PACKAGE = Path(__file__).resolve().parent.parent


def grammar_path() -> Path:
    """The grammar file: beside the package if installed, at the top of a checkout."""
    installed = _PACKAGE / "grammars" / "recform.lark"
    return (
        installed
        if installed.is_file()
        else _PACKAGE.parent / "grammars" / "recform.lark"
    )


@cache
def parser() -> Lark:
    """The parser of one statement."""
    return Lark(
        grammar_path().read_text(encoding="utf-8"),
        parser="lalr",
        lexer="contextual",
        propagate_positions=True,
        maybe_placeholders=True,
    )
