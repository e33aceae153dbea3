"""Coefficients that depend on the number of the block: they must exist in all blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

import sympy

from recform.algebra.expr import Filled, I, Learned, Scaled, Tensor
from recform.algebra.formula import Scope
from recform.algebra.placed import function, placed
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.graph.model import StageGraph
from recform.graph.places import find
from recform.recurrence.build import relative
from recform.recurrence.model import Recurrence, Step

#: A coefficient as a function of ``i`` and ``L``.
_Function: TypeAlias = Callable[[int, int], float]


def check(
    recurrence: Recurrence, stages: tuple[StageGraph, ...], report: Diagnostics
) -> None:
    """Reports a coefficient that is undefined in a block that uses it.

    Args:
        recurrence: the steps.
        stages: which blocks take them.
        report: gets RF211 (``1/(i-1)`` has no value in block 1) and RF106
            (``exp(1000*i)`` has one that no computer can hold).
    """
    by_stage = recurrence.formula.scope is Scope.STAGE
    for stage in stages:
        for segment in stage.segments:
            step = recurrence.steps[segment.step]
            length = recurrence.flows[segment.stage if by_stage else 0].length
            for tensor, value in _coefficients(step):
                shift = int(tensor.at) - step.at if tensor.at is not sympy.nan else 0
                last = segment.first + segment.count
                for block in range(segment.first, last):
                    fault = _fault(value, block + shift, length)
                    if fault:
                        _report(recurrence, step, tensor, (block, fault), report)
                        break


def _coefficients(
    step: Step,
) -> Iterator[tuple[Scaled | Filled, _Function]]:
    """Every coefficient with ``i`` in it, as a function of ``i`` and ``L``."""
    seen: set[Tensor] = set()
    for tensor in step.body:
        for part in (tensor, *step.parts(tensor)):
            if part in seen or not isinstance(part, Scaled | Filled):
                continue
            seen.add(part)
            if part in step.taken or not part.coefficient.has(I):
                continue
            for value in _numeric(part.coefficient):
                yield part, function(value)


def _numeric(value: Symbolic) -> list[Symbolic]:
    """The parts of a coefficient in which ``i`` stands, without learned scalars."""
    if not value.atoms(Learned):
        return [value]
    return [
        part
        for arg in value.args
        if getattr(arg, "has", None) and arg.has(I)
        for part in _numeric(arg)
    ]


def _fault(function: _Function, block: int, length: int) -> str:
    """The code of what is wrong with a coefficient in a block; empty if nothing is."""
    try:
        return "" if math.isfinite(function(block, length)) else "RF211"
    except OverflowError:
        return "RF106"
    except (ArithmeticError, ValueError, TypeError):
        return "RF211"


def _report(
    recurrence: Recurrence,
    step: Step,
    tensor: Tensor,
    found: tuple[int, str],
    report: Diagnostics,
) -> None:
    block, code = found
    formula = recurrence.formula
    symbolic = relative(tensor, step.at, step.absolute)
    span = find(formula, symbolic) or formula.equations[0].span
    if code == "RF106":
        report.error(
            code,
            f"this coefficient is larger in block {block} than any number of a network",
            span,
            hint="exp(i/L) stays small, however many blocks there are",
        )
        return
    report.error(
        code,
        f"this coefficient has no value in block {block}",
        span,
        hint="1/(i+1) and log(i+1) have one in every block",
    )


def of_places(step: Step, block: int) -> tuple[Symbolic, ...]:
    """What a step's coefficients have by the place of a block that takes it.

    A number that grows with the blocks counts without them, so that two blocks in a row
    with equal numbers can be made in one loop.
    """
    found: list[Symbolic] = []
    for part in step.coefficients:
        for item in placed(part.coefficient):
            shift = 0 if part.at is sympy.nan else int(part.at) - step.at
            here = block + shift - item.behind
            found.append(item.row.at(here) - item.row.growth * block)
    return tuple(found)
