"""The classes of recurrences over positions as they were printed, read back.

What a position makes is read as forms, as the step of a block is. The loop around it is
run on letters: what each position gets must be what came in there, and what the positions
before made.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

import sympy

from recform.algebra.cell import Cell, before, given
from recform.algebra.expr import Elementwise, Filled, State, Tensor
from recform.algebra.formula import Formula
from recform.blocks.applied import function_call
from recform.proof.forms import (
    Form,
    Module,
    Reader,
    Unreadable,
    Value,
    atom,
    called,
    drawn,
    frozen,
    same,
)
from recform.proof.plan import Misprint, PrintedStep, parameters_of
from recform.proof.printed import Planned, assign
from recform.recurrence.model import Step

#: What is kept before the first position.
_ZEROS = re.compile(
    r"torch\.zeros_like\((\w+)\[:, 0\]\)|(\w+)\.new_zeros\(\2\.shape\[0\], .+\)"
)


def check_cells(
    tree: ast.Module, formula: Formula, steps: Sequence[PrintedStep], network: str
) -> None:
    """Compares the classes of recurrences with what the formula says of a position.

    Args:
        tree: the source, parsed.
        formula: the network's.
        steps: its steps, with what they call their operators.
        network: the name of its class.

    Raises:
        Misprint: if one computes something else.
    """
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for name, cell in _cells(formula):
        for kind in dict.fromkeys(_made_by(classes, name, steps, network)):
            if kind not in classes:
                raise Misprint(f"there is no class for {name}")
            try:
                _Cell(cell, classes[kind]).check()
            except Unreadable as unreadable:
                raise Misprint(f"{kind}: {unreadable}") from None


def _cells(formula: Formula) -> Iterator[tuple[str, Cell]]:
    for name, pipeline in formula.operators.items():
        for step in pipeline.steps:
            if isinstance(step.operator, Cell):
                yield name, step.operator


def _made_by(
    classes: Mapping[str, ast.ClassDef],
    name: str,
    steps: Sequence[PrintedStep],
    network: str,
) -> Iterator[str]:
    """The classes of an operator's modules, as those that own it make them."""
    owners = {
        step.name: step.modules.get(name, "").removeprefix("self.") for step in steps
    }
    owners[network] = name
    for owner, attribute in owners.items():
        if attribute and owner in classes:
            for target, value in _attributes(classes[owner]):
                if target == attribute and isinstance(value, ast.Call):
                    yield ast.unparse(value.func)


def _attributes(node: ast.ClassDef) -> list[tuple[str, ast.expr]]:
    """What a constructor makes, in its order."""
    return [
        (target.attr, statement.value)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name == "__init__"
        for statement in method.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Attribute)
    ]


