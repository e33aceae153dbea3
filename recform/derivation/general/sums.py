"""Reads sums and products over blocks as the terms of a general formula."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import L
from recform.algebra.indices import free_letter
from recform.blocks.symbolic import Symbolic
from recform.derivation.general.expressions import BUILT_IN, TermReader
from recform.derivation.general.model import (
    Bound,
    Factor,
    Term,
    Variable,
    choices,
    symbol,
)
from recform.derivation.general.slopes import (
    MAX_STEP,
    covers,
    end,
    is_slanted,
    vanishes_behind,
)
from recform.derivation.general.terms import NoRow, row_of
from recform.diagnostics import Unread, beyond
from recform.reading.sorts import MAX_TERMS
from recform.series.series import SKIP
from recform.syntax import nodes as n

#: How often sums and products are tried in steps of several blocks.
_MOST_TRIES = 200


@dataclass
class SumReader(TermReader):
    """Reads the right side of a general formula.

    Attributes:
        numbers, learned, varying: what has a name.
    """

    _tries: int = 0

    def _call(self, expr: n.Call) -> tuple[Term, ...]:
        name = expr.function.name
        if expr.function.indices or name not in BUILT_IN:
            return super()._call(expr)
        variable, first, last, body = self._arguments(expr)
        low, high = self._range(first), self._range(last)
        if name == "sum" and low.is_Rational and high.is_Rational:
            if max(abs(low), abs(high)) > MAX_TERMS:
                self._fail("RF106", beyond("this number", MAX_TERMS), expr.span)
            numbers = range(int(sympy.ceiling(low)), int(sympy.floor(high)) + 1)
            return self._summed(variable, numbers, body)
        inner = self._name(variable)
        for step in range(1, MAX_STEP + 1):
            found = self._in_steps(name, variable, inner, step, low, high, expr)
            if found is not None:
                return found
        return self._one_by_one(variable, inner, low, high, expr)

    def _arguments(self, expr: n.Call) -> tuple[str, n.Expr, n.Expr, n.Expr]:
        """The variable, its first and last value, and the body."""
        name = expr.function.name
        arguments = [a for a in expr.arguments if not isinstance(a, n.Keyword)]
        variable = arguments[0] if arguments else None
        if (
            len(expr.arguments) != 4
            or len(arguments) != 4
            or not isinstance(variable, n.Reference)
            or variable.indices
        ):
            self._fail(
                "RF203",
                f"{name} takes a variable, its first and last value, and a body",
                expr.span,
                hint=f"{name}(k, 1, i, W_<L-k+1>)",
            )
        known = {"i", "L", *self.numbers, *self.learned, *self._bound}
        if variable.name in known:
            self._fail(
                "RF209",
                f"{variable.name!r} already means something else",
                variable.span,
                hint=f"use another letter: {free_letter(known)}",
            )
        return variable.name, arguments[1], arguments[2], arguments[3]

    def _one_by_one(
        self, variable: str, inner: str, low: Symbolic, high: Symbolic, expr: n.Call
    ) -> tuple[Term, ...]:
        """A sum or product in steps of one block, of which is said what is wrong."""
        _, at_first, at_last, inside = self._arguments(expr)
        body = self._with(variable, symbol(inner), inside)
        first, last = end(low, 1, last=False), end(high, 1, last=True)
        if expr.function.name == "sum":
            if first is None:
                self._no_bound(at_first)
            if last is None and is_slanted(high):
                own = Variable(inner, first, Bound("i", 0))
                text = f"{variable} <= {at_last.span.text}"
                return tuple(
                    replace(t, variables=(own, *t.variables), slanted=text)
                    for t in body
                )
            self._no_bound(at_last)
        if first is None or last is None:
            self._no_bound(at_first if first is None else at_last)
        return (self._repeated(inner, (first, last, 1), body, expr),)

    def _range(self, expr: n.Expr) -> Symbolic:
        value = sympy.expand(self._scalar(self.terms(expr), expr, "a range's end"))
        if value.has(L):
            self._no_bound(expr)
        return value

    def _with(self, name: str, value: Symbolic, body: n.Expr) -> tuple[Term, ...]:
        """The terms of a body with a value for a variable."""
        self._bound[name] = value
        try:
            return self.terms(body)
        finally:
            del self._bound[name]

    def _in_steps(
        self,
        name: str,
        variable: str,
        inner: str,
        step: int,
        low: Symbolic,
        high: Symbolic,
        expr: n.Call,
    ) -> tuple[Term, ...] | None:
        """A sum or product over ``step`` times its variable; None if it is not one.

        ``inner`` stands for a multiple of the step: the blocks that the body is about are
        ``L - inner``.
        """
        first, last = end(low, step, last=False), end(high, step, last=True)
        body = expr.arguments[3]
        assert not isinstance(body, n.Keyword)
        if name == "prod" and step > 1 and low.has(sympy.floor, sympy.ceiling):
            return None
        if first is None or self._tries > _MOST_TRIES:
            return None
        if last is None and not covers(high, step):
            return None
        self._tries += 1
        try:
            terms = self._with(variable, symbol(inner) / step, body)
            if name == "sum":
                if last is None:
                    # Operators behind the first block of a path vanish.
                    if not all(vanishes_behind(term, inner) for term in terms):
                        return None
                    last = Bound("i", 0)
                multiples = ((inner, step),) if step > 1 else ()
                own = Variable(inner, first, last)
                return tuple(
                    replace(
                        term,
                        variables=(own, *term.variables),
                        multiples=(*multiples, *term.multiples),
                    )
                    for term in terms
                )
            return (self._repeated(inner, (first, last, step), terms, expr),)
        except Unread:
            return None

    def _summed(self, name: str, values: range, body: n.Expr) -> tuple[Term, ...]:
        """A sum over fixed numbers, written out."""
        return tuple(
            self._fresh(term)
            for value in values
            for term in self._with(name, sympy.Integer(value), body)
        )

    def _repeated(
        self,
        name: str,
        ends: tuple[Bound, Bound | None, int],
        body: tuple[Term, ...],
        expr: n.Call,
    ) -> Term:
        """A product over blocks, from an end to another one (or to the last) in steps."""
        low, high, step = ends
        try:
            moves, shift = row_of(body, name)
        except NoRow as reason:
            message, hint = reason.args
            self._fail("RF632", message, expr.arguments[3].span, hint=hint)
        if high is None and (shift < 0 or moves.get(SKIP) != 1):
            self._no_bound(expr)
        return Term(
            sympy.S.One,
            (),
            (
                Factor(
                    low.plus(shift),
                    Bound("i", 0) if high is None else high.plus(shift + 1),
                    choices(moves) or ((SKIP, sympy.S.Zero),),
                    expr.span,
                    step,
                ),
            ),
        )
