"""The equations written out for single blocks, with what reaches before X_0 gone.

Once all indices are numbers, ``W_<i-1>*X_<i-2>`` of block 4 and ``W_i*X_<i-1>`` of block 3
are the same expression, ``W_3*X_2``: that a value is computed once needs no rule of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
from recform.algebra.lists import LISTS, Dealt, Listed, Members, Mirror, Over, list_of
from recform.algebra.reindex import remade
from recform.blocks.symbolic import Symbolic
from recform.recurrence.numbered import for_block, for_member, kept_by
from recform.recurrence.order import Circular

#: What has a definition of its own.
_NAMED = (State, History)


class Unroller:
    """Writes a formula out for the blocks 1 to ``length``.

    Args:
        formula: the network.
        length: the number of blocks.
        merged: whether names of one tensor become one name: all that starts as the input,
            and an unknown that is an application or a history.

    Attributes:
        length: the number of blocks.
        definitions: for every unknown and every history that was met, what it is.
    """

    def __init__(self, formula: Formula, length: int, *, merged: bool = False) -> None:
        self.length = length
        self._merged = merged
        self._names: dict[Tensor, Tensor] = {}
        self.definitions: dict[Tensor, Tensor] = {}
        self._equations = {e.unknown: e.right for e in formula.equations}
        self._boundaries = {b.left: b.right for b in formula.boundaries}
        self._applied: dict[tuple[str, object], list[Apply]] = {}
        for boundary in formula.boundaries:
            if isinstance(left := boundary.left, Apply):
                self._applied.setdefault((left.operator, left.index), []).append(left)
        self._memo: dict[Tensor, Tensor | None] = {}
        self._waiting: list[Tensor] = []
        # Each list by its kind, body and first index: what it is there, an index later, ...
        self._lists: dict[object, list[History | None]] = {}
        self._ends = set(formula.ends)
        self._open = formula.open_stages
        self._at_start = {
            part.operator
            for boundary in formula.boundaries
            if boundary.right is not None
            for part in subtensors(
                boundary.rule.right if boundary.rule else boundary.right
            )
            if isinstance(part, Apply) and part.index == 0
        }
        self._read = {
            part.name
            for equation in formula.equations
            for part in subtensors(equation.right)
            if isinstance(part, State)
            and part.index != I
            # W_1 of all blocks says nothing of a W_0.
            and not (part.index.is_Integer and part.index > 0)
        }

    def at(self, tensor: Tensor, block: int) -> Tensor | None:
        """A tensor of the formula, written out for a block; None if it vanishes."""
        return self.settle(for_block(tensor, block, self.length))

    def output(self, tensor: Tensor, length: int | None = None) -> Tensor | None:
        """The output expression, for the last block, or if another one is the last."""
        last = self.length if length is None else length
        self.write(last)
        return self.settle(for_block(tensor, last, last))

    def write(self, last: int) -> None:
        """Writes out all unknowns of the blocks up to one.

        From the oldest on, so that a long history needs no deep recursion.
        """
        for block in range(last + 1):
            for state in self._unknowns(block):
                self.settle(state)

    def _unknowns(self, block: int) -> list[State]:
        """The unknowns of a block, those that are names of something else first.

        What has a name is called by it in all that is written out later. The input is
        called as an unknown whose past is read, and the first name stays.
        """
        states = [State(name, block) for name in self._equations]
        if block == 0:
            states += [
                b for b in self._boundaries if isinstance(b, State) and b.index < 0
            ]

        def rank(state: State) -> tuple[int, bool]:
            right = self._right(state)
            kinds = (Input, Apply | History)
            is_name = [isinstance(right, kind) for kind in kinds]
            return (
                is_name.index(True) if any(is_name) else 2,
                state.name not in self._read,
            )

        return sorted(states, key=rank)

    def _right(self, state: State) -> Tensor | None:
        """What the file says of an unknown of a block."""
        if state in self._boundaries:
            return self._boundaries[state]
        index = int(state.index)
        if index < 0:
            return None
        return self._equations[state.name] if index else Input()

    def replaced(self, tensor: Tensor, block: int, *, last: bool = False) -> Tensor:
        """Indices become numbers; coefficients keep ``i`` and remember the block."""
        return for_block(tensor, block, self.length if last else None)

    # -- settling: what vanishes, and what boundary equations say

    def settle(self, tensor: Tensor) -> Tensor | None:
        """The tensor without the terms that vanish; None if nothing is left."""
        if tensor not in self._memo:
            said = tensor in self._boundaries
            self._memo[tensor] = self._said(tensor) if said else self._settle(tensor)
        result = self._memo[tensor]
        return None if result is None else self._names.get(result, result)

    def _said(self, tensor: Tensor) -> Tensor | None:
        """What is left of a tensor that has a boundary equation."""
        if tensor in self._waiting:
            raise Circular(self._waiting[self._waiting.index(tensor) :])
        self._waiting.append(tensor)
        right = self._boundaries[tensor]
        if isinstance(tensor, State):
            result = self._settle(tensor)
        else:
            result = None if right is None else self.settle(for_block(right, 0, None))
        self._waiting.pop()
        return result

    def unnamed(self, tensor: Tensor) -> Tensor | None:
        """The same, but what an unknown is made of is not the unknown."""
        named = self.settle(tensor)
        return named if isinstance(tensor, State) else self._memo[tensor]

    def _settle(self, tensor: Tensor) -> Tensor | None:
        match tensor:
            case Input() | Context():
                return tensor
            case State():
                return self._state(tensor)
            case Mirror():
                # The equations read the unknown, the plan reads the stack.
                kept = self.settle(kept_by(tensor))
                return tensor if kept is not None and self._merged else kept
            case Apply():
                index = None if tensor.index is sympy.nan else int(tensor.index)
                if index is not None and index < 0:
                    return None
                present = [self._shaped(inner) for inner in tensor.arguments]
                arguments = [inner for inner in present if inner is not None]
                if len(arguments) < len(present):
                    return None
                for named in self._applied.get((tensor.operator, tensor.index), ()):
                    # The same tensor may be there under another name.
                    if named != tensor and self._are_same(named.arguments, arguments):
                        return self.settle(named)
                if index == 0 and not self._is_start(tensor.operator, arguments):
                    return None
                return Apply(tensor.operator, tensor.index, *arguments)
            case Scaled():
                inner = self.settle(tensor.tensor)
                if inner is None or _dead_scalar(tensor.coefficient):
                    return None
                if isinstance(inner, Filled):
                    at = inner.at if inner.coefficient.has(I) else tensor.at
                    return Filled(tensor.coefficient * inner.coefficient, at)
                return Scaled(tensor.coefficient, inner, tensor.at)
            case Filled():
                return None if _dead_scalar(tensor.coefficient) else tensor
            case TensorSum():
                return self._sum(tensor)
            case Pointwise():
                return self._product(tensor)
            case Combine() | Concat():
                left = [
                    child
                    for child in self._present(tensor)
                    if not isinstance(child, Filled)
                ]
                if len(left) < 2:
                    return left[0] if left else None
                return remade(tensor, left)
            case Elementwise() | Part() | Members() | Dealt() | Across():
                (whole,) = tensor.children
                inner = self._shaped(whole)
                return inner and remade(tensor, [inner])
            case History():
                if tensor.kind in LISTS:
                    return self._list(tensor)
                return self._history(tensor)
            case Listed():
                parts = self._present(tensor)
                return Listed(*parts) if parts else None
            case Over():
                inner = self._shaped(tensor.tensor)
                if inner is None or not inner.is_many:
                    return None
                # Without members there is no sum, whatever else stands in it.
                there = tensor.kind != "sum" or list_of(inner) is not None
                return Over(tensor.kind, inner) if there else None
        raise TypeError(type(tensor).__name__)

    def _shaped(self, tensor: Tensor) -> Tensor | None:
        """What is left of an argument; a number that is left alone has no shape."""
        inner = self.settle(tensor)
        return None if isinstance(inner, Filled) else inner

    def _is_start(self, operator: str, arguments: Sequence[Tensor]) -> bool:
        """Whether block 0 has an operator: one that a boundary applies to the input."""
        return operator in self._at_start and all(
            isinstance(inner, Input) or self._is_input(inner) for inner in arguments
        )

    def _state(self, state: State) -> Tensor | None:
        index = int(state.index)
        if state in self.definitions:
            return state
        right = self._right(state)
        written = None if right is None else for_block(right, index, None)
        settled = None if written is None else self.settle(written)
        if settled is None or isinstance(settled, Filled):
            return None
        if self._merged and self._is_name(index, written, settled):
            if isinstance(settled, State):
                return settled
            self._names[settled] = state
        self.definitions[state] = settled
        return state

    def is_name(self, state: State) -> bool:
        """Whether an unknown that was written out is another name of a tensor."""
        index, right = int(state.index), self._right(state)
        written = None if right is None else for_block(right, index, None)
        return self._is_name(index, written, self.definitions[state])

    def _is_name(self, index: int, written: Tensor | None, settled: Tensor) -> bool:
        if isinstance(settled, State):
            is_start = index <= 0 and self._is_input(settled)
            return is_start or isinstance(written, Apply)
        return written is not None and _is_named(written, settled, index)

    def _are_same(self, named: Sequence[Tensor], arguments: Sequence[Tensor]) -> bool:
        """Whether the arguments in a boundary equation are others, under their names."""
        return len(named) == len(arguments) and all(
            map(self._is_same, named, arguments)
        )

    def _is_same(self, named: Tensor, argument: Tensor) -> bool:
        """Whether an argument in a boundary equation is another one, under its name."""
        there = self._shaped(named)
        if there is None or there == argument:
            return there is not None
        return all(isinstance(t, Input) or self._is_input(t) for t in (there, argument))

    def _is_input(self, tensor: Tensor) -> bool:
        """Whether a tensor is the input under the name that an unknown gave it."""
        return isinstance(tensor, State) and self.definitions[tensor] == Input()

    def _present(self, tensor: Tensor) -> list[Tensor]:
        settled = [self.settle(child) for child in tensor.children]
        return [child for child in settled if child is not None]

    def _sum(self, tensor: Tensor) -> Tensor | None:
        left = self._present(tensor)
        if not left:
            return None
        if all(isinstance(child, Filled) for child in left):
            return _alone(left, sum((n.coefficient for n in left), sympy.S.Zero))
        if len(left) == len(tensor.children):
            return remade(tensor, left)
        return left[0] if len(left) == 1 else TensorSum(*left)

    def _product(self, tensor: Tensor) -> Tensor | None:
        left = self._present(tensor)
        if len(left) < len(tensor.children):
            return None
        numbers = [child for child in left if isinstance(child, Filled)]
        tensors = [child for child in left if not isinstance(child, Filled)]
        if not tensors:  # sums, of which numbers are left
            return _alone(numbers, sympy.prod(n.coefficient for n in numbers))
        result = tensors[0] if len(tensors) == 1 else Pointwise(*tensors)
        for number in numbers:
            if number.coefficient != 1:
                result = Scaled(number.coefficient, result, number.at)
        return result

    def _history(self, history: History) -> Tensor | None:
        # From the newest that is there on, so that a long history needs no deep recursion.
        new: list[History] = []
        before: Tensor | None = None
        for index in range(int(history.last), history.first - 1, -1):
            here = History(history.kind, history.body, history.first, index)
            if here in self.definitions or here in self._memo:
                before = here if here in self.definitions else self._memo[here]
                break
            new.append(here)
        for here in reversed(new):
            before = self._memo[here] = self._longer_history(here, before)
        return before

    def _longer_history(self, here: History, before: Tensor | None) -> Tensor | None:
        """A history, of what it was an index before."""
        if before is not None:
            before = self._names.get(before, before)
        body = self.settle(for_member(here.body, int(here.last)))
        if here.kind != "sum" and isinstance(body, Filled):
            body = None  # no shape is left of it
        made = _accumulate(here.kind, before, body)
        if before is None or body is None or isinstance(made, Filled):
            return made
        assert made is not None
        self.definitions[here] = made
        return here

    def _list(self, history: History) -> Tensor | None:
        """A list, from its first member that is there on; None if there is none."""
        last = int(history.last)
        if last < history.first:
            return None
        if history.kind == "list":
            return self._grown(history, history.first, last, lambda index: index)
        if history.kind == "finished":
            return self._finished(history, last)
        if last in self._ends and history.body not in self._open:
            return self._finished(history, last + 1)
        before = self._finished(history, last)
        member = self._shaped(for_member(history.body, last))
        parts = [part for part in (before, member) if part is not None]
        return Listed(*parts) if member is not None else before

    def _finished(self, history: History, last: int) -> Tensor | None:
        """The members at the ends of stages before an index."""
        finished = History("finished", history.body, history.first, last)
        return self._grown(
            finished,
            history.first + 1,
            last,
            lambda index: index - 1 if index - 1 in self._ends else None,
        )

    def _grown(
        self,
        history: History,
        first: int,
        last: int,
        new: Callable[[int], int | None],
    ) -> History | None:
        """A list as it grows from index to index.

        Args:
            history: of the kind and the body.
            first: its first index.
            last: its last one.
            new: the member that comes to it at an index, if one does.
        """
        grown = self._lists.setdefault(history.args[:3], [])
        while first + len(grown) <= last:
            index = first + len(grown)
            number = new(index)
            member = (
                None
                if number is None
                else self._shaped(for_member(history.body, number))
            )
            before = grown[-1] if grown else None
            grown.append(self._longer(history, index, before, member))
        return grown[last - first] if last >= first else None

    def _longer(
        self,
        history: History,
        index: int,
        before: History | None,
        member: Tensor | None,
    ) -> History | None:
        """A list at an index: as it was before, with a member more if one comes to it."""
        if member is None and (before is None or history.kind == "list"):
            return before
        start = history.first
        if history.kind == "list":
            start = index if before is None else before.first
        here = History(history.kind, history.body, start, index)
        if here not in self.definitions:
            parts = [part for part in (before, member) if part is not None]
            self.definitions[here] = Listed(*parts)
        return here

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is made from."""
        if isinstance(tensor, _NAMED):
            made = self.definitions[tensor]
            return (made,) if isinstance(tensor, State) else made.children
        if isinstance(tensor, Mirror):
            kept = self.settle(kept_by(tensor))
            assert kept is not None
            return (kept,)
        return tensor.children


