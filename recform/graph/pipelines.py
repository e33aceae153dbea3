"""Pipelines on concrete shapes: what they make, what they cost, where they do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from recform.algebra.expr import I, L
from recform.algebra.formula import Formula, Pipeline, Step
from recform.algebra.pipelines import INCOMING, MAX_SIZE, STRIDE, WIDTH, parameter
from recform.blocks import Arguments, Kind, Misfit, Shape
from recform.diagnostics import Diagnostics, Label
from recform.graph.model import Place
from recform.graph.partial import Stuck
from recform.source import Span


@dataclass(frozen=True)
class Trace:
    """A pipeline on one shape.

    Attributes:
        output: the shape of what it makes.
        parameters, multiply_adds: its costs.
        saves_input: whether the input of the pipeline is kept for the backward pass.
        saves_output: whether its output is.
        saved: numbers in between that are kept.
    """

    output: Shape
    parameters: int
    multiply_adds: int
    saves_input: bool
    saves_output: bool
    saved: int


class PipelineRunner:
    """Runs pipelines of one network on shapes; results are remembered."""

    def __init__(self, formula: Formula, report: Diagnostics) -> None:
        self._report = report
        self._params = {parameter(p.name): p.value for p in formula.params if p.free}
        self._memo: dict[tuple[str, Span | None, Shape, Place], Trace] = {}
        self._filled: dict[tuple[Any, ...], Any] = {}

    def run(
        self, pipeline: Pipeline, x: Shape, place: Place, where: Span | None
    ) -> Trace:
        """The pipeline on a shape.

        Args:
            pipeline: the operators.
            x: the shape that comes in.
            place: what its symbols stand for.
            where: the place in the formula that applies it, for diagnostics.

        Raises:
            Stuck: after a diagnostic, if an operator does not fit.
        """
        if not uses(pipeline, I):
            place = Place(place.width, place.stride, 0, place.length)
        key = (pipeline.name, pipeline.span, x, place)
        if key not in self._memo:
            self._memo[key] = self._run(pipeline, x, place, where)
        return self._memo[key]

    def _run(
        self, pipeline: Pipeline, x: Shape, place: Place, where: Span | None
    ) -> Trace:
        values: dict[Any, Any] = {
            WIDTH: place.width,
            STRIDE: place.stride,
            INCOMING: x.features,
            I: place.index,
            L: place.length,
            **self._params,
        }
        start = x
        parameters = multiply_adds = saved = 0
        saves_input = last_saved = False
        for number, step in enumerate(pipeline.steps):
            try:
                arguments = self._arguments(step, values)
                y = step.operator.shape(x, arguments)
                cost = step.operator.cost(x, arguments)
            except Misfit as misfit:
                self._misfit(misfit, step, where)
                raise Stuck from None
            parameters += cost.parameters
            multiply_adds += cost.multiply_adds
            if cost.saves_input and number == 0:
                saves_input = True
            elif cost.saves_input and not last_saved:
                saved += x.elements
            last_saved = cost.saves_output
            if cost.saves_output and number < len(pipeline.steps) - 1:
                saved += y.elements
            saved += cost.saves_more
            x = y
        if x.elements > 1 << 40:
            self._report.error(
                "RF106", f"a tensor of {x} is out of all reason", where or pipeline.span
            )
            raise Stuck
        del start
        return Trace(x, parameters, multiply_adds, saves_input, last_saved, saved)

    def _arguments(self, step: Step, values: Mapping[Any, Any]) -> Arguments:
        filled: dict[str, Any] = {}
        for argument in step.operator.arguments:
            value = step.arguments[argument.name]
            if getattr(value, "free_symbols", None):
                # SymPy is slow, and most blocks put in the same few numbers.
                free = sorted(value.free_symbols, key=str)
                key = (value, argument, *(values[symbol] for symbol in free))
                if key not in self._filled:
                    number = value.xreplace({s: sympy.sympify(values[s]) for s in free})
                    self._filled[key] = _number(number, argument.kind, argument.name)
                value = self._filled[key]
            filled[argument.name] = value
        return Arguments(filled)

    def _misfit(self, misfit: Misfit, step: Step, where: Span | None) -> None:
        others = (Label(where, "applied here"),) if where is not None else ()
        self._report.error(
            misfit.code,
            f"{step.operator.name} {misfit.message}",
            step.span,
            hint=misfit.hint,
            others=others,
        )


def _number(value: sympy.Expr, kind: Kind, name: str) -> int | float:
    """A symbolic argument with numbers put in.

    Raises:
        Misfit: if it is no number of its kind.
    """
    if kind in (Kind.SIZE, Kind.STRIDE):
        if not value.is_Integer or not 1 <= value <= MAX_SIZE:
            shown = str(sympy.N(value, 6)) if not value.is_Rational else str(value)
            raise Misfit(
                "RF404",
                f"gets {shown} as its {name} here, which is no whole number of at least 1",
                argument=name,
            )
        return int(value)
    number = float(value)
    if kind is Kind.RATE and not 0 <= number <= 1:
        raise Misfit("RF404", f"gets a {name} of {number} here, not one from 0 to 1")
    return number


def uses(pipeline: Pipeline, symbol: Any) -> bool:
    """Whether a symbol stands in the arguments of a pipeline."""
    return any(
        symbol in getattr(value, "free_symbols", ())
        for step in pipeline.steps
        for value in step.arguments.values()
    )
