"""Terms of general formulas: added up, and with other variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy

from recform.algebra.expr import I
from recform.analysis.general import Bound, Term, Variable, symbol


def merged(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Terms that differ in their coefficients and names of variables alone, added up."""
    total: dict[Term, Any] = {}
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


def counts(weight: Any) -> set[Any]:
    """The symbols of a weight that count blocks: ``i`` and variables of sums."""
    return {s for s in weight.free_symbols if s == I or "#" in str(s)}
