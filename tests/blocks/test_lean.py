"""A pass that keeps little, against the plain pass: what is kept, values, gradients."""

from __future__ import annotations

import copy
import gc
import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from recform.blocks.support.again import Again
from recform.blocks.support.lean import Lean

torch.set_num_threads(1)


class Framed(nn.Module):
    """A module in the frame."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    @Lean.forward
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)  # type: ignore[no-any-return]


class Of(nn.Module):
    """A function of some modules and a tensor."""

    def __init__(self, call: Callable[..., Tensor], *modules: nn.Module) -> None:
        super().__init__()
        self.call, self.parts = call, nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        return self.call(x, *self.parts)


def attended(x: Tensor, maps: nn.Module) -> Tensor:
    q, k, v = torch.unflatten(maps(x), 2, (3, 2, -1)).permute(2, 0, 3, 1, 4)
    made = F.scaled_dot_product_attention(q, k, v, dropout_p=0.25)
    return made.transpose(1, 2).flatten(2)


def powers(x: Tensor) -> Tensor:
    places, ones = torch.arange(6.0), torch.ones(6, 1)
    return x * (2 ** (places + ones)).cos()


def dense(x: Tensor, *layers: nn.Module) -> Tensor:
    made = [x]
    for layer in layers:
        made.append(layer(torch.cat(made, 1)))
    return torch.cat(made, 1)


def conv(before: int, after: int, size: int = 1) -> nn.Module:
    return nn.Conv2d(before, after, size, padding=size // 2, bias=False)


def normed(before: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(before), nn.ReLU(), conv(before, 3))


def images(*parts: nn.Module) -> tuple[nn.Module, tuple[int, ...]]:
    return nn.Sequential(conv(3, 4), *parts), (2, 3, 6, 6)


def tokens(*parts: nn.Module) -> tuple[nn.Module, tuple[int, ...]]:
    return nn.Sequential(nn.Linear(4, 8), *parts), (3, 5, 4)


BODIES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "batch norm": images(nn.BatchNorm2d(4), nn.ReLU(), conv(4, 4)),
    "norms that learn nothing": images(
        nn.BatchNorm2d(4, affine=False), nn.SiLU(), nn.GroupNorm(2, 4), conv(4, 4)
    ),
    "a norm that counts nothing": images(
        nn.BatchNorm2d(4, track_running_stats=False), nn.Hardswish(), conv(4, 4)
    ),
    "pools": images(
        nn.BatchNorm2d(4),
        nn.ReLU6(),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        conv(4, 4),
        nn.AvgPool2d(2),
        conv(4, 4),
    ),
    "in place": images(
        nn.BatchNorm2d(4), nn.ReLU(inplace=True), conv(4, 4), nn.Hardsigmoid(True)
    ),
    "a chain that is cut": images(
        *(
            Of(
                lambda x, f, norm: F.relu(x - F.relu(norm(f(x)))),
                conv(4, 4, 3),
                nn.BatchNorm2d(4),
            )
            for _ in range(12)
        )
    ),
    "a gate": images(
        Of(
            lambda x, f, g: f(x) * g(f(x).mean((2, 3), keepdim=True)),
            conv(4, 4),
            nn.Sequential(conv(4, 4), nn.Sigmoid()),
        ),
        conv(4, 2),
    ),
    "a dense block": images(Of(dense, normed(4), normed(7), normed(10)), conv(13, 2)),
    "tokens": tokens(
        nn.LayerNorm(8), nn.Linear(8, 6), nn.GELU("tanh"), nn.Dropout(), nn.Linear(6, 8)
    ),
    "attention": tokens(
        nn.RMSNorm(8), Of(attended, nn.Linear(8, 24)), nn.Linear(8, 4), nn.Softmax(-1)
    ),
    "a number to a power": images(Of(powers), conv(4, 4)),
    "across": tokens(
        nn.Tanh(),
        Of(lambda x, f: f(x.transpose(1, 2)).transpose(1, 2), nn.Linear(5, 7)),
        Of(lambda x, f: F.relu(f(x.sin().transpose(1, 2))).neg(), nn.Linear(7, 6)),
        nn.Softmax(-1),
    ),
    "a grid of a size": images(
        *(conv(4, 6), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveMaxPool2d(3)),
        conv(6, 4),
    ),
    "greatest": images(
        *(conv(4, 40), nn.BatchNorm2d(40), nn.ReLU()),
        Of(lambda x: x * x.amax((2, 3), keepdim=True)),
    ),
    "greatest of all": images(
        *(conv(4, 40), nn.BatchNorm2d(40)),
        Of(lambda x: torch.linalg.vector_norm(x, math.inf, (2, 3)) + x.max()),
    ),
    "complex numbers": tokens(
        Of(lambda x: torch.fft.irfft(torch.fft.rfft(x).conj() ** 2)), nn.Linear(8, 2)
    ),
}


def gradients(net: nn.Module, x: Tensor, *, seed: int = 0) -> list[Tensor]:
    """What a pass makes, and the gradients of a weighed sum of it."""
    torch.manual_seed(seed)
    x = x.clone().requires_grad_()
    made = net(x)
    (made * torch.linspace(-1, 1, made.numel()).view_as(made)).sum().backward()
    assert x.grad is not None
    given = [p.grad for p in net.parameters() if p.grad is not None]
    return [made.detach(), x.grad, *given, *net.buffers()]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", BODIES)
def test_gradients(name: str, training: bool) -> None:
    """Those of the plain pass; and statistics are updated once."""
    body, sizes = copy.deepcopy(BODIES[name])
    torch.manual_seed(1)
    body = body.double().train(training)
    x = torch.randn(sizes, dtype=torch.float64)
    for layout in (torch.contiguous_format, torch.channels_last):
        if x.dim() == 4:
            body, x = body.to(memory_format=layout), x.to(memory_format=layout)  # type: ignore[call-overload]
        plain, lean = copy.deepcopy(body), Framed(copy.deepcopy(body))
        wanted, found = gradients(plain, x), gradients(lean, x)
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


def kept(net: nn.Module, x: Tensor) -> int:
    """The bytes that torch has given out, and not taken back, behind a pass."""
    net(x)  # What torch makes once and keeps is none of it.
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        made = net(x)
    total = sum(item.self_cpu_memory_usage for item in found.key_averages())
    return int(total - made.untyped_storage().nbytes())


def test_what_is_kept() -> None:
    """By arithmetic, of numbers of 8 bytes."""
    x = torch.randn(2, 3, 8, 8).double()
    net = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(conv(4, 4), nn.BatchNorm2d(4), nn.SiLU(), conv(4, 4)),
    ).double()
    before, behind = 2 * 4 * 6 * 6, 2 * 4 * 3 * 3
    statistics = 2 * 2 * 4
    assert kept(net, x) == 8 * (2 * before + 5 * behind + statistics)
    assert kept(Framed(net), x) == 8 * (before + behind + statistics) + 2 * behind


def test_places_are_kept_as_small_ones() -> None:
    x = torch.randn(2, 3, 8, 8).double()
    net = nn.Sequential(conv(3, 4), nn.AdaptiveMaxPool2d(4), conv(4, 4)).double()
    before, behind = 2 * 4 * 8 * 8, 2 * 4 * 4 * 4
    assert kept(net, x) == 8 * (before + 2 * behind)
    assert kept(Framed(net), x) == 8 * before + 2 * behind


def test_what_is_kept_of_tokens() -> None:
    x = torch.randn(64, 8).double()
    net = nn.Sequential(
        *(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 16)),
        *(nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 4)),
    ).double()
    statistics, mask = 2 * 64, 64 * 16
    assert kept(net, x) == 8 * (2 * 64 * 8 + statistics + 3 * 64 * 16)
    assert kept(Framed(net), x) == 8 * (64 * 8 + statistics + 64 * 16) + mask


def test_rows_that_are_put_in_order_are_not_kept() -> None:
    """Torch copies what is transposed for a product: a copy is cheap to make again."""
    net, size = tokens(nn.Tanh(), Of(lambda x, f: f(x.mT), nn.Linear(5, 7)))
    assert kept(Framed(net), torch.randn(size)) == 4 * (3 * 5 * 8)


def test_nothing_lives_on() -> None:
    """Neither behind the backward pass nor if there is none."""
    body, sizes = copy.deepcopy(BODIES["batch norm"])
    lean, x = Framed(body), torch.randn(sizes)

    def alive() -> int:
        return sum(type(item) is Again for item in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = alive()
        made = lean(x)
        assert alive() > before
        torch.save(made, io.BytesIO())
        made.sum().backward()
        assert alive() == before
        lean(x)
        assert alive() == before
    finally:
        gc.enable()


def test_a_deep_chain_is_cut() -> None:
    """Nothing is made again in so many steps that Python would refuse."""
    shift = torch.zeros(4, requires_grad=True)

    def chain(x: Tensor, first: nn.Module, last: nn.Module) -> Tensor:
        x = first(x)
        for _ in range(800):
            x = (x + shift).abs()
        return last(x)

    body = Of(chain, nn.Linear(4, 4), nn.Linear(4, 4))
    x = torch.randn(2, 4)
    plain = gradients(body, x)
    body.zero_grad()
    torch.testing.assert_close(gradients(Framed(body), x), plain)


def whole() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(2)
    parts = [BODIES["a chain that is cut"], BODIES["batch norm"]]
    body = nn.Sequential(parts[0][0], nn.Sequential(nn.SiLU(), conv(4, 3)), parts[1][0])
    return copy.deepcopy(body).double(), torch.randn(2, 3, 6, 6).double()


class Subtracting(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>) - W_<i-1>*X_<i-2>, three times."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv(3, 4)
        self.convs = nn.ModuleList(conv(4, 4) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = wx_prev = self.first(x)
        for layer, norm in zip(self.convs, self.norms, strict=True):
            wx = norm(layer(x))
            x, wx_prev = F.relu(x + wx) - wx_prev, wx
        return x * x


def test_what_two_are_made_of_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor that is needed now and soon after waits, if that is in the same chain."""
    torch.manual_seed(0)
    plain = Subtracting().double()
    framed = Framed(copy.deepcopy(plain))
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    plain(x).sum().backward()
    calls = []
    normed = Lean.normed

    def counted(*args: Any) -> Tensor:
        calls.append(args)
        return normed(*args)

    monkeypatch.setattr(Lean, "normed", staticmethod(counted))
    framed(x).sum().backward()
    assert len(calls) == 3
    wanted = [p.grad for p in plain.parameters()]
    torch.testing.assert_close([p.grad for p in framed.parameters()], wanted)


