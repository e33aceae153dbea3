"""The shapes of one block, and where its terms need adapters.

The rules are those of docs/language.md, "Which shape a block has"; the comments here name
them by their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NoReturn

import sympy

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Context,
    Dealt,
    Elementwise,
    Filled,
    History,
    Input,
    K,
    Learned,
    Listed,
    Members,
    Over,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    dealt_in,
    is_list,
    is_of_context,
    list_of,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.tracing import Link
from recform.algebra.typeset import plain
from recform.blocks import Amount, Cost, Layout, Misfit, Shape, Stride, Work
from recform.blocks.applied import function_cost
from recform.blocks.shape import Size
from recform.diagnostics import Diagnostics, Label
from recform.graph.adapters import BlockAdapters
from recform.graph.model import Block, Module, Place, Site, Totals
from recform.graph.partial import Stuck
from recform.graph.pipelines import PipelineRunner
from recform.graph.places import find
from recform.graph.saved import Saved
from recform.graph.scalars import ScalarSizes
from recform.graph.stages import Strides, TensorStages, newest
from recform.recurrence.build import relative
from recform.recurrence.model import END, ModuleSlot, Step
from recform.recurrence.unroll import leading
from recform.source import Span


@dataclass
class BlockShapes:
    """Follows the shapes through one block.

    Attributes:
        formula: the network.
        step: what the block computes.
        place: ``c``, ``s``, ``i`` and ``L`` of the block.
        known: shapes of the inputs, and of nothing else at first.
        modules: operators that are not the block's own, by name and index (None for one
            that all blocks share).
        stage: the number of its stage, or of none before the first.
        strides: of the stages.
        born: for each input, the stage of the block that it comes from.
        scalars: sizes of the learned scalars that all blocks share, as far as known.
        runner: runs pipelines.
        report: gets RF4xx.
        input: what :class:`Input` stands for.
        kept: inputs that autograd keeps already.
        same: inputs that are another input in this place, and that one.
        turned: whether the features of a tensor's positions lie apart in memory, as far as
            known.
        calls: for each operator that the block owns, what it is made for.
        stages: those that the tensors of the block come from.
        adapters: those of the block.
        saved: what autograd keeps.
    """

    formula: Formula
    step: Step
    place: Place
    known: dict[Tensor, Shape]
    modules: dict[tuple[str, int | None], Module]
    stage: int
    strides: Strides
    born: dict[Tensor, int]
    scalars: dict[str, int]
    runner: PipelineRunner
    report: Diagnostics
    input: Shape | None = None
    kept: frozenset[Tensor] = frozenset()
    same: Mapping[Tensor, Tensor] = field(default_factory=dict)
    turned: dict[Tensor, bool] = field(default_factory=dict)
    calls: dict[str, Module] = field(default_factory=dict)
    _totals: Totals = field(default_factory=Totals)
    _works: dict[Tensor | Site, tuple[Link, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stages = TensorStages(self.step, self.stage, self.strides, self.born)
        self.adapters = BlockAdapters(
            self.formula, self.place.length, self.runner, self.report
        )
        self.saved = Saved(
            self.step,
            self.kept,
            self.known,
            self.adapters.sites,
            self.count,
            self.same,
        )

    def block(self) -> Block:
        """Everything about the block.

        Raises:
            Stuck: after a diagnostic.
        """
        # Unknowns first: they say what shape their right sides are brought to.
        for tensor in self.step.body:
            if isinstance(tensor, State):
                self.shape(tensor)
        for tensor in self.step.body:
            self.shape(tensor)
        scalars = ScalarSizes(
            self.formula, self.step, self.scalars, self.report, self.count
        )
        scalars.measure(self.shape, self.adapters.sites, self.saved, self.span)
        outputs = tuple(
            None if isinstance(slot, ModuleSlot) else self.shape(slot)
            for slot in self.step.outputs
        )
        for slot in self.step.outputs:
            # Called by later blocks alone: on what has the stage's shape.
            if isinstance(slot, ModuleSlot) and slot.index == self.step.at:
                self._call_later(slot.name)
        saved = Totals(scalars.parameters(), kept=self.saved.total())
        return Block(
            shapes=dict(self.known),
            sites=dict(self.adapters.sites),
            calls=dict(self.calls),
            outputs=outputs,
            scalars=dict(scalars.own),
            totals=self._totals + self.adapters.totals + saved,
            works={**self._others(), **self._works, **self.adapters.works},
            held=self.saved.held(),
        )

    def count(self, tensor: Tensor) -> int:
        """How many tensors a tensor of the block is: one for each member of a list."""
        listed = tensor if is_list(tensor) else list_of(tensor)
        if listed is None and tensor.is_many:
            return int(self.shape(dealt_in(tensor)[0].tensor).features)
        if isinstance(listed, Listed):
            *before, _ = listed.children
            return 1 + sum(map(self.count, before))
        if not isinstance(listed, History):
            return 1
        # The end is written as that of a short network.
        behind = self.step.role == END
        last = int(listed.last) + self.place.index + behind - self.step.at
        if listed.kind == "finished":
            return sum(listed.first <= end < last for end in self.formula.ends)
        return last - listed.first + 1

    def _others(self) -> dict[Tensor | Site, tuple[Link, ...]]:
        """The tensors that no operator makes, and that are no views of others."""
        found: dict[Tensor | Site, tuple[Link, ...]] = {}
        for tensor in self.step.body:
            if self._is_view(tensor):
                continue
            parts = [p for p in self.step.parts(tensor) if not isinstance(p, Filled)]
            reads = sum(self.shape(p).elements * self.count(p) for p in parts)
            made = self.shape(tensor).elements * self.count(tensor)
            weighed = self._weighed(tensor)
            work = Work(reads, made, multiply_adds=weighed)
            cost = Cost(multiply_adds=weighed, cheap=self._is_cheap(tensor))
            found[tensor] = (Link(made, cost, (work,)),)
        return found

    def _is_cheap(self, tensor: Tensor) -> bool:
        """Whether a tensor that no operator makes is cheap to make again."""
        if isinstance(tensor, Elementwise):
            return function_cost(tensor.function, self.shape(tensor.argument)).cheap
        if isinstance(tensor, Over | History):
            return tensor.kind in ("sum", "mean") and not self._weighed(tensor)
        cheap = TensorSum | Pointwise | Scaled | Combine | Concat | Members
        return isinstance(tensor, cheap)

    def _is_view(self, tensor: Tensor) -> bool:
        """Whether a tensor has no numbers of its own, or is never made by itself."""
        if isinstance(tensor, Scaled):
            # Code has the sign in a sum, and weights in a product with all members.
            return tensor.coefficient in (1, -1) or bool(tensor.coefficient.has(K))
        if isinstance(tensor, Pointwise):
            return self._by_features(tensor)
        views = State | Part | Input | Dealt
        return isinstance(tensor, views) or is_list(tensor) or tensor in self.step.taken

    def _call_later(self, name: str) -> None:
        if name in self.calls or name not in self.formula.operators:
            return
        x = next(self.shape(s) for s in self.step.outputs if isinstance(s, Tensor))
        place = replace(self.place, stride=1)
        pipeline = self.formula.operators[name]
        inputs = (x,) * len(pipeline.inputs)
        self.calls[name] = Module(place, inputs)
        made = self.runner.run(pipeline, inputs, place, None)
        self._totals += Totals(made.parameters)

    # -- shapes

    def shape(self, tensor: Tensor) -> Shape:
        """The shape of a tensor of the block."""
        if tensor not in self.known:
            if not isinstance(tensor, Apply):
                self._check_ids(tensor)
            self.known[tensor] = self._shape(tensor)
        return self.known[tensor]

    def _check_ids(self, tensor: Tensor) -> None:
        """Raises Stuck, after a diagnostic, where ids are taken for numbers."""
        for part in self.step.parts(tensor):
            if not isinstance(part, Context):
                continue
            shape = self.shape(part)
            if shape.layout is Layout.IDS:
                self.report.error(
                    "RF410",
                    f"{part.name} is ids ({shape}), and an equation reckons with numbers",
                    self.span(part),
                    hint=f"`embed` makes tokens of them: E*{part.name}, with "
                    "E = embed(16)",
                )
                raise Stuck(tensor, (part, tensor))

    def _shape(self, tensor: Tensor) -> Shape:
        match tensor:
            case Input():
                assert self.input is not None
                return self.input
            case Context():
                return self.formula.contexts[tensor.name]
            case State():
                return self._state(tensor)
            case Apply():
                return self._apply(tensor)
            case Scaled():
                return self.shape(tensor.tensor)
            case Concat():
                return self._concat(tensor, self.step.parts(tensor))
            case TensorSum() | Pointwise() | Combine():
                return self._meet(tensor, None)
            case Elementwise():
                return self._function(tensor)
            case Part():
                return self._part(tensor)
            case Members():
                return self.shape(tensor.listed)
            case History() | Listed() if is_list(tensor):
                return self._list(tensor)
            case Dealt():
                return self.shape(tensor.tensor).with_features(1)
            case Over():
                return self._over(tensor)
            case Across():
                inner = self.shape(tensor.tensor)
                if tensor.kind == "norm" and not _is_fixed(tensor):
                    self.saved.keep(tensor.tensor, inner, tensor)
                return inner.with_features(1)
            case History():
                if tensor.kind == "concat":
                    return self._concat(tensor, self.step.parts(tensor))
                return self._meet(tensor, None)
        raise TypeError(type(tensor).__name__)

    def _state(self, state: State) -> Shape:
        (right,) = self.step.parts(state)
        # Rule 7: what is all of older stages is brought to the shape of this one.
        if self.stages.of(right) < self.stage and not self.stages.is_fresh(right):
            declared = self._declared()
            if declared is not None:
                sum_like = isinstance(right, TensorSum | Pointwise | Combine)
                if sum_like and right not in self.known:
                    self.stages.brought_here(right)
                    self.known[right] = self._meet(right, declared)
                    return self.known[right]
                # A sum that an earlier block formed is adapted as a whole.
                if self.shape(right) != declared:
                    self._adapt(state, right, declared)
                    return declared
        return self.shape(right)

    def _declared(self) -> Shape | None:
        """Rule 3: the shape of the block, from the newest unknown that it gets."""
        position = leading(self.step.inputs)
        if position is None:
            return None
        slot = self.step.inputs[position]
        assert isinstance(slot, Tensor)
        return self.known[slot].staged(
            self.place.width, self.stages.behind(slot, self.stage)
        )

    def _meet(self, tensor: Tensor, target: Shape | None) -> Shape:
        """Brings the terms of a sum or product to one shape."""
        parts = [p for p in self.step.parts(tensor) if not isinstance(p, Filled)]
        shapes = [self.shape(part) for part in parts]
        if target is None:
            target = self._target(tensor, parts, shapes)
        spreads = self._gates(tensor)
        stay = [s for s in shapes if s == target or spreads(s, target)]
        if len(stay) == len(shapes) and not target.is_made_of(shapes):
            # Gates of each other only: nothing would have the shape.
            spreads = _never
        for part, shape in zip(parts, shapes, strict=True):
            if shape != target and not spreads(shape, target):
                self._adapt(tensor, part, target)
        if isinstance(tensor, Pointwise) or (
            isinstance(tensor, Combine) and tensor.kind != "mean"
        ):
            for part, shape in zip(parts, shapes, strict=True):
                others = [other for other in parts if other is not part]
                if others and all(map(_is_fixed, others)):
                    continue  # nobody asks for their gradients
                if spreads(shape, target):
                    self.saved.keep(part, shape, tensor)
                else:
                    self.saved.keep(part, target, tensor, adapted=shape != target)
        return target

    def _gates(self, tensor: Tensor) -> Callable[[Shape, Shape], bool]:
        """Whether a term of one shape is a gate for terms of another.

        Where the grid of the stage has one position, an image of one is no gate.
        """
        declared = self._declared()
        product = isinstance(tensor, Pointwise)
        small = declared is not None and all(size == 1 for size in declared.grid)

        def spreads(shape: Shape, target: Shape) -> bool:
            if small and shape.grid and shape.grid != target.grid:
                return False
            return shape.spreads_over(target, product=product)

        return spreads

    def _target(
        self, tensor: Tensor, parts: list[Tensor], shapes: list[Shape]
    ) -> Shape:
        """Rule 6: the shape to which the terms of a sum or product are brought."""
        # A gate, one number a feature or a position, spreads over the others.
        spreads = self._gates(tensor)
        kinds = set(shapes)
        full = [s for s in shapes if not any(spreads(s, t) for t in kinds)]
        if len(set(full)) == 1:
            return full[0]
        fresh = [
            shape
            for part, shape in zip(parts, shapes, strict=True)
            if self.stages.is_fresh(part)
        ]
        declared = self._declared()
        # Where all that the block makes is gates, what they scale has the shape.
        if declared and fresh and all(spreads(s, declared) for s in fresh):
            return declared
        if fresh and len(set(fresh)) == 1:
            return fresh[0]
        if fresh:
            if declared in fresh:
                return declared
            first = next(n for n, s in enumerate(shapes) if s != shapes[0])
            self._cannot_meet(tensor, parts[0], shapes[0], parts[first], shapes[first])
        ages = [newest(part) for part in parts]
        return shapes[ages.index(max(ages))]

    def _cannot_meet(
        self, parent: Tensor, a: Tensor, x: Shape, b: Tensor, y: Shape
    ) -> None:
        self.report.error(
            "RF401",
            f"two operators of one block make different shapes: {x} and {y}",
            self.span(b),
            f"this is {y}",
            others=[Label(self.span(a), f"this is {x}")],
            hint="give their blocks the same width, stride and padding",
        )
        raise Stuck(parent, (a, b))

    def _adapt(self, parent: Tensor, term: Tensor, target: Shape) -> None:
        """Puts an adapter in front of a term, or of the argument of an operator."""
        value = self.step.bare(term)
        source = self.shape(value)
        if is_of_context(value):
            self._no_adapter(parent, value, source, target)
        if parent.is_many:
            self.report.error(
                "RF401",
                f"this puts {source} and {target} together for each member of a sum, "
                "and there are no adapters for that",
                self.span(term),
                hint="give both one shape, or sum first what has one",
            )
            raise Stuck(parent, (value, parent))
        site = Site(value, parent)
        if site not in self.adapters.sites:
            behind = self.stages.behind(value, self.stages.of(parent))
            bridge = (source, target)
            count = self.count(value)
            self.adapters.add(site, bridge, behind, count, self.saved, self.span)

    def _no_adapter(
        self, parent: Tensor, value: Tensor, source: Shape, target: Shape
    ) -> NoReturn:
        """Reports a further input that would need an adapter.

        Raises:
            Stuck: always.
        """
        self.report.error(
            "RF425",
            f"this is {source}, and stands in a sum or product of {target}; a further "
            "input belongs to no stage, and has no adapter",
            self.span(value),
            hint=f"an operator brings it there: P_i*{plain(value)}, with P = linear(c)",
        )
        raise Stuck(parent, (value, parent))

    # -- operators

    def _apply(self, tensor: Apply) -> Shape:
        given = tuple(map(self.shape, tensor.arguments))
        inputs = self._arguments(tensor, given)
        adapted = inputs != given
        name = tensor.operator
        pipeline = self.formula.operators[name]
        own = tensor.index is not sympy.nan and int(tensor.index) == self.step.at
        index = None if tensor.index is sympy.nan else int(tensor.index)
        module = self.calls.get(name) if own else self.modules.get((name, index))
        before = module.inputs if module is not None else None
        if module is None:
            # What all blocks share is of no stage, and has none of its numbers.
            table = self.place.table if index is not None else ()
            stride = 1 if adapted else self._stride(tensor.arguments)
            module = Module(replace(self.place, stride=stride, table=table), inputs)
        elif module.inputs is None:
            module = Module(module.place, inputs)
        if own:
            self.calls[name] = module
        else:
            self.modules[name, index] = module
        place = module.place
        if before is not None and _features(before) != _features(inputs):
            there, here = (" and ".join(map(str, xs)) for xs in (before, inputs))
            self.report.error(
                "RF406",
                f"{name} is one module, but is called on {there} and on {here}",
                self.span(tensor),
                hint="only what a block's own operator gets from older stages is brought "
                "to the shape of the block; count the index anew in each stage, with a "
                "transition between them: scope stage",
            )
            raise Stuck(tensor, (*tensor.arguments[:1], tensor))
        try:
            where = partial(self.span, tensor)
            trace = self.runner.run(pipeline, inputs, place, where)
        except Stuck:
            raise Stuck(tensor, (*tensor.arguments[:1], tensor)) from None
        learned = trace.parameters if own and before is None else 0
        self._totals += Totals(learned, trace.multiply_adds * self.count(tensor))
        copied = 0
        each = zip(tensor.arguments, inputs, given, trace.saves_inputs, strict=True)
        for argument, shape, own_shape, kept in each:
            adapted = shape != own_shape
            if kept and trace.multiplies and not adapted and self.is_turned(argument):
                copied += shape.elements
            elif kept:
                self.saved.keep(argument, shape, tensor, adapted=adapted)
        if trace.saves_output:
            self.saved.keep(tensor, trace.output, tensor)
        calls = self.count(tensor)
        links = list(trace.links)
        if copied:
            links[0] = links[0].keeping(copied)
        self.saved.keep_inside(tensor, (trace.kept + Amount(copied)).times(calls))
        self._works[tensor] = tuple(link.times(calls) for link in links)
        self.turned[tensor] = trace.turned
        return trace.output

    def is_turned(self, tensor: Tensor) -> bool:
        """Whether the features of a position lie apart in memory, as far as it is known."""
        if tensor in self.turned or tensor in self.step.taken:
            return self.turned.get(tensor, False)
        same = State | Scaled | Elementwise | Part | Pointwise | TensorSum
        parts = self.step.parts(tensor) if isinstance(tensor, same) else ()
        self.turned[tensor] = bool(parts) and all(map(self.is_turned, parts))
        return self.turned[tensor]

    def _arguments(self, tensor: Apply, given: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Rule 5: the shapes in which arguments come to their operator.

        A module that the block calls on tensors of several stages has one shape, that of
        the block; where all are of one older stage, its stride brings them here.
        """
        calls = [
            t for t in self.step.body if isinstance(t, Apply) and _alike(t, tensor)
        ]
        declared = self._declared()
        if declared is None or tensor.index != self.step.at:
            return given
        result = list(given)
        for place, (argument, x) in enumerate(
            zip(tensor.arguments, given, strict=True)
        ):
            stages = {self.stages.of(call.arguments[place]) for call in calls}
            if (
                len(stages) > 1
                and self.stages.of(argument) != self.stage
                and x != declared
                and not x.spreads_over(declared)
            ):
                self._adapt(tensor, argument, declared)
                result[place] = declared
        return tuple(result)

    def _stride(self, arguments: tuple[Tensor, ...]) -> Stride:
        """Rule 5: the stride ``s`` of an operator brings its argument to the stage.

        It is that of the first one, where there are several.
        """
        declared = self._declared()
        if declared is not None and arguments:
            argument, *_ = arguments
            x = self.shape(argument)
            stride = x.stride_to(declared, self.stages.behind(argument, self.stage))
            if stride is not None:
                return stride
        return self.place.stride

    def _concat(self, tensor: Tensor, parts: tuple[Tensor, ...]) -> Shape:
        shapes = [self.shape(part) for part in parts]
        for part, shape in zip(parts[1:], shapes[1:], strict=True):
            if shape.grid != shapes[0].grid or shape.layout is not shapes[0].layout:
                self.report.error(
                    "RF401",
                    f"concat cannot put {shapes[0]} and {shape} side by side: "
                    "only the channels may differ",
                    self.span(tensor),
                    others=[Label(self.span(part), f"this is {shape}")],
                    hint="`scope stage` starts the index anew in each stage, "
                    "with a transition between them",
                )
                raise Stuck(tensor, (parts[0], part))
        features = sum(int(shape.features) for shape in shapes)
        return shapes[0].with_features(features)

    def _list(self, listed: History | Listed) -> Shape:
        """The shape of each member of a list: that of its newest one (rule 8)."""
        *before, member = self.step.parts(listed)
        shape = self.shape(member)
        for older in before:
            if self.shape(older) != shape:
                self._adapt(listed, older, shape)
        return shape

    def _over(self, tensor: Over) -> Shape:
        """The shape of a sum over members, or of the share of each."""
        shape = self.shape(tensor.tensor)
        if tensor.kind == "softmax":
            self.saved.keep(tensor, shape, tensor)
        else:
            self._check_dealt(tensor)
        self._totals += Totals(multiply_adds=self._weighed(tensor))
        return shape

    def _weighed(self, tensor: Tensor) -> int:
        """The multiply-adds of a sum that weighs its members: it is a product by a row."""
        if not isinstance(tensor, Over) or tensor.kind != "sum":
            return 0
        inner = tensor.tensor
        scaled = isinstance(inner, Scaled) and inner.coefficient.has(K)
        count = self.count(inner)
        # By features of a tensor a single member is scaled, and no product of matrices.
        if not scaled and (count == 1 or not self._by_features(inner)):
            return 0
        return self.shape(inner).elements * count

    def _by_features(self, tensor: Tensor) -> bool:
        """Whether it is all members, each times its feature of one tensor."""
        parts = self.step.parts(tensor) if isinstance(tensor, Pointwise) else ()
        dealt = [part for part in parts if isinstance(part, Dealt)]
        others = [part for part in parts if part not in dealt]
        return len(dealt) == len(others) == 1 and others[0].is_many

    def _check_dealt(self, tensor: Over) -> None:
        """Reports features for the members of a sum that are more, or fewer, than these."""
        members = self.count(tensor.tensor)
        for dealt in dealt_in(tensor.tensor):
            features = int(self.shape(dealt.tensor).features)
            if features != members:
                self.report.error(
                    "RF428",
                    f"this sum has {members} "
                    f"member{'' if members == 1 else 's'} in block {self.place.index}, "
                    f"and for each a feature of what has {features}",
                    self.span(dealt),
                    hint="block i has i members from 0 to i-1: A = ln > linear(i)",
                )
                raise Stuck(tensor, (dealt.tensor, tensor))

    def _function(self, tensor: Elementwise) -> Shape:
        shape = self.shape(tensor.argument)
        try:
            cost = function_cost(tensor.function, shape)
        except Misfit as misfit:
            self.report.error(
                misfit.code,
                f"{tensor.name} {misfit.message}",
                self.span(tensor),
                hint=misfit.hint,
            )
            raise Stuck(tensor, (tensor.argument, tensor)) from None
        if _is_fixed(tensor):
            return shape
        if cost.saves_input:
            self.saved.keep(tensor.argument, shape, tensor)
        if cost.saves_output:
            self.saved.keep(tensor, shape, tensor)
        return shape

    def _part(self, tensor: Part) -> Shape:
        shape = self.shape(tensor.tensor)
        if int(shape.features) % tensor.parts:
            self.report.error(
                "RF402",
                f"split makes {tensor.parts} equal parts, "
                f"which do not divide {shape.features} channels",
                self.span(tensor),
            )
            raise Stuck(tensor, (tensor.tensor, tensor))
        return shape.with_features(int(shape.features) // tensor.parts)

    def span(self, tensor: Tensor) -> Span:
        """The place of a written-out tensor in the formula."""
        formula = self.formula
        symbolic = relative(tensor, self.step.at, self.step.absolute)
        found = find(formula, symbolic)
        if found is not None:
            return found
        for part in tensor.children:
            return self.span(part)
        return formula.equations[0].span


def _is_fixed(tensor: Tensor) -> bool:
    """Whether a tensor is a further input, or a function of such: without a gradient."""
    parts = subtensors(tensor)
    learned = (isinstance(p, Apply) or p.atoms(Learned) for p in parts)
    return is_of_context(tensor) and not any(learned)


def _features(inputs: tuple[Shape, ...]) -> list[Size]:
    """What a module is made for: its features, whatever the grid."""
    return [x.features for x in inputs]


def _alike(one: Apply, other: Apply) -> bool:
    """Whether two applications are calls of one module."""
    return (one.operator, one.index) == (other.operator, other.index)


def _never(shape: Shape, target: Shape) -> bool:
    """No term is a gate."""
    return False
