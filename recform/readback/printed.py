"""The plan as it was printed: the Python of a network is read back and compared.

The network's constructor and forward pass are run on names, with the blocks as they come:
what each of them gets, and what is made of what the last one makes, is what the formula
says. Then each block that differs from the others is made and run, beside the step of the
plan, the pipelines and the adapters that it has, with the numbers of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sympy

from recform.algebra.expr import Context, I, Input, L, Tensor
from recform.algebra.formula import Scope
from recform.algebra.indices import is_of_context
from recform.algebra.tracing import arguments_of
from recform.blocks import Arguments, Misfit
from recform.graph.model import NetworkGraph, Piece, Place
from recform.readback.forms import drawn
from recform.readback.parts import Hole, Instance, Method, Row, Value, call
from recform.readback.plan import Misprint, Printed
from recform.readback.sides import Block, Sides
from recform.readback.wanted import Coefficients, Follower
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

#: The method of a block that makes of what it hands on what it got.
INVERSE = "inverse"
#: What classes with timm's interface derive from, and what they know as a pooling.
_BASE = "ImageClassifier"
_POOLS = ("avgpool", "maxpool", "globalpool")


def check_printed(graph: NetworkGraph, printed: Printed) -> None:
    """Compares the source of a network with its plan.

    Args:
        graph: the network with shapes.
        printed: its source, and what in it is what of the plan.

    Raises:
        Misprint: if they differ.
    """
    network = _Network(graph, printed)
    network.check()
    _check_growth(network.found, network.blocks)
    done: set[object] = set()
    for instance, block in zip(network.found, network.blocks, strict=True):
        segment = block.segment
        key = (id(segment), tuple(instance.given.items()))
        ends = (segment.first, segment.first + segment.count - 1)
        if block.number in ends and key not in done:
            done.add(key)
            _check_block(graph, printed, block, instance)


def _check_growth(found: Sequence[Instance], blocks: Sequence[Block]) -> None:
    """Numbers of blocks that are alike grow steadily, so that the ends speak for all."""
    rows: dict[int, list[Instance]] = {}
    for instance, block in zip(found, blocks, strict=True):
        rows.setdefault(id(block.segment), []).append(instance)
    for row in rows.values():
        first, last = row[0].given, row[-1].given
        for place, instance in enumerate(row):
            for name, number in instance.given.items():
                right = number == first[name]
                if first[name] != last[name]:
                    more = last[name] - first[name]
                    right = (number - first[name]) * (len(row) - 1) == place * more
                if not right:
                    raise Misprint(f"{instance.kind.name} gets {name} = {number}")


def _check_block(
    graph: NetworkGraph, printed: Printed, block: Block, found: Instance
) -> None:
    """Compares a block with its step."""
    step = graph.recurrence.steps[block.segment.step]
    what = f"{found.kind.name} as block {block.number}"
    sides = Sides(graph, printed, {}, what)
    scalars = graph.recurrence.formula.scalars

    def outside(name: str, place: str) -> Value:
        return drawn(place) if name in scalars else Hole(place)

    slots: dict[Slot, Value] = {
        slot: outside(slot.name, f"slot {number}")
        if isinstance(slot, ModuleSlot)
        else sides.table.atom("slot", number)
        for number, slot in enumerate(step.inputs)
    }
    slots |= {tensor: sides.context(tensor) for tensor in contexts_of(step)}
    handed = printed.steps[block.segment.step].handed

    def shared(name: str) -> Value:
        if name in handed:
            return outside(name, f"shared {name}")
        # It learns nothing: it is written where it is called.
        flow = next(
            n for n, group in enumerate(graph.shared) if name in (m.name for m in group)
        )
        return sides.owned(name, flow)

    wanted = sides.block(block, slots, shared)
    given = [outside(name, f"shared {name}") for name in handed]
    given += [slots[step.inputs[number]] for number in read_by(step)]
    given += map(slots.__getitem__, contexts_of(step))
    with sides.running():
        instance = Instance(found.kind, found.given)
        made = call(sides.code, instance, given)
        results = made if isinstance(made, tuple) else (made,)
        if len(results) != len(wanted):
            raise Misprint(f"{what} hands on {len(results)} values")
        rows = [
            (str(slot), sides.handed(result), sides.handed(right))
            for slot, result, right in zip(step.outputs, results, wanted, strict=True)
        ]
    sides.compare(rows)
    if not block.segment.block.sites:
        inputs = [slots[slot] for slot in step.inputs]
        _check_inverse(sides, instance, given[: len(handed)], results, inputs)


def _check_inverse(
    sides: Sides,
    instance: Instance,
    shared: Sequence[Value],
    results: Sequence[Value],
    inputs: Sequence[Value],
) -> None:
    """A block that is run backwards, if it can be, makes what it got."""
    with sides.running():
        method = sides.code.attribute(instance, INVERSE)
        if not isinstance(method, Method):
            return
        made = call(sides.code, method, [*shared, *results])
        back = list(made) if isinstance(made, tuple) else [made]
        frozen = [list(map(sides.table.frozen, row)) for row in (back, inputs)]
    if frozen[0] != frozen[1]:
        raise Misprint(f"{sides.what} does not get back what it got")


class _Network(Sides):
    """The network around its blocks.

    Attributes:
        blocks: those that have a class.
        found: what the code calls for each of them.
    """

    def __init__(self, graph: NetworkGraph, printed: Printed) -> None:
        steps = [step for step in printed.steps if step.is_class]
        super().__init__(
            graph, printed, {s.name: self._called for s in steps}, printed.name
        )
        self.blocks: list[Block] = []
        self.found: list[Instance] = []
        self._wanted: list[tuple[str, Any]] = []
        self._given: list[Any] = []
        self._run: set[int] = set()
        self._takes = list(map(read_by, graph.recurrence.steps))
        self._reads = list(map(contexts_of, graph.recurrence.steps))
        self._shared: dict[tuple[str, int, bool], Value] = {}

    def check(self) -> None:
        """Compares the constructor and the forward pass.

        Raises:
            Misprint: if they differ.
        """
        x = self.table.atom("input")
        contexts = map(Context, self.formula.contexts)
        self._inputs = {tensor: self.context(tensor) for tensor in contexts}
        result = self._result(x)
        kind = self.printed.definitions[self.printed.name]
        with self.running():
            network = self.code.instance(kind, (), {})  # type: ignore[arg-type]
            given = [x, *self._inputs.values()]
            made = self.code.called_method(network, "forward", given)
            self._check_stages(network)
        if any(self.code.popped):
            raise Misprint("values stay on a list, and no block takes them")
        if len(self.found) < len(self.blocks):
            raise Misprint(f"{self.what} calls {len(self.found)} blocks")
        rows = [
            (name, code, wanted)
            for code, (name, wanted) in zip(self._given, self._wanted, strict=True)
            if code != wanted
        ]
        self.compare([*rows, ("the output", made, result)])

    # -- the code

    def _check_stages(self, network: Instance) -> None:
        """Holds the containers against the stages: what is where is said by their names."""
        blocks = {id(item) for item in self.found}
        for number, name in enumerate(self.printed.stages):
            held = self.code.attribute(network, name)
            items = [item for _, item in held.items] if isinstance(held, Row) else []
            pairs = zip(self.blocks, self.found, strict=False)
            wanted = [id(item) for b, item in pairs if b.segment.stage == number]
            if [id(item) for item in items if id(item) in blocks] != wanted:
                raise Misprint(f"{self.what} does not run {name} as stage {number + 1}")

    def _called(self, instance: Instance, arguments: Sequence[Value]) -> Value:
        """What the code makes by a call of a block."""
        number = len(self.found)
        if number == len(self.blocks):
            raise Misprint(f"{self.what} calls a block too many")
        block = self.blocks[number]
        name = self.printed.steps[block.segment.step].name
        if instance.kind.name != name or id(instance) in self._run:
            raise Misprint(
                f"{self.what} calls a {instance.kind.name} as block {block.number}, "
                f"and it is a {name} of its own"
            )
        self._run.add(id(instance))
        self.found.append(instance)
        self._given.append(tuple(map(self.handed, arguments)))
        made = self._outputs(block, number)
        return made[0] if len(made) == 1 else made

    def _outputs(self, block: Block, number: int) -> tuple[Value, ...]:
        outputs = self.graph.recurrence.steps[block.segment.step].outputs
        return tuple(
            self._output(slot, f"{number}.{k}") for k, slot in enumerate(outputs)
        )

    def _output(self, slot: Slot, place: str) -> Value:
        if not isinstance(slot, ModuleSlot):
            return self.table.atom("slot", place)
        return drawn(place) if slot.name in self.formula.scalars else Hole(place)

    # -- what the formula says

    def _result(self, x: Value) -> Value:
        graph = self.graph
        x = self._piece(graph.stem, x)
        by_stage = self.formula.scope is Scope.STAGE
        for number, flow in enumerate(graph.recurrence.flows):
            if number and graph.transitions:
                x = self._piece(graph.transitions[number - 1], x)
            stages = graph.stages[number : number + 1] if by_stage else graph.stages
            made = tuple(filter(is_of_context, flow.start.body))
            wanted = (*flow.initial, *made)
            start = self._ends(flow, number, flow.start, {Input(): x}, wanted)
            state: Sequence[Value] = start[: len(flow.initial)]
            found = zip(made, start[len(flow.initial) :], strict=True)
            self._constants = {**self._inputs, **dict(found)}
            lists = Lists[Value](flow)
            lists.keep(0, state)
            for segment in (s for stage in stages for s in stage.segments):
                step = graph.recurrence.steps[segment.step]
                for k in range(segment.count):
                    block = Block(segment.first + k, segment, flow.length)
                    given = lists.given(step, block.number, state)
                    state = self._next(block, number, given)
                    lists.keep(block.number, state)
            given = lists.given(flow.end, flow.length + 1, state)
            held = dict(zip(flow.end.inputs, given, strict=True))
            held |= self._constants
            (x,) = self._ends(flow, number, flow.end, held, [flow.output])
        self.said.learned += len(graph.recurrence.shared_scalars)
        return self._piece(self._head(graph.head), x)

    def _head(self, piece: Piece) -> Piece:
        """The head; timm's interface has its own way of pooling all that there is.

        A pooling of the whole grid and `flatten` are a pooling to a vector.
        """
        if _BASE not in self.printed.definitions:
            return piece
        inputs, steps = (piece.input,), list(piece.pipeline.steps)
        for number, step in enumerate(steps[:-1]):
            try:
                made = step.operator.shape_of(inputs, arguments_of(step, {}))
            except (Misfit, TypeError):
                return piece  # sizes that are left to the constructor
            ahead = steps[number + 1].operator.name
            if step.operator.name in _POOLS and ahead == "flatten":
                if all(size == 1 for size in made.grid):
                    pool = step.operator
                    if pool.name == "globalpool":
                        pool = self.formula.library.operators["avgpool"]
                    whole = {a.name: a.default for a in pool.arguments}
                    found = replace(step, operator=pool, arguments=Arguments(whole))
                    steps[number : number + 2] = [found]
                    line = replace(piece.pipeline, steps=tuple(steps))
                    return replace(piece, pipeline=line)
                return piece
            inputs = (made,)
        return piece

    def _piece(self, piece: Piece, x: Value) -> Value:
        place = Place(piece.width, piece.stride, table=piece.table)
        return call(self.said, self.line(piece.pipeline, (piece.input,), place), [x])

    def _next(self, block: Block, flow: int, state: Sequence[Value]) -> Sequence[Value]:
        """What a block hands on."""
        step = self.graph.recurrence.steps[block.segment.step]
        printed = self.printed.steps[block.segment.step]
        if not printed.is_class:
            slots = dict(zip(step.inputs, state, strict=True))
            return self.block(block, slots, lambda name: self._owned(name, flow))
        given = [self._owned(name, flow) for name in printed.handed]
        given += [state[number] for number in self._takes[block.segment.step]]
        given += map(self._constants.__getitem__, self._reads[block.segment.step])
        what = f"what block {block.number} gets"
        self._wanted.append((what, tuple(map(self.handed, given))))
        self.blocks.append(block)
        return self._outputs(block, len(self.blocks) - 1)

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

        follower = Follower(
            self.said,
            step.parts,
            {slot: made for slot, made in known.items() if isinstance(slot, Tensor)},
            lambda tensor: value(tensor.operator, tensor.index),
            Coefficients(
                {L: flow.length},
                lambda scalar: value(scalar.name, scalar.index),
                (I, behind),
            ),
            ends[number].shapes.__getitem__,
        )
        for tensor in step.body:
            follower.form(tensor)
        return [
            value(slot.name, slot.index)
            if isinstance(slot, ModuleSlot)
            else follower.form(slot)
            for slot in wanted
        ]

    def _owned(self, name: str, flow: int, first: bool = False) -> Value:
        """What the network owns: an operator for a flow, or a learned scalar."""
        if name in self.formula.scalars:
            return drawn(name)
        key = (name, flow, first)
        if key not in self._shared:
            self._shared[key] = self.owned(name, flow, first=first)
        return self._shared[key]
