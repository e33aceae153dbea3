"""Notation of other languages: the answer is the statement as it is written here.

What is told here is no statement of the language, or one that nobody means; so a file
that compiles is not touched by it.
"""

from __future__ import annotations

import re

from recform.blocks import Library
from recform.contents import KEYWORDS
from recform.diagnostics import Diagnostics
from recform.source import Span
from recform.syntax.lalr import Tables, Tree, Unexpected
from recform.syntax.statements import RESERVED

_QUOTED = re.compile(r'"[^"\n]*"')
#: Names that have a meaning, so that no number has them.
_WORDS = {*RESERVED, *KEYWORDS} - {"times"}
_FLOW = re.compile(r"(stem|head|adapter|transition)\b|[^=]*=")
_ARROW = re.compile(r"->|\|>|\||→|\\(?:to|rightarrow)(?![A-Za-z])")

_LETTER = "A-Za-z\u0370-\u03ff"
_INDEX = rf"(?:[{_LETTER}]|\d+)(?:\s*[-+]\s*\d+)?"
#: `X[i-1]`, `X[i, t]`: a name directly before brackets that hold an index.
_BRACKETS = re.compile(
    rf"(?<![\w\\])([{_LETTER}][{_LETTER}0-9]*'?)\[\s*({_INDEX}(?:\s*,\s*{_INDEX})?)\s*\]"
)
#: `X^{(i)}`, `X^i`: above a name; `X_(i-1)`: below it, in brackets of another kind.
_ABOVE = re.compile(
    rf"(?<![\w\\])([{_LETTER}][{_LETTER}0-9]*'?)"
    rf"(?:\^\{{\s*(\(\s*)?({_INDEX})\s*(?(2)\)\s*)\}}|\^([{_LETTER}])(?!\w))"
)
_POWER = re.compile(r"(?<=\w)\^\{\s*([1-9]\d*)\s*\}")
_ROUND = re.compile(rf"(?<![\w\\])([{_LETTER}][{_LETTER}0-9]*'?)_\(\s*({_INDEX})\s*\)")
_OF_A_BLOCK = re.compile(r"[iL]\b")
#: An index that is counted by ``i``.
_COUNTED = re.compile(r"_[<{]?i(?!\w)")

#: `classes = 100`, but not `V_0 = 1`.
_ASSIGNED = re.compile(
    rf"(?!\w*_(?:[{_LETTER}]|\d+)\s*=)([{_LETTER}]\w*)\s*="
    r"(?=[^\n]*\d)((?:[-+*/^().\s]|\d(?:[eE][-+]?\d)?)+)"
)
#: `let a = 3`, `def W(x): return ...`: words that programs put in front of a name.
_WORD = re.compile(
    rf"(let|var|val|auto|local|def|define|func|fn|function)\s+"
    rf"([{_LETTER}][\w']*(?:<[^<>]*>)?)\s*(\([^()]*\))?\s*(?:=(?!=)|:\s*return\b)\s*"
)
#: `conv(3x3, c)`: two numbers in the brackets of an operator.
_BY = re.compile(r"(?<=[(,=])(\s*)(\d+)\s*[xX×]\s*(\d+)(?=\s*[,)])")
#: Signs of LaTeX between two factors that have no meaning here, and what they mostly are.
_SIGNS = {"oplus": "+", "⊕": "+", "otimes": "*", "⊗": "*", "ast": "*", "ominus": "-"}
_SIGN = re.compile(
    r"(?<=[\w'>})\]])\s*(?:\\(oplus|otimes|ast|ominus)(?![A-Za-z])|([⊕⊗]))\s*(?=[\\\w(])"
)
#: `stem = ...`, `head: ...`: statements that a program would assign.
_STATED = re.compile(
    r"(network|use|scope|memory|stem|head|adapter|transition|output|"
    r"(?:input|stages)(?=\s*[=:]\s*\d+\s*[x×]))\s*(=(?!=)|:(?!=))\s*"
)
#: `use = conv(3, c)`: an operator with the name of a statement that takes none.
_TAKEN = re.compile(
    rf"({'|'.join(sorted({*KEYWORDS} - {'stem', 'head', 'adapter', 'transition', 'output'}))})"
    r"\s*=(?!=)\s*(?=(?:[\w\"]+\s*:\s*)?\(?\s*([A-Za-z]\w*)\s*(?:\(|>\s*[\w(]|$))"
)


