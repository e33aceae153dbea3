"""The figures of a network, ready to be printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction

from recform.algebra.expr import Apply, History, I, State
from recform.algebra.formula import Scope
from recform.algebra.lists import is_list
from recform.algebra.typeset import latex
from recform.algebra.written.said import boundary_texts, equation_texts
from recform.analysis.invariants.backwards import Rebuilt, rebuilt
from recform.blocks import Stride
from recform.diagnostics import CompileError, Diagnostics
from recform.graph.model import NetworkGraph, Totals
from recform.graph.positions import Kept, kept
from recform.recurrence.build import shared_in, show
from recform.recurrence.lists import members
from recform.recurrence.model import Flow, ModuleSlot, Recurrence, Shared, Slot, Step
from recform.recurrence.moves import move
from recform.recurrence.regimes import in_blocks, longest, own_blocks, regimes
from recform.report.stacks import StackRow, stack_rows


@dataclass(frozen=True)
class StateRow:
    """One tensor (or module, or list of tensors) that a block hands on.

    Attributes:
        what: typeset.
        kind: in words.
        reason: who reads it.
        tensors: how many tensors it is behind the last block.
    """

    what: str
    kind: str
    reason: str
    tensors: int = 1


@dataclass(frozen=True)
class Border:
    """What blocks hand on that hand on something else than the others.

    Attributes:
        blocks: their numbers.
        stage: `` of stage 2`` if the index starts anew in each.
        tensors, modules: what they hand on.
    """

    blocks: tuple[int, ...]
    stage: str
    tensors: tuple[str, ...]
    modules: tuple[str, ...]

    @property
    def where(self) -> str:
        """``blocks 4-5``, with the stage if the index starts anew in each."""
        return f"{in_blocks(self.blocks)}{self.stage}"

    def text(self) -> str:
        """``behind blocks 4-5: X_i``."""
        modules = [f"the module {name}" for name in self.modules]
        made = ", ".join([*self.tensors, *modules])
        return f"behind {self.where}: {made}"


@dataclass(frozen=True)
class Reached:
    """How many blocks back the own equations of some blocks reach."""

    blocks: tuple[int, ...]
    order: int


@dataclass(frozen=True)
class StageRow:
    """One line of the stage table; counts are for one example.

    The stride of a stage whose grid is twice as fine is the text ``1/2``.
    """

    name: str
    blocks: int | None
    stride: int | str | None
    shape: str
    parameters: int
    multiply_adds: int
    kept: int


@dataclass(frozen=True)
class SharedRow:
    """A module with several calls; ``where`` says in which blocks, if not in all."""

    name: str
    calls: tuple[str, ...]
    reason: str
    where: str = ""


@dataclass(frozen=True)
class KeptRow:
    """What is kept of positions that were seen, where a network goes on by positions.

    Attributes:
        name: of the operator, or of the piece of the network.
        blocks: of how many blocks it is; 0 for a piece.
        what: in words.
        features: how many numbers of a position, in each block.
        positions: how many of the last ones, for each of the blocks; None for all.
    """

    name: str
    blocks: int
    what: str
    features: int
    positions: tuple[int, ...] | None


@dataclass(frozen=True)
class Summary:
    """What `recform summary` prints.

    Attributes:
        name: of the network.
        equations, boundaries, latex: typeset.
        order: how many blocks back the general equations reach.
        orders: the same of blocks with equations of their own, where it is another number.
        state: what a block hands on, where the general equations hold.
        borders: blocks that hand on something else, around those with equations of their
            own.
        stacks: what waits for blocks that read ``X_<L-i>``.
        bound: size of the minimum cut that proves the state minimal.
        partial: whether the cut may have parts of sums.
        ways: one disjoint way from the past to the future for each tensor.
        early: partial sums that are formed before the block that adds them.
        shared: modules that are called more than once, where the general equations hold;
            and around blocks with equations of their own.
        stages: the table, stem and head included.
        parameters, multiply_adds, kept: totals; ``kept`` is the number of activations
            (numbers, for one example) that autograd keeps for the backward pass.
        proof: how it was proved that the blocks compute the equations.
        generation: what is kept where the network goes on by positions; None where it
            cannot.
        generation_kept: all numbers of that, for one example, behind the last position.
        rebuilt: the longest row of blocks that can be run backwards; None if there is none.
        uncounted: operators of plugins that do not say what they cost.
    """

    name: str
    equations: tuple[str, ...]
    boundaries: tuple[str, ...]
    latex: tuple[str, ...]
    order: int
    orders: tuple[Reached, ...]
    state: tuple[StateRow, ...]
    borders: tuple[Border, ...]
    stacks: tuple[StackRow, ...]
    bound: int
    partial: bool
    ways: tuple[tuple[str, ...], ...]
    early: tuple[str, ...]
    shared: tuple[SharedRow, ...]
    stages: tuple[StageRow, ...]
    parameters: int
    multiply_adds: int
    kept: int
    proof: str
    generation: tuple[KeptRow, ...] | None = None
    generation_kept: int | None = None
    rebuilt: Rebuilt | None = None
    uncounted: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The summary as plain data, for JSON."""
        made = asdict(self)
        return (
            made if self.uncounted else {k: made[k] for k in made if k != "uncounted"}
        )