def test_twice_in_one_pass_and_twice_back() -> None:
    """A module that runs twice; two passes, then both back; a pass twice back."""

    def found(body: nn.Module, net: nn.Module, x: Tensor) -> list[Any]:
        first, second = net(net(x[:, :3])[:, :3]), net(x.flip(0))
        first.sum().backward(retain_graph=True)
        (second * first.detach()).sum().backward()
        first.square().sum().backward()
        return [p.grad for p in body.parameters()]

    body, x = whole()
    other = copy.deepcopy(body)
    torch.testing.assert_close(
        found(body, Framed(body), x), found(other, other, x), rtol=1e-9, atol=1e-11
    )


def test_derivatives_of_derivatives() -> None:
    def found(net: nn.Module, x: Tensor) -> list[Tensor]:
        x = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(net(x).square().sum(), x, create_graph=True)
        slope.square().sum().backward()
        return [x.grad, *(p.grad for p in net.parameters())]  # type: ignore[list-item]

    body, x = whole()
    other = Framed(copy.deepcopy(body))
    torch.testing.assert_close(found(other, x), found(body, x), rtol=1e-9, atol=1e-9)


def test_changes_are_seen() -> None:
    """What was changed between the passes is told, not used."""
    body, sizes = copy.deepcopy(BODIES["batch norm"])
    made = Framed(body)(torch.randn(sizes))
    with torch.no_grad():
        body[1].bias.add_(1)  # type: ignore[index, operator, union-attr]
    with pytest.raises(RuntimeError, match=r"was changed in place .* shape \[4\]"):
        made.sum().backward()


