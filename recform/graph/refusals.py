"""What is said of tensors that no adapter brings to one shape (RF401, RF425)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from string import ascii_uppercase
from typing import NoReturn

from recform.algebra.expr import Tensor
from recform.algebra.formula import Formula
from recform.blocks import Layout, Shape
from recform.diagnostics import Diagnostics, Label
from recform.graph.meeting import Term
from recform.graph.partial import Stuck
from recform.source import Span


@dataclass(frozen=True)
class Refusals:
    """Reports them; each method raises Stuck.

    Attributes:
        formula: the network.
        report: gets the diagnostics.
        span: the place of a tensor in the formula.
    """

    formula: Formula
    report: Diagnostics
    span: Callable[[Tensor], Span]

    def unmet(self, parent: Tensor, first: Term, other: Term) -> NoReturn:
        """Two operators make different shapes."""
        self.report.error(
            "RF401",
            "two operators of one block make different shapes: "
            f"{first.shape} and {other.shape}",
            self.span(other.tensor),
            f"this is {other.shape}",
            others=[Label(self.span(first.tensor), f"this is {first.shape}")],
            hint="give their blocks the same width, stride and padding",
        )
        raise Stuck(parent, (first.tensor, other.tensor))

    def no_adapter(
        self, parent: Tensor, value: Tensor, shown: str, source: Shape, target: Shape
    ) -> NoReturn:
        """A further input would need an adapter."""
        letter = self._free_letter()
        is_image = source.layout is Layout.IMAGE
        flow = "conv(1, c, stride=s)" if is_image else "linear(c)"
        self.report.error(
            "RF425",
            f"this is {source}, and stands in a sum or product of {target}; a further "
            "input belongs to no stage, and has no adapter",
            self.span(value),
            hint=f"an operator brings it there: {letter}_i*{shown}, with "
            f"{letter} = {flow}",
        )
        raise Stuck(parent, (value, parent))

    def _free_letter(self) -> str:
        """A name for an operator that the file has not."""
        text = self.formula.source.text
        letters = (*"PQRSTUV", *ascii_uppercase)
        free = (x for x in letters if not re.search(rf"\b{x}(?=\b|_)", text))
        return next(free, "Operator")

    def for_each_member(
        self, parent: Tensor, value: Tensor, source: Shape, target: Shape
    ) -> NoReturn:
        """Members of a sum would need one each."""
        self.report.error(
            "RF401",
            f"this puts {source} and {target} together for each member of a sum, "
            "and there are no adapters for that",
            self.span(value),
            hint="give both one shape, or sum first what has one",
        )
        raise Stuck(parent, (value, parent))


def unlike(one: Shape, other: Shape) -> str:
    """What to do with terms of two layouts; empty if they are of one."""
    if one.layout is other.layout:
        return ""
    kinds = {Layout.IMAGE: "an image", Layout.VECTOR: "a vector"}
    this, that = (kinds.get(x.layout, x.layout.value) for x in (one, other))
    return f"one is {this}, the other {that}: an adapter changes sizes alone"


def even_grids(formula: Formula, one: Shape, other: Shape) -> str:
    """Which images a network takes whose grids do not meet; empty if that is not why.

    A grid that is divided and becomes finer again comes back to itself if nothing was
    rounded up on the way.
    """
    behind = list(accumulate((stage.stride for stage in formula.stages), mul))
    most = max(1, *behind)
    rises = any(stage.stride < 1 for stage in formula.stages)
    sides = list(zip(one.grid, other.grid, strict=False))
    rounded = all(max(pair) - min(pair) < min(most, *pair) for pair in sides)
    if not rises or not rounded or one.grid == other.grid:
        return ""
    return (
        f"the stages divide a grid by {most} and make it finer again: choose an input "
        f"whose height and width are multiples of {most} where the first stage begins"
    )
