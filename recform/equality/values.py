"""Tensors of written-out equations as polynomials: what is equal for all operators.

Operators are free: two atoms are equal if operator, block and argument are. So two
values are equal for every choice of the operators if their normal forms are, and only
then as far as the laws of the functions (relu, tanh, max) are known. With linear
operators an atom's argument is a single product, and a sum is taken apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy

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
    L,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    with_learned,
)
from recform.algebra.lists import Dealt, Listed, Members, Over
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.equality.concat import (
    filling,
    gathered,
    is_number,
    part,
    placed,
    side_by_side,
    width_of,
)
from recform.equality.laws import function, multiplied, together
from recform.equality.terms import (
    ONE,
    Atom,
    Atoms,
    Key,
    Monomial,
    Value,
    cleaned,
    frozen,
    plus,
    scaled,
)
from recform.linear.forms import rational

#: A term of a product is as much work as so many terms that are looked at.
_PRODUCT = 25

#: Gives the value of an unknown, a history or any other tensor that is known already.
Known = Callable[[Tensor], Value | None]


class Evaluator:
    """Evaluates tensors.

    Args:
        atoms: shared by all that is compared.
        linear: whether operators are linear.
        index: what an operator's or a scalar's index becomes in an atom.
        number: the number of the block that stands for ``i`` in coefficients.
        length: what stands for ``L`` in them.
    """

    def __init__(
        self,
        atoms: Atoms,
        *,
        linear: bool,
        index: Callable[[Symbolic], str | int],
        number: Callable[[Symbolic], Symbolic],
        length: Symbolic = L,
    ) -> None:
        self._length = length
        self._atoms = atoms
        self._linear = linear
        self._index = index
        self._number = number

    def value(self, tensor: Tensor, known: Known) -> Value:
        """The value of a tensor."""
        found = known(tensor)
        if found is not None:
            return found

        def inner(child: Tensor) -> Value:
            return self.value(child, known)

        match tensor:
            case Input():
                return self._atoms.value("input")
            case Context():
                return self._atoms.value("context", tensor.name)
            case Apply():
                return self._apply(tensor, known)
            case Elementwise():
                known_as = tensor.function.function or tensor.function
                return function(self._atoms, known_as, inner(tensor.argument))
            case Scaled():
                front = self._front(tensor.coefficient, tensor.at)
                value = inner(tensor.tensor)
                if front.keys() <= {ONE}:
                    made = scaled(front.get(ONE, sympy.S.Zero), value)
                else:
                    made = multiplied(self._atoms, front, value)
                return gathered(self._atoms, made)
            case Filled():
                return self._front(tensor.coefficient, tensor.at)
            case TensorSum():
                terms = [*map(inner, tensor.children)]
                return gathered(self._atoms, plus(*terms))
            case Pointwise():
                result: Value = {ONE: sympy.S.One}
                for child in tensor.children:
                    factor = inner(child)
                    self._atoms.work(_PRODUCT * len(result) * len(factor))
                    result = multiplied(self._atoms, result, factor)
                return result
            case Combine() if tensor.kind == "mean":
                parts = plus(*map(inner, tensor.children))
                mean = scaled(sympy.Rational(1, len(tensor.children)), parts)
                return gathered(self._atoms, mean)
            case Combine():
                return together(
                    self._atoms, tensor.kind, [*map(inner, tensor.children)]
                )
            case Concat():
                widths = [self._width(child, known) for child in tensor.children]
                return side_by_side(self._atoms, [*map(inner, tensor.children)], widths)
            case Part():
                return part(
                    self._atoms, inner(tensor.tensor), tensor.parts, tensor.which
                )
            case Listed():
                members = [frozen(inner(child)) for child in tensor.children]
                return self._atoms.value("listed", *members)
            case Members():
                return self._atoms.value("members", frozen(inner(tensor.listed)))
            case Dealt():
                return self._atoms.value("dealt", frozen(inner(tensor.tensor)))
            case Over() | Across():
                word = "over" if isinstance(tensor, Over) else "across"
                return self._atoms.value(
                    word, tensor.kind, frozen(inner(tensor.tensor))
                )
            case State() | History():
                # What is not known here has vanished before the start.
                return {}
        raise TypeError(type(tensor).__name__)

    def _apply(self, tensor: Apply, known: Known) -> Value:
        """What an operator makes; a linear one of several is a sum of one for each."""
        key = ("apply", tensor.operator, self._index(tensor.index))
        if not self._linear:
            given = (frozen(self._given(part, known)) for part in tensor.arguments)
            return self._atoms.value(*key, *given)
        several = len(tensor.arguments) > 1
        return plus(
            *(
                self._linearly((*key, slot) if several else key, part, known)
                for slot, part in enumerate(tensor.arguments)
            )
        )

    def _given(self, tensor: Tensor, known: Known) -> Value:
        """What an operator gets; it sees how many equal features there are."""
        argument = self.value(tensor, known)
        if not is_number(self._atoms, argument):
            return argument
        width, like = self._width(tensor, known), self._like(tensor, known)
        return filling(self._atoms, argument, width, like)

    def _linearly(self, key: Key, tensor: Tensor, known: Known) -> Value:
        """What a linear operator makes of one of its inputs."""
        argument = self.value(tensor, known)
        if argument and is_number(self._atoms, argument):
            return self._atoms.value(*key, frozen(self._given(tensor, known)))
        return plus(
            *(
                scaled(
                    weight * inner,
                    self._atoms.value(*key, frozen({factors: sympy.S.One})),
                )
                for monomial, weight in argument.items()
                for factors, inner in placed(self._atoms, monomial)
            )
        )

    def _like(self, tensor: Tensor, known: Known) -> tuple[Monomial, ...] | None:
        """The products of a part that is as wide as a tensor: ``X_0`` of ``X_0 - X_0``."""
        value = self.value(tensor, known)
        if not is_number(self._atoms, value):
            return tuple(sorted(value))
        if not isinstance(tensor, Elementwise | Scaled | TensorSum | Combine):
            return None
        parts = (self._like(part, known) for part in tensor.children)
        return next((part for part in parts if part is not None), None)

    def _width(self, tensor: Tensor, known: Known) -> Symbolic | None:
        """How wide a tensor is: as its value, or if that is a number, as its parts."""
        width = width_of(self._atoms, self.value(tensor, known))
        if width is None and isinstance(
            tensor, Elementwise | Scaled | TensorSum | Pointwise | Combine
        ):
            parts = [c for c in tensor.children if not isinstance(c, Filled)]
            widths = [self._width(part, known) for part in parts]
            if widths and all(other == widths[0] for other in widths):
                width = widths[0]
        return width

    def _front(self, coefficient: Symbolic, at: Symbolic) -> Value:
        """What a tensor is multiplied with: a number, but for learned ones a feature.

        No operator can be exchanged with those, and each part of a tensor has its own.
        """
        value, vectors = self._named(coefficient, at)
        if not vectors:
            return cleaned({ONE: rational(value)})
        return plus(
            *(
                {self._features(of_features): rational(number)}
                for number, of_features in (
                    term.as_independent(*vectors, as_Add=False)
                    for term in sympy.Add.make_args(sympy.expand(value))
                )
            )
        )

    def _named(
        self, coefficient: Symbolic, at: Symbolic
    ) -> tuple[Symbolic, frozenset[Symbolic]]:
        """A coefficient with names for learned scalars; those that features have."""
        vectors: set[Symbolic] = set()

        def named(item: Learned) -> Symbolic:
            shared = item.index is sympy.nan
            block = "" if shared else f"@{self._index(item.index)}"
            name = item.name + block + "@k" * item.of_members
            made = sympy.Symbol(name, real=True)
            if item.name in self._atoms.vectors:
                vectors.add(made)
            return made

        value = with_learned(coefficient, named)
        if value.has(I):
            value = filled(value, {I: self._number(at)})
        return filled(value, {L: self._length}), frozenset(vectors)

    def _features(self, product: Symbolic) -> Monomial:
        """Factors that are a number for each feature."""
        factors: list[Atom] = []
        for factor in sympy.Mul.make_args(product):
            base, power = factor.as_base_exp()
            if not (power.is_Integer and power > 0):
                base, power = factor, 1
            if base != 1:
                factors += [self._atoms.number("learned", base)] * int(power)
        return tuple(sorted(factors))


def written_out(
    atoms: Atoms,
    definitions: Mapping[Tensor, Tensor],
    *,
    linear: bool,
    length: Symbolic = L,
    memo: dict[Tensor, Value] | None = None,
) -> Callable[[Tensor], Value]:
    """Evaluates tensors that are written out for single blocks.

    Args:
        atoms: shared by all that is compared.
        definitions: of unknowns and histories.
        linear: whether operators are linear.
        length: the number of blocks, if that is fixed.
        memo: values of unknowns and histories that are known already.
    """
    memo = {} if memo is None else memo
    evaluator = Evaluator(
        atoms,
        linear=linear,
        index=lambda i: "" if i is sympy.nan else int(i),
        number=lambda at: at,
        length=length,
    )

    def known(tensor: Tensor) -> Value | None:
        if tensor not in memo and isinstance(tensor, State | History):
            made = definitions.get(tensor)
            memo[tensor] = {} if made is None else evaluator.value(made, known)
        return memo.get(tensor)

    # From the oldest on, so that many blocks need no deep recursion.
    for tensor in definitions:
        known(tensor)
    return lambda tensor: evaluator.value(tensor, known)
