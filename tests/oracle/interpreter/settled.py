"""What is left of written-out expressions at the start of the history."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import sympy
from torch import Tensor, nn

from recform.algebra import expr as e
from recform.algebra.formula import Formula
from recform.algebra.lists import Members, Over
from tests.oracle.adapters import Call, sizes
from tests.oracle.interpreter.frame import declared, stages_of_blocks
from tests.oracle.interpreter.terms import (
    before_time,
    is_of_contexts,
    newest,
    parts_of,
)


class Settled:
    """One flow of blocks: the whole network, or a stage with ``scope stage``.

    Attributes:
        arguments: for each operator that was called, by the path of its module, what on.
    """

    def __init__(
        self,
        formula: Formula,
        net: nn.Module,
        blocks: list[nn.Module],
        number: int,
        start: Tensor,
        contexts: dict[str, Tensor],
        calls: list[Call],
        arguments: dict[int, list[tuple[Tensor, ...]]],
    ) -> None:
        self.formula, self.net, self.blocks = formula, net, blocks
        self.ordinal, self.start, self.calls = number, start, calls
        self.contexts = contexts
        self.arguments = arguments
        self.equations = {eq.unknown: eq.right for eq in formula.equations}
        self.boundaries = {b.left: b.right for b in formula.boundaries}
        self.at_start = {
            part.operator
            for b in formula.boundaries
            for right in ([b.rule.right] if b.rule else [b.right])
            if right is not None
            for part in parts_of(right)
            if isinstance(part, e.Apply) and part.index == 0
        }
        self.declared = declared(formula, number, sizes(start))
        self.stages = stages_of_blocks(formula, number)
        self.ends = [0, *accumulate(stage.blocks for stage in formula.stages[:-1])]
        self.calls_of: dict[tuple[str, int], list[Any]] = {}
        self.settled: dict[Any, Any] = {}
        self.values: dict[Any, Any] = {}
        self.made: dict[Any, Tensor] = {}
        self.begun: dict[Any, int] = {}
        self.taken: dict[tuple[int, str], Any] = {}
        self.meetings = 0
        self.block = 0

    def written(self, tensor: Any, block: int) -> Any:
        numbers = {e.I: sympy.Integer(block), e.L: sympy.Integer(len(self.blocks))}
        return tensor.xreplace(numbers)

    def settle(self, tensor: Any) -> Any:
        """A written-out expression without what vanishes; None if nothing is left."""
        if tensor not in self.settled:
            if tensor in self.boundaries and not isinstance(tensor, e.State):
                right = self.boundaries[tensor]
                found = None if right is None else self.settle(self.written(right, 0))
            else:
                found = self._settle(tensor)
            self.settled[tensor] = found
        return self.settled[tensor]

    def _settle(self, tensor: Any) -> Any:
        match tensor:
            case e.Input() | e.Context():
                return tensor
            case e.State():
                return None if self.definition(tensor) is None else tensor
            case e.Filled():
                return None if self.dead(tensor.coefficient) else tensor
            case e.Scaled():
                inner = self.settle(tensor.tensor)
                if inner is None or self.dead(tensor.coefficient):
                    return None
                if isinstance(inner, e.Filled):
                    return e.Filled(tensor.coefficient * inner.coefficient)
                return e.Scaled(tensor.coefficient, inner)
            case e.TensorSum() | e.Combine() | e.Concat():
                left = [self.settle(part) for part in tensor.children]
                return self._joined(tensor, [part for part in left if part is not None])
            case e.Pointwise():
                left = [self.settle(part) for part in tensor.children]
                if None in left:
                    return None
                if all(isinstance(part, e.Filled) for part in left):
                    return e.Filled(sympy.prod(part.coefficient for part in left))
                return e.Pointwise(*left)
            case e.History():
                members = [self.settle(member) for member in self.members(tensor)]
                left = [member for member in members if member is not None]
                # Of one member it is that member, but for a mean: that has a coefficient.
                one = len(left) == 1 and tensor.kind in ("concat", "sum", "max", "min")
                return left[0] if one else tensor if left else None
        if isinstance(tensor, Over):
            inner = self.settle(tensor.tensor)
            there = inner is not None and inner.is_many
            if tensor.kind == "sum":
                # Features for the members are no members.
                there = there and inner.has(Members)
            return Over(tensor.kind, inner) if there else None
        # An operator, a function or a part of something.
        inner = [self.settle(a) if isinstance(a, e.Tensor) else a for a in tensor.args]
        if None in inner or any(isinstance(a, e.Filled) for a in inner):
            return None
        if isinstance(tensor, e.Apply):
            made = e.Apply(tensor.operator, tensor.index, *inner[2:])
            named = self.under_other_names(made)
            if named is not None and named != tensor:
                return self.settle(named)
            return made if self.exists(made) else None
        return tensor.func(*inner)

    def _joined(self, tensor: Any, left: list[Any]) -> Any:
        numbers = [part for part in left if isinstance(part, e.Filled)]
        if not isinstance(tensor, e.TensorSum):
            left = [part for part in left if part not in numbers]
        elif len(numbers) == len(left) > 0:
            return e.Filled(sum(part.coefficient for part in numbers))
        if len(left) < 2:
            return left[0] if left else None
        kind = (tensor.kind,) if isinstance(tensor, e.Combine) else ()
        return tensor.func(*kind, *left)

    def members(self, history: e.History) -> list[Any]:
        last = int(history.last)
        indices = range(history.first, last + 1)
        if history.kind == "stages":
            indices = [k for k in indices if k in self.ends or k == last]
        return [history.body.xreplace({e.K: sympy.Integer(k)}) for k in indices]

    def definition(self, state: e.State) -> Any:
        """What an unknown is at an index; None before the start."""
        index = int(state.index)
        if state in self.boundaries:
            right = self.boundaries[state]
        elif before_time(state.name) and state.name not in self.equations:
            return None
        elif index > 0:
            right = self.equations[state.name]
        else:
            right = e.Input() if index == 0 else None
        found = None if right is None else self.settle(self.written(right, index))
        return None if isinstance(found, e.Filled) else found

    def under_other_names(self, applied: e.Apply) -> Any:
        """What a boundary equation or the start calls an application, if one does."""
        if applied in self.boundaries:
            return applied
        if not all(map(self.is_input, applied.arguments)):
            return None
        for left in self.boundaries:
            if (
                isinstance(left, e.Apply)
                and (left.operator, left.index) == (applied.operator, applied.index)
                and all(map(self.is_input, left.arguments))
            ):
                return left
        inputs = [e.Input()] * len(applied.arguments)
        named = e.Apply(applied.operator, applied.index, *inputs)
        return named if applied.index == 0 and self.exists(named) else None

    def is_input(self, tensor: Any) -> bool:
        """Whether a tensor is the input, under whatever name."""
        if isinstance(tensor, e.State) and int(tensor.index) <= 0:
            return isinstance(self.definition(tensor), e.Input)
        return isinstance(tensor, e.Input)

    def exists(self, applied: e.Apply) -> bool:
        """An operator of a block before the first one is none.

        But for the one that a boundary equation applies to the input, as in X_0 = W_0*input.
        """
        if before_time(applied.operator):
            return False
        if applied.index is sympy.nan or applied.index > 0:
            return True
        return bool(
            applied.index == 0
            and applied.operator in self.at_start
            and all(map(self.is_input, applied.arguments))
        )

    def dead(self, coefficient: Any) -> bool:
        return any(
            (item.index is not sympy.nan and item.index < 1) or before_time(item.name)
            for item in coefficient.atoms(e.Learned)
        )

    def stage(self, tensor: Any) -> int:
        """The stage of the newest block that made a part."""
        if is_of_contexts(tensor):
            # What no block makes is of every stage.
            return self.stages[max(self.block, 1) - 1]
        block = self.newest(tensor)
        return self.stages[block - 1] if block else -1

    def newest(self, tensor: Any) -> int:
        """The number of the newest block that made a part."""
        if isinstance(tensor, e.Apply):
            return self.home(tensor)
        if isinstance(tensor, e.State | e.History):
            return newest(tensor)
        return max(map(self.newest, tensor.children), default=0)

    def home(self, applied: e.Apply) -> int:
        """The block in which an operator runs: its owner's, or where its argument is."""
        if applied.index is sympy.nan:
            return self.begun.get(applied, self.block)
        return max([int(applied.index), *map(newest, applied.arguments)])

    def is_made(self, tensor: Any, block: int) -> bool:
        """Whether a block makes a term itself, with an operator."""
        match tensor:
            case e.Apply():
                return self.home(tensor) == block
            case e.State():
                return int(tensor.index) == block and self.is_made(
                    self.definition(tensor), block
                )
            case e.History():
                last = self.settle(self.members(tensor)[-1])
                return last is not None and self.is_made(last, block)
        return any(self.is_made(part, block) for part in tensor.children)
