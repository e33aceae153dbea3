"""Sums of convolutions of one tensor, or of products with matrices: one operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import Apply, Scaled, Tensor, TensorSum, subtensors
from recform.algebra.pipeline import Folded, Pipeline, Step
from recform.blocks.operator import declares
from recform.blocks.symbolic import Symbolic
from recform.inference.pipelines import bears, with_bias
from recform.operators.convolution import Conv, DepthwiseConv
from recform.operators.linear import Linear
from recform.operators.window import pair

#: Whether no adapter keeps a term apart from the operator that it may be part of: their
#: letters; an empty one is the tensor itself.
Free = Callable[[str, str], bool]
#: Stands for the tensor itself among the operators on it.
ITSELF = ""


@dataclass(frozen=True, eq=False)
class Root:
    """A side of an equation; those of several blocks may say the same.

    Attributes:
        tensor: the whole.
        unknown: what it is; sides of one unknown are for different blocks.
        index: of that; None for a side that is no block's.
    """

    tensor: Tensor
    unknown: str = ""
    index: Symbolic | None = None


@dataclass(frozen=True)
class _Group:
    """The operators of one block on one tensor that are terms of a sum.

    Attributes:
        root: where it stands.
        index: of the operators.
        factors: what each is multiplied by, by their letters.
    """

    root: Root
    index: Symbolic
    factors: Mapping[str, Symbolic]

    def ratio(self, name: str, other: str) -> Symbolic:
        """The factor of one in terms of the other's; 0 where it is no term."""
        return self.factors.get(other, sympy.S.Zero) / self.factors[name]

    @property
    def place(self) -> tuple[str, Symbolic]:
        """Whose equation it is, and how far its operators are from that block.

        Groups of one place with one operator are of different blocks, but for those of
        one root.
        """
        root = self.root
        back = sympy.nan if root.index is None else self.index - root.index
        return root.unknown, back


@dataclass(frozen=True)
class Merges:
    """What becomes part of what.

    Attributes:
        operators: the pipelines that are left.
        into: for each letter that is part of another one, which.
        itself: those of which the tensor is a part that they are applied to.
    """

    operators: Mapping[str, Pipeline]
    into: Mapping[str, str]
    itself: frozenset[str]

    def change(self, _: Tensor, tensor: Tensor) -> Tensor:
        """A tensor; a sum without the terms that are part of others."""
        if not isinstance(tensor, TensorSum) or not (self.into or self.itself):
            return tensor
        bases = [_term(child)[1] for child in tensor.children]
        applied = [base for base in bases if isinstance(base, Apply)]
        gone = {base.arguments[0] for base in applied if base.operator in self.itself}
        gone |= {base for base in applied if base.operator in self.into}
        terms = zip(tensor.children, bases, strict=True)
        left = [child for child, base in terms if base not in gone]
        return left[0] if len(left) == 1 else TensorSum(*left)


def _term(tensor: Tensor) -> tuple[Symbolic, Tensor]:
    """A term as a number times a tensor, as far as it is that."""
    if isinstance(tensor, Scaled) and tensor.coefficient.is_number:
        return tensor.coefficient, tensor.tensor
    return sympy.S.One, tensor


def merges(
    roots: Iterable[Root], operators: Mapping[str, Pipeline], free: Free
) -> Merges:
    """What can be part of what in some equations.

    Args:
        roots: all of them.
        operators: the pipelines.
        free: of adapters.
    """
    single = {n: p.steps[0] for n, p in operators.items() if len(p.steps) == 1}
    groups, outside = _groups(roots)
    left = dict(operators)
    into: dict[str, str] = {}
    itself: set[str] = set()
    for name in sorted(single, key=lambda name: -_size(single[name])):
        own = [group for group in groups if name in group.factors]
        if not own or name in outside | into.keys() or not _holds(single[name]):
            continue
        others = {
            other: ratio
            for other in dict.fromkeys(n for group in own for n in group.factors)
            if other not in {name, *outside, *into, *into.values(), *itself}
            and all(
                name in g.factors for g in groups if other in g.factors or not other
            )
            and (ratio := _ratio(own, name, other))
            and (other == ITSELF or _fits(single[name], single.get(other)))
            # The tensor itself is part of one operator.
            and (other != ITSELF or not any(itself & g.factors.keys() for g in own))
            and free(name, other)
        }
        if not others:
            continue
        left[name] = replace(left[name], steps=(_merged(single, name, others),))
        for other in others:
            if other == ITSELF:
                itself.add(name)
            else:
                into[other] = name
                del left[other]
    return Merges(left, into, frozenset(itself))


