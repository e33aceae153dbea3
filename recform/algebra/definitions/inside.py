"""Shapes and costs of what a definition by equations computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, NoReturn

from recform.algebra.expr import (
    Apply,
    Concat,
    Elementwise,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    learned_within,
)
from recform.algebra.reckoned import missing
from recform.algebra.shapes import (
    Shapes,
    adds_up,
    asked,
    divisors,
    full,
    is_taken_off,
    on_two,
    told_apart,
)
from recform.algebra.tracing import Trace, output_of, trace
from recform.blocks import Arguments, Cost, Misfit, Shape, Work
from recform.blocks.acts import Inner, Link, cost_of
from recform.blocks.shape import Size, known

if TYPE_CHECKING:
    from recform.algebra.definitions.body import Body


class Inside(Shapes):
    """The shapes inside a body, for what comes in."""

    def __init__(
        self, body: Body, incoming: Mapping[Tensor, Shape], a: Arguments
    ) -> None:
        self._body = body
        self._values = body.values(a)
        self.known = dict(incoming)
        self._traces: dict[Tensor, Trace] = {}
        self._first: dict[object, tuple[Shape, ...]] = {}
        self._sizes: dict[str, tuple[Size, ...]] = {}
        self._incoming = tuple(incoming)

    def shape(self, tensor: Tensor) -> Shape:
        """The shape of a tensor of the body."""
        if tensor not in self.known:
            # Parts first, so that a long recurrence needs no deep recursion.
            for part in self._body.tensors:
                super().shape(part)
                if part == tensor:
                    break
        return super().shape(tensor)

    def parts(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """What a tensor is made from; what comes in, of nothing."""
        return self._body.parts(tensor)

    def named(self, tensor: State) -> Shape:
        """The shape of what has an equation of its own."""
        return self.shape(self._body.definitions[tensor])

    def applied(self, tensor: Apply) -> Shape:
        """The shape of what an operator makes."""
        pipeline = self._body.operators[tensor.operator]
        inputs = tuple(map(self.shape, tensor.arguments))
        made = output_of(pipeline, inputs, self._values)
        self._require_one(tensor, inputs)
        return made

    def _require_one(self, call: Apply, inputs: tuple[Shape, ...]) -> None:
        """Looks whether a module would be the same, were it made for another of its calls.

        Raises:
            Misfit: if it would not.
        """
        before = self._first.setdefault((call.operator, call.index), inputs)
        sizes = (x.features for xs in (before, inputs) for x in xs)
        there, here = ([(x.layout, x.features) for x in xs] for xs in (before, inputs))
        if there == here or not known(*sizes):
            return
        name = call.operator
        codes = (self._body.code_of(name, xs, self._values) for xs in (before, inputs))
        if next(codes) != next(codes):
            told = " and on ".join(told_apart(before, inputs))
            misfit = self._misfit(
                "RF406", f"calls its one operator {name} on {told}", call
            )
            misfit.hint = f"give one of the calls an operator of its own, beside {name}"
            raise misfit

    def made(self, tensor: Tensor) -> Shape:
        """The shape of a tensor, for which its learned numbers have to be enough.

        Raises:
            Misfit: if a number for each feature has others elsewhere.
        """
        shape = super().made(tensor)
        for item in learned_within(tensor):
            if self._body.scalars[item.name].per_feature:
                self._require_sizes(item.name, tensor, shape)
        return shape

    def _require_sizes(self, name: str, tensor: Tensor, shape: Shape) -> None:
        here = shape.per_feature
        before = self._sizes.setdefault(name, here)
        open_ = len(before) == len(here) and not known(before[0], here[0])
        if before == here or open_:
            return
        misfit = self._misfit(
            "RF406", f"has a {name} that {on_two(before, here)}", tensor
        )
        misfit.hint = f"give one of them a vector of its own, beside {name}"
        raise misfit

    def met(self, tensor: Tensor) -> Shape:
        """The shape of a sum or product, over which gates spread."""
        parts = self.meeting(tensor)
        shapes = [self.shape(part) for part in parts]
        spreads = partial(Shape.spreads_over, product=isinstance(tensor, Pointwise))
        target = (full(shapes, spreads) or shapes)[0]
        for part, shape in zip(parts, shapes, strict=True):
            if (
                known(*shape.sizes, *target.sizes)
                and shape != target
                and not spreads(shape, target)
            ):
                misfit = self._misfit(
                    "RF401", f"adds or multiplies {target} and {shape}", part
                )
                misfit.hint = (
                    "inside a definition there are no adapters: give both one shape"
                )
                raise misfit
        return target

    def divides(self, tensor: Tensor) -> bool:
        """Whether code has a quotient in the place of one over a tensor."""
        return tensor in self._divisors

    @cached_property
    def _divisors(self) -> dict[Tensor, Tensor]:
        body = self._body
        return divisors(tuple(body.tensors), body.parts, (body.output,))

    def meeting(self, tensor: Tensor) -> list[Tensor]:
        """The terms or factors that say which shape a sum or product has."""
        return self.terms(tensor)

    def refuse(
        self, code: str, message: str, tensor: Tensor, parts: Sequence[Tensor]
    ) -> NoReturn:
        """Reports parts whose shapes do not go together.

        Raises:
            Misfit: always.
        """
        cannot = "" if isinstance(tensor, Part) else "cannot "
        raise self._misfit(code, f"{cannot}{message}", parts[0])

    def failed(self, misfit: Misfit, tensor: Elementwise) -> NoReturn:
        """Says where a function stands that cannot take its argument."""
        misfit.place = self._body.spans.get(tensor, self._body.span)
        raise misfit

    def _misfit(self, code: str, message: str, tensor: Tensor) -> Misfit:
        misfit = Misfit(code, message)
        misfit.operator = self._body.name
        misfit.place = self._body.spans.get(tensor, self._body.span)
        return misfit

    # -- costs, for sizes that are numbers

    def _trace(self, call: Apply) -> Trace:
        """What an operator makes of its arguments."""
        if call not in self._traces:
            inputs = tuple(map(self.shape, call.arguments))
            pipeline = self._body.operators[call.operator]
            self._traces[call] = trace(pipeline, inputs, self._values)
        return self._traces[call]

    def links(self, tensor: Tensor) -> tuple[Link, ...]:
        """What makes a tensor; nothing for what comes in, and for a view."""
        if isinstance(tensor, Apply):
            return self._trace(tensor).links
        view = isinstance(tensor, State | Part) or self.divides(tensor)
        view = view or not self.parts(tensor)
        return () if view else (self.link(tensor),)

    @property
    def works(self) -> tuple[Work, ...]:
        """What is computed, in that order."""
        every = (link for tensor in self._body.tensors for link in self.links(tensor))
        return tuple(work for link in every for work in link.works)

    def cost(
        self, acts: Sequence[Inner], tensors: Iterable[Tensor] | None = None
    ) -> Cost:
        """What a call costs: a module that runs twice has its parameters once.

        Args:
            acts: what makes what comes out, which they call None.
            tensors: what is computed of its equations, if that is not all.
        """
        names: dict[object, str]
        names = {leaf: getattr(leaf, "name", "") for leaf in self._incoming}
        cost = cost_of(acts, names, None)
        every = tuple(self._body.tensors if tensors is None else tensors)
        return cost.changed(
            parameters=cost.parameters + sum(map(self.scalar_size, self._body.scalars)),
            workspace=self._workspace(every),
        )

    def opened(self, tensors: Iterable[Tensor] | None = None) -> Iterator[Inner]:
        """What makes the tensors inside, one after the other.

        Args:
            tensors: what is computed, if that is not all; parts before what uses them.
        """
        known: set[object] = set()
        for tensor in self._body.tensors if tensors is None else tensors:
            if self._is_given(tensor) or self.bare(tensor) != tensor:
                continue
            reads = self.terms(tensor)
            named: tuple[object, ...] = tuple(map(self.bare, reads))
            links = self.links(tensor)
            if links and links[0].meets:
                yield from self._met(tensor, reads, links[0].meets)
                continue
            added = [*reads[:1], *(x for x in reads[1:] if not is_taken_off(x))]
            hands = tuple(self._handed(tensor, added))
            asks = tuple(dict.fromkeys(map(self.bare, self.asks(tensor))))
            factor: object = None
            if links and (number := links[0].number):
                factor = number[-1].tensor
                more = missing(number, known)
                known.update(item.tensor for item in more)
                yield from more
                named = (*named, factor)
            module: object = None
            if isinstance(tensor, Apply):
                module = tensor.operator, tensor.index
            cuts = tuple(self._cut(reads))
            if adds_up(tensor) and not isinstance(tensor, TensorSum):
                # The gradient of a mean is divided once, for all that it is of.
                yield Inner((tensor, "sum"), named, links, (), hands, cuts)
                named, hands, cuts = ((tensor, "sum"),), (), ()
            yield Inner(
                tensor, named, links, asks, hands, cuts, module=module, factor=factor
            )

    def _met(
        self, tensor: Tensor, reads: Sequence[Tensor], meets: Sequence[Link]
    ) -> Iterator[Inner]:
        """Several terms or factors, which meet two by two."""
        before, *others = map(self.bare, reads)
        made: object = before
        adds, first = isinstance(tensor, TensorSum), [*self._handed(tensor, reads[:1])]
        whole: list[object] = [*first]
        for number, (term, link) in enumerate(zip(others, meets, strict=True)):
            part = reads[number + 1]
            flags = asked(tensor, (True, True), over=self.divides(part))
            both, own = (made, term), (link,)
            asks = [x for x, kept in zip(both, flags, strict=True) if kept and not adds]
            added = [] if is_taken_off(part) else [part]
            hands = (*whole, *self._handed(tensor, added))
            name = (tensor, number) if number + 1 < len(meets) else tensor
            cuts = tuple(self._cut(reads[: 2 if not number else 0] or (part,)))
            yield Inner(name, both, own, tuple(asks), hands, cuts, meets=True)
            made, whole = name, [name] * (adds and link.made == self._numbers(tensor))

    def _numbers(self, tensor: Tensor) -> int:
        return self.shape(tensor).elements

    def _handed(self, tensor: Tensor, reads: Iterable[Tensor]) -> Iterator[Tensor]:
        """What a sum, or tensors side by side, give their gradient as it is."""
        if not adds_up(tensor) and not isinstance(tensor, Concat):
            return
        for x in reads:
            root = self._root(x)
            alike = x if isinstance(tensor, Concat) else tensor
            whole = self.shape(x) == self.shape(alike) == self.shape(root)
            if whole and self.bare(x) == root:
                yield root

    def _cut(self, reads: Iterable[Tensor]) -> Iterator[tuple[Tensor, int, Tensor]]:
        """The parts of tensors that are read alone."""
        for x in reads:
            part = x
            while isinstance(part, State) and self._body.parts(part):
                (part,) = self._body.parts(part)
            if isinstance(part, Part):
                yield part, self.shape(x).elements, self.bare(x)

    def _is_given(self, tensor: Tensor) -> bool:
        """Whether a tensor is there before anything is computed."""
        return tensor in self._incoming

    def asks(self, tensor: Tensor) -> Iterator[Tensor]:
        """What autograd keeps for the gradient of a tensor."""
        yield from super().asks(tensor)
        if isinstance(tensor, Apply):
            one = self._trace(tensor)
            for argument, saved in zip(tensor.arguments, one.saves_inputs, strict=True):
                if saved:
                    yield argument
            if one.saves_output:
                yield tensor

    def bare(self, tensor: Tensor) -> Tensor:
        """What holds the numbers of a tensor; a sign stands in the sum that it is in."""
        while True:
            bare = self._root(tensor)
            if isinstance(bare, Scaled) and bare.coefficient in (1, -1):
                bare = bare.tensor
            if bare == tensor:
                return bare
            tensor = bare

    def _workspace(self, tensors: Sequence[Tensor]) -> int:
        """The most numbers that are held at once while these are computed.

        What comes in and what comes out are counted by who calls.
        """
        place = {tensor: number for number, tensor in enumerate(tensors)}
        last: dict[Tensor, int] = {}
        for number, tensor in enumerate(tensors):
            for part in self._body.parts(tensor):
                last[self._root(part)] = number
        held = [0] * (len(tensors) + 1)
        output = self._root(self._body.output)
        for tensor, number in place.items():
            if self._root(tensor) == tensor and tensor not in self._incoming:
                size = self.shape(tensor).elements
                # Code has a variable for what an operator makes.
                named = tensor == output or isinstance(tensor, Apply)
                end = len(tensors) - 1 if named else last.get(tensor, number)
                held[number] += size
                held[end + 1] -= size
        most, now = 0, 0
        for number, tensor in enumerate(tensors):
            now += held[number]
            more = 0
            if isinstance(tensor, Apply):
                more = self._trace(tensor).workspace
            most = max(most, now + more)
        return max(0, most - self.shape(output).elements)

    def scalar_size(self, name: str) -> Size:
        """How many numbers a learned scalar has: one, or one for each feature."""
        scaled = self.scaled_by(name)
        return 1 if scaled is None else scaled.features

    def scaled_by(self, name: str) -> Shape | None:
        """The shape of what a learned scalar scales by features, if it does."""
        found = self._body.scalars[name].per_feature and self._body.learned(name)
        return self.shape(found[0][0]) if found else None

    def _root(self, tensor: Tensor) -> Tensor:
        """What holds the numbers: a name or a part of a tensor is only a view."""
        while isinstance(tensor, State | Part) or self.divides(tensor):
            if not (parts := self._body.parts(tensor)):
                break
            (tensor,) = parts
        return tensor
