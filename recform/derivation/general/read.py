"""Finds the general formula of a file and reads it, whichever way it is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy

from recform.algebra.expr import I, L
from recform.algebra.scalars import ScalarReader, scalar_of
from recform.blocks.symbolic import Symbolic
from recform.derivation.general.automaton import series_of
from recform.derivation.general.ellipsis import written_out
from recform.derivation.general.model import General
from recform.derivation.general.paths import PathReader
from recform.derivation.general.sums import SumReader
from recform.derivation.general.weights import Refused
from recform.diagnostics import Diagnostics, Label, Reported, Unread
from recform.lowering.equations.left_side import is_general
from recform.outline.sections import Section
from recform.series.automaton import minimal
from recform.series.series import NotExact, Series, constant
from recform.source import Span
from recform.syntax import nodes as n


@dataclass(frozen=True)
class Wanted:
    """The paths that a file asks for.

    Attributes:
        series: the weight of every path; the empty one weighs 1.
        unknown: the tensor that the paths lead from and to, such as ``X``.
        text: the statement, spaces folded.
        reading: the right side with ellipses as sums and products, if it had any.
        learned: learned scalars of the file, by name: whether each block has its own.
        place: the statement.
    """

    series: Series
    unknown: str
    text: str
    reading: str
    learned: Mapping[str, bool]
    place: Span = field(compare=False, repr=False)


def statement_of(section: Section, report: Diagnostics) -> n.Paths | n.Relation | None:
    """The general formula of a network, or None if it has an equation instead.

    Reports RF638 for several, and for one beside an equation.
    """
    paths = section.single.get("paths")
    assert paths is None or isinstance(paths, n.Paths)
    general = [item for item in section.equations if is_general(item.left[0])]
    others = [item for item in section.equations if not is_general(item.left[0])]
    found: list[n.Paths | n.Relation] = [*([paths] if paths else []), *general]
    if not found:
        return None
    for second in [*found[1:], *others[:1]]:
        report.error(
            "RF638",
            "a network has one general formula, or equations, and not both",
            second.span,
            others=[Label(found[0].span, "the general formula")],
            hint="take one of them out, or give each a network of its own",
        )
    return found[0]


def read(
    section: Section,
    item: n.Paths | n.Relation,
    report: Diagnostics,
    settings: Mapping[str, object],
) -> Wanted | None:
    """The paths of a general formula, or None after a diagnostic."""
    numbers = _numbers(section, settings, report)
    learned = {name: bool(s.target.indices) for name, s in section.scalars.items()}
    try:
        if isinstance(item, n.Paths):
            unknown, reading = "X", ""
            symbols = {
                name: sympy.Symbol(name) for name, own in learned.items() if not own
            }
            scalars = ScalarReader({**numbers, **symbols}, report, "a weight")
            series = PathReader(scalars.read).series(item.route)
        else:
            unknown = _unknown(item)
            varying = _varying(section, numbers)
            series, reading = _relation(item, numbers, learned, varying)
    except Reported:
        return None
    except Unread as unread:
        unread.tell(report)
        return None
    except Refused as refused:
        _refused(refused, item, report)
        return None
    except NotExact:
        report.error(
            "RF636",
            "these weights are no numbers that can be compared exactly",
            item.span,
            hint="use fractions, roots of whole numbers, or names of learned scalars",
        )
        return None
    if report.has_errors:
        return None
    series = _from_one(series, item, report)
    text = " ".join(item.span.text_without_comments.split())
    return Wanted(series, unknown, text, reading, learned, item.span)


def _from_one(series: Series, item: n.Node, report: Diagnostics) -> Series:
    """The series with the empty path at weight 1, as ``dX_L/dX_L = 1``."""
    extra = series.domain.to_sympy(series.constant)
    if isinstance(item, n.Paths) and extra != 1:
        report.warning(
            "RF634",
            f"the path over no block has the weight {extra} here, and always has 1",
            item.span,
            "dX_L/dX_L = 1",
            hint="it is taken with 1; `(...)?` says so",
        )
    return minimal(series + constant(1 - extra)).series


def _relation(
    item: n.Relation,
    numbers: Mapping[str, Symbolic],
    learned: Mapping[str, bool],
    varying: Mapping[str, Symbolic],
) -> tuple[Series, str]:
    right = item.right.expression
    if right is None:
        raise Unread(
            "RF632", "a general formula is an expression, without `>`", item.right.span
        )

    def terms(expr: n.Expr) -> General:
        reader = SumReader(numbers, learned, varying)
        return General(reader.terms(expr), expr.span.text, expr.span)

    plain = written_out(right, terms)
    return series_of(terms(plain.expr)), plain.text


def _unknown(item: n.Relation) -> str:
    """The X of ``dX_L/dX_<L-i>``."""
    left = item.left[0]
    assert isinstance(left, n.Product)
    above, below = (factor for _, factor in left.factors)
    assert isinstance(above, n.Reference) and isinstance(below, n.Reference)
    if len(item.left) > 1 or not _indexed(above, L) or not _indexed(below, L - I):
        raise Unread(
            "RF631",
            "this is no function of i: a general formula says what X_L gets from X_<L-i>",
            left.span,
            "write dX_L/dX_<L-i> = ...",
        )
    if above.name != below.name:
        raise Unread(
            "RF631",
            "a general formula is about one tensor",
            left.span,
            f"write {above.name}_L/{above.name}_<L-i> = ...",
        )
    return above.name[1:] or "X"


def _indexed(reference: n.Reference, wanted: Symbolic) -> bool:
    if len(reference.indices) != 1 or isinstance(reference.indices[0], n.Range):
        return False
    value = scalar_of(reference.indices[0], {"i": I, "L": L})
    return value is not None and sympy.expand(value - wanted) == 0


def _numbers(
    section: Section, settings: Mapping[str, object], report: Diagnostics
) -> dict[str, Symbolic]:
    values: dict[str, Symbolic] = {}
    for name, param in section.params.items():
        given = settings.get(name)
        value = (
            ScalarReader(values, report, "a parameter").read(param.value)
            if given is None
            else sympy.sympify(given)
        )
        if value is not None and not isinstance(value, bool):
            values[name] = value
    for name, const in section.consts.items():
        if not const.target.indices:
            value = ScalarReader(values, report, "a constant").read(const.value)
            if value is not None:
                values[name] = value
    return values


def _varying(section: Section, numbers: Mapping[str, Symbolic]) -> dict[str, Symbolic]:
    """Constants with an index, as far as they say no more than the number of a block."""
    result = {}
    for name, const in section.consts.items():
        if const.target.indices:
            value = scalar_of(const.value, {**numbers, "i": I})
            if value is not None and not isinstance(value, bool):
                result[name] = value
    return result


def _refused(refused: Refused, item: n.Node, report: Diagnostics) -> None:
    code, message, hint = refused.why.value
    place = refused.place if refused.place is not None else item.span
    report.error(code, message.format(what=refused.what), place, hint=hint)
