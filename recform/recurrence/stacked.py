"""Networks with long skips: ``X_<L-i>`` is taken off a stack.

How far back such an index reaches depends on the block, so no lag bounds it, and there is
no one state between blocks that could be repeated. But block i takes what is older the
later it comes, and each value once: the blocks of the first half put their values on a
stack, and those of the second half take them off. What a block gets so is like a second
input (:class:`recform.algebra.lists.Mirror`); the rest is a recurrence as any other, and
the smallest state between two blocks is found as there.

All blocks of such a network are written out, up to the number that an equation may name.
Those that compute the same, some blocks later, share a step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import sympy

from recform.algebra.expr import (
    Apply,
    Elementwise,
    Filled,
    I,
    K,
    L,
    Learned,
    Part,
    Scaled,
    State,
    Tensor,
    subtensors,
)
from recform.algebra.formula import Boundary, Formula
from recform.algebra.indices import has_mirror, mirrored
from recform.algebra.lists import Mirror
from recform.algebra.reindex import numbered, rebuilt, reindexed
from recform.recurrence.model import (
    END,
    REGULAR,
    START,
    Flow,
    Place,
    Role,
    Run,
    Stack,
    Step,
)
from recform.recurrence.moves import is_moved
from recform.recurrence.reach import Reach, numbers_in
from recform.recurrence.steps import Writer


def is_stacked(formula: Formula) -> bool:
    """Whether blocks of a network read ``X_<L-i>``."""
    return any(
        b.rule is not None and has_mirror(b.rule.right) for b in formula.boundaries
    )


class Stacked:
    """The steps and flows of a network with long skips.

    Args:
        formula: the network.
        reach: how far its general equations look.

    Attributes:
        steps: all that differ.
        flow: how the blocks follow each other.
        model: the network, written out.
        pattern: the step that most blocks of the first half take.
        repeats: whether an operator would run again on what it gets: one that all blocks
            share, on what comes off a stack and something else. The stack hides then that
            it is the same; who wants that once must not use one.
    """

    def __init__(self, formula: Formula, reach: Reach) -> None:
        self._formula = formula
        self._length = formula.lengths[0]
        self._named = _named(formula)
        reach = replace(reach, absolute=max(self._named, 0))
        self.model = Writer(_with_stacks(formula, self._length), self._length, reach)
        start, *middle, end = self.model.follow()
        self.repeats = _repeats(self.model, [start, *middle, end])
        self.steps: list[Step] = []
        numbers = [self._number(step) for step in middle]
        self._roles(numbers)
        self.pattern = next(s for s in self.steps if s.role == REGULAR)
        self.flow = Flow(
            length=self._length,
            start=replace(start, role=START),
            initial=start.outputs,
            runs=tuple(_runs(numbers)),
            final=middle[-1].outputs,
            output=end.outputs[0],  # type: ignore[arg-type]
            end=replace(end, role=END),
            stacks=tuple(_stacks(self.model, [start, *middle])),
        )

    def _number(self, step: Step) -> int:
        """The number of a step among those that differ; the last block's is kept."""
        for number, known in enumerate(self.steps):
            if is_moved(known, step, known.at - step.at, self._named):
                self.steps[number] = step
                return number
        self.steps.append(step)
        return len(self.steps) - 1

    def _roles(self, numbers: Sequence[int]) -> None:
        """Says of each step where it is taken."""
        taken = Counter(numbers)
        early = [n for n in taken if not self.steps[n].popped]
        late = [n for n in taken if self.steps[n].popped]
        # Of two, the one that is taken first.
        usual = {max(early or late, key=lambda n: taken[n]): REGULAR}
        if early and late:
            usual[max(late, key=lambda n: taken[n])] = Role(Place.LATE)
        for number, step in enumerate(self.steps):
            block = numbers.index(number) + 1
            place = Place.BACK if block == self._length else Place.FRONT
            role = Role(place, 1 if place is Place.BACK else block)
            self.steps[number] = replace(step, role=usual.get(number, role))


