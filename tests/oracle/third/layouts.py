"""Operators that turn a tensor into one of another layout: streams, pixels, tokens, grids.

Tensors of streams and pixels have more axes here than in torch's modules, so that the number
of axes tells the layout: 2 of a vector (or of ids), 3 of tokens, 4 of an image, 5 of tokens
in streams, 6 of vectors in streams, 7 of pixels. Features are last, but of an image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.oracle.third.grammar import Unread


def to_streams(x: Tensor, n: int) -> Tensor:
    """Copies, side by side."""
    if x.dim() == 3:
        return x[:, None, None].repeat(1, n, 1, 1, 1)
    if x.dim() == 2:
        return x[:, None, None, None, None].repeat(1, n, 1, 1, 1, 1)
    raise Unread("streams of images")


def one_of(x: Tensor) -> Tensor:
    """What has lost its axis of streams, as tokens or a vector."""
    return x.squeeze(1) if x.dim() == 4 else x.flatten(1)


def outward(x: Tensor) -> Tensor:
    """A tensor with the axes that torch's modules have."""
    if x.dim() == 7:
        return x[:, 0, 0, 0]
    return x if x.dim() < 5 else x.flatten(1, -3) if x.dim() == 5 else x.flatten(1, -2)


def _streams(x: Tensor, a: Any) -> Tensor:
    n = int(a.get(0, "n"))
    made = x.unflatten(-1, (n, -1)).movedim(-2, 1)
    return made.unsqueeze(2) if x.dim() == 3 else made[:, :, None, None, None]


def _join(x: Tensor, _: Any) -> Tensor:
    return one_of(torch.cat(list(x.unbind(1)), -1))


def _weighed(x: Tensor, weights: Tensor, spec: str) -> Tensor:
    return torch.einsum(spec, weights, x)


def _offset(x: Tensor, a: Any) -> Tensor:
    n, features = x.shape[1], x.shape[-1]
    learned = a.weights.number()
    return x + learned.view(n, *[1] * (x.dim() - 3), features)  # type: ignore[no-any-return]


def _sinkhorn(x: Tensor, a: Any) -> Tensor:
    made = x.exp()
    for _ in range(int(a.get(0, "steps", 20))):
        made = made / made.sum(1, keepdim=True)
        made = made / made.sum(-1, keepdim=True)
    return made


def mixed(weights: Tensor, x: Tensor, _: Any) -> Tensor:
    """Feature t of stream s is the weight of stream s in the t-th sum."""
    return torch.einsum("bs...t,bs...c->bt...c", weights, x)


def spread(weights: Tensor, x: Tensor, _: Any) -> Tensor:
    return weights * to_streams(x, weights.shape[1])


def _image(x: Tensor, a: Any) -> Tensor:
    rows = x[:, 0, 0, 0] if x.dim() == 7 else None
    x = x.unflatten(1, (int(a.get(0, "height")), -1)) if rows is None else rows
    return x.permute(0, 3, 1, 2)


def _tokens(x: Tensor, _: Any) -> Tensor:
    return x[:, 0, 0, 0].flatten(1, 2) if x.dim() == 7 else x.flatten(2).mT


def _shuffle(x: Tensor, a: Any) -> Tensor:
    groups = int(a.get(0, "groups"))
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def _pad(x: Tensor, a: Any) -> Tensor:
    before = int(a.get(0, "before"))
    after = int(a.get(1, "after", before))
    mode = a.get(2, "mode", "zeros")
    rim = (before, after, before, after)
    return F.pad(x, rim, mode="constant" if mode == "zeros" else mode)


def _upsample(x: Tensor, a: Any) -> Tensor:
    scale, mode = int(a.get(0, "scale")), a.get(1, "mode", "nearest")
    if mode == "nearest":
        return x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    return F.interpolate(x, scale_factor=scale, mode=mode)


def _deconv(x: Tensor, a: Any) -> Tensor:
    module = a.weights.module("ConvTranspose2d")
    groups, features = int(a.get(3, "groups", 1)), x.shape[1]
    width = int(a.get(1, "width", features))
    assert module.weight.shape[:2] == (features, width // groups)
    kernel, stride = int(a.get(0, "kernel")), int(a.get(2, "stride", 1))
    assert module.weight.shape[2:] == (kernel, kernel)
    dilation = int(a.get(4, "dilation", 1))
    outpad, padding = int(a.get(6, "outpad", 0)), a.get(5, "padding")
    if padding is None:
        padding = (dilation * (kernel - 1) + 1 - stride + outpad) // 2
    return F.conv_transpose2d(
        x,
        module.weight,
        module.bias,
        stride,
        int(padding),
        outpad,
        groups,
        dilation,
    )


def _conv1d(x: Tensor, a: Any) -> Tensor:
    module = a.weights.module("Conv1d")
    kernel, dilation = int(a.get(0, "kernel")), int(a.get(2, "dilation", 1))
    width, groups = int(a.get(1, "width", x.shape[-1])), int(a.get(3, "groups", 1))
    assert tuple(module.weight.shape) == (width, x.shape[-1] // groups, kernel)
    assert (module.bias is not None) == bool(a.get(5, "bias", False))
    rim = (kernel - 1) * dilation
    sides = (rim, 0) if a.get(4, "causal", False) else (rim // 2, rim - rim // 2)
    made = F.conv1d(
        F.pad(x.mT, sides), module.weight, module.bias, dilation=dilation, groups=groups
    )
    return made.mT


def _embed(x: Tensor, a: Any) -> Tensor:
    module = a.weights.module("Embedding")
    assert module.weight.shape[1] == int(a.get(0, "width"))
    return module.weight[x]  # type: ignore[no-any-return]


def _unembed(x: Tensor, a: Any) -> Tensor:
    module = a.weights.module("Linear")
    assert module.bias is None
    return x @ module.weight.T  # type: ignore[no-any-return]


LAYOUTS: dict[str, Callable[[Tensor, Any], Tensor]] = {
    "copies": lambda x, a: to_streams(x, int(a.get(0, "n"))),
    "streams": _streams,
    "merge": lambda x, _: one_of(x.sum(1)),
    "join": _join,
    "read": lambda x, a: one_of(_weighed(x, a.weights.number(), "s,bs...->b...")),
    "write": lambda x, a: _weighed(
        to_streams(x, 1)[:, 0], a.weights.number(), "s,b...->bs..."
    ),
    "weave": lambda x, a: _weighed(x, a.weights.number(), "ts,bs...->bt..."),
    "offset": _offset,
    "sinkhorn": _sinkhorn,
    "pixels": lambda x, _: x.movedim(1, -1)[:, None, None, None],
    "image": _image,
    "tokens": _tokens,
    "shuffle": _shuffle,
    "pad": _pad,
    "upsample": _upsample,
    "pixelshuffle": lambda x, a: F.pixel_shuffle(x, int(a.get(0, "scale"))),
    "pixelunshuffle": lambda x, a: F.pixel_unshuffle(x, int(a.get(0, "scale"))),
    "repeat": lambda x, a: x.repeat_interleave(int(a.get(0, "times")), -1),
    "deconv": _deconv,
    "conv1d": _conv1d,
    "embed": _embed,
    "unembed": _unembed,
}
