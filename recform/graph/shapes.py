"""The shapes of one block, and where its terms need adapters.

The rules are those of docs/language.md, "Which shape a block has"; the comments here name
them by their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn

import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Context,
    Elementwise,
    History,
    Input,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import is_of_context
from recform.algebra.lists import Dealt, Listed, Members, Over, is_list
from recform.algebra.shapes import Shapes, divisors
from recform.algebra.typeset import plain
from recform.blocks import Amount, Layout, Misfit, Shape
from recform.blocks.acts import Link
from recform.blocks.shape import Size
from recform.diagnostics import Diagnostics, Label
from recform.graph.adapters import BlockAdapters
from recform.graph.calls import BlockCalls
from recform.graph.counts import Counts
from recform.graph.meeting import Term, Unmet, gates, meeting_shape, staying
from recform.graph.model import Block, Module, Place, Site, Totals
from recform.graph.partial import Stuck
from recform.graph.pipelines import PipelineRunner
from recform.graph.places import place_in
from recform.graph.refusals import Refusals, even_grids
from recform.graph.saved import Saved
from recform.graph.scalars import ScalarSizes, Sizes
from recform.graph.stages import Strides, TensorStages
from recform.recurrence.model import ModuleSlot, Step
from recform.recurrence.numbered import leading
from recform.source import Span


@dataclass
class BlockShapes(Shapes):
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
        apart: whether the features of a tensor's positions lie apart in memory, as far as
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
    scalars: dict[str, Sizes]
    runner: PipelineRunner
    report: Diagnostics
    input: Shape | None = None
    kept: frozenset[Tensor] = frozenset()
    same: Mapping[Tensor, Tensor] = field(default_factory=dict)
    apart: dict[Tensor, bool] = field(default_factory=dict)
    _added: int = 0
    _sizes: ScalarSizes = field(init=False)

    def __post_init__(self) -> None:
        self.counts = Counts(self.formula, self.step, self.place, self.shape)
        self.calls = BlockCalls(self)
        self.stages = TensorStages(self.step, self.stage, self.strides, self.born)
        self.adapters = BlockAdapters(
            self.formula, self.place.length, self.runner, self.report
        )
        self._refusals = Refusals(self.formula, self.report, self.span)
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
            self.formula,
            self.step,
            self.scalars,
            self.modules,
            self.report,
            self.counts.of,
        )
        self._sizes = scalars
        scalars.measure(self, self.adapters.sites, self.saved, self.span)
        outputs = tuple(
            None if isinstance(slot, ModuleSlot) else self.shape(slot)
            for slot in self.step.outputs
        )
        for slot in self.step.outputs:
            # Called by later blocks alone: on what has the stage's shape.
            if isinstance(slot, ModuleSlot) and slot.index == self.step.at:
                tensors = (s for s in self.step.outputs if isinstance(s, Tensor))
                owner = scalars if slot.name in self.formula.scalars else self.calls
                owner.later(slot.name, self.shape(next(tensors)))
        body = self.step.body
        others: dict[Tensor | Site, tuple[Link, ...]] = {
            t: (self.link(t),) for t in body if not self._is_view(t)
        }
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
            each=dict((*self.calls.each.items(), *self.adapters.each.items())),
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
            self._know(tensor, self.made(tensor))
        return self.known[tensor]

    def _know(self, tensor: Tensor, shape: Shape) -> None:
        """Notes the shape of a tensor, and what autograd keeps for it."""
        self.known[tensor] = shape
        if isinstance(tensor, Scaled):
            return  # a coefficient stands behind the adapter of its term
        for part in self.asks(tensor):
            behind = self.behind(part, tensor)
            adapted = behind != self.shape(part)
            self.saved.keep(part, behind, tensor, adapted=adapted)
        for part in self.terms(tensor) if isinstance(tensor, Pointwise) else ():
            if part in self._divisors and not self.divides(part):
                for kept in self.asks(part):
                    self.saved.keep(kept, self.shape(part), part)
        if between := self.between(tensor):
            self.saved.keep_inside(tensor, Amount(between))

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor of the block is made from."""
        return self.step.parts(tensor)

    def behind(self, part: Tensor, tensor: Tensor) -> Shape:
        """The shape of a part behind its adapter, if there is one."""
        bridge = self.adapters.sites.get(Site(self.step.bare(part), tensor))
        return bridge.target if bridge else self.shape(part)

    def count(self, tensor: Tensor) -> int:
        """How many tensors a tensor is: one for each member of a list."""
        return self.counts.of(tensor)

    def divides(self, tensor: Tensor) -> bool:
        """Whether code has a quotient in the place of one over a tensor."""
        product = self._divisors.get(tensor)
        return product is not None and Site(tensor, product) not in self.adapters.sites

    @cached_property
    def _divisors(self) -> dict[Tensor, Tensor]:
        return divisors(self.step.body, self.step.parts, self.step.outputs)

    def weighed(self, tensor: Tensor) -> int:
        """The multiply-adds of a sum that weighs its members."""
        return self.counts.weighed(tensor)

    def scalar_size(self, name: str) -> Size:
        """How many numbers a learned scalar has."""
        return self._sizes.size(name)

    def coefficient(self, tensor: Tensor) -> int:
        """The numbers of a coefficient; that of members stands in the sum over them."""
        return super().coefficient(
            tensor.tensor if isinstance(tensor, Over) else tensor
        )

    def is_cheap(self, tensor: Tensor) -> bool:
        """Whether a tensor is cheap to make again."""
        if isinstance(tensor, History):
            return not is_list(tensor)
        cheap = isinstance(tensor, Members) or self.counts.scales(tensor)
        return cheap or super().is_cheap(tensor)

    def asks(self, tensor: Tensor) -> Iterator[Tensor]:
        """What autograd keeps for the gradient of a tensor that no operator makes."""
        if isinstance(tensor, Over) and tensor.kind == "softmax":
            yield tensor
        yield from super().asks(tensor)

    def _is_view(self, tensor: Tensor) -> bool:
        """Whether a tensor is none that is made here by itself, of its own numbers."""
        if isinstance(tensor, Scaled):
            # Code has the sign in a sum, and weights in a product with all members.
            return tensor.coefficient in (1, -1) or self.counts.is_weighed(tensor)
        if isinstance(tensor, Pointwise):
            return self.counts.is_weighed(tensor)
        views = State | Part | Input | Dealt | Apply
        view = isinstance(tensor, views) or self.divides(tensor)
        return view or is_list(tensor) or tensor in self.step.taken

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

    def made(self, tensor: Tensor) -> Shape:
        """The shape of a tensor, of those of its parts."""
        match tensor:
            case Input():
                assert self.input is not None
                return self.input
            case Context():
                return self.formula.contexts[tensor.name]
            case Elementwise():
                self.function(tensor)  # which may be refused
            case History(kind="concat"):
                return self.joined(tensor)
            case Members():
                return self.shape(tensor.listed)
            case History() | Listed() if is_list(tensor):
                return self._list(tensor)
            case Dealt():
                return self.shape(tensor.tensor).with_features(1)
            case Over():
                return self._over(tensor)
            case History():
                return self.met(tensor)
        return super().made(tensor)

    def applied(self, tensor: Apply) -> Shape:
        """The shape of what an operator makes."""
        return self.calls.shape(tensor)

    def named(self, state: State) -> Shape:
        """The shape of an unknown, or of a tensor that was handed on."""
        (right,) = self.step.parts(state)
        # Rule 7: what is all of older stages is brought to the shape of this one.
        if self.stages.of(right) < self.stage and not self.stages.is_fresh(right):
            declared = self.declared()
            if declared is not None:
                sum_like = isinstance(right, TensorSum | Pointwise | Combine)
                if sum_like and right not in self.known:
                    self.stages.brought_here(right)
                    self._know(right, self.met(right, declared))
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

    def met(self, tensor: Tensor, target: Shape | None = None) -> Shape:
        """Brings the terms of a sum or product to one shape."""
        parts = self.terms(tensor)
        shapes = [self.shape(part) for part in parts]
        declared = self.declared()
        spreads = gates(declared, product=isinstance(tensor, Pointwise))
        if target is None:
            terms = list(map(Term, parts, shapes))
            try:
                target = meeting_shape(terms, spreads, declared, self.stages.is_fresh)
            except Unmet as unmet:
                self._refusals.unmet(tensor, *unmet.terms)
        spreads = staying(shapes, target, spreads)
        for part, shape in zip(parts, shapes, strict=True):
            if shape != target and not spreads(shape, target):
                self.adapt(tensor, part, target)
        return target

    def adapt(self, parent: Tensor, term: Tensor, target: Shape) -> None:
        """Puts an adapter in front of a term, or of the argument of an operator."""
        value = self.step.bare(term)
        source = self.shape(value)
        if is_of_context(value):
            shown = plain(value, self.formula.decimals)
            shown = f"({shown})" if isinstance(value, TensorSum) else shown
            self._refusals.no_adapter(parent, value, shown, source, target)
        if parent.is_many:
            self._refusals.for_each_member(parent, value, source, target)
        site = Site(value, parent)
        if site not in self.adapters.sites:
            behind = self.stages.behind(value, self.stages.of(parent))
            bridge = (source, target)
            count = self.counts.of(value)
            self.adapters.add(site, bridge, behind, count, self.saved, self.span)

    def refuse(
        self, code: str, message: str, tensor: Tensor, parts: Sequence[Tensor]
    ) -> NoReturn:
        """Reports parts whose shapes do not go together.

        Raises:
            Stuck: always.
        """
        part, other = parts
        if isinstance(tensor, Part):
            hint = "choose a width that is a multiple of the parts"
            self.report.error(code, f"split {message}", self.span(tensor), hint=hint)
            raise Stuck(tensor, (other, tensor))
        self.report.error(
            code,
            f"concat cannot {message}",
            self.span(tensor),
            others=[Label(self.span(part), f"this is {self.shape(part)}")],
            hint=even_grids(self.formula, self.shape(part), self.shape(other))
            or "`scope stage` starts the index anew in each stage, "
            "with a transition between them",
        )
        raise Stuck(tensor, (other, part))

    def failed(self, misfit: Misfit, tensor: Elementwise) -> NoReturn:
        """Reports a function that cannot take its argument.

        Raises:
            Stuck: always.
        """
        self.report.error(
            misfit.code,
            f"{tensor.name} {misfit.message}",
            self.span(tensor),
            hint=misfit.hint,
        )
        raise Stuck(tensor, (tensor.argument, tensor)) from None

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
        if tensor.kind != "softmax":
            self.counts.check(tensor, self.report, self.span)
        self._added += self.counts.weighed(tensor)
        return shape

    def span(self, tensor: Tensor) -> Span:
        """The place of a written-out tensor in the formula."""
        return place_in(self.formula, self.step, tensor)