def _repeats(model: Writer, steps: Sequence[Step]) -> bool:
    """Whether two blocks compute the same, one of what comes off a stack."""

    def plain(tensor: Tensor) -> Tensor | None:
        mirrors = [part for part in subtensors(tensor) if isinstance(part, Mirror)]
        kept = {mirror: model.unroller.parts(mirror)[0] for mirror in mirrors}
        return model.unroller.settle(tensor.xreplace(kept))

    calls = [plain(t) for step in steps for t in step.body if isinstance(t, Apply)]
    return len(set(calls)) < len(calls)


def _named(formula: Formula) -> int:
    """The highest block that equations for several blocks name by number; -1 for none."""
    rights = [equation.right for equation in formula.equations]
    rights += [b.rule.right for b in formula.boundaries if b.rule is not None]
    return max((n for right in rights for n in numbers_in(right)), default=-1)


def _with_stacks(formula: Formula, length: int) -> Formula:
    """The network whose blocks take ``X_<L-i>`` off a stack.

    Coefficients keep their ``i``, so that blocks can be alike.
    """
    return replace(
        formula,
        boundaries=tuple(_from_stack(b, length) for b in formula.boundaries),
    )


def _from_stack(boundary: Boundary, length: int) -> Boundary:
    if boundary.rule is None:
        return boundary
    made = _taken(boundary.rule.right, length)
    return replace(boundary, right=numbered(made, int(boundary.left.index), length))


def _taken(tensor: Tensor, length: int) -> Tensor:
    """A right side whose tensors of the mirrored block come off a stack.

    What is made of these alone, with an operator that all blocks share or by a function,
    is kept as it is: it is computed once, wherever else it is read.
    """
    shifts = {
        mirrored(part.index) for part in subtensors(tensor) if isinstance(part, State)
    }
    if len(shifts) == 1 and (shift := shifts.pop()) is not None and _is_kept(tensor):
        body = _in_k(tensor, shift)
        return Mirror(body, I, shift, length)
    return rebuilt(tensor, lambda part: _taken(part, length))


def _in_k(tensor: Tensor, shift: int) -> Tensor:
    """The tensor of block k, of that of block ``L+c-i``."""
    return reindexed(
        tensor,
        lambda index: index.xreplace({L: I + K - shift}),
        lambda value, at: (value, at),
    )


def _is_kept(tensor: Tensor) -> bool:
    """Whether all of a tensor of the mirrored block is made where that block is."""
    parts = list(subtensors(tensor))
    if any(isinstance(p, Scaled | Filled) and _is_of_block(p) for p in parts):
        return False
    runs = [part for part in parts if isinstance(part, Apply)]
    if any(part.index is not sympy.nan for part in runs):
        return False
    return bool(runs) or all(isinstance(p, State | Elementwise | Part) for p in parts)


def _is_of_block(tensor: Scaled | Filled) -> bool:
    """Whether a coefficient depends on the block in whose equation it stands."""
    value = tensor.coefficient
    return value.has(I) or any(s.index is not sympy.nan for s in value.atoms(Learned))


def _runs(numbers: Sequence[int]) -> list[Run]:
    runs: list[Run] = []
    for block, number in enumerate(numbers, 1):
        if runs and runs[-1].step == number:
            runs[-1] = replace(runs[-1], last=block)
        else:
            runs.append(Run(number, block, block))
    return runs


def _stacks(model: Writer, steps: Sequence[Step]) -> list[Stack]:
    """The stacks of a flow; ``steps`` are those of the start and of all blocks."""
    found: dict[tuple[Tensor, int], list[Mirror]] = {}
    for mirror in model.mirrors:
        found.setdefault((mirror.body, mirror.shift), []).append(mirror)
    stacks = []
    for (body, shift), mirrors in found.items():
        kept: dict[int, int] = {}
        for mirror in mirrors:
            block = max(0, mirror.block)
            (tensor,) = model.unroller.parts(mirror)
            kept[block] = steps[block].outputs.index(tensor)
        popped = sorted(int(mirror.index) for mirror in mirrors)
        stacks.append(Stack(body, shift, kept, tuple(popped)))
    return stacks
