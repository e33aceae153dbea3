"""What must hold before a formula is written out: causality and reachable indices."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from recform.algebra.expr import (
    Apply,
    Filled,
    History,
    I,
    Input,
    K,
    L,
    Learned,
    Scaled,
    State,
    Tensor,
    subtensors,
)
from recform.algebra.formula import Boundary, Equation, Formula, Scope
from recform.algebra.indices import offset, time_of, untimed
from recform.algebra.typeset import indexed
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.recurrence.order import check_circles, needed
from recform.source import Span


def check(formula: Formula, report: Diagnostics) -> None:
    """Reports what no block can compute.

    Args:
        formula: the network.
        report: gets RF301 to RF305.

    Raises:
        CompileError: if there was anything.
    """
    check_depth(formula, depth_of(formula), report)
    _no_operators(formula, report)


def check_depth(formula: Formula, depth: int, report: Diagnostics) -> None:
    """Reports what no block of a network of some depth can compute.

    Args:
        formula: the network.
        depth: how many blocks there are.
        report: gets RF301 to RF305.

    Raises:
        CompileError: if there was anything.
    """
    for equation in formula.equations:
        _causal(formula, equation, report)
        for tensor in subtensors(equation.right):
            _indices(formula, equation, tensor, depth, report)
    check_circles(formula, report)
    for boundary in formula.boundaries:
        _boundary(formula, boundary, depth, report)
    for tensor in subtensors(formula.output):
        _output(formula, tensor, depth, report)
    report.check()


def fits(formula: Formula, boundary: Boundary, depth: int) -> bool:
    """Whether the block of a boundary equation can compute it.

    Args:
        formula: the network.
        boundary: one of its own.
        depth: how many blocks there are.
    """
    report = Diagnostics()
    _boundary(formula, boundary, depth, report)
    return not report.has_errors


def _no_operators(formula: Formula, report: Diagnostics) -> None:
    """Warns of terms with the operator of a block that does not exist: ``W_0*tanh(X_0)``.

    Only where the author wrote the number; what reaches before the start of itself is
    meant to vanish.
    """
    lefts = {boundary.left for boundary in formula.boundaries}
    said: set[Tensor] = set()
    for boundary in formula.boundaries:
        right = boundary.right if boundary.rule is None else boundary.rule.right
        for tensor in () if right is None else subtensors(right):
            if (
                not isinstance(tensor, Apply)
                or tensor in lefts
                or tensor in said
                or not tensor.index.is_Integer
                or tensor.index > 0
                or (tensor.index == 0 and any(map(_is_start, tensor.arguments)))
            ):
                continue
            said.add(tensor)
            named = indexed(tensor.operator, tensor.index)
            report.warning(
                "RF311",
                f"there is no {named} for this, so the term with it is left out",
                span_in(formula, tensor, boundary),
                hint=f"blocks are counted from 1; a boundary equation may apply "
                f"{indexed(tensor.operator, sympy.S.Zero)} to the input alone, as in "
                f"X_0 = {indexed(tensor.operator, sympy.S.Zero)}*input",
            )


def _is_start(argument: Tensor) -> bool:
    """Whether an argument may be the input, under the name of an unknown."""
    if isinstance(argument, State):
        return bool(argument.index.is_Integer and argument.index <= 0)
    return isinstance(argument, Input)


def depth_of(formula: Formula) -> int:
    """The number of blocks that an absolute index can name."""
    return min(formula.lengths)


def span_in(formula: Formula, tensor: Tensor, equation: Equation | Boundary) -> Span:
    """Where a part of an equation stands."""
    span = formula.spans.get(tensor)
    inside = equation.span
    if (
        span is not None
        and span.source is inside.source
        and inside.start <= span.start < inside.end
    ):
        return span
    return inside if span is None else span


def _causal(formula: Formula, equation: Equation, report: Diagnostics) -> None:
    name = equation.unknown
    for tensor in subtensors(equation.right):
        if isinstance(tensor, State):
            step = offset(tensor.index)
            if step is not None and (step > 0 or (step == 0 and tensor.name == name)):
                span = span_in(formula, tensor, equation)
                later = State(tensor.name, tensor.index + equation.ahead)
                what = "itself" if step == 0 else f"{later}, which comes later"
                hint = f"did you mean {indexed(tensor.name, equation.block - 1)}?"
                if time_of(tensor.name) is not None and step > 0:
                    hint = (
                        "a block runs through all times before the next block starts, "
                        "so feedback comes from the same block or from earlier ones"
                    )
                report.error(
                    "RF301",
                    f"{indexed(name, equation.block)} is computed from {what}",
                    span,
                    hint=hint,
                )
        elif isinstance(tensor, History):
            step = offset(tensor.last)
            limit = _reach(tensor, name)
            end = str(equation.block + limit).replace(" ", "")
            if step is None or step > limit:
                report.error(
                    "RF301",
                    f"{indexed(name, equation.block)} is computed from a history that is not "
                    "complete yet",
                    span_in(formula, tensor, equation),
                    hint=f"a history ends at {end}: {untimed(name)}_<0..{end}>"
                    if limit == -1
                    else f"it can end at {end}",
                )
            newest = tensor.body.xreplace({K: tensor.last})
            for part in subtensors(newest):
                _owned(part, span_in(formula, tensor, equation), equation.block, report)
        else:
            _owned(tensor, span_in(formula, tensor, equation), equation.block, report)


def _owned(tensor: Tensor, place: Span, block: Symbolic, report: Diagnostics) -> None:
    """Reports operators and scalars of blocks that come later than the one computed."""
    here = str(block).replace(" ", "")
    if isinstance(tensor, Apply):
        step = offset(tensor.index)
        if step is not None and step > 0:
            report.error(
                "RF303",
                f"block {here} cannot use {indexed(tensor.operator, block + step)}: "
                "the operator of a later block",
                place,
                hint=f"did you mean {indexed(tensor.operator, block)}?",
            )
    elif isinstance(tensor, Scaled | Filled):
        for item in sorted(tensor.coefficient.atoms(Learned), key=str):
            step = offset(item.index)
            if item.index.has(L):
                report.error(
                    "RF301",
                    f"block i cannot use the scalar {indexed(item.name, item.index)}",
                    place,
                    hint="L stands in the output, and in equations for ranges of blocks",
                )
            elif item.of_members and step:
                report.error(
                    "RF313",
                    f"block {here} has weights of its own: {indexed(item.name, block, K)}",
                    place,
                    hint="those of another block are for another number of members",
                )
            elif step is not None and step > 0:
                report.error(
                    "RF303",
                    f"block {here} cannot use the scalar {untimed(item.name)} of a later "
                    "block",
                    place,
                    hint=f"did you mean {indexed(item.name, block)}?",
                )


def _reach(history: History, name: str) -> int:
    """The latest end of a history that block i can know, counted from i."""
    return min(
        (
            -int(part.index - K) - (part.name == name)
            for part in subtensors(history.body)
            if isinstance(part, State) and part.index.has(K)
        ),
        default=0,
    )


def _indices(
    formula: Formula,
    equation: Equation,
    tensor: Tensor,
    depth: int,
    report: Diagnostics,
) -> None:
    index = _index_of(tensor)
    if index is None or index.has(I) or index.has(K):
        return
    place = span_in(formula, tensor, equation)
    if index.has(L):
        report.error(
            "RF301",
            f"{indexed(equation.unknown, equation.block)} is computed from the last block",
            place,
            hint="L stands in the output: output X_L",
        )
    elif isinstance(tensor, State) and not 0 <= index <= depth:
        report.error(
            "RF302",
            f"there is no block {index}: the blocks are 1 to {depth}"
            + (" (of the shortest stage)" if formula.scope is Scope.STAGE else ""),
            place,
        )
    elif isinstance(tensor, State) and index > 0:
        defined = {b.left for b in formula.boundaries}
        # The block itself has made it by then, unless it waits for this very unknown.
        later = equation.unknown in needed(formula, tensor.name)
        missing = [
            k
            for k in range(1, int(index) + later)
            if State(equation.unknown, k) not in defined
        ]
        if missing:
            report.error(
                "RF301",
                f"block {missing[0]} would need {tensor}, which is not known there",
                place,
                hint=f"{tensor} has to be there before: say it by a boundary equation, "
                f"{tensor} = ..."
                if index == 1
                else f"give {indexed(equation.unknown, 1)} to "
                f"{indexed(equation.unknown, index)} boundary equations",
            )
    elif isinstance(tensor, Apply):
        report.error(
            "RF302",
            f"{indexed(tensor.operator, index)} is the operator of one block; "
            "an equation for all blocks uses "
            f"{indexed(tensor.operator, equation.block)}, or "
            f"{indexed(tensor.operator, sympy.nan)} for one that all share",
            place,
        )


def _later(tensor: State, made: Tensor) -> str:
    """What one block cannot be computed from."""
    return "itself" if tensor == made else f"{tensor}, which comes later"


def _index_of(tensor: Tensor) -> Symbolic | None:
    if isinstance(tensor, State | Apply) and tensor.index is not sympy.nan:
        return tensor.index
    return None


def _boundary(
    formula: Formula, boundary: Boundary, depth: int, report: Diagnostics
) -> None:
    unknowns = {equation.unknown for equation in formula.equations}
    for tensor in subtensors(boundary.left):
        if isinstance(tensor, State) and tensor.index > depth:
            report.error(
                "RF302",
                f"there is no block {tensor.index}: the blocks are 1 to {depth}",
                boundary.span,
            )
        if isinstance(tensor, State) and tensor.name not in unknowns:
            general = indexed(tensor.name, I)
            name = tensor.name if time_of(tensor.name) is None else general
            report.error(
                "RF208",
                f"{name} has an equation for some blocks, and none for the others"
                if tensor == boundary.left and tensor.index > 0
                else f"{name} has a boundary equation, but no equation",
                boundary.span,
                hint=f"add one, which is for all others: {general} = ...",
            )
    if boundary.right is None:
        return
    at = _newest(boundary.left)
    for tensor in subtensors(boundary.right):
        if isinstance(tensor, History) and tensor.last.is_Integer:
            _complete(formula, boundary, tensor, at, report)
        elif isinstance(tensor, History) and tensor.last.has(L):
            report.error(
                "RF301",
                f"{boundary.left} is computed from the last block",
                span_in(formula, tensor, boundary),
                hint="L stands in the output, and in equations for ranges of blocks",
            )
        # What stands in a history is looked at with it.
        if (index := _index_of(tensor)) is not None and index.has(K):
            continue
        if isinstance(tensor, State):
            late = tensor == boundary.left or not tensor.index.is_Integer
            if late or tensor.index > at:
                report.error(
                    "RF301",
                    f"{boundary.left} is computed from {_later(tensor, boundary.left)}",
                    span_in(formula, tensor, boundary),
                )
        for what, name, index in _owners(tensor):
            if index.has(L):
                report.error(
                    "RF301",
                    f"{boundary.left} cannot use {what} {indexed(name, index)}",
                    span_in(formula, tensor, boundary),
                    hint="L stands in the output, and in equations for ranges of blocks",
                )
            elif index.is_Integer and index > at:
                report.error(
                    "RF303",
                    f"{boundary.left} cannot use {what} of a later block",
                    span_in(formula, tensor, boundary),
                )


def _owners(tensor: Tensor) -> Iterator[tuple[str, str, Symbolic]]:
    """The operator and the learned scalars of a tensor, with the blocks that own them."""
    if isinstance(tensor, Apply):
        yield "the operator", tensor.operator, tensor.index
    elif isinstance(tensor, Scaled | Filled):
        for item in sorted(tensor.coefficient.atoms(Learned), key=str):
            yield "the scalar", item.name, item.index


def _complete(
    formula: Formula, boundary: Boundary, history: History, at: int, report: Diagnostics
) -> None:
    """Reports (RF301) a history that goes on to the block that a boundary is for."""
    newest = history.body.xreplace({K: history.last})
    # A mean has no place of its own, what it is of has.
    place = history if history in formula.spans else history.body
    name = next((x.name for x in (boundary.left,) if isinstance(x, State)), "")
    # By how many blocks each part is too late.
    late = max(
        (
            int(index) - at + (isinstance(part, State) and part.name == name)
            for part in subtensors(newest)
            if (index := _index_of(part)) is not None and index.is_Integer
        ),
        default=0,
    )
    if late > 0:
        end = int(history.last) - late
        report.error(
            "RF301",
            f"{boundary.left} is computed from a history that is not complete yet",
            span_in(formula, place, boundary),
            hint=f"it can end at {end}" if end >= history.first else "",
        )


def _newest(tensor: Tensor) -> int:
    indices = [
        int(index)
        for part in subtensors(tensor)
        if (index := _index_of(part)) is not None and index.is_Integer
    ]
    return max(indices, default=0)


def _output(formula: Formula, tensor: Tensor, depth: int, report: Diagnostics) -> None:
    place = formula.spans.get(tensor, formula.output_span)
    for index in _numbers(tensor):
        if index is sympy.nan or index.has(K) or index.has(I):
            continue
        number = index - L if index.has(L) else index
        if index.has(L) and number > 0:
            report.error(
                "RF302", f"there is no block {index}: the last one is L", place
            )
        elif (index.has(L) and -number > depth) or (
            not index.has(L) and not 0 <= number <= depth
        ):
            report.error(
                "RF302", f"there is no block {index}: there are {depth}", place
            )
        else:
            continue
        return


def _numbers(tensor: Tensor) -> Iterator[Symbolic]:
    """The indices of a part of the output, and those of a range that lead beyond L."""
    if isinstance(tensor, State | Apply):
        yield tensor.index
    elif isinstance(tensor, Scaled | Filled):
        learned = tensor.coefficient.atoms(Learned)
        yield from (
            item.index for item in sorted(learned, key=str) if item.index.has(L)
        )
    elif isinstance(tensor, History):
        yield tensor.last
        for part in subtensors(tensor.body.xreplace({K: tensor.last})):
            yield from (index for index in _numbers(part) if (index - L).is_positive)