def summarise(network: NetworkGraph, proof: str = "") -> Summary:
    """The summary of a network.

    Args:
        network: with shapes.
        proof: how it was proved, in words.
    """
    recurrence = network.recurrence
    formula = recurrence.formula
    totals = network.totals
    own = own_blocks(formula)
    try:
        seen = kept(network, Diagnostics())
    except CompileError:
        seen = None
    positions = int(network.stem.output.grid[0]) if seen is not None else 0
    return Summary(
        name=formula.name,
        equations=equation_texts(formula),
        boundaries=boundary_texts(formula),
        latex=tuple(
            f"{latex(State(e.unknown, I))} = {latex(e.right, formula.decimals)}"
            for e in formula.equations
        ),
        order=recurrence.order,
        orders=tuple(
            Reached(regime.blocks, regime.order)
            for regime in regimes(formula, longest(formula))
            if own and not regime.general and regime.order != recurrence.order
        ),
        borders=tuple(_borders(recurrence, own)) if own else (),
        state=tuple(_state(recurrence)),
        stacks=tuple(stack_rows(network)),
        bound=recurrence.bound,
        partial=recurrence.partial,
        ways=recurrence.disjoint,
        early=recurrence.early,
        shared=(
            *(SharedRow(s.name, s.calls, s.reason) for s in recurrence.shared),
            *(_shared(recurrence, own) if own else ()),
        ),
        stages=tuple(_stages(network)),
        parameters=totals.parameters,
        multiply_adds=totals.multiply_adds,
        kept=totals.saved,
        proof=proof,
        generation=None if seen is None else _kept(seen),
        generation_kept=None
        if seen is None
        else sum(k.numbers(positions) for k in seen),
        rebuilt=rebuilt(network),
        uncounted=network.uncounted,
    )


def _kept(seen: Sequence[Kept]) -> tuple[KeptRow, ...]:
    """What blocks keep, in a line for each operator."""
    rows: dict[tuple[str, str, int, bool], list[Kept]] = {}
    for item in seen:
        memory = item.memory
        key = (item.name, memory.what, memory.features, memory.positions is None)
        rows.setdefault(key, []).append(item)
    return tuple(
        KeptRow(
            name,
            len({item.block for item in found} - {0}),
            what,
            features,
            None if every else tuple(item.memory.positions or 0 for item in found),
        )
        for (name, what, features, every), found in rows.items()
    )


def _state(recurrence: Recurrence) -> list[StateRow]:
    pattern, decimals = recurrence.pattern, recurrence.formula.decimals
    rows = []
    for slot in recurrence.state:
        text = show(slot, pattern.at, pattern.absolute, decimals)
        reason, tensors = recurrence.reasons[slot], _tensors(slot, recurrence)
        rows.append(StateRow(text, _kind(slot), reason, tensors))
    return rows


def _around(
    recurrence: Recurrence, flow: Flow, own: Sequence[int]
) -> Iterator[tuple[int, Step]]:
    """The blocks near those with equations of their own, and the step that each takes."""
    reach = max(r.order for r in regimes(recurrence.formula, flow.length))
    for run in flow.runs:
        for block in range(run.first, run.last + 1):
            if own[0] - reach <= block <= own[-1] + reach:
                yield block, recurrence.steps[run.step]


def _stage(recurrence: Recurrence, number: int) -> str:
    return f" of stage {number}" if len(recurrence.flows) > 1 else ""


