"""The recurrence of a formula: its steps, its runs, its state and why each is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import sympy

from recform.algebra.expr import Apply, Context, History, I, State, Tensor, subtensors
from recform.algebra.formula import Formula
from recform.algebra.lists import is_list
from recform.algebra.reindex import reindexed
from recform.algebra.typeset import plain
from recform.algebra.written.decimals import Decimals
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.recurrence.blind import warn_if_blind
from recform.recurrence.check import check
from recform.recurrence.lists import check_lists
from recform.recurrence.model import (
    END,
    PATTERN,
    REGULAR,
    START,
    Flow,
    ModuleSlot,
    Place,
    Recurrence,
    Role,
    Run,
    Shared,
    Slot,
    Step,
    contexts_of,
)
from recform.recurrence.moves import is_moved, move, moved
from recform.recurrence.order import Circular, circular
from recform.recurrence.reach import Reach, check_same, reach_of
from recform.recurrence.stacked import Stacked, is_stacked
from recform.recurrence.state import Cut
from recform.recurrence.steps import Writer
from recform.recurrence.unroll import Unroller

#: How many more blocks it may take until the regular step is found.
_LATER = ((0, 1, 2, 4, 8), (16, 32, 64))


def build(formula: Formula, report: Diagnostics) -> Recurrence:
    """The recurrence of a formula.

    Args:
        formula: from the algebra.
        report: gets RF3xx.

    Raises:
        CompileError: if no block can compute what the formula says.
    """
    check(formula, report)
    reach = reach_of(formula, report)
    lengths = formula.lengths
    for length in dict.fromkeys(min(blocks, reach.length) for blocks in lengths):
        _complete(formula, length, report)
    stacked = Stacked(formula, reach) if is_stacked(formula) else None
    if stacked is not None and not stacked.repeats:
        model, pattern, steps = stacked.model, stacked.pattern, stacked.steps
        flows = tuple(stacked.flow for _ in lengths)
    else:
        reach, model, pattern = _regular(formula, reach, report)
        builder = _Builder(formula, reach, pattern)
        flows = tuple(map(builder.flow, lengths))
        steps = builder.steps
    for flow in flows:
        _check_handed(formula, flow, steps, report)
    warn_if_blind(formula, report)
    cut = model.cuts[pattern.at]
    return Recurrence(
        formula=formula,
        order=reach.order,
        steps=tuple(steps),
        flows=flows,
        pattern=pattern,
        reasons=_reasons(pattern, model),
        bound=cut.size,
        partial=reach.partial,
        disjoint=_ways(cut, pattern, formula.decimals),
        early=_early(pattern, formula.decimals),
        shared=shared_in(pattern, formula.decimals),
    )


def _check_handed(
    formula: Formula, flow: Flow, steps: Sequence[Step], report: Diagnostics
) -> None:
    """Reports blocks that nobody needs, as the output is made of other things.

    Raises:
        CompileError: RF316 if it is made of what waits on stacks, RF426 if it is made of
            further inputs.
    """
    for run in flow.runs:
        if not steps[run.step].outputs and not flow.stacks:
            report.error(
                "RF426",
                f"block {run.first} hands nothing on: the output is made of further "
                "inputs, without the blocks before",
                formula.output_span,
                hint="let blocks read the block before them, too: X_<i-1>",
            )
            report.check()
        if not steps[run.step].outputs:
            report.error(
                "RF316",
                f"block {run.first} hands nothing on: the output is made of what waits "
                "on stacks alone",
                formula.output_span,
                hint="let late blocks read the block before them, too: "
                "concat(X_<i-1>, X_<L-i>)",
            )
            report.check()


#: So many blocks more are tried.
_MORE = 9


def _complete(formula: Formula, length: int, report: Diagnostics) -> None:
    """Whether there is an output, and every unknown that is read from block 1 on.

    Raises:
        CompileError: RF305, if not; RF301, if boundary equations need each other.
    """
    unroller = Unroller(formula, length)
    try:
        output = unroller.output(formula.output)
    except Circular as found:
        circular(formula, found, report)
    zero = {b.left for b in formula.boundaries if b.right is None}
    ranges = [p for p in subtensors(formula.output) if isinstance(p, History)]
    read = {
        part.name
        for tensor in (*(e.right for e in formula.equations), *ranges)
        for part in subtensors(tensor)
        if isinstance(part, State)
    }
    for equation in formula.equations:
        for k in range(1, length + 1):
            state = State(equation.unknown, k)
            if state in zero or (output is not None and equation.unknown not in read):
                continue
            if unroller.settle(state) is None:
                report.error(
                    "RF305",
                    f"nothing is left of {state}: all its terms "
                    f"{'are 0, or ' if zero else ''}reach before the start",
                    equation.span,
                    hint=f"add a boundary equation: {state} = ...",
                )
                report.check()
    if output is None:
        report.error(
            "RF305",
            "nothing is left of the output",
            formula.output_span,
            hint=_through(formula, length),
        )
    report.check()
    check_lists(formula, unroller, length, report)


def _through(formula: Formula, length: int) -> str:
    """How something comes through to the output, of which boundary equations leave nothing."""
    zero = [f"{b.left} = 0" for b in formula.boundaries if b.right is None]
    for more in range(length + 1, length + _MORE):
        if Unroller(formula, more).output(formula.output) is not None:
            return f"something comes through {more} blocks: stages ... x {more}"
    return f"leave out {' and '.join(zero)}" if zero else ""


def _regular(
    formula: Formula, reach: Reach, report: Diagnostics
) -> tuple[Reach, Writer, Step]:
    """The regular step: the first one that the block behind it takes as well.

    A state that has to grow to its size does so in the first blocks, and a step that reads
    it before is none that could be repeated.

    Raises:
        CompileError: RF309, if a block before makes all there is of the others.
    """
    for rounds in _LATER:
        # Which parts of sums are formed early may go round and round.
        for partial, later in product(
            (True, False) if reach.early else (False,), rounds
        ):
            tried = replace(reach, later=later, partial=partial)
            model = Writer(formula, tried.length, tried)
            steps = model.follow()
            step, behind = steps[tried.regular : tried.regular + 2]
            if _is_repeated(step, behind, model.unroller):
                return tried, model, replace(step, role=REGULAR)
    check_same(formula, model.unroller.settle, tried.regular, report)
    raise AssertionError(f"no two blocks of {formula.name} take the same step")


def _is_repeated(step: Step, behind: Step, unroller: Unroller) -> bool:
    """Whether the next block computes the same, a block later, in whatever order."""

    def later(slot: Slot) -> Slot | None:
        after = moved(slot, 1, step.absolute)
        return unroller.unnamed(after) if isinstance(after, Tensor) else after

    made = {later(tensor): tensor for tensor in step.body}
    return (
        tuple(map(later, step.inputs)) == behind.inputs
        and tuple(map(later, step.outputs)) == behind.outputs
        and made.keys() == set(behind.body)
        and all(
            tuple(map(later, step.parts(tensor))) == behind.parts(after)
            for after, tensor in made.items()
            if isinstance(after, Tensor)
        )
    )


class _Builder:
    """Makes the flow of each stage and keeps the steps that differ."""

    def __init__(self, formula: Formula, reach: Reach, pattern: Step) -> None:
        self._formula = formula
        self._reach = reach
        self._pattern = pattern
        self._keys: dict[object, int] = {}
        self.steps: list[Step] = []

    def flow(self, blocks: int) -> Flow:
        """How ``blocks`` blocks follow each other."""
        reach = self._reach
        length = min(blocks, reach.length)
        writer = Writer(self._formula, length, reach, self._pattern)
        start, *middle, end = writer.follow()
        longer = blocks - length
        runs: list[Run] = []
        for step in middle:
            at = step.at if step.at <= reach.regular else step.at + longer
            number = self._number(step, length, blocks)
            first = at
            if step.at == reach.regular + 1 and longer:
                # The blocks between the regular one and the last ones repeat it.
                runs[-1] = replace(runs[-1], last=at - 1)
            if runs and runs[-1].step == number:
                runs[-1] = replace(runs[-1], last=at)
            else:
                runs.append(Run(number, first, at))
        return Flow(
            length=blocks,
            start=replace(start, role=START),
            initial=start.outputs,
            runs=tuple(runs),
            final=middle[-1].outputs if middle else start.outputs,
            output=end.outputs[0],  # type: ignore[arg-type]
            end=replace(end, role=END),
        )

    def _number(self, step: Step, length: int, blocks: int) -> int:
        """The number of a step among those that differ."""
        if step.role == PATTERN:
            return self._known(self._pattern, REGULAR)
        if step.at > self._reach.regular:
            return self._known(step, Role(Place.BACK, length - step.at + 1))
        if step.at < blocks or step.at == 1:
            return self._known(step, Role(Place.FRONT, step.at))
        return self._known(step, Role(Place.BACK))

    def _known(self, step: Step, role: Role) -> int:
        definitions = tuple(sorted(map(str, step.definitions.items())))
        key = (step, definitions)
        if key not in self._keys:
            number = self._like(step) if role != REGULAR else None
            if number is None:
                number = len(self.steps)
                self.steps.append(replace(step, role=role))
            self._keys[key] = number
        return self._keys[key]

    def _like(self, step: Step) -> int | None:
        """The number of a special step that reads the same for another block.

        The first blocks of two stages are such, if the file has an equation for them.
        The later one takes the earlier one's place: what it reads is far from the start.
        """
        for number, known in enumerate(self.steps):
            distance = known.at - step.at
            if known.role == REGULAR:
                continue
            if not is_moved(known, step, distance):
                continue
            if distance < 0:
                opens = {known.at, step.at} <= self._starts()
                role = Role(Place.OPENING) if opens else known.role
                self.steps[number] = replace(step, role=role, absolute=0)
            return number
        return None

    def _starts(self) -> set[int]:
        """The first block of every stage, if the index runs through all of them."""
        counts = [stage.blocks for stage in self._formula.stages]
        return {1 + sum(counts[:number]) for number in range(len(counts))}


# ------------------------------------------------------------------------- what is said


def show(slot: Slot, at: int, absolute: int, decimals: Decimals) -> str:
    """A slot as the formula names it for block i: ``W_i*X_<i-1>``."""
    if isinstance(slot, ModuleSlot):
        return _indexed(slot.name, slot.index - at)
    return plain(relative(slot, at, absolute), decimals)


def _indexed(name: str, distance: int) -> str:
    return plain(State(name, I + distance))


def relative(tensor: Tensor, at: int, absolute: int) -> Tensor:
    """A written-out tensor with ``i`` again, for a block number that is far in."""
    table = {sympy.Integer(n): I + (n - at) for n in range(absolute + 1, at + 2)}

    def index(value: Symbolic) -> Symbolic:
        return table.get(value, value)

    def coefficient(value: Symbolic, block: Symbolic) -> tuple[Symbolic, Symbolic]:
        if block is not sympy.nan:
            value = filled(value, {I: index(block)})
        return value, sympy.nan

    return reindexed(tensor, index, coefficient)


def _reasons(pattern: Step, model: Writer) -> dict[Slot, str]:
    """For each tensor of the state, which later block reads it, and for what.

    A block that only adds it to a sum for later blocks reads it, too.
    """
    users: dict[Tensor, list[Tensor]] = {}
    pieces = [part for split in model.early.values() for part in split.children]
    for tensor in dict.fromkeys([*model.live, *model.early, *pieces]):
        for part in model.parts(tensor):
            users.setdefault(part, []).append(tensor)
    reasons: dict[Slot, str] = {}
    for slot in pattern.handed:
        if isinstance(slot, ModuleSlot):
            reasons[slot] = "a later block runs it"
            continue
        readers: dict[int, list[str]] = {}
        seen: set[Tensor] = set()
        stack: list[Tensor] = [slot]
        while stack:
            for user in users.get(stack.pop(), []):
                if user in seen:
                    continue
                seen.add(user)
                lag = model.time(user) - pattern.at
                if is_list(user):
                    stack.append(user)
                elif model.anchored(user) and lag > 0:
                    readers.setdefault(lag, []).append(_label(user))
                elif not model.anchored(user):
                    stack.append(user)
        if not readers:
            reasons[slot] = "the output reads it"
            continue
        lag = min(readers)
        names = ", ".join(dict.fromkeys(sorted(readers[lag])))
        where = "the next block reads it" if lag == 1 else f"block i+{lag} reads it"
        reasons[slot] = f"{where} for {names}"
    return reasons


def _label(tensor: Tensor) -> str:
    """The unknown or the operator that reads a tensor, for block i."""
    name = tensor.operator if isinstance(tensor, Apply) else str(tensor.args[0])
    return _indexed(name, 0)


def _ways(cut: Cut, pattern: Step, decimals: Decimals) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(show(tensor, pattern.at, pattern.absolute, decimals) for tensor in way)
        for way in cut.ways
    )


def _early(pattern: Step, decimals: Decimals) -> tuple[str, ...]:
    texts = []
    for tensor in pattern.handed:
        if isinstance(tensor, ModuleSlot | State | Apply) or is_list(tensor):
            continue
        texts.append(show(tensor, pattern.at, pattern.absolute, decimals))
    return tuple(texts)


def shared_in(pattern: Step, decimals: Decimals) -> tuple[Shared, ...]:
    """Operators that run more than once in a step, or are of more than one block.

    And tensors that are of none.
    """
    calls: dict[tuple[str, Symbolic], list[Apply]] = {}
    for tensor in pattern.body:
        if isinstance(tensor, Apply):
            calls.setdefault((tensor.operator, tensor.index), []).append(tensor)
    result = []
    for (name, index), applications in calls.items():
        texts = tuple(
            show(a, pattern.at, pattern.absolute, decimals) for a in applications
        )
        if index is sympy.nan:
            result.append(Shared(name, texts, "one module for all blocks"))
        elif index != pattern.at:
            shown = _indexed(name, int(index) - pattern.at)
            result.append(Shared(shown, texts, "the module of an earlier block"))
        elif len(applications) > 1:
            result.append(
                Shared(_indexed(name, 0), texts, f"{len(texts)} calls in one block")
            )
    return (*result, *_constants(pattern, decimals))


def _constants(pattern: Step, decimals: Decimals) -> Iterator[Shared]:
    """What the start makes of further inputs for all blocks, and who reads it."""
    for tensor in contexts_of(pattern):
        if not isinstance(tensor, Context):
            users = (t for t in pattern.body if tensor in pattern.parts(t))
            texts = (show(t, pattern.at, pattern.absolute, decimals) for t in users)
            yield Shared(
                plain(tensor, decimals), tuple(texts), "made once of further inputs"
            )


__all__ = ["build", "move", "relative", "shared_in", "show"]
