"""How far the equations look: how long a network must be to show every case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sympy

from recform.algebra.expr import (
    Apply,
    Filled,
    History,
    I,
    K,
    L,
    Learned,
    Scaled,
    State,
    Tensor,
    subtensors,
)
from recform.algebra.formula import Formula, Scope
from recform.algebra.indices import offset
from recform.algebra.typeset import indexed
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics

#: Most blocks at the end that may differ in what is read of them.
MAX_TAIL = 96


@dataclass(frozen=True)
class Reach:
    """How far the equations look.

    Attributes:
        order: how many blocks back.
        absolute: the highest block that they name by number.
        from_end: how many blocks before the last one the output reaches.
        tail: how many blocks at the end differ in which of their unknowns are read.
        later: how many more blocks it takes until each step is that of the block before.
        partial: whether a part of a sum may be formed early.
        early: whether anything may be formed early in which terms meet. Where a grid
            becomes finer, nothing is: what a term loses on a coarser grid is gone.
    """

    order: int
    absolute: int
    from_end: int
    tail: int = 0
    later: int = 0
    partial: bool = True
    early: bool = True

    @property
    def regular(self) -> int:
        """A block that is regular: its history lies behind all that is special."""
        return self.order + self.absolute + 2 + self.later

    @property
    def length(self) -> int:
        """A network in which every case occurs.

        What a block hands on hangs on what is read as far ahead as the equations look back.
        """
        return self.regular + self.order + max(self.from_end, self.tail) + 2


def reach_of(formula: Formula, report: Diagnostics | None = None) -> Reach:
    """How far the equations look back, and which blocks they name.

    Args:
        formula: from the algebra.
        report: gets RF309 where the output does not come to read all blocks alike; one
            of its own if there is none.

    Raises:
        CompileError: then.
    """
    order = max((order_of(e.right) for e in formula.equations), default=1)
    lefts = (boundary.left for boundary in formula.boundaries)
    absolute = max([named(formula), *(n for left in lefts for n in numbers_in(left))])
    ends = [index for index in _indices(formula.output) if index.has(L)]
    from_end = max(map(_from_end, ends), default=0)
    if any(
        is_by_stage(part) for e in formula.equations for part in subtensors(e.right)
    ):
        # From behind the first block of the last stage on, all blocks are alike.
        absolute = max(absolute, formula.ends[-1] + 1)
    tail = _tail(formula, order, from_end, report or Diagnostics())
    early = not (
        formula.scope is Scope.NETWORK and any(s.stride < 1 for s in formula.stages)
    )
    return Reach(order, absolute, from_end, tail, partial=early, early=early)


def is_by_stage(tensor: Tensor) -> bool:
    """Whether this is a list by stages, which grows where a stage is finished."""
    return isinstance(tensor, History) and tensor.kind == "stages"


def order_of(right: Tensor) -> int:
    """How many blocks back a right side reaches, at least one."""
    steps = [offset(index) for index in _indices(right)]
    return max([1, *(-step for step in steps if step is not None)])


def named(formula: Formula) -> int:
    """The highest block that equations for all blocks, or the output, read by its number."""
    rights = (*(e.right for e in formula.equations), formula.output)
    return max((n for right in rights for n in numbers_in(right)), default=0)


def numbers_in(tensor: Tensor) -> list[int]:
    """The blocks that a tensor names by number."""
    return [int(index) for index in _indices(tensor) if index.is_Integer]


def _from_end(index: Symbolic) -> int:
    constant, _ = index.as_coeff_Add()
    return -int(constant) if constant.is_Integer and constant < 0 else 0


def _indices(tensor: Tensor) -> list[Symbolic]:
    found: list[Symbolic] = []
    for part in subtensors(tensor):
        if isinstance(part, State | Apply):
            found.append(part.index)
        elif isinstance(part, History):
            found += [part.last, sympy.Integer(part.first)]
            # Its newest member.
            found.extend(
                index.xreplace({K: part.last}) for index in _indices(part.body)
            )
        elif isinstance(part, Scaled | Filled):
            found.extend(item.index for item in part.coefficient.atoms(Learned))
    return [index for index in found if index is not sympy.nan]


# --------------------------------------------------------------- what the output reads

#: An unknown, how many blocks back, and whether all blocks before that are read too.
_Read = tuple[str, int, bool]


def _reads(tensor: Tensor, newest: sympy.Symbol) -> Iterator[_Read]:
    """The unknowns that a tensor reads, counted back from ``i`` or from ``L``."""
    for part in subtensors(tensor):
        if isinstance(part, State) and part.index.has(newest):
            yield part.name, int(newest - part.index), False
        elif isinstance(part, History) and part.last.has(newest):
            for inner in subtensors(part.body):
                if isinstance(inner, State):
                    last = inner.index.xreplace({K: part.last})
                    if last.has(newest):
                        # Of a list by stages only the ends of stages lie before that.
                        beyond = not is_by_stage(part)
                        yield inner.name, int(newest - last), beyond


def _tail(formula: Formula, order: int, from_end: int, report: Diagnostics) -> int:
    """How many blocks before the end differ in which unknowns the output needs.

    Counted back from the last block, the output reads each unknown in some blocks and
    not in others; with lags 3 and 5, say, it reads X_L, X_<L-3>, X_<L-5>, X_<L-6>, and
    all from X_<L-8> on. With the one lag 3 it never comes to read all of them.
    """
    reads = {e.unknown: tuple(_reads(e.right, I)) for e in formula.equations}
    wanted: list[set[str]] = [set() for _ in range(MAX_TAIL + 2 * order + from_end + 2)]
    for name, back, beyond in _reads(formula.output, L):
        _want(wanted, name, back, beyond)
    columns: list[frozenset[str]] = []
    for back in range(len(wanted)):
        pending = sorted(wanted[back])
        while pending:
            for name, lag, beyond in reads.get(pending.pop(), ()):
                if lag == 0 and name not in wanted[back]:
                    pending.append(name)
                _want(wanted, name, back + lag, beyond)
        columns.append(frozenset(wanted[back]))
        settled = columns[-order - 1 :]
        if back > from_end + order and len(set(settled)) == 1:
            return back - order
    report.error(
        "RF309",
        "the output never comes to read all blocks: "
        f"{_some(columns)} are read, and the others are dead",
        formula.output_span,
        hint="let the output read X_<L-1> and so on as well, or look at the lags: "
        "their greatest common divisor is more than 1",
    )
    report.check()
    raise AssertionError("an error was reported")


def _want(wanted: list[set[str]], name: str, back: int, beyond: bool) -> None:
    last = len(wanted) if beyond else back + 1
    for position in range(back, min(last, len(wanted))):
        wanted[position].add(name)


def _some(columns: list[frozenset[str]]) -> str:
    """The first few unknowns that are read, from the last block back."""
    names = [
        indexed(name, L - back)
        for back, column in enumerate(columns)
        for name in sorted(column)
    ]
    return ", ".join(names[:4]) + ", ..."


def check_same(
    formula: Formula,
    settle: Callable[[Tensor], Tensor | None],
    block: int,
    report: Diagnostics,
) -> None:
    """Reports unknowns that are one tensor for all blocks, where those behind do nothing.

    Args:
        formula: the network.
        settle: what a written-out tensor is.
        block: one in its middle.
        report: gets RF309.

    Raises:
        CompileError: then.
    """
    for equation in formula.equations:
        made = settle(State(equation.unknown, block))
        if isinstance(made, State) and made.index < block:
            name = indexed(equation.unknown, I)
            report.error(
                "RF309",
                f"{name} is {made} in each later block, so these do nothing for a history "
                "of it",
                equation.span,
                hint=f"let {name} read an unknown, or an operator of its block",
            )
    report.check()
