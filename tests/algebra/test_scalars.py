"""Scalars: what may be one is looked at without a report, what must be one with it."""

from __future__ import annotations

import pytest
import sympy

from recform.algebra.expr import I
from recform.algebra.labels import Naming
from recform.algebra.scalars import ScalarReader, scalar_of
from recform.diagnostics import Diagnostics
from recform.source import Source
from recform.syntax import nodes as n
from recform.syntax.parse import parse


def expression(text: str) -> n.Expr:
    report = Diagnostics()
    (statement,) = parse(Source("net.rf", f"output {text}"), report).statements
    assert isinstance(statement, n.Output)
    report.check()
    return statement.expr


@pytest.mark.parametrize(
    ("text", "value"),
    [("2*i - 1", 2 * I - 1), ("3/6", sympy.Rational(1, 2)), ("min(2, 3)", 2)],
)
def test_a_scalar(text: str, value: object) -> None:
    report = Diagnostics()
    assert scalar_of(expression(text), {"i": I}) == value
    assert ScalarReader({"i": I}, report, "this").read(expression(text)) == value
    assert not list(report)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("k", "RF201"),
        ("1/0", "RF211"),
        ("sqrt(-1)", "RF211"),
        ("2^99", "RF106"),
        ("X_i", "RF212"),
        ("min(1)", "RF203"),
    ],
)
def test_what_is_none(text: str, code: str) -> None:
    report = Diagnostics()
    assert scalar_of(expression(text), {"i": I}) is None
    assert ScalarReader({"i": I}, report, "this").read(expression(text)) is None
    assert [item.code for item in report] == [code]


@pytest.mark.parametrize(
    ("text", "path", "first"),
    [
        (".", (), 1),
        ("W", ("W",), 1),
        ("layer{}", ("layer3",), 1),
        ("features.{0}", ("features", "2"), 0),
        ("layers.{8}.rest", ("layers", "10", "rest"), 8),
    ],
)
def test_names_of_the_third(text: str, path: tuple[str, ...], first: int) -> None:
    naming = Naming(text)
    assert str(naming) == text
    assert (naming.at(3), naming.first) == (path, first)
    assert naming.inline == (text == ".")
    assert naming.apart == ("{" in text)
