"""What a recurrence computes at one position, and what comes in from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

import sympy

from recform.algebra.definitions.body import given
from recform.algebra.definitions.cell import before
from recform.algebra.expr import (
    Apply,
    Elementwise,
    Filled,
    History,
    I,
    L,
    Learned,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Start
from recform.algebra.indices import offset
from recform.algebra.pipeline import Pipeline
from recform.algebra.reindex import rebuilt
from recform.blocks.identifiers import identifier
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.lowering.equations.recurring import lag_of
from recform.operators.positions import Shift
from recform.source import Span


class Position:
    """The equations of unknowns that need each other, at one position.

    Args:
        operators: the pipelines of the network.
        group: the unknowns.
        starts: what they begin with, where that is said.
        span: where the recurrence stands.
        spans: where tensors stand; gets those of the new ones.
        report: gets RF230.

    Attributes:
        inputs: what comes in, by its name.
        lags: how many positions back each unknown is read.
        owned: operators and scalars that stand inside, with their indices.
    """

    def __init__(
        self,
        operators: Mapping[str, Pipeline],
        group: tuple[str, ...],
        starts: Sequence[Start],
        span: Span,
        spans: dict[Tensor, Span],
        report: Diagnostics,
    ) -> None:
        self._operators, self._group, self._report = operators, group, report
        self.starts, self.span, self.spans = starts, span, spans
        self.inputs: dict[str, Tensor] = {}
        self.lags = dict.fromkeys(group, 0)
        self.owned: dict[tuple[str, Symbolic], None] = {}
        # Which tensors a position computes, as far as was asked.
        self._within: dict[Tensor, bool] = {}

    def gather(self, rights: Sequence[Tensor]) -> None:
        """Finds the operators and scalars that positions apply to what they read."""
        for start in self.starts:
            learned = sorted(start.value.atoms(Learned), key=str)
            self.owned |= {(item.name, item.index): None for item in learned}
        size = -1
        while size < len(self.owned):
            size = len(self.owned)
            self._within.clear()
            for tensor in (part for right in rights for part in subtensors(right)):
                if self._is_inside(tensor):
                    self.owned |= dict.fromkeys(self.owners(tensor))
                    for child in tensor.children:
                        if isinstance(child, Filled):
                            self.owned |= dict.fromkeys(self.owners(child))

    def _is_inside(self, tensor: Tensor) -> bool:
        """Whether a position computes a tensor, from what it reads of others."""
        if tensor not in self._within:
            self._within[tensor] = (
                (isinstance(tensor, State) and self._is_ours(tensor))
                or not self.owned.keys().isdisjoint(self.owners(tensor))
                or any(map(self._is_inside, tensor.children))
            )
        return self._within[tensor]

    def owners(self, tensor: Tensor) -> list[tuple[str, Symbolic]]:
        """The operator of a tensor, or the learned scalars of its coefficient."""
        if isinstance(tensor, Apply):
            known = self._operators.get(tensor.operator)
            if known is not None and known.is_function:
                return []
            return [(tensor.operator, tensor.index)]
        if isinstance(tensor, Scaled | Filled):
            found = sorted(tensor.coefficient.atoms(Learned), key=str)
            return [(item.name, item.index) for item in found]
        return []

    def _is_ours(self, state: State) -> bool:
        return state.name in self._group and offset(state.index) == 0

    def made(self, tensor: Tensor) -> Tensor:
        """A tensor as a position computes it."""
        made = self._at_position(tensor)
        self.spans.setdefault(made, self.spans.get(tensor, self.span))
        return made

    def _at_position(self, tensor: Tensor) -> Tensor:
        found = lag_of(tensor)
        if found is not None and self._is_ours(found[0]):
            state, lag = found
            self.lags[state.name] = max(lag, self.lags[state.name])
            return before(state.name, lag)
        if isinstance(tensor, Filled):
            return Filled(self.number(tensor))
        if not self._is_inside(tensor):
            return self._input(tensor)
        if isinstance(tensor, TensorSum | Pointwise):
            return tensor.func(*map(self.made, self._joined(tensor)))  # type: ignore[no-any-return]
        if isinstance(tensor, History) or (
            isinstance(tensor, Elementwise) and isinstance(tensor.function, Shift)
        ):
            self.fail(
                "RF230",
                "what a recurrence computes at a position has no history of its own",
                tensor,
                "give it an unknown: Y_<i,t> = ..., and read Y_<i,t-1>",
            )
        # Inside it has no index: there is one of each.
        if isinstance(tensor, Scaled):
            return Scaled(self.number(tensor), self.made(tensor.tensor))
        if isinstance(tensor, Apply):
            arguments = map(self.made, tensor.arguments)
            return Apply(tensor.operator, sympy.nan, *arguments)
        return rebuilt(tensor, self.made)

    def _joined(self, tensor: Tensor) -> Iterator[Tensor]:
        """The terms of a sum, or the factors of a product; those from outside are one."""
        outside = [
            child
            for child in tensor.children
            if not isinstance(child, Filled) and not self._is_inside(child)
        ]
        for child in tensor.children:
            if child not in outside:
                yield child
            elif child == outside[0]:
                yield child if len(outside) == 1 else tensor.func(*outside)

    def _input(self, tensor: Tensor) -> State:
        for name, known in self.inputs.items():
            if known == tensor:
                return given(name)
        # `m` stands for the module where an operator is called.
        taken = {"m", *self.inputs, *(identifier(name).lower() for name in self._group)}
        base = name = _called(tensor)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}{number}"
        self.inputs[name] = tensor
        return given(name)

    def number(self, tensor: Scaled | Filled) -> Symbolic:
        """A coefficient as it stands inside, where its scalars have no index.

        Raises:
            Reported: after RF230.
        """
        found = {item: Learned(item.name) for item in tensor.coefficient.atoms(Learned)}
        coefficient = tensor.coefficient.xreplace(found)
        if coefficient.has(I, L):
            self.fail(
                "RF230",
                "a number of the block cannot stand inside of a recurrence over positions",
                tensor,
                "put it in front of what is free of the recurrence, or use a learned scalar",
            )
        return coefficient

    def fail(
        self, code: str, message: str, at: Tensor | None = None, hint: str = ""
    ) -> NoReturn:
        """Reports something at a tensor, or at the recurrence.

        Raises:
            Reported: always.
        """
        span = self.span if at is None else self.spans.get(at, self.span)
        self._report.fail(code, message, span, hint=hint)


def _called(tensor: Tensor) -> str:
    """What comes in is called after what it is."""
    match tensor:
        case State() | Apply():
            name = tensor.name if isinstance(tensor, State) else tensor.operator
            return identifier(name).lower()
        case Elementwise():
            return _called(tensor.argument)
        case Scaled():
            return _called(tensor.tensor)
        case TensorSum() | Pointwise():
            return next(
                _called(part)
                for part in tensor.children
                if not isinstance(part, Filled)
            )
    return "x"
