"""The functions of ``torch.nn.functional``, on sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from recform.meta.namespaces import Functional
from recform.meta.sizes import Misshapen, axis, each, product, shown, windows
from recform.meta.tensor import Tensor, Unread


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A product with a matrix, and a row that is added."""
    if weight.ndim > 2:
        raise Misshapen(f"{weight} is no matrix")
    made = Tensor(*product(x.shape, weight.T.shape))
    return made if bias is None else made._within(bias)


def bilinear(x: Tensor, y: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    """Products of all features of two tensors, weighed."""
    made, one, other = weight.shape
    if x.shape[:-1] != y.shape[:-1] or (x.shape[-1], y.shape[-1]) != (one, other):
        raise Misshapen(f"{x} and {y} are none for products of {one} and {other}")
    return Tensor(*x.shape[:-1], made)


def embedding(x: Tensor, weight: Tensor, **_: Any) -> Tensor:
    """A row of a table for each number."""
    return Tensor(*x.shape, weight.shape[1])


def _grid(x: Tensor, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes in front of a grid, and its sizes."""
    if x.ndim not in (count + 1, count + 2):
        raise Misshapen(f"{x} has no grid of {count} axes behind channels")
    return x.shape[:-count], x.shape[-count:]


def convolution(count: int) -> Callable[..., Tensor]:
    """A convolution over so many axes."""

    def conv(
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        front, grid = _grid(x, count)
        features, inner, *kernel = weight.shape
        if len(kernel) != count:
            raise Misshapen(f"{weight} is no weight over {count} axes")
        if front[-1] != inner * groups or features % groups:
            raise Misshapen(
                f"a convolution of {inner * groups} channels takes {front[-1]}"
            )
        if bias is not None and tuple(bias.shape) != (features,):
            raise Misshapen(f"{bias} is added to {features} channels")
        strides, apart = each(stride, count), each(dilation, count)
        if padding == "same":
            made = grid
        else:
            rims = each(0 if padding == "valid" else padding, count)
            made = tuple(
                windows(s, k, by, 2 * rim, d)
                for s, k, by, rim, d in zip(
                    grid, kernel, strides, rims, apart, strict=True
                )
            )
        return Tensor(*front[:-1], features, *made)

    return conv


def transposed(count: int) -> Callable[..., Tensor]:
    """A transposed convolution over so many axes."""

    def conv(
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Tensor:
        front, grid = _grid(x, count)
        inner, features, *kernel = weight.shape
        if front[-1] != inner:
            raise Misshapen(f"a convolution of {inner} channels takes {front[-1]}")
        parts = (each(v, count) for v in (stride, padding, output_padding, dilation))
        made = [
            (size - 1) * by - 2 * rim + d * (k - 1) + more + 1
            for size, k, by, rim, more, d in zip(grid, kernel, *parts, strict=True)
        ]
        if min(made) < 1:
            raise Misshapen(f"nothing of {x} is left")
        return Tensor(*front[:-1], features * groups, *made)

    return conv


def pooling(count: int, *, dilates: bool) -> Callable[..., Tensor]:
    """Pooling by windows over so many axes."""

    def pool(
        x: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Tensor:
        if return_indices:
            raise Unread("pooling that returns places")
        front, grid = _grid(x, count)
        kernel = each(kernel_size, count)
        strides = each(kernel if stride in (None, ()) else stride, count)
        rims, apart = each(padding, count), each(dilation, count)
        if any(2 * rim > k for rim, k in zip(rims, kernel, strict=True)):
            raise Misshapen(f"a rim of {shown(rims)} is more than half of a window")
        made = [
            windows(s, k, by, 2 * rim, d, up=ceil_mode)
            for s, k, by, rim, d in zip(grid, kernel, strides, rims, apart, strict=True)
        ]
        return Tensor(*front, *made)

    def averages(
        x: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        *_: Any,
        **__: Any,
    ) -> Tensor:
        return pool(x, kernel_size, stride, padding, 1, ceil_mode)

    return pool if dilates else averages


def adaptive(count: int, *, largest: bool = False) -> Callable[..., Tensor]:
    """Pooling to a grid of so many axes."""

    def pool(x: Tensor, output_size: Any) -> Tensor:
        if x.ndim <= count:
            raise Misshapen(f"{x} has no grid of {count} axes")
        front, grid = x.shape[:-count], x.shape[-count:]
        wanted: Sequence[int | None] = each(output_size, count)
        # A mean of the whole grid takes any axes in front.
        if len(front) not in (1, 2) and (largest or set(wanted) != {1}):
            raise Misshapen(f"{x} has no grid of {count} axes behind channels")
        made = [s if w is None else w for s, w in zip(grid, wanted, strict=True)]
        return Tensor(*front, *made)

    return pool


def pad(
    x: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None
) -> Tensor:
    """Rims, from the last axis on."""
    sizes = list(x.shape)
    if mode != "constant" and len(sizes) - len(pad) // 2 not in (1, 2):
        raise Misshapen(f"{x} has no channels in front of {len(pad) // 2} axes")
    if len(pad) % 2 or len(pad) > 2 * len(sizes):
        raise Misshapen(f"{shown(pad)} are no rims of {x}")
    for k in range(len(pad) // 2):
        rims = pad[2 * k : 2 * k + 2]
        size = sizes[-1 - k]
        if mode in ("reflect", "circular") and max(rims) > size - (mode == "reflect"):
            raise Misshapen(f"rims of {shown(rims)} are more than {size} has")
        sizes[-1 - k] += sum(rims)
        if sizes[-1 - k] < 1 or size + min(*rims, 0) < 0:
            raise Misshapen(f"nothing of {x} is left")
    return Tensor(*sizes)


def batch_norm(
    x: Tensor,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Channels, each normalised over a batch."""
    for part in (running_mean, running_var, weight, bias):
        if part is not None and (part.numel(),) != x.shape[1:2]:
            raise Misshapen(f"{part} is none for the channels of {x}")
    return Tensor(*x.shape)


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Tensor:
    """Groups of channels, each normalised."""
    if x.ndim < 2 or x.shape[1] % num_groups:
        raise Misshapen(f"the channels of {x} are no {num_groups} groups")
    for part in (weight, bias):
        if part is not None and part.shape != x.shape[1:2]:
            raise Misshapen(f"{part} is none for the channels of {x}")
    return Tensor(*x.shape)


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float | None = None,
) -> Tensor:
    """The last axes, normalised."""
    wanted = each(normalized_shape, 1)
    if tuple(x.shape[-len(wanted) :]) != tuple(wanted):
        raise Misshapen(f"{shown(wanted)} are normalised, and {x} ends otherwise")
    for part in (weight, bias):
        if part is not None and tuple(part.shape) != tuple(wanted):
            raise Misshapen(f"{part} is none for {shown(wanted)}")
    return Tensor(*x.shape)


def rms_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Any = None,
    eps: float | None = None,
) -> Tensor:
    """The last axes, divided by their root mean square."""
    return layer_norm(x, normalized_shape, weight)


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """A slope for each channel, or one for all."""
    if weight.ndim > 1:
        raise Misshapen(f"{weight} is no row of slopes")
    if weight.numel() != 1 and (x.ndim < 2 or x.shape[1] != weight.numel()):
        raise Misshapen(f"{weight.numel()} slopes for the channels of {x}")
    return Tensor(*x.shape)


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """A half, times the gates in the other."""
    if x.size(dim) % 2:
        raise Misshapen(f"{x} has no halves along {dim}")
    return x.chunk(2, dim)[0]


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """The values, weighed by how well their keys meet the queries."""
    if enable_gqa:
        heads = query.shape[-3]
        key = key.repeat_interleave(heads // key.shape[-3], -3)
        value = value.repeat_interleave(heads // value.shape[-3], -3)
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise Misshapen(f"{query}, {key} and {value} are no rows of tokens")
    scores = query @ key.transpose(-2, -1)
    if attn_mask is not None:
        scores._within(attn_mask)
    return scores @ value


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Channels that become places."""
    *front, channels, height, width = x.shape
    r = upscale_factor
    if channels % (r * r):
        raise Misshapen(f"{channels} channels are no {r * r} parts")
    return Tensor(*front, channels // (r * r), height * r, width * r)


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """Places that become channels."""
    *front, channels, height, width = x.shape
    r = downscale_factor
    if height % r or width % r:
        raise Misshapen(f"{x} has no squares of {r}")
    return Tensor(*front, channels * r * r, height // r, width // r)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Channels in another order."""
    if x.ndim < 3 or x.shape[1] % groups:
        raise Misshapen(f"the channels of {x} are no {groups} groups")
    return Tensor(*x.shape)


def interpolate(
    x: Tensor, size: Any = None, scale_factor: Any = None, **_: Any
) -> Tensor:
    """A finer or a coarser grid."""
    front, grid = x.shape[:2], x.shape[2:]
    if not 1 <= len(grid) <= 3:
        raise Misshapen(f"{x} has no grid behind channels")
    if size is not None:
        return Tensor(*front, *each(size, len(grid)))
    by = scale_factor
    by = (by,) * len(grid) if isinstance(by, int | float) else by
    return Tensor(*front, *(int(s * f) for s, f in zip(grid, by, strict=True)))


def softmax(x: Tensor, dim: int, *_: Any, **__: Any) -> Tensor:
    """Numbers along an axis that sum up to 1."""
    axis(x.ndim, dim)
    return Tensor(*x.shape)


#: Of torch and of ``torch.nn.functional``.
SHARED = {"softmax": softmax, "log_softmax": softmax}


#: ``torch.nn.functional``.
functional = Functional(
    **SHARED,
    **{f"conv{n}d": convolution(n) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": transposed(n) for n in (1, 2, 3)},
    **{f"max_pool{n}d": pooling(n, dilates=True) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": pooling(n, dilates=False) for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": adaptive(n) for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": adaptive(n, largest=True) for n in (1, 2, 3)},
    linear=linear,
    embedding=embedding,
    bilinear=bilinear,
    pad=pad,
    batch_norm=batch_norm,
    group_norm=group_norm,
    layer_norm=layer_norm,
    rms_norm=rms_norm,
    prelu=prelu,
    glu=glu,
    scaled_dot_product_attention=attention,
    pixel_shuffle=pixel_shuffle,
    pixel_unshuffle=pixel_unshuffle,
    interpolate=interpolate,
)
