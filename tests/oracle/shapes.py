"""The rules of docs/language.md, "Which shape a block has", by recursion on the index.

It reads the equations, the stages and which terms travel as one sum, and no shape, stride
or adapter that the compiler found. It is for networks of images whose operators bring what
comes in to the shape of their stage (``conv(1, c, stride=s)``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy

from recform.algebra import expr as e
from recform.algebra.lists import Mirror
from recform.compiler import Compiled
from recform.graph.model import Block
from recform.recurrence.model import Step
from recform.recurrence.moves import move

Shape = tuple[int, int, int]
Stride = int | Fraction


@dataclass(frozen=True)
class Bridge:
    """An adapter: in front of what, from which shape to which, with which stride."""

    value: Any
    source: Shape
    target: Shape
    stride: Stride


@dataclass
class Shapes:
    """One network; ``output`` follows it from the end.

    Attributes:
        compiled: the network.
        start: the shape of X_0.
        bridges: the adapters that were met.
        strides: ``s`` of each operator that was met.
    """

    compiled: Compiled
    start: Shape
    bridges: set[Bridge] = field(default_factory=set)
    strides: dict[tuple[str, int], Stride] = field(default_factory=dict)

    def __post_init__(self) -> None:
        formula = self.compiled.formula
        self.length = sum(stage.blocks for stage in formula.stages)
        self.equations = {eq.unknown: eq.right for eq in formula.equations}
        self.boundaries = {b.left: b.right for b in formula.boundaries}
        self.stage_of_block = [-1] + [
            number
            for number, stage in enumerate(formula.stages)
            for _ in range(stage.blocks)
        ]
        self.kept: dict[Any, Any] = {}
        self.together: dict[Any, Any] = {}
        self.handed: set[Any] = set()
        self.read_sums()
        self.memo: dict[Any, Any] = {}
        self.calls: dict[tuple[str, int], set[Any]] = {}

    def output(self) -> Shape:
        right = self.left(self.written(self.compiled.formula.output, 0))
        self.read_calls(right)
        return self.shape(right)

    def read_calls(self, output: Any) -> None:
        """What each operator is called on in its own block, of all that is read."""
        waiting, seen = [output], set()
        while waiting:
            tensor = waiting.pop()
            if tensor in seen:
                continue
            seen.add(tensor)
            if isinstance(tensor, e.State) and int(tensor.index) > 0:
                waiting.append(self.left(self.right(tensor)))
            if isinstance(tensor, e.Apply) and newest(tensor) == tensor.index:
                key = (tensor.operator, int(tensor.index))
                self.calls.setdefault(key, set()).update(tensor.arguments)
            waiting += tensor.children

    def written(self, tensor: Any, block: int) -> Any:
        numbers = {e.I: sympy.Integer(block), e.L: sympy.Integer(self.length)}
        return self.named(tensor.xreplace(numbers))

    def read_sums(self) -> None:
        """Which sums are handed on, and of which sums they are a part.

        `recform summary` shows them; which they are is not the question here.
        """
        for step, block in taken(self.compiled):
            for slot in step.inputs:
                if isinstance(slot, e.Tensor):
                    self.handed.add(self.at(slot, step, block))
            for whole, split in step.definitions.items():
                if isinstance(whole, e.TensorSum):
                    here = self.at(whole, step, block)
                    self.together[here] = self.at(split, step, block)

    def at(self, tensor: Any, step: Step, block: int) -> Any:
        """A tensor of a step, as it is written here for a block that takes it."""
        moved = numbered(move(tensor, block - step.at, step.absolute))
        moved = moved.xreplace({e.L: sympy.Integer(self.length)})
        # What comes off a stack is an older unknown.
        skips = moved.atoms(Mirror)
        moved = moved.xreplace({m: m.body.xreplace({e.K: m.block}) for m in skips})
        return self.left(self.named(moved))

    def named(self, tensor: Any) -> Any:
        """A tensor in which all unknowns that start as the input have one name."""
        free = [e.State(name, 0) for name in self.equations]
        starts = [state for state in free if state not in self.boundaries]
        return tensor.xreplace(dict.fromkeys(starts, starts[0]) if starts else {})

    def adapted(self) -> set[tuple[Any, int, Stride]]:
        """The adapters without the grids: what, the width, the stride."""
        return {(b.value, b.target[0], b.stride) for b in self.bridges}

    # -- what the compiler found

    def compiled_bridges(self) -> set[Bridge]:
        """Its adapters."""
        bridges = set()
        for step, block, made in self.blocks():
            for site, bridge in made.sites.items():
                source = sizes(bridge.source)
                value = self.at(site.value, step, block)
                target = sizes(bridge.target)
                bridges.add(Bridge(value, source, target, bridge.stride))
        return bridges

    def compiled_strides(self) -> dict[tuple[str, int], Stride]:
        """The strides of its operators."""
        return {
            (name, block): module.place.stride
            for _, block, made in self.blocks()
            for name, module in made.calls.items()
        }

    def blocks(self) -> Iterator[tuple[Step, int, Block]]:
        steps = self.compiled.recurrence.steps
        for stage in self.compiled.graph.stages:
            for segment in stage.segments:
                for number in range(segment.count):
                    yield steps[segment.step], segment.first + number, segment.block

    # -- what there is

    def left(self, tensor: Any) -> Any:
        """A written-out tensor without what vanishes; None if nothing is left."""
        if tensor not in self.kept:
            self.kept[tensor] = self._left(tensor)
        return self.kept[tensor]

    def _left(self, tensor: Any) -> Any:
        if isinstance(tensor, e.State):
            index = int(tensor.index)
            if tensor in self.boundaries and self.boundaries[tensor] is None:
                return None
            if index <= 0:
                return tensor if index == 0 else None
            return None if self.left(self.right(tensor)) is None else tensor
        if isinstance(tensor, e.Input | e.Filled):
            return tensor
        parts = [self.left(part) for part in tensor.children]
        kept = [part for part in parts if part is not None]
        if isinstance(tensor, e.TensorSum | e.Combine | e.Concat):
            if len(kept) < 2:
                return kept[0] if kept else None
        elif len(kept) < len(parts):
            return None
        others = [a for a in tensor.args if not isinstance(a, e.Tensor)]
        if isinstance(tensor, e.Scaled):
            return e.Scaled(tensor.coefficient, kept[0])
        if isinstance(tensor, e.Apply):
            return e.Apply(tensor.operator, tensor.index, *kept)
        return tensor.func(*others, *kept)

    def right(self, state: Any) -> Any:
        index = int(state.index)
        if state in self.boundaries:
            return self.written(self.boundaries[state], index)
        return self.written(self.equations[state.name], index)

    # -- the rules

    def stage(self, tensor: Any) -> int:
        """The stage of the newest block that made a part."""
        if isinstance(tensor, e.State):
            return self.stage_of_block[int(tensor.index)]
        parts = [self.stage(part) for part in tensor.children]
        if isinstance(tensor, e.Apply):
            parts.append(self.stage_of_block[int(tensor.index)])
        return max(parts, default=-1)

    def between(self, older: int, newer: int) -> Stride:
        stages = self.compiled.formula.stages
        return math.prod(stage.stride for stage in stages[older + 1 : newer + 1])

    def declared(self, stage: int) -> Shape:
        """Rule 3."""
        width = self.compiled.formula.stages[stage].width
        return width, *divided(self.start, self.between(-1, stage))[1:]

    def shape(self, tensor: Any) -> Shape:
        if tensor not in self.memo:
            self.memo[tensor] = self.found(tensor)
        return self.memo[tensor]  # type: ignore[no-any-return]

    def found(self, tensor: Any) -> Shape:
        match tensor:
            case e.Input():
                return self.start
            case e.State():
                return self.unknown(tensor)
            case e.Apply():
                (argument,) = tensor.arguments
                index = int(tensor.index)
                stage = self.stage_of_block[index]
                calls = self.calls[tensor.operator, index]
                x, older = self.shape(argument), self.stage(argument)
                target = self.declared(stage)
                if len(set(map(self.stage, calls))) > 1:
                    # Rule 5.
                    self.bring(argument, target, stage)
                    x, older = target, stage
                along = self.stride(x, target, older, stage)
                self.strides[tensor.operator, index] = along
                return target
            case e.TensorSum() | e.Pointwise() | e.Combine():
                # Rule 6, where every operator brings to the shape of its stage.
                return self.meet(tensor, self.stage(tensor))
            case e.Scaled() | e.Elementwise():
                return self.shape(tensor.children[0])
        raise TypeError(type(tensor).__name__)

    def unknown(self, state: Any) -> Shape:
        index = int(state.index)
        if index == 0:
            return self.start
        right = self.left(self.right(state))
        stage = self.stage_of_block[index]
        if self.stage(right) == stage:
            return self.shape(right)
        # Rule 7.
        sum_like = isinstance(right, e.TensorSum | e.Pointwise | e.Combine)
        if sum_like and right not in self.handed:
            return self.meet(right, stage)
        self.bring(right, self.declared(stage), stage)
        return self.declared(stage)

    def meet(self, tensor: Any, stage: int) -> Shape:
        terms = self.together.get(tensor, tensor).children
        shapes = {self.shape(t) for t in terms if not isinstance(t, e.Filled)}
        of_stage = self.stage(tensor) == stage
        target = shapes.pop() if len(shapes) == 1 and of_stage else self.declared(stage)
        for term in terms:
            if not isinstance(term, e.Filled):
                self.bring(term, target, stage)
        return target

    def bring(self, term: Any, target: Shape, stage: int) -> None:
        while isinstance(term, e.Scaled):
            term = term.tensor
        source = self.shape(term)
        if source != target:
            stride = self.stride(source, target, self.stage(term), stage)
            self.bridges.add(Bridge(term, source, target, stride))

    def stride(self, source: Shape, target: Shape, older: int, newer: int) -> Stride:
        """Rule 4."""
        along = self.between(older, newer)
        if divided(source, along)[1:] == target[1:]:
            return along
        finer = (Fraction(1, n) for n in range(2, 65))
        return next(
            r for r in (*range(1, 1000), *finer) if divided(source, r)[1:] == target[1:]
        )


def newest(tensor: Any) -> int:
    """The number of the newest block in an expression."""
    own = int(tensor.index) if isinstance(tensor, e.State | e.Apply) else 0
    return max([own, *map(newest, tensor.children)])


def divided(shape: Shape, stride: Stride) -> Shape:
    """Rule 1."""
    return shape[0], math.ceil(shape[1] / stride), math.ceil(shape[2] / stride)


def numbered(tensor: Any) -> Any:
    """A tensor as the rules here write it: numbers for `i` are only in indices."""
    if isinstance(tensor, e.Scaled):
        value = tensor.coefficient
        if tensor.at is not sympy.nan:
            value = value.xreplace({e.I: tensor.at})
        return e.Scaled(value, numbered(tensor.tensor))
    args = [numbered(a) if isinstance(a, e.Tensor) else a for a in tensor.args]
    return tensor.func(*args) if args else tensor


def sizes(shape: Any) -> Shape:
    """A shape of the compiler as numbers."""
    channels, high, wide = shape.sizes
    return int(channels), int(high), int(wide)


def taken(compiled: Compiled) -> Iterator[tuple[Step, int]]:
    """The step that each block takes."""
    (flow,) = compiled.recurrence.flows
    for run in flow.runs:
        for block in range(run.first, run.last + 1):
            yield compiled.recurrence.steps[run.step], block