class _Cell:
    """One class, and the recurrence that it is for."""

    def __init__(self, cell: Cell, node: ast.ClassDef) -> None:
        self._cell, self._name = cell, node.name
        self._methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
        # They are made in the order in which a position runs them, and scalars follow.
        letters = dict.fromkeys(call.operator for call in cell.calls())
        made = [name for name, _ in _attributes(node)]
        owned = [*letters, *cell.scalars]
        if len(made) < len(owned):
            raise Misprint(f"{node.name} has no {owned[len(made)]}")
        self._names: dict[str, Value] = {
            attribute: drawn(f"shared {name}")
            if name in cell.scalars
            else Module(f"shared {name}")
            for attribute, name in zip(made, owned, strict=False)
        }

    def check(self) -> None:
        cell = self._cell
        incoming = list(map(given, cell.incoming))
        if (linear := cell.affine) is not None and linear.rest is not None:
            (made,) = self._returned("forward", incoming)
            factor, rest = self._planned([linear.factor, linear.rest], incoming)
            wanted: Value = called("scan", factor, rest)
            if "scan_on" in ast.unparse(self._methods["forward"]):
                wanted = called("scan_on", factor, rest, Module("self.past"))
            elif linear.factor == Filled(sympy.S.One):
                wanted = Reader({}, {}).text("torch.cumsum(rest_, dim=1)", rest_=rest)
            self._compare(cell.unknowns, [made], [wanted])
            return
        names = cell.handed_on
        leaves = [*cell.recurrent, *incoming]
        self._compare(
            names,
            self._returned("step", leaves),
            self._planned([before(name, 0) for name in names], leaves),
        )
        _Loop(cell, names, self._methods["forward"], self._name).check()

    def _compare(
        self, names: Sequence[str], made: Sequence[Value], wanted: Sequence[Value]
    ) -> None:
        if len(made) != len(wanted):
            raise Misprint(f"{self._name} makes {len(made)} values of a position")
        for name, one, other in zip(names, made, wanted, strict=True):
            if not same(one, other):
                raise Misprint(f"{self._name} makes {name} as {one}, and it is {other}")

    def _returned(self, method: str, leaves: Sequence[State]) -> list[Value]:
        """What a method returns, of what it gets."""
        if method not in self._methods:
            raise Misprint(f"{self._name} has no {method}")
        function = self._methods[method]
        parameters = parameters_of(function)
        if len(parameters) != len(leaves):
            raise Misprint(f"{self._name} takes {len(parameters)} tensors")
        slots = [atom("slot", number) for number in range(len(leaves))]
        reader = Reader(dict(zip(parameters, slots, strict=True)), self._names)
        for statement in function.body:
            match statement:
                case ast.Expr(value=ast.Constant()):
                    continue
                case ast.Assign(targets=[target]):
                    assign(reader, target, reader.value(statement.value))
                case ast.Return(value=ast.expr() as made):
                    nodes = made.elts if isinstance(made, ast.Tuple) else [made]
                    return [reader.value(node) for node in nodes]
                case _:
                    raise Unreadable(ast.unparse(statement))
        raise Misprint(f"{self._name} returns nothing")

    def _planned(
        self, wanted: Sequence[Tensor], leaves: Sequence[State]
    ) -> list[Value]:
        """What the formula says of some tensors."""
        cell = self._cell
        functions = [t for t in cell.tensors if isinstance(t, Elementwise)]
        step = Step(
            at=0,
            inputs=tuple(leaves),
            outputs=tuple(wanted),
            body=cell.tensors,
            definitions=dict(cell.definitions),
        )
        item = PrintedStep(
            name=self._name,
            step=step,
            handed=(),
            takes=(),
            scalars=frozenset(cell.scalars),
            modules={},
            inlined={},
            adapters={},
            functions={t.name: function_call(t.function).text for t in functions},
            numbers=(),
            learned=(),
            is_class=True,
            places=(),
        )
        return Planned(item, 0, 0, {}).outputs()


