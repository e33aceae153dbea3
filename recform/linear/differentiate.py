"""Derivatives of tensors of a formula, as polynomials over words of operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy

from recform.algebra.definitions.cell import cell_of
from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Context,
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
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.lists import Dealt, Over
from recform.algebra.typeset import plain
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.linear.members import written_sum
from recform.linear.model import STEM, Gradient, Law, Source, merged
from recform.linear.words import Letter, Polynomial
from recform.recurrence.numbered import newest
from recform.recurrence.unroll import Unroller
from recform.series.places import BLOCK, SHARED, START, At


class Differentiator:
    """Differentiates tensors of one formula.

    Args:
        formula: the network.
        report: gets RF601.
        activations: whether the derivatives of elementwise functions are letters.
        choices: whether ``max`` and ``min`` are sums over their arguments, behind gates.
        whole: what each unknown and each history is, where all blocks are written out:
            then a sum over depth is a sum of its members, and what weighs them is not
            differentiated.
    """

    def __init__(
        self,
        formula: Formula,
        report: Diagnostics,
        activations: bool,
        choices: bool = False,
        whole: Mapping[Tensor, Tensor] | None = None,
    ) -> None:
        self._formula = formula
        self._report = report
        self._activations = activations
        self._choices = choices
        self._histories: dict[str, History] = {}
        self._names: dict[tuple[str, At], list[Tensor]] = {}
        self._gates: dict[tuple[At, Tensor], Polynomial] = {}
        self._wholes: dict[object, list[tuple[Source, Polynomial]]] = {}
        self._whole = whole is not None
        self._definitions: Mapping[Tensor, Tensor] = whole or {}
        self.assumptions: dict[str, None] = {}

    # -- laws

    def laws(self) -> list[Law]:
        """A law for each unknown, and for each history that is met."""
        laws = {
            equation.unknown: Law(equation.unknown, self.gradient(equation.right))
            for equation in self._formula.equations
        }
        # The output and single blocks may read a history that no equation reads, and
        # histories of others.
        self.gradient(self._formula.output)
        for boundary in self._formula.boundaries:
            if boundary.right is not None:
                self.gradient(boundary.right)
        pending = list(self._histories)
        while pending:
            name = pending.pop(0)
            known = set(self._histories)
            laws[name] = Law(name, self._history_law(name), written=False)
            pending += [other for other in self._histories if other not in known]
        return list(laws.values())

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
            [(before, old), *((source, new * p) for source, p in body.items())]
        )

    def starts(
        self, laws: tuple[Law, ...], first: int
    ) -> tuple[Mapping[str, Gradient], ...]:
        """The derivatives of the blocks 0 to ``first``, written out."""
        unroller = Unroller(self._formula, first)
        self._definitions = unroller.definitions
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

    def written(self, source: Source) -> Tensor:
        """What an unknown or a history that was met is, where all is written out."""
        name, number = source.unknown, source.at.number
        if name in self._histories:
            history = self._histories[name]
            here = History(history.kind, history.body, history.first, number)
            return self._definitions[here]
        return self._definitions[State(name, number)]

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
            case State() if tensor.index.is_negative and tensor in self._definitions:
                # What lies before block 0 is what its boundary equation makes of it.
                yield from self._parts(self._definitions[tensor], block)
            case State():
                yield Source(tensor.name, At.of(tensor.index)), Polynomial.one()
            case History():
                yield self._history(tensor), Polynomial.one()
            case Filled() | Context():
                return
            case Scaled():
                yield from self._scaled(tensor, block)
            case Apply():
                self._assume_linear(tensor.operator)
                count, at = len(tensor.arguments), At.of(tensor.index)
                for slot, child in enumerate(tensor.arguments):
                    part = (slot, count) if count > 1 else None
                    letter = Letter("operator", tensor.operator, at, part=part)
                    yield from self._times(letter, child, block)
            case Elementwise() if tensor.function.moves:
                letter = Letter("shift", tensor.name, At(SHARED))
                yield from self._times(letter, tensor.argument, block)
            case Elementwise():
                if not self._activations:
                    yield from self._parts(tensor.argument, block)
                    return
                at, value = placed(tensor, block)
                letter = Letter("activation", self._name(value, at), at, value)
                yield from self._times(letter, tensor.argument, block)
            case TensorSum():
                for child in tensor.children:
                    yield from self._parts(child, block)
            case Pointwise():
                yield from self._product(tensor, block)
            case Concat():
                at, value = placed(tensor, block)
                count = len(tensor.children)
                for number, child in enumerate(tensor.children):
                    part = (number, count)
                    letter = Letter("embed", f"E{number + 1}", at, value, part)
                    yield from self._times(letter, child, block)
            case Part():
                part = (tensor.which, tensor.parts)
                name = f"P{tensor.which + 1}"
                letter = Letter("project", name, At(SHARED), part=part)
                front = Polynomial.letter(letter)
                for source, polynomial in self._whole_of(tensor.tensor, block):
                    yield source, front * polynomial
            case Combine() if tensor.kind == "mean":
                share = Polynomial.one().scaled(sympy.Rational(1, len(tensor.children)))
                for child in tensor.children:
                    for source, polynomial in self._parts(child, block):
                        yield source, share * polynomial
            case Over() | Across() | Dealt() if not self._whole:
                self._refuse_whole(tensor)
            case Over() if tensor.kind == "sum":
                for member in written_sum(tensor, self._definitions):
                    yield from self._parts(member, block)
            case Over() | Across() | Dealt():
                self._assume(
                    "paths run through what is weighed, not through its weights"
                )
            case Combine():
                if not self._choices:
                    self._refuse(tensor, tensor.kind)
                yield from self._chosen(tensor, block)
            case _:
                raise TypeError(type(tensor).__name__)

    def _whole_of(
        self, tensor: Tensor, block: int | None
    ) -> list[tuple[Source, Polynomial]]:
        """The derivative of what has many parts, each of which asks for it."""
        key = tensor, block
        if key not in self._wholes:
            if any(isinstance(part, Concat) for part in subtensors(tensor)):
                self._assume("the parts of a concat that is split are equally wide")
            self._wholes[key] = list(self._parts(tensor, block))
        return self._wholes[key]

    def _times(
        self, letter: Letter, tensor: Tensor, block: int | None
    ) -> Iterator[tuple[Source, Polynomial]]:
        front = Polynomial.letter(letter)
        for source, polynomial in self._parts(tensor, block):
            yield source, front * polynomial

    def _scaled(
        self, tensor: Scaled, block: int | None
    ) -> Iterator[tuple[Source, Polynomial]]:
        coefficient = tensor.here
        front = Polynomial({(): coefficient})
        is_learned = isinstance(coefficient, Learned)
        learned = {coefficient} if is_learned else coefficient.atoms(Learned)
        if any(self._formula.scalars[item.name].per_feature for item in learned):
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
            front = self._gate(*placed(gate, block))
            for source, polynomial in inner:
                yield source, front * polynomial

    def _gate(self, at: At, value: Tensor) -> Polynomial:
        """What a factor is to the others; many blocks may have the same."""
        key = at, value
        if key not in self._gates:
            letter = Letter("gate", plain(value), at, value)
            self._gates[key] = Polynomial.letter(letter)
        return self._gates[key]

    def _chosen(
        self, tensor: Combine, block: int | None
    ) -> Iterator[tuple[Source, Polynomial]]:
        """Each argument of a ``max`` or ``min`` behind a gate: where it is taken."""
        at, value = placed(tensor, block)
        for child, shown in zip(tensor.children, value.children, strict=True):
            gate = Letter("gate", f"{tensor.kind} is {plain(shown)}", at, value)
            yield from self._times(gate, child, block)

    def _history(self, history: History) -> Source:
        if history.kind in ("max", "min") and not self._choices:
            self._refuse(history, history.kind)
        general = History(history.kind, history.body, history.first, I)
        name = plain(general)
        self._histories.setdefault(name, general)
        return Source(name, At.of(history.last))

    def _name(self, value: Tensor, at: At) -> str:
        """The function's name, numbered where a block has it with several arguments."""
        assert isinstance(value, Elementwise)
        function, library = value.name, self._formula.library
        group = (function, at if at.base == START else At(at.base))
        values = self._names.setdefault(group, [])
        if value not in values:
            values.append(value)
        number = values.index(value)
        name = f"{function}{number + 1 if number else ''}"
        # The sixth relu is not relu6.
        known = library.elementwise(name) is not None
        taken = number and (known or function[-1].isdigit())
        return f"{function}_{number + 1}" if taken else name

    def _refuse(self, tensor: Tensor, kind: str) -> None:
        self._report.error(
            "RF601",
            f"{kind} has no linearisation: which argument is the "
            f"{'largest' if kind == 'max' else 'smallest'} depends on the input",
            self._formula.span_of(tensor),
            hint="analyse the formula with a sum, or with relu, in its place",
        )

    def _refuse_whole(self, tensor: Over | Across | Dealt) -> None:
        """Refuses what is no recurrence of finite order, or no word of letters."""
        if isinstance(tensor, Over):
            message = (
                "each block weighs all earlier blocks anew, which no recurrence of "
                "finite order does"
            )
            hint = "summary, analyze, verify and equiv take the formula as it is"
        else:
            message = "dot and norm put all features of a position into one number"
            hint = "analyse the formula with an operator in its place"
        self._report.error("RF601", message, self._formula.span_of(tensor), hint=hint)

    def _assume_linear(self, operator: str) -> None:
        """Says what an operator stands for that the file does not name."""
        cell = cell_of(self._formula, operator)
        if cell is not None:
            recurs = ", ".join(name for name in cell.unknowns if cell.lags[name])
            self._assume(
                f"{operator}, the recurrence of {recurs} over positions, is linear"
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


def _indices(tensor: Tensor) -> Iterator[Symbolic]:
    """The indices of a tensor; inside of a history they are those of no block."""
    for part in subtensors(tensor):
        if isinstance(part, State | Apply) and part.index is not sympy.nan:
            if not part.index.has(K):
                yield part.index
        elif isinstance(part, History):
            yield part.last
        elif isinstance(part, Scaled | Filled):
            for item in part.coefficient.atoms(Learned):
                if item.index is not sympy.nan and not item.index.has(K):
                    yield item.index
