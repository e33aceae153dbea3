"""SymPy classes for formulas over tensors and operators (a near-ring, not a ring).

Every class keeps its arguments in the author's order and does nothing by itself: SymPy's
``Add`` and ``Mul`` would reorder terms, fold ``X - X`` and turn ``W*W`` into a power,
and ``expand`` would distribute an operator over a sum, which is wrong for blocks.
Operators are gone from the expressions by the time these are made: ``(A + B)*X`` is
``A*X + B*X``, and what is left are applications to a tensor (:class:`Apply`).

An index is a SymPy expression in :data:`I` and :data:`L`, or an integer once a formula
has been written out for one block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from threading import Lock
from typing import ClassVar, Generic, Self, TypeVar
from weakref import WeakValueDictionary

import sympy
from sympy.core.symbol import Str

from recform.blocks.exact import filled
from recform.blocks.operator import Operator
from recform.blocks.symbolic import Symbolic

_T = TypeVar("_T")

#: The number of the block, counted from 1.
I = sympy.Symbol("i", integer=True, positive=True)  # noqa: E741
#: The number of a block, or of what lies before the first: of ``k_<i-1>`` in block 1.
ANY = sympy.Symbol("_i", integer=True)
#: The number of blocks (of the network, or of the stage with `scope stage`).
L = sympy.Symbol("L", integer=True, positive=True)
#: The position among the tokens, with ``times positions``.
T = sympy.Symbol("t", integer=True, positive=True)
#: The position in an accumulated history.
K = sympy.Symbol("_k", integer=True)


def word(name: object) -> str:
    """The text of a name; SymPy's printer, which ``str`` calls, takes long for it."""
    return name.name if isinstance(name, Str) else str(name)


def _text(name: str | Str) -> Str:
    """A name as an argument of an expression."""
    return name if isinstance(name, Str) else _made_text(name)


@lru_cache(maxsize=4096)
def _made_text(name: str) -> Str:
    return Str(name)


def _symbolic(value: Symbolic) -> Symbolic:
    """A number as SymPy's; `sympify` takes long for what is SymPy's already."""
    return value if isinstance(value, sympy.Basic) else sympy.sympify(value)


def _tensor(value: Symbolic) -> Tensor:
    return value  # type: ignore[no-any-return]


class Argument(Generic[_T]):
    """An argument of an expression, by its place, as an attribute.

    Args:
        place: its number among ``args``.
        read: makes of SymPy's what it is here.
    """

    def __init__(self, place: int, read: Callable[[Symbolic], _T]) -> None:
        self._place, self._read = place, read
        self._is_made = read in (_symbolic, _tensor)

    def __get__(self, made: sympy.Basic, owner: type) -> _T:
        found = made.args[self._place]
        return found if self._is_made else self._read(found)


class Learned(sympy.Expr):
    """A learned scalar ``k_i``; stands in coefficients.

    Args: name, index (an expression; ``NaN`` for a scalar without an index), and for
    ``a_<i,k>`` :data:`K`: a number for each member of a sum.
    """

    is_commutative = True

    name = Argument(0, word)
    index = Argument(1, _symbolic)

    def __new__(
        cls, name: str, index: Symbolic = sympy.nan, *member: Symbolic
    ) -> Learned:
        return super().__new__(cls, _text(name), _symbolic(index), *member)  # type: ignore[no-any-return]

    @property
    def of_members(self) -> bool:
        """Whether it is a number for each member of a sum: ``a_<i,k>``."""
        return len(self.args) > 2

    def at(self, index: Symbolic) -> Learned:
        """The same of another block."""
        return Learned(self.name, index, *self.args[2:])


def with_learned(value: Symbolic, name: Callable[[Learned], Symbolic]) -> Symbolic:
    """A coefficient with something else for each learned scalar in it."""
    return filled(value, {item: name(item) for item in value.atoms(Learned)})


def of_number(value: Symbolic, index: Symbolic) -> Symbolic:
    """A number in :data:`ANY` as one of a block, or of what lies before the first.

    In :data:`I`, ``max(1, i)`` would be ``i``, and 0 there.
    """
    return filled(value, {ANY: index})


