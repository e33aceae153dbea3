"""Follows shapes through tensors: what each kind of them is, keeps and costs.

There is one pass for all. The blocks of a network (`graph/shapes.py`) and definitions by
equations (`definitions/inside.py`) are two places where tensors stand, and say what is
their own: what an operator makes, where terms of several shapes meet, who is told what is
wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NoReturn

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Elementwise,
    Filled,
    History,
    K,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.indices import is_of_context
from recform.algebra.lists import Over, is_list
from recform.algebra.reckoned import reckoned
from recform.blocks import Amount, Cost, Layout, Misfit, Order, Shape, Work
from recform.blocks.acts import Inner, Link
from recform.blocks.applied import function_cost
from recform.blocks.shape import Size, known
from recform.operators.activation import RECIPROCAL

#: Whether a term of one shape is a gate for terms of another.
Spreads = Callable[[Shape, Shape], bool]


class Shapes:
    """The shapes of tensors.

    Attributes:
        known: as far as they were followed.
    """

    known: dict[Tensor, Shape]

    # -- what is a place's own

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is made from, in the author's order."""
        raise NotImplementedError

    def applied(self, tensor: Apply) -> Shape:
        """The shape of what an operator makes."""
        raise NotImplementedError

    def named(self, tensor: State) -> Shape:
        """The shape of what has an equation of its own."""
        raise NotImplementedError

    def met(self, tensor: Tensor) -> Shape:
        """The shape of a sum or product, to which its terms are brought."""
        raise NotImplementedError

    def refuse(
        self, code: str, message: str, tensor: Tensor, parts: Sequence[Tensor]
    ) -> NoReturn:
        """Reports parts whose shapes do not go together in a tensor.

        Args:
            code: of the diagnostic.
            message: what is wrong, to follow what the tensor does.
            tensor: what they are parts of.
            parts: the one at fault, and the first of those beside it.
        """
        raise NotImplementedError

    def failed(self, misfit: Misfit, tensor: Elementwise) -> NoReturn:
        """Reports a function that cannot take its argument."""
        raise misfit

    def scalar_size(self, name: str) -> Size:
        """How many numbers a learned scalar has."""
        raise NotImplementedError

    def count(self, tensor: Tensor) -> int:
        """How many tensors a tensor is: one for each member of a list."""
        return 1

    def divides(self, tensor: Tensor) -> bool:
        """Whether a tensor is one over another, and of no memory: as of :func:`divisors`."""
        return False

    def weighed(self, tensor: Tensor) -> int:
        """The multiply-adds of a tensor that no operator makes."""
        return 0

    def is_cheap(self, tensor: Tensor) -> bool:
        """Whether a tensor that no operator makes is cheap to make again."""
        if isinstance(tensor, Elementwise):
            return self.function(tensor).cheap
        return isinstance(tensor, TensorSum | Pointwise | Scaled | Combine | Concat)

    # -- what is the same in all

    def shape(self, tensor: Tensor) -> Shape:
        """The shape of a tensor."""
        if tensor not in self.known:
            self.known[tensor] = self.made(tensor)
        return self.known[tensor]

    def made(self, tensor: Tensor) -> Shape:
        """The shape of a tensor, of those of its parts."""
        match tensor:
            case State():
                return self.named(tensor)
            case Apply():
                return self.applied(tensor)
            case Scaled():
                return self.shape(tensor.tensor)
            case Elementwise():
                return self.shape(tensor.argument)
            case Across():
                return self.shape(tensor.tensor).with_features(1)
            case TensorSum() | Pointwise() | Combine():
                return self.met(tensor)
            case Concat():
                return self.joined(tensor)
            case Part():
                return self._divided(tensor)
        raise TypeError(type(tensor).__name__)

    def joined(self, tensor: Tensor) -> Shape:
        """The shape of tensors side by side."""
        parts = self.parts(tensor)
        shapes = [first, *others] = [self.shape(part) for part in parts]
        for part, shape in zip(parts, shapes, strict=True):
            if shape.layout is not first.layout or (
                known(*shape.sizes, *first.sizes) and shape.grid != first.grid
            ):
                message = (
                    f"put {first} and {shape} side by side: only the channels may "
                )
                self.refuse("RF401", f"{message}differ", tensor, (part, parts[0]))
        return first.with_features(sum((s.features for s in others), first.features))

    def _divided(self, tensor: Part) -> Shape:
        shape, parts = self.shape(tensor.tensor), tensor.parts
        if not isinstance(shape.features, int):
            return shape.with_features(shape.features / parts)
        if shape.features % parts:
            message = (
                f"makes {parts} equal parts, which do not divide {shape.features} "
            )
            self.refuse("RF402", f"{message}channels", tensor, (tensor, tensor.tensor))
        return shape.with_features(shape.features // parts)

    def terms(self, tensor: Tensor) -> list[Tensor]:
        """What a tensor is made of that has a shape."""
        return [part for part in self.parts(tensor) if not isinstance(part, Filled)]

    def asks(self, tensor: Tensor) -> Iterator[Tensor]:
        """What autograd keeps for the gradient of a tensor that no operator makes."""
        match tensor:
            case Elementwise() if not self.divides(tensor):
                cost = self.function(tensor)
                if cost.saves_input and not is_fixed(tensor):
                    yield tensor.argument
                if cost.saves_output and not is_fixed(tensor):
                    yield tensor
            case _ if is_product(tensor):
                parts = self.terms(tensor)
                for part in parts:
                    others = [other for other in parts if other is not part]
                    if self.divides(part):
                        # The gradient of a divisor asks for itself as well.
                        assert isinstance(part, Elementwise)
                        if not all(map(is_fixed, parts)):
                            yield part.argument
                    elif not others or not all(map(is_fixed, others)):
                        yield part
            case Across(kind="norm") if not is_fixed(tensor):
                yield tensor.tensor
            case Scaled() if tensor.coefficient.atoms(Learned):
                yield tensor.tensor

    def between(self, tensor: Tensor) -> int:
        """The numbers that are kept between several factors: they meet two by two."""
        if not is_product(tensor):
            return 0
        parts, target = self.terms(tensor), self.shape(tensor)
        shapes = [self.behind(part, tensor) for part in parts]
        made, numbers = shapes[0], 0
        for shape, last in zip(shapes[1:-1], parts[2:], strict=True):
            made = made if shape == made else target
            if not is_fixed(last):
                numbers += made.elements
        return numbers * self.count(tensor)

    def behind(self, part: Tensor, tensor: Tensor) -> Shape:
        """The shape that a factor of a product has there."""
        return self.shape(part)

    def link(self, tensor: Tensor) -> Link:
        """What makes a tensor that no operator makes."""
        reads = sum(self.shape(x).elements * self.count(x) for x in self.terms(tensor))
        made = self.shape(tensor).elements * self.count(tensor)
        weighed, coefficient = self.weighed(tensor), self.coefficient(tensor)
        own = self.function(tensor) if isinstance(tensor, Elementwise) else Cost()
        back = own.workspace_back * self.count(tensor) + _shares(tensor) * made // 2
        back += self._whole(tensor)
        learned = (x for x in self.terms(tensor) if self.divides(x) and not is_fixed(x))
        # Minus the gradient that comes in, times the quotient over the divisor, which is
        # summed up if that spreads.
        each = ((1 + DIVIDED) * made - self.shape(x).elements for x in learned)
        back = max(back, *each, 0)
        number = self._number(tensor)
        once = 0 if number else coefficient
        cost = Cost(
            multiply_adds=weighed,
            saves_more=self.between(tensor),
            saves_once=once,
            workspace_back=back,
            seen=bool(weighed),
            hands=_sums_up(tensor) and not weighed,
            stays=Amount(once=once),
            cheap=self.is_cheap(tensor),
            uncounted=own.uncounted,
        )
        cost = _halved(cost, _picks(tensor) * made)
        works = (Work(reads, made, multiply_adds=weighed),)
        meets, order = tuple(self._meetings(tensor)), self._order(tensor)
        scalars = () if number else tuple(self._scalars(tensor).items())
        return Link(
            made, cost, works, order=order, meets=meets, scalars=scalars, number=number
        )

    def _order(self, tensor: Tensor) -> Order:
        """How what no operator makes lies in memory."""
        image = self.shape(tensor).layout is Layout.IMAGE
        if tensor.is_many or any(is_list(x) or x.is_many for x in self.terms(tensor)):
            return Order.APART if image else Order.TOGETHER
        if isinstance(tensor, Concat) or getattr(tensor, "kind", "") == "concat":
            return Order.JOINED if image else Order.TOGETHER
        return Order.ALIKE

    def _meetings(self, tensor: Tensor) -> Iterator[Link]:
        """What makes of the first terms or factors of several what they are with the next."""
        terms, adds = self.terms(tensor), isinstance(tensor, TensorSum)
        if len(terms) < 3 or not (adds or is_product(tensor)) or self.count(tensor) > 1:
            return
        if any(self.count(term) > 1 for term in terms):
            return
        target, before = self.shape(tensor), self.behind(terms[0], tensor)
        learned = not is_fixed(terms[0])
        for term in terms[1:]:
            shape = self.behind(term, tensor)
            both = _together(before, shape, target)
            size, fixed = both.elements, is_fixed(term)
            more = learned * (size - before.elements)
            more += (not fixed) * (size - shape.elements)
            back = 0 if adds else max(_shares(tensor) * size // 2, more)
            if self.divides(term) and not fixed:
                back = max(back, DIVIDED * size)
            cost = Cost(workspace_back=back, cheap=self.is_cheap(tensor))
            cost = _halved(cost, _picks(tensor) * size)
            works = (Work(before.elements + shape.elements, size),)
            yield Link(size, cost, works, order=Order.ALIKE)
            before, learned = both, learned or not fixed

    def _whole(self, tensor: Tensor) -> int:
        """The numbers of gradients as large as a product, before they are summed up.

        That of a factor that spreads is the one that comes in times the other factor.
        """
        if tensor.is_many and not _has_weights(tensor):
            return 0  # Members are weighed by a product of matrices.
        if isinstance(tensor, Scaled):
            learned = bool(tensor.coefficient.atoms(Learned))
            return learned * self.shape(tensor).elements * self.count(tensor)
        if not isinstance(tensor, Pointwise):
            return 0
        size, parts = self.shape(tensor).elements, self.terms(tensor)
        factors = (part for part in parts if not is_fixed(part))
        more = [size - self.behind(x, tensor).elements for x in factors]
        return sum(sorted(more)[-2:])  # Two factors meet at once.

    def coefficient(self, tensor: Tensor) -> int:
        """The numbers of a coefficient that is made of learned scalars, as exp(a_i) is."""
        if not isinstance(tensor, Scaled):
            return 0
        learned = tensor.coefficient.atoms(Learned)
        if not learned or learned & {tensor.coefficient, -tensor.coefficient}:
            return 0
        return max(int(self.scalar_size(item.name)) for item in learned)

    def _number(self, tensor: Tensor) -> tuple[Inner, ...]:
        """What makes the coefficient of a tensor, if it is one for all its members."""
        if not isinstance(tensor, Scaled) or not self.coefficient(tensor):
            return ()
        if tensor.coefficient.has(K):
            return ()
        return reckoned(tensor.coefficient, self._scalars(tensor))

    def _scalars(self, tensor: Tensor) -> dict[Learned, int]:
        """The learned numbers in the coefficient of a tensor, or that weigh its members."""
        scaled = tensor.tensor if isinstance(tensor, Over) else tensor
        if not isinstance(scaled, Scaled):
            return {}
        learned = sorted(scaled.coefficient.atoms(Learned), key=str)
        return {item: int(self.scalar_size(item.name)) for item in learned}

    def function(self, tensor: Elementwise) -> Cost:
        """What a function costs."""
        try:
            return function_cost(tensor.function, self.shape(tensor.argument))
        except Misfit as misfit:
            self.failed(misfit, tensor)


def on_two(before: tuple[Size, ...], here: tuple[Size, ...]) -> str:
    """What is wrong where a parameter of these sizes would need others."""
    what = "has one number a channel, but scales"
    if before[0] != here[0]:
        return f"{what} {before[0]} and {here[0]} channels"
    return f"{what} an image in one place, and what is none in another"


def told_apart(before: Sequence[Shape], here: Sequence[Shape]) -> tuple[str, str]:
    """What two calls get, in words; with layouts where the sizes are the same."""
    told = [" and ".join(map(str, shapes)) for shapes in (before, here)]
    if told[0] == told[1]:
        words = [", ".join(x.layout.value for x in shapes) for shapes in (before, here)]
        told = [f"{sizes} ({word})" for sizes, word in zip(told, words, strict=True)]
    return told[0], told[1]


#: Numbers that are held for each of a quotient, while the gradient of its divisor is made.
DIVIDED = 2


def divisors(
    tensors: Sequence[Tensor],
    parts: Callable[[Tensor], tuple[Tensor, ...]],
    outputs: Iterable[object],
) -> dict[Tensor, Tensor]:
    """Those of tensors that are one over another, for which code has a quotient.

    Each is read by a product alone, which is told, and in it is not the first factor.
    What another block has made and handed on is a factor.

    Args:
        tensors: all that are computed.
        parts: what each is made of.
        outputs: what is handed on of them.
    """
    uses = Counter[object](part for tensor in tensors for part in parts(tensor))
    uses.update(outputs)
    products = (tensor for tensor in tensors if isinstance(tensor, Pointwise))
    behind = ((part, tensor) for tensor in products for part in parts(tensor)[1:])
    computed = frozenset(tensors)
    return {
        part: tensor
        for part, tensor in behind
        if isinstance(part, Elementwise)
        and part in computed
        and part.function is RECIPROCAL
        and uses[part] == 1
        and not part.is_many
    }


def full(shapes: Iterable[Shape], spreads: Spreads) -> list[Shape]:
    """Those that are no gate for another one, each once."""
    each = tuple(dict.fromkeys(shapes))
    return [s for s in each if not any(spreads(s, t) for t in each)]


def _together(one: Shape, other: Shape, whole: Shape) -> Shape:
    """The shape of two factors of a product, over which one may spread."""
    if one == other or one.spreads_over(other, product=True):
        return other
    return one if other.spreads_over(one, product=True) else whole


def asked(
    tensor: Tensor, learned: tuple[bool, bool], *, over: bool
) -> tuple[bool, bool]:
    """Whether autograd keeps two factors of a product.

    Args:
        tensor: the product, or the largest of them.
        learned: whether anything is, of each.
        over: whether the last one is a divisor.
    """
    first, last = learned
    if _picks(tensor):
        return (first or last,) * 2
    return last, first or (over and last)


def is_taken_off(term: Tensor) -> bool:
    """Whether code subtracts a term of a sum, behind the first: its gradient is made anew."""
    return isinstance(term, Scaled) and term.coefficient.could_extract_minus_sign()


def is_product(tensor: Tensor) -> bool:
    """Whether gradients of its parts depend on the others."""
    return _picks(tensor) or isinstance(tensor, Pointwise)


def adds_up(tensor: Tensor) -> bool:
    """Whether a tensor is a sum of others, or what such a sum is divided by how many."""
    mean = isinstance(tensor, Combine) and tensor.kind == "mean"
    return isinstance(tensor, TensorSum) or mean


def _has_weights(tensor: Tensor) -> bool:
    """Whether a tensor is members, each times a number of its own."""
    return isinstance(tensor, Scaled) and bool(tensor.coefficient.has(K))


def _sums_up(tensor: Tensor) -> bool:
    """Whether a tensor is the sum over the features of another one, or over members."""
    if isinstance(tensor, Over):
        return tensor.kind == "sum" and not _has_weights(tensor.tensor)
    return isinstance(tensor, Across) and tensor.kind == "sum" and not tensor.is_many


def _shares(tensor: Tensor) -> int:
    """Halves of numbers, for each that is made, by which a gradient is dealt out.

    That of the larger of two numbers goes to it, and in halves to both if they are equal:
    torch has two masks of a byte, half of the gradient, and what it chooses of both.
    """
    return 5 if _picks(tensor) else 0


def _halved(cost: Cost, size: int) -> Cost:
    """The cost of what picks so many numbers: of two bytes each, masks are half as large."""
    more = cost.workspace_back + -(-size // 2)
    return replace(cost, half=replace(cost, workspace_back=more)) if size else cost


def _picks(tensor: Tensor) -> bool:
    """Whether each number is one of those of the parts: the largest, or the least."""
    return isinstance(tensor, Combine | History) and tensor.kind in ("max", "min")


def is_fixed(tensor: Tensor) -> bool:
    """Whether a tensor is a further input, or a function of such: without a gradient."""
    parts = subtensors(tensor)
    learned = (isinstance(p, Apply) or p.atoms(Learned) for p in parts)
    return is_of_context(tensor) and not any(learned)
