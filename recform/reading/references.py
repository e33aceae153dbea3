"""Names: unknowns, operators, learned scalars and numbers."""

from __future__ import annotations

from typing import NoReturn

import sympy

from recform.algebra import scalars as sc
from recform.algebra.expr import (
    Context,
    Elementwise,
    I,
    Input,
    L,
    Learned,
    State,
    T,
    Tensor,
    of_number,
)
from recform.algebra.indices import at_time, mirrored, untimed
from recform.algebra.operators import OperatorRef, Scalar
from recform.algebra.placed import Placed, placed
from recform.algebra.symbols import FIRST
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import closest
from recform.operators.positions import Shift
from recform.outline.survey import BUILT_IN
from recform.reading.base import Value
from recform.reading.indices import Indices
from recform.syntax import nodes as n
from recform.syntax.foreign import counted_by_i

#: What stands in arguments of operators, and nowhere else.
_OF_OPERATORS = {
    "c": "the width of the stage",
    "s": "the stride of the block",
    "cin": "the features that come in",
    "in_channels": "the channels that come in",
}


class References(Indices):
    """Reads names with and without an index."""

    def _reference(self, expr: n.Reference) -> Value:
        name = expr.name
        if any(isinstance(index, n.Range) for index in expr.indices):
            self.report.fail(
                "RF304",
                "a range of history is read as a whole",
                expr.span,
                hint=f"concat({expr.span.text}), sum(...), max(...), min(...) or mean(...)",
            )
        if not expr.indices:
            plain = self._plain(expr)
            if plain is not None:
                return plain
        if name in self.names.contexts:
            self.report.fail(
                "RF304",
                f"{name} is an input of the network, the same in all blocks",
                expr.span,
                hint=f"write {name}, without an index",
            )
        if name in self.names.each_member:
            return self._member_scalar(expr)
        if self._is_of_members(expr):
            return self._dealt(expr)
        if self.names.positions and len(expr.indices) == 2:
            return self._at_position(expr)
        index, time = self._two_indices(expr)
        if name in self.names.unknowns:
            return self._state(expr, index, time)
        if mirrored(index) is not None:
            self.report.fail(
                "RF316",
                f"{name} is no unknown, and only unknowns are taken from the block "
                f"{expr.indices[0].span.text}",
                expr.span,
                hint=f"write {name}_i, which is of the block itself, "
                f"or {name} for one that all blocks share",
            )
        if name in self.names.operators:
            owner = name if time is None else at_time(name, time)
            self.used.setdefault(owner, expr.span)
            return self._alone(OperatorRef(owner, index), expr)
        if name in self.names.learned:
            return self._learned(expr, index, time)
        if name in self.names.numbers and expr.indices:
            if name not in self.names.indexed_numbers:
                said = f"{name} was declared without an index"
                self.report.fail("RF304", said, expr.span, hint=f"write {name}")
            if index is sympy.nan:
                self._no_block(expr)
            if not (behind := I - index).free_symbols:
                self.constants.setdefault(name, set()).add(int(behind))
            value = of_number(self.names.numbers[name], index)
            if index.has(L) and not self._ending:
                self._of_this_network(value, expr)
            return Scalar(value)
        if (
            name[0].isupper()
            and index in (I, self._block)
            and not closest(name, self.names.unknowns)
        ):
            # Nothing says what it is; as an operator it gets the more telling error.
            return OperatorRef(name, index)
        self._unknown(expr)

    def _alone(self, operator: OperatorRef, expr: n.Reference) -> Value:
        """An operator that is not called: it takes the next tensor on its right."""
        inputs = self.names.operators[untimed(operator.name)]
        if self._called:
            return operator
        if len(inputs) > 1:
            self.report.fail(
                "RF220",
                f"{expr.name} takes {len(inputs)} tensors: {', '.join(inputs)}",
                expr.span,
                hint=f"they stand in brackets: {expr.span.text}({', '.join(inputs)})",
            )
        return operator

    def _member_scalar(self, expr: n.Reference) -> Value:
        raise NotImplementedError

    def _is_of_members(self, expr: n.Reference) -> bool:
        raise NotImplementedError

    def _dealt(self, expr: n.Reference) -> Value:
        raise NotImplementedError

    def _state(self, expr: n.Reference, index: Symbolic, time: Symbolic) -> State:
        """An unknown at its index; one of a second index at its time."""
        name = expr.name
        if not expr.indices:
            self.report.fail(
                "RF304",
                f"{name} needs an index",
                expr.span,
                hint=f"{name}_i is this block's, {name}_<i-1> that of the block before, "
                f"and in the output {name}_L that of the last one",
            )
        if (time is None) == (name in self.names.timed):
            one, two = f"{name}_<i-1>", f"{name}_<i-1,t>"
            wanted, other = (two, one) if time is None else (one, two)
            self.report.fail(
                "RF304",
                f"{name} has {'two indices' if time is None else 'one index'}, "
                f"as in {wanted}",
                expr.span,
                hint=f"write {wanted}, or {other} everywhere",
            )
        return State(name if time is None else at_time(name, time), index)

    def _at_position(self, expr: n.Reference) -> Tensor:
        """``X_<i-1,t-1>``: an unknown at an earlier position."""
        first, second = expr.indices
        if expr.name not in self.names.unknowns:
            self.report.fail(
                "RF229",
                f"{expr.name} is the same at all positions",
                expr.span,
                hint=f"write it with one index: {expr.name}_{first.span.text}",
            )
        assert not isinstance(first, n.Range)
        made: Tensor = self._state(expr, self._index(first), None)
        # The very operator that `shift(X_<i-1>)` means.
        shift = self.names.library.operators[Shift.name]
        for _ in range(self._behind(second)):
            made = Elementwise(shift, made)
        return made

    def _plain(self, expr: n.Reference) -> Value | None:
        """A name without an index, if it is a number or the input."""
        name = expr.name
        if name in self._bound:
            value = self._bound[name]
            if value.has(T) and not self._indexing:
                self.report.fail(
                    "RF229",
                    f"{name} is the position of a token, and no number",
                    expr.span,
                    hint="`positions` in a flow adds a learned vector to each token",
                )
            return Scalar(value)
        if name == "i":
            return Scalar(self._block)
        if name == "L":
            return Scalar(L)
        if name == "T" and self.names.times and name not in self.names.all():
            return Scalar(sympy.Integer(self.names.times))
        if name == "input":
            return Input()
        if name in self.names.contexts:
            return Context(name)
        if name in self.names.numbers:
            if name in self.names.indexed_numbers:
                self.report.fail("RF304", f"{name} needs an index: {name}_i", expr.span)
            self.constants.setdefault(name, set()).add(0)
            value = self.names.numbers[name]
            if isinstance(value, bool):
                self.report.fail(
                    "RF212",
                    f"{name} is true or false, not a number",
                    expr.span,
                    hint=f"give it a number: {name} = 1",
                )
            return Scalar(value)
        if name in sc.CONSTANTS and name not in self.names.all():
            return Scalar(sc.CONSTANTS[name])
        known = self._indexing or name in self.names.all()
        if name in self.names.placed and not known:
            return Scalar(self._placed(expr))
        return None

    def _placed(self, expr: n.Reference) -> Symbolic:
        """A number of the block: that of its stage, its own, or its place in its stage."""
        row = self.names.placed[expr.name]
        if not self.names.restarts:
            return Placed(row, self._block)
        if row.growth:
            return self._block
        if len(set(row.values)) > 1:
            self.report.fail(
                "RF218",
                f"{expr.name} has a number for each stage or block, and with scope stage "
                "an equation is one for all",
                expr.span,
                hint="with scope network an equation reads the number of its block",
            )
        return row.at(1)

    def _of_this_network(self, value: Symbolic, expr: n.Reference) -> None:
        """Reports numbers of stages and blocks that are of a block counted from the last."""
        for item in placed(value):
            self.report.fail(
                "RF218",
                f"{expr.span.text} is made of {item.row.name}, and an equation reads that of "
                "its own block, of one before it, or of one by its number",
                expr.span,
                hint=f"write the number of that block: {expr.name}_8 in a network of 8",
            )

    def _learned(self, expr: n.Reference, index: Symbolic, time: Symbolic) -> Value:
        name = expr.name
        each_block = self.names.learned[name]
        each_time = name in self.names.each_time
        if time is not None and (index is sympy.nan) == each_time != each_block:
            owner = at_time(name, time)
            self.used.setdefault(owner, expr.span)
            return Scalar(Learned(owner, index))
        if each_block and index is sympy.nan and time is not None:
            self._no_block(expr)
        if each_time or time is not None or each_block != bool(expr.indices):
            self._otherwise_declared(expr, each_block, each_time)
        if index is not sympy.nan and index.is_Integer:
            # a_1 among a_1, a_2, ... of a sum: one scalar for all blocks.
            member = f"{name}_{index}"
            self.members.setdefault(member, name)
            return Scalar(Learned(member))
        self.used.setdefault(name, expr.span)
        return Scalar(Learned(name, index))

    def _otherwise_declared(
        self, expr: n.Reference, each_block: bool, each_time: bool
    ) -> NoReturn:
        """Reports a learned number that has another index than it was declared with."""
        name, time = expr.name, self._time or "t"
        if each_time:
            said = f"is a number for each time, {name}_{time}"
            hint = f"write {name}_{time} here, or declare {name}_i, one for each block"
        elif each_block:
            said = f"is a number for each block, {name}_i"
            hint = f"write {name}_i here, or declare {name}, one for all blocks"
        else:
            said = "is one number for all blocks, without an index"
            hint = f"write {name} here, or declare {name}_i, one for each block"
        self.report.fail("RF304", f"{name} {said}", expr.span, hint=hint)

    def _no_block(self, expr: n.Reference) -> NoReturn:
        """Reports ``b_t`` for a number that each block has."""
        name, time = expr.name, self._time
        self.report.fail(
            "RF304",
            f"{name} has an index of the block, which {expr.span.text} lacks",
            expr.span,
            hint=f"write {name}_i or {name}_<i,{time}>; "
            f"`scalar {name}_{time} = 0.5` is learned for each time",
        )

    def _no_index(self, expr: n.Reference) -> NoReturn:
        """Reports a name in a subscript that stands for no block."""
        name = expr.name
        hint = "an index is i, i-1, i-2, ... or a number"
        if mended := counted_by_i(expr.span):
            hint = f"blocks are counted by i: write {mended}"
        elif name in ("last", "end", "N", "n"):
            hint = (
                "the last block is L in the output; an equation for it has its number, "
                "such as X_8 = ..."
            )
        elif name == FIRST:
            hint = f"{FIRST} stands alone on the left side of its equation: X_<{FIRST}> = ..."
        self.report.fail(
            "RF304", f"no block has the index {name}", expr.span, hint=hint
        )

    def _unknown(self, expr: n.Reference) -> NoReturn:
        name = expr.name
        if self._indexing:
            self._no_index(expr)
        if name in self.names.placed and expr.indices:
            self.report.fail(
                "RF304",
                f"{name} has no index: it is the number of the block that reads it",
                expr.span,
                hint=f"write {name}",
            )
        if self.names.library.elementwise(name) or name in BUILT_IN:
            self.report.fail(
                "RF206",
                f"{name} is a function and needs its argument in brackets",
                expr.span,
                hint=f"{name}(...)",
            )
        if name in _OF_OPERATORS:
            self._of_operators(expr)
        guess = closest(name, [*self.names.all(), "input"])
        if name[0].isupper() and expr.indices:
            self.report.fail(
                "RF208",
                f"{name} has no equation, and it is applied to nothing",
                expr.span,
                hint=f"did you mean {guess}?"
                if guess
                else f"add an equation: {name}_i = ...",
            )
        hint = f"did you mean {guess!r}?" if guess else ""
        if not hint:
            shown = expr.span.text
            hint = f"declare it: `scalar {shown} = 0.5` (learned)"
            match expr.indices:
                case (n.Reference() | n.Sum() as index,) if self._is_time(index):
                    hint = f"declare it: `scalar {name}_{self._time} = 0.5` (learned)"
                case _:
                    hint += f" or `const {shown} = 0.5`"
            if len(name) == 1 and name.isascii() and expr.indices:
                hint += f"; an operator has a capital letter: {shown.capitalize()}"
        self.report.fail(
            "RF201", f"the name {name!r} is not known", expr.span, hint=hint
        )

    def _of_operators(self, expr: n.Reference) -> NoReturn:
        """Reports a word of arguments that is meant as a number."""
        free = (x for x in "abdghkmpqruvwyz" if x not in self.names.all())
        name = next(free, "my_number")
        hint = (
            f"a number here has another name: write {name}, with `param {name} = 0.5`"
        )
        hint += f", or `const {name} = (...) per stage`"
        if expr.indices:
            shown = expr.span.text.replace(expr.name, name, 1)
            hint = f"write {shown}, with `scalar {name}_i = 0.5` (learned)"
        self.report.fail(
            "RF201",
            f"{expr.name} is {_OF_OPERATORS[expr.name]}, and stands in arguments of "
            "operators alone",
            expr.span,
            hint=hint,
        )
