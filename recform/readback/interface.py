"""What timm asks a network for besides its passes: held against what these have done.

Levels of features, modules by name, and what is taken out for fewer levels: none of it
changes what a network computes, so the passes say nothing of it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import log2
from typing import Any

from recform.algebra.formula import Scope
from recform.algebra.tracing import shapes_along
from recform.blocks import Shape
from recform.diagnostics.refuted import Refuted
from recform.execution.file import File
from recform.execution.forms import Node, Unreadable, kind_of
from recform.execution.match import nodes_in
from recform.execution.parts import Hole, Instance, Leaf, Row, Value
from recform.execution.rows import Items, Later, Span
from recform.graph.model import NetworkGraph
from recform.readback.constructor import is_bare, numbers_at, pooling
from recform.readback.depths import Pass, check_depths, items, place

#: What a level says of itself.
_KEYS, _MORE = {"num_chs", "reduction", "module"}, {"num_chs_norm"}
#: Poolings that a head can have, and the one that is no other.
_POOLS, _OWN = ("avg", "max"), ("head",)


class Interface:
    """What a network has for timm.

    Args:
        graph: the network with shapes.
        code: its file, of which the forward pass has run.
        network: its object there.
        found: the blocks that were called, in order.
        read: modules that blocks got, each with how many had returned before.
        has_classes: whether all blocks are objects of classes.
    """

    def __init__(
        self,
        graph: NetworkGraph,
        code: File,
        network: Instance,
        found: Sequence[tuple[Span, Any]],
        read: Sequence[tuple[Value, int]],
        has_classes: bool,
    ) -> None:
        self._graph, self._code, self._network = graph, code, network
        self._found, self._has_classes, self._read = found, has_classes, read
        self._name = network.kind.name
        self._shown = list(code.shown)
        self._returned = list(code.returned)
        self._info = [dict(row) for row in code.attribute(network, "feature_info")]

    def check(self) -> None:
        """Holds all of it against the forward pass.

        Raises:
            Refuted: if something of it is not so.
        """
        stages, count = len(self._graph.stages), len(self._info)
        if count != len(self._shown) or count - stages not in (0, 1):
            raise Refuted(f"{self._name} shows {len(self._shown)} levels of {count}")
        for number, row in enumerate(self._info):
            self._check_level(number, row, number + stages - count)
        self._check_pools()
        self._check_finish()
        self._check_pruned()
        self._check_depths()
        undecayed = self._code.attribute(self._network, "_undecayed")
        if sorted(undecayed) != sorted(self._scalars()):
            raise Refuted(
                f"{self._name} does not say which of its numbers are no weights"
            )

    # -- levels

    def _check_level(self, number: int, row: Mapping[str, Any], stage: int) -> None:
        """A level, which is what its module returns, behind its stage or the stem."""
        what = f"level {number} of {self._name}"
        value, end = self._shown[number]
        if set(row) - _MORE != _KEYS:
            raise Refuted(f"{what} says {', '.join(row)}")
        if not self._is_returned(self._part(row["module"]), value, end):
            raise Refuted(f"{what} is not what {row['module']} returns")
        image, said = self._graph.stem.input, (row["num_chs"], row["reduction"])
        shapes = self._shapes(what, stage, value)
        if said not in [(int(x.features), _reduction(image, x)) for x in shapes]:
            raise Refuted(f"{what} has no {said[0]} channels, {said[1]} times coarser")

    def _is_returned(self, part: Value, value: Value, end: int) -> bool:
        """Whether a module has returned what is shown."""
        wanted = place(part)
        if any(place(p) == wanted and v == value for p, v in self._returned[:end]):
            return True
        call = 0
        for span, _ in self._found:
            gone = wanted[1] - span.first
            if id(span.row) == wanted[0] and 0 <= gone < span.count:
                return bool(value == self._code.table.atom("slot", call + gone, 0))
            call += span.count
        return False

    def _shapes(self, what: str, stage: int, value: Value) -> Iterator[Shape]:
        """The shapes that a level may have."""
        graph, stages = self._graph, self._graph.stages
        if stage < 0:
            numbers = numbers_at(graph.stem, graph.recurrence.formula)
            yield from shapes_along(graph.stem.pipeline, (graph.stem.input,), numbers)
        elif len(graph.recurrence.flows) > 1:
            yield graph.ends[stage].shapes[graph.recurrence.flows[stage].output]
        elif stage + 1 == len(stages):
            yield graph.final
        else:
            yield from self._between(what, stage, value)

    def _between(self, what: str, stage: int, value: Value) -> Iterator[Shape]:
        """The shape of what is made of the tensors that the last block of a stage made."""
        stages = self._graph.stages
        outputs: Sequence[Any] = stages[stage].segments[-1].block.outputs
        counts = [sum(s.count for s in item.segments) for item in stages]
        call, last = sum(counts[: stage + 1]) - 1, sum(counts) - 1
        slots = [n.parts for n in nodes_in([value]) if n.parts[0] == "slot"]
        if not self._has_classes:
            # What blocks without a class make is made of what their modules make.
            yield from filter(None, outputs)
            return
        is_late = any(other != call for _, other, _ in slots)
        if stages[stage].segments[-1].step == stages[-1].segments[-1].step:
            later = Later(self._code.table, call - 1).of(value, last - call)
            # What the stage made last is shown where the output has more of the network.
            is_late |= later != self._shown[-1][0] and kind_of(value) != "slot"
        if is_late:
            raise Refuted(
                f"{what} is not what the network would make, if it ended there"
            )
        first = outputs[slots[0][2]] if slots else outputs[0]
        yield first.with_features(_features(value, outputs))

    # -- what is taken out for fewer levels

    def _check_finish(self) -> None:
        """What the head does in front of its pooling is in the modules that it names."""
        names = self._code.attribute(self._network, "_finish_names")
        parts, before = list(map(self._part, names)), len(self._code.returned)
        self._code.called_method(
            self._network, "_finish", [self._code.table.atom("features")]
        )
        ran = self._modules(self._code.returned[before:])
        unnamed = [p for p in ran if not any(_holds(part, p) for part in parts)]
        unrun = [p for p in parts if place(p) not in map(place, ran)]
        if unnamed or unrun:
            raise Refuted(f"{self._name} does not say what is in front of its pooling")

    def _check_pruned(self) -> None:
        """What is taken out behind a level runs behind it, and all that does is.

        What all blocks share stays, also where those of the first stages do not take it.
        """
        apart = self._graph.recurrence.formula.scope is Scope.STAGE
        stops = [end for _, end in self._shown]
        names = self._code.attribute(self._network, "_order") or tuple(self._names())
        # A block hands on its own module, or one that it got: both count there.
        got = [(part, n) for part, n in self._read if not isinstance(part, Hole)]
        for row, stop in zip(self._info[:-1], stops, strict=False):
            parts = list(map(self._part, self._pruned(names, row["module"])))
            # What blocks got has not returned where other blocks speak for them.
            read = [part for part, before in got if before < stop]
            later = [part for part, before in got if before >= stop and apart]
            early = [*self._modules(self._returned[:stop]), *read]
            ran = [*self._modules(self._returned[: stops[-1]]), *later]
            places = set(map(place, early))
            # What all blocks share stays, with all that is in it.
            which = read if apart else [part for part, _ in got]
            shared = {place(part): part for part in which}.values()
            late = [
                part
                for part in ran
                if place(part) not in places
                and not any(_holds(p, part) for p in shared)
            ]
            lost = [p for p in early if any(_holds(part, p) for part in parts)]
            left = [p for p in late if not any(_holds(part, p) for part in parts)]
            if lost or left:
                what = "too much" if lost else "too little"
                raise Refuted(f"{self._name} takes out {what} behind {row['module']}")

    def _check_depths(self) -> None:
        """Parameters are sorted by where they are read first, or what reads them begins."""
        stop = self._shown[-1][1]
        blocks = [(span, block.segment.stage) for span, block in self._found]
        ran = [part for part, _ in self._returned[:stop]]
        apart = self._graph.recurrence.formula.scope is Scope.STAGE
        check_depths(self._code, self._network, Pass(ran, self._read, blocks, apart))

    def _modules(self, returned: Sequence[tuple[Value, Value]]) -> list[Value]:
        """Modules that have returned, but for those that stand for functions."""
        layers = self._code.said.layers
        return [
            part
            for part, _ in returned
            if _is_module(part)
            and not (isinstance(part, Leaf) and part.made.make in layers)
        ]

    def _pruned(self, names: Sequence[str], kept: str) -> list[str]:
        """What timm takes out where this is the last level: as the base class says."""
        end, pruned = self._info[-1]["module"], list[str]()
        if kept not in names or end not in names:
            raise Refuted(f"{self._name} does not say where {kept} and {end} run")
        for name in names[names.index(kept) + 1 : names.index(end) + 1]:
            inside = [kept, *pruned][-1]
            if not name.startswith(f"{inside}.") and not end.startswith(f"{name}."):
                pruned.append(name)
        return pruned

    def _names(self) -> Iterator[str]:
        """Its modules as torch names them; of a container with no level, it alone."""
        opened = [row["module"] for row in self._info]

        def inside(part: Value, path: str) -> Iterator[str]:
            for name, item in items(part):
                if _is_module(item):
                    yield f"{path}{name}"
                    if any(one.startswith(f"{path}{name}.") for one in opened):
                        yield from inside(item, f"{path}{name}.")

        return inside(self._network, "")

    # -- words

    def _check_pools(self) -> None:
        """It offers the poolings that it can do."""
        wanted: tuple[str, ...] = (*_POOLS, "") if is_bare(self._graph) else _POOLS
        if pooling(self._graph.head, self._graph.recurrence.formula) is None:
            wanted = _OWN
        if self._code.attribute(self._network, "_pools") != wanted:
            raise Refuted(f"{self._name} offers other poolings than {wanted}")

    def _scalars(self) -> Iterator[str]:
        """The parameters that the classes of the network make by themselves."""
        kinds = [self._name]
        for kind in kinds:  # which grows
            for node in ast.walk(self._code.definitions[kind]):
                match node:
                    case ast.Name(id=name) if name in self._code.definitions:
                        kinds += [name] * (name not in kinds)
                    case ast.Assign(
                        targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)],
                        value=ast.Call(func=made),
                    ) if ast.unparse(made) == "nn.Parameter":
                        yield f"{kind}.{name}"

    def _part(self, path: str) -> Value:
        """A module of the network by its name."""
        value: Value = self._network
        for name in path.split("."):
            try:
                at = value.at if isinstance(value, Row) else self._attribute(value)
                value = at(name)
            except (LookupError, ValueError, Unreadable):
                value = None
        if not _is_module(value):
            raise Refuted(f"{self._name} has no module {path}")
        return value

    def _attribute(self, held: Value) -> Callable[[str], Value]:
        if not isinstance(held, Instance):
            raise Unreadable(f"{held} has no modules")
        return partial(self._code.attribute, held)


def _is_module(part: Value) -> bool:
    if isinstance(part, Leaf):
        return bool(part.made.make[0] != "nn.Parameter")
    return isinstance(part, Instance | Row)


def _holds(part: Value, other: Value) -> bool:
    """Whether a module is another one, or that is in it."""
    wanted = place(other)
    if place(part) == wanted:
        return True
    if isinstance(part, Row) and isinstance(part.held, Items):
        return any(
            (id(span.row) == wanted[0] and 0 <= wanted[1] - span.first < span.count)
            or (isinstance(span.row, Instance) and _holds(span.row, other))
            for span in part.held.spans
        )
    if isinstance(other, Row) and isinstance(part, Row) and other.held is part.held:
        return True
    return any(_is_module(item) and _holds(item, other) for _, item in items(part))


def _features(value: Value, outputs: Sequence[Any]) -> int:
    """How many features there are of what is made of tensors of a state."""
    match value:
        case Node(parts=("slot", _, which)):
            return int(outputs[which].features)
        case Node(parts=("cat", _, *joined)):
            return sum(_features(item, outputs) for item in joined)
        case Node(parts=parts):
            return max((_features(part, outputs) for part in parts), default=0)
        case frozenset() | tuple() | list() | dict():
            items = [n for n, _ in value] if isinstance(value, frozenset) else value
            return max((_features(item, outputs) for item in items), default=0)
    return 0


def _reduction(image: Shape, level: Shape) -> int:
    """How many times coarser than the image a level is.

    Where windows run over the rim that is no whole number; it is a power of two then.
    """
    size, left = max(image.grid, default=1), max(level.grid, default=1)
    if size % left == 0:
        return int(size // left)
    return int(2 ** max(0, round(log2(size / left))))
