"""The shapes of one block, and where its terms need adapters.

The rules are those of docs/language.md, "Which shape a block has"; the comments here name
them by their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import sympy

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Context,
    Elementwise,
    Filled,
    History,
    Input,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import is_of_context
from recform.algebra.lists import Dealt, Listed, Members, Over, is_list
from recform.algebra.typeset import plain
from recform.blocks import Amount, Layout, Misfit, Shape
from recform.blocks.applied import function_cost
from recform.diagnostics import Diagnostics, Label
from recform.graph.adapters import BlockAdapters
from recform.graph.calls import BlockCalls
from recform.graph.counts import Counts
from recform.graph.meeting import Term, Unmet, gates, meeting_shape, staying
from recform.graph.model import Block, Module, Place, Site, Totals
from recform.graph.partial import Stuck
from recform.graph.pipelines import PipelineRunner
from recform.graph.places import find
from recform.graph.saved import Saved
from recform.graph.scalars import ScalarSizes
from recform.graph.stages import Strides, TensorStages
from recform.graph.works import works
from recform.recurrence.build import relative
from recform.recurrence.model import ModuleSlot, Step
from recform.recurrence.numbered import leading
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
        counts: how many tensors each tensor is.
        calls: those of operators.
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
    _added: int = 0
    _between: dict[Tensor, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = Counts(self.formula, self.step, self.place, self.shape)
        self.calls = BlockCalls(self)
        self.stages = TensorStages(self.step, self.stage, self.strides, self.born)
        self.adapters = BlockAdapters(
            self.formula, self.place.length, self.runner, self.report
        )
        self.saved = Saved(
            self.step,
            self.kept,
            self.known,
            self.adapters.sites,
            self.counts.of,
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
            self.formula, self.step, self.scalars, self.report, self.counts.of
        )
        scalars.measure(self.shape, self.adapters.sites, self.saved, self.span)
        outputs = tuple(
            None if isinstance(slot, ModuleSlot) else self.shape(slot)
            for slot in self.step.outputs
        )
        for slot in self.step.outputs:
            # Called by later blocks alone: on what has the stage's shape.
            if isinstance(slot, ModuleSlot) and slot.index == self.step.at:
                tensors = (s for s in self.step.outputs if isinstance(s, Tensor))
                self.calls.later(slot.name, self.shape(next(tensors)))
        others = works(
            self.step, self.shape, self.counts, self._between, scalars.reckoned
        )
        own = Totals(scalars.parameters(), self._added, kept=self.saved.total())
        return Block(
            shapes=dict(self.known),
            sites=dict(self.adapters.sites),
            calls=dict(self.calls.modules),
            outputs=outputs,
            scalars=dict(scalars.own),
            totals=own + self.calls.totals + self.adapters.totals,
            works={**others, **self.calls.works, **self.adapters.works},
            held=self.saved.held(),
        )

    def is_own(self, tensor: Apply) -> bool:
        """Whether the block owns the operator of an application."""
        return tensor.index is not sympy.nan and int(tensor.index) == self.step.at

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
                return self.calls.shape(tensor)
            case Scaled():
                return self.shape(tensor.tensor)
            case Concat() | History(kind="concat"):
                return self._concat(tensor, self.step.parts(tensor))
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
            case TensorSum() | Pointwise() | Combine() | History():
                return self._meet(tensor, None)
        raise TypeError(type(tensor).__name__)

    def _state(self, state: State) -> Shape:
        (right,) = self.step.parts(state)
        # Rule 7: what is all of older stages is brought to the shape of this one.
        if self.stages.of(right) < self.stage and not self.stages.is_fresh(right):
            declared = self.declared()
            if declared is not None:
                sum_like = isinstance(right, TensorSum | Pointwise | Combine)
                if sum_like and right not in self.known:
                    self.stages.brought_here(right)
                    self.known[right] = self._meet(right, declared)
                    return self.known[right]
                # A sum that an earlier block formed is adapted as a whole.
                if self.shape(right) != declared:
                    self.adapt(state, right, declared)
                    return declared
        return self.shape(right)

    def declared(self) -> Shape | None:
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
        declared = self.declared()
        spreads = gates(declared, product=isinstance(tensor, Pointwise))
        if target is None:
            terms = list(map(Term, parts, shapes))
            try:
                target = meeting_shape(terms, spreads, declared, self.stages.is_fresh)
            except Unmet as unmet:
                self._cannot_meet(tensor, *unmet.terms)
        spreads = staying(shapes, target, spreads)
        for part, shape in zip(parts, shapes, strict=True):
            if shape != target and not spreads(shape, target):
                self.adapt(tensor, part, target)
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
            behind = [s if spreads(s, target) else target for s in shapes]
            self._keep_between(tensor, parts, behind, target)
        return target

    def _keep_between(
        self, tensor: Tensor, parts: list[Tensor], shapes: list[Shape], target: Shape
    ) -> None:
        """Notes what is kept between several factors: they are multiplied two by two.

        Args:
            tensor: the product, or what is largest.
            parts: the factors.
            shapes: of them, behind their adapters.
            target: the shape of the product.
        """
        made, numbers = shapes[0], 0
        for shape, last in zip(shapes[1:-1], parts[2:], strict=True):
            made = made if shape == made else target
            if not _is_fixed(last):
                numbers += made.elements
        if numbers:
            self._between[tensor] = numbers * self.counts.of(tensor)
            self.saved.keep_inside(tensor, Amount(self._between[tensor]))

    def _cannot_meet(self, parent: Tensor, first: Term, other: Term) -> NoReturn:
        """Reports two operators that make different shapes.

        Raises:
            Stuck: always.
        """
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

    def adapt(self, parent: Tensor, term: Tensor, target: Shape) -> None:
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
            count = self.counts.of(value)
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
                self.adapt(listed, older, shape)
        return shape

    def _over(self, tensor: Over) -> Shape:
        """The shape of a sum over members, or of the share of each."""
        shape = self.shape(tensor.tensor)
        if tensor.kind == "softmax":
            self.saved.keep(tensor, shape, tensor)
        else:
            self.counts.check(tensor, self.report, self.span)
        self._added += self.counts.weighed(tensor)
        return shape

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
