"""A GPU that is not there: networks on torch's fake tensors of `cuda`.

Such tensors have a shape, a type and a device, and no numbers. Torch takes the way through
its operators that it takes on a GPU, and raises where one of them gets tensors of several
devices or of types that do not meet. It does not see what asks for the GPU itself: which
kernel of attention it would take (`attention` says that here), and the streams that the
engine of autograd wants (`backward` calls the same nodes in the same order).
"""

from __future__ import annotations

import heapq
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

#: What classes in the code look at in tensors, and what they see of such as have no numbers:
#: they are of a class of their own, lie nowhere, and nothing is drawn.
NUMBERS = {
    "Lean": {
        "if types or lies:": "if lies:",
        "if not types and name in": "if name in",
        "type(t) is Tensor": "isinstance(t, Tensor)",
    },
    "Reversible": {
        "return tensor.data_ptr() - int(tensor.storage_offset()) * tensor.element_size()": (
            "return tensor.untyped_storage()._cdata"
        ),
        "if not all(map(torch.equal, before, self.random())):": "if False:",
        "before, start = self.random(), self.count": "before, start = [], self.count",
        'self.began = [t.tolist() if t.device.type == "cpu" else t for t in few]': (
            "self.began = []"
        ),
    },
    "Batches": {"known: bool | None = None": "known: bool | None = True"},
}


def without_numbers(source: str) -> str:
    """Code that takes tensors without numbers.

    Raises:
        ValueError: if a class does not look at tensors as it is said to.
    """
    for name, seen in NUMBERS.items():
        if re.search(rf"^class {name}\b", source, re.MULTILINE):
            for text, instead in seen.items():
                if text not in source:
                    raise ValueError(f"class {name} has no {text!r} any more")
                source = source.replace(text, instead)
    return source


@contextmanager
def gpu(*, host: bool = False) -> Iterator[None]:
    """Within it tensors of `cuda` may be made, none of which has numbers.

    Args:
        host: whether tensors with numbers may come in, as those of a CPU.
    """
    there = {
        "torch.cuda.amp.common.amp_definitely_not_available": lambda: False,
        "torch.cuda.is_bf16_supported": lambda *_, **__: True,
        "torch.nn.functional.scaled_dot_product_attention": attention,
    }
    with ExitStack() as stack:
        for name, instead in there.items():
            stack.enter_context(patch(name, instead))
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=host))
        yield