class _Loop:
    """The loop over positions, run on letters."""

    def __init__(
        self, cell: Cell, names: Sequence[str], forward: ast.FunctionDef, owner: str
    ) -> None:
        self._cell, self._results, self._owner = cell, names, owner
        self._forward = forward
        self._inputs = parameters_of(forward)
        if len(self._inputs) != len(cell.incoming):
            raise Misprint(f"{owner} takes {len(self._inputs)} tensors")
        self._variables: dict[str, Form] = {}
        self._counter = ""
        self._made: list[Form] = []

    def check(self) -> None:
        """Runs as many positions as it takes until all that is kept was made by others."""
        loops = [s for s in self._forward.body if isinstance(s, ast.For)]
        if len(loops) != 1:
            raise Misprint(f"{self._owner} has {len(loops)} loops")
        (loop,) = loops
        place = self._forward.body.index(loop)
        start, (*kept, end) = (
            self._forward.body[:place],
            self._forward.body[place + 1 :],
        )
        if kept:
            self._goes_on(start.pop(len(self._cell.recurrent)), start, kept.pop())
        if kept:
            raise Misprint(f"{self._owner} does more than it should")
        for statement in start:
            self._begin(statement)
        self._counter = ast.unparse(loop.target)
        if (over := ast.unparse(loop.iter)) not in {
            f"range({name}.shape[1])" for name in self._inputs
        }:
            raise Misprint(f"{self._owner} runs over {over}")
        for position in range(1, max(self._cell.lags.values()) + 3):
            for statement in loop.body:
                self._run(statement, position)
            outputs = tuple(
                frozen(_letter(name, position)) for name in self._cell.results
            )
            if self._made != [{_side_by_side(outputs): 1.0}]:
                raise Misprint(
                    f"{self._owner} takes another value than that of a position"
                )
            self._made.clear()
        if ast.unparse(end) != "return torch.stack(made, dim=1)":
            raise Misprint(f"{self._owner} ends with {ast.unparse(end)}")

    def _goes_on(
        self, first: ast.stmt, start: Sequence[ast.stmt], last: ast.stmt
    ) -> None:
        """What was kept is in the place of zeros, and what is there at last is kept."""
        kept = [ast.unparse(statement).partition(" = ")[0] for statement in start]
        names = ", ".join(kept[: len(self._cell.recurrent)])
        for statement, wanted in (
            (first, f"({names},) = self.past.last({names})"),
            (last, f"self.past.keep({names})"),
        ):
            text = f"if self.past is not None:\n    {wanted}"
            if ast.dump(statement) != ast.dump(ast.parse(text).body[0]):
                raise Misprint(f"{self._owner} goes on by {ast.unparse(statement)}")

    def _begin(self, statement: ast.stmt) -> None:
        text = ast.unparse(statement)
        if text == "made: list[Tensor] = []":
            return
        name, _, value = text.partition(" = ")
        found = _ZEROS.fullmatch(value)
        if found is None or (found[1] or found[2]) not in self._inputs:
            raise Misprint(f"{self._owner} begins with {text}")
        self._variables[name] = {}

    def _run(self, statement: ast.stmt, position: int) -> None:
        match statement:
            case ast.Assign(targets=[target], value=ast.Call() as step):
                self._step(step, position)
                made = [_letter(name, position) for name in self._results]
            case ast.Assign(targets=[target], value=ast.Tuple(elts=values)):
                made = list(map(self._held, values))
            case ast.Expr(value=ast.Call(args=[value])) if ast.unparse(
                statement
            ).startswith("made.append("):
                self._made.append(self._appended(value))
                return
            case _:
                raise Unreadable(ast.unparse(statement))
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        self._variables |= zip(map(ast.unparse, names), made, strict=True)

    def _step(self, call: ast.Call, position: int) -> None:
        """A position gets what is kept, the newest first, and what comes in."""
        if ast.unparse(call.func) != "self.step" or call.keywords:
            raise Unreadable(ast.unparse(call))
        found = [self._held(item, position) for item in call.args]
        wanted = [
            _letter(state.name, position + int(state.index))
            for state in self._cell.recurrent
        ]
        wanted += [atom("in", n, position) for n in range(len(self._inputs))]
        if found != wanted:
            raise Misprint(
                f"{self._owner} gives position {position} {found}, and it is {wanted}"
            )

    def _held(self, node: ast.expr, position: int = 0) -> Form:
        """What a variable is, or at a position a row of what comes in."""
        name = ast.unparse(node)
        for number, incoming in enumerate(self._inputs):
            if position and name == f"{incoming}[:, {self._counter}]":
                return atom("in", number, position)
        if name not in self._variables:
            raise Misprint(f"{self._owner} reads {name}, which is nothing there")
        return self._variables[name]

    def _appended(self, node: ast.expr) -> Form:
        """What is taken of a position."""
        text = ast.unparse(node)
        match = re.fullmatch(r"torch\.cat\(\((.+)\), dim=-1\)", text)
        names = match[1].split(", ") if match else [text]
        values = (self._held(ast.parse(name, mode="eval").body) for name in names)
        parts = tuple(frozen(value) for value in values)
        return {_side_by_side(parts): 1.0}


def _letter(name: str, position: int) -> Form:
    """An unknown at a position; zero before the first one."""
    return atom("made", name, position) if position > 0 else {}


def _side_by_side(parts: tuple[object, ...]) -> tuple[object, ...]:
    return ("cat", *parts)
