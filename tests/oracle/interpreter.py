"""A naive interpreter of the equations: the oracle for the emitted modules.

It knows nothing of steps, states or graphs. It writes an equation out for a block number,
and computes what it finds by recursion on the index, with a memo: a value that was
computed once is there. Weights are those of the emitted network.

Two things are read off the compiler as data, because they are choices and not results:
in front of which terms a block has an adapter, and (where shapes change, so that it
matters) which terms of a sum are added up before they are adapted.
"""

from __future__ import annotations

import math
from typing import Any

import sympy
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recform.algebra import expr as e
from recform.compiler import Compiled
from recform.emit.names import identifier

FUNCTIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu6": F.relu6,
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
}
NUMBERS = {sympy.exp: torch.exp, sympy.tanh: torch.tanh, sympy.log: torch.log}


class Adapters:
    """In front of which terms the blocks of a flow have adapters (data, no results)."""

    def __init__(self, compiled: Compiled, flow: int) -> None:
        from recform.emit.names import Namespace
        from recform.emit.network import NetworkWriter
        from recform.emit.text import Lines
        from recform.recurrence.moves import move

        writer = NetworkWriter(compiled.graph, Namespace())
        writer.write(Lines())
        self.places: dict[tuple[Any, Any], tuple[int, str]] = {}
        self.brackets: dict[Any, Any] = {}
        recurrence = compiled.recurrence
        numbers = {e.L: sympy.Integer(recurrence.flows[flow].length)}
        for run in recurrence.flows[flow].runs:
            step = recurrence.steps[run.step]
            code = writer._steps[run.step]
            for block in range(run.first, run.last + 1):
                distance = block - step.at

                def moved(
                    tensor: Any, by: int = distance, at: int = step.absolute
                ) -> Any:
                    return _plain(move(tensor, by, at)).xreplace(numbers)

                for site, attribute in code.adapters.items():
                    key = (moved(site.value), moved(site.parent))
                    self.places[key] = (block, attribute)
                for whole, split in step.definitions.items():
                    if isinstance(whole, e.TensorSum):
                        self.brackets[moved(whole)] = moved(split)


def spread(parts: list[Tensor]) -> list[Tensor]:
    """Vectors get the axes of the images that they scale."""
    rank = max(part.dim() for part in parts)
    return [
        part[:, :, None, None] if (part.dim(), rank) == (2, 4) else part
        for part in parts
    ]


def _plain(tensor: Any) -> Any:
    """A written-out tensor with numbers for `i` in its coefficients."""
    if isinstance(tensor, e.Scaled):
        value = tensor.coefficient
        if tensor.at is not sympy.nan:
            value = value.xreplace({e.I: tensor.at})
        return e.Scaled(value, _plain(tensor.tensor))
    if isinstance(tensor, e.Filled):
        value = tensor.coefficient
        return e.Filled(value.xreplace({e.I: tensor.at}))
    args = [_plain(a) if isinstance(a, e.Tensor) else a for a in tensor.args]
    return tensor.func(*args) if args else tensor


