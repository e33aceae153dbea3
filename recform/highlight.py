"""Colours for formulas: a lexer of Pygments, which Sphinx, Jupyter and rich use.

Pygments finds it by the name ``recform``, or by a file's name. It colours what is
half-written, too, so it follows words and signs and not the grammar.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, default, words
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

from recform.operators import standard
from recform.outline.survey import BUILT_IN
from recform.syntax.statements import KEYWORDS

_KNOWN = (*standard().names, *BUILT_IN, "softmax", "relu", "true", "false", "input")
_LETTER = "A-Za-z\u0370-\u03ff"
_NAME = rf"\\?[{_LETTER}][{_LETTER}0-9]*(?:_(?![{_LETTER}0-9](?![A-Za-z0-9_]))[A-Za-z0-9]+)*'?"


class RecformLexer(RegexLexer):
    """Formula files: what is declared, operators and functions, indices, numbers."""

    name = "recform"
    aliases: ClassVar = ["recform", "rf"]
    filenames: ClassVar = ["*.rf"]
    url = ""
    version_added = ""

    tokens: ClassVar = {
        "root": [
            (r"#.*$", Comment.Single),
            (r'"[^"\n]*"', String),
            (
                r"^(network)([ \t]+)([A-Za-z]\w*)",
                bygroups(Keyword.Declaration, Whitespace, Name.Class),
            ),
            (
                words(KEYWORDS, prefix="^", suffix=r"\b(?!\s*[=_(])"),
                Keyword.Declaration,
            ),
            (r"\b(where|per|of)\b", Keyword),
            (r"_<", Punctuation, "subscript"),
            (r"_\{", Punctuation, "braces"),
            (rf"_(?:[{_LETTER}]|[0-9]+)(?![A-Za-z0-9])", Name.Variable.Instance),
            (r"(?<=[\s\d)])[x\u00d7](?=[\s\d(])", Operator.Word),
            (words(_KNOWN, r"(?<![\w\\])", r"(?!\w)"), Name.Builtin),
            (rf"({_NAME})(\s*)(:)(?!=)", bygroups(Name.Label, Whitespace, Punctuation)),
            (_NAME, Name),
            (r"(?:[0-9]+(?:\.(?!\.)[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", Number),
            (r"\.\.\.?|[-+*/^=:|?>\u2212\u00b7\u22c5\u2218\u2299]", Operator),
            (r"[()\[\]{},]", Punctuation),
            (r"\s+", Whitespace),
            (r"\\[A-Za-z,;:! ]+|[$&]", Keyword.Pseudo),
        ],
        "subscript": [
            (r">", Punctuation, "#pop"),
            (r"[^>\n#]+", Name.Variable.Instance),
            default("#pop"),
        ],
        "braces": [
            (r"\}", Punctuation, "#pop"),
            (r"[^}\n#]+", Name.Variable.Instance),
            default("#pop"),
        ],
    }
