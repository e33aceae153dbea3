"""What a network reads of earlier positions, of which there are too few."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from recform.algebra.definitions.cell import cell_of
from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import is_of_context
from recform.blocks import Arguments, Layout, Operator
from recform.diagnostics import Diagnostics
from recform.graph.model import Block, Site, StageGraph
from recform.graph.places import place_in
from recform.recurrence.model import START, Recurrence, Step
from recform.source import Span


def warn_of_positions(
    recurrence: Recurrence,
    starts: Sequence[Block],
    stages: Sequence[Sequence[StageGraph]],
    ends: Sequence[Block],
    report: Diagnostics,
) -> None:
    """Warns of what lies before the first position at every position.

    Args:
        recurrence: the steps.
        starts: what is computed before the first block of each flow.
        stages: for each flow, which blocks take the steps.
        ends: what is computed behind its last block.
        report: gets RF319 (``X_<i-1,t-1>`` where tokens have one position).
    """
    if not any(_reads_back(step, recurrence.formula) for step in _steps(recurrence)):
        return
    follower = _Follower(recurrence.formula, report)
    for flow, start, graphs, end in zip(
        recurrence.flows, starts, stages, ends, strict=True
    ):
        zeros = follower.block(flow.start, start, ())
        for segment in (segment for graph in graphs for segment in graph.segments):
            step = recurrence.steps[segment.step]
            seen: set[tuple[int, ...]] = set()
            for _ in range(segment.count):
                zeros = follower.block(step, segment.block, zeros)
                if zeros in seen:
                    break
                seen.add(zeros)
        follower.block(flow.end, end, zeros)


def _steps(recurrence: Recurrence) -> Iterator[Step]:
    yield from recurrence.steps
    for flow in recurrence.flows:
        yield from (flow.start, flow.end)


def _reads_back(step: Step, formula: Formula) -> bool:
    flows = formula.operators.values()
    within = any(part.operator.moves for flow in flows for part in flow.steps)
    return within or any(_back(tensor, formula) for tensor in step.body)


class _Follower:
    """Follows how many positions of each tensor, the first ones, are zeros for sure.

    Args:
        formula: the network's.
        report: gets RF319.
    """

    def __init__(self, formula: Formula, report: Diagnostics) -> None:
        self._formula = formula
        self._report = report
        self._told: set[Span] = set()
        #: Of what each block has of further inputs.
        self._constants: dict[Tensor, int] = {}

    def block(
        self, step: Step, block: Block, given: tuple[int, ...]
    ) -> tuple[int, ...]:
        """What a block hands on, from what it gets."""
        tokens = [x for x in block.shapes.values() if x.layout is Layout.TOKENS]
        most = max((int(x.grid[0]) for x in tokens), default=0)
        zeros = dict(self._constants)
        for slot, count in zip(step.inputs, given, strict=False):
            if isinstance(slot, Tensor):
                zeros[slot] = min(count, most)

        def of(tensor: Tensor) -> int:
            if tensor not in zeros:
                zeros[tensor] = min(self._made(tensor, parts(tensor)), most)
            return zeros[tensor]

        def parts(tensor: Tensor) -> list[int]:
            return [
                0 if Site(step.bare(part), tensor) in block.sites else of(part)
                for part in step.parts(tensor)
            ]

        self._tell(step, block, of, parts)
        if step.role == START:
            self._constants = {t: of(t) for t in step.body if is_of_context(t)}
        handed = step.handed
        return tuple(of(slot) if isinstance(slot, Tensor) else 0 for slot in handed)

    def _made(self, tensor: Tensor, parts: Sequence[int]) -> int:
        """How many positions of a tensor are zeros, from those of its parts."""
        match tensor:
            case Elementwise():
                return _behind(parts[0], tensor.function, Arguments({}))
            case Apply() if len(parts) == 1:
                return _through(self._formula, tensor, parts[0])[-1]
            case Pointwise():
                return max(parts)
            case State() | Scaled() | TensorSum() | Concat() | Combine() | Part():
                return min(parts, default=0)
        return 0

    def _tell(
        self,
        step: Step,
        block: Block,
        of: Callable[[Tensor], int],
        parts: Callable[[Tensor], Sequence[int]],
    ) -> None:
        """Warns of what is zeros where its argument, at some position, is not."""
        formula = self._formula
        moved = {
            t.argument
            for t in block.shapes
            if isinstance(t, Elementwise) and _back(t, formula)
        }
        for tensor, shape in block.shapes.items():
            of(tensor)
            if shape.layout is not Layout.TOKENS:
                continue
            count = int(shape.grid[0])
            back = 0 if tensor in moved else _back(tensor, formula)
            before = 0 if isinstance(tensor, Apply) else of(_unmoved(tensor))
            if before < count <= before + back:
                self._warn(place_in(formula, step, tensor), count, before, back)
            elif isinstance(tensor, Apply) and len(tensor.arguments) == 1:
                self._tell_within(tensor, parts(tensor)[0], count)

    def _tell_within(self, tensor: Apply, given: int, count: int) -> None:
        """Warns of what is zeros in the flow of an operator."""
        found = _through(self._formula, tensor, given)
        steps = self._formula.operators[tensor.operator].steps
        for step, before, made in zip(steps, found, found[1:], strict=False):
            if step.operator.moves and before < count <= made:
                self._warn(step.span, count, before, made - before)

    def _warn(self, place: Span, count: int, before: int, back: int) -> None:
        if place in self._told:
            return
        self._told.add(place)
        zeros = f"what is {_counted(back)} back is zeros"
        if before:
            zeros = (
                f"what is {_counted(back)} back here is {before + back} back in all, "
                "and zeros"
            )
        self._report.warning(
            "RF319",
            f"there {'is' if count == 1 else 'are'} {_counted(count)} here, so {zeros}: "
            "what stands in front of it learns nothing",
            place,
            hint="the input says how many there are: input 64 x 32 has 64",
        )


def _through(formula: Formula, tensor: Apply, count: int) -> tuple[int, ...]:
    """How many positions are zeros in front of, between and behind operators of a flow."""
    found = [count]
    for step in formula.operators[tensor.operator].steps:
        found.append(_behind(found[-1], step.operator, step.arguments))
    return tuple(found)


def _behind(count: int, operator: Operator, a: Arguments) -> int:
    """How many positions are zeros behind an operator that gets so many."""
    if operator.moves:
        return count + operator.moves
    linear = operator.bears and operator.positionwise and not a["bias"]
    return count if linear or operator.absent or _keeps_zero(operator) else 0


def _keeps_zero(operator: Operator) -> bool:
    """Whether a function makes zeros of zeros."""
    with suppress(ArithmeticError, ValueError):
        return operator.function is not None and operator.function.at(0.0) == 0
    return False


def _unmoved(tensor: Tensor) -> Tensor:
    """What a row of shifts moves."""
    while isinstance(tensor, Elementwise) and tensor.function.moves:
        tensor = tensor.argument
    return tensor


def _back(tensor: Tensor, formula: Formula) -> int:
    """How many positions back a tensor reads at most, where zeros may stand; 0 for none."""
    if isinstance(tensor, Elementwise):
        back = 0
        while isinstance(tensor, Elementwise) and tensor.function.moves:
            back += tensor.function.moves
            tensor = tensor.argument
        return back
    cell = cell_of(formula, tensor.operator) if isinstance(tensor, Apply) else None
    if cell is None:
        return 0
    # What a recurrence begins with is one position back at the first.
    return max(lag - (name in cell.starts) for name, lag in cell.lags.items())


def _counted(count: int) -> str:
    return "one position" if count == 1 else f"{count} positions"
