"""Operators and definitions, on weights of the module."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from torch import Tensor

from tests.oracle.third.file import Definition, File, flow_of
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.operators import (
    FUNCTIONS,
    LEARNING,
    OPERATORS,
    SEVERAL,
    Given,
    Weights,
    axis,
)
from tests.oracle.third.values import (
    Place,
    Value,
    nothing,
)


def labels(flow: Node, file: File) -> tuple[str, ...]:
    """The labels of a flow's parts with weights.

    Raises:
        Unread: if one has none.
    """
    parts = flow[1] if flow[0] == "flow" else (("", flow),)
    found: list[str] = []
    for label, part in parts:
        name = part[1] if part[0] in ("name", "call") else ""
        if label:
            found.append(label)
        elif name in file.operators:
            found += labels(file.operators[name], file)
        elif name not in OPERATORS or name in LEARNING:
            raise Unread(f"names of {name}")
    return tuple(label for label in found if not _is_bare(parts, label))


def _is_bare(parts: Any, label: str) -> bool:
    """Whether what has a label has no weights, and so perhaps no module."""
    for own, part in parts:
        if own == label and part[0] in ("name", "call"):
            return part[1] in OPERATORS and part[1] not in LEARNING
    return False


#: Operators without a definition: of images, and of all else.
DEFAULT = {
    4: flow_of("conv(3, c, stride=s) > bn > relu > conv(3, c) > bn"),
    2: flow_of("ln > linear(4*c) > gelu > linear(c)"),
}
WORDS = ("nearest", "bilinear", "reflect", "replicate", "circular", "zeros", "eye",
         "first", "ones", "stem")  # fmt: skip


class Flows:
    """What runs in one flow of blocks."""

    def operator(self, name: str, block: int | None, at: Place) -> Value:
        """An operator by name: a function of tensors that may run later."""
        if self.blocks is None:
            raise Unread(f"{name} in the frame")
        if block is not None and not 1 <= block <= self.length:
            return nothing("operator")
        home: Any = self.network.net if block is None else self.blocks[block - 1]
        letter = name
        named = self.file.names.get(name)
        flow = self.file.operators.get(name) or self._undefined(name)
        several_stages = len(self.network.counts) > 1 and self.file.scope != "network"
        if named is not None and block is not None:
            letter = named[1]
        elif block is None and several_stages:
            letter = f"{name}_{self.stage + 1}"

        def run(values: list[Value]) -> Value:
            if not all(value.there for value in values):
                return nothing("tensor")
            key = (name, block, *(id(value.it) for value in values))
            if key not in self.known:
                self.known[key] = (once(values), values)
            made, _ = self.known[key]
            return replace(made, holds=block is not None and made.newest == at.i)

        def once(values: list[Value]) -> Value:
            newest = max(value.newest for value in values)
            weights = (
                Weights(home, labels(flow, self.file))
                if letter == "."
                else Weights(getattr(home, letter, None))
            )
            sizes = self._sizes(block, values[0], at)
            given = [value.it for value in values]
            made = self.through(flow, given, Place(block, flow=sizes), weights)
            assert not weights.left, f"{name}_{block} has more weights"
            return Value("tensor", made, max(newest, block or 0))

        return Value("operator", run)

    def _undefined(self, name: str) -> Node:
        """The flow of an operator that the file has none for."""
        if name in {**OPERATORS, **SEVERAL, **self.file.definitions}:
            return ("name", name, None)
        return DEFAULT.get(self.inputs["input"].dim(), DEFAULT[2])

    def _sizes(self, block: int | None, value: Value, at: Place) -> dict[str, Any]:
        """``c`` and ``s`` of an operator of a block."""
        x: Tensor = value.it
        if block is None:
            stage = self.stage if self.file.scope != "network" else 0
            return {"c": Fraction(self.network.widths[stage]), "s": Fraction(1)}
        stage, _ = self.stage_of(block)
        stride = Fraction(1)
        if any(number < 1 for number in self.network.strides):
            raise Unread("a finer grid")
        if x.dim() == 4 and self.file.scope == "network":
            grid = self.inputs["input"].shape[2]
            for number_ in range(stage + 1):
                grid = -(-grid // int(self.network.strides[number_]))
            while -(-x.shape[2] // int(stride)) > grid:
                stride += 1
        elif x.dim() == 4 and self.stage == 0:
            stride = self.network.strides[0]
            if stride != 1:
                raise Unread("a stride in front of the first stage")
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
        if name in at.locals and isinstance(at.locals[name], Value):
            made: Value = at.locals[name].it([Value("tensor", x) for x in given])
            return made.it  # type: ignore[no-any-return]
        if name in self.file.definitions:
            definition = self.file.definitions[name]
            return self.defined(definition, given, positional, named, at, weights)
        if name in self.file.operators:
            return self.through(self.file.operators[name], given, at, weights)
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
            case ("name", word, None) if word in WORDS:
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

    def defined(
        self,
        definition: Definition,
        given: list[Tensor],
        positional: tuple[Node, ...],
        named: tuple[tuple[str, Node], ...],
        at: Place,
        weights: Weights,
    ) -> Tensor:
        """A definition that is called."""
        names = dict(definition.plain)
        outer = {k: self._quietly(v, replace(at, locals={})) for k, v in names.items()}
        for key, node in [*zip(names, positional, strict=False), *named]:
            outer[key] = self._quietly(node, at)
        if not definition.tensors:
            place = replace(at, locals=outer)
            return self.through(definition.body, given, place, weights)
        scope: dict[str, Any] = dict(outer)
        for name, x in zip(definition.tensors, given, strict=True):
            scope[name] = Value("tensor", x)
        place = Place(at.i, scope, flow=at.flow)
        if definition.scalars:
            raise Unread("a scalar of a definition")
        for left, node in definition.inside:
            self._inside(left, node, place, scope, weights)
        made = self.value(definition.body, place)
        return made.it  # type: ignore[no-any-return]

    def _quietly(self, node: Node, at: Place) -> Any:
        """An argument: a number, a pair or a word."""
        try:
            return self.value(node, at)
        except Unread:
            return node

    def _inside(
        self,
        left: tuple[Node, ...],
        node: Node,
        at: Place,
        scope: dict[str, Any],
        weights: Weights,
    ) -> None:
        """One equation behind `where`."""
        names = [item[1] for item in left]
        if any(item[0] != "name" or item[2] is not None for item in left):
            raise Unread("an index behind where")
        if len(names) > 1:
            made = self.value(node, at)
            for place, name in enumerate(names):
                scope[name] = replace(made, it=made.it[place])
            return
        if self._is_flow(node, at):
            sizes = at.flow

            def run(values: list[Value]) -> Value:
                given = [value.it for value in values]
                place = replace(at, flow=sizes)
                made = self.through(node, given, place, weights)
                return Value("tensor", made)

            scope[names[0]] = Value("operator", run)
            return
        scope[names[0]] = self.value(node, at)

    def _is_flow(self, node: Node, at: Place) -> bool:
        if node[0] == "flow":
            return True
        known = {**OPERATORS, **SEVERAL, **self.file.operators, **self.file.definitions}
        if node[0] == "call" and node[1] in FUNCTIONS:
            return False
        return node[0] in ("name", "call") and node[1] in known