def _borders(recurrence: Recurrence, own: Sequence[int]) -> Iterator[Border]:
    """Blocks around those with equations of their own whose state is another one."""
    pattern = recurrence.pattern
    for number, flow in enumerate(recurrence.flows, 1):
        found: list[tuple[tuple[str, ...], tuple[str, ...], list[int]]] = []
        for block, step in _around(recurrence, flow, own):
            slots = [_at(slot, step, block) for slot in step.handed]
            usual = {_at(slot, pattern, block) for slot in pattern.handed}
            if block == flow.length or set(slots) == usual:
                continue
            is_module = [isinstance(slot, ModuleSlot) for slot in slots]
            decimals = recurrence.formula.decimals
            names = [show(slot, block, 0, decimals) for slot in slots]
            tensors = tuple(n for n, m in zip(names, is_module, strict=True) if not m)
            modules = tuple(n for n, m in zip(names, is_module, strict=True) if m)
            last = found[-1] if found else ((), (), [-1])
            if last[:2] == (tensors, modules) and last[2][-1] == block - 1:
                last[2].append(block)
            else:
                found.append((tensors, modules, [block]))
        for tensors, modules, blocks in found:
            stage = _stage(recurrence, number)
            yield Border(tuple(blocks), stage, tensors, modules)


def _shared(recurrence: Recurrence, own: Sequence[int]) -> Iterator[SharedRow]:
    """Modules that are called more than once only near blocks with own equations."""
    usual, decimals = set(recurrence.shared), recurrence.formula.decimals
    for number, flow in enumerate(recurrence.flows, 1):
        found: dict[Shared, list[int]] = {}
        for block, step in _around(recurrence, flow, own):
            for row in shared_in(replace(step, absolute=0), decimals):
                if row not in usual:
                    found.setdefault(row, []).append(block)
        for row, blocks in found.items():
            where = in_blocks(blocks) + _stage(recurrence, number)
            yield SharedRow(row.name, row.calls, row.reason, where)


def _tensors(slot: Slot, recurrence: Recurrence) -> int:
    """How many tensors a slot of the state is behind the last block; 0 for a module."""
    if isinstance(slot, ModuleSlot):
        return 0
    longest = max(flow.length for flow in recurrence.flows)
    behind = _at(slot, recurrence.pattern, longest)
    if not isinstance(behind, History) or not is_list(behind):
        return 1
    return members(behind, recurrence.formula.ends)


def _at(slot: Slot, step: Step, block: int) -> Slot:
    """What a step hands on, for another block that takes it."""
    if isinstance(slot, ModuleSlot):
        return ModuleSlot(slot.name, slot.index + block - step.at)
    return move(slot, block - step.at, step.absolute)


def _kind(slot: Slot) -> str:
    if isinstance(slot, ModuleSlot):
        return "module"
    if isinstance(slot, State):
        return "unknown"
    if is_list(slot):
        return "list"
    return "operator's output" if isinstance(slot, Apply) else "formed early"


def _stages(network: NetworkGraph) -> Iterator[StageRow]:
    formula, stem, head = network.recurrence.formula, network.stem, network.head
    for name, totals in network.contexts.items():
        yield _row(f"input {name}", formula.contexts[name], totals)
    if formula.stem.steps:
        yield _row("stem", stem.output, stem.totals)
    for number, stage in enumerate(network.stages):
        if formula.scope is Scope.STAGE and number and network.transitions:
            piece = network.transitions[number - 1]
            name = f"transition {number + 1}"
            yield _row(name, piece.output, piece.totals, stride=piece.stride)
        blocks = sum(segment.count for segment in stage.segments)
        stride, name = formula.stages[number].stride, f"stage {number + 1}"
        yield _row(name, stage.shape, stage.totals, blocks, stride)
    shared = sum((m.totals for group in network.shared for m in group), Totals())
    shared += sum((b.totals for b in [*network.starts, *network.ends]), Totals())
    if shared != Totals():
        yield _row("shared", "", shared)
    if formula.head.steps:
        yield _row("head", head.output, head.totals)


def _row(
    name: str,
    shape: object,
    totals: Totals,
    blocks: int | None = None,
    stride: Stride | None = None,
) -> StageRow:
    return StageRow(
        name,
        blocks,
        str(stride) if isinstance(stride, Fraction) else stride,
        str(shape),
        totals.parameters,
        totals.multiply_adds,
        totals.saved,
    )
