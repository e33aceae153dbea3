"""Parse errors in the user's words: what was probably meant, by the tokens around."""

from __future__ import annotations

import re

from recform.diagnostics import Diagnostics, closest, meant
from recform.source import Span
from recform.syntax.lalr import Tables, Token, Unexpected
from recform.syntax.statements import KEYWORDS

_ENDS_VALUE = {"NAME", "SUBSCRIPT", "NUMBER", "RPAR", "RSQB", "RBRACE", "MORETHAN"}
_STARTS_VALUE = {"NAME", "NUMBER", "LPAR", "LSQB"}
_SHOWN = {
    "EQUALS": "=",
    "TIMES": "*",
    "BY": "x",
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": 'a "string"',
    "COMMA": ",",
    "RPAR": ")",
    "MORETHAN": ">",
    "RBRACE": "}",
}


#: What declares numbers.
_NUMBERS = ("param", "const", "scalar", "vector")

#: A name or a number with its index.
_FACTOR = re.compile(r"\\?\w+(<[^<>]*>|\{[^{}]*\})?'?")
#: A factor of more letters is not written once more.
_SHORT = 60


def explain(
    tables: Tables, first: Unexpected, statement: Span, report: Diagnostics
) -> None:
    """Reports the parse errors of a statement: the first, and each `*` that is missing."""
    _explain(first, statement, report)

    def missing(error: Unexpected) -> str:
        return "TIMES" if _lacks_times(error) else ""

    text = statement.text_without_comments
    if missing(first) and "=" in text:  # else it may be any prose
        for error in tables.mistakes(text, missing)[1:]:
            if missing(error):
                _explain(error, statement, report)


def _explain(error: Unexpected, statement: Span, report: Diagnostics) -> None:
    """Reports a parse error of a statement."""
    if error.token is None:
        _character(error, statement, report)
    else:
        _token(error, error.token, statement, report)


def _character(error: Unexpected, statement: Span, report: Diagnostics) -> None:
    offset = statement.start + error.at
    place = Span(statement.source, offset, offset + 1)
    char = place.text
    shown = repr(char) if char.isprintable() else f"U+{ord(char):04X}"
    hint = ""
    if char == '"':
        hint = "the string is not closed on this line"
    elif char == "_":
        hint = "an index is written X_i, X_0 or X_<i-1>"
    elif not char.isprintable():
        hint = "most editors do not show it; write a space for it, or nothing"
    report.error(
        "RF105", f"the character {shown} has no meaning here", place, hint=hint
    )


def _token(
    error: Unexpected, token: Token, statement: Span, report: Diagnostics
) -> None:
    previous = error.previous
    expected = set(error.expected)
    word = _first_word(statement)
    if token.type != "$END" and _unknown_statement(statement, word):
        report.error(
            "RF107",
            f"no statement starts with {word!r}",
            Span(statement.source, statement.start, statement.start + len(word)),
            hint=meant(word, KEYWORDS, "an equation has the form X_i = ..."),
        )
        return
    if token.type == "$END":
        end = Span(statement.source, statement.end, statement.end + 1)
        wanted = _wanted(expected)
        report.error(
            "RF101",
            f"the statement ends too early: {wanted} is missing",
            end,
            hint=_number(statement, statement.end, expected),
        )
        return
    place = Span(
        statement.source,
        statement.start + token.start_pos,
        statement.start + token.end_pos,
    )
    if word == "input" and _lacks_equals(previous, token):
        name = str(previous)
        report.error(
            "RF101",
            "a further input has an `=` behind its name",
            place,
            hint=f"write input {name} = {statement.source.text[place.start : statement.end]}",
        )
        return
    if previous is not None and _lacks_times(error):
        text = statement.source.text
        factor = _FACTOR.match(text, place.start, statement.end)
        last = factor.end() if factor is not None else place.end
        stop = statement.start + previous.end_pos
        begin = statement.start + _start_of_factor(text[statement.start : stop])
        left, right = text[begin:stop], text[place.start : last]
        short = "\n" not in left and len(left) <= _SHORT
        report.error(
            "RF104",
            "a `*` is missing between two factors",
            Span(statement.source, begin if short else stop - 1, last),
            hint=f"write {left}*{right}"
            if short
            else f"write `*` in front of {right!r}",
        )
        return
    if token.type == "MINUS" and word in ("stages", "input"):
        report.error("RF403", "sizes and numbers of blocks are at least 1", place)
        return
    report.error(
        "RF101",
        f"{str(token)!r} cannot stand here: {_wanted(expected)} was expected",
        place,
        hint=_number(statement, place.start, expected),
    )


def _lacks_times(error: Unexpected) -> bool:
    """Whether two factors stand side by side."""
    previous, token = error.previous, error.token
    return (
        previous is not None
        and token is not None
        and previous.type in _ENDS_VALUE
        and token.type in _STARTS_VALUE
        and "TIMES" in error.expected
    )


def _start_of_factor(text: str) -> int:
    """Where the last factor of a text starts: a name with an index, a call, brackets."""
    start = len(text)
    opener = {")": "(", ">": "<", "}": "{"}.get(text[-1:])
    if opener is not None:
        depth = 0
        for start in range(len(text) - 1, -1, -1):
            depth += (text[start] == text[-1]) - (text[start] == opener)
            if depth == 0:
                break
        else:
            return len(text) - 1
    # The name in front of an index or of brackets.
    while start and (text[start - 1].isalnum() or text[start - 1] in "_'"):
        start -= 1
    return start - (text[start - 1 : start] == "\\")


def _number(statement: Span, end: int, expected: set[str]) -> str:
    """The hint where a declaration ends, and the number is missing that it is for."""
    if _first_word(statement) not in _NUMBERS or "EQUALS" not in expected:
        return ""
    declared = statement.source.text[statement.start : end].rstrip()
    return f"it has a number, as in {declared} = 1"


def _lacks_equals(previous: Token | None, token: Token) -> bool:
    """Whether this may be ``input context 77 x 16``."""
    named = previous is not None and previous.type == "NAME"
    return named and token.type in _STARTS_VALUE


def _first_word(statement: Span) -> str:
    text = statement.text
    end = 0
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return text[:end]


def _unknown_statement(statement: Span, word: str) -> bool:
    rest = statement.text[len(word) :]
    return (
        bool(word)
        and word not in KEYWORDS
        and rest[:1].isspace()
        and rest.lstrip()[:1] not in set("=+-*/,(:^")
        and ("=" not in rest or closest(word, KEYWORDS) != "")
    )


def _wanted(expected: set[str]) -> str:
    if "NAME" in expected and "NUMBER" in expected:
        return "an expression"
    if "EQUALS" in expected:
        return "'='"
    shown = sorted(_SHOWN[name] for name in expected if name in _SHOWN)
    if not shown:
        return "the end of the line" if expected == {"$END"} else "something else"
    return " or ".join(f"{item!r}" if len(item) == 1 else item for item in shown)
