"""All that is found out about a formula, ready to be printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recform import graph, recurrence
from recform.algebra.formula import Boundary, Formula, Ranged, Scope
from recform.algebra.written.said import boundary_texts, equation_texts
from recform.analysis.invariants.invariants import Invariant, invariants
from recform.analysis.invariants.inverse import Inverse, inverse
from recform.analysis.jacobian.closed import Formulas, Jacobian, by_input, jacobians
from recform.analysis.jacobian.regimes import pieced
from recform.analysis.paths.ablation import Ablation, deletion, swap
from recform.analysis.paths.distribution import (
    TABLE,
    Distribution,
    Flow,
    Paths,
    flows,
    joined,
    origins,
    paths,
    stage_counts,
)
from recform.analysis.reads import Reads, exact, reads
from recform.analysis.stability.characteristic import Stability, stability
from recform.diagnostics import CompileError, Diagnostics, counted
from recform.linear.model import Linear
from recform.linear.recurrence import linearise, written_out
from recform.recurrence.check import check_depth
from recform.recurrence.regimes import at_depth, own_blocks, regimes, runs
from recform.recurrence.restaged import restaged
from recform.variance.variance import Growth, Moments, growth, moments
from recform.variance.written import Unknown

#: Networks without laws for any block are written out whole, up to this depth.
WHOLE = 256


@dataclass(frozen=True)
class Asked:
    """What a user asks beyond the formula.

    Attributes:
        depth: another number of blocks, or None for the file's.
        origin: paths start at this block (0: at the input).
        gain: what each block is assumed to multiply a signal by.
        activations: whether derivatives of elementwise functions stay in the Jacobian.
        delete: blocks to take out.
        swap: two blocks that change places, or nothing.
        gate: the number that stands for every gate, or None for what each has with its
            operators at zero.
    """

    depth: int | None = None
    origin: int = 0
    gain: float = 0.5
    activations: bool = False
    delete: tuple[int, ...] = ()
    swap: tuple[int, int] | None = None
    gate: float | None = None


@dataclass(frozen=True)
class FlowAnalysis:
    """What is known of one flow of blocks.

    Attributes:
        flow: the blocks.
        paths: through them; none if they are not counted.
        uncounted: why; empty if they are.
        moments: variances with the assumed gain; None if they are not followed.
        random: variances with a gain of 1; None likewise.
        growth: variances where norms work; None if no operator has one, or likewise.
        unfollowed: why they are not followed; empty if they are.
        ablations: what deleting blocks does.
        swapped: what swapping two does.
        reads: the blocks that each block reads, by number, those of the output behind
            them; none in a deep network.
    """

    flow: Flow
    paths: tuple[Paths, ...]
    uncounted: str
    moments: Moments | None
    random: Moments | None
    growth: Growth | None
    unfollowed: str
    ablations: tuple[Ablation, ...]
    swapped: Ablation | None
    reads: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class EqualBlocks:
    """The stability of blocks that have the same equations.

    Attributes:
        blocks: their numbers.
        stability: of a network of such blocks.
    """

    blocks: tuple[int, ...]
    stability: Stability


@dataclass(frozen=True)
class Analysis:
    """The analysis of a network.

    Attributes:
        name: of the network.
        equations, boundaries: as the author wrote them.
        asked: the question.
        reads: which earlier blocks each block reads, in ``i``.
        linear: the linearised recurrence that the Jacobian is written in; None if there
            is none.
        unlinear: why; empty if there is one.
        jacobians: of the output by each unknown.
        start: the derivative of short networks by their input.
        stability: of equal blocks, by the general equations; None if there is no
            linearised recurrence.
        invariants: combinations that stay constant.
        inverse: the blocks run backwards.
        flows: the network, or its stages.
        borders: blocks where the shape changes, so that adapters stand in front of terms.
        assumptions: what was taken for granted, in sentences.
        own: blocks from the second on that have an equation of their own.
        regimes: the stability of each group of blocks, where there are such.
    """

    name: str
    equations: tuple[str, ...]
    boundaries: tuple[str, ...]
    asked: Asked
    reads: tuple[Reads, ...]
    invariants: tuple[Invariant, ...]
    inverse: Inverse
    flows: tuple[FlowAnalysis, ...]
    borders: tuple[int, ...]
    own: tuple[int, ...]
    linear: Linear | None = None
    unlinear: str = ""
    assumptions: tuple[str, ...] = ()
    jacobians: tuple[Jacobian, ...] = ()
    start: tuple[Formulas, ...] = ()
    stability: Stability | None = None
    regimes: tuple[EqualBlocks, ...] = ()

    @property
    def whole(self) -> Distribution | None:
        """The paths through all stages of ``scope stage``; None where there is one flow."""
        if len(self.flows) == 1 or self.asked.origin:
            return None
        if any(not flow.paths for flow in self.flows):
            return None
        return joined([flow.paths[0].net for flow in self.flows])

    @property
    def alike(self) -> int:
        """How many blocks in a row have no equation of their own, at most."""
        depth = max(item.flow.length for item in self.flows)
        like = (block for block in range(1, depth + 1) if block not in self.own)
        return max((last - first + 1 for first, last in runs(like)), default=0)


def analyse(
    formula: Formula, report: Diagnostics, asked: Asked | None = None
) -> Analysis:
    """The analysis of a network.

    Args:
        formula: from the algebra, checked by the recurrence.
        report: gets RF603 and RF315, and the warning RF602.
        asked: the question.

    Raises:
        CompileError: if a block or a depth is asked for that is not there, or the shapes
            of a network of that depth do not meet (RF40x).
    """
    asked = asked or Asked()
    _check(formula, asked, report)
    if asked.depth is not None:
        formula = restaged(formula, stage_counts(formula, asked.depth))
        formula = _of_depth(formula, asked.depth, report)
        _check_shapes(formula)
    try:
        plain = linearise(formula, Diagnostics(), activations=False)
    except CompileError as reason:
        return _without_laws(formula, asked, reason.diagnostics[0].message)
    shown = linearise(formula, report, activations=True) if asked.activations else plain
    found = _laid_out(formula, asked, [plain for _ in flows(formula, asked.depth)])
    lengths = [item.flow.length for item in found.flows]
    return replace(
        found,
        linear=shown,
        assumptions=shown.assumptions,
        jacobians=pieced(shown, jacobians(shown), lengths),
        start=tuple(
            row
            for length in range(1, 4)
            if length <= max(lengths) and (row := _short(shown, length)) is not None
        ),
        stability=stability(plain, None if found.own else report),
        regimes=_equal_blocks(formula, asked, report) if found.own else (),
    )


def _without_laws(formula: Formula, asked: Asked, reason: str) -> Analysis:
    """The analysis of a network of which there is no linearised recurrence."""
    lengths = [flow.length for flow in flows(formula, asked.depth)]
    whole = [written_out(formula, n) if n <= WHOLE else None for n in lengths]
    assumptions = (sentence for item in whole if item for sentence in item.assumptions)
    return replace(
        _laid_out(formula, asked, whole),
        unlinear=reason,
        assumptions=tuple(dict.fromkeys(assumptions)),
    )


def _laid_out(
    formula: Formula, asked: Asked, linears: Sequence[Linear | None]
) -> Analysis:
    """What needs no laws for any block; and for each flow what its own laws say."""
    each = tuple(
        _flow(formula, linear, flow, asked)
        for linear, flow in zip(linears, flows(formula, asked.depth), strict=True)
    )
    return Analysis(
        name=formula.name,
        equations=equation_texts(formula),
        boundaries=boundary_texts(formula),
        asked=asked,
        reads=reads(formula, max(item.flow.length for item in each)),
        invariants=invariants(formula),
        inverse=inverse(formula, asked.gain),
        flows=each,
        borders=_borders(formula),
        own=own_blocks(formula),
    )


def _of_depth(formula: Formula, depth: int, report: Diagnostics) -> Formula:
    """The network with so many blocks.

    Raises:
        CompileError: RF315, if its equations have none; RF302, if they name a block
            that it has not.
    """
    deep = at_depth(formula, depth)
    if deep is None:
        rules: list[Boundary | Ranged] = [*formula.ranges, *formula.boundaries]
        report.error(
            "RF315",
            f"with {counted(depth, 'block')}, the equations for ranges of blocks do not fit",
            next(r.span for r in rules if r.rule is not None and r.rule.relative),
            hint="`recform check` of the file with so many blocks says why; "
            "floor(L/2) is a block for every L",
        )
        report.check()
    assert deep is not None
    check_depth(deep, depth, report)
    return deep


def _check_shapes(formula: Formula) -> None:
    """Makes sure that a file with so many blocks has a network.

    Raises:
        CompileError: if shapes do not meet in it.
    """
    numbered = any(table.by_block for table in formula.tables)
    if numbered or not all(stage.blocks for stage in formula.stages):
        return  # Such a file would have other numbers, or other stages.
    try:
        graph.build(recurrence.build(formula, Diagnostics()), Diagnostics())
    except CompileError as error:
        found = [item for item in error.diagnostics if item.code.startswith("RF4")]
        if found:
            raise CompileError(found) from None


def _short(linear: Linear, length: int) -> Formulas | None:
    """The derivative of a short network by its input."""
    formula = at_depth(linear.formula, length)
    if formula is None:
        return None
    if formula is not linear.formula:
        linear = linearise(formula, Diagnostics(), activations=linear.activations)
    return by_input(linear, length)


def _equal_blocks(
    formula: Formula, asked: Asked, report: Diagnostics
) -> tuple[EqualBlocks, ...]:
    """The stability of blocks in a row with the same equations, if these are not all.

    One block alone is no recurrence; nothing is said of it.
    """
    longest = max(flow.length for flow in flows(formula, asked.depth))
    found = []
    for regime in regimes(formula, longest):
        if regime.formula is None or regime.in_row < 2:
            continue
        plain = linearise(regime.formula, Diagnostics(), activations=False, first=0)
        found.append(
            EqualBlocks(regime.blocks, stability(plain, report, regime.blocks))
        )
    return tuple(found)


def _flow(
    formula: Formula, linear: Linear | None, flow: Flow, asked: Asked
) -> FlowAnalysis:
    """What is known of a flow; without laws nothing of its paths."""
    found: list[Moments | None] = [None, None]
    unfollowed, normed = "", None
    try:
        random = moments(formula, flow.length, 1.0, asked.gate)
        found = [random, random]
        if asked.gain != 1:
            found[0] = moments(formula, flow.length, asked.gain, asked.gate, random)
        normed = growth(formula, random, flow.length)
    except Unknown as reason:
        unfollowed = str(reason)
    return FlowAnalysis(
        flow=flow,
        paths=tuple(
            paths(linear, flow.stages, flow.length, origin)
            for origin in origins(linear, asked.origin)
        )
        if linear
        else (),
        uncounted="" if linear else f"there are more than {WHOLE} blocks",
        moments=found[0],
        random=found[1],
        growth=normed,
        unfollowed=unfollowed,
        ablations=tuple(
            deletion(linear, flow.length, (block,)) for block in asked.delete if linear
        ),
        swapped=swap(linear, flow.length, *asked.swap)
        if asked.swap and linear
        else None,
        reads=exact(formula, flow.length) if flow.length <= TABLE else (),
    )


def _check(formula: Formula, asked: Asked, report: Diagnostics) -> None:
    """Reports blocks that are not there."""
    shortest = min(flow.length for flow in flows(formula, asked.depth))
    blocks = [asked.origin, *asked.delete, *(asked.swap or ())]
    spans = [stage.span for stage in formula.stages if stage.span is not None]
    for number, block in enumerate(blocks):
        if (0 if number == 0 else 1) <= block <= shortest:
            continue
        what = f"there is no block {block}: the blocks are 1 to {shortest}"
        if formula.scope is Scope.STAGE:
            what += " (of the shortest stage)"
        if spans and asked.depth is None:
            inside = [span for span in spans if span.source is formula.source]
            if inside:
                report.error("RF603", what, inside[-1], "the last block is made here")
                continue
        report.error("RF603", what, formula.equations[0].span)
    report.check()


def _borders(formula: Formula) -> tuple[int, ...]:
    """The first blocks of stages whose shape differs from what comes in."""
    if formula.scope is Scope.STAGE:
        return ()
    borders, before, strided = [], 0, False
    width: int | None = None
    for stage in formula.stages:
        strided = strided or stage.stride != 1
        if not stage.blocks:  # At a depth that was asked for.
            continue
        if width is not None and (stage.width != width or strided):
            borders.append(before + 1)
        before += stage.blocks
        width, strided = stage.width, False
    return tuple(borders)
