"""A tensor that a backward pass has again, as it stands in generated files."""

import math
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import torch
from torch import Tensor


class Again:
    """A tensor of a forward pass, which the backward pass keeps or makes again.

    Nothing here keeps it alive before `want` says so.

    Args:
        tensor: what it is.
        make: makes it of the values of `inputs`, and is told which of these nobody else
            has; None if only keeping it has it again.
        inputs: others like it, each with the place of a view in it, or None for all.
        small: what is kept in place of it, and how that becomes the tensor again.
    """

    #: The part of the network that noted it; none makes a tensor of another one again.
    part = 0
    #: Whether somebody else had it before the pass, or has it while it is made again.
    outside = lent = False
    #: What is kept of it, or was made again for those who will ask for it.
    kept: Tensor | None = None
    made: Tensor | None = None
    #: What was made last, while somebody works with it, and its version.
    late: tuple[ref[Tensor], int] | None = None
    asked = given = stands = users = 0

    def __init__(
        self,
        tensor: Tensor,
        make: Callable[[list[Tensor], list[bool]], Tensor] | None = None,
        inputs: Sequence[tuple["Again", Any]] = (),
        small: Sequence[Callable[[Tensor], Tensor]] = (),
    ) -> None:
        self.tensor = ref(tensor)
        self.version = tensor._version
        self.shape, self.device = tensor.shape, tensor.device.type
        self.stride = tensor.stride() if make else ()
        self.make, self.inputs, self.small = make, inputs, small
        for item, _ in inputs:
            item.users += 1
        self.deep: int = 1 + max((item.deep for item, _ in inputs), default=-1)

    @property
    def turn(self) -> float:
        """When it is had, of all that something is made of: the least comes first."""
        return self.deep if self.users > 1 else math.inf

    def want(self, deepest: int) -> None:
        """Says that the backward pass asks for it, once for each call.

        It is kept if what it is made of would be kept for it alone, and is no smaller, or
        if more than so many steps lead to it.
        """
        if not self.asked and self.kept is None:
            tensor = self.tensor()
            missing = [item.tensor() for item in self.missing()]
            least = sum(math.inf if t is None else t.nbytes for t in missing)
            if self.deep > deepest or tensor is None or least >= tensor.nbytes:
                self.keep()
            for item in self.missing():
                item.keep()
        self.asked += 1

    def missing(self) -> list["Again"]:
        """What it is made of in the end, as far as that is not kept yet."""
        found: dict[Again, None] = {}
        stack = [self]
        while stack:
            item = stack.pop()
            if item.kept is None and item.make is None:
                found[item] = None
            elif item.kept is None and not item.asked:
                stack += [part for part, _ in item.inputs]
        return list(found)

    def keep(self) -> None:
        """Keeps the tensor, or what is small and becomes it."""
        tensor = self.tensor()
        if tensor is None:
            raise RuntimeError("a tensor is gone that the backward pass needs")
        if self.small:
            with torch.no_grad():
                self.kept = self.small[0](tensor)
        else:  # A parameter, and what asks for no gradient, hangs on nothing.
            self.kept = tensor if tensor.is_leaf else tensor.detach()
        self.stands = self.kept._version
        self.make, self.inputs, self.deep = None, (), 0

    def take(self) -> Tensor:
        """The tensor, for one of those that ask for it; the last one lets it go."""
        self.given %= self.asked
        value, _ = self.value()
        self.given += 1
        if self.given == self.asked:
            self.made = None
        return value

    def value(self) -> tuple[Tensor, bool]:
        """The tensor, and whether nobody else has it.

        Raises:
            RuntimeError: if what it is made of was changed since.
        """
        if self.made is not None:
            return self.made, False
        if self.kept is None:
            late, version = self.late or (None, 0)
            made = late() if late else None
            if made is not None and made._version == version:
                self.lent = True
                return made, False
            made = self.again()
            self.lent = False
            self.late = ref(made), made._version
        elif self.small:
            made = self.small[1](self.kept)
        elif self.is_changed():
            raise self.changed(self.kept)
        else:
            return self.kept, False
        if self.given == self.asked:
            return made, made._base is None
        self.made = made
        return made, False

    @staticmethod
    def changed(tensor: Tensor) -> RuntimeError:
        """The error that a tensor is not what it was."""
        return RuntimeError(
            "a tensor that the backward pass needs was changed in place after the "
            f"forward pass; it has the shape {[*tensor.shape]}"
        )

    def is_changed(self) -> bool:
        """Whether what is kept was changed in place."""
        tensor = self.tensor()
        if tensor is not None and tensor._version != self.version:
            return True
        return self.kept is not None and self.kept._version != self.stands

    def again(self) -> Tensor:
        """The tensor, made of others."""
        had: dict[int, tuple[Tensor, bool]] = {}
        # What more is made of than this comes first: the others may be made of it, too.
        order = sorted(range(len(self.inputs)), key=lambda n: self.inputs[n][0].turn)
        for number in order:
            item, place = self.inputs[number]
            value, alone = item.value()
            alone = alone and place is None
            had[number] = value if place is None else value.as_strided(*place), alone
        values, own = [], []
        for number, (item, _) in enumerate(self.inputs):
            value, alone = had[number]
            values.append(value)
            own.append(alone and not item.lent)
        assert self.make is not None
        made = self.make(values, own)
        if made.stride() == self.stride:
            return made
        return made.new_empty_strided(self.shape, self.stride).copy_(made)