_ATTENTION = F.scaled_dot_product_attention


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Attention by the kernel that torch takes on a GPU since Ampere.

    Flash attention for numbers of two bytes without a mask; else the one that is told to
    save memory, where the features of a head are aligned; else what a CPU does as well.
    """
    if torch.is_autocast_enabled("cuda"):
        q, k, v = (t.to(torch.get_autocast_dtype("cuda")) for t in (q, k, v))
    width, half = q.shape[3], q.element_size() == 2
    scale = width**-0.5 if scale is None else scale
    rest = dropout_p, is_causal
    if half and attn_mask is None and v.shape[3] == width <= 256:
        q, k, v = (F.pad(t, (0, -width % 8)) if width % 8 else t for t in (q, k, v))
        flash = torch.ops.aten._scaled_dot_product_flash_attention
        return flash(q, k, v, *rest, scale=scale)[0][..., :width]
    if any(x.shape[3] % (8 if half else 4) for x in (q, v)):
        return _ATTENTION(q, k, v, attn_mask, *rest, scale=scale)
    if attn_mask is not None:
        # As numbers that are added, in rows that are aligned.
        keys = k.shape[2]
        attn_mask = torch.where(attn_mask, 0.0, -torch.inf).to(q.dtype)
        attn_mask = F.pad(attn_mask, (0, -keys % 16))[:, :keys]
        attn_mask = attn_mask.expand(*q.shape[:3], keys)
    saving = torch.ops.aten._scaled_dot_product_efficient_attention
    keeps = torch.is_grad_enabled()
    return saving(q, k, v, attn_mask, keeps, *rest, scale=scale)[0]


def moved(
    net: nn.Module,
    device: str = "cuda",
    dtype: torch.dtype | None = None,
    channels_last: bool = False,
) -> nn.Module:
    """A network as `Module.to` moves it: its parameters and buffers, and nothing else."""
    made: dict[int, Tensor] = {}

    def other(tensor: Tensor) -> Tensor:
        if id(tensor) not in made:
            kind = dtype if dtype and tensor.is_floating_point() else tensor.dtype
            there = torch.empty(tensor.shape, dtype=kind, device=device)
            if channels_last and tensor.dim() == 4:
                there = there.contiguous(memory_format=torch.channels_last)
            learned = isinstance(tensor, nn.Parameter)
            made[id(tensor)] = nn.Parameter(there) if learned else there
        return made[id(tensor)]

    for module in net.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is not None:
                    held[name] = other(tensor)
    return net


def backward(made: list[Tensor]) -> None:
    """The backward pass of a tensor, as torch's engine makes it.

    Args:
        made: the tensor; nobody else may have it where memory is watched, and it is gone.

    Raises:
        RuntimeError: if a gradient lies elsewhere than what it is the gradient of.
    """
    y = made.pop()
    node, value = y.grad_fn, y.detach()
    del y
    waits: dict[Any, int] = {}
    stack = [node]
    while stack:
        for after, _ in stack.pop().next_functions:
            if after is not None:
                if after not in waits:
                    stack.append(after)
                waits[after] = waits.get(after, 0) + 1
    found: dict[Any, dict[int, Tensor]] = {node: {0: torch.ones_like(value)}}
    turn = itertools.count()
    ready: list[tuple[float, int, Any]] = [(0, next(turn), node)]
    after = None
    with torch.no_grad():
        while ready:
            node = heapq.heappop(ready)[2]
            got, edges = found.pop(node, {}), node.next_functions
            if hasattr(node, "variable"):
                _accumulate(node.variable, got)
                continue
            results = _called(node, got)
            # The engine has a node forget what it kept, and we forget the node.
            node = None
            for (after, place), result in zip(edges, results, strict=True):
                if after is None:
                    continue
                if result is not None:
                    result = _fitting(result, after._input_metadata[place])
                    there = found.setdefault(after, {})
                    before = there.pop(place, None)
                    there[place] = result if before is None else _both(before, result)
                    before = None
                waits[after] -= 1
                if not waits[after]:
                    last = hasattr(after, "variable")
                    rank = -torch.inf if last else -after._sequence_nr()
                    heapq.heappush(ready, (rank, next(turn), after))
                    del waits[after]
            results = result = there = after = edges = None
    del value


def _both(before: Tensor, more: Tensor) -> Tensor:
    """Two gradients added up: in place, as the engine does it, where nobody has the first.

    We and who calls us have it, and what we ask Python with.
    """
    lies = torch._C._storage_Use_Count(before.untyped_storage()._cdata)
    alone = sys.getrefcount(before) == 3 and lies == 2
    return before.add_(more) if alone else before + more


def _called(node: Any, got: dict[int, Tensor]) -> Sequence[Tensor | None]:
    """The gradients that a node makes of those that have come to it."""
    if not got:
        return [None] * len(node.next_functions)
    given = [got.pop(n, None) for n in range(len(node._input_metadata))]
    made = getattr(node, "apply", node)(*given)  # which those of Python have
    return made if isinstance(made, tuple | list) else (made,)


def _fitting(gradient: Tensor, like: Any) -> Tensor:
    """A gradient in the shape and of the type of what it is the gradient of."""
    if gradient.device != like.device:
        raise RuntimeError(f"a gradient on {gradient.device} for {like.device}")
    if gradient.shape != torch.Size(like.shape):
        gradient = gradient.sum_to_size(like.shape)
    return gradient if gradient.dtype == like.dtype else gradient.to(like.dtype)


def _accumulate(parameter: Tensor, got: dict[int, Tensor]) -> None:
    """Adds to the gradient of a parameter, which lies as the parameter does."""
    for gradient in got.values():
        if parameter.grad is not None:
            parameter.grad = parameter.grad + gradient
        elif gradient.stride() != parameter.stride():
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        else:
            parameter.grad = gradient.detach()
