"""What Pygments says of formulas: the judge of the TextMate grammar.

Texts come in as a JSON list; for each of them a scope for each unit of UTF-16 goes out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from make_grammar import scope

from recform.highlight import RecformLexer

LEXER = RecformLexer(ensurenl=False, stripnl=False)


def scopes(text: str) -> list[str]:
    """The scope of each unit; that of space is of no matter, and left empty."""
    found: list[str] = []
    for kind, word in LEXER.get_tokens(text):
        for char in word:
            shown = "" if char.isspace() else scope(kind)
            found += [shown] * (len(char.encode("utf-16-le")) // 2)
    return found


json.dump([scopes(text) for text in json.load(sys.stdin)], sys.stdout)
