"""The functions of torch that are no methods of tensors, on sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recform.meta.counts import bincount
from recform.meta.functional import SHARED, channel_shuffle
from recform.meta.namespaces import Mode, Namespace
from recform.meta.sizes import Misshapen, axes, reduced, shown, spread
from recform.meta.tensor import Tensor, Unread, cat, stack


def _new(
    *sizes: Any,
    dtype: Any = None,
    device: Any = None,
    generator: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Of the sizes that are given, alone or in one row."""
    return Tensor().expand(*sizes) if sizes else Tensor()


def _full(size: Sequence[int], *_: Any, **__: Any) -> Tensor:
    return _new(*size)


def arange(*bounds: Any, **_: Any) -> Tensor:
    """Numbers in a row."""
    if not all(isinstance(bound, int) for bound in bounds):
        raise Unread("a range of other numbers than whole ones")
    row = range(*bounds)
    if row.step > 0 and row.start > row.stop:
        raise Misshapen(f"no numbers go from {row.start} to {row.stop}")
    return Tensor(len(row))


def tensor(value: Any, **_: Any) -> Tensor:
    """Numbers, or lists of them."""
    sizes: list[int] = []
    while isinstance(value, list | tuple):
        sizes.append(len(value))
        value = value[0] if value else 0
    if not isinstance(value, int | float):
        raise Unread("a tensor of what are no numbers")
    return Tensor(*sizes)


def as_tensor(value: Any, **_: Any) -> Tensor:
    """A tensor, or what is made one."""
    return value if isinstance(value, Tensor) else tensor(value)


def eye(n: int, m: int | None = None, **_: Any) -> Tensor:
    """A unit matrix."""
    return Tensor(n, n if m is None else m)


def outer(one: Tensor, other: Tensor) -> Tensor:
    """All products of two rows."""
    return Tensor(one.numel(), other.numel())


def einsum(equation: str, *tensors: Any) -> Tensor:
    """A sum of products, axis by axis.

    Raises:
        Misshapen: if a letter stands for two sizes.
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    came, arrow, goes = equation.replace(" ", "").partition("->")
    terms = came.split(",")
    if not arrow or len(terms) != len(tensors):
        raise Unread(f"einsum {equation}")
    sizes: dict[str, int] = {}
    fronts: list[tuple[int, ...]] = []
    for term, given in zip(terms, tensors, strict=True):
        letters, own = term.replace("...", ""), tuple(given.shape)
        more = len(own) - len(letters)
        if more < 0 or (more and "..." not in term):
            raise Misshapen(f"{term} is none of {given}")
        at = term.find("...") if "..." in term else 0
        fronts.append(own[at : at + more])
        for letter, size in zip(letters, own[:at] + own[at + more :], strict=True):
            (known,) = spread((sizes.get(letter, 1),), (size,))
            sizes[letter] = known
    made = [sizes[letter] for letter in goes.replace("...", "")]
    if "..." in goes:
        at = goes.find("...")
        made[at:at] = spread(*fronts)
    return Tensor(*made)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Products of numbers along some axes, added up."""
    if isinstance(dims, int):
        dims = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    left, right = axes(a.ndim, dims[0]), axes(b.ndim, dims[1])
    if len(left) != len(right):
        raise Misshapen(f"{shown(left)} and {shown(right)} are no pairs of axes")
    spread(tuple(a.shape[k] for k in left), tuple(b.shape[k] for k in right))
    return Tensor(*reduced(a.shape, left), *reduced(b.shape, right))


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False
) -> Tensor:
    """The norms along some axes."""
    return Tensor(*reduced(x.shape, dim, keepdim))


#: The functions of torch itself that are no methods of tensors, or others.
TORCH: dict[str, Any] = {
    **SHARED,
    **dict.fromkeys(("zeros", "ones", "empty", "randn", "rand"), _new),
    **dict.fromkeys(("no_grad", "enable_grad", "inference_mode"), Mode),
    "full": _full,
    "arange": arange,
    "tensor": tensor,
    "as_tensor": as_tensor,
    "eye": eye,
    "bincount": bincount,
    "outer": outer,
    "tensordot": tensordot,
    "einsum": einsum,
    "cat": cat,
    "concat": cat,
    "stack": stack,
    "channel_shuffle": channel_shuffle,
    "is_grad_enabled": lambda: False,
    "is_autocast_enabled": lambda *_: False,
    "linalg": Namespace(vector_norm=vector_norm),
    "compiler": Namespace(is_compiling=lambda: False),
}
