"""Writes the TextMate grammar of the extension: `make grammar`.

The words and signs are those of `recform/highlight.py`; here is what TextMate calls them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
)

from recform.highlight import RULES, Rule

PATH = Path(__file__).parent / "syntaxes" / "recform.tmLanguage.json"

#: Where a theme has no colours for the words of a language server, VS Code takes those of
#: these scopes for them: words keep their colour when the server has read a file.
SCOPES = {
    Comment: "comment.line.number-sign",
    Keyword: "keyword.control",
    Name: "variable.other.readwrite",
    Name.Builtin: "support.function",
    Name.Class: "entity.name.type.class",
    Name.Label: "variable.other.property",
    Name.Variable: "variable.parameter",
    Number: "constant.numeric",
    Operator: "keyword.operator",
    Punctuation: "punctuation",
    String: "string.quoted.double",
}


def scope(kind: Any) -> str:
    """What TextMate calls a token of Pygments; nothing for space."""
    found = next((SCOPES[of] for of in reversed(kind.split()) if of in SCOPES), "")
    return found and f"{found}.recform"


def pattern(rule: Rule) -> dict[str, Any]:
    """A rule as TextMate has it."""
    names = [scope(kind) for kind in rule.kinds]
    if len(names) == 1:
        return {"match": rule.pattern, **({"name": names[0]} if names[0] else {})}
    captures = {str(n): {"name": name} for n, name in enumerate(names, 1) if name}
    return {"match": rule.pattern, "captures": captures}


def grammar() -> str:
    """The grammar, as JSON."""
    made = {
        "information_for_contributors": [
            "Written by make_grammar.py from recform/highlight.py: make grammar."
        ],
        "name": "recform",
        "scopeName": "source.recform",
        "patterns": [pattern(rule) for rule in RULES],
    }
    return json.dumps(made, indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(grammar())