def _groups(roots: Iterable[Root]) -> tuple[list[_Group], set[str]]:
    """The groups, and the operators that also stand where they are no term of one."""
    groups: list[_Group] = []
    outside: set[str] = set()
    for root in roots:
        outside |= _applied([root.tensor])
        for tensor in subtensors(root.tensor):
            if isinstance(tensor, TensorSum):
                found, rest = _of_sum(root, tensor)
                groups += found
                outside |= rest
            elif not (isinstance(tensor, Scaled) and tensor.coefficient.is_number):
                outside |= _applied(tensor.children)
    return groups, outside


def _applied(tensors: Iterable[Tensor]) -> set[str]:
    """The operators that some tensors are, times a number."""
    bases = (_term(tensor)[1] for tensor in tensors)
    return {base.operator for base in bases if isinstance(base, Apply)}


def _of_sum(root: Root, tensor: TensorSum) -> tuple[list[_Group], set[str]]:
    terms = [_term(child) for child in tensor.children]
    found: dict[tuple[Tensor, Symbolic], dict[str, Symbolic]] = {}
    outside: set[str] = set()
    for factor, base in terms:
        if not isinstance(base, Apply):
            continue
        if len(base.arguments) != 1:
            outside.add(base.operator)
            continue
        factors = found.setdefault((base.arguments[0], base.index), {})
        if base.operator in factors:
            outside.add(base.operator)
        factors[base.operator] = factor
    for (argument, _), factors in found.items():
        own = [factor for factor, base in terms if base == argument]
        if len(own) == 1:
            factors[ITSELF] = own[0]
    groups = [_Group(root, index, factors) for (_, index), factors in found.items()]
    return groups, outside


def _ratio(own: Sequence[_Group], name: str, other: str) -> Symbolic:
    """The factor of one operator in terms of the other's; 0 if it is not always that.

    Where an operator has no part in some blocks, its weights are not there; but for the
    tensor itself nobody could tell.
    """
    ratios = {group.ratio(name, other) for group in own}
    by_block = len({group.root for group in own}) == len(own)
    if other != ITSELF and by_block and len({group.place for group in own}) == 1:
        here = own[0].place[1]
        if here.is_Integer:
            ratios.discard(sympy.S.Zero)
    return ratios.pop() if len(ratios) == 1 else sympy.S.Zero


# ---------------------------------------------------------------------------- operators


def _kernel(step: Step) -> tuple[int, int] | None:
    """The kernel of a convolution that keeps the grid at stride 1; None for others."""
    operator, a = step.operator, step.arguments
    if not isinstance(operator, Conv | DepthwiseConv) or not bears(step):
        return None
    sides = (*pair(a.kernel), *pair(operator.padding(a)), *pair(a.dilation))
    if not all(isinstance(side, int) for side in sides):
        return None
    high, wide, above, beside, *apart = sides
    same = (high, wide) == (2 * above + 1, 2 * beside + 1)
    return (high, wide) if same and apart == [1, 1] else None


def _size(step: Step) -> int:
    """How many places an operator reads."""
    kernel = _kernel(step)
    return kernel[0] * kernel[1] if kernel else 0


def _holds(step: Step) -> bool:
    """Whether other terms can be part of this one."""
    return type(step.operator) is Linear or _kernel(step) is not None


def _fits(step: Step, other: Step | None) -> bool:
    """Whether a term can be part of one that holds others."""
    if other is None:
        return False
    if declares(other.operator, "folds"):
        return True
    if type(step.operator) is Linear:
        return type(other.operator) is Linear
    mine, theirs = _kernel(step), _kernel(other)
    if mine is None or theirs is None:
        return False
    smaller = theirs[0] <= mine[0] and theirs[1] <= mine[1]
    return (
        smaller
        and step.arguments.stride == other.arguments.stride
        and _channels(step, other)
    )


def _channels(step: Step, other: Step) -> bool:
    """Whether each output of one reads what that of the other reads, or more."""
    a, b = step.arguments, other.arguments
    if type(step.operator) is Conv:
        same = type(other.operator) is Conv and a.groups == b.groups
        return bool(same or a.groups == 1)
    return type(other.operator) is DepthwiseConv and a.multiplier == b.multiplier


def _merged(
    single: Mapping[str, Step], name: str, others: Mapping[str, Symbolic]
) -> Step:
    """An operator of which others are a part."""
    step = single[name]
    folded = list(step.folded)
    for other, ratio in others.items():
        if other == ITSELF:
            folded.append(Folded("", (), ratio))
        else:
            folded += (
                replace(item, operator=other, factor=ratio)
                for item in single[other].folded
            )
    return replace(with_bias(step), folded=tuple(folded))
