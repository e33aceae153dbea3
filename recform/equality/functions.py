"""Elementwise functions in a program of its own, exact where fractions are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from recform.algebra.expr import Elementwise, subtensors
from recform.algebra.formula import Formula
from recform.blocks import Function, Operator
from recform.verify.evaluate import Untold

#: Words that Python does not have.
_HELPERS = {
    "sigmoid": """\
def sigmoid(a):
    return 1 / (1 + math.exp(-a)) if a > 0 else 1 - 1 / (1 + math.exp(a))
""",
    "hardsigmoid": """\
def hardsigmoid(a):
    return min(max(a / 6 + Q(1, 2), 0), 1)
""",
    "softplus": """\
def softplus(a):
    return max(a, 0) + math.log1p(math.exp(-abs(a)))
""",
    "normal": """\
def normal(a):
    return math.erfc(-a / math.sqrt(2)) / 2
""",
}
_BUILTINS = ("max", "min", "abs")


def functions_in(formulas: Iterable[Formula]) -> Mapping[Operator, str]:
    """The elementwise functions that equations apply, and what a program calls them.

    Of two functions with one name the second one gets a number, as no operator has one.
    """
    found: dict[Operator, None] = {}
    for formula in formulas:
        for tensor in (formula.output, *formula.rights):
            parts = subtensors(tensor)
            found |= {p.function: None for p in parts if isinstance(p, Elementwise)}
    names: dict[Operator, str] = {}
    for function in sorted(found, key=lambda function: function.name):
        before = sum(other.name == function.name for other in names)
        names[function] = f"{function.name}_{before + 1}" if before else function.name
    return names


def untold(formulas: Iterable[Formula]) -> tuple[str, ...]:
    """Of each whose operator does not say what it computes: a sentence."""
    unknown = (str(Untold(f)) for f in functions_in(formulas) if f.function is None)
    return tuple(dict.fromkeys(unknown))


def program(formulas: Iterable[Formula]) -> str:
    """Definitions in Python: the words that are needed, and a table of the functions.

    Raises:
        Untold: if nothing is said of a function.
    """
    lines: list[str] = []
    needed: set[str] = set()
    for function, name in functions_in(formulas).items():
        known = function.function
        if known is None:
            raise Untold(function)
        needed |= {word.name for word in known.words}
        lines.append(f'    "{name}": lambda a: {_text(known)},\n')
    helpers = [text for word, text in _HELPERS.items() if word in needed]
    table = f"FUNCTIONS = {{\n{''.join(lines)}}}\n" if lines else "FUNCTIONS = {}\n"
    return "\n\n".join([*helpers, table])


def _text(known: Function) -> str:
    text = known.fold("a", _number, _word)
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _number(number: Fraction) -> str:
    if number.denominator == 1:
        return str(number) if number >= 0 else f"({number})"
    return f"Q({number.numerator}, {number.denominator})"


def _word(word: str, parts: Sequence[str]) -> str:
    if word == "**" and not parts[1].isdigit():
        return f"math.pow({', '.join(parts)})"
    if not word.isalpha():
        return f"({parts[0]} {word} {parts[1]})"
    known = word in _BUILTINS or word in _HELPERS
    return f"{'' if known else 'math.'}{word}({', '.join(parts)})"