class Interpreter:
    """One flow of blocks: the whole network, or a stage with ``scope stage``."""

    def __init__(
        self,
        compiled: Compiled,
        net: nn.Module,
        blocks: list[nn.Module],
        flow: int,
        value: Tensor,
        *,
        brackets: bool,
    ) -> None:
        formula = compiled.formula
        self.net, self.blocks, self.flow, self.input = net, blocks, flow, value
        self.equations = {eq.unknown: eq.right for eq in formula.equations}
        self.boundaries = {b.left: b.right for b in formula.boundaries}
        self.scope = formula.scope
        self.flows = len(compiled.recurrence.flows)
        self.memo: dict[Any, Any] = {}
        self.adapters = Adapters(compiled, flow)
        if not brackets:
            self.adapters.brackets = {}

    def written(self, tensor: Any, block: int) -> Any:
        numbers = {e.I: sympy.Integer(block), e.L: sympy.Integer(len(self.blocks))}
        return tensor.xreplace(numbers)

    def value(self, tensor: Any) -> Any:
        """A tensor, a scalar (of sums with numbers), or None for what vanishes."""
        if tensor not in self.memo:
            if tensor in self.boundaries:
                right = self.boundaries[tensor]
                made = None if right is None else self.value(self.written(right, 0))
            else:
                made = self.compute(tensor)
            self.memo[tensor] = made
        return self.memo[tensor]

    def compute(self, tensor: Any) -> Any:
        match tensor:
            case e.Input():
                return self.input
            case e.State():
                return self.state(tensor)
            case e.Apply():
                return self.applied(tensor)
            case e.Scaled():
                return self.scaled(tensor.coefficient, self.value(tensor.tensor))
            case e.Filled():
                return self.number(tensor.coefficient)
            case e.TensorSum():
                tensor = self.pruned(tensor)
                parts = self.adapters.brackets.get(tensor, tensor).children
                if not isinstance(tensor, e.TensorSum):
                    return self.value(tensor)
                return self.total([self.term(part, tensor) for part in parts])
            case e.Pointwise():
                if not all(self.present(part) for part in tensor.children):
                    return None
                factors = spread([self.term(p, tensor) for p in tensor.children])
                return math.prod(factors[1:], start=factors[0])
            case e.Combine():
                return self.combined(
                    tensor.kind, [self.term(part, tensor) for part in tensor.children]
                )
            case e.Concat():
                return self.combined("concat", [self.value(p) for p in tensor.children])
            case e.Elementwise():
                inner = self.value(tensor.argument)
                return None if inner is None else FUNCTIONS[tensor.name](inner)
            case e.Part():
                inner = self.value(tensor.tensor)
                return inner.chunk(tensor.parts, dim=axis(inner))[tensor.which]
            case e.History():
                return self.history(tensor)
        raise TypeError(type(tensor).__name__)

    def pruned(self, tensor: Any) -> Any:
        """The tensor without the terms that vanish, as the data names it."""
        if tensor in self.boundaries and not isinstance(tensor, e.State):
            return self.pruned(self.written(self.boundaries[tensor], 0))
        if isinstance(tensor, e.State | e.Input | e.Filled | e.History):
            return tensor
        args = [
            self.pruned(a) if isinstance(a, e.Tensor) else a
            for a in tensor.args
            if not isinstance(a, e.Tensor)
            or not isinstance(tensor, e.TensorSum | e.Combine | e.Concat)
            or self.present(a)
        ]
        tensors = [a for a in args if isinstance(a, e.Tensor)]
        if isinstance(tensor, e.TensorSum | e.Combine | e.Concat) and len(tensors) == 1:
            return tensors[0]
        return tensor.func(*args)

    def state(self, tensor: e.State) -> Any:
        index = int(tensor.index)
        if index < 0 or self.before_time(tensor.name):
            return None
        if index == 0:
            return self.input
        right = self.written(self.equations[tensor.name], index)
        return self.term(right, tensor)

    def before_time(self, name: str) -> bool:
        """Whether a second index lies before the first time, where nothing is."""
        time = name.partition(".")[2]
        return bool(time) and int(time) < 1 and name not in self.equations

    def applied(self, tensor: e.Apply) -> Any:
        if not self.present(tensor):
            return None
        module = self.operator(tensor.operator, tensor.index)
        return module(self.value(tensor.argument))

    def present(self, tensor: Any) -> bool:
        """Whether anything is left of a tensor; runs no operator."""
        if tensor in self.boundaries:
            return self.boundaries[tensor] is not None
        match tensor:
            case e.State() if self.before_time(tensor.name):
                return False
            case e.State() if int(tensor.index) > 0:
                return self.present(
                    self.written(self.equations[tensor.name], int(tensor.index))
                )
            case e.State():
                return int(tensor.index) == 0
            case e.Apply():
                exists = tensor.index is sympy.nan or tensor.index > 0
                if not exists and tensor.index == 0:
                    exists = isinstance(tensor.argument, e.Input)
                if self.before_time(tensor.operator):
                    return False
                return bool(exists) and self.present(tensor.argument)
            case e.Scaled() | e.Filled():
                dead = any(
                    (item.index is not sympy.nan and item.index < 1)
                    or self.before_time(item.name)
                    for item in tensor.coefficient.atoms(e.Learned)
                )
                return not dead and all(map(self.present, tensor.children))
            case e.TensorSum() | e.Combine() | e.Concat():
                return any(map(self.present, tensor.children))
            case e.History():
                return int(tensor.last) >= tensor.first
        return all(map(self.present, tensor.children))

    def operator(self, name: str, index: Any) -> Any:
        name = identifier(name)
        if index is sympy.nan:
            return self.of_network(name)
        if index == 0:
            return getattr(self.net, f"{name}_0")
        return getattr(self.blocks[int(index) - 1], name)

    def of_network(self, name: str) -> Any:
        if self.scope == "stage" and self.flows > 1 and not hasattr(self.net, name):
            return getattr(self.net, f"{name}_{self.flow + 1}")
        return getattr(self.net, name)

    def term(self, tensor: Any, parent: Any) -> Any:
        """A term of a sum: the adapter is in front of it, the coefficient outside."""
        factors = []
        inner = tensor
        while isinstance(inner, e.Scaled):
            factors.append(inner.coefficient)
            inner = inner.tensor
        place = self.adapters.places.get((self.pruned(inner), self.pruned(parent)))
        if place is None:
            return self.value(tensor)
        value = self.value(inner)
        if value is not None:
            block, attribute = place
            key = ("adapted", inner, block, attribute)
            if key not in self.memo:
                self.memo[key] = getattr(self.blocks[block - 1], attribute)(value)
            value = self.memo[key]
        for factor in reversed(factors):
            value = self.scaled(factor, value)
        return value

    def scaled(self, coefficient: Any, value: Any) -> Any:
        number = None if value is None else self.number(coefficient)
        return None if number is None else number * value

    def number(self, value: Any) -> Any:
        """A coefficient; None if it has the scalar of a block that does not exist."""
        if isinstance(value, e.Learned):
            if value.index is sympy.nan:
                return self.of_network(identifier(value.name))
            if value.index < 1:
                return None
            return getattr(self.blocks[int(value.index) - 1], identifier(value.name))
        if not value.atoms(e.Learned):
            return float(value)
        parts = [self.number(arg) for arg in value.args]
        if any(part is None for part in parts):
            return None
        if value.is_Add:
            return sum(parts[1:], start=parts[0])
        if value.is_Mul:
            return math.prod(parts[1:], start=parts[0])
        if value.is_Pow:
            return parts[0] ** parts[1]
        return NUMBERS[value.func](*parts)

    def total(self, parts: list[Any]) -> Any:
        left = [part for part in parts if part is not None]
        return sum(left[1:], start=left[0]) if left else None

    def combined(self, kind: str, parts: list[Any]) -> Any:
        left = [part for part in parts if part is not None]
        if not left:
            return None
        if kind == "concat":
            return torch.cat(left, dim=axis(left[0]))
        if kind == "mean":
            return self.total(left) / len(left)
        if kind == "sum":
            return self.total(left)
        stacked = torch.stack(left)
        return stacked.amax(0) if kind == "max" else stacked.amin(0)

    def history(self, tensor: e.History) -> Any:
        members = [
            tensor.body.xreplace({e.K: sympy.Integer(index)})
            for index in range(tensor.first, int(tensor.last) + 1)
        ]
        return self.combined(tensor.kind, [self.value(member) for member in members])


def axis(value: Tensor) -> int:
    return -1 if value.dim() == 3 else 1


def interpret(compiled: Compiled, net: nn.Module, images: Tensor) -> Tensor:
    """What the network is to return, by the equations."""
    formula = compiled.formula
    lists = _stages(net, len(formula.stages))
    shapes = {stage.shape.sizes for stage in compiled.graph.stages} | {
        compiled.graph.stem.output.sizes
    }
    brackets = len(shapes) > 1
    value = net.stem(images) if formula.stem.steps else images
    joined = [block for stage in lists for block in stage]
    flows = lists if formula.scope == "stage" else [joined]
    for number, blocks in enumerate(flows):
        if number and formula.transition is not None:
            value = getattr(net, f"transition{number + 1}")(value)
        run = Interpreter(compiled, net, blocks, number, value, brackets=brackets)
        value = run.value(run.written(formula.output, 0))
    return net.head(value) if formula.head.steps else value  # type: ignore[no-any-return]


def _stages(net: nn.Module, count: int) -> list[list[nn.Module]]:
    if count == 1:
        return [list(net.blocks)]
    return [list(getattr(net, f"stage{number + 1}")) for number in range(count)]
