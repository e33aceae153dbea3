"""The tables of ``grammars/recform.lark``, read once."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from recform.diagnostics import CompileError, Diagnostics
from recform.syntax.lalr import Tables, from_data

_PACKAGE = Path(__file__).resolve().parent.parent


def grammar_path() -> Path:
    """The grammar file: beside the package if installed, at the top of a checkout."""
    installed = _PACKAGE / "grammars" / "recform.lark"
    return (
        installed
        if installed.is_file()
        else _PACKAGE.parent / "grammars" / "recform.lark"
    )


def tables_path() -> Path:
    """The file of tables, beside the grammar."""
    return grammar_path().with_suffix(".json")


def hash_of(grammar: str) -> str:
    """By what a grammar is known in its tables."""
    return hashlib.sha256(grammar.encode()).hexdigest()


@cache
def tables() -> Tables:
    """The tables of the grammar as it is.

    Of a grammar that was changed since they were written they are made anew, which takes
    Lark; ``make grammar`` writes them.

    Raises:
        CompileError: if they are needed anew and Lark is not installed (RF907).
    """
    grammar = grammar_path().read_text(encoding="utf-8")
    try:
        held = from_data(json.loads(tables_path().read_text(encoding="utf-8")))
    except (OSError, LookupError, TypeError, ValueError):
        held = None
    if held is not None and held.grammar == hash_of(grammar):
        return held
    from recform.syntax.generate import tables_of

    try:
        return tables_of(grammar)
    except ImportError:
        report = Diagnostics()
        report.error(
            "RF907",
            "the tables of the grammar are not there, or of another grammar",
            hint="install recform anew; or pip install lark, which makes them each time",
        )
        raise CompileError(report) from None