def test_lower_precision() -> None:
    for name in ("batch norm", "tokens"):
        body, sizes = copy.deepcopy(BODIES[name])
        x = torch.randn(sizes)
        found = []
        for net in (copy.deepcopy(body), Framed(copy.deepcopy(body))):
            with torch.autocast("cpu", torch.bfloat16):
                torch.manual_seed(0)
                made = net(x)
            made.float().square().sum().backward()
            found.append([p.grad for p in net.parameters()])
        torch.testing.assert_close(found[1], found[0], rtol=1e-2, atol=1e-2)


def test_where_it_is_plain() -> None:
    """Without gradients, compiled, traced, and under torch.func."""
    body, x = whole()
    lean = Framed(body)
    with torch.no_grad():
        wanted = body(x)
        torch.testing.assert_close(lean(x), wanted)
    compiled = torch.compile(lean, backend="eager", fullgraph=True)
    other = copy.deepcopy(body)
    torch.testing.assert_close(gradients(compiled, x), gradients(other, x))
    lean.eval()
    weights = dict(lean.named_parameters())

    def loss(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(lean, weights, x[None]).sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, x)
    lean.zero_grad()
    lean(x).sum().backward()
    for name, weight in lean.named_parameters():
        torch.testing.assert_close(each[name].sum(0), weight.grad)