class Tensor(sympy.Expr):
    """Base of all that is a tensor.

    Equal tensors are one object, as long as it lives: comparing them is then no walk
    through both, though ``X + W*X`` nested n times is a tree of 2^n leaves.
    """

    is_commutative = False
    _alive: ClassVar[WeakValueDictionary[tuple[object, ...], Tensor]] = (
        WeakValueDictionary()
    )
    #: Two threads must not make one each.
    _making: ClassVar[Lock] = Lock()

    def __new__(cls, *args: Symbolic) -> Self:
        key = (cls, args)
        found = Tensor._alive.get(key)
        if found is None:
            with Tensor._making:
                found = Tensor._alive.get(key)
                if found is None:
                    found = super().__new__(cls, *args)
                    Tensor._alive[key] = found
        return found

    def __eq__(self, other: object) -> bool:
        return self is other

    # Python's own, which runs no Python.
    __hash__ = object.__hash__

    @cached_property
    def size(self) -> int:
        """How many operators, functions, sums, products and unknowns it is, written out.

        What stands in several places counts in each.
        """
        return 1 + sum(child.size for child in self.children)

    def _xreplace(self, rule: Mapping[Symbolic, Symbolic]) -> tuple[Symbolic, bool]:
        """SymPy's: the new expression, and whether it is another one."""
        # A rule is read once for each tensor, not for each place where it stands.
        memo: dict[Tensor, tuple[Symbolic, bool]] = {}

        def replaced(part: Symbolic) -> tuple[Symbolic, bool]:
            if part in rule:
                return rule[part], True
            if not isinstance(part, Tensor):
                made = filled(part, rule)
                return made, made is not part
            if part not in memo:
                pairs = list(map(replaced, part.args))
                changed = any(other for _, other in pairs)
                made = part.func(*(arg for arg, _ in pairs)) if changed else part
                memo[part] = made, changed
            return memo[part]

        return replaced(self)

    @cached_property
    def children(self) -> tuple[Tensor, ...]:
        """The tensors that this one is made from, in the author's order."""
        return tuple(arg for arg in self.args if isinstance(arg, Tensor))

    @cached_property
    def is_many(self) -> bool:
        """Whether it is made of all members of a list, and is one tensor for each."""
        return any(child.is_many for child in self.children)

    def _sympystr(self, printer: object) -> str:
        from recform.algebra.typeset import plain

        return plain(self)


class Kinded(Tensor):
    """Base of what is made in one of several ways, which a word says."""

    kind = Argument(0, word)

    def __new__(cls, kind: str | Str, *args: Symbolic) -> Self:
        return super().__new__(cls, _text(kind), *args)


class Single(Tensor):
    """Base of what is made of one tensor."""

    @property
    def tensor(self) -> Tensor:
        return self.children[0]


class Input(Tensor):
    """What the stem hands over (the input of the stage, with `scope stage`)."""

    def __new__(cls) -> Input:
        return super().__new__(cls)


class Context(Tensor):
    """A further input of the network, by its name: the same tensor in all blocks.

    Like a number it is there in every block, and no block hands it on.
    """

    name = Argument(0, word)

    def __new__(cls, name: str | Str) -> Context:
        return super().__new__(cls, _text(name))


class State(Tensor):
    """``X_<i-1>``: the value of an unknown at an index."""

    name = Argument(0, word)
    index = Argument(1, _symbolic)

    def __new__(cls, name: str | Str, index: Symbolic) -> State:
        return super().__new__(cls, _text(name), _symbolic(index))


class Apply(Tensor):
    """``W_i*X``, ``A_i(Q, K, V)``: the operator of block ``index`` applied to tensors.

    The index is ``NaN`` for an operator without one, which all blocks share.
    """

    operator = Argument(0, word)
    index = Argument(1, _symbolic)

    def __new__(cls, operator: str | Str, index: Symbolic, *arguments: Tensor) -> Apply:
        index = _symbolic(index)
        return super().__new__(cls, _text(operator), index, *arguments)

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """What it is applied to, in the order that the operator says."""
        return self.args[2:]  # type: ignore[no-any-return]


class Weighted(Tensor):
    """Base of what holds a scalar.

    Attributes:
        coefficient: may hold numbers, ``i``, ``L`` and :class:`Learned` scalars.
        at: the block whose number ``i`` stands for in the coefficient, once the formula
            has been written out for that block; ``NaN`` before, or where there is no i.
    """

    coefficient = Argument(0, _symbolic)
    at = Argument(-1, _symbolic)

    @property
    def here(self) -> Symbolic:
        """The coefficient in its block."""
        value = self.coefficient
        return value if self.at is sympy.nan else filled(value, {I: self.at})


class Scaled(Weighted, Single):
    """A scalar times a tensor."""

    def __new__(
        cls, coefficient: Symbolic, tensor: Tensor, at: Symbolic = sympy.nan
    ) -> Scaled:
        coefficient = _symbolic(coefficient)
        if not coefficient.has(I):
            at = sympy.nan
        return super().__new__(cls, coefficient, tensor, _symbolic(at))


class Filled(Weighted):
    """A scalar that is added to a tensor, element by element."""

    def __new__(cls, value: Symbolic, at: Symbolic = sympy.nan) -> Filled:
        value = _symbolic(value)
        if not value.has(I):
            at = sympy.nan
        return super().__new__(cls, value, _symbolic(at))


