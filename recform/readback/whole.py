"""The network around its blocks, on both sides: what each block gets, and the output.

Rows of blocks that get the same, each a block later, are one on both sides.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sympy

from recform.algebra.expr import Context, Input
from recform.algebra.indices import is_of_context
from recform.algebra.pipeline import symbols_of
from recform.algebra.symbols import parameter
from recform.diagnostics.refuted import Refuted
from recform.execution.library import Start
from recform.execution.parts import Hole, Instance, Part, Row, Value, call
from recform.execution.rows import Later, Span, merged, span_of, spans
from recform.graph.model import NetworkGraph, Piece, Place, Segment
from recform.readback.constructor import POOL, Given, is_timms, pooling, told, whole
from recform.readback.plan import Printed
from recform.readback.sides import Block, Prepared, Sides
from recform.readback.starts import reset_in, starts_of
from recform.recurrence.model import (
    START,
    Flow,
    ModuleSlot,
    Slot,
    Step,
    contexts_of,
    read_by,
)
from recform.recurrence.stacks import Lists


@dataclass
class _Wanted:
    """Blocks of a segment that get the same, each a block later.

    Attributes:
        block: the first of them.
        count: how many there are.
        call: the number of the first one's call.
        given: what it gets.
        beyond: what calls behind this one have made is made by later ones for a later block.
    """

    block: Block
    count: int
    call: int
    given: tuple[Any, ...]
    beyond: int


class Network(Sides):
    """The network around its blocks.

    Args:
        graph: the network with shapes.
        printed: its source.
        defaults: of its constructor's arguments.
        given: those that are others; the graph has them.

    Attributes:
        names: of the classes of blocks.
        last: what the last two blocks got in the code.
        found: what the code calls as blocks, with the first of these or any before it.
        read: modules that blocks get, each with how many calls had ended before.
    """

    def __init__(
        self, graph: NetworkGraph, printed: Printed, defaults: Given, given: Given
    ) -> None:
        texts = [f"{name}={value}" for name, value in given.items()]
        what = f"{printed.name}({', '.join(texts)})" if texts else printed.name
        super().__init__(graph, printed, what)
        self._given, self._all = given, {**defaults, **given}
        self.names = frozenset(step.name for step in printed.steps if step.is_class)
        self.last: list[Any] = []
        self.found: list[tuple[Span, Block]] = []
        self.read: list[tuple[Value, int]] = []
        self.code.blocks = self
        self._starts = starts_of(graph)
        self._wanted: list[_Wanted] = []
        self._place = 0
        self._differ: list[tuple[str, Any, Any]] = []
        # What flows of blocks make, by the formula.
        self._made_by: list[Value] = []
        # How many calls of blocks there were: in the code, and by the formula.
        self._calls, self._count = 0, 0
        self._run: dict[Any, list[Span]] = {}
        self._takes = list(map(read_by, graph.recurrence.steps))
        self._reads = list(map(contexts_of, graph.recurrence.steps))
        self._shared: dict[tuple[str, int, bool], Value] = {}

    def check(self) -> None:
        """Compares the constructor and the forward pass.

        Raises:
            Refuted: if they differ.
        """
        network = self._made()
        x = self.table.atom("input")
        contexts = map(Context, self.formula.contexts)
        self._inputs = {tensor: self.context(tensor) for tensor in contexts}
        result = self._result(x)
        with self.running():
            given = [x, *self._inputs.values()]
            made = self.code.called_method(network, "forward", given)
            self._check_stages(network)
        if any(self.code.popped):
            raise Refuted("values stay on a list, and no block takes them")
        if self._calls < self._count:
            raise Refuted(f"{self.what} calls {self._calls} blocks")
        if is_timms(self.printed):
            shown = [value for value, _ in self.code.shown][-len(self._made_by) :]
            pairs = zip(shown, self._made_by, strict=False)
            self._differ += [("a level of features", *pair) for pair in pairs]
        self.compare([*self._differ, ("the output", made, result)])
        if is_timms(self.printed):
            self._check_reset(network.kind)
            if not self._given:
                # Importing it takes the other forms longer than their own code.
                from recform.readback.interface import Interface

                has_classes = all(step.is_class for step in self.printed.steps)
                what = Interface(
                    *(self.graph, self.code, network),
                    *(self.found, self.read, has_classes),
                )
                with self.running():
                    what.check()

    def check_head(self) -> None:
        """Compares the constructor, and the head of timm's interface alone.

        Raises:
            Refuted: if they differ.
        """
        network = self._made()
        x = self.table.atom("features")
        result = self._piece(self._head(self.graph.head), x)
        with self.running():
            made = self.code.called_method(network, "_finish", [x])
            made = self.code.called_method(network, "forward_head", [made])
        self.alike([("its scores", made, result)])

    def reads_given(self, block: Block) -> bool:
        """Whether a block reads, by the formula, an argument that is no default."""
        shared = (module.name for group in self.graph.shared for module in group)
        names = (*block.segment.block.calls, *shared)
        inside = [self.formula.operators[name] for name in names]
        inside += filter(None, (self.formula.adapter, self.formula.rise))
        symbols = symbols_of(inside)
        return any(parameter(name) in symbols for name in self._given)

    # -- the code

    def _made(self) -> Instance:
        """The network, whose constructor has run.

        Raises:
            Refuted: if it does not; Declined, if it raises an error of its own.
        """
        kind = self.printed.definitions[self.printed.name]
        with self.running():
            network = self.code.instance(kind, (), self._given)  # type: ignore[arg-type]
            if is_timms(self.printed):
                self._check_told(network)
            self.code.attribute(network, "forward")
        if self.code.laid != [self.printed.name] * self.printed.laid_out:
            raise Refuted(f"{self.what} lays its weights out in another way")
        return network

    def _check_told(self, network: Instance) -> None:
        """What timm asks a network for is so."""
        wanted = told(self.graph, self._all)
        for name, value in wanted.items():
            if (said := self.code.attribute(network, name)) != value:
                raise Refuted(f"{self.what} says that its {name} is {said}")
        normed = dict(self.code.attribute(network, "feature_info")[-1])
        channels = wanted["num_features"]
        if normed.get("num_chs_norm", normed["num_chs"]) != channels:
            raise Refuted(
                f"{self.what} does not say that {channels} channels are pooled"
            )

    def _check_reset(self, kind: ast.ClassDef) -> None:
        """A new last layer starts as the one in whose place it is put."""
        with self.running():
            method, calls = reset_in(kind)
        label = self.formula.head.steps[-1].label.rpartition(".")[2]
        keys = [(name, "nn.Linear", "weight") for name in (label, "")]
        if calls != next(self._starts[key] for key in keys if key in self._starts):
            raise Refuted(f"{self.what} starts a new last layer in another way")
        if method is not None:
            self.printed.run.add(method)

    def _check_stages(self, network: Instance) -> None:
        """Holds the containers against the stages: what is where is said by their names."""
        blocks = {id(span.row) for span, _ in self.found}
        for number, name in enumerate(self.printed.stages):
            held = self.code.attribute(network, name)
            items = spans(held.held) if isinstance(held, Row) else []
            found = merged(span for span in items if id(span.row) in blocks)
            wanted = (s for s, block in self.found if block.segment.stage == number)
            if found != merged(wanted):
                raise Refuted(f"{self.what} does not run {name} as stage {number + 1}")

    def called(self, instance: Instance, arguments: Sequence[Value]) -> Value:
        """What the code makes by a call of a block."""
        if self._calls == self._count:
            raise Refuted(f"{self.what} calls a block too many")
        wanted = self._wanted[self._place]
        gone = self._calls - wanted.call
        block = replace(wanted.block, number=wanted.block.number + gone)
        name = self.printed.steps[block.segment.step].name
        span = span_of(instance)
        if instance.kind.name != name:
            raise Refuted(
                f"{self.what} calls a {instance.kind.name} as block {block.number}, "
                f"and it is a {name} of its own"
            )
        code = tuple(map(self.handed, arguments))
        read = (part for part in arguments if isinstance(part, Part))
        self.read += [(part, len(self.code.returned)) for part in read]
        said = Later(self.table, wanted.beyond).of(wanted.given, gone)
        if code != said:
            self._differ.append((f"what block {block.number} gets", code, said))
        self.last = [*self.last[-1:], code]
        self._ran(span)
        made = self._outputs(block, self._calls - 1)
        return made[0] if len(made) == 1 else made

    def ahead(self) -> tuple[int, int]:
        """How many blocks get what the last one got, each a block later.

        And the call behind which what calls have made is made by later ones then.
        """
        wanted = self._wanted[min(self._place, len(self._wanted) - 1)]
        last = wanted.call + wanted.count
        # The last one has to be of these.
        left = last - self._calls if self._calls > wanted.call else 0
        return left, wanted.beyond

    def passed(self, span: Span, later: Later) -> None:
        """Blocks that do what the last one did were passed over."""
        self.last = [later.of(given, span.count) for given in self.last]
        self.code.called.append(span)
        self._ran(span)

    def _ran(self, span: Span) -> None:
        """Blocks have run, all of them in one row of those that are wanted.

        Raises:
            Refuted: if one of them has run before.
        """
        wanted = self._wanted[self._place]
        self.found.append((span, wanted.block))
        run = self._run.get(span.row, [])
        if any(span.meets(other) for other in run):
            number = wanted.block.number + self._calls - wanted.call
            raise Refuted(
                f"{self.what} calls as block {number} one that has run before"
            )
        self._run[span.row] = merged([*run, span])
        self._calls += span.count
        if self._calls == wanted.call + wanted.count:
            self._place += 1

    def _outputs(self, block: Block, number: int) -> tuple[Value, ...]:
        outputs = self.graph.recurrence.steps[block.segment.step].outputs
        return tuple(self._output(slot, number, k) for k, slot in enumerate(outputs))

    def _output(self, slot: Slot, call: int, which: int) -> Value:
        if not isinstance(slot, ModuleSlot):
            return self.table.atom("slot", call, which)
        if slot.name in self.formula.scalars:
            return self.drawn(slot.name, f"{call}.{which}")
        return Hole(str(which), call)

    # -- what the formula says

    def _result(self, x: Value) -> Value:
        graph = self.graph
        x = self._piece(graph.stem, x)
        for number, flow in enumerate(graph.recurrence.flows):
            if number and graph.transitions:
                x = self._piece(graph.transitions[number - 1], x)
            stages = graph.stages_of(number)
            made = tuple(filter(is_of_context, flow.start.body))
            wanted = (*flow.initial, *made)
            start = self._ends(flow, number, flow.start, {Input(): x}, wanted)
            state: Sequence[Value] = start[: len(flow.initial)]
            found = zip(made, start[len(flow.initial) :], strict=True)
            self._constants = {**self._inputs, **dict(found)}
            lists = Lists[Value](flow)
            lists.keep(0, state)
            for segment in (s for stage in stages for s in stage.segments):
                state = self._follow(segment, number, lists, state)
            given = lists.given(flow.end, flow.length + 1, state)
            held = dict(zip(flow.end.inputs, given, strict=True))
            held |= self._constants
            (x,) = self._ends(flow, number, flow.end, held, [flow.output])
            self._made_by.append(x)
        for name in graph.recurrence.shared_scalars:
            scalar = self.formula.scalars[name]
            size, *ones = graph.scalars.get(name, (1,))
            numbers = scalar.numbers(size, None, 0)
            self.said.learned[name, Start.of(numbers, len(ones))] += 1
        return self._piece(self._head(graph.head), x)

    def _head(self, piece: Piece) -> Piece:
        """The head; timm's interface has its own way of pooling all that there is.

        A pooling of the whole grid and `flatten` are a pooling to a vector.
        """
        has_keyword = is_timms(self.printed) and POOL in self._all
        place = pooling(piece, self.formula) if has_keyword else None
        if place is None or place.stop == place.start + 1:
            return piece
        steps = list(piece.pipeline.steps)
        step = steps[place.start]
        kind = "maxpool" if step.operator.name == "maxpool" else "avgpool"
        steps[place] = [whole(step, self.formula.library.operators[kind])]
        return replace(piece, pipeline=replace(piece.pipeline, steps=tuple(steps)))

    def _piece(self, piece: Piece, x: Value) -> Value:
        place = Place(piece.width, piece.stride, table=piece.table)
        return call(self.said, self.line(piece.pipeline, (piece.input,), place), [x])

    def _follow(
        self, segment: Segment, number: int, lists: Lists[Value], state: Sequence[Value]
    ) -> Sequence[Value]:
        """What the blocks of a segment hand on."""
        flow = self.graph.recurrence.flows[number]
        step = self.graph.recurrence.steps[segment.step]
        beyond = self._count - 1
        rows = len(self._wanted)
        for k in range(segment.count):
            block = Block(segment.first + k, segment, flow.length)
            given = lists.given(step, block.number, state)
            before, state = state, self._next(block, number, given, beyond)
            lists.keep(block.number, state)
            # What a block takes off a stack is of another age in each.
            if flow.stacks or len(self._wanted) < rows + 2:
                continue
            older, newer = self._wanted[-2:]
            later = Later(self.table, beyond)
            if later.is_from((older.given, before), (newer.given, state)):
                left = segment.count - 1 - k
                newer.count += left
                self._count += left
                return tuple(later.of(item, left) for item in state)
        return state

    def _next(
        self, block: Block, flow: int, state: Sequence[Value], beyond: int
    ) -> Sequence[Value]:
        """What a block hands on."""
        step = self.graph.recurrence.steps[block.segment.step]
        printed = self.printed.steps[block.segment.step]
        if not printed.is_class:
            slots = dict(zip(step.inputs, state, strict=True))
            shared = partial(self._owned, flow=flow)
            return self.block(block, slots, shared, Prepared())
        given = [self._owned(name, flow) for name in printed.handed]
        given += [state[number] for number in self._takes[block.segment.step]]
        given += map(self._constants.__getitem__, self._reads[block.segment.step])
        handed = tuple(map(self.handed, given))
        self._wanted.append(_Wanted(block, 1, self._count, handed, beyond))
        self._count += 1
        return self._outputs(block, self._count - 1)

    def _ends(
        self,
        flow: Flow,
        number: int,
        step: Step,
        known: dict[Any, Value],
        wanted: Sequence[Slot],
    ) -> list[Value]:
        """What is computed before the first block, or behind the last one."""
        # The end is written as that of a short network.
        ends = self.graph.starts if step.role == START else self.graph.ends
        behind = 0 if step.role == START else flow.length - (step.at - 1)

        def value(name: str, index: Any) -> Value:
            if index is not sympy.nan and ModuleSlot(name, int(index)) in known:
                return known[ModuleSlot(name, int(index))]
            return self._owned(name, number, index is not sympy.nan)

        at = flow.length, behind
        numbers = self.numbers(step, at, lambda item: value(item.name, item.index))
        return self.made(step, known, value, numbers, ends[number].shapes, wanted)

    def _owned(self, name: str, flow: int, first: bool = False) -> Value:
        """What the network owns: an operator for a flow, or a learned scalar."""
        if name in self.formula.scalars:
            return self.drawn(name)
        key = (name, flow, first)
        if key not in self._shared:
            self._shared[key] = self.owned(name, flow, first=first)
        return self._shared[key]
