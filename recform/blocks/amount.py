"""How much is kept and computed, whatever the batch and the type of its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple


class Dtype(StrEnum):
    """The type of all numbers of a network, as ``module.to(dtype)`` makes it."""

    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"

    @property
    def size(self) -> int:
        """The bytes of a number."""
        return 4 if self is Dtype.fp32 else 2

    @property
    def error(self) -> float:
        """By what share a number is off that was rounded."""
        return float(2.0 ** -{Dtype.fp32: 23, Dtype.bf16: 7, Dtype.fp16: 10}[self])


class Amount(NamedTuple):
    """Memory that is held.

    Attributes:
        numbers: of the network's own type, for each example.
        bytes: what has another type (ids, places of maxima), for each example.
        once: numbers of the network's own type, for all examples together.
        once_bytes: bytes of other types, for all examples together.
    """

    numbers: int = 0
    bytes: int = 0
    once: int = 0
    once_bytes: int = 0

    def __add__(self, other: Amount) -> Amount:  # type: ignore[override]
        return Amount(
            self.numbers + other.numbers,
            self.bytes + other.bytes,
            self.once + other.once,
            self.once_bytes + other.once_bytes,
        )

    def times(self, count: int) -> Amount:
        """That of ``count`` such things."""
        return Amount(*(part * count for part in self))

    def held(self, batch: int, size: int) -> int:
        """The bytes.

        Args:
            batch: how many examples.
            size: bytes of a number.
        """
        once = size * self.once + self.once_bytes
        return batch * (size * self.numbers + self.bytes) + once

    @property
    def single(self) -> int:
        """Numbers for one example, as if all had four bytes."""
        return self.numbers + self.bytes // 4


@dataclass(frozen=True)
class Work:
    """Something that is computed at once, for one example.

    Attributes:
        reads, makes: how many numbers come in, and how many come out.
        parameters: how many of them it reads.
        multiply_adds: of convolutions and products of matrices.
        from_wide, wide: whether what comes in, and what comes out, has four bytes a number
            where those of the network have two.
    """

    reads: int
    makes: int
    parameters: int = 0
    multiply_adds: int = 0
    from_wide: bool = False
    wide: bool = False

    def times(self, count: int) -> Work:
        """As much of it as ``count`` examples have; the parameters are the same."""
        sizes = self.reads * count, self.makes * count
        work = Work(*sizes, self.parameters, self.multiply_adds * count)
        return replace(work, from_wide=self.from_wide, wide=self.wide)

    @property
    def read(self) -> int:
        """How much it reads: numbers of the network's own type."""
        return self.reads * (1 + self.from_wide)

    @property
    def made(self) -> int:
        """How much it makes, likewise."""
        return self.makes * (1 + self.wide)

    @property
    def elementwise(self) -> int:
        """How many numbers it makes otherwise than by products of matrices."""
        return 0 if self.multiply_adds else self.makes


