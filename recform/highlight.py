"""Colours for formulas: a table of words and signs, and a lexer of Pygments made of it.

Pygments finds the lexer by the name ``recform``, or by a file's name; Sphinx, Jupyter and
rich use it. What is half-written has colours, too, so the table follows words and signs and
not the grammar. ``editors/vscode/make_grammar.py`` writes it for TextMate's engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Whitespace,
)

from recform.contents import KEYWORDS
from recform.operators import standard
from recform.outline.survey import BUILT_IN


@dataclass(frozen=True)
class Rule:
    """What words or signs of a kind look like.

    Attributes:
        pattern: a regular expression that stays in one line, as Python and Oniguruma read
            it alike.
        kinds: tokens of Pygments: one for all that matches, or one for each of its groups.
    """

    pattern: str
    kinds: tuple[Any, ...]

    def of_pygments(self) -> tuple[str, Any]:
        """The rule as a lexer has it."""
        whole = len(self.kinds) == 1
        return self.pattern, self.kinds[0] if whole else bygroups(*self.kinds)


_KNOWN = (*standard().names, *BUILT_IN, "softmax", "relu", "true", "false", "input")
_LETTER = "A-Za-z\u0370-\u03ff"
_NAME = rf"\\?[{_LETTER}][{_LETTER}0-9]*(?:_(?![{_LETTER}0-9](?![A-Za-z0-9_]))[A-Za-z0-9]+)*'?"
_NUMBER = r"(?:[0-9]+(?:\.(?!\.)[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_INDEX = (Punctuation, Name.Variable.Instance, Punctuation)


def _one_of(words: tuple[str, ...]) -> str:
    return f"(?:{'|'.join(sorted(set(words)))})"


#: At each place the first rule that matches says what stands there.
RULES = (
    Rule(r"^%%rf\b.*$", (Comment.Preproc,)),  # of a cell of a notebook
    Rule(r"#.*$", (Comment.Single,)),
    Rule(r'"[^"\n]*"', (String,)),
    Rule(
        r"^(network)([ \t]+)([A-Za-z]\w*)",
        (Keyword.Declaration, Whitespace, Name.Class),
    ),
    Rule(rf"^{_one_of(KEYWORDS)}\b(?![ \t]*[=_(])", (Keyword.Declaration,)),
    Rule(r"\b(?:where|per|of)\b", (Keyword,)),
    Rule(r"(_<)([^>\n#]*)(>?)", _INDEX),
    Rule(r"(_\{)([^}\n#]*)(\}?)", _INDEX),
    Rule(rf"_(?:[{_LETTER}]|[0-9]+)(?![A-Za-z0-9])", (Name.Variable.Instance,)),
    Rule(r"(?<![^\s\d)])[x\u00d7](?![^\s\d(])", (Operator.Word,)),
    Rule(rf"(?<![\w\\]){_one_of(_KNOWN)}(?!\w)", (Name.Builtin,)),
    Rule(rf"({_NAME})([ \t]*)(:)(?!=)", (Name.Label, Whitespace, Punctuation)),
    Rule(_NAME, (Name,)),
    Rule(_NUMBER, (Number,)),
    Rule(r"\.\.\.?|[-+*/^=:|?>\u2212\u00b7\u22c5\u2218\u2299]", (Operator,)),
    Rule(r"[()\[\]{},]", (Punctuation,)),
    Rule(r"\s+", (Whitespace,)),
    Rule(r"\\[A-Za-z,;:! ]+|[$&]", (Keyword.Pseudo,)),
)


class RecformLexer(RegexLexer):
    """Formula files: what is declared, operators and functions, indices, numbers."""

    name = "recform"
    aliases: ClassVar = ["recform", "rf"]
    filenames: ClassVar = ["*.rf"]
    url = ""
    version_added = ""

    tokens: ClassVar = {"root": [rule.of_pygments() for rule in RULES]}
