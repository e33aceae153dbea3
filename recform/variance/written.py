"""A network written out for second moments: its tensors, terms and gates.

A factor of a product that ends in a gate, such as a sigmoid, stands for a number: the same
for all features and examples, and 1/2 as long as the gate's argument has mean zero.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
    with_learned,
)
from recform.algebra.formula import Formula
from recform.algebra.lists import Over
from recform.algebra.multiples import scaled
from recform.algebra.totals import totals
from recform.algebra.typeset import indexed, plain, plain_scalar
from recform.blocks import Function
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import NoNumber, numeric, rights_of
from recform.linear.members import share_at_start, written_sum
from recform.recurrence.regimes import own_blocks, regimes
from recform.recurrence.unroll import Unroller


class Unknown(Exception):
    """Variances that are not followed; the text says why."""


@dataclass(frozen=True)
class Gate:
    """A tensor that stands for a number.

    Attributes:
        symbol: as an expression in letters.
        value: the number.
    """

    symbol: Symbolic
    value: float

    def __add__(self, other: Gate) -> Gate:
        return Gate(self.symbol + other.symbol, self.value + other.value)

    def __mul__(self, other: Gate) -> Gate:
        return Gate(self.symbol * other.symbol, self.value * other.value)


@dataclass(frozen=True)
class Term:
    """A term of an equation.

    Attributes:
        text: in the index i.
        tensor: written out for a block.
    """

    text: str
    tensor: Tensor


class Written:
    """A network of a few blocks.

    Args:
        formula: from the algebra.
        blocks: how many are written out.
        length: how many the network has (``L`` in coefficients).
        gate: a number for all gates, or None.
        normed: operators that make one variance of all that they get.

    Attributes:
        normed: as given.
        gates: the numbers of all gates that were met, by their letters.
        joined: whether features are put side by side.
        definitions: what each unknown and each history is.
        states: the unknowns, the oldest first.
        result: the output; None if it vanishes.
    """

    def __init__(
        self,
        formula: Formula,
        blocks: int,
        length: int,
        gate: float | None,
        normed: frozenset[str] = frozenset(),
    ) -> None:
        self.normed = normed
        self.blocks = blocks
        self._formula = formula
        self._length = length
        self._gate = gate
        self.gates: dict[str, float] = {}
        self._unfit: dict[str, str] = {}
        self._unroller = Unroller(formula, blocks)
        self.result = self._unroller.output(formula.output)
        self.definitions = self._unroller.definitions
        self.states = tuple(
            state
            for block in range(blocks + 1)
            for equation in formula.equations
            if (state := State(equation.unknown, block)) in self.definitions
        )
        self._known: dict[Tensor, Gate | None] = {}
        # A network is followed again and again, with one gain after the other.
        self._numbers: dict[Tensor, float] = {}
        self._members: dict[Over, TensorSum] = {}
        self.joined = any(
            isinstance(part, Concat)
            or (isinstance(part, History) and part.kind == "concat")
            for tensor in (formula.output, *formula.rights)
            for part in subtensors(tensor)
        )

    def number(self, tensor: Scaled | Filled) -> float:
        """A coefficient.

        Raises:
            Unknown: if it is no number.
        """
        if tensor not in self._numbers:
            self._numbers[tensor] = self._number_of(tensor)
        return self._numbers[tensor]

    def _number_of(self, tensor: Scaled | Filled) -> float:
        block = 1 if tensor.at is sympy.nan else int(tensor.at)
        try:
            return numeric(self._formula, tensor.coefficient, block, self._length)
        except NoNumber as reason:
            raise Unknown(str(reason)) from None

    def members(self, tensor: Over) -> TensorSum:
        """A sum over depth as one of its members."""
        if tensor not in self._members:
            self._members[tensor] = TensorSum(*written_sum(tensor, self.definitions))
        return self._members[tensor]

    def unfit(self, operator: str) -> str:
        """Why nothing is known of products with what an operator makes; mostly empty."""
        if operator not in self._unfit:
            self._unfit[operator] = self._why_unfit(operator)
        return self._unfit[operator]

    def _why_unfit(self, operator: str) -> str:
        # What one feature is alone is the same number in all that is made of it, and what
        # is made of a feature alone depends on that feature's size.
        steps = self._formula.operators[operator].steps
        if any(step.arguments.get("width") == 1 for step in steps):
            return f"{operator} makes one feature"
        mixing = [s for s in steps if s.operator.mixes]
        if not any(step.arguments.get("groups", 1) == 1 for step in mixing):
            return f"{operator} does not mix all features"
        return ""

    # -- gates

    def gate(self, tensor: Tensor) -> Gate | None:
        """The number that a tensor stands for; None if it is no gate."""
        if tensor not in self._known:
            self._known[tensor] = self._gate_of(tensor)
        return self._known[tensor]

    def _gate_of(self, tensor: Tensor) -> Gate | None:
        match tensor:
            case State():
                before = dict(self.gates)
                found = self.gate(self.definitions[tensor])
                if found is None or not found.symbol.is_Symbol:
                    return found
                self.gates = before
                return self._named(tensor.name, found.value)
            case Apply():
                steps = self._formula.operators[tensor.operator].steps
                known = steps[-1].operator.function if steps else None
                if known is not None and known.gate:
                    return self._named(tensor.operator, 0.5)
            case Elementwise() if (known := tensor.function.function) and known.gate:
                inside = [p for p in subtensors(tensor) if isinstance(p, Apply)]
                name = inside[0].operator if inside else tensor.name
                return self._named(name, self._at_rest(tensor, known))
            case Over() if tensor.kind == "softmax":
                return self._share(tensor)
            case Scaled():
                inner = self.gate(tensor.tensor)
                return None if inner is None else self._fixed(tensor) * inner
            case TensorSum():
                gates = [
                    self._fixed(child)
                    if isinstance(child, Filled)
                    else self.gate(child)
                    for child in tensor.children
                ]
                if not all(isinstance(child, Filled) for child in tensor.children):
                    return _together(operator.add, gates)
            case Pointwise():
                return _together(operator.mul, map(self.gate, tensor.children))
        return None

    def _fixed(self, tensor: Scaled | Filled) -> Gate:
        """A number of the file beside gates."""
        symbol = with_learned(tensor.here, lambda item: sympy.Symbol(item.name))
        return Gate(symbol, self.number(tensor))

    def _share(self, tensor: Over) -> Gate:
        """What ``softmax`` gives each member of a sum, as the network starts."""
        share = share_at_start(self._formula, tensor, self.definitions, self._length)
        if share is None:
            raise Unknown(
                "a softmax over depth whose score starts at no zero weighs them"
            )
        return Gate(sympy.Float(share), share)

    def _named(self, name: str, value: float) -> Gate:
        letter = name.lower()
        value = value if self._gate is None else self._gate
        # The same letter for another number would be another gate.
        while self.gates.setdefault(letter, value) != value:
            letter += "'"
        return Gate(sympy.Symbol(letter), value)

    def _at_rest(self, tensor: Elementwise, known: Function) -> float:
        """A gate with its operators at zero: of the numbers that are added inside."""
        inside = tensor.argument
        parts = inside.children if isinstance(inside, TensorSum) else (inside,)
        offset = sum(self.number(p) for p in parts if isinstance(p, Filled))
        try:
            return float(known.at(offset))
        except (ArithmeticError, ValueError):
            raise Unknown(f"{tensor.name} has no value at {offset:g}") from None

    # -- terms

    def others(self) -> tuple[int, ...]:
        """The last blocks of those that have other equations than the last block."""
        if not own_blocks(self._formula):
            return ()
        ends = (r.blocks[-1] for r in regimes(self._formula, self.blocks) if r.blocks)
        return tuple(sorted(block for block in ends if block != self.blocks))

    def shares(self, block: int) -> Iterator[tuple[str, Term, str]]:
        """Owner, term and what its gates are as a factor, for a block."""
        for name, index, right in rights_of(self._formula, block):
            state = State(name, block)
            if state not in self.definitions or self.gate(state) is not None:
                continue
            owner = indexed(name, index)
            terms = ((core, factor) for factor, core in self._terms(right, block))
            for core, factor in totals(terms).items():
                term = scaled(factor, core)
                here = self._unroller.at(term, block)
                if factor != 0 and here is not None and not isinstance(here, Filled):
                    yield (
                        owner,
                        Term(plain(term, self._formula.decimals), here),
                        self._through(here),
                    )

    def _terms(self, tensor: Tensor, block: int) -> Iterator[tuple[Symbolic, Tensor]]:
        """A tensor as a sum, with operators applied to each term of a sum.

        An operator of a sum with a number in it is left whole: what the number adds
        is no term. So is one that divides by the size of the sum.
        """
        match tensor:
            case TensorSum():
                for child in tensor.children:
                    yield from self._terms(child, block)
            case Filled():
                return
            case Scaled():
                for factor, core in self._terms(tensor.tensor, block):
                    yield tensor.coefficient * factor, core
            case Elementwise():
                yield from self._terms(tensor.argument, block)
            case Apply() if self._is_whole(tensor, block):
                yield sympy.S.One, tensor
            case Apply():
                for factor, core in self._terms(tensor.arguments[0], block):
                    yield factor, Apply(tensor.operator, tensor.index, core)
            case Part():
                for factor, core in self._terms(tensor.tensor, block):
                    yield factor, Part(core, tensor.parts, tensor.which)
            case Combine() if tensor.kind == "mean":
                for child in tensor.children:
                    for factor, core in self._terms(child, block):
                        yield factor / len(tensor.children), core
            case Pointwise():
                yield from self._products(tensor, block)
            case _:
                yield sympy.S.One, tensor

    def _is_whole(self, tensor: Apply, block: int) -> bool:
        """Whether an operator is no sum of what it makes of the terms of its input."""
        if len(tensor.arguments) != 1 or tensor.operator in self.normed:
            return True
        return self._adds_number(tensor.arguments[0], block)

    def _adds_number(self, tensor: Tensor, block: int) -> bool:
        """Whether a number is a term of a tensor, and no term for itself."""
        match tensor:
            case Filled():
                return True
            case Scaled() | Elementwise() | TensorSum() | Part() | Combine():
                inner = list(tensor.children)
            case Pointwise():
                inner = [c for c in tensor.children if not self._is_gate(c, block)]
            case _:
                return False
        return any(self._adds_number(child, block) for child in inner)

    def _products(
        self, tensor: Pointwise, block: int
    ) -> Iterator[tuple[Symbolic, Tensor]]:
        places = enumerate(tensor.children)
        open_ones = [n for n, c in places if not self._is_gate(c, block)]
        if len(open_ones) != 1:
            yield sympy.S.One, tensor
            return
        (place,) = open_ones
        for factor, core in self._terms(tensor.children[place], block):
            factors = list(tensor.children)
            factors[place] = core
            yield factor, Pointwise(*factors)

    def _is_gate(self, tensor: Tensor, block: int) -> bool:
        here = self._unroller.at(tensor, block)
        return isinstance(here, Filled) or (
            here is not None and self.gate(here) is not None
        )

    def _through(self, tensor: Tensor) -> str:
        """The square of all gates in a term, as text."""
        square = sympy.S.One
        for part in subtensors(tensor):
            if isinstance(part, Pointwise):
                for child in part.children:
                    gate = self.gate(child)
                    named = gate is not None and not gate.symbol.is_number
                    square *= gate.symbol**2 if gate and named else sympy.S.One
        return "" if square == 1 else plain_scalar(square)


def _together(
    join: Callable[[Gate, Gate], Gate], gates: Iterable[Gate | None]
) -> Gate | None:
    """Gates as one; None if something among them is none."""
    found = list(gates)
    known = [gate for gate in found if gate is not None]
    return reduce(join, known) if len(known) == len(found) else None