@dataclass(frozen=True)
class Cost:
    """What a call costs for one example.

    Attributes:
        parameters: learned numbers.
        multiply_adds: multiply-accumulate operations (of convolutions and products of
            matrices; element by element work is not counted, as in the paper's table).
        saves_input: whether autograd keeps the input for the backward pass; of several
            inputs, all of them, or the names of those that it keeps.
        saves_output: whether it keeps the output.
        saves_more: further numbers that it keeps.
        saves_bytes: bytes of other types that it keeps: an id or the place of a maximum
            has eight.
        saves_once: numbers that it keeps for all examples together, as the statistics of
            a batch.
        saves_once_bytes: bytes of other types that it keeps for all examples together, as
            a mask of which keys are seen.
        workspace, workspace_back: numbers that are held while it computes, and while its
            gradient is computed, beside what comes in and out.
        workspace_once: numbers that are held while it computes, for all examples together.
        workspace_bytes: bytes of other types that are held while it computes.
        seen: whether the gradient of what comes in is a view of what is made, as a product
            of matrices has it of several positions.
        hands: whether the gradient of what comes in is a view of that of what is made, as a
            sum has it.
        turned: whether the gradient of its weight is a view of what is made, as a product
            of matrices has it: another call's is not added up in its place.
        passes: whether the output is a view of the input, and so no memory of its own:
            who keeps it keeps the input.
        given: whether the output is its parameter, seen by each example: no memory of its
            own, and made of nothing that comes in.
        cheap: whether the output is cheap to make again: neither a convolution nor a
            product of matrices, nor anything else of which a lean pass keeps the result.
        exact: whether its gradient looks for where its input equals its output, so that a
            lean pass keeps the input itself: what is made again may be off by a rounding.
        changed_in_place: whether torch writes over something that it is made of, so that no
            pass makes it again.
        unheld: whether torch hands on a view of its result, which nobody holds then: a
            lean pass cannot keep the result to make others of it.
        lean: what a lean pass keeps of :attr:`inside`; None for all of it.
        stays: what is kept of it even where the output is made again: statistics, and what
            was drawn.
        aided: whether the output is made again of that as well as of what comes in.
        fixed: what of that is made of nothing that comes in, so that a checkpoint makes it
            again: the angles of positions.
        folds: whether it is a copy in which examples and what is in front of rows fold into
            one axis: of one example there is none.
        uncounted: the names of operators in it of which nobody says what they cost.
        gpu: the same where torch has another kernel on a GPU.
        half: the same for numbers of two bytes, where torch does something else.
        wide: whether it makes numbers of four bytes even so, of which each is two.
        converts: whether it only changes the type, or copies: its gradient asks for nothing.
        absent: whether torch does not do it in evaluation.
        fused: whether it is one kernel, though it may be told as several operations.
    """

    parameters: int = 0
    multiply_adds: int = 0
    saves_input: bool | tuple[str, ...] = False
    saves_output: bool = False
    saves_more: int = 0
    saves_bytes: int = 0
    saves_once: int = 0
    saves_once_bytes: int = 0
    workspace: int = 0
    workspace_back: int = 0
    workspace_once: int = 0
    workspace_bytes: int = 0
    seen: bool = False
    hands: bool = False
    turned: bool = False
    passes: bool = False
    given: bool = False
    cheap: bool = False
    exact: bool = False
    changed_in_place: bool = False
    unheld: bool = False
    lean: Amount | None = None
    stays: Amount = field(default_factory=Amount)
    aided: bool = False
    fixed: Amount = field(default_factory=Amount)
    folds: bool = False
    uncounted: tuple[str, ...] = ()
    gpu: Cost | None = None
    half: Cost | None = None
    wide: bool = False
    converts: bool = False
    absent: bool = False
    fused: bool = False

    @property
    def inside(self) -> Amount:
        """What it keeps besides its input and its output."""
        once = self.saves_once, self.saves_once_bytes
        return Amount(self.saves_more, self.saves_bytes, *once)

    @property
    def inside_lean(self) -> Amount:
        """The same in a lean pass."""
        if self.cheap:
            return self.stays
        return self.inside if self.lean is None else self.lean

    @property
    def on_gpu(self) -> Cost:
        """What it costs on a GPU."""
        return self if self.gpu is None else self.gpu

    @property
    def held(self) -> Amount:
        """What is held while it computes."""
        return Amount(self.workspace, self.workspace_bytes, self.workspace_once)

    @property
    def in_half(self) -> Cost:
        """What it costs where numbers have two bytes."""
        return self if self.half is None else self.half

    @property
    def widened(self) -> Cost:
        """One whose numbers have four bytes where those of the network have two."""
        half = replace(
            self,
            wide=True,
            saves_more=2 * self.saves_more,
            workspace=2 * self.workspace,
            workspace_back=2 * self.workspace_back,
        )
        return replace(self, half=half)

    def changed(self, **changes: Any) -> Cost:
        """One that differs, on a GPU and in half precision likewise."""
        return self._everywhere(lambda cost: replace(cost, **changes))

    def times(self, count: int) -> Cost:
        """That of one call for each of ``count`` tensors; its module is one."""
        return self._everywhere(
            lambda cost: replace(
                cost,
                multiply_adds=cost.multiply_adds * count,
                saves_more=cost.saves_more * count,
                saves_bytes=cost.saves_bytes * count,
                saves_once=cost.saves_once * count,
                saves_once_bytes=cost.saves_once_bytes * count,
                workspace=cost.workspace * count,
                workspace_back=cost.workspace_back * count,
                workspace_once=cost.workspace_once * count,
                workspace_bytes=cost.workspace_bytes * count,
                lean=None if cost.lean is None else cost.lean.times(count),
                stays=cost.stays.times(count),
                fixed=cost.fixed.times(count),
            )
        )

    def _everywhere(self, change: Callable[[Cost], Cost]) -> Cost:
        gpu, half = (x and x._everywhere(change) for x in (self.gpu, self.half))
        return replace(change(self), gpu=gpu, half=half)


def uncounted(costs: Iterable[Cost]) -> tuple[str, ...]:
    """The operators of which nobody says what they cost, each once."""
    return tuple(dict.fromkeys(name for cost in costs for name in cost.uncounted))
