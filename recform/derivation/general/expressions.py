"""Reads products, powers and what has a name as the terms of a general formula.

Blocks are counted from L, as the paper does: ``W_L``, ``W_<L-1>``, ``W_<L-j>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import sympy

from recform.algebra import scalars as sc
from recform.algebra.expr import I, L
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.derivation.general.model import Bound, Factor, Term, choices
from recform.derivation.general.slopes import as_bound
from recform.derivation.general.terms import merged, renamed
from recform.diagnostics import Label, Unread, beyond, meant
from recform.reading.sorts import MAX_TERMS
from recform.series.series import Move
from recform.source import Span
from recform.syntax import nodes as n

#: What runs over blocks; :mod:`recform.derivation.general.sums` reads it.
BUILT_IN = ("sum", "prod")


@dataclass
class TermReader:
    """Reads an expression of a general formula, but for its sums and products over blocks.

    Attributes:
        numbers: constants and parameters, by name.
        learned: learned scalars, by name: whether each block has its own.
        varying: constants with an index, by name, as expressions in ``i``.
    """

    numbers: Mapping[str, Symbolic]
    learned: Mapping[str, bool]
    varying: Mapping[str, Symbolic] = field(default_factory=dict)
    _bound: dict[str, Symbolic] = field(default_factory=dict)
    _count: int = 0
    _own: dict[str, bool] = field(default_factory=dict)

    def terms(self, expr: n.Expr) -> tuple[Term, ...]:
        """The terms whose sum an expression is.

        Raises:
            Unread: if it has none (RF201, RF632, and what the scalars' rules say).
        """
        try:
            found = merged(self._read(expr))
        except sc.Unreasonable as error:
            self._fail("RF106", str(error), expr.span)
        except (sc.Undefined, ZeroDivisionError):
            self._fail("RF211", "this divides by zero", expr.span)
        if len(found) > MAX_TERMS:
            self._fail(
                "RF106", f"this is a sum of more than {MAX_TERMS} terms", expr.span
            )
        return found

    def _read(self, expr: n.Expr) -> tuple[Term, ...]:
        match expr:
            case n.Number():
                return _number(
                    sympy.Rational(expr.value.numerator, expr.value.denominator)
                )
            case n.Group():
                return self.terms(expr.inner)
            case n.Sum():
                return tuple(
                    term.scaled(sign)
                    for sign, inner in expr.terms
                    for term in self.terms(inner)
                )
            case n.Product():
                return self._product(expr)
            case n.Power():
                return self._power(expr)
            case n.Reference():
                return self._reference(expr)
            case n.Call():
                return self._call(expr)
        self._fail(
            "RF632",
            "this has no place in a general formula",
            expr.span,
            hint="a general formula has sums and products of operators",
        )

    def _product(self, expr: n.Product) -> tuple[Term, ...]:
        result: tuple[Term, ...] = (Term(sympy.S.One),)
        for direction, factor in expr.factors:
            terms = self.terms(factor)
            if direction < 0:
                divisor = self._scalar(terms, factor, "a divisor")
                if divisor == 0:
                    raise ZeroDivisionError
                terms = _number(1 / divisor)
            result = tuple(a.times(self._fresh(b)) for a in result for b in terms)
            if len(result) > MAX_TERMS:
                self._fail(
                    "RF106",
                    f"written out, this has more than {MAX_TERMS} terms",
                    expr.span,
                    hint="a product of equal factors is prod(j, 0, i-1, ...)",
                )
        return result

    def _fresh(self, term: Term) -> Term:
        """The term with variables of its own, where it stands a second time."""
        return renamed(term, {v.name: self._name(v.name) for v in term.variables})

    def _name(self, name: str) -> str:
        self._count += 1
        return f"{name.partition('#')[0]}#{self._count}"

    def _power(self, expr: n.Power) -> tuple[Term, ...]:
        base = self.terms(expr.base)
        exponent = self._scalar(self.terms(expr.exponent), expr.exponent, "an exponent")
        if all(not term.factors and not term.variables for term in base):
            return _number(sc.power(self._scalar(base, expr.base, "a base"), exponent))
        if not (exponent.is_Integer and 1 <= exponent <= 16):
            self._fail(
                "RF632",
                "a power of an operator has a whole number from 1 to 16 as exponent",
                expr.exponent.span,
                hint="a product over blocks is prod(j, 0, i-1, W_<L-j>)",
            )
        product = n.Product(expr.span, ((1, expr.base),) * int(exponent))
        return self._product(product)

    def _scalar(self, terms: tuple[Term, ...], expr: n.Expr, what: str) -> Symbolic:
        if any(term.factors or term.variables for term in terms):
            self._fail("RF632", f"{what} is a number, without operators", expr.span)
        return sum((term.coefficient for term in terms), sympy.S.Zero)

    # -- names

    def _reference(self, expr: n.Reference) -> tuple[Term, ...]:
        name = expr.name
        if not expr.indices:
            return _number(self._plain(expr))
        if len(expr.indices) > 1 or isinstance(expr.indices[0], n.Range):
            self._fail("RF632", "an index here is one block: L, L-1, L-k", expr.span)
        if name in self.learned or name in self.varying:
            listed = self._listed(expr)
            if name in self.learned:
                own = self._own.setdefault(name, listed is None)
                if own != (listed is None):
                    self._fail(
                        "RF304",
                        f"{name} is used as {name}_L and as {name}_1: either each block has "
                        "its own, or there is a numbered list",
                        expr.span,
                    )
            if listed is not None:
                return _number(listed)
            move = Move(gains=(name,))
        elif name[0].isupper() or name not in self.numbers:
            move = Move((name,))
        else:
            self._fail(
                "RF632",
                f"the number {name} may not differ from block to block in a general formula",
                expr.span,
            )
        index = self._index(expr.indices[0])
        return (
            Term(
                sympy.S.One,
                (),
                (Factor(index, index.plus(1), choices({move: 1}), expr.span),),
            ),
        )

    def _listed(self, expr: n.Reference) -> Symbolic:
        """A number that belongs to no block, ``a_2`` or ``a_k``; None for ``a_<L-k>``."""
        (index,) = expr.indices
        assert not isinstance(index, n.Range)
        value = sympy.expand(self._scalar(self.terms(index), index, "an index"))
        if value.has(L):
            return None
        if expr.name in self.varying:
            return filled(self.varying[expr.name], {I: value})
        if value.is_Integer and value > 0:
            return sympy.Symbol(f"{expr.name}_{value}")
        self._fail(
            "RF632",
            f"{expr.span.text} is another scalar for every path, "
            "and a recurrence has finitely many",
            expr.span,
            hint=f"a power, {expr.name}^k, or numbers of a list, "
            f"{expr.name}_1 and {expr.name}_2",
        )

    def _plain(self, expr: n.Reference) -> Symbolic:
        name = expr.name
        if name in self._bound:
            return self._bound[name]
        if name == "i":
            return I
        if name == "L":
            return L
        if name in self.numbers:
            return self.numbers[name]
        if name in self.learned:
            if self.learned[name]:
                self._fail("RF304", f"{name} needs an index: {name}_L", expr.span)
            return sympy.Symbol(name)
        if name in sc.CONSTANTS:
            return sc.CONSTANTS[name]
        if name[0].isupper():
            self._fail(
                "RF632",
                f"{name} needs an index: which block does it belong to?",
                expr.span,
                hint=f"{name}_L is that of the last block, {name}_<L-1> of the one before",
            )
        known = [*self._bound, *self.numbers, *self.learned, "i", "L"]
        declare = f"declare it: `const {name} = 0.5`, or `sum({name}, 1, i, ...)`"
        self._fail(
            "RF201",
            f"the name {name!r} is not known",
            expr.span,
            hint=meant(name, known, declare),
        )

    # -- indices and ranges

    def _index(self, expr: n.Expr) -> Bound:
        """How many blocks behind L an index is."""
        value = sympy.expand(L - self._scalar(self.terms(expr), expr, "an index"))
        if value.has(L):
            self._fail(
                "RF632",
                "blocks are counted from the last one, L, in a general formula",
                expr.span,
                hint="W_L, W_<L-1>, W_<L-j>; the oldest one is W_<L-i+1>",
            )
        return self._as_bound(value, expr)

    def _as_bound(self, value: Symbolic, expr: n.Expr) -> Bound:
        bound = None if value.has(L) else as_bound(value)
        if bound is not None:
            return bound
        if value.is_Integer:
            self._fail("RF106", beyond("this number", MAX_TERMS), expr.span)
        self._no_bound(expr)

    def _no_bound(self, expr: n.Expr) -> NoReturn:
        self._fail(
            "RF632",
            "how many blocks this goes back is not one variable and a number",
            expr.span,
            hint="let a sum run over the block itself: "
            "sum(k, 0, i-1, sum(j, k+1, i-1, W_<L-k>*W_<L-j>)); steps of a number of "
            "blocks are read, sum(k, 0, floor(i/2), W_<L-2*k>)",
        )

    # -- functions of numbers

    def _call(self, expr: n.Call) -> tuple[Term, ...]:
        """A function of numbers."""
        name = expr.function.name
        if expr.function.indices or name not in sc.FUNCTIONS:
            known = [*BUILT_IN, *sc.FUNCTIONS]
            self._fail(
                "RF632",
                f"{expr.function.span.text} cannot be called in a general formula",
                expr.function.span,
                hint=meant(name, known, "operators are factors: W_L*W_<L-1>"),
            )
        values = []
        for argument in expr.arguments:
            if isinstance(argument, n.Keyword):
                self._fail(
                    "RF203", f"{name} takes no names of arguments", argument.span
                )
            values.append(self._scalar(self.terms(argument), argument, "an argument"))
        return _number(sc.call(name, values, expr.span, self._fail))

    def _fail(
        self,
        code: str,
        message: str,
        place: Span,
        hint: str = "",
        others: tuple[Label, ...] = (),
    ) -> NoReturn:
        raise Unread(code, message, place, hint, others)


def _number(value: Symbolic) -> tuple[Term, ...]:
    return (Term(value),)
