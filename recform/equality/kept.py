"""What is kept from block to block when two networks are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    History,
    I,
    Input,
    K,
    L,
    Pointwise,
    State,
    Tensor,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import offset
from recform.blocks.symbolic import Symbolic
from recform.recurrence.reach import reach_of


@dataclass(frozen=True)
class Kept:
    """A tensor of one network at a block, or of a fixed one.

    Attributes:
        side: 0 or 1, the network.
        tensor: with its newest index at i; without i for a fixed one.
        back: how many blocks ago.
    """

    side: int
    tensor: Tensor
    back: int = 0

    @property
    def fixed(self) -> bool:
        """Whether it is the same at every block."""
        return not self.tensor.has(I)


#: What may be kept from block to block, histories aside.
MADE = State | Apply | Elementwise | Pointwise | Concat | Combine

#: Weights of kept tensors whose sum is zero.
Relation = Mapping[Kept, Symbolic]


def first_block(formulas: tuple[Formula, Formula]) -> int:
    """A block at which both equations hold as they are, with all of history."""
    reaches = [reach_of(formula) for formula in formulas]
    regular = max(reach.order + reach.absolute + 1 for reach in reaches)
    return regular + window_of(formulas)


def window_of(formulas: tuple[Formula, Formula]) -> int:
    """How many blocks' tensors are kept: as many as equations and outputs look at."""
    reaches = [reach_of(formula) for formula in formulas]
    return max(max(reach.order, reach.from_end) for reach in reaches) + 1


def delay_of(tensor: Tensor) -> int | None:
    """How many blocks ago the newest part of a tensor is; None for a fixed one."""
    found = []
    for part in subtensors(tensor):
        if isinstance(part, History):
            indices = [part.last, *(part.last + n for n in _reaches(part.body))]
        elif isinstance(part, State | Apply):
            indices = [part.index]
        else:
            continue
        found += [-n for index in indices if (n := offset(index)) is not None]
    return min(found, default=None)


def _reaches(body: Tensor) -> list[int]:
    """How far the indices of a history's body lie behind its variable."""
    return [
        int(part.index - K)
        for part in subtensors(body)
        if isinstance(part, State | Apply) and part.index.has(K)
    ]


def kind_of(tensor: Tensor) -> str:
    """How a tensor's parts are put together: ``concat``, ``max`` or ``min``."""
    return tensor.kind if isinstance(tensor, Combine | History) else "concat"


def holds_history(item: Kept) -> bool:
    """Whether it is a ``concat``, ``max`` or ``min`` with a history inside."""
    return isinstance(item.tensor, Combine | Concat) and item.tensor.has(History)


def parts_of(item: Kept) -> list[Kept]:
    """Of what a ``concat``, ``max`` or ``min`` is made, as kept tensors; or nothing.

    A history is the one of the block before, and what that block adds.
    """
    tensor = item.tensor
    if isinstance(tensor, History) and kind_of(tensor) in ("concat", "max", "min"):
        older = History(tensor.kind, tensor.body, tensor.first, tensor.last - 1)
        made: tuple[Tensor, ...] = (older, tensor.body.xreplace({K: tensor.last}))
    elif isinstance(tensor, Combine | Concat) and kind_of(tensor) != "mean":
        made = tensor.children
    else:
        return []
    result = []
    for part in made:
        delay = delay_of(part)
        fixed = delay is None
        moved = part if delay is None else part.xreplace({I: I + delay})
        result.append(Kept(item.side, moved, 0 if fixed else item.back + (delay or 0)))
    return result


def _in_history(tensor: Tensor) -> bool:
    """Whether a tensor is a part of a history's body, and of no block by itself."""
    whole = {history: Input() for history in tensor.atoms(History)}
    return bool(tensor.xreplace(whole).has(K))


def kept_of(side: int, formula: Formula, window: int) -> list[Kept]:
    """The tensors of a formula that later blocks may need, the unknowns first."""
    fixed: dict[Tensor, None] = {Input(): None}
    moving: dict[Tensor, None] = {State(e.unknown, I): None for e in formula.equations}
    output = formula.output.xreplace({L: I})
    for tensor in (*(e.right for e in formula.equations), output):
        for part in subtensors(tensor):
            # Of what the output computes of the last block nothing is needed later.
            if isinstance(part, History) or (
                isinstance(part, MADE)
                and not _in_history(part)
                and (tensor is not output or isinstance(part, State))
            ):
                delay = delay_of(part)
                if delay is not None:
                    moving[part.xreplace({I: I + delay})] = None
                elif isinstance(part, State):
                    fixed[part] = None
    return [
        *(Kept(side, tensor) for tensor in fixed),
        *(Kept(side, tensor, back) for back in range(window) for tensor in moving),
    ]
