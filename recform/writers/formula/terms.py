"""Formulas as Python expressions over tensors, in the author's order.

Brackets come from precedence. A tensor that has a variable is its name; everything else
is written out where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from recform.algebra.expr import (
    Across,
    Added,
    Apply,
    Combine,
    Concat,
    Context,
    Elementwise,
    Filled,
    History,
    Input,
    K,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.lists import Dealt, Listed, Members, Over, is_list
from recform.blocks import Shape
from recform.blocks.applied import function_call
from recform.blocks.shape import Layout
from recform.operators.activation import RECIPROCAL
from recform.recurrence.model import Slot

#: What an expression ends in, from the weakest; LOW is all that binds weaker than a sum.
LOW, SUM, PRODUCT, UNARY, ATOM = range(5)


#: One over a number of the block: `x / self.k` in the place of `1 / self.k * x`.
_OVER = re.compile(r"(-?)1 / (self\.\w+)")

#: The variable of a loop over the members of a list.
MEMBER = "member"
#: A sum of members with a weight each, which are the features of a tensor; of images.
WEIGHED = {False: "...k,k...c->...c", True: "bk...,kbc...->bc..."}


def is_inverse(tensor: Tensor) -> bool:
    """Whether a tensor is one over another, as a product with it is written."""
    return isinstance(tensor, Elementwise) and tensor.function is RECIPROCAL


@dataclass
class Writer:
    """Writes the tensors of one step.

    Attributes:
        parts: what a tensor is made from.
        bare: a term without its coefficient.
        shape: the shape of a tensor (in any of the blocks that take the step).
        operator: how an application's operator is called.
        adapter: the attribute of the adapter in front of a term, or an empty string.
        coefficient: a coefficient as Python, and its level.
        stacks: whether an operator takes the members of a list as one tensor.
        variables: tensors that have a name.
        adapted: the names of what adapters made, by their attributes.
    """

    parts: Callable[[Tensor], tuple[Tensor, ...]]
    bare: Callable[[Tensor], Tensor]
    shape: Callable[[Tensor], Shape]
    operator: Callable[[Apply], str]
    adapter: Callable[[Tensor, Tensor], str]
    coefficient: Callable[[Tensor], tuple[str, int]]
    stacks: Callable[[Apply], bool] = lambda tensor: True
    variables: dict[Slot, str] = field(default_factory=dict)
    adapted: dict[str, str] = field(default_factory=dict)

    def show(self, tensor: Tensor, level: int = SUM) -> str:
        """A tensor as an expression that can stand at a level of precedence."""
        text, own = self.write(tensor)
        return f"({text})" if own < level else text

    def write(self, tensor: Tensor) -> tuple[str, int]:
        """A tensor as an expression and its level."""
        if tensor in self.variables:
            return self.variables[tensor], ATOM
        return self.made(tensor)

    def made(self, tensor: Tensor) -> tuple[str, int]:
        """How a tensor is made, whether or not it has a name."""
        match tensor:
            case Input():
                return "x", ATOM
            case Context():
                return tensor.name, ATOM
            case State():
                (right,) = self.parts(tensor)
                return self.term(tensor, right)
            case Apply() if tensor.is_many and not self.stacks(tensor):
                return self.each(tensor), ATOM
            case Apply():
                inner = ", ".join(self.arguments(tensor))
                return f"{self.operator(tensor)}({inner})", ATOM
            case Scaled() if tensor.coefficient.has(K):
                return self.weighted(tensor), PRODUCT
            case Scaled():
                return self.scaled(tensor, self.write(tensor.tensor))
            case Members():
                return f"torch.stack({self.show(tensor.listed)})", ATOM
            case Listed():
                return self.listed(tensor), ATOM
            case Dealt():
                return self.dealt(tensor), ATOM
            case Over():
                return self.over(tensor), ATOM
            case Across():
                return self.across(tensor), ATOM
            case Filled():
                return self.coefficient(tensor)
            case Added():
                return self.added(tensor, self.parts(tensor)), ATOM
            case TensorSum():
                return self.sum(tensor, self.parts(tensor)), SUM
            case Pointwise():
                return self.product(tensor), PRODUCT
            case Combine():
                return self.combine(tensor, tensor.kind, self.parts(tensor))
            case Concat():
                return self.joined(tensor, self.parts(tensor)), ATOM
            case Elementwise():
                return self.function(tensor)
            case History():
                return self.history(tensor)
            case Part():
                axis = self.axis(tensor.tensor)
                text = self.show(tensor.tensor, ATOM)
                return f"{text}.chunk({tensor.parts}, dim={axis})[{tensor.which}]", ATOM
        raise TypeError(type(tensor).__name__)

    def product(self, tensor: Pointwise) -> str:
        """Factors; one over a tensor is a division."""
        result = ""
        for part in self.parts(tensor):
            alone = part not in self.variables and not self.adapter(part, tensor)
            divides = result and alone and is_inverse(part)
            inner = part.argument if divides else part
            text, own = self.term(tensor, inner)
            if own < PRODUCT or (divides and own < ATOM):
                text = f"({text})"
            sign = " / " if divides else " * "
            result = f"{result}{sign}{text}" if result else text
        return result

    def axis(self, tensor: Tensor) -> int:
        """The axis of the features; the members of a list stand in front of the batch."""
        axis = self.shape(tensor).feature_axis
        return axis + 1 if axis > 0 and tensor.is_many else axis

    # -- the members of a list

    def listed(self, tensor: Tensor) -> str:
        """A list with one more member, or as it was."""
        *older, member = self.parts(tensor)
        if is_list(member):
            return self.show(member)
        before = "".join(f"*{self.older(tensor, part)}, " for part in older)
        return f"[{before}{self.show(member)}]"

    def older(self, parent: Tensor, tensor: Tensor) -> str:
        """The members that there were, each behind the adapter if there is one."""
        adapted = self.adapt(parent, tensor)
        return adapted[0] if adapted else self.show(tensor)

    def each(self, tensor: Apply) -> str:
        """An operator on one member after the other."""
        many = dict.fromkeys(part for part in tensor.arguments if part.is_many)
        numbers = [""] if len(many) == 1 else [str(n + 1) for n in range(len(many))]
        names = {part: f"{MEMBER}{n}" for part, n in zip(many, numbers, strict=True)}
        inner = ", ".join(names.get(p) or self.show(p) for p in tensor.arguments)
        lists = ", ".join(map(self.members, many))
        over = lists if len(many) == 1 else f"zip({lists}, strict=True)"
        call = f"{self.operator(tensor)}({inner})"
        return f"torch.stack([{call} for {', '.join(names.values())} in {over}])"

    def members(self, tensor: Tensor) -> str:
        """What runs over the members: their list, but where only a stack has a name."""
        if isinstance(tensor, Members) and (
            tensor not in self.variables or tensor.listed in self.variables
        ):
            return self.show(tensor.listed)
        return self.show(tensor)

    def weighted(self, tensor: Scaled) -> str:
        """A number for each member times it."""
        weights, level = self.coefficient(tensor)
        weights = weights if level >= ATOM else f"({weights})"
        ones = ", 1" * (1 + len(self.shape(tensor).sizes))
        text, own = self.write(tensor.tensor)
        return f"{weights}.view(-1{ones}) * {text if own >= UNARY else f'({text})'}"

    def over(self, tensor: Over) -> str:
        """A sum over members, or the share of each."""
        inner = tensor.tensor
        if tensor.kind == "softmax":
            return f"torch.softmax({self.show(inner)}, dim=0)"
        if isinstance(inner, Scaled) and inner.coefficient.has(K):
            weights, _ = self.coefficient(inner)
            # Unlike torch.tensordot, it takes numbers of several kinds under autocast.
            return f'torch.einsum("k,k...->...", {weights}, {self.show(inner.tensor)})'
        product = self.weighed(inner)
        return product or f"{self.show(inner, ATOM)}.sum(dim=0)"

    def dealt(self, tensor: Dealt) -> str:
        """The features of a tensor as members, of which each has one."""
        is_image = self.shape(tensor.tensor).layout is Layout.IMAGE
        axis, behind = (1, 2) if is_image else (-1, -1)
        text = self.show(tensor.tensor, ATOM)
        return f"{text}.movedim({axis}, 0).unsqueeze({behind})"

    def weighed(self, tensor: Tensor) -> str:
        """A sum of members, each times its feature of a tensor, without their products."""
        if not isinstance(tensor, Pointwise) or tensor in self.variables:
            return ""
        parts = self.parts(tensor)
        features = [p for p in parts if isinstance(p, Dealt)]
        others = [p for p in parts if p not in features]
        if len(parts) != 2 or len(features) != 1 or not others[0].is_many:
            return ""
        (given,), (members,) = features, others
        layouts = {self.shape(part).layout for part in (given, members)}
        if len(layouts) > 1 or given in self.variables or self.adapt(tensor, members):
            return ""
        how = WEIGHED[Layout.IMAGE in layouts]
        inner = f"{self.show(given.tensor)}, {self.show(members)}"
        return f'torch.einsum("{how}", {inner})'

    def across(self, tensor: Across) -> str:
        """A number a position, of all features."""
        axis = f"dim={self.axis(tensor.tensor)}, keepdim=True"
        if tensor.kind == "norm":
            inner = self.show(tensor.tensor)
            return f"torch.linalg.vector_norm({inner}, {axis})"
        return f"{self.show(tensor.tensor, ATOM)}.sum({axis})"

    def term(self, parent: Tensor, tensor: Tensor) -> tuple[str, int]:
        """A term of a sum or product, behind its adapter if it has one."""
        return self.adapt(parent, tensor) or self.spread(parent, tensor)

    def arguments(self, tensor: Apply) -> list[str]:
        """What an operator is called on, each behind its adapter if it has one."""
        texts = []
        for argument in tensor.arguments:
            adapted = self.adapt(tensor, argument)
            texts.append(adapted[0] if adapted else self.show(argument))
        return texts

    def adapt(self, parent: Tensor, tensor: Tensor) -> tuple[str, int] | None:
        """What is made of a term by its adapter; None if there is none."""
        value, bare = tensor, self.bare(tensor)
        scales: list[Scaled] = []
        while value != bare and isinstance(value, Scaled):
            scales.append(value)
            value = value.tensor
        attribute = self.adapter(value, parent)
        if not attribute:
            return None
        if attribute in self.adapted:
            result = self.adapted[attribute], ATOM
        else:
            result = self.behind(attribute, value), ATOM
        for scale in reversed(scales):
            result = self.scaled(scale, result)
        return result

    def behind(self, attribute: str, value: Tensor) -> str:
        """What an adapter makes of a tensor, or of each member of a list."""
        if is_list(value):
            call = f"self.{attribute}({MEMBER})"
            return f"[{call} for {MEMBER} in {self.show(value)}]"
        return f"self.{attribute}({self.show(value)})"

    def spread(self, parent: Tensor, tensor: Tensor) -> tuple[str, int]:
        """A term as it is; a vector gets the axes of the grid over which it spreads."""
        text, own = self.write(tensor)
        if isinstance(tensor, Filled) or isinstance(parent, State):
            return text, own
        shape, target = self.shape(tensor), self.shape(parent)
        product = isinstance(parent, Pointwise)
        if shape.layout is target.layout or not shape.spreads_over(
            target, product=product
        ):
            return text, own
        # The members of a list stand in front of the batch.
        axes = ":, " * (tensor.is_many + (target.layout is Layout.IMAGE) + 1)
        axes += ", ".join("None" for _ in target.grid)
        return (f"({text})[{axes}]" if own < ATOM else f"{text}[{axes}]"), ATOM

    def scaled(self, tensor: Scaled, inner: tuple[str, int]) -> tuple[str, int]:
        """A scalar times an expression."""
        text, own = inner
        if tensor.coefficient == -1:
            return f"-{text}" if own >= UNARY else f"-({text})", UNARY
        factor, level = self.coefficient(tensor)
        if (
            factor == "1"
        ):  # What depends on the block is a number outside of the blocks.
            return inner
        if level < PRODUCT:
            factor = f"({factor})"
        # `2 * (a * b)`: the author's product is made first.
        text = text if own >= UNARY else f"({text})"
        over = _OVER.fullmatch(factor)
        if over and not tensor.coefficient.atoms(Learned):
            return f"{over[1]}{text} / {over[2]}", PRODUCT
        return f"{factor} * {text}", PRODUCT

    def sum(self, parent: Tensor, parts: tuple[Tensor, ...]) -> str:
        """Terms with their signs between them."""
        first, *others = parts
        text, own = self.term(parent, first)
        result = text if own >= SUM else f"({text})"
        for part in others:
            sign, text, own = self.signed(parent, part)
            result += f" {sign} {text}" if own > SUM else f" {sign} ({text})"
        return result

    def signed(self, parent: Tensor, part: Tensor) -> tuple[str, str, int]:
        """A term behind others: whether it is added or taken away, and what."""
        taken = isinstance(part, Scaled) and part.coefficient == -1
        if taken and part not in self.variables:
            return "-", *self.term(parent, part.tensor)
        text, own = self.term(parent, part)
        if text.startswith("-") and own > SUM:
            return "-", text[1:], own
        return "+", text, own

    def added(self, tensor: Added, parts: tuple[Tensor, ...]) -> str:
        """A sum as what is added to one of its terms, in place."""
        result = self.show(parts[tensor.place], ATOM)
        for position, part in enumerate(parts):
            if position != tensor.place:
                sign, text, _ = self.signed(tensor, part)
                result += f".{'sub_' if sign == '-' else 'add_'}({text})"
        return result

    def combine(
        self, parent: Tensor, kind: str, parts: tuple[Tensor, ...]
    ) -> tuple[str, int]:
        """max, min or mean."""
        texts = [self.term(parent, part) for part in parts]
        if kind == "mean":
            levels = (SUM, *(SUM + 1 for _ in texts[1:]))
            total = " + ".join(
                text if own >= level else f"({text})"
                for (text, own), level in zip(texts, levels, strict=True)
            )
            return f"({total}) / {len(parts)}", PRODUCT
        result = texts[0][0]
        for text, _ in texts[1:]:
            result = f"torch.{kind}imum({result}, {text})"
        return result, ATOM

    def joined(self, tensor: Tensor, parts: tuple[Tensor, ...]) -> str:
        """Tensors side by side along the features."""
        axis = self.shape(parts[0]).feature_axis
        texts = [self.show(part) for part in parts]
        return f"torch.cat(({', '.join(texts)}), dim={axis})"

    def function(self, tensor: Elementwise) -> tuple[str, int]:
        """An elementwise function; what reads its argument twice gets a variable."""
        call = function_call(tensor.function)
        text, own = self.write(tensor.argument)
        assert call.once or own >= ATOM, tensor
        made = call.fill(text, atom=own >= ATOM)
        return made, ATOM if call.atom else SUM if call.sum else LOW

    def history(self, tensor: History) -> tuple[str, int]:
        """A history with one more member."""
        parts = self.parts(tensor)
        if is_list(tensor):
            return self.listed(tensor), ATOM
        if tensor.kind == "concat":
            return self.joined(tensor, parts), ATOM
        if tensor.kind == "sum":
            return self.sum(tensor, parts), SUM
        return self.combine(tensor, tensor.kind, parts)
