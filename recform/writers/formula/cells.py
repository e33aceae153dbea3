"""The classes of recurrences over positions: ``H_<i,t> = tanh(W_i*H_<i,t-1> + ...)``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import sympy

from recform.algebra.definitions.body import given
from recform.algebra.definitions.cell import Cell, before
from recform.algebra.expr import Apply, Filled, Learned, State, Tensor, subtensors
from recform.algebra.multiples import Affine
from recform.blocks import Shape, code, symbols_in
from recform.blocks.symbolic import Symbolic
from recform.plan.definitions import (
    Assign,
    Attribute,
    Branch,
    Case,
    Class,
    Do,
    Function,
    Loop,
    Parameter,
    Return,
    Role,
    Statement,
    forward,
)
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.recurrence.model import Slot, Step
from recform.writers.formula.bodies import BodyCode, ClassWriter, local_name
from recform.writers.formula.statements import BodyWriter
from recform.writers.names import base_name

if TYPE_CHECKING:
    from recform.writers.formula.workshop import Workshop


def plan_cell(
    workshop: Workshop, cell: Cell, inputs: tuple[Shape, ...], name: str
) -> tuple[Class, BodyCode]:
    """The class of a recurrence for inputs of these layouts, under a name."""
    return _CellWriter(workshop, cell, inputs, name).write()


class _CellWriter(ClassWriter):
    """Writes the class of one recurrence."""

    _body: Cell

    def _inlinable(
        self, families: Mapping[str, Mapping[Symbolic, list[Apply]]]
    ) -> dict[str, Apply]:
        """Functions: what else recurs has its letters, whatever their number."""
        return {
            name: next(iter(members.values()))[0]
            for name, members in families.items()
            if self._body.operators[name].is_function
        }

    def _constructor(self) -> None:
        self._attributes.take("step")  # the method
        super()._constructor()

    def _methods(self) -> tuple[Function, ...]:
        cell = self._body
        if cell.affine is not None:
            return (self._scan(cell.affine, going=False),)
        return self._step(), self._loop(going=False)

    def _going(self, methods: tuple[Function, ...]) -> tuple[Function, ...]:
        """The values of the last positions are kept, and are what the next begin with."""
        if self._body.affine is not None:
            return (self._scan(self._body.affine, going=True),)
        return (*methods[:-1], self._loop(going=True))

    # -- linear: all positions at once

    def _scan(self, linear: Affine, *, going: bool) -> Function:
        assert linear.rest is not None
        names = Namespace.forward({"scan", "scan_on", "started", "started_on"})
        takes = {given(name): names.new(name) for name in self._body.incoming}
        made, (factor, rest) = self._written((linear.factor, linear.rest), takes, names)
        for start in map(self._begins, self._body.starts):
            rest = (
                f"started_on({start}, {factor}, {rest}, self.past)"
                if going
                else f"started({start}, {factor}, {rest})"
            )
        text = f"scan({factor}, {rest})"
        if going:
            text = f"scan_on({factor}, {rest}, self.past)"
        elif linear.factor == Filled(sympy.S.One):
            text = f"torch.cumsum({rest}, dim=1)"
        result = Return(Code(text), self._line(self._body.output))
        return forward((*made, result), list(takes.values()))

    # -- any other: one position after the other

    def _step(self) -> Function:
        """What a position makes of what is kept and what comes in."""
        cell = self._body
        names = Namespace.forward()
        takes = {
            leaf: names.new(_variable(leaf))
            for leaf in (*cell.recurrent, *map(given, cell.incoming))
        }
        now = tuple(before(name, 0) for name in cell.handed_on)
        # The only value needs no name.
        wanted = (cell.definitions[now[0]],) if len(cell.unknowns) == 1 else now
        made, texts = self._written(wanted, takes, names)
        kind = (
            "Tensor" if len(now) == 1 else f"tuple[{', '.join('Tensor' for _ in now)}]"
        )
        return Function(
            "step",
            tuple(Parameter(name, "Tensor") for name in takes.values()),
            kind,
            (*made, Return(Code(", ".join(texts)), self._line(now[-1]))),
            "One position, from what is kept of those before and what comes in.",
        )

    def _loop(self, *, going: bool) -> Function:
        cell = self._body
        names = Namespace.forward({"made"})
        inputs = [names.new(name) for name in cell.incoming]
        kept = {state: names.new(_variable(state)) for state in cell.recurrent}
        newest = {name: self._newest(name, kept, names) for name in cell.handed_on}
        position = names.new("t")
        each = [f"{name}[:, {position}]" for name in inputs]
        start: list[Statement] = [
            Assign(variable, Code(self._start(state, inputs)))
            for state, variable in kept.items()
        ]
        end: list[Statement] = []
        if going:
            each_kept = ", ".join(kept.values())
            one = each_kept if len(kept) > 1 else f"({each_kept},)"
            last = Assign(one, Code(f"self.past.last({each_kept})"))
            start.append(_if_going(last))
            end.append(_if_going(Do(Code(f"self.past.keep({each_kept})"))))
        body = [
            Assign(
                ", ".join(newest.values()),
                Code(f"self.step({', '.join([*kept.values(), *each])})"),
                self._line(before(cell.unknowns[-1], 0)),
            ),
            *self._moved(kept, newest),
            Do(Code(f"made.append({self._result(newest)})")),
        ]
        loop = Loop(position, Code(f"range({inputs[0]}.shape[1])"), tuple(body))
        made = Assign("made", Code("[]"), type="list[Tensor]")
        result = Return(Code("torch.stack(made, dim=1)"))
        return forward((*start, made, loop, *end, result), inputs)

    def _newest(self, name: str, kept: dict[State, str], names: Namespace) -> str:
        """The variable of a new value: that of the last one, where nothing is older."""
        last, older = before(name, 1), before(name, 2)
        if last in kept and older not in kept:
            return kept[last]
        return names.new(self._named(before(name, 0)))

    def _moved(
        self, kept: dict[State, str], newest: dict[str, str]
    ) -> Iterable[Statement]:
        """What is kept grows older by a position."""
        for name, new in newest.items():
            mine = [variable for state, variable in kept.items() if state.name == name]
            if len(mine) > 1:
                yield Assign(", ".join(mine), Code(", ".join([new, *mine[:-1]])))

    def _result(self, newest: dict[str, str]) -> str:
        out = [newest[name] for name in self._body.results]
        return out[0] if len(out) == 1 else f"torch.cat(({', '.join(out)}), dim=-1)"

    def _scalar(self, name: str, per_feature: bool, start: str) -> None:
        super()._scalar(name, per_feature, start)
        for first in self._body.starts.values():
            for item in first.coefficient.atoms(Learned):
                if item.name == name:
                    self._scalars[item] = f"self.{self._made[-1].name}"

    def _scaled_by(self, name: str) -> Tensor:
        begun = self._body.started_by(name)
        return super()._scaled_by(name) if begun is None else begun

    def _begins(self, unknown: str) -> str:
        """What an unknown begins with."""
        return self._coefficient(self._body.starts[unknown])[0]

    def _start(self, state: State, inputs: list[str]) -> str:
        """What is kept before the first position."""
        zeros = self._zeros(state, inputs)
        begins = state.index == -1 and state.name in self._body.starts
        return f"{zeros} + {self._begins(state.name)}" if begins else zeros

    def _zeros(self, state: State, inputs: list[str]) -> str:
        """Zeros as what is kept of an unknown."""
        cell, width = self._body, self._inside.shape(state).features
        for name, variable in zip(cell.incoming, inputs, strict=True):
            if self._inside.shape(given(name)).features == width:
                return f"torch.zeros_like({variable}[:, 0])"
        text = code(width)
        if symbols_in(width):
            name = text if text.isidentifier() else f"{state.name}_width".lower()
            attribute = self._attributes.kept(name)
            if all(made.name != attribute for made in self._made):
                self._used |= {str(symbol) for symbol in symbols_in(width)}
                self._made.append(Attribute(attribute, Code(text), Role.KEPT))
            text = f"self.{attribute}"
        return f"{inputs[0]}.new_zeros({inputs[0]}.shape[0], {text})"

    # -- expressions

    def _named(self, slot: Slot) -> str:
        """The variable of what is made: a new value has the one before beside it."""
        if isinstance(slot, State):
            return base_name(slot) + ("_new" if self._body.lags[slot.name] else "")
        return local_name(slot)

    def _written(
        self, wanted: tuple[Tensor, ...], takes: dict[State, str], names: Namespace
    ) -> tuple[tuple[Assign, ...], list[str]]:
        """Statements, and the expressions of what is wanted."""
        cell = self._body
        body = dict.fromkeys(
            part for tensor in wanted for part in subtensors(tensor, cell.parts)
        )
        step = Step(
            at=0,
            inputs=tuple(takes),
            outputs=wanted,
            body=tuple(
                part
                for part in body
                if part not in takes and not isinstance(part, Filled)
            ),
            definitions=dict(cell.definitions),
        )
        reckoned = self._reckoned(body, names)
        writer = self._writer(dict(takes), reckoned)
        statements = BodyWriter(step, writer, names, self._named, self._line)
        first = reckoned.statements(self._line(wanted[0]))
        made = (*first, *statements.write((), self._inlined_code))
        return made, [writer.show(tensor) for tensor in wanted]


def _if_going(statement: Statement) -> Branch:
    """Something that is done only where a network goes on by positions."""
    return Branch((Case("self.past is not None", (statement,)),))


def _variable(state: State) -> str:
    """The variable of what comes in or is kept: ``h``, and ``h2`` two positions ago."""
    if state == given(state.name):
        return state.name
    lag = -int(state.index)
    return base_name(state) + (str(lag) if lag > 1 else "")
