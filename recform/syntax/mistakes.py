"""Parse errors in the user's words: what was probably meant, by the tokens around."""

from __future__ import annotations

import re
from string import ascii_uppercase

from recform.blocks import Library
from recform.contents import KEYWORDS
from recform.diagnostics import Diagnostics, closest, meant
from recform.source import Span
from recform.syntax.foreign import with_equals
from recform.syntax.lalr import Tables, Token, Tree, Unexpected

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
    "RSQB": "]",
}

#: The code of a sign that is missing: what is behind is read as if it were there.
MENDED = "RF104"

#: What declares numbers.
_NUMBERS = ("param", "const", "scalar", "vector")

#: A sum or product of LaTeX: its kind, what counts, from where and to where.
_SUM = re.compile(
    r"\\?(sum|prod)_\{\s*(\w+)\s*=([^{}=]*)\}(?:\^(?:\{([^{}]*)\}|(\w)))?"
)
#: What LaTeX writes in front of letters.
_STYLED = re.compile(
    r"\\(math(cal|bf|rm|bb|frak|sf|scr|it)|boldsymbol|bm|text|operatorname|hat|tilde|bar|vec)"
)
#: A name or a number with its index.
_FACTOR = re.compile(r"\\?\w+(<[^<>]*>|\{[^{}]*\})?'?")
#: An operator without an index, with its arguments if it has some.
_CALLED = re.compile(r"([A-Za-z]\w*)(\(.*)?$", re.DOTALL)
#: Statements that say which operators follow each other; `W = ...` is one, too.
_DEFINED = re.compile(r"[^\W_]+'?\s*(=(?!=)|:=)")
_FLOWS = ("stem", "head", "adapter", "transition")
#: Statements that have sizes.
_SIZES = ("stages", "input")
#: What the input of a network is called by those who say it: `input tokens 32 of 50257`.
_OWN_INPUT = ("tokens", "ids", "image", "images", "pixels", "vector", "features", "x")
#: How the sizes of a statement are written.
_SIZED = {
    "stages": "each stage stands for itself: stages 16 x 3, 32 x 4 / 2",
    "input": "there is an `x` between sizes: input 3 x 32 x 32",
}
#: Declarations, each with what its name may be.
_NAMED = {
    **dict.fromkeys(("param", "const", "scalar"), "a"),
    "vector": "a_i",
    "names": "W",
    "init": "conv",
}
#: How the numbers of stages are written.
_LISTED = "numbers of the stages are a const: const k = (3, 5) per stage"
_TUPLE = "several values stand in round brackets: conv((1, 3), c)"
_BESIDE = "tensors side by side are a concat: concat(X_<i-1>, X_0), concat(X_<0..i-1>)"
#: Signs that may be missing: as they are written, between two sides, and between what.
_SIGNS = {
    "TIMES": ("a `*`", "*", "factors"),
    "MORETHAN": ("a `>`", " > ", "operators"),
    "BY": ("an `x`", " x ", "sizes"),
}
#: Words of Python between two parts of a line.
_FOR_SOME = {"if", "else", "for", "while"}
#: Signs that have no meaning here, and what is written for them.
_SIGNS_ELSEWHERE = {
    ".": "names have no point: what PyTorch calls nn.Conv2d is conv, in lower case",
    ";": "a statement ends with its line",
    "@": "a product is written with `*`",
    "'": "a name is made of letters and digits: of X and X', one is Y, or X2",
    "\u2032": "a name is made of letters and digits: of X and X\u2032, one is Y, or X2",
    "\\": "a statement ends with its line, and names of LaTeX are a backslash and letters",
}
#: A factor of more letters is not written once more.
_SHORT = 60


def explain(
    tables: Tables,
    statement: Span,
    report: Diagnostics,
    library: Library,
) -> Tree | None:
    """Reports the parse errors of a statement: the first, and each sign that is missing.

    Returns:
        Its tree as if the signs were there, if nothing else is wrong with it.
    """
    text = statement.text_without_comments

    def missing(error: Unexpected) -> str:
        return _missing(error, statement, library)

    found, tree = tables.mistakes(text, missing)
    if (mended := with_equals(tables, statement, found[0], report)) is not None:
        return mended
    _explain(found[0], statement, report, library)
    if not missing(found[0]) or not ("=" in text or _is_flow(statement)):
        return None  # it may be any prose
    for error in filter(missing, found[1:]):
        _explain(error, statement, report, library)
    return tree


def _explain(
    error: Unexpected, statement: Span, report: Diagnostics, library: Library
) -> None:
    """Reports a parse error of a statement."""
    if error.token is None:
        _character(error, statement, report)
    else:
        _token(error, error.token, statement, report, library)