def _is_named(written: Tensor, settled: Tensor, index: int) -> bool:
    """Whether an unknown is just a name for what it is made of, as its equation says.

    A sum is no such thing, since a part of it may be formed early; nor is another unknown,
    or an older history, since an adapter may stand between the two.
    """
    if isinstance(settled, Input):
        return index <= 0
    if isinstance(settled, History):
        return isinstance(written, History) and bool(settled.last == index)
    return isinstance(settled, Apply) and isinstance(written, Apply)


def _accumulate(kind: str, before: Tensor | None, body: Tensor | None) -> Tensor | None:
    if before is None or body is None:
        return body if before is None else before
    if kind == "concat":
        return Concat(before, body)
    if isinstance(before, Filled) and isinstance(body, Filled):
        return _alone((before, body), before.coefficient + body.coefficient)
    if kind == "sum":
        return TensorSum(before, body)
    return Combine(kind, before, body)


def _alone(numbers: Sequence[Tensor], made: Symbolic) -> Filled:
    """What is made of numbers alone, of the block of those that depend on one."""
    at = (number.args[1] for number in numbers if number.args[0].has(I))
    return Filled(made, next(at, sympy.nan))


def _dead_scalar(coefficient: Symbolic) -> bool:
    """Whether a coefficient has the scalar of a block that does not exist."""
    return any(
        item.index is not sympy.nan and item.index < 1
        for item in coefficient.atoms(Learned)
    )


__all__ = ["Unroller"]
