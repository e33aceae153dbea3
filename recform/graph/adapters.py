"""Adapters: where they stand in a block, what they cost, and which of them blocks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from recform.algebra.expr import Apply, Tensor
from recform.algebra.formula import Formula
from recform.algebra.indices import untimed
from recform.algebra.lists import is_list
from recform.blocks import Layout, Shape, Stride
from recform.blocks.acts import Link
from recform.diagnostics import Diagnostics, Label
from recform.graph.model import Bridge, Place, Segment, Site, StageGraph, Totals
from recform.graph.partial import Stuck
from recform.graph.pipelines import PipelineRunner
from recform.graph.refusals import even_grids, unlike
from recform.graph.saved import Saved
from recform.source import Span


class BlockAdapters:
    """Puts the adapters of a block to their places.

    Args:
        formula: the network.
        length: the number of blocks.
        runner: runs pipelines.
        report: gets RF401 and RF407.

    Attributes:
        sites: places where an adapter stands, and what it does there.
        totals: what the adapters cost, without what autograd keeps.
        works: what each adapter does, once for terms that share it.
        each: how many members a list has whose members go through it one by one.
    """

    def __init__(
        self,
        formula: Formula,
        length: int,
        runner: PipelineRunner,
        report: Diagnostics,
    ) -> None:
        self._formula = formula
        self._length = length
        self._runner = runner
        self._report = report
        self.sites: dict[Site, Bridge] = {}
        self.totals = Totals()
        self.works: dict[Site, tuple[Link, ...]] = {}
        self.each: dict[Site, int] = {}

    def add(
        self,
        site: Site,
        bridge: tuple[Shape, Shape],
        behind: Stride,
        count: int,
        saved: Saved,
        span: Callable[[Tensor], Span],
    ) -> None:
        """Puts an adapter in front of a term (docs/language.md, rule 4).

        Args:
            site: where it stands.
            bridge: the shape of the term, and the one that it needs.
            behind: the stride from the stage of the term to that of its parent.
            count: how many tensors the term is: one for each member of a list.
            saved: is told what autograd keeps for the adapter.
            span: the place of a tensor in the formula.

        Raises:
            Stuck: after a diagnostic, if no adapter does it.
        """
        source, target = bridge
        value = site.value
        stride = source.stride_to(target, behind)
        pipeline = self._formula.adapter_of(stride or 1)
        if pipeline is None:
            finer = stride is not None and stride < 1
            self._report.error(
                "RF407",
                f"this term is {source}, but {_needs(site.parent)} {target}, "
                f"and the file has no adapter{' for a finer grid' * finer}",
                span(value),
                hint="adapter up upsample(1/s) > conv(1, c) > bn"
                if finer
                else "adapter conv(1, c, stride=s) > bn"
                if source.layout is Layout.IMAGE
                else "adapter linear(c)",
            )
            raise Stuck(site.parent, (value, site.parent))
        if stride is None:
            self._report.error(
                "RF401",
                f"this term is {source} and cannot be brought to {target}",
                span(value),
                hint=unlike(source, target)
                or even_grids(self._formula, source, target)
                or "no stride leads from one to the other; "
                "`scope stage` starts the index anew in each stage",
            )
            raise Stuck(site.parent, (value, site.parent))
        where = Place(int(target.features), stride, 0, self._length)
        trace = self._runner.run(pipeline, (source,), where, partial(span, value))
        if trace.output != target:
            self._report.error(
                "RF401",
                f"the adapter makes {trace.output} of {source}, but {target} is needed",
                pipeline.span or span(value),
                hint="c and s in an adapter are the width and the stride that it needs",
                others=[Label(span(value), "for this term")],
            )
            raise Stuck(site.parent, (value, site.parent))
        first = not any(
            other.value == value and there.target == target
            for other, there in self.sites.items()
        )
        self.sites[site] = Bridge(source, target, stride)
        if first:
            self.totals += Totals(trace.parameters, trace.multiply_adds * count)
            if trace.saves_input:
                saved.keep(value, source, site)
            saved.keep_inside((value, target), trace.kept.times(count))
            if is_list(value):
                self.works[site], self.each[site] = trace.links, count
            else:
                self.works[site] = tuple(link.times(count) for link in trace.links)


def _needs(parent: Tensor) -> str:
    """What a term does not fit."""
    if isinstance(parent, Apply):
        return f"{untimed(parent.operator)} is called on"
    return "the newest member is" if is_list(parent) else "the sum is"


def count_apart(
    stages: list[StageGraph], formula: Formula, runner: PipelineRunner
) -> list[StageGraph]:
    """Counts adapters that one block could share, but another block of the step not.

    A step is one class: two terms of one value have one adapter if all its blocks
    bring both to the same shape, and two otherwise.
    """
    targets: dict[tuple[int, Site], list[Shape]] = {}
    sites = _sites_of_steps(stages)
    for stage in stages:
        for segment in stage.segments:
            for site in sites[segment.step]:
                shape = segment.block.arrives(site)
                targets.setdefault((segment.step, site), []).append(shape)
    result = []
    for stage in stages:
        segments = []
        for segment in stage.segments:
            more = _more(segment, targets, formula, runner)
            block = replace(segment.block, totals=segment.block.totals + more)
            segments.append(replace(segment, block=block))
        totals = sum((s.block.totals.times(s.count) for s in segments), Totals())
        result.append(replace(stage, segments=tuple(segments), totals=totals))
    return result


def _sites_of_steps(stages: list[StageGraph]) -> dict[int, dict[Site, None]]:
    """For each step, the places where some of its blocks have adapters."""
    found: dict[int, dict[Site, None]] = {}
    for stage in stages:
        for segment in stage.segments:
            here = found.setdefault(segment.step, {})
            here.update(dict.fromkeys(segment.block.sites))
    return found


def _more(
    segment: Segment,
    targets: dict[tuple[int, Site], list[Shape]],
    formula: Formula,
    runner: PipelineRunner,
) -> Totals:
    """The costs of the adapters that the blocks of a segment have beside the shared."""
    groups: dict[tuple[Tensor, Shape], set[tuple[Shape, ...]]] = {}
    bridges: dict[tuple[Tensor, Shape], Bridge] = {}
    for site, bridge in segment.block.sites.items():
        key = (site.value, bridge.target)
        groups.setdefault(key, set()).add(tuple(targets[segment.step, site]))
        bridges[key] = bridge
    more = Totals()
    for key, group in groups.items():
        bridge = bridges[key]
        adapter = formula.adapter_of(bridge.stride)
        if len(group) > 1 and adapter is not None:
            place = Place(int(bridge.target.features), bridge.stride)
            trace = runner.run(adapter, (bridge.source,), place, None)
            one = Totals(trace.parameters, trace.multiply_adds, trace.kept)
            more += one.times(len(group) - 1)
    return more