def answered(statement: Span, report: Diagnostics, library: Library) -> bool:
    """Whether a statement is of another notation; if so, it was reported.

    Args:
        statement: one statement, whose brackets match.
        report: gets RF120 to RF122.
        library: the operators that are called by their names.
    """
    whole = statement.text_without_comments
    text = _QUOTED.sub(lambda found: " " * len(found.group()), whole)
    is_flow = _FLOW.match(text) is not None
    arrow = _ARROW.search(text) if is_flow else None
    # In an equation `|` is no arrow.
    of_blocks = "_" in text.partition("=")[0]
    if arrow is not None and not (of_blocks and arrow.group() == "|"):
        _told(
            report,
            statement,
            ("RF121", f"operators follow each other with `>`, not `{arrow.group()}`"),
            arrow.span(),
            _ARROW.sub(" > ", whole),
        )
    elif found := _WORD.match(text):
        _told(
            report,
            statement,
            ("RF122", f"a statement begins with its name, not with `{found[1]}`"),
            found.span(1),
            _without_word(found, whole),
        )
    elif found := _SIGN.search(text):
        sign = found[1] or found[2]
        other = ", or concat(A, B) if it puts them side by side" * (_SIGNS[sign] == "+")
        _told(
            report,
            statement,
            ("RF105", f"the sign {found[0].strip()} has no meaning here"),
            found.span(),
            _SIGN.sub(lambda item: f" {_SIGNS[item[1] or item[2]]} ", whole) + other,
        )
    elif (found := _bracketed(text, library)) is not None:
        _told(
            report,
            statement,
            ("RF120", "an index stands below its name, not in square brackets"),
            found.span(),
            _below(whole, library),
        )
    elif (found := _raised(text)) is not None:
        _told(
            report,
            statement,
            ("RF120", "an index stands below its name, not above it"),
            found.span(),
            _lowered(whole, found[3] or found[4]),
        )
    elif (found := _ROUND.search(text)) is not None:
        _told(
            report,
            statement,
            ("RF120", "an index stands in `<` and `>`, not in round brackets"),
            found.span(),
            _ROUND.sub(lambda item: _subscript(item[1], item[2]), whole),
        )
    elif (found := _TAKEN.match(whole)) and _is_operator(found[2], whole, library):
        _told(
            report,
            statement,
            ("RF122", f"`{found[1]}` begins a statement, and no operator has its name"),
            found.span(1),
            f"{_free(statement)} = {whole[found.end() :]}",
        )
    elif found := _STATED.match(whole):
        _told(
            report,
            statement,
            ("RF122", f"there is no `{found.group(2)}` behind `{found.group(1)}`"),
            found.span(),
            f"{found.group(1)} {whole[found.end() :]}",
        )
    elif is_flow and not of_blocks and (found := _BY.search(text)):
        _told(
            report,
            statement,
            ("RF122", "height and width stand in brackets, and one number is both"),
            (found.start(2), found.end()),
            _BY.sub(lambda item: item[1] + _sides(item[2], item[3]), whole),
        )
    elif (found := _ASSIGNED.fullmatch(text)) and found.group(1) not in _WORDS:
        _told(
            report,
            statement,
            ("RF122", f"`{found[1]} = ...` defines an operator, and this is a number"),
            found.span(),
            _declared(found),
        )
    else:
        return False
    return True


def _is_operator(name: str, whole: str, library: Library) -> bool:
    """Whether a right side that begins with a name is an operator, or a flow of some."""
    return library.lookup(name) is not None or ">" in whole


def _free(statement: Span) -> str:
    """A letter that the file has not."""
    taken = set(re.findall(r"[A-Z]", statement.source.text))
    return next((x for x in "ABDEFGHKMNOPQ" if x not in taken), "A1")


def with_equals(
    tables: Tables, statement: Span, error: Unexpected, report: Diagnostics
) -> Tree | None:
    """A statement with `=` for a colon, if that is all that is wrong with it.

    Args:
        tables: of the parser.
        statement: the statement.
        error: the first that is in it.
        report: gets RF101.
    """
    if error.token != ":" or "EQUALS" not in error.expected:
        return None
    text = statement.text_without_comments
    left, right = text[: error.at].strip(), text[error.at + 1 :].strip()
    # What stands in quotes, and entries of other files, are no sides.
    if left[:1] == '"' or (":" in right and ">" not in right):
        return None
    try:
        tree = tables.parse(f"{text[: error.at]}={text[error.at + 1 :]}")
    except Unexpected:
        return None
    mended = _number(left, right) or f"{left} = {right}"
    place = Span(
        statement.source, statement.start + error.at, statement.start + error.at + 1
    )
    report.error(
        "RF101",
        "':' cannot stand here: '=' was expected",
        place,
        hint=f"write {'`=` in its place' if chr(10) in mended else mended}",
    )
    return tree


