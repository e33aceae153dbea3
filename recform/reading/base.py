"""What every rule of reading needs: the names, the report, the places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import sympy

from recform.algebra import scalars as sc
from recform.algebra.expr import I, Tensor
from recform.algebra.operators import OperatorExpr, Scalar
from recform.algebra.placed import Row
from recform.blocks import Library
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.reading.appended import Appended
from recform.source import Span
from recform.syntax import nodes as n

#: Most terms that sum(k, a, b, ...) and prod write out.
MAX_TERMS = 512
#: And all of them together, those inside of others counted each time.
MAX_WRITTEN = 2048
#: Most operators, functions, sums, products and unknowns of what is written out: in one
#: expression, and in all equations of a file together.
MAX_PARTS = 4096
#: Furthest that an index may lie from ``i``, and largest absolute index.
MAX_OFFSET = 32
MAX_INDEX = 256
#: The largest exponent of a tensor or an operator, which is written out as a product.
MAX_POWER = 16


Value = Tensor | OperatorExpr


@dataclass(frozen=True)
class Names:
    """What the names of a network stand for.

    Attributes:
        library: the operators of which the elementwise ones are functions.
        unknowns: names with an equation.
        operators: operator letters, defined or inferred, with the tensors that each
            takes.
        learned: learned scalars, by name: whether each block has its own.
        numbers: constants and parameters, by name; constants may hold ``i`` and ``L``.
        indexed_numbers: the names among them that are written with an index.
        times: how far a second index runs; 0 where there is none.
        timed: unknowns with a second index.
        each_time: learned scalars with one number for each time, for all blocks.
        placed: numbers that blocks have by their place: constants per stage or block,
            and the number of a block within its stage.
        positions: whether a second index is the position of a token.
        each_member: learned scalars with a number for each member of a sum.
        restarts: whether the index starts anew in each stage.
        contexts: the further inputs.
    """

    library: Library
    unknowns: frozenset[str]
    operators: Mapping[str, tuple[str, ...]]
    learned: Mapping[str, bool]
    numbers: Mapping[str, Symbolic]
    indexed_numbers: frozenset[str] = frozenset()
    times: int = 0
    timed: frozenset[str] = frozenset()
    each_time: frozenset[str] = frozenset()
    placed: Mapping[str, Row] = field(default_factory=dict)
    positions: bool = False
    each_member: frozenset[str] = frozenset()
    restarts: bool = False
    contexts: frozenset[str] = frozenset()

    def all(self) -> list[str]:
        """Every name that an equation can use."""
        declared = {*self.learned, *self.numbers, *self.contexts}
        return sorted({*self.unknowns, *self.operators, *declared, "input"})


def too_large(what: str, size: int) -> str:
    """Says of an expression or of a file that it is too large when it is written out."""
    shown = f"{size:,}" if size < 1_000_000_000 else "more than 1,000,000,000"
    return (
        f"written out, {what} {shown} operators, functions, sums, products and unknowns; "
        f"the limit is {MAX_PARTS:,}"
    )


@dataclass
class Base:
    """Reads the expressions of one network.

    Attributes:
        names: what is known.
        report: gets the diagnostics.
        spans: filled with the place where each tensor first stands.
        used: filled with the names of operators and scalars, in order of appearance.
        members: filled with learned scalars of a fixed number (``a_1``), and what they
            are members of (``a``).
        ends: filled with the first and last index of the sum that the numbers of
            ``a_<i,k>`` are for.
        beside: filled with the numbers in a ``concat``, and the operators that put them
            there.
        constants: filled with the constants that are read, and of how many blocks back.
    """

    names: Names
    report: Diagnostics
    spans: dict[Tensor, Span] = field(default_factory=dict)
    used: dict[str, Span] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    ends: dict[str, tuple[Symbolic, Symbolic]] = field(default_factory=dict)
    beside: dict[Appended, str] = field(default_factory=dict)
    constants: dict[str, set[int]] = field(default_factory=dict)
    _bound: dict[str, Symbolic] = field(default_factory=dict)
    _time: str = ""
    _written: int = 0
    #: Whether what is being read is an operator, with its tensors in brackets.
    _called: bool = False
    #: Whether what is being read stands in a subscript.
    _indexing: bool = False
    #: By how much the left side of the equation is ahead of block i: 1 for X_<i+1>.
    _ahead: int = 0
    #: Whether it is the equation of a range of blocks, which may read ``X_<L-i>``.
    _ranging: bool = False
    #: Whether it is the output, which knows the numbers of block L.
    _ending: bool = False

    def tensor(self, expr: n.Expr) -> Tensor:
        """Reads an expression that must be a tensor.

        Raises:
            Reported: after a diagnostic.
        """
        value = self.value(expr)
        if isinstance(value, Tensor):
            return value
        if isinstance(value, Scalar):
            self.report.fail(
                "RF208", "this is a number, where a tensor is needed", expr.span
            )
        self.report.fail(
            "RF208",
            f"{expr.span.text} is an operator that is applied to nothing",
            expr.span,
            hint=f"write {expr.span.text}*{self._example()}",
        )

    def _example(self) -> str:
        """A tensor that may stand here."""
        return "X_<i-1>"

    def value(self, expr: n.Expr) -> Value:
        """Reads an expression of any sort.

        Raises:
            Reported: after a diagnostic.
        """
        try:
            value = self._value(expr)
        except sc.Unreasonable as error:
            self.report.fail("RF106", str(error), expr.span)
        except sc.Undefined as error:
            self.report.fail("RF211", str(error), expr.span)
        except ZeroDivisionError:
            self.report.fail("RF211", "this divides by zero", expr.span)
        self._check_size(value, expr.span)
        if isinstance(value, Tensor):
            self.spans.setdefault(value, expr.span)
        return value

    def _check_size(self, value: Value, place: Span) -> None:
        if value.size > MAX_PARTS:
            self.report.fail("RF109", too_large("this is", value.size), place)

    def _value(self, expr: n.Expr) -> Value:
        raise NotImplementedError

    def _add(self, terms: list[tuple[int, Value, Span]]) -> Value:
        raise NotImplementedError

    def _multiply(self, factors: list[tuple[Value, Span]]) -> Value:
        raise NotImplementedError

    @contextmanager
    def binding(self, name: str, value: Symbolic) -> Iterator[None]:
        """Gives a name a value while a body is read."""
        before = self._bound.get(name)
        self._bound[name] = value
        try:
            yield
        finally:
            if before is None:
                del self._bound[name]
            else:
                self._bound[name] = before

    @property
    def _block(self) -> Symbolic:
        """What the file calls ``i``, counted from the block that is computed."""
        return I - self._ahead

    @contextmanager
    def ahead(self, shift: int) -> Iterator[None]:
        """Reads the right side of an equation for ``X_<i+shift>`` as one for ``X_i``.

        Nothing is moved later: in block 1 there is an ``i`` that is 0, or less, and
        ``max(1, i)`` is not ``i`` there.
        """
        self._ahead = shift
        try:
            yield
        finally:
            self._ahead = 0

    @contextmanager
    def ranging(self) -> Iterator[None]:
        """Reads the equation of a range of blocks."""
        self._ranging = True
        try:
            yield
        finally:
            self._ranging = False

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Reads the output, which is of no block: numbers of block L are known there."""
        self._ending = True
        try:
            yield
        finally:
            self._ending = False

    @contextmanager
    def at(self, letter: str, time: Symbolic) -> Iterator[None]:
        """Gives the letter of the second index a value while a side is read."""
        before = self._time
        self._time = letter
        try:
            with self.binding(letter, sympy.sympify(time)):
                yield
        finally:
            self._time = before
