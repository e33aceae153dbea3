"""A file that runs on a module: its stem, blocks, transitions and head."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from typing import Any

from torch import Tensor, nn

from tests.oracle.third import numbers
from tests.oracle.third.file import File, flow_of
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.layouts import outward
from tests.oracle.third.meeting import Meeting, Mixed
from tests.oracle.third.places import Weights, blocks, counted, labels, shared
from tests.oracle.third.values import Place, Value

#: Between stages, where the file has none: of images, with a stride up or down.
TRANSITIONS = {
    (True, False): flow_of("conv(1, c, stride=s) > bn > relu"),
    (True, True): flow_of("upsample(1/s) > conv(1, c) > bn > relu"),
    (False, False): flow_of("linear(c)"),
}


#: What is no part of the stem or head: it is named by its kind, or has its letter.
OWN = re.compile(r"(blocks|stem|head|(stage|block|transition)\d*)|[A-Z](_.*)?")


class Network:
    """A file that runs on a module's weights.

    Args:
        file: what it says.
        net: has the weights.
        params: values in the place of those of the file.
    """

    def __init__(self, file: File, net: nn.Module) -> None:
        self.file, self.net = file, net
        #: What adapters of blocks got in the module, by their identity.
        self.got: dict[int, Tensor] = {}
        #: And the shapes of what they made of it.
        self.made: dict[int, tuple[int, ...]] = {}
        #: The weights of stem and head that lie beside all others.
        self.beside: Weights | None = None
        #: Whether an adapter could have been another one.
        self.unsure = False
        #: Whether something has one feature, of which a channel's number is one as well.
        layers = [p for key, p in net.named_parameters() if key.endswith("weight")]
        self.narrow = any(len(p) == 1 for p in layers if p.dim() > 1)
        frame = Place(None)
        self.widths, self.counts, self.strides = [], [], []
        several = ((64, 2, 1), (128, 2, 2), (256, 2, 2), (512, 2, 2))
        stages = several if hasattr(net, "stage1") else ((64, 8, 1),)
        plain = [tuple(("number", str(n)) for n in stage) for stage in stages]
        for width, count, stride in file.stages or plain:
            self.widths.append(self.whole(width, frame))
            self.counts.append(self.whole(count, frame))
            self.strides.append(self.number(stride, frame))

    def whole(self, node: Node, at: Place) -> int:
        return numbers.whole(self.number(node, at))

    def number(self, node: Node, at: Place) -> Any:
        """The number that an expression of the frame is."""
        made = Flow(self, 0, None, {}).value(node, at)
        if made.sort != "number" or not made.there:
            raise Unread(f"{node}")
        return made.it

    def blocks(self) -> list[list[nn.Module]]:
        """The blocks of each stage."""
        return blocks(self.net, self.file, self.counts)

    def run(self, *given: Tensor) -> Tensor:
        """What the network is to return."""
        # Deep networks are deep recursions here; Hypothesis has a limit of its own.
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, 100_000))
        try:
            return self._run(*given)
        finally:
            sys.setrecursionlimit(limit)

    def _run(self, *given: Tensor) -> Tensor:
        x, *more = given
        self.beside = None
        self.of_ids = not x.is_floating_point()
        names = [name for name in self.file.inputs if name]
        contexts = dict(zip(names, more, strict=True))
        x = self._framed("stem", x)
        blocks = self.blocks()
        if self.file.scope == "network":
            flows = [(0, [b for stage in blocks for b in stage])]
        else:
            flows = list(enumerate(blocks))
        for stage, row in flows:
            if stage and self.file.frame.get("transition") != ("name", "none", None):
                x = self._transition(stage, x)
            x = Flow(self, stage, row, {"input": x, **contexts}).output()
        return outward(self._framed("head", x))

    def _framed(self, key: str, x: Tensor) -> Tensor:
        flow = self.file.frame.get(key)
        if flow is None:
            flow = self._default(key, x)
        module = getattr(self.net, key, None)
        named = self.file.names.get(key)
        if named is not None:
            weights = self._held(self._container(named), flow)
        else:
            weights = Weights(module)
        stage = 0 if key == "stem" else len(self.widths) - 1
        sizes = {"c": Fraction(self.widths[stage]), "s": Fraction(1)}
        place = Place(None, flow=sizes)
        made = Flow(self, 0, None, {}).through(flow, [x], place, weights)
        rest = key == "stem" and weights is self.beside
        assert rest or not weights.left, f"{key} has more weights"
        return made

    def _container(self, named: Node) -> nn.Module:
        return self.net if named[1] == "." else self.net.get_submodule(named[1])

    def _held(self, module: nn.Module, flow: Node) -> Weights:
        """The weights in a container, where others may stand as well."""
        found = list(labels(flow, self.file))
        if module is self.net and "" in found:
            self.beside = self.beside or Weights(*self._unclaimed())
            return self.beside
        if any(found) or module is self.net:
            others = {name for name, _ in self.net.named_children()} - set(found)
            return shared(
                module, {"": flow}, self.file, others if module is self.net else set()
            )[""]
        if self.file.names.get("stages") == self.file.names.get("stem"):
            return Weights(*list(module.children())[: len(found)])
        return Weights(module)

    def _unclaimed(self) -> list[Any]:
        """What of the network belongs to no block and to no operator: stem, and head."""
        file, net = self.file, self.net
        named = [value[1] for value in file.names.values() if value[0] == "string"]
        taken = {counted(name, k).split(".")[0] for name in named for k in range(99)}
        taken |= {*file.operators, *file.scalars}
        parts = [*net.named_parameters(recurse=False), *net.named_children()]
        own = (name for name, _ in parts if OWN.fullmatch(name))
        taken |= {name for name in own if name not in file.definitions}
        return [x for name, x in parts if name not in taken]

    def _default(self, key: str, x: Tensor) -> Node:
        count: Node = ("number", "10")
        if "classes" in self.file.params:
            count = ("name", "classes", None)
        classes: Node = ("call", "linear", None, (count,), ())
        pool: Node = ("name", "avgpool", None)
        if not x.is_floating_point():
            return flow_of("embed(c) > positions")
        if key == "head" and self.of_ids:
            return flow_of("ln > unembed(stem)")
        if key == "head":
            return ("flow", (*((("", pool),) if x.dim() > 2 else ()), ("", classes)))
        c: Node = ("name", "c", None)
        if x.dim() != 4:
            return ("call", "linear", None, (c,), ())
        conv: Node = ("call", "conv", None, (("number", "3"), c), ())
        names = (("", ("name", "bn", None)), ("", ("name", "relu", None)))
        return ("flow", (("", conv), *names))

    def _transition(self, stage: int, x: Tensor) -> Tensor:
        finer = self.strides[stage] < 1
        flow = self.file.frame.get("transition")
        if finer:
            flow = self.file.frame.get("transition up", flow)
        if flow is None:
            flow = TRANSITIONS[x.dim() == 4, finer]
        named = self.file.names.get("transition")
        if named is None:
            weights = Weights(getattr(self.net, f"transition{stage + 1}", None))
        else:
            tuple_ = named[0] == "tuple"
            path = named[1][stage - 1][1] if tuple_ else counted(named[1], stage - 1)
            held = path != self.file.names.get("stages", ("", ""))[1]
            weights = Weights(self.net.get_submodule(path) if held else None)
        sizes = {"c": Fraction(self.widths[stage]), "s": self.strides[stage]}
        # Numbers per stage are those of the stage behind.
        at = 1 if self.file.scope != "network" else sum(self.counts[:stage]) + 1
        place = Place(at, flow=sizes)
        made = Flow(self, stage, None, {}).through(flow, [x], place, weights)
        assert not weights.left, "a transition has more weights"
        return made


class Flow(Meeting):
    """The blocks of one index.

    Args:
        network: the whole.
        stage: the first stage of these blocks.
        blocks: their modules; None for what belongs to no block.
        inputs: what comes in, by name.
    """

    def __init__(
        self,
        network: Network,
        stage: int,
        blocks: list[nn.Module] | None,
        inputs: dict[str, Tensor],
    ) -> None:
        self.network, self.file, self.stage = network, network.file, stage
        self.blocks, self.inputs = blocks, inputs
        self.states: dict[tuple[str, int], Value] = {}
        #: What operators made of what, which is kept, so that it has its name.
        self.known: dict[tuple[Any, ...], tuple[Value, list[Value]]] = {}
        #: Parts of recurrences that are computed at all positions at once.
        self.whole: dict[tuple[int, int | None], Value] = {}
        #: How wide zeros are that a recurrence begins with.
        self.begin = 1
        #: What ranges have come to, member by member.
        self.folds: dict[tuple[Any, ...], tuple[Value, list[Value]]] = {}
        #: Members of sums over depth behind adapters, with those in front of them.
        self.lists: dict[
            tuple[Any, ...], tuple[dict[int, Value], dict[int, Value]]
        ] = {}
        self.applied: dict[tuple[Any, ...], Node] = {}
        if blocks:
            self.applied = self._boundary()
        #: The newest unknown that each block gets; None where nobody looked.
        self.newest: dict[int, tuple[str, int]] | None = None
        self.training = network.net.training
        self._starting: set[tuple[str, int]] | None = None
        #: Stages of what operators are called on in their block, and those of several.
        self.calls: dict[tuple[str, int], set[int]] = {}
        #: The first blocks that call operators without an index.
        self.called: dict[str, int] = {}
        self.mixed: set[tuple[str, int]] = set()
        #: Adapters that stand somewhere.
        self.taken: set[int] = set()

    @property
    def length(self) -> int:
        """``L``."""
        if self.file.scope == "network":
            return sum(self.network.counts)
        return self.network.counts[self.stage]

    @property
    def output_node(self) -> Node:
        """The output; if none is said, it is that of the last block."""
        last = ("name", self.file.order[-1], (("name", "L", None),))
        return self.file.output or last

    def output(self) -> Tensor:
        while True:
            try:
                made = self.value(self.output_node, Place(self.length))
                break
            except Mixed:
                self.states.clear()
                self.known.clear()
                self.calls.clear()
                self.folds.clear()
                self.lists.clear()
                self.whole.clear()
                self.taken.clear()
        if made.sort != "tensor" or not made.there:
            raise Unread("an output that is no tensor")
        return made.it  # type: ignore[no-any-return]
