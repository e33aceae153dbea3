"""Tensors that have sizes and no numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from recform.meta.sizes import (
    BATCH,
    Examples,
    Misshapen,
    Mixed,
    Sizes,
    axes,
    axis,
    filled,
    joined,
    product,
    reduced,
    shown,
    spread,
)


class Unread(Exception):
    """Torch has this, and it is not known here what it does to sizes."""


class Shape(tuple[int, ...]):
    """``tensor.shape``."""

    def numel(self) -> int:
        """How many numbers there are."""
        return math.prod(self)


#: Methods that change numbers, and no size.
ALIKE = frozenset(
    (
        *("abs", "cos", "exp", "floor", "ceil", "log", "neg", "reciprocal", "relu"),
        *("rsqrt", "sigmoid", "sign", "sin", "sqrt", "square", "tanh", "erf", "round"),
        *("clone", "contiguous", "detach", "half"),
        *("bfloat16", "bool", "cpu", "double", "float", "int", "long", "to", "type"),
        *("type_as", "requires_grad_", "roll", "flip"),
        *("bernoulli_", "zero_", "fill_"),
        *("normal_", "uniform_", "clamp_", "exp_", "relu_", "tanh_", "sigmoid_"),
        *("log1p", "expm1", "log2", "log10", "tan", "sinh", "cosh", "asin", "acos"),
        *("atan", "trunc", "logical_not", "isnan", "isinf", "isfinite", "erfc"),
    )
)
#: Methods that make one number of those along some axes.
ALONG = frozenset(("sum", "mean", "amax", "amin", "prod", "all", "any", "logsumexp"))
#: Methods of several tensors that spread over each other.
TOGETHER = frozenset(
    (
        *("add", "sub", "mul", "div", "pow", "maximum", "minimum", "masked_fill"),
        *("where", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or"),
        *("lerp", "addcmul", "fmod", "remainder", "atan2"),
        *("clamp", "clamp_min", "clamp_max"),
    )
)
#: Methods that make tensors of other sizes.
NEW = frozenset(("new_zeros", "new_ones", "new_empty"))


class Tensor:
    """A tensor with sizes and no numbers.

    Attributes:
        shape: its sizes.
    """

    __slots__ = ("shape",)
    device = dtype = layout = is_cuda = requires_grad = None
    _version, _base, grad, is_leaf = 0, None, None, True

    def __init__(self, *sizes: int) -> None:
        if sizes.count(BATCH) > 1 and list(map(type, sizes)).count(Examples) > 1:
            raise Mixed(f"{shown(sizes)} mixes the examples of a batch")
        self.shape = Shape(sizes)

    # -------------------------------------------------------------- what it is

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def data(self) -> Tensor:
        return self

    @property
    def T(self) -> Tensor:
        return Tensor(*reversed(self.shape))

    @property
    def mT(self) -> Tensor:
        return self.transpose(-2, -1)

    def dim(self) -> int:
        return len(self.shape)

    def numel(self) -> int:
        return self.shape.numel()

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[axis(self.ndim, dim)]

    def is_floating_point(self) -> bool:
        return True

    def is_contiguous(self, **_: Any) -> bool:
        return True

    def is_complex(self) -> bool:
        return False

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"a tensor of {shown(self.shape)}"

    def __bool__(self) -> bool:
        raise Unread("whether a tensor is true")

    # ------------------------------------------------------------- arithmetic

    def _with(self, *others: Any) -> Tensor:
        sizes = [other.shape for other in others if isinstance(other, Tensor)]
        if len(sizes) < len(others):
            _require_numbers(others)
        if all(other == self.shape for other in sizes):
            # What is no one's own is as good as a new one: blocks add up very many.
            return self if type(self) is Tensor else Tensor(*self.shape)
        return Tensor(*spread(self.shape, *sizes))

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _with
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __floordiv__ = __mod__ = _with
    __and__ = __or__ = __xor__ = __lt__ = __le__ = __gt__ = __ge__ = _with
    __rfloordiv__ = __rmod__ = _with

    def __eq__(self, other: object) -> Any:
        return False if other is None else self._with(other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else self._with(other)

    __hash__ = object.__hash__

    def __neg__(self) -> Tensor:
        return Tensor(*self.shape)

    __invert__ = __abs__ = __pos__ = __neg__

    def _within(self, *others: Any, **_: Any) -> Tensor:
        """Written over by what others come to.

        Raises:
            Misshapen: if that does not spread over it.
        """
        if self._with(*others).shape != self.shape:
            said = " and ".join(str(o) for o in others if isinstance(o, Tensor))
            raise Misshapen(f"{said} is written into {self}")
        return self

    add_ = sub_ = mul_ = div_ = pow_ = copy_ = masked_fill_ = addcmul_ = _within
    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = _within

    def __matmul__(self, other: Any) -> Tensor:
        if not isinstance(other, Tensor):
            raise Unread("a product with no tensor")
        return Tensor(*product(self.shape, other.shape))

    matmul = mm = bmm = __matmul__

    # ------------------------------------------------------------ other sizes

    def view(self, *sizes: Any) -> Tensor:
        return Tensor(*filled(self.numel(), _listed(sizes)))

    reshape = view

    def view_as(self, other: Tensor) -> Tensor:
        return self.view(*other.shape)

    reshape_as = view_as

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        if not self.shape:
            return Tensor(1)
        first, last = axis(self.ndim, start_dim), axis(self.ndim, end_dim)
        if first > last:
            raise Misshapen(f"axes {first} to {last} are no row")
        sizes = self.shape
        whole = math.prod(sizes[first : last + 1])
        return Tensor(*sizes[:first], whole, *sizes[last + 1 :])

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Tensor:
        place = axis(self.ndim, dim)
        parts = filled(self.shape[place], list(sizes))
        return Tensor(*self.shape[:place], *parts, *self.shape[place + 1 :])

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        sizes = list(self.shape)
        one, other = axis(self.ndim, dim0), axis(self.ndim, dim1)
        sizes[one], sizes[other] = sizes[other], sizes[one]
        return Tensor(*sizes)

    swapaxes = swapdims = transpose

    def t(self) -> Tensor:
        return self.T

    def permute(self, *dims: Any) -> Tensor:
        order = axes(self.ndim, _listed(dims))
        if sorted(order) != list(range(self.ndim)):
            raise Misshapen(f"{shown(order)} is no order of the axes of {self}")
        return Tensor(*(self.shape[k] for k in order))

    def movedim(self, source: Any, destination: Any) -> Tensor:
        came, goes = axes(self.ndim, source), axes(self.ndim, destination)
        if len(came) != len(goes):
            raise Misshapen(f"{shown(came)} do not go to {shown(goes)}")
        rest = iter(k for k in range(self.ndim) if k not in came)
        to = dict(zip(goes, came, strict=True))
        order = [to[k] if k in to else next(rest) for k in range(self.ndim)]
        return Tensor(*(self.shape[k] for k in order))

    moveaxis = movedim

    def unsqueeze(self, dim: int) -> Tensor:
        place = axis(self.ndim + 1, dim)
        return Tensor(*self.shape[:place], 1, *self.shape[place:])

    def squeeze(self, dim: Any = None) -> Tensor:
        gone = [k for k in axes(self.ndim, dim) if self.shape[k] == 1]
        return Tensor(*(s for k, s in enumerate(self.shape) if k not in gone))

    def expand(self, *sizes: Any) -> Tensor:
        wanted = _listed(sizes)
        more = len(wanted) - self.ndim
        if more < 0:
            raise Misshapen(f"{self} does not spread over {shown(wanted)}")
        found = list(wanted)
        for place, size in enumerate(self.shape, more):
            if found[place] == -1:
                found[place] = size
            elif size not in (1, found[place]):
                raise Misshapen(f"{self} does not spread over {shown(wanted)}")
        if -1 in found:
            raise Misshapen(f"{self} does not spread over {shown(wanted)}")
        return Tensor(*found)

    def expand_as(self, other: Tensor) -> Tensor:
        return self.expand(*other.shape)

    def repeat(self, *sizes: Any) -> Tensor:
        times = _listed(sizes)
        if len(times) < self.ndim:
            raise Misshapen(f"{self} is repeated along {len(times)} axes")
        own = (*[1] * (len(times) - self.ndim), *self.shape)
        return Tensor(*(s * n for s, n in zip(own, times, strict=True)))

    def repeat_interleave(self, repeats: int, dim: int | None = None) -> Tensor:
        if not isinstance(repeats, int):
            raise Unread("repeats that are no number")
        if dim is None:
            return Tensor(self.numel() * repeats)
        place = axis(self.ndim, dim)
        sizes = list(self.shape)
        sizes[place] *= repeats
        return Tensor(*sizes)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
        size = self.shape[axis(self.ndim, dim)]
        return self.split(max(-(-size // chunks), 1), dim)

    def tensor_split(self, indices: Any, dim: int = 0) -> tuple[Tensor, ...]:
        size = self.shape[axis(self.ndim, dim)]
        if isinstance(indices, int):
            few, more = divmod(size, indices)
            return self.split([few + (k < more) for k in range(indices)], dim)
        ends = [0, *(min(k, size) for k in indices), size]
        return self.split([b - a for a, b in pairwise(ends)], dim)

    def split(self, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
        place = axis(self.ndim, dim)
        size = self.shape[place]
        if isinstance(split_size, int):
            few = range(0, size, split_size)
            split_size = [min(split_size, size - k) for k in few]
        if sum(split_size) != size:
            raise Misshapen(f"{shown(split_size)} are no parts of {size}")
        front, behind = self.shape[:place], self.shape[place + 1 :]
        return tuple(Tensor(*front, part, *behind) for part in split_size)

    def unbind(self, dim: int = 0) -> tuple[Tensor, ...]:
        rest = reduced(self.shape, dim)
        return tuple(Tensor(*rest) for _ in range(self.shape[axis(self.ndim, dim)]))

    def __iter__(self) -> Any:
        return iter(self.unbind())

    def narrow(self, dim: int, start: int, length: int) -> Tensor:
        place = axis(self.ndim, dim)
        if not 0 <= start <= start + length <= self.shape[place]:
            raise Misshapen(f"{start} to {start + length} is not in {self}")
        return Tensor(*self.shape[:place], length, *self.shape[place + 1 :])

    def select(self, dim: int, index: int) -> Tensor:
        axis(self.shape[axis(self.ndim, dim)], index)
        return Tensor(*reduced(self.shape, dim))

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        place = axis(self.ndim, dim)
        if index.ndim > 1:
            raise Misshapen(f"{index} is no row of places")
        return Tensor(*self.shape[:place], index.numel(), *self.shape[place + 1 :])

    def gather(self, dim: int, index: Tensor) -> Tensor:
        return Tensor(*index.shape)

    def softmax(self, dim: int, **_: Any) -> Tensor:
        axis(self.ndim, dim)
        return Tensor(*self.shape)

    log_softmax = cumsum = cumprod = softmax

    def tril(self, diagonal: int = 0) -> Tensor:
        axis(self.ndim, -2)
        return Tensor(*self.shape)

    triu = tril

    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return Tensor()
        if isinstance(dim, Tensor):
            return self._with(dim)
        made = reduced(self.shape, dim, keepdim)
        return Tensor(*made), Tensor(*made)

    min = max

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        return Tensor(*reduced(self.shape, dim, keepdim))

    argmin = argmax

    def topk(self, k: int, dim: int = -1, *_: Any) -> tuple[Tensor, Tensor]:
        place = axis(self.ndim, dim)
        if not 0 <= k <= self.shape[place]:
            raise Misshapen(f"the {k} largest along axis {place} of {self}")
        made = (*self.shape[:place], k, *self.shape[place + 1 :])
        return Tensor(*made), Tensor(*made)

    def argsort(self, dim: int = -1, descending: bool = False) -> Tensor:
        axis(self.ndim, dim)
        return Tensor(*self.shape)

    def norm(self, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
        return Tensor(*reduced(self.shape, dim, keepdim))

    # --------------------------------------------------------------- indices

    def __getitem__(self, index: Any) -> Tensor:
        return Tensor(*_indexed(tuple(self.shape), index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self[index]._within(value)

    def _new(self, *sizes: Any, dtype: Any = None, device: Any = None) -> Tensor:
        return Tensor(*_listed(sizes))

    def new_full(self, size: Sequence[int], *_: Any, **__: Any) -> Tensor:
        return Tensor(*size)

    # ------------------------------------------------------------ all the rest

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in ALIKE:
            return lambda *_, **__: Tensor(*self.shape)
        if name in TOGETHER:
            return self._together
        if name in ALONG:
            return self._along
        if name in NEW:
            return self._new
        raise Unread(f"Tensor.{name}")

    def _together(self, *others: Any, **named: Any) -> Tensor:
        given = (*others, *named.values())
        return self._with(*(other for other in given if isinstance(other, Tensor)))

    def _along(
        self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
    ) -> Tensor:
        return Tensor(*reduced(self.shape, dim, keepdim))

    def _spread(
        self,
        dim: Any = None,
        *,
        keepdim: bool = False,
        unbiased: bool = True,
        correction: float = 1,
    ) -> Tensor:
        if isinstance(dim, bool):
            raise Unread("a variance that is told whether it is unbiased by place")
        return self._along(dim, keepdim)

    var = std = _spread


def _require_numbers(others: Sequence[Any]) -> None:
    """Raises for what torch takes for no number.

    Raises:
        Misshapen: for several values, or none.
    """
    for other in others:
        if other is None or isinstance(other, tuple | list | str):
            what = "nothing" if other is None else f"a {type(other).__name__}"
            raise Misshapen(f"a tensor meets {what}")


def _listed(sizes: Sequence[Any]) -> list[int]:
    """Sizes that stand alone, or in one row."""
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        (sizes,) = sizes
    return list(sizes)


def _indexed(sizes: Sizes, index: Any) -> Sizes:
    """The sizes of a part."""
    items = list(index) if isinstance(index, tuple) else [index]
    taken = sum(item is not None and item is not Ellipsis for item in items)
    if taken > len(sizes):
        raise Misshapen(f"{taken} indices for {shown(sizes)}")
    if not any(item is Ellipsis for item in items):
        items.append(Ellipsis)
    at = next(k for k, item in enumerate(items) if item is Ellipsis)
    items[at : at + 1] = [slice(None)] * (len(sizes) - taken)
    made: list[int] = []
    rest = iter(sizes)
    for item in items:
        if item is None:
            made.append(1)
            continue
        size = next(rest)
        match item:
            case bool():
                raise Unread("an index that is true or false")
            case int():
                axis(size, item)
            case slice():
                left = len(range(*item.indices(size)))
                made.append(size if left == size else left)
            case _:
                raise Unread("an index that is no number")
    return tuple(made)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """One behind the other along an axis."""
    if any(tensor.shape == (0,) for tensor in tensors):
        raise Unread("a row of tensors with an empty one")
    return Tensor(*joined([tensor.shape for tensor in tensors], dim))


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Along a new axis."""
    first = tensors[0]
    for tensor in tensors:
        if tensor.shape != first.shape:
            raise Misshapen(f"{first} and {tensor} are not stacked")
    place = axis(first.ndim + 1, dim)
    return Tensor(*first.shape[:place], len(tensors), *first.shape[place:])
