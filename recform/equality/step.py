"""The step of the induction: a block by what is kept of the blocks before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import sympy

from recform.algebra.expr import Apply, History, I, Input, K, L, State, Tensor
from recform.algebra.formula import Formula
from recform.blocks.symbolic import Symbolic
from recform.equality.kept import MADE, Kept, Relation, delay_of, kind_of, parts_of
from recform.equality.laws import together
from recform.equality.terms import Atoms, Value, frozen, plus, scaled
from recform.equality.values import Evaluator


def step(
    formulas: tuple[Formula, Formula],
    kept: Sequence[Kept],
    told: Mapping[Kept, Relation],
    atoms: Atoms,
    *,
    linear: bool,
) -> tuple[list[Value], list[Value]]:
    """The kept tensors of the next block, and the outputs that it would make.

    Args:
        formulas: of the two networks.
        kept: what is kept of both.
        told: tensors that are sums of the others: by what these are multiplied.
        atoms: numbers for what the tensors are made of.
        linear: whether operators are linear.

    Raises:
        TooLarge: if values have too many terms.
    """
    last = _Before(kept, told, atoms, linear)
    before = {item: last.value(item) for item in kept}
    after: dict[Kept, Value] = {}
    outputs = []
    for side, formula in enumerate(formulas):
        run = _Next(side, formula, before, atoms, linear)
        for item in kept:
            if item.side == side:
                after[item] = run.at(item)
        outputs.append(run.output())
    return [after[item] for item in kept], outputs


def _at_block(block: Symbolic, atoms: Atoms, linear: bool) -> Evaluator:
    """Evaluates tensors of a block, whose number is said in ``i``."""
    return Evaluator(
        atoms,
        linear=linear,
        index=lambda index: (
            "" if index is sympy.nan else str(index.xreplace({I: block}))
        ),
        number=lambda at: block if at is sympy.nan else at,
    )


class _Before:
    """The kept tensors of the block before, those that are told by the others.

    A tensor that is not told is made of what it is made of, or stays as it is.
    """

    def __init__(
        self,
        kept: Sequence[Kept],
        told: Mapping[Kept, Relation],
        atoms: Atoms,
        linear: bool,
    ) -> None:
        self._kept, self._told, self._atoms = frozenset(kept), told, atoms
        self._values: dict[Kept, Value] = {}
        self._waiting: set[Kept] = set()
        # They are those of the block before the new one, whose number is i.
        self._evaluator = _at_block(I - 1, atoms, linear)

    def value(self, item: Kept) -> Value:
        if item not in self._values:
            told = self._told.get(item)
            made = self._own(item) if told is None else {}
            for other, factor in (told or {}).items():
                made = plus(made, scaled(factor, self.value(other)))
            self._values[item] = made
        return self._values[item]

    def _own(self, item: Kept) -> Value:
        if item.fixed and isinstance(item.tensor, Input):
            return self._atoms.value("input")
        # Tensors may be told by each other: then one of them stays as it is.
        made = None
        if item not in self._waiting:
            self._waiting.add(item)
            made = self._made(item)
            self._waiting.discard(item)
        return self._atoms.value("kept", item) if made is None else made

    def _made(self, item: Kept) -> Value | None:
        """What a tensor is made of, if all of that is kept."""
        if isinstance(item.tensor, History):
            parts = parts_of(item)
            if not parts or any(part not in self._kept for part in parts):
                return None
            kind = kind_of(item.tensor)
            return together(self._atoms, kind, [*map(self.value, parts)])
        if isinstance(item.tensor, State | Apply) or item.fixed:
            return None
        try:
            moved = item.tensor.xreplace({I: I - item.back})
            return self._evaluator.value(moved, partial(self._known, item))
        except LookupError:
            return None

    def _known(self, item: Kept, tensor: Tensor) -> Value | None:
        """What is known of a part of a tensor.

        Raises:
            LookupError: if it is not kept, and must be.
        """
        delay = delay_of(tensor)
        if not isinstance(tensor, MADE | History | Input):
            return None
        moved = tensor if delay is None else tensor.xreplace({I: I + delay})
        part = Kept(item.side, moved, delay or 0)
        if part in self._kept and part != item:
            return self.value(part)
        if isinstance(tensor, State | Apply | History | Input):
            raise LookupError(tensor)
        return None


class _Next:
    """One network at block i, by what is kept of the blocks before."""

    def __init__(
        self,
        side: int,
        formula: Formula,
        before: Mapping[Kept, Value],
        atoms: Atoms,
        linear: bool,
    ) -> None:
        self._side = side
        self._formula = formula
        self._equations = {e.unknown: e.right for e in formula.equations}
        self._before = before
        self._atoms = atoms
        self._memo: dict[Tensor, Value] = {}
        self._evaluator = _at_block(I, atoms, linear)

    def at(self, item: Kept) -> Value:
        """A kept tensor at the new block."""
        if item.fixed:
            return self._before[item]
        if item.back:
            return self._before[Kept(self._side, item.tensor, item.back - 1)]
        return self.value(item.tensor)

    def output(self) -> Value:
        """The output, with L for i."""
        return self.value(self._formula.output.xreplace({L: I}))

    def value(self, tensor: Tensor) -> Value:
        return self._evaluator.value(tensor, self._known)

    def _known(self, tensor: Tensor) -> Value | None:
        if tensor in self._memo:
            return self._memo[tensor]
        found = self._find(tensor)
        if found is not None:
            self._memo[tensor] = found
        return found

    def _find(self, tensor: Tensor) -> Value | None:
        if not isinstance(tensor, MADE | History | Input):
            return None
        delay = delay_of(tensor)
        found = None
        if delay is None:
            found = self._before.get(Kept(self._side, tensor))
        elif delay >= 1:
            moved = tensor.xreplace({I: I + delay})
            found = self._before.get(Kept(self._side, moved, delay - 1))
        elif isinstance(tensor, State):
            found = self.value(self._equations[tensor.name])
        elif isinstance(tensor, History):
            found = self._history(tensor)
        if found is None and isinstance(tensor, State | History):
            # Nothing is known of it: it is like no other tensor.
            return self._atoms.value("unknown", self._side, tensor)
        return found

    def _history(self, tensor: History) -> Value | None:
        if tensor.kind == "stages":
            return None  # which blocks end a stage is no matter of blocks in general
        before = self.value(
            History(tensor.kind, tensor.body, tensor.first, tensor.last - 1)
        )
        body = self.value(tensor.body.xreplace({K: tensor.last}))
        if tensor.kind == "sum":
            return plus(before, body)
        if tensor.kind == "list":
            return self._atoms.value("listed", frozen(before), frozen(body))
        return together(self._atoms, tensor.kind, [before, body])
