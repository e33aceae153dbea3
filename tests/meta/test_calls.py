"""What calls of torch make of sizes, and which they refuse, against torch itself."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recform.meta import run
from recform.meta.sizes import Misshapen
from recform.meta.tensor import Tensor
from tests.oracle.search import few

#: x, y and z are tensors of some sizes; a, b, c and d are small numbers.
CALLS = """
x + y
x * y - z
2 ** x
x @ y
x.add_(y)
x.T
x.mT
x[a]
x[a:, None]
x[..., :b]
x[:, a:b, ::c]
x[:, -1]
len(x) * x
x.view(a, -1)
x.view(-1)
x.reshape(a, b, -1)
x.reshape(y.shape)
x.flatten(a)
x.flatten(a, b)
x.unflatten(a, (b, -1))
torch.unflatten(x, a, (b, c))
x.transpose(a, b)
x.permute(b, a, c)
x.movedim(a, -1)
x.movedim((a, b), (c, d))
x.unsqueeze(a)
x.squeeze()
x.squeeze(a)
x.expand(a, -1, b)
x.expand_as(y)
x.repeat(a, b, c)
x.repeat_interleave(a, dim=b)
x.narrow(a, b, c)
x.select(a, b)
x.sum(a)
x.mean((a, b), keepdim=True)
x.mean()
x.amax(a, keepdim=True)
x.var(a, keepdim=True)
x.softmax(a)
x.cumsum(a)
x.max(a)[0]
x.topk(a, b)[0]
x.topk(a)[1].flatten()
x.argsort(a)
x.index_select(a, y.flatten().argsort() // 5000)
x.index_select(a, (y[0] * 0).long())
x.tril()
x.masked_fill(y > 0, 0.0)
x.new_zeros(a, b) + x
x.new_empty([a, b])
x.new_full((a, b), 1.0)
x.chunk(a + 1, b)[0]
x.split(a + 1, b)[-1]
x.split([a, b], c)[1]
x.tensor_split(a + 1, b)[-1]
x.tensor_split([a, b], c)[1]
x.unbind(a)[0]
torch.cat((x, y), a)
torch.cat((x, y, z), dim=-1)
torch.stack((x, y), a)
torch.stack([x, x, x], dim=a)
torch.maximum(x, y)
torch.where(x > 0, y, z)
torch.sigmoid(x)
torch.softmax(x, a)
torch.flatten(x, a, b)
torch.mean(x, a)
torch.zeros(a, b)
torch.ones((a, b))
torch.full((a, b), 2.0)
torch.arange(a, b)
torch.eye(a, b)
torch.eye(a)
torch.tensor([[1.0, 2.0], [3.0, 4.0]])
torch.as_tensor(2.0)
torch.outer(x.flatten(), y.flatten())
torch.einsum("bi,ij->bj", x, y)
torch.einsum("b...i,ij->b...j", x, y)
torch.einsum("bnc,mn->bmc", x, y)
torch.tensordot(x, y, dims=([a], [b]))
torch.tensordot(x, y, dims=1)
torch.linalg.vector_norm(x, dim=a, keepdim=True)
torch.zeros_like(x)
torch.clamp(x, 0, 1)
torch.clamp(x, None, y)
x.clamp(min=y)
x.add(other=y)
torch.div(x, y, rounding_mode="floor")
F.relu(x)
torch.bincount(x.flatten().long(), minlength=a + 1)
x.flatten()[:12].split(torch.bincount(x.flatten()[:12].long(), minlength=1).tolist())[0]
F.linear(x, y)
F.linear(x, y, y[:, 0])
F.glu(x, a)
F.pad(x, (a, b))
F.pad(x, (a, -b, c, d))
F.pad(x, (0, 0, 0, 0, a, b))
F.pad(x, (a, b), mode="reflect")
F.conv1d(x, y, stride=a + 1, padding=b, dilation=c + 1)
F.conv2d(x, y)
F.conv2d(x, y, None, a + 1, b, c + 1)
F.conv2d(x, y, groups=a + 1)
F.conv2d(x, y, padding="same")
F.conv_transpose2d(x, y, stride=a + 1, padding=b)
F.max_pool2d(x, a + 1, b + 1, c)
F.max_pool2d(x, a + 1, ceil_mode=True)
F.max_pool2d(x, a + 1, b + 1, c, ceil_mode=True)
F.max_pool1d(x, a + 1, b + 1)
F.avg_pool2d(x, a + 1, b + 1, c, ceil_mode=True)
F.avg_pool2d(x, (a + 1, b + 1))
F.avg_pool1d(x, a + 1)
F.adaptive_avg_pool2d(x[None, None], a + 1)
F.adaptive_max_pool2d(x[None, None], a + 1)
F.batch_norm(torch.cat((x, x)), None, None, y, training=True)
F.batch_norm(x, y.flatten(), y.flatten())
F.group_norm(torch.cat((x, x)), a + 1, y)
F.layer_norm(x, (a,))
F.layer_norm(x, x.shape[1:])
F.layer_norm(x, y.shape, y)
F.rms_norm(x, y.shape)
F.prelu(x, y)
F.scaled_dot_product_attention(x, y, y)
F.scaled_dot_product_attention(x, x, x, attn_mask=torch.ones(a + 1, a + 1))
F.pixel_shuffle(x, a + 1)
F.pixel_unshuffle(x, a + 1)
F.interpolate(x, scale_factor=a + 1)
F.interpolate(x, size=a + 1)
nn.Linear(a + 1, b)(x)
nn.Linear(a + 1, b, bias=False)(x)
nn.Bilinear(a + 1, b + 1, c + 1)(x, y)
F.bilinear(x, y, torch.zeros(a, x.shape[-1], y.shape[-1]))
nn.Conv2d(a + 1, b + 1, 3, padding=1)(x)
nn.Conv2d(a + 1, (a + 1) * 2, 3, groups=a + 1)(x)
nn.Conv2d(4, 6, 1, groups=a + 1)(x)
nn.Conv1d(a + 1, b + 1, 2, stride=2)(x)
nn.ConvTranspose2d(a + 1, b + 1, 2, stride=2)(x)
nn.ConvTranspose2d(a + 1, b + 1, 3, 2, 1, 1)(x)
nn.BatchNorm2d(a + 1)(torch.cat((x, x)))
nn.BatchNorm1d(a + 1)(torch.cat((x, x)))
nn.GroupNorm(a + 1, 4)(torch.cat((x, x)))
nn.LayerNorm(a + 1)(x)
nn.LayerNorm((a + 1, b + 1))(x)
nn.RMSNorm(a + 1)(x)
nn.PReLU(a + 1)(x)
nn.PReLU()(x)
nn.Flatten(a)(x)
nn.Unflatten(a, (b, -1))(x)
nn.MaxPool2d(a + 1, b + 1, c)(x)
nn.MaxPool2d(3, 2, 1, ceil_mode=True)(x)
nn.AvgPool2d(a + 1)(x)
nn.AdaptiveAvgPool2d((1, 1))(x[None, None])
nn.Upsample(scale_factor=2)(x)
nn.PixelShuffle(a + 1)(x)
nn.ChannelShuffle(a + 1)(x)
nn.Softmax(a)(x)
nn.Sequential(nn.Linear(a + 1, b), nn.ReLU())(x)
nn.ModuleList([nn.Identity(), nn.Flatten(a)])[1](x)
nn.ModuleDict({"a": nn.Identity()})["a"](x)
nn.Parameter(x) + y
""".strip().splitlines()

REFUSED = "refused"
#: With which Python says that sizes do not meet.
_ERRORS = (RuntimeError, IndexError, ValueError, TypeError, ZeroDivisionError)


@pytest.mark.parametrize("call", CALLS)
def test_calls_do_to_sizes_what_they_do_in_torch(call: str) -> None:
    dice = random.Random(call)
    for _ in range(few(20)):
        numbers = {name: dice.randint(0, 4) for name in "abcd"}
        drawn = _drawn(dice, [name for name in "xyz" if name in call])
        there = _there(call, numbers, drawn)
        # What has no numbers at all is torch's own affair.
        if there == REFUSED or 0 not in there:
            assert _here(call, numbers, drawn) == there, (numbers, drawn)


def _drawn(dice: random.Random, names: list[str]) -> dict[str, list[int]]:
    """Sizes of tensors, of which most that are drawn apart do not meet."""
    drawn: dict[str, list[int]] = {}
    for name in names:
        sizes = [dice.randint(1, 6) for _ in range(dice.randint(1, 5))]
        if drawn:
            x = drawn["x"]
            cut = dice.randrange(len(x))
            mixed = [
                dice.choice([n, x[min(k, len(x) - 1)]]) for k, n in enumerate(sizes)
            ]
            sizes = dice.choice([sizes, mixed, x, x[cut:]])
        drawn[name] = sizes
    return drawn


def _there(call: str, numbers: dict[str, int], drawn: dict[str, list[int]]) -> Any:
    tensors = {name: torch.zeros(sizes) for name, sizes in drawn.items()}
    try:
        made = eval(call, {"torch": torch, "F": F, "nn": nn}, {**numbers, **tensors})
    except _ERRORS:
        return REFUSED
    return tuple(made.shape)


def _here(call: str, numbers: dict[str, int], drawn: dict[str, list[int]]) -> Any:
    there = {"torch": run.torch, "F": run.functional, "nn": run.torch.nn}
    tensors = {name: Tensor(*sizes) for name, sizes in drawn.items()}
    try:
        made = eval(call, there, {**numbers, **tensors})
    except (Misshapen, *_ERRORS):
        return REFUSED
    return tuple(made.shape)
