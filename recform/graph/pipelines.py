"""Pipelines on concrete shapes: what they make, what they cost, where they do not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

import sympy

from recform.algebra.definitions.body import code_of
from recform.algebra.expr import L
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline
from recform.algebra.symbols import BLOCK, SCALE, STRIDE, WIDTH, parameter
from recform.algebra.tracing import (
    Trace,
    memories,
    shapes_along,
    told,
    trace,
)
from recform.blocks import Memory, Misfit, Shape
from recform.blocks.operator import CALL
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, Label, beyond
from recform.graph.model import Place
from recform.graph.partial import Stuck
from recform.source import Span

#: A tensor of more numbers than this fits no machine.
_MAX_ELEMENTS = 1 << 40

#: Looks for a place in the formula, which takes a while.
Where: TypeAlias = Callable[[], Span] | None


class PipelineRunner:
    """Runs pipelines of one network on shapes; results are remembered."""

    def __init__(self, formula: Formula, report: Diagnostics) -> None:
        self._report = report
        self._tables = formula.tables
        self._params = {parameter(p.name): p.value for p in formula.params if p.free}
        self._memo: dict[object, Trace] = {}

    def run(
        self,
        pipeline: Pipeline,
        inputs: tuple[Shape, ...],
        place: Place,
        where: Where = None,
        apart: bool | None = None,
    ) -> Trace:
        """The pipeline on shapes.

        Args:
            pipeline: the operators.
            inputs: the shapes that come in.
            place: what its symbols stand for.
            where: finds the place in the formula that applies it, for diagnostics.
            apart: as of :func:`recform.algebra.tracing.trace`.

        Raises:
            Stuck: after a diagnostic, if an operator does not fit.
        """
        if BLOCK not in pipeline.symbols:
            place = replace(place, index=0)
        key = (pipeline.name, pipeline.span, inputs, place, apart)
        if key not in self._memo:
            self._memo[key] = self._run(pipeline, inputs, place, where, apart)
        return self._memo[key]

    def memories(
        self, pipeline: Pipeline, inputs: tuple[Shape, ...], place: Place
    ) -> tuple[Memory, ...]:
        """What a pipeline keeps of positions that it has seen; arguments as of `run`.

        Raises:
            Stuck: after a diagnostic, if it cannot go on by positions (RF227).
        """
        try:
            return memories(pipeline, inputs, self.values(place))
        except Misfit as misfit:
            self._misfit(misfit, None)
            raise Stuck from None

    def along(
        self, pipeline: Pipeline, inputs: tuple[Shape, ...], place: Place
    ) -> tuple[Shape, ...]:
        """The shape behind each operator of a pipeline that fits where it stands."""
        return tuple(shapes_along(pipeline, inputs, self.values(place)))

    def is_one(
        self,
        pipeline: Pipeline,
        given: tuple[tuple[Shape, ...], tuple[Shape, ...]],
        place: Place,
        *,
        learns: bool = False,
    ) -> bool:
        """Whether a pipeline that fits is one module, or function, of two shapes.

        A function has no weights, and its code no sizes.

        Args:
            pipeline: the operators.
            given: the shapes that come in.
            place: what its symbols stand for.
            learns: whether it may have weights.
        """
        if not learns and self.run(pipeline, given[0], place).parameters:
            return False
        values = self.values(place)
        one, other = (code_of(pipeline, inputs, values) for inputs in given)
        return one == other

    def values(self, place: Place) -> dict[Symbolic, Symbolic]:
        """What symbols stand for in a place; ``cin`` hangs on what comes in."""
        return {
            WIDTH: place.width,
            STRIDE: place.stride,
            SCALE: 1 / sympy.sympify(place.stride),
            BLOCK: place.index,
            L: place.length,
            **self._params,
            **dict(zip((t.symbol for t in self._tables), place.table, strict=False)),
        }

    def _run(
        self,
        pipeline: Pipeline,
        inputs: tuple[Shape, ...],
        place: Place,
        where: Where,
        apart: bool | None,
    ) -> Trace:
        self._check_tables(pipeline, place)
        try:
            made = self._traced(pipeline, inputs, self.values(place), apart)
        except Misfit as misfit:
            self._misfit(misfit, where)
            raise Stuck from None
        x = made.output
        if x.elements > _MAX_ELEMENTS:
            self._report.error(
                "RF106",
                beyond(f"a tensor of {x}", f"{_MAX_ELEMENTS:,} numbers"),
                where() if where else pipeline.span,
            )
            raise Stuck
        return made

    def _traced(
        self,
        pipeline: Pipeline,
        inputs: tuple[Shape, ...],
        values: Mapping[Symbolic, Symbolic],
        apart: bool | None,
    ) -> Trace:
        """The pipeline on shapes; blocks of other numbers may come to the same in it."""
        try:
            come_to = told(pipeline, inputs, values)
        except Misfit:  # It may be none of the first operator that is wrong.
            return trace(pipeline, inputs, values, apart)
        key = (pipeline.name, pipeline.span, inputs, come_to, apart)
        if key not in self._memo:
            self._memo[key] = trace(pipeline, inputs, values, apart)
        return self._memo[key]

    def _check_tables(self, pipeline: Pipeline, place: Place) -> None:
        """A number of each stage or block is no number outside the blocks."""
        for table in self._tables:
            if not place.table and table.symbol in pipeline.symbols:
                per = "block" if table.by_block else "stage"
                self._report.error(
                    "RF218",
                    f"{table.name} is a number of each {per}, and this belongs to none",
                    pipeline.span,
                    others=[] if table.counts else [Label(table.span, f"per {per}")],
                    hint="only operators of a block, such as W_i, have it",
                )
                raise Stuck

    def _misfit(self, misfit: Misfit, where: Where) -> None:
        others = (Label(where(), "applied here"),) if where else ()
        written = misfit.place.text if misfit.place else misfit.operator or ""
        self._report.error(
            misfit.code,
            f"{misfit.operator} {misfit.message}",
            misfit.place,
            hint=misfit.hint.replace(CALL, written),
            others=others,
        )
