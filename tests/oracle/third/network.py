"""A file that runs on a module: its stem, blocks, transitions and head."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from typing import Any

from torch import Tensor, nn

from tests.oracle.third import numbers
from tests.oracle.third.file import File
from tests.oracle.third.flows import labels
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.meeting import Meeting
from tests.oracle.third.operators import Weights
from tests.oracle.third.values import Place, Value

#: Deep networks are deep recursions here.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 100_000))


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
        frame = Place(None)
        self.widths, self.counts, self.strides = [], [], []
        several = ((64, 2, 1), (128, 2, 2), (256, 2, 2), (512, 2, 2))
        stages = several if hasattr(net, "stage1") else ((64, 8, 1),)
        plain = [tuple(("number", str(n)) for n in stage) for stage in stages]
        for width, blocks, stride in file.stages or plain:
            self.widths.append(self.whole(width, frame))
            self.counts.append(self.whole(blocks, frame))
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
        named = self.file.names.get("stages")
        if named is not None:
            if named[0] != "string" or "{" not in named[1]:
                raise Unread("names of stages")
            found = []
            for stage in range(len(self.counts)):
                path = re.sub(
                    r"\{(\d*)\}",
                    lambda match, at=stage: str(at + int(match[1] or 1)),
                    named[1],
                )
                found.append(list(self.net.get_submodule(path).children()))
            return found
        if len(self.counts) == 1:
            return [list(self.net.blocks.children())]
        return [
            list(getattr(self.net, f"stage{n + 1}").children())
            for n in range(len(self.counts))
        ]

    def run(self, *given: Tensor) -> Tensor:
        """What the network is to return."""
        x, *more = given
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
        return self._framed("head", x)

    def _framed(self, key: str, x: Tensor) -> Tensor:
        flow = self.file.frame.get(key)
        if flow is None:
            flow = self._default(key, x)
        module = getattr(self.net, key, None)
        named = self.file.names.get(key)
        if named is not None:
            if named == ("string", "."):
                weights = Weights(self.net, labels(flow, self.file))
            else:
                weights = self._held(self.net.get_submodule(named[1]), flow)
        else:
            weights = Weights(module)
        sizes = {"c": Fraction(self.widths[0 if key == "stem" else -1])}
        place = Place(None, flow=sizes)
        made = Flow(self, 0, None, {}).through(flow, [x], place, weights)
        assert not weights.left, f"{key} has more weights"
        return made

    def _held(self, module: nn.Module, flow: Node) -> Weights:
        """The weights in a container, where others may stand as well."""
        try:
            return Weights(module, labels(flow, self.file))
        except (Unread, AttributeError):
            return Weights(module)

    def _default(self, key: str, x: Tensor) -> Node:
        classes: Node = ("call", "linear", None, (("number", "10"),), ())
        pool: Node = ("name", "avgpool", None)
        if key == "head":
            return ("flow", (*((("", pool),) if x.dim() > 2 else ()), ("", classes)))
        c: Node = ("name", "c", None)
        if x.dim() != 4:
            return ("call", "linear", None, (c,), ())
        conv: Node = ("call", "conv", None, (("number", "3"), c), ())
        names = (("", ("name", "bn", None)), ("", ("name", "relu", None)))
        return ("flow", (("", conv), *names))

    def _transition(self, stage: int, x: Tensor) -> Tensor:
        flow = self.file.frame.get("transition")
        if flow is None or "transition" in self.file.names:
            raise Unread("a transition by default")
        weights = Weights(getattr(self.net, f"transition{stage + 1}", None))
        sizes = {"c": Fraction(self.widths[stage]), "s": self.strides[stage]}
        place = Place(None, flow=sizes)
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
        self.applied: dict[tuple[Any, ...], Node] = {}
        if blocks:
            self.applied = self._boundary()
        self.training = network.net.training

    @property
    def length(self) -> int:
        """``L``."""
        if self.file.scope == "network":
            return sum(self.network.counts)
        return self.network.counts[self.stage]

    def output(self) -> Tensor:
        node = self.file.output
        if node is None:
            node = ("name", self.file.order[-1], (("name", "L", None),))
        made = self.value(node, Place(None))
        if made.sort != "tensor" or not made.there:
            raise Unread("an output that is no tensor")
        return made.it  # type: ignore[no-any-return]
