"""What torch holds while a network runs: what autograd keeps, and the most at once.

Storages are watched from the outside: each counts from the operation that makes it until
nobody has it any more.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from recform.blocks import Layout, Shape
from tests.faked import backward, gpu, moved


@dataclass(frozen=True)
class Measured:
    """Bytes: what autograd keeps beside parameters, and peaks with parameters and input."""

    kept: int
    training: int
    inference: int


class Storages(TorchDispatchMode):
    """Watches the storages that there are."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self.now = 0
        self.most = 0

    def note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        self.now -= self._sizes.pop(key)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten.add.Tensor and is_alone(args[0]):
            # A bias, too, is added in place, but for the eyes of a mode: Python has what
            # it is added to here, in the arguments, and to ask.
            bias = isinstance(args[1], nn.Parameter) and sys.getrefcount(args[0]) == 3
            if bias or is_engine():
                return args[0].add_(args[1])
        made = func(*args, **(kwargs or {}))
        for item in tree_leaves(made):
            if isinstance(item, Tensor):
                self.note(item)
        return made


def is_engine() -> bool:
    """Whether autograd goes backward just now."""
    return not torch.is_grad_enabled() and bool(torch._C._current_autograd_node())


def is_alone(gradient: Tensor) -> bool:
    """Whether nobody but autograd's engine has a gradient, to which another one comes.

    It adds the other one in place then, but for the eyes of a mode. That one, and what
    Python needs to call it, have four references, and two of where the numbers lie.
    """
    lies = torch._C._storage_Use_Count(gradient.untyped_storage()._cdata)
    return (gradient._use_count(), lies) == (4, 2)


def examples(shape: Shape, batch: int, dtype: torch.dtype) -> Tensor:
    """A batch that goes into a network."""
    sizes = (batch, *map(int, shape.sizes))
    if shape.layout is Layout.IDS:
        return torch.zeros(sizes, dtype=torch.long)
    return torch.randn(sizes).to(dtype)


class Loss(torch.autograd.Function):
    """A loss: it asks for nothing, and its gradient is there when it is needed."""

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        ctx.like = y.shape, y.dtype, y.device
        return y.new_zeros(())

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> Tensor:
        shape, dtype, device = ctx.like
        return torch.ones(shape, dtype=dtype, device=device)


def learned(made: list[Tensor]) -> None:
    """A backward pass by torch's engine."""
    Loss.apply(*made).backward()


def kept(net: nn.Module, given: list[Tensor]) -> int:
    """What autograd keeps of a forward pass, without parameters, in whatever form.

    It is what is there when nobody has what came in and what came out: hooks from outside
    see nothing of lean passes, whose own ones are the innermost.

    Args:
        net: the network.
        given: what comes in; nobody else may have it, and it is gone then.
    """
    storages = Storages()
    for tensor in (*net.parameters(), *net.buffers()):
        storages.note(tensor)
    own = storages.now
    with storages:
        for tensor in given:
            storages.note(tensor)
        graph = net(*given).grad_fn
        del tensor
        given.clear()
    assert graph is not None
    return storages.now - own


def measure(
    net: nn.Module,
    shapes: Sequence[Shape],
    batch: int,
    device: str = "cpu",
    back: Callable[[list[Tensor]], None] = learned,
) -> Measured:
    """A network that is trained a step, and then used."""
    dtype = next(net.parameters()).dtype

    def incoming() -> list[Tensor]:
        return [examples(shape, batch, dtype).to(device) for shape in shapes]

    saved = kept(net.train(), incoming())
    given = incoming()

    def most(train: bool) -> int:
        storages = Storages()
        for tensor in (*net.parameters(), *given):
            storages.note(tensor)
        with storages, torch.set_grad_enabled(train):
            made = [net.train(train)(*given)]
            if train:
                back(made)
        net.zero_grad()
        return storages.most

    return Measured(saved, most(True), most(False))


def on_faked_gpu(
    net: nn.Module, shapes: Sequence[Shape], batch: int, dtype: torch.dtype
) -> Measured:
    """The same on a GPU that is not there, of code `without_numbers`."""
    with gpu():
        net = moved(net, "cuda", dtype)
        return measure(net, shapes, batch, "cuda", backward)


def on_gpu(net: nn.Module, shapes: Sequence[Shape], batch: int) -> Measured:
    """The same by the allocator of a GPU, behind a step that makes what torch keeps there.

    Scratch memory of kernels is in it, but for that which torch never gives back.
    """
    dtype = next(net.parameters()).dtype
    net = net.to("cuda", memory_format=torch.channels_last)
    given = [laid_out(examples(shape, batch, dtype).to("cuda")) for shape in shapes]
    there = sum(t.nbytes for t in (*net.parameters(), *given))

    def step(train: bool) -> None:
        with torch.set_grad_enabled(train):
            y = net.train(train)(*given)
            if train:
                Loss.apply(y).backward()
        net.zero_grad()

    def most(train: bool) -> int:
        step(train)
        before = torch.cuda.memory_allocated() - there
        torch.cuda.reset_peak_memory_stats()
        step(train)
        return torch.cuda.max_memory_allocated() - before

    peaks = most(True), most(False)
    before = torch.cuda.memory_allocated() - sum(t.nbytes for t in given)
    made = net.train()(*given)
    given.clear()
    saved = torch.cuda.memory_allocated() - before - made.untyped_storage().nbytes()
    return Measured(saved, *peaks)


def laid_out(tensor: Tensor) -> Tensor:
    """The same, as convolutions on a GPU are fast."""
    last = tensor.dim() == 4
    return tensor.contiguous(memory_format=torch.channels_last) if last else tensor
