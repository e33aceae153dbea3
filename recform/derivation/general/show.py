"""Expressions of the syntax written out again, with parts of them replaced."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping

import sympy

from recform.algebra.typeset import added
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.source import Source, Span
from recform.syntax import nodes as n
from recform.syntax.parse import parse

#: Texts to be written in place of nodes, by where they stand.
Replaced = Mapping[Span, str]


def write(expr: n.Expr, replaced: Replaced | None = None) -> str:
    """The text of an expression; spaces and superfluous brackets may differ."""
    return _write(expr, replaced or {}, 0)


def _write(expr: n.Expr, replaced: Replaced, level: int) -> str:
    """Levels: 0 a sum may stand here, 1 a product, 2 a power's base or exponent."""
    if expr.span in replaced:
        text = replaced[expr.span]
        own = level_of(text)
    else:
        text, own = _plain(expr, replaced)
    return f"({text})" if own < level else text


def level_of(text: str) -> int:
    """How tightly a text holds together: 0 a sum, 1 a product, 2 one thing."""
    depth, level = 0, 2
    for position, char in enumerate(text):
        if char in "([{" or (char == "<" and text[position - 1 : position] == "_"):
            depth += 1
        elif char in ")]}>":
            depth -= 1
        elif not depth and char in "+-":
            return 0
        elif not depth and char in "*/^":
            level = 1
    return level


def _plain(expr: n.Expr, replaced: Replaced) -> tuple[str, int]:
    match expr:
        case n.Number():
            return str(expr.value), 2 if expr.value.denominator == 1 else 1
        case n.Group():
            return _write(expr.inner, replaced, 0), 0
        case n.Sum():
            signs = ("-" if sign < 0 else "" for sign, _ in expr.terms)
            terms = (_write(term, replaced, 1) for _, term in expr.terms)
            return added(map(operator.add, signs, terms)), 0
        case n.Product():
            text = ""
            for direction, factor in expr.factors:
                mark = "" if not text else "*" if direction > 0 else "/"
                text += mark + _write(factor, replaced, 2)
            return text, 1
        case n.Power():
            base, exponent = (
                _write(e, replaced, 2) for e in (expr.base, expr.exponent)
            )
            return f"{base}^{exponent}", 1
        case n.Reference():
            return _reference(expr, replaced), 2
        case n.Call():
            arguments = [
                _write(a.value if isinstance(a, n.Keyword) else a, replaced, 0)
                for a in expr.arguments
            ]
            return f"{_reference(expr.function, replaced)}({', '.join(arguments)})", 2
        case n.Ellipsis():
            return "...", 2
    return expr.span.text, 0


def _reference(expr: n.Reference, replaced: Replaced) -> str:
    if not expr.indices:
        return expr.name
    shown = ",".join(
        index.span.text
        if isinstance(index, n.Range)
        else _write(index, replaced, 0).replace(" ", "")
        for index in expr.indices
    )
    plain = len(shown) == 1 or shown.isdigit()
    return f"{expr.name}_{shown}" if plain else f"{expr.name}_<{shown}>"


def read_back(text: str) -> n.Expr:
    """The expression of a text that :func:`write` has made."""
    file = parse(Source("<reading>", f"output {text}"), Diagnostics())
    (statement,) = file.statements
    assert isinstance(statement, n.Output)
    return statement.expr


def number_text(value: Symbolic) -> str:
    """A whole-number expression such as ``L - j + 1``, the letter L in front."""
    terms = sympy.Add.make_args(sympy.expand(value))
    rank = {"L": 0, "i": 1}
    ordered = sorted(
        terms, key=lambda t: (not t.free_symbols, rank.get(str(t), 2), str(t))
    )
    text = ""
    for term in ordered:
        shown = str(term).replace("**", "^")
        if text and shown.startswith("-"):
            text += f"-{shown[1:]}"
        else:
            text += f"+{shown}" if text else shown
    return text


def parts(expr: n.Expr) -> Iterator[n.Expr]:
    """An expression and all its parts, those in indices too."""
    yield expr
    inner = n.inner(expr)
    if isinstance(expr, n.Call):
        inner = [expr.function, *inner]
    elif isinstance(expr, n.Reference):
        inner = [index for index in expr.indices if not isinstance(index, n.Range)]
    for item in inner:
        yield from parts(item)
