"""Terms of general formulas: added up, and with other variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy

from recform.algebra.expr import I
from recform.blocks.symbolic import Symbolic
from recform.derivation.general.model import Bound, Term, Variable, local, symbol
from recform.series.series import Move


def merged(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Terms that differ in their coefficients and names of variables alone, added up."""
    total: dict[Term, Symbolic] = {}
    first: dict[Term, Term] = {}
    for term in terms:
        # In the order of its sums a variable has the same name in all terms.
        plain = renamed(term, {v.name: f"#{n}" for n, v in enumerate(term.variables)})
        seen = first.setdefault(replace(plain, coefficient=None), term)
        if seen is not term:
            pairs = zip(term.variables, seen.variables, strict=True)
            term = renamed(term, {a.name: b.name for a, b in pairs})
        total[seen] = total.get(seen, sympy.S.Zero) + term.coefficient
    return tuple(replace(t, coefficient=weight) for t, weight in total.items())


def renamed(term: Term, names: Mapping[str, str]) -> Term:
    """A term with other names for its variables."""
    if not names:
        return term

    def bound(item: Bound) -> Bound:
        return Bound(names.get(item.base, item.base), item.number)

    symbols = {symbol(old): symbol(new) for old, new in names.items()}
    return Term(
        term.coefficient.xreplace(symbols),
        tuple(
            Variable(names[v.name], bound(v.low), bound(v.high)) for v in term.variables
        ),
        tuple(replace(f, low=bound(f.low), high=bound(f.high)) for f in term.factors),
        tuple((names.get(name, name), by) for name, by in term.multiples),
        term.slanted,
    )


def counts(weight: Symbolic) -> set[Symbolic]:
    """The symbols of a weight that count blocks: ``i`` and variables of sums."""
    return {s for s in weight.free_symbols if s == I or "#" in str(s)}


class NoRow(Exception):
    """A body of a product is no choice of moves at one block: what is wrong, and a hint."""


def row_of(body: tuple[Term, ...], name: str) -> tuple[dict[Move, Symbolic], int]:
    """The moves of a product's body, and how far behind its variable their block is.

    Raises:
        NoRow: if the body has no moves at one block alone.
    """
    moves = local(body)
    starts = {factor.low for term in body for factor in term.factors}
    if moves is None or any(s.base != name for s in starts) or len(starts) > 1:
        raise NoRow(
            "each factor of a product stands on one block, that of its variable",
            "prod(j, 0, i-1, 1 + W_<L-j>)",
        )
    if any(symbol(name) in term.coefficient.free_symbols for term in body):
        raise NoRow(
            "a number in a product may not depend on the product's variable", ""
        )
    if any(weight.free_symbols & counts(weight) for weight in moves.values()):
        raise NoRow(
            "a number in a product may not depend on i or a sum's variable",
            "write the power that it comes to: a^k",
        )
    return moves, next(iter(starts)).number if starts else 0
