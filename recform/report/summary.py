"""The figures of a network, ready to be printed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from recform.algebra.expr import Apply, I, State
from recform.algebra.said import boundary_texts, equation_texts
from recform.algebra.typeset import latex
from recform.graph.model import NetworkGraph, StageGraph, Totals
from recform.recurrence.build import show
from recform.recurrence.model import ModuleSlot, Recurrence, Slot


@dataclass(frozen=True)
class StateRow:
    """One tensor (or module) that a block hands on."""

    what: str
    kind: str
    reason: str


@dataclass(frozen=True)
class StageRow:
    """One line of the stage table; counts are for one example."""

    name: str
    blocks: int | None
    stride: int | None
    shape: str
    parameters: int
    multiply_adds: int
    kept: int


@dataclass(frozen=True)
class SharedRow:
    """A module with several calls."""

    name: str
    calls: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Summary:
    """What `recform summary` prints.

    Attributes:
        name: of the network.
        equations, boundaries, latex: typeset.
        order: how many blocks back the equations reach.
        state: what a block hands on.
        bound: size of the minimum cut that proves the state minimal.
        ways: one disjoint way from the past to the future for each tensor.
        early: partial sums that are formed before the block that adds them.
        shared: modules that are called more than once.
        stages: the table, stem and head included.
        parameters, multiply_adds, kept: totals; ``kept`` is the number of activations
            (numbers, for one example) that autograd keeps for the backward pass.
        arguments: keywords of the generated constructor.
    """

    name: str
    equations: tuple[str, ...]
    boundaries: tuple[str, ...]
    latex: tuple[str, ...]
    order: int
    state: tuple[StateRow, ...]
    bound: int
    ways: tuple[tuple[str, ...], ...]
    early: tuple[str, ...]
    shared: tuple[SharedRow, ...]
    stages: tuple[StageRow, ...]
    parameters: int
    multiply_adds: int
    kept: int

    def as_dict(self) -> dict[str, Any]:
        """The summary as plain data, for JSON."""
        return asdict(self)


def summarise(network: NetworkGraph) -> Summary:
    """The summary of a network."""
    recurrence = network.recurrence
    formula = recurrence.formula
    totals = network.totals
    return Summary(
        name=formula.name,
        equations=equation_texts(formula),
        boundaries=boundary_texts(formula),
        latex=tuple(
            f"{latex(State(e.unknown, I))} = {latex(e.right)}"
            for e in formula.equations
        ),
        order=recurrence.order,
        state=tuple(_state(recurrence)),
        bound=recurrence.bound,
        ways=recurrence.disjoint,
        early=recurrence.early,
        shared=tuple(SharedRow(s.name, s.calls, s.reason) for s in recurrence.shared),
        stages=tuple(_stages(network)),
        parameters=totals.parameters,
        multiply_adds=totals.multiply_adds,
        kept=totals.saved,
    )


def _state(recurrence: Recurrence) -> list[StateRow]:
    pattern = recurrence.pattern
    rows = []
    for slot in recurrence.state:
        text = show(slot, pattern.at, pattern.absolute)
        rows.append(StateRow(text, _kind(slot), recurrence.reasons[slot]))
    return rows


def _kind(slot: Slot) -> str:
    if isinstance(slot, ModuleSlot):
        return "module"
    if isinstance(slot, State):
        return "unknown"
    return "operator's output" if isinstance(slot, Apply) else "formed early"


def _stages(network: NetworkGraph) -> list[StageRow]:
    formula = network.recurrence.formula
    rows = []
    if formula.stem.steps:
        rows.append(
            _row("stem", None, None, str(network.stem.output), network.stem.totals)
        )
    for number, stage in enumerate(network.stages):
        if formula.scope == "stage" and number and network.transitions:
            piece = network.transitions[number - 1]
            rows.append(
                _row(
                    f"transition {number + 1}",
                    None,
                    piece.stride,
                    str(piece.output),
                    piece.totals,
                )
            )
        spec = formula.stages[number]
        blocks = sum(segment.count for segment in stage.segments)
        rows.append(
            _row(
                f"stage {number + 1}", blocks, spec.stride, _shape(stage), stage.totals
            )
        )
    shared = sum((m.totals for group in network.shared for m in group), Totals())
    shared += sum((b.totals for b in [*network.starts, *network.ends]), Totals())
    if shared != Totals():
        rows.append(_row("shared", None, None, "", shared))
    if formula.head.steps:
        rows.append(
            _row("head", None, None, str(network.head.output), network.head.totals)
        )
    return rows


def _shape(stage: StageGraph) -> str:
    return str(stage.shape)


def _row(
    name: str, blocks: int | None, stride: int | None, shape: str, totals: Totals
) -> StageRow:
    return StageRow(
        name,
        blocks,
        stride,
        shape,
        totals.parameters,
        totals.multiply_adds,
        totals.saved,
    )
