"""Operators and definitions, on weights of the module."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from torch import Tensor

from tests.oracle.third.file import flow_of
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.operators import (
    OPERATORS,
    SEVERAL,
    Given,
    WrongShape,
    axis,
)
from tests.oracle.third.places import Weights, home_of, shared
from tests.oracle.third.values import (
    Place,
    Value,
    nothing,
)

#: Operators without a definition: of images, and of all else.
DEFAULT = {
    4: flow_of("conv(3, c, stride=s) > bn > relu > conv(3, c) > bn"),
    2: flow_of("ln > linear(4*c) > gelu > linear(c)"),
}
#: What `names` names besides operators.
FRAME = ("stem", "head", "stages", "step", "transition", "adapter")
WORDS = ("nearest", "bilinear", "reflect", "replicate", "circular", "zeros", "eye",
         "softmax", "sigmoid", "first", "ones", "stem")  # fmt: skip


class Flows:
    """What runs in one flow of blocks."""

    def operator(
        self, name: str, block: int | None, at: Place, time: int | None = None
    ) -> Value:
        """An operator by name: a function of tensors that may run later."""
        if self.blocks is None:
            raise Unread(f"{name} in the frame")
        start = block == 0 and (name, 1 + (time is not None)) in self.starting()
        if block is not None and not (1 <= block <= self.length or start):
            return nothing("operator")
        flow = self.file.operators.get(name) or self._undefined(name)

        def run(values: list[Value]) -> Value:
            if not all(value.there for value in values):
                return nothing("tensor")
            if start and any(v.it is not self.inputs["input"] for v in values):
                return nothing("tensor")
            values = self.brought(name, block, values, at)
            key = (name, block, time, *(id(value.it) for value in values))
            if key not in self.known:
                self.known[key] = (once(values), values)
            made, _ = self.known[key]
            return replace(made, holds=block is not None and made.newest == at.i)

        def once(values: list[Value]) -> Value:
            newest = max(value.newest for value in values)
            sizes = self._sizes(name, block, values[0], at)
            weights = self._weights(name, block, flow, time)
            given = [value.it for value in values]
            try:
                made = self.through(flow, given, Place(block, flow=sizes), weights)
            except WrongShape:
                self.several_shapes(name, block, values[0])
                raise
            assert not weights.left, f"{name}_{block} has more weights"
            return Value("tensor", made, max(newest, block or 0))

        return Value("operator", run)

    def _weights(
        self, name: str, block: int | None, flow: Node, time: int | None
    ) -> Weights:
        several = len(self.network.counts) > 1 and self.file.scope != "network"
        assert self.blocks is not None
        stage = f"_{self.stage + 1}" if several else ""
        named = self.file.names.get(name)
        if not block:
            letter = name if time is None else f"{name}{time}"
            letter += "" if block is None else "_0"
            return Weights(getattr(self.network.net, f"{letter}{stage}", None))
        home: Any = self.blocks[block - 1]
        if named is None or named[1] != ".":
            letter = (name if named is None else named[1]) + str(time or "")
            return Weights(getattr(home_of(home, letter), letter, None))
        if self._is_definition(flow):
            return Weights(home)
        flows = {
            key: self.file.operators.get(key) or self._undefined(key)
            for key, value in self.file.names.items()
            if value == ("string", ".") and key not in FRAME
        }
        others = {
            value[1] for key, value in self.file.names.items() if key not in flows
        }
        others |= {"shortcut", *self.file.operators, *self.file.scalars}
        adapter = self.file.names.get("adapter", ("string", "shortcut"))[1]
        others |= {key for key, _ in home.named_children() if key.startswith(adapter)}
        return shared(home, flows, self.file, others)[name]

    def _is_definition(self, flow: Node) -> bool:
        """Whether an operator is nothing but a definition by equations."""
        if flow[0] not in ("name", "call") or flow[2] is not None:
            return False
        definition = self.file.definitions.get(flow[1])
        return definition is not None and bool(definition.tensors)

    def _undefined(self, name: str) -> Node:
        """The flow of an operator that the file has none for."""
        if name in {**OPERATORS, **SEVERAL, **self.file.definitions}:
            return ("name", name, None)
        return DEFAULT.get(self.inputs["input"].dim(), DEFAULT[2])

    def _sizes(
        self, name: str, block: int | None, value: Value, at: Place
    ) -> dict[str, Any]:
        """``c`` and ``s`` of an operator of a block: rule 5."""
        x: Tensor = value.it
        if not block:
            # Of one without an index it is that of its first call.
            first = 0 if block == 0 else at.i or 0
            stage, _ = self.stage_of(self.called.setdefault(name, first))
            return {"c": Fraction(self.network.widths[stage]), "s": Fraction(1)}
        stage, place = self.stage_of(block)
        stride: Any = Fraction(1)
        mixed = (name, block) in self.mixed
        if x.dim() == 4 and value.newest <= block and not mixed:
            grid = self.shape_of(block, 4)[1:]
            stride = self.leading(value, grid, block)
            if stride is None:
                stride = self.stride_of(stage) if place == 1 else Fraction(1)
        return {"c": Fraction(self.network.widths[stage]), "s": stride}

    def through(
        self, flow: Node, given: list[Tensor], at: Place, weights: Weights
    ) -> Tensor:
        """Tensors through a flow."""
        parts = flow[1] if flow[0] == "flow" else (("", flow),)
        features = Fraction(given[0].shape[axis(given[0])])
        place = replace(at, flow={**at.flow, "cin": features})
        for _, part in parts:
            given = [self._through(part, given, place, weights)]
        return given[0]

    def _through(
        self, part: Node, given: list[Tensor], at: Place, weights: Weights
    ) -> Tensor:
        if part[0] == "flow":
            return self.through(part, given, at, weights)
        match part:
            case ("name", name, None):
                positional: tuple[Node, ...] = ()
                named: tuple[tuple[str, Node], ...] = ()
            case ("call", name, None, positional, named):
                pass
            case _:
                raise Unread(f"{part}")
        if name in self.file.definitions:
            return self.defined(name, given, positional, named, at, weights)
        if name in self.file.operators:
            # It knows no names of the definition that calls it.
            outside = replace(at, locals={})
            return self.through(self.file.operators[name], given, outside, weights)
        arguments = Given(
            [self.argument(node, at) for node in positional],
            {key: self.argument(node, at) for key, node in named},
            weights,
            self.training,
        )
        if name in SEVERAL:
            return SEVERAL[name](*given, arguments)
        if name not in OPERATORS:
            raise Unread(name)
        return OPERATORS[name](given[0], arguments)

    def argument(self, node: Node, at: Place) -> Any:
        match node:
            case ("name", "true" | "false" as word, None):
                return word == "true"
            case ("name", word, None) if word in WORDS and word not in at.locals:
                return word
            case ("tuple", items):
                return tuple(self.argument(item, at) for item in items)
        value = self.numeric(node, at)
        if (
            isinstance(value, Fraction)
            and value.denominator == 1
            and abs(value) < 2**63
        ):
            return int(value)
        return float(value)