def _character(error: Unexpected, statement: Span, report: Diagnostics) -> None:
    offset = statement.start + error.at
    place = Span(statement.source, offset, offset + 1)
    char = place.text
    shown = repr(char) if char.isprintable() else f"U+{ord(char):04X}"
    hint = _SIGNS_ELSEWHERE.get(char, "")
    if char == '"':
        hint = "the string is not closed on this line"
    elif char == "_":
        hint = "an index is written X_i, X_0 or X_<i-1>, and blocks are counted by i"
    elif not char.isprintable():
        hint = "most editors do not show it; write a space for it, or nothing"
    report.error(
        "RF105", f"the character {shown} has no meaning here", place, hint=hint
    )


def _token(
    error: Unexpected,
    token: Token,
    statement: Span,
    report: Diagnostics,
    library: Library,
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
        report.error(
            "RF101",
            f"the statement ends too early: {_wanted(expected) or 'something'} is missing",
            end,
            hint=_number(statement, statement.end, expected) or _SIZED.get(word, ""),
        )
        return
    place = Span(
        statement.source,
        statement.start + token.start_pos,
        statement.start + token.end_pos,
    )
    if word == "input" and _lacks_equals(previous, token):
        name, sizes = str(previous), statement.source.text[place.start : statement.end]
        said = "a further input has an `=` behind its name"
        hint = f"write input {name} = {sizes}"
        if name in _OWN_INPUT:
            said = "the input of the network is said by its sizes alone"
            hint = f"write input {sizes}"
        report.error("RF101", said, place, hint=hint)
        return
    if missing := _missing(error, statement, library):
        left, right = _sides(error, statement)
        short = "\n" not in left.text and left.end - left.start <= _SHORT
        sign, said, of = _SIGNS[missing]
        if _is_applied(left, token, library):
            report.error(
                "RF214",
                "an equation has operators by their names, and this one stands here with "
                "arguments",
                left,
                hint=_defined(left.text, statement.source.text, library),
            )
            return
        # Between arguments of an operator it may as well be a comma.
        listed = (
            missing == "TIMES" and "COMMA" in error.expected and _is_flow(statement)
        )
        other = f", or {left.text}, {right.text} for two arguments" if listed else ""
        report.error(
            MENDED,
            f"{sign} is missing between two {of}",
            Span(statement.source, left.start if short else left.end - 1, right.end),
            hint=f"write {left.text}{said}{right.text}{'...)' * (right.text == '(')}{other}"
            if short
            else f"write `{said.strip()}` in front of {right.text!r}",
        )
        return
    arrow = statement.source.text.startswith("->", place.start)
    if token.type == "MINUS" and word in _SIZES and not arrow:
        report.error("RF403", "sizes and numbers of blocks are at least 1", place)
        return
    wanted = _wanted(expected)
    report.error(
        "RF101",
        f"{str(token)!r} cannot stand here" + f": {wanted} was expected" * bool(wanted),
        place,
        hint=_number(statement, place.start, expected)
        or _name(statement, place)
        or _elsewhere(error, statement),
    )


def _elsewhere(error: Unexpected, statement: Span) -> str:
    """What is written in the place of notation of LaTeX, Python and C."""
    token, before = str(error.token), str(error.previous)
    text = statement.text_without_comments
    word = _first_word(statement)
    if token == "for" and " in " in text:
        return "a sum over blocks is sum(k, 0, i-1, X_k)"
    if before in _FOR_SOME or token in _FOR_SOME:
        return (
            "an equation for some of the blocks says which: X_1 = ..., X_<2..4> = ..."
        )
    if word in _SIZED:
        return _SIZED[word]
    if token == "," and "RSQB" in error.expected:
        if word in {"param", "const"}:
            return _LISTED
        return _TUPLE if _is_flow(statement) else _BESIDE
    if token == "=" and (found := _sum(text, error.at)):
        kind, k, first = found[1], found[2], found[3].strip()
        last = (found[4] or found[5] or "i-1").strip()
        return f"from {k} = {first} to {last} it is {kind}({k}, {first}, {last}, ...)"
    if token == "=" and before == "=":
        return "one `=` is enough"
    if token == "=" and before in {"+", "-", "*", "/"}:
        return f"an equation says all of it: X_i = X_<i-1> {before} ..."
    if token.isdigit() and _is_flow(statement):
        return f"arguments stand in brackets: {before}({token}, ...)"
    if token == "/" and before == "/":
        return "a comment starts with `#`"
    if token == "{" and _STYLED.fullmatch(before):
        return f"write the letter alone, without {before}"
    return ""


def _sum(text: str, at: int) -> re.Match[str] | None:
    """The sum or product of LaTeX whose `=` stands at a place."""
    found = (sum_ for sum_ in _SUM.finditer(text) if sum_.start() < at < sum_.end())
    return next(found, None)


def _missing(error: Unexpected, statement: Span, library: Library) -> str:
    """The kind of sign that two things need which stand side by side, or nothing."""
    previous, token = error.previous, error.token
    if (
        previous is None
        or token is None
        or previous.type not in _ENDS_VALUE
        or not _starts_value(token, statement)
        or not _FOR_SOME.isdisjoint({str(previous), str(token)})
    ):
        return ""
    if _first_word(statement) in _SIZES and token.type != "LPAR":
        # Two sizes side by side: of `16 x 4 stride 2` nobody knows what is meant.
        numbers = previous.type == token.type == "NUMBER"
        return "BY" if numbers and "BY" in error.expected else ""
    if token.type == "NUMBER" and previous.type == "NAME" and library.lookup(previous):
        return ""  # Of `conv 3` the number is an argument.
    if "MORETHAN" in error.expected:
        left, right = (_CALLED.match(side.text) for side in _sides(error, statement))
        if _is_flow(statement) or (
            left is not None
            and right is not None
            and _are_operators(left[1], right[1], library)
        ):
            return "MORETHAN"
    return "TIMES" if "TIMES" in error.expected else ""


def _is_applied(left: Span, token: Token, library: Library) -> bool:
    """Whether this is ``dropout(0.1)(X_<i-1>)``: an operator with arguments is applied."""
    called = _CALLED.match(left.text)
    return (
        token.type == "LPAR"
        and left.text.endswith(")")
        and called is not None
        and (
            library.lookup(called[1]) is not None
            or library.alike(called[1]) != ""
            or re.fullmatch(r"[A-Z][A-Za-z0-9]+", called[1]) is not None
        )
    )


def _defined(call: str, text: str, library: Library) -> str:
    """How an operator with arguments is defined, by a letter that the file does not have."""
    taken = set(re.findall(r"(?<![A-Za-z\\])[A-Z](?![A-Za-z])", text))
    letter = next(x for x in ("W", *ascii_uppercase, "Op") if x not in taken)
    name, bracket, given = call.partition("(")
    if library.lookup(name) is None:
        name = library.alike(name) or name
    return f"define an operator, {letter} = {name}{bracket}{given}, and write {letter}_i(...)"


def _is_flow(statement: Span) -> bool:
    """Whether a statement says which operators follow each other, and no equation."""
    named = _DEFINED.match(statement.text) is not None
    return named or _first_word(statement) in _FLOWS


def _starts_value(token: Token, statement: Span) -> bool:
    """Whether a factor starts with it; an `x` is no sign but between sizes."""
    is_name = token.type == "BY" and str(token) == "x"
    return token.type in _STARTS_VALUE or (
        is_name and _first_word(statement) not in _SIZES
    )


def _are_operators(left: str, right: str, library: Library) -> bool:
    """Whether two names without an index are operators, one behind the other."""
    before, behind = library.lookup(left), library.lookup(right)
    if behind is not None:
        return before is not None or not behind.elementwise
    meant = closest(right, library.names)
    return before is not None and (bool(meant) or not before.elementwise)


def _sides(error: Unexpected, statement: Span) -> tuple[Span, Span]:
    """What stands on both sides of a sign that is missing."""
    previous, token = error.previous, error.token
    assert previous is not None and token is not None
    source, start = statement.source, statement.start + token.start_pos
    factor = _FACTOR.match(source.text, start, statement.end)
    last = factor.end() if factor is not None else statement.start + token.end_pos
    stop = statement.start + previous.end_pos
    begin = _start_of_factor(source.text[statement.start : stop])
    # A number may have a point or an exponent in it.
    begin = statement.start + min(begin, previous.start_pos)
    return Span(source, begin, stop), Span(source, start, last)


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


def _name(statement: Span, equals: Span) -> str:
    """The hint where the name is missing in a declaration, in front of its ``=``."""
    word = _first_word(statement)
    named = _NAMED.get(word)
    before = statement.source.text[statement.start : equals.start].rstrip()
    if named is None or equals.text != "=" or before != word:
        return ""
    rest = " ".join(statement.text_without_comments[len(word) :].split())
    return f"it has a name, as in {word} {named} {rest}"


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
        return "the end of the line" if expected == {"$END"} else ""
    return " or ".join(f"{item!r}" if len(item) == 1 else item for item in shown)
