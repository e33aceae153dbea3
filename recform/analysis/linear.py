"""The linearised recurrence: what each unknown of block i gets from older ones.

Operators become matrices, elementwise functions their derivatives (or nothing, as in
section 3.2 of Liao et al.), products follow the product rule with the other factor as a
gate, a concatenation becomes a sum of embedded parts. A history that grows or adds up is
an unknown of its own, so that every law reaches back a fixed number of blocks.

Far from the start the laws hold as they are; the first blocks, where history vanishes
and boundary equations hold, are written out one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import networkx as nx
import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    I,
    Input,
    K,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.algebra.typeset import plain
from recform.analysis.words import BLOCK, SHARED, START, At, Letter, Polynomial
from recform.diagnostics import Diagnostics
from recform.recurrence.build import reach_of
from recform.recurrence.check import walk
from recform.recurrence.unroll import Unroller, newest


@dataclass(frozen=True)
class Source:
    """A tensor that something is differentiated by.

    Attributes:
        unknown: its name; ``input`` for what the stem hands over.
        at: its index.
    """

    unknown: str
    at: At

    def text(self) -> str:
        """In the language of the files."""
        if self.unknown == INPUT:
            return INPUT
        return plain(State(self.unknown, self.at.expression()))

    def latex(self) -> str:
        """As LaTeX."""
        name = self.unknown
        name = name if len(name) == 1 else rf"\mathrm{{{name}}}"
        index = str(self.at.expression()).replace(" ", "")
        return name if self.at.base == SHARED else f"{name}_{{{index}}}"


INPUT = "input"
STEM = Source(INPUT, At(SHARED))

#: A derivative: for each tensor that it is taken by, a polynomial.
Gradient = Mapping[Source, Polynomial]


@dataclass(frozen=True)
class Law:
    """The derivative of an unknown of block i.

    Attributes:
        unknown: its name; a history is named after what it holds, such as
            ``concat(X_<0..i>)``.
        gradient: by unknowns of older blocks (``i - d``), of the same block (``d`` = 0),
            and by single blocks that the equation names (``X_0``).
        written: whether it has an equation in the file (a history has none).
    """

    unknown: str
    gradient: Gradient
    written: bool = True


@dataclass(frozen=True)
class Linear:
    """The linearised recurrence of a formula.

    Attributes:
        formula: what it was made from.
        activations: whether derivatives of elementwise functions are letters of words;
            otherwise the functions are left out.
        laws: for all blocks behind the first ones, in the order of computation.
        solved: the same without unknowns of the same block on the right.
        order: how many blocks back the solved laws reach.
        first: how many first blocks are written out (block 0, the start, not counted).
        starts: the derivative of each unknown of the blocks 0 to ``first``, by block
            and name, in the order of computation; what vanishes has an empty one.
        output: the derivative of what the head gets.
        assumptions: what was taken for granted, in sentences.
    """

    formula: Formula
    activations: bool
    laws: tuple[Law, ...]
    solved: tuple[Law, ...]
    order: int
    first: int
    starts: tuple[Mapping[str, Gradient], ...]
    output: Gradient
    assumptions: tuple[str, ...]

    @property
    def unknowns(self) -> tuple[str, ...]:
        """All unknowns, histories among them, in the order of computation."""
        return tuple(law.unknown for law in self.laws)

    @property
    def single(self) -> Law | None:
        """The only law, solved, where there is one unknown; None otherwise."""
        return self.solved[0] if len(self.solved) == 1 else None

    @cached_property
    def coefficients(self) -> Mapping[tuple[str, str, int], Polynomial]:
        """``a_d(i)``: what ``U_i`` gets from ``V_<i-d>``, by (U, V, d)."""
        return {
            (law.unknown, source.unknown, -source.at.number): polynomial
            for law in self.solved
            for source, polynomial in law.gradient.items()
            if source.at.base == BLOCK
        }

    @property
    def letters(self) -> tuple[Letter, ...]:
        """All letters of the laws."""
        return tuple(
            dict.fromkeys(
                letter
                for law in self.laws
                for polynomial in law.gradient.values()
                for letter in polynomial.letters
            )
        )


def linearise(
    formula: Formula,
    report: Diagnostics,
    *,
    activations: bool = True,
    blocks: int | None = None,
) -> Linear:
    """The linearised recurrence of a formula.

    Args:
        formula: from the algebra, checked by the recurrence.
        report: gets RF601.
        activations: whether to keep the derivatives of elementwise functions.
        blocks: how many blocks there are, where they are fewer than the first ones.

    Raises:
        CompileError: if a part has no derivative (``max``, ``min``).
    """
    reach = reach_of(formula)
    reader = _Reader(formula, report, activations)
    laws = reader.laws()
    report.check()
    first = reach.order + reach.absolute + 1
    if blocks is not None:
        first = min(first, blocks)
    starts = reader.starts(laws, first)
    output = reader.output(formula.output)
    report.check()
    solved = _solve(laws)
    order = max(
        (
            -source.at.number
            for law in solved
            for source in law.gradient
            if source.at.base == BLOCK
        ),
        default=1,
    )
    return Linear(
        formula=formula,
        activations=activations,
        laws=laws,
        solved=solved,
        order=max(order, 1),
        first=first,
        starts=starts,
        output=output,
        assumptions=tuple(reader.assumptions),
    )


def merged(parts: Iterator[tuple[Source, Polynomial]]) -> Gradient:
    """The sum of derivatives; what cancels is gone."""
    result: dict[Source, Polynomial] = {}
    for source, polynomial in parts:
        result[source] = result[source] + polynomial if source in result else polynomial
    return {source: polynomial for source, polynomial in result.items() if polynomial}


def _solve(laws: tuple[Law, ...]) -> tuple[Law, ...]:
    """The laws with unknowns of the same block replaced by theirs."""
    done: dict[str, Gradient] = {}
    result = []
    for law in laws:

        def parts(law: Law = law) -> Iterator[tuple[Source, Polynomial]]:
            for source, polynomial in law.gradient.items():
                if source.at == At(BLOCK) and source.unknown in done:
                    for inner, factor in done[source.unknown].items():
                        yield inner, polynomial * factor
                else:
                    yield source, polynomial

        done[law.unknown] = merged(parts())
        result.append(Law(law.unknown, done[law.unknown], law.written))
    return tuple(result)


class _Reader:
    """Differentiates tensors of one formula."""

    def __init__(
        self, formula: Formula, report: Diagnostics, activations: bool
    ) -> None:
        self._formula = formula
        self._report = report
        self._activations = activations
        self._histories: dict[str, History] = {}
        self._names: dict[tuple[str, At], list[Tensor]] = {}
        self.assumptions: dict[str, None] = {}

    # -- laws

    def laws(self) -> tuple[Law, ...]:
        """The laws in the order of computation."""
        laws = {
            equation.unknown: Law(equation.unknown, self.gradient(equation.right))
            for equation in self._formula.equations
        }
        # The output may read a history that no equation reads, and histories of others.
        self.gradient(self._formula.output)
        pending = list(self._histories)
        while pending:
            name = pending.pop(0)
            known = set(self._histories)
            laws[name] = Law(name, self._history_law(name), written=False)
            pending += [other for other in self._histories if other not in known]
        return _ordered(list(laws.values()))

    def _history_law(self, name: str) -> Gradient:
        history = self._histories[name]
        before = Source(name, At(BLOCK, -1))
        body = self.gradient(history.body.xreplace({K: I}))
        old, new = Polynomial.one(), Polynomial.one()
        if history.kind == "concat":
            old, new = (
                Polynomial.letter(Letter("embed", f"E{k + 1}", At(BLOCK), history))
                for k in range(2)
            )
        return merged(
            iter([(before, old), *((source, new * p) for source, p in body.items())])
        )

    def starts(
        self, laws: tuple[Law, ...], first: int
    ) -> tuple[Mapping[str, Gradient], ...]:
        """The derivatives of the blocks 0 to ``first``, written out."""
        unroller = Unroller(self._formula, first)
        result = []
        for block in range(first + 1):
            made: dict[str, Gradient] = {}
            for law in laws:
                if law.unknown in self._histories:
                    made[law.unknown] = self._first_history(
                        law.unknown, block, unroller
                    )
                    continue
                state = State(law.unknown, block)
                settled = unroller.settle(state)
                made[law.unknown] = (
                    {}
                    if settled is None
                    else self.gradient(unroller.definitions[state], block)
                )
            result.append(made)
        return tuple(result)

    def _first_history(self, name: str, block: int, unroller: Unroller) -> Gradient:
        history = self._histories[name]
        if block < history.first:
            return {}
        here = History(history.kind, history.body, history.first, block)
        settled = unroller.settle(here)
        if settled is None:
            return {}
        return self.gradient(unroller.definitions.get(here, settled), block)

    def output(self, tensor: Tensor) -> Gradient:
        """What the head gets, with indices that count from L."""
        return self.gradient(tensor)

    # -- differentiation

    def gradient(self, tensor: Tensor, block: int | None = None) -> Gradient:
        """The derivative of a tensor; ``block`` where it is written out for one."""
        return merged(self._parts(tensor, block))

    def _parts(
        self, tensor: Tensor, block: int | None
    ) -> Iterator[tuple[Source, Polynomial]]:
        match tensor:
            case Input():
                yield STEM, Polynomial.one()
            case State():
                yield Source(tensor.name, At.of(tensor.index)), Polynomial.one()
            case History():
                yield self._history(tensor), Polynomial.one()
            case Filled():
                return
            case Scaled():
                yield from self._scaled(tensor, block)
            case Apply():
                letter = Letter("operator", tensor.operator, At.of(tensor.index))
                yield from self._times(letter, tensor.argument, block)
            case Elementwise():
                if not self._activations:
                    yield from self._parts(tensor.argument, block)
                    return
                at, argument = placed(tensor.argument, block)
                name = self._name(tensor.name, at, argument)
                letter = Letter("activation", name, at, argument)
                yield from self._times(letter, tensor.argument, block)
            case TensorSum():
                for child in tensor.children:
                    yield from self._parts(child, block)
            case Pointwise():
                yield from self._product(tensor, block)
            case Concat():
                count = len(tensor.children)
                for number, child in enumerate(tensor.children):
                    letter = Letter(
                        "embed",
                        f"E{number + 1}",
                        At(SHARED),
                        part=(number, count),
                    )
                    yield from self._times(letter, child, block)
            case Part():
                part = (tensor.which, tensor.parts)
                name = f"P{tensor.which + 1}"
                letter = Letter("project", name, At(SHARED), part=part)
                if any(isinstance(p, Concat) for p in walk(tensor.tensor)):
                    self._assume("the parts of a concat that is split are equally wide")
                yield from self._times(letter, tensor.tensor, block)
            case Combine() if tensor.kind == "mean":
                share = Polynomial.one().scaled(sympy.Rational(1, len(tensor.children)))
                for child in tensor.children:
                    for source, polynomial in self._parts(child, block):
                        yield source, share * polynomial
            case Combine():
                self._refuse(tensor, tensor.kind)
            case _:
                raise TypeError(type(tensor).__name__)

    def _times(
        self, letter: Letter, tensor: Tensor, block: int | None
    ) -> Iterator[tuple[Source, Polynomial]]:
        front = Polynomial.letter(letter)
        for source, polynomial in self._parts(tensor, block):
            yield source, front * polynomial

    def _scaled(
        self, tensor: Scaled, block: int | None
    ) -> Iterator[tuple[Source, Polynomial]]:
        coefficient = tensor.coefficient
        if tensor.at is not sympy.nan:
            coefficient = coefficient.xreplace({I: tensor.at})
        front = Polynomial({(): coefficient})
        if any(
            self._formula.scalars[item.name].per_feature
            for item in coefficient.atoms(Learned)
        ):
            at, value = placed(Filled(coefficient), block)
            front = Polynomial.letter(Letter("gain", plain(value), at, value))
        for source, polynomial in self._parts(tensor.tensor, block):
            yield source, front * polynomial

    def _product(
        self, tensor: Pointwise, block: int | None
    ) -> Iterator[tuple[Source, Polynomial]]:
        for number, child in enumerate(tensor.children):
            inner = list(self._parts(child, block))
            if not inner:
                continue
            others = [c for n, c in enumerate(tensor.children) if n != number]
            gate = others[0] if len(others) == 1 else Pointwise(*others)
            at, value = placed(gate, block)
            front = Polynomial.letter(Letter("gate", plain(value), at, value))
            for source, polynomial in inner:
                yield source, front * polynomial

    def _history(self, history: History) -> Source:
        if history.kind in ("max", "min"):
            self._refuse(history, history.kind)
        general = History(history.kind, history.body, history.first, I)
        name = plain(general)
        self._histories.setdefault(name, general)
        return Source(name, At.of(history.last))

    def _name(self, function: str, at: At, argument: Tensor) -> str:
        """The function's name, numbered where a block has it with several arguments."""
        group = (function, at if at.base == START else At(at.base))
        arguments = self._names.setdefault(group, [])
        if argument not in arguments:
            arguments.append(argument)
        number = arguments.index(argument)
        return f"{function}{number + 1 if number else ''}"

    def _refuse(self, tensor: Tensor, kind: str) -> None:
        self._report.error(
            "RF601",
            f"{kind} has no linearisation: which argument is the "
            f"{'largest' if kind == 'max' else 'smallest'} depends on the input",
            self._formula.span_of(tensor),
            hint="analyse the formula with a sum, or with relu, in its place",
        )

    def _assume(self, sentence: str) -> None:
        self.assumptions.setdefault(sentence, None)