def _number(left: str, right: str) -> str:
    """How `left = right` is declared if it is a number; empty if it is none."""
    found = _ASSIGNED.fullmatch(f"{left} = {right}")
    return _declared(found) if found and left not in _WORDS else ""


def _declared(assigned: re.Match[str]) -> str:
    """A number as it is declared."""
    name, value = assigned[1], assigned[2].strip()
    return f"times {value}" if name == "times" else f"param {name} = {value}"


def _without_word(found: re.Match[str], whole: str) -> str:
    """A statement that a word of programs stands in front of, as it is written here."""
    name, given, right = found[2], found[3] or "", whole[found.end() :].strip()
    if not given and (number := _number(name, right)):
        return number
    # `def W(x): return conv(3, c)` says nothing of x.
    takes = any(
        re.search(rf"(?<!\w){x}(?!\w)", right) for x in re.findall(r"\w+", given)
    )
    return f"{name}{given if takes else ''} = {right}"


def _sides(height: str, width: str) -> str:
    return height if height == width else f"({height}, {width})"


def counted_by_i(letter: Span) -> str:
    """The line of an index with ``i`` for its letter, as in ``x_{l+1} = x_l + F_l(x_l)``.

    Args:
        letter: one index of several; nothing comes of a single one, which may mean
            something else, nor of one that is longer.
    """
    text, at, name = letter.source.text, letter.start, letter.text
    line = text[text.rfind("\n", 0, at) + 1 :].split("\n", 1)[0].split("#", 1)[0]
    # x_t is of a time, and perhaps not of a block.
    known = name == r"\ell" or (len(name) == 1 and name != "t")
    name = re.escape(name)
    index = re.compile(rf"(?<=_){name}(?!\w)|(?<=_[<{{]){name}(?!\w)")
    if not known or len(index.findall(line)) < 2 or re.search(_COUNTED, line):
        return ""
    return " ".join(index.sub("i", line).split())


def _told(
    report: Diagnostics,
    statement: Span,
    what: tuple[str, str],
    place: tuple[int, int],
    mended: str,
) -> None:
    start, end = (statement.start + offset for offset in place)
    hint = " ".join(mended.split())
    report.error(*what, Span(statement.source, start, end), hint=f"write {hint}")


# ------------------------------------------------------------- indices in brackets


def _bracketed(text: str, library: Library) -> re.Match[str] | None:
    """The first name with an index in brackets, if a block's index is among them.

    `G[x]` and `sqrt[2]` are calls, as papers write them.
    """
    brackets = _BRACKETS.finditer(text)
    found = [item for item in brackets if not library.lookup(item.group(1))]
    left = found[0] if found and not text[: found[0].start()].strip() else None
    if left is not None and text[left.end() :].lstrip()[:1] == "=":
        # x[t] = x[t-1]: the letter of the left side is the index, whatever it is.
        letter, name = left.group(2)[:1], left.group(1)
        others = [item for item in found[1:] if item.group(1) == name]
        if letter.isdigit() or any(item.group(2)[:1] == letter for item in others):
            return left
    blocks = (item for item in found if _OF_A_BLOCK.match(item.group(2)))
    return next(blocks, None)


def _below(text: str, library: Library) -> str:
    """A statement with its indices below their names."""
    left = _BRACKETS.match(text)
    letter = left.group(2)[:1] if left is not None else "i"

    def index(found: re.Match[str]) -> str:
        name, inner = found.group(1), found.group(2)
        if library.lookup(name):
            return found.group()
        return _subscript(name, inner, letter)

    return _BRACKETS.sub(index, text)


# ------------------------------------------------------------------- indices above


def _raised(text: str) -> re.Match[str] | None:
    """The index above the name on the left side, where nothing is a power."""
    left = _ABOVE.match(text)
    return left if left is not None and text[left.end() :].lstrip()[:1] == "=" else None


def _lowered(text: str, letter: str) -> str:
    """A statement with what has the letter of its left side above it, or a number, below."""
    text = _POWER.sub(r"^\1", text)
    if letter[:1].isalpha() and letter[:1] != "L":
        text = re.sub(rf"_{letter[:1]}(?!\w)", "_i", text)
    return _ABOVE.sub(
        lambda found: (
            _subscript(found[1], found[3] or found[4], letter[:1])
            if (found[3] or found[4])[:1] in {letter[:1], "0"}
            else found[0]
        ),
        text,
    )


def _subscript(name: str, index: str, letter: str = "i") -> str:
    """A name with its index below, which counts by ``i`` where it did by a letter."""
    index = re.sub(r"\s", "", index)
    if letter.isalpha() and letter != "L":
        index = re.sub(rf"^{letter}\b", "i", index)
    return f"{name}_{index}" if index.isalnum() else f"{name}_<{index}>"
