"""What torch holds while a network runs: what autograd keeps, and the most at once.

Storages are watched from the outside: each counts from the operation that makes it until
nobody has it any more.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from recform.blocks import Layout, Shape


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
        made = func(*args, **(kwargs or {}))
        for item in tree_leaves(made):
            if isinstance(item, Tensor):
                self.note(item)
        return made


def examples(shape: Shape, batch: int, dtype: torch.dtype) -> Tensor:
    """A batch that goes into a network."""
    sizes = (batch, *map(int, shape.sizes))
    if shape.layout is Layout.IDS:
        return torch.zeros(sizes, dtype=torch.long)
    return torch.randn(sizes).to(dtype)


def kept(net: nn.Module, *given: Tensor) -> int:
    """What autograd keeps of a forward pass, without parameters."""
    own = {p.untyped_storage()._cdata for p in (*net.parameters(), *net.buffers())}
    held: dict[int, Any] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            held[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        net(*given)
    return sum(storage.nbytes() for storage in held.values())


def measure(net: nn.Module, shapes: Sequence[Shape], batch: int) -> Measured:
    """A network that is trained a step, and then used."""
    dtype = next(net.parameters()).dtype
    given = [examples(shape, batch, dtype) for shape in shapes]
    saved = kept(net.train(), *given)

    def most(train: bool) -> int:
        storages = Storages()
        for tensor in (*net.parameters(), *given):
            storages.note(tensor)
        with storages, torch.set_grad_enabled(train):
            y = net.train(train)(*given)
            if train:
                y.backward(torch.ones_like(y))
        net.zero_grad()
        return storages.most

    return Measured(saved, most(True), most(False))
