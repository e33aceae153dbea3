"""The two sides of the comparison: the code, and what the formula says."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sympy

from recform.algebra.definitions.cell import Cell
from recform.algebra.expr import I, L, Learned, Tensor
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline
from recform.algebra.symbols import BLOCK, SCALE, STRIDE, WIDTH
from recform.blocks import Shape
from recform.diagnostics.refuted import Refuted
from recform.execution.file import File
from recform.execution.forms import BROKEN, Made, Raised, Term, Unreadable
from recform.execution.library import Start, changes_nothing
from recform.execution.match import Unlike, matched
from recform.execution.parts import Leaf, Part, Value, call
from recform.execution.said import Said
from recform.execution.shown import shown
from recform.graph.calls import stacks
from recform.graph.model import NetworkGraph, Place, Segment, Site
from recform.graph.places import find
from recform.readback.coefficients import Coefficients, Key, Numbers
from recform.readback.constructor import numbers_of
from recform.readback.follower import Follower
from recform.readback.plan import Printed
from recform.readback.starts import Starts, odd_starts, starts_in
from recform.readback.wanted import Line
from recform.recurrence.build import relative
from recform.recurrence.model import END, ModuleSlot, Slot, Step
from recform.source import Span


class Declined(Refuted):
    """Code does not take what it is given, and says so."""


@dataclass(frozen=True)
class Block:
    """A block of the network.

    Attributes:
        number: as the formula counts.
        segment: what is alike in it and in others.
        length: how many blocks its flow has.
    """

    number: int
    segment: Segment
    length: int


def _positions(formula: Formula) -> int:
    """As many positions as it takes until all that is kept was made by others."""
    cells = (
        step.operator
        for pipeline in formula.operators.values()
        for step in pipeline.steps
        if isinstance(step.operator, Cell)
    )
    return 2 + max((max(cell.lags.values()) for cell in cells), default=0)


@dataclass
class Prepared:
    """What a block of the formula is made with.

    Attributes:
        own: its operators and learned scalars, by name.
        adapters: by the names that the plan has for them.
        numbers: coefficients that are not worked out.
        whole: whether there are no others.
        drawn: the numbers of learned scalars in coefficients.
    """

    own: dict[str, Value] = field(default_factory=dict)
    adapters: dict[str, Part] = field(default_factory=dict)
    numbers: Mapping[Key, Term] = field(default_factory=dict)
    whole: bool = False
    drawn: Mapping[Learned, float] = field(default_factory=dict)


class Sides:
    """A place of the network on both sides.

    Args:
        graph: the network with shapes.
        printed: its source.
        what: the place, in words.
    """

    def __init__(
        self,
        graph: NetworkGraph,
        printed: Printed,
        what: str,
    ) -> None:
        self.graph, self.printed, self.what = graph, printed, what
        self.formula = graph.recurrence.formula
        positions, run = _positions(self.formula), printed.run
        past = printed.past
        said = Said(
            positions=positions,
            going=printed.going,
            past=past,
            run=run,
            draws=printed.draws,
        )
        self.table = said.table
        self.code = File(said, printed.definitions, printed.scalars)
        self.said = File(said, {}, {})
        self.code.labels = {s.name: set(s.modules.values()) for s in printed.steps}
        #: How weights start: a network's constructor says it of all of them.
        self._starts: Starts = {}
        self._handed: dict[Part, Value] = {}
        self._free: Numbers = numbers_of(self.formula)

    def drawn(self, scalar: str, place: str = "") -> Value:
        """The number of a learned scalar of the formula."""
        return self.printed.draws.of(scalar, place)

    def context(self, tensor: Tensor) -> Value:
        """A further input of the network, or what the network has made of such ones."""
        return self.table.atom("context", str(tensor))

    # -- what the formula says

    def line(
        self,
        pipeline: Pipeline | None,
        inputs: tuple[Shape, ...],
        place: Place,
        **more: int,
    ) -> Part:
        """A pipeline at a place; ``i`` and ``L`` are what they are there, if anything."""
        assert pipeline is not None
        symbols = (table.symbol for table in self.formula.tables)
        numbers = dict(zip(symbols, place.table, strict=False))
        named = {{"i": BLOCK, "L": L}[name]: value for name, value in more.items()}
        named |= {WIDTH: place.width, STRIDE: place.stride}
        named[SCALE] = 1 / sympy.sympify(place.stride)
        return Line(self.said, pipeline, inputs, {**self._free, **named, **numbers})

    def owned(self, name: str, flow: int, *, first: bool = False) -> Part:
        """An operator of the network: one without an index, or one of block 0."""
        length = self.graph.recurrence.flows[flow].length
        pipeline = self.formula.operators[name]
        if first:
            module = self.graph.starts[flow].calls[name]
            assert module.inputs is not None
            place = Place(module.place.width, 1)
            return self.line(pipeline, module.inputs, place, i=0, L=length)
        shared = next(m for m in self.graph.shared[flow] if m.name == name)
        place = Place(shared.width, shared.stride)
        return self.line(pipeline, shared.inputs, place, L=length)

    def block(
        self,
        block: Block,
        slots: Mapping[Slot, Value],
        shared: Callable[[str], Value],
        prepared: Prepared,
    ) -> list[Value]:
        """What a block hands on, by its step.

        Args:
            block: the block.
            slots: what it gets.
            shared: what the network owns, by its name.
            prepared: what of it is made; all else is added.
        """
        step = self.graph.recurrence.steps[block.segment.step]
        own = prepared.own

        def value(name: str, index: Any) -> Value:
            if index is sympy.nan:
                return shared(name)
            slot = ModuleSlot(name, int(index))
            if slot in slots:
                return slots[slot]
            if name not in own:
                own[name] = self.own(block, name)
            return own[name]

        numbers = self.coefficients(block, lambda item: value(item.name, item.index))
        numbers.known.update(prepared.numbers)
        numbers.closed = prepared.whole
        prepared.numbers, prepared.drawn = numbers.known, numbers.drawn
        shapes, adapters = block.segment.block.shapes, self._adapters(block, prepared)
        return self.made(step, slots, value, numbers, shapes, step.outputs, adapters)

    def coefficients(
        self, block: Block, scalar: Callable[[Learned], float]
    ) -> Coefficients:
        """The coefficients of a block's step."""
        step = self.graph.recurrence.steps[block.segment.step]
        return self.numbers(step, (block.length, block.number - step.at), scalar)

    def numbers(
        self, step: Step, at: tuple[int, int], scalar: Callable[[Learned], float]
    ) -> Coefficients:
        """The coefficients of a step.

        Args:
            step: in which they stand.
            at: how many blocks there are, and how many more the block's number is than
                that for which the step is written.
            scalar: the number of a learned scalar.
        """
        length, more = at
        return Coefficients(
            self.said.said,
            {L: length},
            scalar,
            lambda item: self._where(step, item),
            (I, more),
        )

    def made(
        self,
        step: Step,
        slots: Mapping[Any, Value],
        value: Callable[[str, Any], Value],
        numbers: Coefficients,
        shapes: Mapping[Tensor, Shape],
        wanted: Sequence[Slot],
        adapters: Mapping[Site, tuple[str, Part]] | None = None,
    ) -> list[Value]:
        """What a step makes.

        Args:
            step: what is computed.
            slots: what it gets.
            value: a module or a learned scalar, by its name and the block that owns it.
            numbers: its coefficients.
            shapes: of all tensors.
            wanted: what of it is asked for.
            adapters: what stands in front of terms.
        """
        follower = Follower(
            self.said,
            step.parts,
            {slot: held for slot, held in slots.items() if isinstance(slot, Tensor)},
            lambda tensor: value(tensor.operator, tensor.index),
            numbers,
            shapes.__getitem__,
            step.bare,
            adapters,
            lambda tensor: stacks(self.formula, shapes.__getitem__, tensor),
        )
        for tensor in step.body:
            follower.form(tensor)
        return [
            value(slot.name, slot.index)
            if isinstance(slot, ModuleSlot)
            else follower.form(slot)
            for slot in wanted
        ]

    def _where(self, step: Step, tensor: Tensor) -> Span | None:
        """Where a tensor of a step stands in the file."""
        if step.role == END:
            return self.formula.output_span
        return find(self.formula, relative(tensor, step.at, step.absolute))

    def own(self, block: Block, name: str) -> Value:
        """An operator of a block; a learned scalar as a number."""
        if name in self.formula.scalars:
            scalar = self.formula.scalars[name]
            size, *ones = block.segment.block.scalars.get(name, (1,))
            numbers = scalar.numbers(size, block.number, block.length)
            varies = scalar.members is not None or scalar.has(I)
            self.said.said.is_numbered |= varies
            self.said.learned[name, Start.of(numbers, len(ones))] += 1
            return self.drawn(name)
        module = block.segment.block.calls[name]
        assert module.inputs is not None
        pipeline, count = self.formula.operators[name], len(self.said.made)
        more = {"i": block.number, "L": module.place.length}
        made = self.line(pipeline, module.inputs, module.place, **more)
        label = self.printed.steps[block.segment.step].modules.get(name, "")
        for part in self.said.made[count:]:
            part.label = label
        return made

    def adapter(self, block: Block, site: Site) -> Part:
        """What stands in front of a term of a block."""
        bridge = block.segment.block.sites[site]
        place = Place(int(bridge.target.features), bridge.stride)
        more = {"i": block.number, "L": block.length}
        pipeline = self.formula.adapter_of(bridge.stride)
        return self.line(pipeline, (bridge.source,), place, **more)

    def _adapters(
        self, block: Block, prepared: Prepared
    ) -> dict[Site, tuple[str, Part]]:
        """The adapters of a block, by their places."""
        names = self.printed.steps[block.segment.step].adapters
        made, sites = prepared.adapters, block.segment.block.sites
        for site in sites:
            if names[site] not in made:
                made[names[site]] = self.adapter(block, site)
        return {site: (names[site], made[names[site]]) for site in sites}

    # -- both

    @contextmanager
    def running(self) -> Iterator[None]:
        """Says where code is that does not run.

        Raises:
            Refuted: if it does not.
        """
        try:
            yield
        except Unreadable as unreadable:
            kind = Declined if isinstance(unreadable, Raised) else Refuted
            raise kind(f"{self.what}: {unreadable}") from None
        except BROKEN as broken:
            raise Refuted(f"{self.what}: {type(broken).__name__} {broken}") from None

    def handed(self, value: Value) -> Any:
        """What is handed on, as it is compared: a module by what it does."""
        if not isinstance(value, Part):
            return value
        if value not in self._handed:
            before = self.code.count, self.said.count
            ran = len(self.code.returned)
            given = [self.table.atom("what it gets", n) for n in range(value.takes)]
            # What each side calls is of that side.
            world = self.said if isinstance(value, Line) else self.code
            made = call(world, value, given)
            self._handed[value] = made
            self.code.forget(before[0])
            del self.code.returned[ran:]
            self.said.forget(before[1])
        return self._handed[value]

    def compare(self, rows: Sequence[tuple[str, Value, Value]]) -> None:
        """Compares values, which modules have made them, and what else there is.

        Args:
            rows: what each is called, what the code makes, and what it should.

        Raises:
            Refuted: if they differ.
        """
        self._counted(self.alike(rows))
        self._check_starts()
        for name in sorted(self.code.asked - self.said.asked):
            if changes_nothing(name) or name in self.table.undrawn:
                continue
            raise Refuted(f"{self.what} calls {name}, which nothing in it is")

    def alike(self, rows: Sequence[tuple[str, Value, Value]]) -> dict[Made, Made]:
        """The modules of the code that have made values, and those that should.

        Args:
            rows: what each is called, what the code makes, and what it should.

        Raises:
            Refuted: if they differ.
        """
        rows = [*rows, ("all that runs", self.code.calls, self.said.calls)]
        one = tuple(code for _, code, _ in rows)
        other = tuple(wanted for _, _, wanted in rows)
        try:
            return matched(one, other)
        except Unlike as unlike:
            name, code, wanted = self._first(rows, unlike)
            text = f"{shown(code)}, and it is {shown(wanted)}"
            raise Refuted(f"{self.what} makes {name} as {text}") from None

    def _check_starts(self) -> None:
        """All weights start as the formula says."""
        with self.running():
            for name, loop in self.code.starting:
                if name != self.printed.name:
                    raise Unreadable(ast.unparse(loop))
            found = starts_in(loop for _, loop in self.code.starting)
        labels = {label for label, _, _ in self._starts}
        for label, _, _ in found:
            # Parts without a label have names, too.
            if label and label not in labels:
                raise Refuted(f"{self.what} starts what is called {label} by its name")
        # What is said of a label and a class together may be of nobody.
        for key, wanted in self._starts.items():
            label, kind, attribute = key
            if found.get(key, found.get(("", kind, attribute), ())) != wanted:
                what = f"{attribute} of {kind}" + (f" called {label}" if label else "")
                raise Refuted(f"{self.what} starts {what} in another way")

    def _first(
        self, rows: Sequence[tuple[str, Value, Value]], all_: Unlike
    ) -> tuple[str, Value, Value]:
        """The first row in which the two sides differ, and what in it does."""
        for name, code, wanted in rows:
            try:
                matched(code, wanted)
            except Unlike as unlike:
                return name, unlike.one, unlike.other
        return "modules", all_.one, all_.other

    def _counted(self, found: Mapping[Made, Made]) -> None:
        """Nothing is there that does not run."""
        wanted = {frozenset(group) for group in self.said.shares.values() if group[1:]}
        if _groups(self.code.ties, found) != wanted:
            raise Refuted(f"{self.what} has other weights in common")
        for made in self.code.made:  # learned scalars are counted
            if made not in found and not learns_nothing(made, self.code):
                raise Refuted(f"{self.what} has {shown(made)}, which nobody runs")
        for instance in self.code.idle:
            raise Refuted(f"{self.what} has {instance.kind.name}, which nobody runs")
        if odd := odd_starts(self.code.learned, self.said.learned):
            name, start = min(odd, key=str)
            what = f"{name}, {start}, here or there alone"
            raise Refuted(f"{self.what} has other learned scalars: {what}")


def learns_nothing(made: Made, code: File) -> bool:
    """Whether a module that need not run has no weights."""
    # timm's interface pools by itself, and leaves the pooling where brackets have it.
    pools = ("nn.AdaptiveAvgPool2d", "nn.AdaptiveMaxPool2d", "nn.Flatten")
    idle = ("nn.Identity", "nn.Dropout", *pools)
    return made.make in code.said.layers or made.make[0] in idle


def _groups(
    ties: Sequence[tuple[Value, Value]], found: Mapping[Made, Made]
) -> set[frozenset[Made]]:
    """Modules that have one weight; each has that of the first."""
    groups: dict[Made, set[Made]] = {}
    for module, owner in ties:
        if not isinstance(module, Leaf) or not isinstance(owner, Leaf):
            raise Refuted("what has a weight in common is no module")
        first, other = (found.get(part.made, part.made) for part in (owner, module))
        groups.setdefault(first, {first}).add(other)
    return set(map(frozenset, groups.values()))
