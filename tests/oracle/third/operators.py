"""Operators of the library, written out on weights that are handed in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.oracle.third.grammar import Unread
from tests.oracle.third.layouts import LAYOUTS, mixed, spread
from tests.oracle.third.places import Weights


class WrongShape(AssertionError):
    """Weights are for another tensor."""


def fits(weight: Tensor, *shape: int) -> None:
    """Weights have to have a shape."""
    if tuple(weight.shape) != shape:
        raise WrongShape(f"{tuple(weight.shape)} in the place of {shape}")


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(x)


#: Functions of tensors (and of learned numbers), from the table of docs/language.md.
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda x: x.clamp(min=0),
    "relu6": lambda x: x.clamp(min=0, max=6),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "elu": lambda x: torch.where(x > 0, x, x.clamp(max=0).expm1()),
    "selu": lambda x: (
        SELU_SCALE * torch.where(x > 0, x, SELU_ALPHA * x.clamp(max=0).expm1())
    ),
    "gelu": lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2))),
    "silu": lambda x: x * _sigmoid(x),
    "hardsigmoid": lambda x: (x / 6 + 0.5).clamp(min=0, max=1),
    "hardswish": lambda x: x * (x / 6 + 0.5).clamp(min=0, max=1),
    "tanh": torch.tanh,
    "sigmoid": _sigmoid,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "abs": torch.abs,
    "softplus": lambda x: F.softplus(x, threshold=1000),
}


def axis(x: Tensor) -> int:
    """Where features are: of images in front of the grid."""
    return 1 if x.dim() == 4 else x.dim() - 1


@dataclass
class Given:
    """What an operator is called with.

    Attributes:
        given, named: arguments, numbers as floats or ints, words as text.
        weights: where its weights are.
        training: whether rates and batches count.
    """

    given: list[Any]
    named: dict[str, Any]
    weights: Weights
    training: bool

    def get(self, place: int, name: str, plain: Any = None) -> Any:
        """An argument, by its place or its name."""
        if name in self.named:
            return self.named[name]
        return self.given[place] if 0 <= place < len(self.given) else plain


def dropped(x: Tensor, rate: float) -> Tensor:
    """What tests put in the place of dropout: a number that tells the rate."""
    return x * (1 + rate)


def _pair(value: Any) -> tuple[int, int]:
    made = value if isinstance(value, tuple) else (value, value)
    return int(made[0]), int(made[1])


def _conv(x: Tensor, a: Given, depthwise: bool = False, scaled: bool = False) -> Tensor:
    module = a.weights.module("Conv2d")
    kernel = _pair(a.get(0, "kernel"))
    features = x.shape[1]
    if depthwise:
        width = features * int(a.get(2, "multiplier", 1))
        stride, groups = int(a.get(1, "stride", 1)), features
        dilation, padding = a.get(3, "dilation", 1), a.get(4, "padding")
        bias = a.get(5, "bias", False)
    else:
        width = int(a.get(1, "width", features))
        stride, groups = int(a.get(2, "stride", 1)), int(a.get(3, "groups", 1))
        dilation, padding = a.get(4, "dilation", 1), a.get(5, "padding")
        bias = a.get(6, "bias", scaled)
    if stride < 1:
        raise WrongShape("a stride that makes a grid finer")
    dilation = _pair(dilation)
    if padding is None:
        if any((k - 1) * d % 2 for k, d in zip(kernel, dilation, strict=True)):
            raise Unread("an even kernel")
        padding = tuple((k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True))
    weight = module.weight
    fits(weight, width, features // groups, *kernel)
    assert (module.bias is not None) == bool(bias)
    if scaled:
        weight = _scaled(weight, module.gain, a)
    return F.conv2d(x, weight, module.bias, stride, _pair(padding), dilation, groups)


def _scaled(weight: Tensor, gain: Tensor, a: Given) -> Tensor:
    gamma, eps = a.get(7, "gamma", 1.0), a.get(9, "eps", 1e-5)
    flat = weight.flatten(1)
    mean, var = flat.mean(1, keepdim=True), flat.var(1, keepdim=True, unbiased=False)
    flat = (flat - mean) / (var + eps).sqrt() * gamma / math.sqrt(flat.shape[1])
    return flat.view_as(weight) * gain


def _linear(x: Tensor, a: Given) -> Tensor:
    if x.dim() == 4:
        raise Unread("pixels")
    module = a.weights.module("Linear")
    width = int(a.get(0, "width", x.shape[-1]))
    fits(module.weight, width, x.shape[-1])
    assert (module.bias is not None) == bool(a.get(1, "bias", True))
    made = x @ module.weight.T
    return made if module.bias is None else made + module.bias


def _bn(x: Tensor, a: Given) -> Tensor:
    module = a.weights.module("BatchNorm1d", "BatchNorm2d")
    if x.dim() == 3:
        raise Unread("bn of tokens")
    eps, momentum = a.get(0, "eps", 1e-5), a.get(1, "momentum", 0.1)
    fits(module.weight, x.shape[1])
    over = (0,) if x.dim() == 2 else (0, 2, 3)
    view = (1, -1) if x.dim() == 2 else (1, -1, 1, 1)
    if a.training:
        mean, var = x.mean(over), x.var(over, unbiased=False)
        with torch.no_grad():
            module.num_batches_tracked += 1
            count = x.numel() / x.shape[1]
            for buffer, new in (
                (module.running_mean, mean),
                (module.running_var, var * count / (count - 1)),
            ):
                buffer.mul_(1 - momentum).add_(momentum * new)
    else:
        mean, var = module.running_mean, module.running_var
    made = (x - mean.view(view)) / (var.view(view) + eps).sqrt()
    return made * module.weight.view(view) + module.bias.view(view)


def _ln(x: Tensor, a: Given) -> Tensor:
    affine = a.get(1, "affine", True)
    module = a.weights.module("LayerNorm") if affine else None
    x = x.movedim(axis(x), -1)
    grid = x.dim() == 4
    mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    made = (x - mean) / (var + a.get(0, "eps", 1e-5)).sqrt()
    if module is not None:
        fits(module.weight, x.shape[-1])
        made = made * module.weight + module.bias
    return made.movedim(-1, 1) if grid else made


def _rmsnorm(x: Tensor, a: Given) -> Tensor:
    module = a.weights.module("RMSNorm")
    x = x.movedim(axis(x), -1)
    grid = x.dim() == 4
    made = x / (x.square().mean(-1, keepdim=True) + a.get(0, "eps", 1e-6)).sqrt()
    fits(module.weight, x.shape[-1])
    made = made * module.weight
    return made.movedim(-1, 1) if grid else made


def _gn(x: Tensor, a: Given) -> Tensor:
    module = a.weights.module("GroupNorm")
    if x.dim() == 3:
        raise Unread("gn of tokens")
    fits(module.weight, x.shape[1])
    groups = int(a.get(0, "groups", 32))
    parts = x.reshape(x.shape[0], groups, -1)
    mean, var = (
        parts.mean(-1, keepdim=True),
        parts.var(-1, keepdim=True, unbiased=False),
    )
    made = ((parts - mean) / (var + a.get(1, "eps", 1e-5)).sqrt()).view_as(x)
    view = (1, -1) if x.dim() == 2 else (1, -1, 1, 1)
    return made * module.weight.view(view) + module.bias.view(view)


def _window(x: Tensor, a: Given, largest: bool) -> Tensor:
    kernel = a.get(0, "kernel")
    size = a.get(4, "size")
    if size is not None:
        adaptive = F.adaptive_max_pool2d if largest else F.adaptive_avg_pool2d
        return adaptive(x, _pair(size))  # type: ignore[no-any-return]
    if kernel is None:
        over = tuple(range(2, x.dim())) if x.dim() == 4 else (1,)
        return x.amax(over) if largest else x.mean(over)
    stride, padding = a.get(1, "stride", kernel), a.get(2, "padding", 0)
    where = (_pair(kernel), _pair(stride), _pair(padding))
    ceil = bool(a.get(3, "ceil", False))
    if largest:
        return F.max_pool2d(x, *where, ceil_mode=ceil)
    return F.avg_pool2d(x, *where, ceil, bool(a.get(5, "countpad", True)))


def _zeropad(x: Tensor, a: Given) -> Tensor:
    stride, more = int(a.get(1, "stride", 1)), int(a.get(0, "width")) - x.shape[1]
    if x.dim() != 4:
        raise Unread("zeropad")
    x = x[:, :, ::stride, ::stride]
    zeros = x.new_zeros(x.shape[0], more, *x.shape[2:])
    return torch.cat([x, zeros], 1)


def filled(x: Tensor, value: float | Tensor) -> Tensor:
    """One feature that is a number everywhere."""
    return torch.zeros_like(x.narrow(axis(x), 0, 1)) + value


def _append(x: Tensor, a: Given) -> Tensor:
    parts = [x, filled(x, a.get(0, "value"))]
    if a.get(1, "front", False):
        parts.reverse()
    return torch.cat(parts, axis(x))


def attended(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    seen: Tensor | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    dropout: float = 0.0,
    talking: tuple[Any, ...] = (),
    sinks: Tensor | None = None,
) -> Tensor:
    """Values weighed by how well keys meet queries: batch x heads x positions x width."""
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    for linear in talking[:1]:
        scores = _over_heads(scores, linear)
    if seen is not None:
        scores = scores.masked_fill(~seen, -math.inf)
    weights = scores.softmax(-1)
    if sinks is not None:
        whole = scores.exp().sum(-1, keepdim=True) + sinks.exp()[:, None, None]
        weights = scores.exp() / whole
    for linear in talking[1:]:
        weights = _over_heads(weights, linear)
    return dropped(weights, dropout) @ v


def _over_heads(scores: Tensor, linear: Any) -> Tensor:
    mixed_ = torch.einsum("ij,bj...->bi...", linear.weight, scores)
    return mixed_ + linear.bias[:, None, None]  # type: ignore[no-any-return]


def _cut(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _turned(x: Tensor, base: float, count: int) -> Tensor:
    """Pairs of the first features, half of these apart, turned by angles of float32."""
    x, rest = x[..., :count], x[..., count:]
    half = x.shape[-1] // 2
    turns = 1 / base ** (torch.arange(half) / half)
    angles = (torch.arange(x.shape[2])[:, None] * turns).double()
    one, two = x[..., :half], x[..., half:]
    cos, sin = angles.float().cos().double(), angles.float().sin().double()
    return torch.cat([one * cos - two * sin, two * cos + one * sin, rest], -1)


def _rotary(x: Tensor, a: Given) -> Tensor:
    """Pairs of features as complex numbers, times those of the angles of float32."""
    base, factor = float(a.get(1, "base", 1e4)), float(a.get(5, "factor", 1))
    slow, fast = float(a.get(7, "slow", 1)), float(a.get(8, "fast", 4))
    heads = x.unflatten(-1, (int(a.get(0, "heads")), -1))
    width = heads.shape[-1]
    count = int(a.get(2, "turned", width))
    first = width - count if a.get(3, "last", False) else 0
    made, length = heads.clone(), a.get(6, "length", None)
    for pair in range(count // 2):
        places = (pair, pair + count // 2)
        if a.get(4, "adjacent", False):
            places = (2 * pair, 2 * pair + 1)
        turn = 1 / base ** (torch.tensor(pair) / (count // 2))
        # Rounded to float32 as the code does, for angles of that are far apart.
        kept = torch.tensor(0.0)
        if length is not None:
            kept = (turn * (length / (2 * math.pi)) - slow) / (fast - slow)
        kept = kept.clamp(0, 1)
        turn = turn / factor if length is None else turn * (kept + (1 - kept) / factor)
        angles = (torch.arange(x.shape[1]) * turn)[:, None]
        real, imag = (heads[..., first + place] for place in places)
        turn = torch.complex(angles.cos().double(), angles.sin().double())
        turned = torch.complex(real, imag) * turn
        made[..., first + places[0]] = turned.real
        made[..., first + places[1]] = turned.imag
    return made.flatten(-2)


def _beside(x: Tensor, y: Tensor, a: Given) -> Tensor:
    heads = int(a.get(0, "heads"))
    shared = int(a.get(1, "shared", heads))
    ours, theirs = x.chunk(heads, -1), y.chunk(shared, -1)
    each = [(one, theirs[n * shared // heads]) for n, one in enumerate(ours)]
    return torch.cat([part for both in each for part in both], -1)


def _attend(q: Tensor, k: Tensor, v: Tensor, a: Given) -> Tensor:
    heads = int(a.get(0, "heads"))
    shared = int(a.get(1, "kvheads", heads))
    q, k, v = _cut(q, heads), _cut(k, shared), _cut(v, shared)
    if a.named.get("qknorm"):
        norms = [a.weights.module("RMSNorm").weight for _ in "qk"]
        for norm, x in zip(norms, (q, k), strict=True):
            fits(norm, x.shape[-1])
        q, k = (
            x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * weight
            for x, weight in zip((q, k), norms, strict=True)
        )
    if "rotary" in a.named:
        count = int(a.named.get("turned", q.shape[-1]))
        q, k = (_turned(x, a.named["rotary"], count) for x in (q, k))
    k, v = (x.repeat_interleave(heads // shared, 1) for x in (k, v))
    talks = [a.weights.module("Linear") for _ in "lw" if a.named.get("talking")]
    for linear in talks:
        fits(linear.weight, heads, heads)
    far = torch.arange(q.shape[2])[:, None] - torch.arange(k.shape[2])
    seen = torch.ones_like(far, dtype=torch.bool)
    if a.named.get("causal"):
        seen &= far >= 0
    if "window" in a.named:
        seen &= far.abs() < a.named["window"]
    made = attended(
        q,
        k,
        v,
        seen=seen,
        scale=a.named.get("scale"),
        softcap=a.named.get("softcap"),
        dropout=a.named.get("dropout", 0.0) if a.training else 0.0,
        talking=tuple(talks),
        sinks=a.weights.number() if a.named.get("sinks") else None,
    )
    return made.transpose(1, 2).flatten(2)


def _attention(x: Tensor, a: Given) -> Tensor:
    module = a.weights.module("SelfAttention")
    heads = int(a.get(0, "heads"))
    width = x.shape[-1]
    fits(module.in_proj_weight, 3 * width, width)
    fits(module.out_proj.weight, width, width)
    q, k, v = (x @ module.in_proj_weight.T).chunk(3, -1)
    if a.get(1, "bias", True):
        q, k, v = (
            part + bias
            for part, bias in zip((q, k, v), module.in_proj_bias.chunk(3), strict=True)
        )
    seen = None
    if a.get(2, "causal", False):
        seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    dropout = a.get(3, "dropout", 0.0) if a.training else 0.0
    parts = [_cut(part, heads) for part in (q, k, v)]
    made = attended(*parts, seen=seen, dropout=dropout).transpose(1, 2).flatten(2)
    made = made @ module.out_proj.weight.T
    return made if module.out_proj.bias is None else made + module.out_proj.bias


def _experts(x: Tensor, a: Given) -> Tensor:
    """Token by token, and layer by layer."""
    count, top = int(a.get(0, "count")), int(a.get(1, "top"))
    inner, width = int(a.get(2, "inner")), x.shape[-1]

    def weight(*sizes: int) -> Tensor:
        module = a.weights.module("Linear")
        fits(module.weight, *sizes)
        return module.weight  # type: ignore[no-any-return]

    router = weight(count, width)
    layers = [
        (weight(inner, width), weight(inner, width), weight(width, inner))
        for _ in range(count)
    ]
    made = []
    for token in x.reshape(-1, width):
        shares = (router @ token).exp()
        whole = 1 + shares if a.named.get("scores") == "sigmoid" else shares.sum()
        shares = shares / whole
        best = sorted(range(count), key=lambda n: -float(shares[n].detach()))[:top]
        total = sum(shares[n] for n in best) if a.get(3, "normalised", True) else 1
        parts = []
        for n in best:
            gate, up, down = layers[n]
            bent = gate @ token
            parts.append(
                shares[n] / total * (down @ (bent * bent.sigmoid() * (up @ token)))
            )
        made.append(sum(parts))
    return torch.stack(made).view_as(x)


def _patches(x: Tensor, a: Given) -> Tensor:
    module = a.weights.module("Conv2d")
    size = _pair(a.get(0, "size"))
    width = int(a.get(1, "width", x.shape[1]))
    fits(module.weight, width, x.shape[1], *size)
    cut = F.unfold(x, size, stride=size).transpose(1, 2)
    made = cut @ module.weight.flatten(1).T
    return made if module.bias is None else made + module.bias


def _positions(x: Tensor, a: Given) -> Tensor:
    learned = a.weights.number()
    assert learned.numel() == x[0].numel(), "positions that have one number"
    return x + learned  # type: ignore[no-any-return]


def _classtoken(x: Tensor, a: Given) -> Tensor:
    token = a.weights.number().reshape(1, 1, -1).expand(len(x), 1, -1)
    return token if a.get(1, "alone", False) else torch.cat([token, x], 1)


def _bilinear(x: Tensor, y: Tensor, a: Given) -> Tensor:
    module = a.weights.module("Bilinear")
    width = int(a.get(0, "width", x.shape[-1]))
    fits(module.weight, width, x.shape[-1], y.shape[-1])
    made = torch.einsum("...i,oij,...j->...o", x, module.weight, y)
    return made if module.bias is None else made + module.bias


def _prelu(x: Tensor, a: Given) -> Tensor:
    slope = a.weights.module("PReLU").weight
    fits(slope, x.shape[axis(x)] if a.get(0, "channelwise", False) else 1)
    if slope.numel() > 1:
        slope = slope.view(-1, *[1] * (x.dim() - 2)) if x.dim() == 4 else slope
    return torch.where(x > 0, x, slope * x)


def _gelu(x: Tensor, a: Given) -> Tensor:
    if not a.get(0, "tanh", False):
        return FUNCTIONS["gelu"](x)
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + torch.tanh(inner))


def _elu(x: Tensor, a: Given) -> Tensor:
    return torch.where(x > 0, x, a.get(0, "alpha", 1.0) * x.clamp(max=0).expm1())


def _called(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Given], Tensor]:
    return lambda x, _: function(x)


OPERATORS: dict[str, Callable[[Tensor, Given], Tensor]] = {
    **{name: _called(function) for name, function in FUNCTIONS.items()},
    **LAYOUTS,
    "none": lambda x, _: x,
    "identity": lambda x, _: x,
    "linear": _linear,
    "conv": _conv,
    "dwconv": lambda x, a: _conv(x, a, depthwise=True),
    "wsconv": lambda x, a: _conv(x, a, scaled=True),
    "bn": _bn,
    "attention": _attention,
    "experts": _experts,
    "rotary": _rotary,
    "patches": _patches,
    "classtoken": _classtoken,
    "ln": _ln,
    "rmsnorm": _rmsnorm,
    "gn": _gn,
    "leaky_relu": lambda x, a: torch.where(x > 0, x, a.get(0, "slope", 0.01) * x),
    "elu": _elu,
    "gelu": _gelu,
    "prelu": _prelu,
    "dropout": lambda x, a: dropped(x, a.get(0, "rate", 0.5)) if a.training else x,
    "droppath": lambda x, a: dropped(x, a.get(0, "rate")) if a.training else x,
    "append": _append,
    "avgpool": lambda x, a: _window(x, a, largest=False),
    "maxpool": lambda x, a: _window(x, a, largest=True),
    "globalpool": lambda x, _: x.mean((2, 3), keepdim=True),
    "flatten": lambda x, _: x.flatten(1),
    "zeropad": _zeropad,
    "positions": _positions,
    "shift": lambda x, _: F.pad(x, (0, 0, 1, -1)),
    "transpose": lambda x, _: x.transpose(1, 2),
    "softmax": lambda x, _: x.softmax(axis(x)),
    "token": lambda x, a: x[:, int(a.get(0, "index", 0))],
}

#: Operators of several tensors.
SEVERAL: dict[str, Callable[..., Tensor]] = {
    "attend": _attend,
    "beside": _beside,
    "bilinear": _bilinear,
    "mix": mixed,
    "spread": spread,
    "behind": lambda x, y, _: torch.cat([x, y], 1),
    "outer": lambda x, y, _: (x.unsqueeze(-1) * y.unsqueeze(-2)).flatten(-2),
    "matvec": lambda x, y, _: (
        x.unflatten(-1, (-1, y.shape[-1])) @ y.unsqueeze(-1)
    ).squeeze(-1),
}
