"""Follows one block: each tensor that its step makes, and what keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Self, TypeGuard

import sympy

from recform.algebra.expr import (
    Apply,
    Concat,
    Filled,
    History,
    Input,
    Learned,
    Part,
    Pointwise,
    Scaled,
    Tensor,
    TensorSum,
)
from recform.algebra.indices import is_of_context
from recform.algebra.lists import Members, is_list
from recform.algebra.shapes import adds_up, asked, is_taken_off
from recform.blocks import Amount, Cost, Layout, Order, Work
from recform.blocks.acts import Link
from recform.blocks.symbolic import Symbolic
from recform.costs.keeping import Keeping
from recform.costs.tape import Held, Seen
from recform.costs.writer import Writer
from recform.graph.model import Block, Site
from recform.recurrence.model import START, Step


class _Cut(Seen):
    """A part of a tensor that is read by itself.

    Attributes:
        key: says which part.
        numbers: how many it is.
    """

    key: object
    numbers: int

    def __new__(cls, held: Held, key: object, numbers: int) -> Self:
        made = super().__new__(cls, held)
        made.key, made.numbers = key, numbers
        return made


def _is_number(tensor: Tensor) -> bool:
    """Whether a term is a number, for which there is no tensor."""
    return isinstance(tensor, Filled)


def _is_sum(tensor: Tensor) -> bool:
    """Whether a tensor is a sum, which may be one of the blocks so far."""
    history = isinstance(tensor, History) and tensor.kind == "sum"
    return isinstance(tensor, TensorSum) or history


def _joins(tensor: Tensor) -> bool:
    """Whether a tensor is others side by side."""
    history = isinstance(tensor, History) and tensor.kind == "concat"
    return isinstance(tensor, Concat) or history


def follow_block(
    writer: Writer,
    contexts: dict[object, Held],
    flow: int,
    step: Step,
    variables: Sequence[Tensor],
    block: Block,
    index: int,
    given: Sequence[Held],
    x: Held,
    between: Mapping[Tensor, bool] | None = None,
    named: list[Held] | None = None,
) -> list[Held]:
    """A block: what it hands on.

    Args:
        writer: writes the tape.
        contexts: what each block has; the start adds what it makes.
        flow: the number of the flow.
        step: what the block computes.
        variables: the tensors that have one in its code, in order.
        block: what it looks like.
        index: its number.
        given: what it gets.
        x: what comes into the flow, before the first block.
        between: the operators that have a variable between them, as of a step's plan.
        named: gets what the variables hold.
    """
    held: dict[object, Held] = {
        **contexts,
        **dict(zip(step.inputs, given, strict=True)),
        Input(): x,
    }
    recorder = _BlockRecorder(writer, (flow, index), step, block, held)
    made = recorder.block(given, variables, between or {})
    if named is not None:
        named += [held[tensor] for tensor in variables]
    if step.role == START:
        contexts |= {t: held[t] for t in step.body if is_of_context(t)}
    return made


class _BlockRecorder(Keeping):
    """Follows one block."""

    def __init__(
        self,
        writer: Writer,
        place: tuple[int, int],
        step: Step,
        block: Block,
        held: dict[object, Held],
    ) -> None:
        super().__init__(writer, step, block, held)
        self._flow, self._index = place
        #: What adapters make that two tensors read, which has a variable.
        self._shared: dict[object, Held] = {}
        #: The operators with a variable between them, as of a step's plan.
        self._between: Mapping[Tensor, bool] = {}
        #: What that variable holds.
        self._out: Held = ()
        #: Tensors that are another one but for the sign, and are made by themselves.
        self._negated: frozenset[Tensor] = frozenset()
        #: Numbers that are made of learned ones.
        self._numbers: dict[object, Held] = {}
        self._adapters: Mapping[object, tuple[Link, ...]] = {
            (site.value, block.sites[site].target): links
            for site, links in block.works.items()
            if isinstance(site, Site)
        }

    def block(
        self,
        given: Sequence[Held],
        variables: Sequence[Tensor],
        between: Mapping[Tensor, bool],
    ) -> list[Held]:
        """What it hands on.

        Args:
            given: what it gets.
            variables: the tensors that have one; others are made where they are read.
            between: as of :func:`_follow`.
        """
        self._between = between
        self._negated, self._variables = self._minus(variables), frozenset(variables)
        writer, outputs = self._writer, self._step.outputs
        writer.called = self._called
        named = [self._value(tensor) for tensor in variables]
        made = [self._value(x) if isinstance(x, Tensor) else () for x in outputs]
        self._keep()
        arguments = () if writer.apart else given
        for held in (*arguments, *named, *self._shared.values(), self._out):
            writer.name(held)
        return made

    def _minus(self, variables: Sequence[Tensor]) -> frozenset[Tensor]:
        """The tensors with a minus that no sum takes off; a sum may begin with one."""
        found = set(variables)
        for tensor in self._step.body:
            parts = self._step.parts(tensor)
            found.update(parts[:1] if adds_up(tensor) else parts)
        minus = (x for x in found if isinstance(x, Scaled) and x.coefficient == -1)
        return frozenset(x for x in minus if not x.is_many)

    def _value(self, tensor: Tensor) -> Held:
        """A tensor, which is made first if it is not there."""
        if tensor not in self._held:
            if self._is_long(tensor):
                made = self._added_up(tensor)
            elif meets := self._meets(tensor):
                made = self._met(tensor, meets)
            else:
                parts = [self._part(tensor, term) for term in self._terms(tensor)]
                made = self._made(tensor, parts)
            self._held[tensor] = made
        return self._held[tensor]

    def _part(self, tensor: Tensor, part: Tensor) -> Held:
        """What a tensor is made of, behind the adapter if there is one."""
        if isinstance(part, Members) and tensor in self._each:
            return self._value(self._list(part))
        bare = self._step.bare(part)
        site = Site(bare, tensor)
        if site not in self._block.sites:
            return self._value(part)
        made = self._adapted(bare, site)
        return self._scaled(part, made) if isinstance(part, Scaled) else made

    def _scaled(self, tensor: Scaled, adapted: Held) -> Held:
        """A scaled tensor whose adapter stands behind the bare one."""
        inner = tensor.tensor
        made = self._scaled(inner, adapted) if isinstance(inner, Scaled) else adapted
        if tensor not in self._block.works:
            return made
        (link,) = self._block.works[tensor]
        size = self._writer.tape.buffers[adapted[0]].amount.numbers
        link = replace(link, made=size, works=(Work(size, size),))
        return self._run((link,), made, None, (tensor,))

    def _is_long(self, tensor: Tensor) -> bool:
        """Whether a tensor is a sum of more than two tensors or numbers, or a mean."""
        if tensor not in self._block.works or not adds_up(tensor):
            return False
        terms, least = self._step.parts(tensor), 3 - (not isinstance(tensor, TensorSum))
        many = any(is_list(t) or t.is_many for t in terms)
        return len(terms) >= least and not many

    def _added_up(self, tensor: Tensor) -> Held:
        """A long sum: each of its terms is added to those before it. A mean is divided."""
        (whole,) = self._block.works[tensor]
        # A number at the beginning is added to the first tensor.
        terms = sorted(self._step.parts(tensor)[:2], key=_is_number)
        first, *others = *terms, *self._step.parts(tensor)[2:]
        made, size = self._part(tensor, first), self._size(tensor, first)
        before = first
        for term in others:
            number = _is_number(term)
            part = () if number else self._part(tensor, term)
            reads = size + (0 if number else self._size(tensor, term))
            size = size if number else max(size, self._size(tensor, term))
            link = replace(whole, made=size, works=(Work(reads, size),))
            two = [made, part]
            made = self._run((link,), (*made, *part), None, (tensor,), two)
            self._writer.hand_on(tuple(self._handed((before, term), two, made, tensor)))
            before = tensor
        if isinstance(tensor, TensorSum):
            return made
        link = replace(whole, made=size, works=(Work(size, size),))
        return self._run((link,), made, None, (tensor,), [made])

    def _meets(self, tensor: Tensor) -> Sequence[Link]:
        """What multiplies factors two by two, if there are several, or one is scaled."""
        # An operator that does nothing has no link.
        link = next(iter(self._block.works.get(tensor, ())), None)
        if link is None or link.meets:
            return link.meets if link else ()
        others = self._terms(tensor)[1:] if isinstance(tensor, Pointwise) else []
        scaled = any(self._scales(tensor, term) for term in others)
        return (link,) if scaled else ()

    def _scales(self, tensor: Tensor, term: Tensor) -> TypeGuard[Scaled]:
        """Whether code multiplies what stands before a factor by its number: `a * 2 * b`."""
        if not isinstance(term, Scaled) or term in self._variables or term.is_many:
            return False
        site = Site(self._step.bare(term), tensor) in self._block.sites
        made = term in self._block.works and isinstance(tensor, Pointwise)
        return made and not site and not is_taken_off(term)

    def _times(self, made: Held, term: Scaled) -> Held:
        """A product times the number of its next factor."""
        (link,), writer = self._block.works[term], self._writer
        size = writer.tape.buffers[made[0]].amount.numbers
        learned = bool(link.scalars or link.number)
        cost = link.cost.changed(workspace_back=size * learned)
        link = replace(link, made=size, cost=cost, works=(Work(size, size),))
        factor = self._number((link,))
        number = writer.here
        product = writer.chain((link,), (*made, *factor), None, (made,))
        if learned:
            writer.keep(made, number)
        if self._is_learned(made):
            writer.keep(factor, number)
        return product

    def _met(self, tensor: Tensor, meets: Sequence[Link]) -> Held:
        """Several factors: each is multiplied by the product of those before it."""
        first, *others = self._terms(tensor)
        made = self._part(tensor, first)
        for term, link in zip(others, meets, strict=True):
            factor = term
            if self._scales(tensor, term):
                made, factor = self._times(made, term), term.tensor
            part, writer = self._part(tensor, factor), self._writer
            number, two = writer.here, (made, part)
            learned = self._is_learned(made), self._is_learned(part)
            product = self._run((link,), (*made, *part), None, (tensor,), two)
            for held, kept in zip(
                two, asked(tensor, learned, over=self._divides(term)), strict=True
            ):
                if kept:
                    writer.keep(held, number)
            made = product
        self._two_by_two[tensor] = None
        return made

    def _size(self, tensor: Tensor, term: Tensor) -> int:
        """The numbers of a term, behind the adapter if there is one."""
        site = Site(self._step.bare(term), tensor)
        shape = self._block.shapes[tensor if site in self._block.sites else term]
        return shape.elements

    def _adapted(self, value: Tensor, site: Site) -> Held:
        key = (value, self._block.sites[site].target)
        if key not in self._held:
            links = self._adapters[key]
            owner = (self._flow, self._index, key)
            keys = (key, site)
            self._held[key] = self._run(links, self._value(value), owner, keys)
        else:
            self._shared[key] = self._held[key]
        return self._held[key]

    def _made(self, tensor: Tensor, parts: list[Held]) -> Held:
        everything = tuple(dict.fromkeys(chain.from_iterable(parts)))
        if tensor in self._negated:
            size = self._block.shapes[tensor].elements
            work = (Work(size, size),)
            link = Link(size, Cost(cheap=True), work, order=Order.ALIKE)
            return self._run((link,), everything, None, (tensor,), parts)
        if tensor not in self._block.works:
            here = self._writer.here
            self._where[tensor] = (here, here)
            if isinstance(tensor, Pointwise):
                return self._by_features(tensor, parts)
            if isinstance(tensor, Part):
                key = (self._flow, self._index, tensor)
                return _Cut(everything, key, self._block.shapes[tensor].elements)
            return parts[0] if len(parts) == 1 else everything
        links = self._block.works[tensor]
        writer, inlined = self._writer, tensor in self._between
        writer.out = self._out if inlined else ()
        made = self._run(links, everything, self._owner(tensor), (tensor,), parts)
        if inlined:
            first = everything if self._between[tensor] else ()
            self._out = writer.left or first or self._out
        if _is_sum(tensor) or _joins(tensor):
            terms = self._terms(tensor)
            self._writer.hand_on(tuple(self._handed(terms, parts, made, tensor)))
        return made

    def _by_features(self, tensor: Pointwise, parts: list[Held]) -> Held:
        """Members, each times a feature: of images a product of matrices copies both."""
        shape, buffers = self._block.shapes[tensor], self._writer.tape.buffers
        most = max(sum(buffers[n].amount.numbers for n in part) for part in parts)
        if shape.layout is Layout.IMAGE and most > shape.elements:
            copies = [self._writer.copied(part) for part in parts]
            for term, copy in zip(self._terms(tensor), copies, strict=True):
                self._copies[term, tensor] = copy
            parts = copies
            self._where[tensor] = (self._writer.here,) * 2
        return tuple(dict.fromkeys(chain.from_iterable(parts)))

    def _handed(
        self,
        terms: Sequence[Tensor],
        parts: Sequence[Held],
        made: Held,
        tensor: Tensor,
    ) -> Iterable[object]:
        """The terms of a sum, or the tensors side by side, that are in it as they are."""
        buffers, joins = self._writer.tape.buffers, _joins(tensor)
        for place, (term, held) in enumerate(zip(terms, parts, strict=True)):
            own = term in self._negated
            if place and is_taken_off(term) and not own:
                continue
            itself = own or not isinstance(term, Scaled) or term in self._block.works
            if not itself or not (joins or len(held) == 1):
                continue
            if isinstance(held, _Cut):
                if joins or Amount(held.numbers) == buffers[made[0]].amount:
                    yield held[0], held.key
                continue
            for number in held:
                if joins or buffers[number].amount == buffers[made[0]].amount:
                    yield number

    def _called(self, scalar: Learned) -> object:
        """A learned scalar, as other blocks know it."""
        if scalar.index is sympy.nan:
            return (self._flow, scalar.name)
        return (self._flow, scalar.name, self._block_of(scalar.index))

    def _block_of(self, index: Symbolic) -> int:
        """The block that an index of the step is that of."""
        return int(index) - self._step.at + self._index

    def _owner(self, tensor: Tensor) -> object:
        """The module that makes a tensor, as other blocks know it."""
        if not isinstance(tensor, Apply):
            return None
        if tensor.index is sympy.nan:
            return (self._flow, tensor.operator)
        return (self._flow, tensor.operator, self._block_of(tensor.index))

    def _run(
        self,
        links: Sequence[Link],
        x: Held,
        owner: object,
        keys: tuple[object, ...],
        parts: Sequence[Held] = (),
    ) -> Held:
        operations = self._writer.tape.operations
        number = self._number(links)
        first = len(operations)
        count = next((n for key in keys if (n := self._each.get(key))), 0)
        if count:
            made = self._writer.each(links, x, owner, parts, count)
            self._noted.update(keys if self._writer.opens else ())
            if isinstance(keys[0], Tensor):
                made = self._writer.together(made)
        else:
            made = self._writer.chain(links, (*x, *number), owner, parts)
            self._noted.update(keys if self._writer.opens else ())
        if self._is_learned(x):
            self._writer.keep(number, first)
        for key in keys:
            self._where[key] = (first, len(operations) - 1)
        cuts = [(x.key, x.numbers, x) for x in parts if isinstance(x, _Cut)]
        self._writer.cut(first, cuts)
        return made

    def _number(self, links: Sequence[Link]) -> Held:
        """The number that is a factor, and is made of learned ones."""
        (link, *_) = links or (None,)
        return self._writer.reckoned(link.number, self._numbers) if link else ()
