"""What the tensors of a step are in a drawing: kinds, labels, ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from recform.algebra.definitions.body import Body
from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Elementwise,
    History,
    Input,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.formula import Formula
from recform.algebra.lists import Dealt, Listed, Members, Over, is_list
from recform.algebra.pipeline import Pipeline
from recform.blocks import Shape
from recform.diagram.model import Kind, Node
from recform.graph.model import Block
from recform.operators.activation import RECIPROCAL
from recform.recurrence.model import ModuleSlot, Step
from recform.views import facts
from recform.views.opened import CLOSED, Opening, Scope


@dataclass(frozen=True)
class Setting:
    """What an interior is drawn with.

    Attributes:
        formula: the network.
        names: the step, and how its block is called.
        prefix: in front of the ids.
        cluster: the id of the cluster around it.
        blocks: all that take the step, for what is said of parameters.
        block: the one that is drawn; None for a step as such, without shapes.
        shapes: of the tensors of that block, as far as they are known.
        at, ends: where shapes do not meet, and what does not meet there.
        opening: which operators are drawn with what they are made of.
        level: 1 in a block, and one more in each operator that is opened.
        body, scope: in a definition by equations, that, and what its symbols stand for.
    """

    formula: Formula
    names: facts.Names
    prefix: str
    cluster: str
    blocks: tuple[Block, ...] = ()
    block: Block | None = None
    shapes: Mapping[Tensor, Shape] | None = None
    at: Tensor | None = None
    ends: tuple[Tensor, ...] = ()
    opening: Opening = CLOSED
    level: int = 1
    body: Body | None = None
    scope: Scope | None = None

    @property
    def operators(self) -> Mapping[str, Pipeline]:
        """What can be applied here."""
        return self.formula.operators if self.body is None else self.body.operators

    def shape(self, tensor: Tensor) -> Shape | None:
        """The shape of a tensor of the block, if one block is drawn."""
        if self.scope is not None and not self.scope.numbers:
            return None
        return (self.shapes or {}).get(tensor)

    def said_shape(self, tensor: Tensor) -> str:
        """Its shape, or those that it has in the first and last block of the step."""
        one = self.shape(tensor)
        if one is not None:
            return str(one)
        found = [str(b.shapes[tensor]) for b in self.blocks if tensor in b.shapes]
        several = list(dict.fromkeys(found))
        return " to ".join(several if len(several) < 2 else [several[0], several[-1]])


def slug(name: str) -> str:
    """A name as a part of an id: letters, digits, ``_`` and ``-``."""
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in name)
    while "--" in kept:
        kept = kept.replace("--", "-")
    return kept.strip("-") or "x"


def users(step: Step) -> dict[Tensor, list[Tensor]]:
    """For each tensor of a step, what is made of it."""
    found: dict[Tensor, list[Tensor]] = {}
    for tensor in step.body:
        for part in step.parts(tensor):
            found.setdefault(part, []).append(tensor)
    return found


def is_sum(tensor: Tensor) -> bool:
    """Whether a tensor adds up what it is made of."""
    return isinstance(tensor, TensorSum) or (
        isinstance(tensor, History) and tensor.kind == "sum"
    )


def uses(tensor: Tensor, slot: ModuleSlot) -> bool:
    """Whether a tensor is made with a module."""
    if isinstance(tensor, Apply):
        return (tensor.operator, tensor.index) == (slot.name, slot.index)
    if isinstance(tensor, Scaled):
        learned = facts.owned_scalars_of(tensor)
        return any((s.name, s.index) == (slot.name, slot.index) for s in learned)
    return False


def form(tensor: Tensor) -> tuple[Kind, str]:
    """The kind of node for a tensor, and its label where it does not depend on i."""
    match tensor:
        case Input():
            return Kind.input, "input"
        case State():
            return Kind.name, ""
        case Apply():
            return Kind.operator, ""
        case Scaled():
            return Kind.scale, ""
        case Pointwise():
            return Kind.product, "×"
        case Combine():
            return Kind.combine, tensor.kind
        case Concat():
            return Kind.combine, "concat"
        case Elementwise():
            is_inverse = tensor.function is RECIPROCAL
            return Kind.activation, "1/x" if is_inverse else tensor.name
        case Part():
            return Kind.combine, f"part {tensor.which + 1} of {tensor.parts}"
        case TensorSum():
            return Kind.sum, "+"
        case History() | Listed() if is_list(tensor):
            return Kind.combine, "list"
        case Members():
            return Kind.combine, "each"
        case Dealt():
            return Kind.combine, "features"
        case Over():
            if tensor.kind == "sum":
                return Kind.combine, "sum"
            return Kind.activation, "softmax"
        case Across():
            return Kind.combine, "dot" if tensor.kind == "sum" else "norm"
        case History():
            return (Kind.sum, "+") if is_sum(tensor) else (Kind.combine, tensor.kind)
    raise TypeError(type(tensor).__name__)


def distinct(nodes: list[Node]) -> list[Node]:
    """The nodes, with a number behind ids that several would have."""
    seen: dict[str, int] = {}
    result = []
    for node in nodes:
        seen[node.id] = seen.get(node.id, 0) + 1
        number = seen[node.id]
        result.append(node if number == 1 else replace(node, id=f"{node.id}-{number}"))
    return result
