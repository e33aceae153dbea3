"""Shapes and costs of what a definition by equations computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from recform.algebra.expr import (
    Apply,
    Elementwise,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.shapes import Shapes, full, is_sized, spreading
from recform.algebra.tracing import Trace, output_of, trace
from recform.blocks import Amount, Arguments, Cost, Misfit, Shape, Work
from recform.blocks.amount import uncounted
from recform.blocks.details import Inner, Link
from recform.blocks.shape import Size

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
        # Who keeps it for a gradient keeps no more than there is.
        self._incoming = tuple(incoming)
        self._keeps: dict[Tensor, int] = {}

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
        return output_of(
            pipeline, tuple(map(self.shape, tensor.arguments)), self._values
        )

    def met(self, tensor: Tensor) -> Shape:
        """The shape of a sum or product, over which gates spread."""
        parts = self.meeting(tensor)
        shapes = [self.shape(part) for part in parts]
        spreads = spreading(product=isinstance(tensor, Pointwise))
        target = (full(shapes, spreads) or shapes)[0]
        for part, shape in zip(parts, shapes, strict=True):
            if (
                is_sized(shape, target)
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
        view = not self.parts(tensor) or isinstance(tensor, State | Part)
        return () if view else (self.link(tensor),)

    @cached_property
    def _every(self) -> tuple[Link, ...]:
        return tuple(x for tensor in self._body.tensors for x in self.links(tensor))

    @property
    def works(self) -> tuple[Work, ...]:
        """What is computed, in that order."""
        return tuple(work for link in self._every for work in link.works)

    def cost(
        self, tensors: Iterable[Tensor] | None = None, kept: Iterable[Tensor] = ()
    ) -> Cost:
        """What a call costs: a module that runs twice has its parameters once.

        Args:
            tensors: what is computed, if that is not all.
            kept: those that are kept, whatever is made of them.
        """
        self._keeps = {}
        for tensor in kept:
            self._keep(tensor)
        parameters = multiply_adds = 0
        inside = Amount()
        owned: set[tuple[str, object]] = set()
        tensors = tuple(self._body.tensors if tensors is None else tensors)
        for tensor in tensors:
            inside += Amount(self._noted(tensor))
            if not isinstance(tensor, Apply):
                continue
            one = self._trace(tensor)
            if (tensor.operator, tensor.index) not in owned:
                owned.add((tensor.operator, tensor.index))
                parameters += one.parameters
            multiply_adds += one.multiply_adds
            inside += one.kept
        parameters += self._scalars()
        output = self._root(self._body.output)
        inner = sum(
            size
            for part, size in self._keeps.items()
            if part != output and part not in self._incoming
        )
        return Cost(
            parameters=parameters,
            multiply_adds=multiply_adds,
            saves_input=self._kept_inputs(),
            saves_output=output in self._keeps and output not in self._incoming,
            saves_more=inside.numbers + inner,
            saves_bytes=inside.bytes,
            saves_once=inside.once,
            workspace=self._workspace(tensors),
            uncounted=uncounted(link.cost for link in self._every),
        )

    def opened(self, tensors: Iterable[Tensor] | None = None) -> Iterator[Inner]:
        """What makes the tensors inside, one after the other.

        Args:
            tensors: what is computed, if that is not all; parts before what uses them.
        """
        self._asked()
        for tensor in self._body.tensors if tensors is None else tensors:
            if self._is_given(tensor) or self.bare(tensor) != tensor:
                continue
            reads = self.terms(tensor)
            self._noted(tensor)
            hands: tuple[Tensor, ...] = ()
            if isinstance(tensor, TensorSum):
                same = (x for x in reads if self.shape(x) == self.shape(tensor))
                hands = tuple(self._root(x) for x in same if not isinstance(x, Scaled))
            asks, named = tuple(self._asked()), tuple(map(self.bare, reads))
            module: object = None
            if isinstance(tensor, Apply):
                module = tensor.operator, tensor.index
            yield Inner(tensor, named, self.links(tensor), asks, hands, module=module)

    def _is_given(self, tensor: Tensor) -> bool:
        """Whether a tensor is there before anything is computed."""
        return tensor in self._incoming

    def _asked(self) -> list[Tensor]:
        """What was noted as kept since this was asked last."""
        found = list(map(self.bare, self._keeps))
        self._keeps = {}
        return found

    def _noted(self, tensor: Tensor) -> int:
        """Notes what is kept for a tensor; the numbers that are between its factors."""
        if not isinstance(tensor, Apply):
            for part in self.asks(tensor):
                self._keep(part)
            return self.between(tensor)
        one = self._trace(tensor)
        for argument, saved in zip(tensor.arguments, one.saves_inputs, strict=True):
            if saved:
                self._keep(argument)
        if one.saves_output:
            self._keep(tensor)
        return 0

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

    def _kept_inputs(self) -> bool | tuple[str, ...]:
        """Which inputs are kept: by their names, where there are several."""
        kept = [leaf for leaf in self._incoming if leaf in self._keeps]
        if len(self._body.inputs) == 1:
            return bool(kept)
        return tuple(leaf.name for leaf in kept if isinstance(leaf, State))

    def _scalars(self) -> int:
        total = 0
        for name, scalar in self._body.scalars.items():
            total += self.scalar_size(name) if scalar.per_feature else 1
        return total

    def scalar_size(self, name: str) -> Size:
        """How many numbers a scalar has that is one for each feature."""
        for tensor in self._body.tensors:
            if isinstance(tensor, Scaled) and any(
                item.name == name for item in tensor.coefficient.atoms(Learned)
            ):
                return self.shape(tensor).features
        return 1

    def _keep(self, tensor: Tensor) -> None:
        root = self._root(tensor)
        self._keeps.setdefault(root, self.shape(root).elements)

    def _root(self, tensor: Tensor) -> Tensor:
        """What holds the numbers: a name or a part of a tensor is only a view."""
        while isinstance(tensor, State | Part) and (parts := self._body.parts(tensor)):
            (tensor,) = parts
        return tensor