#: What each block has without its being handed on from block to block.
EVERYWHERE = (Filled, Context)


class TensorSum(Tensor):
    """Terms in the author's order; a subtracted one is scaled by -1."""


class Added(TensorSum):
    """A sum that writes over one of its terms; no file says it.

    A network for inference has it where nobody else reads that term. Where terms are
    gone, it is a sum like any other.

    Attributes:
        place: the number of that term.
    """

    place = Argument(0, int)

    def __new__(cls, place: Symbolic, *terms: Tensor) -> Self:
        return super().__new__(cls, _symbolic(place), *terms)

    @property
    def target(self) -> Tensor:
        """The term that it writes over."""
        return self.children[self.place]


class Pointwise(Tensor):
    """Tensors multiplied element by element."""


class Combine(Kinded):
    """``max``, ``min`` or ``mean`` over several tensors, element by element."""


class Concat(Tensor):
    """Tensors side by side along the features."""


class Named(Str):
    """The name of an elementwise operator, with the operator: two may have one name."""

    __slots__ = ("operator",)
    operator: Operator

    def __new__(cls, operator: Operator) -> Self:
        made: Self = super().__new__(cls, operator.name)
        made.operator = operator
        return made

    def __getnewargs__(self) -> tuple[Operator]:
        return (self.operator,)

    def _hashable_content(self) -> tuple[object, ...]:
        return (self.name, self.operator)

    def compare(self, other: object) -> int:
        """SymPy's order, which is that of the names: operators have none."""
        return int(Str(self.name).compare(Str(word(other))))


class Elementwise(Tensor):
    """An elementwise function of one tensor, such as ``relu``.

    It holds the operator of the library or of a plugin that computes it.
    """

    name = Argument(0, word)
    argument = Argument(1, _tensor)

    def __new__(cls, function: Operator | Named, argument: Tensor) -> Elementwise:
        named = function if isinstance(function, Named) else Named(function)
        return super().__new__(cls, named, argument)

    @property
    def function(self) -> Operator:
        return self.args[0].operator  # type: ignore[no-any-return]


class History(Kinded):
    """``concat``, ``sum``, ``max`` or ``min`` of a body over a growing range of indices.

    Attributes:
        kind: how the bodies are put together. In a ``list`` they stay apart; a list by
            ``stages`` has the last member and those at the ends of stages before it; and
            ``finished`` are those at the ends of stages before the last index.
        body: a tensor in :data:`K` (and not in ``i``).
        first: the first index, a number.
        last: the last one, ``i - d`` or ``L - d``.
    """

    body = Argument(1, _tensor)
    first = Argument(2, int)
    last = Argument(3, _symbolic)

    def __new__(
        cls, kind: str | Str, body: Tensor, first: Symbolic, last: Symbolic
    ) -> History:
        bounds = (_symbolic(first), _symbolic(last))
        return super().__new__(cls, kind, body, *bounds)


class Across(Kinded, Single):
    """Across the features: their ``sum`` or ``norm``, one number a position."""


class Part(Single):
    """One of the equal parts into which ``split`` cuts the features."""

    parts = Argument(1, int)
    which = Argument(2, int)

    def __new__(cls, tensor: Tensor, parts: Symbolic, which: Symbolic) -> Part:
        return super().__new__(cls, tensor, sympy.Integer(parts), sympy.Integer(which))


def learned_in(tensor: Tensor) -> set[Learned]:
    """The learned scalars in the coefficient of a tensor, if it has one."""
    if isinstance(tensor, Scaled | Filled):
        return tensor.coefficient.atoms(Learned)  # type: ignore[no-any-return]
    return set()


def learned_within(tensor: Tensor) -> list[Learned]:
    """The learned numbers in front of a tensor, and those that are added in it."""
    added = (part for part in tensor.children if isinstance(part, Filled))
    found = {item for part in (tensor, *added) for item in learned_in(part)}
    return sorted(found, key=str)


def subtensors(
    tensor: Tensor,
    parts: Callable[[Tensor], Sequence[Tensor]] = lambda tensor: tensor.children,
) -> Iterator[Tensor]:
    """A tensor and all that it is made of, each once, parts before what uses them.

    Args:
        tensor: the whole.
        parts: what a tensor is made of, where an unknown is more than its name.
    """
    seen: set[Tensor] = set()
    stack = [(tensor, False)]
    while stack:
        current, ready = stack.pop()
        if ready:
            yield current
        elif current not in seen:
            seen.add(current)
            stack.append((current, True))
            stack += [(part, False) for part in reversed(parts(current))]