def settled(tensor: Tensor) -> tuple[At, Tensor]:
    """A tensor with its newest index at i, and where that is; as it is without an i."""
    offsets = [
        At.of(index).number for index in _indices(tensor) if At.of(index).base == BLOCK
    ]
    if not offsets:
        return At(SHARED), tensor
    newest = max(offsets)
    return At(BLOCK, newest), tensor.xreplace({I: I - newest})


def placed(tensor: Tensor, block: int | None) -> tuple[At, Tensor]:
    """Like :func:`settled`; a tensor that is written out for a block stays as it is."""
    return settled(tensor) if block is None else (At(START, newest(tensor)), tensor)


def _indices(tensor: Tensor) -> Iterator[Any]:
    for part in walk(tensor):
        if isinstance(part, State | Apply) and part.index is not sympy.nan:
            yield part.index
        elif isinstance(part, History):
            yield part.last
        elif isinstance(part, Scaled | Filled):
            for item in part.coefficient.atoms(Learned):
                if item.index is not sympy.nan:
                    yield item.index


def _ordered(laws: list[Law]) -> tuple[Law, ...]:
    """Laws in the order of computation: what the same block reads comes first."""
    by_name = {law.unknown: law for law in laws}
    graph = nx.DiGraph()
    graph.add_nodes_from(by_name)
    for law in laws:
        for source in law.gradient:
            if source.at == At(BLOCK) and source.unknown in by_name:
                graph.add_edge(source.unknown, law.unknown)
    rank = {name: number for number, name in enumerate(by_name)}
    order = nx.lexicographical_topological_sort(graph, key=rank.__getitem__)
    return tuple(by_name[name] for name in order)


__all__ = [
    "INPUT",
    "STEM",
    "Gradient",
    "Law",
    "Linear",
    "Source",
    "linearise",
    "merged",
    "settled",
]
