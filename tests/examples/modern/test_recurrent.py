"""Recurrences over positions: torch's own layers are the judges, or loops from the papers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recform.compiler import compile_source, read

MODERN = Path(__file__).resolve().parents[3] / "examples" / "modern"
SMALL = {"vocabulary": 5, "length": 7}

torch.set_num_threads(1)

#: A network with weights and a block of it to what the paper says of the block.
Layer = Callable[[nn.Module, Tensor], Tensor]


def network(name: str, depth: int) -> nn.Module:
    """A small one in double precision, with weights that show each of their places."""
    source, folder = read(MODERN / f"{name}.rf")
    (compiled,) = compile_source(source, {**SMALL, "depth": depth}, folder)
    assert not compiled.warnings
    torch.manual_seed(depth)
    net = compiled.module().double().eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    return net


def agree(net: nn.Module, layer: Layer) -> None:
    """The output, and the gradients of all parameters and of the input, are the judge's."""
    x = torch.randn(2, 7, 5, dtype=torch.float64, requires_grad=True)
    made = net(x)
    wanted = net.stem(x)
    for block in net.blocks:
        wanted = layer(block, wanted)
    wanted = net.head(wanted)
    torch.testing.assert_close(made, wanted, rtol=1e-10, atol=1e-10)
    weights = torch.randn_like(made)
    learned = [x, *net.parameters()]
    ours, theirs = (
        torch.autograd.grad((y * weights).sum(), learned) for y in (made, wanted)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def before(x: Tensor) -> Tensor:
    """What is kept before the first position."""
    return x.new_zeros(x.shape[0], x.shape[2])


def over(x: Tensor, step: Callable[[Tensor], Tensor]) -> Tensor:
    """A loop over positions."""
    return torch.stack([step(x[:, t]) for t in range(x.shape[1])], 1)


# ------------------------------------------------------------------------------ torch's own


def run(
    layer: type[nn.RNNBase], weights: list[tuple[nn.Linear, nn.Linear]], x: Tensor
) -> Tensor:
    """A layer of torch's; its matrices are those of the gates, one below the other."""
    width = x.shape[-1]
    judge = layer(width, width, batch_first=True).double()  # type: ignore[call-arg]
    given, kept = zip(*weights, strict=True)
    state = {
        "weight_ih_l0": torch.cat([part.weight for part in given]),
        "bias_ih_l0": torch.cat([part.bias for part in given]),
        "weight_hh_l0": torch.cat([part.weight for part in kept]),
        "bias_hh_l0": torch.cat([part.bias for part in kept]),
    }
    made: Tensor = torch.func.functional_call(judge, state, (x,))[0]
    return made


def rnn(block: nn.Module, x: Tensor) -> Tensor:
    return x + run(nn.RNN, [(block.U.fc, block.Hcell.W)], x)


def gru(block: nn.Module, x: Tensor) -> Tensor:
    cell = block.Hcell
    gates = [(block.Rx.fc, cell.Rh), (block.Zx.fc, cell.Zh), (block.Nx.fc, cell.Nh)]
    return run(nn.GRU, gates, x)


def lstm(block: nn.Module, x: Tensor) -> Tensor:
    cell = block.Hcell
    gates = [
        (block.Ix.fc, cell.Ih),
        (block.Fx.fc, cell.Fh),
        (block.Gx.fc, cell.Gh),
        (block.Ox.fc, cell.Oh),
    ]
    return run(nn.LSTM, gates, x)


# ------------------------------------------------------------------------- from the papers


def mingru(block: nn.Module, x: Tensor) -> Tensor:
    kept = before(x)

    def step(x: Tensor) -> Tensor:
        nonlocal kept
        normed = block.N(x)
        z = torch.sigmoid(block.G(normed))
        kept = (1 - z) * kept + z * block.C(normed)
        return kept

    y = x + over(x, step)
    return y + block.M(y)


def minlstm(block: nn.Module, x: Tensor) -> Tensor:
    kept = before(x)

    def step(x: Tensor) -> Tensor:
        nonlocal kept
        normed = block.N(x)
        forget, let = block.P(normed), block.Q(normed)
        total = forget + let
        kept = forget / total * kept + let / total * block.C(normed)
        return kept

    y = x + over(x, step)
    return y + block.M(y)


def diagonal_ssm(block: nn.Module, x: Tensor) -> Tensor:
    """The matrices as they stand in the papers, diag(a) a matrix."""
    cell = block.Hcell
    a = torch.diag(torch.sigmoid(cell.r))
    h = x.new_zeros(x.shape[0], a.shape[0])

    def step(x: Tensor) -> Tensor:
        nonlocal h
        u = block.N(x)
        h = h @ a.T + u @ block.B.fc.weight.T
        y = h @ block.C.fc.weight.T + u @ torch.diag(block.d).T
        return block.G(y)

    return x + over(x, step)


def linear_attention(block: nn.Module, x: Tensor) -> Tensor:
    """In its parallel form: products of all queries and keys, those of later keys gone."""
    u = block.N(x)
    q, k = (F.elu(part(u)) + 1 for part in (block.Q, block.K))
    weights = (q @ k.mT).tril()
    y = x + block.O((weights / weights.sum(-1, keepdim=True)) @ block.V(u))
    return y + block.M(y)


def deltanet(block: nn.Module, x: Tensor) -> Tensor:
    """Products of matrices: S (1 - b k k^T) + b v k^T."""
    width = x.shape[-1]
    state = x.new_zeros(x.shape[0], width, width)
    one = torch.eye(width, dtype=x.dtype)

    def step(x: Tensor) -> Tensor:
        nonlocal state
        u = block.N(x)
        k, q = (F.silu(part(u)) for part in (block.K, block.Q))
        k = (k / k.norm(dim=-1, keepdim=True))[:, :, None]
        b, v = block.B(u)[:, :, None], block.V(u)[:, :, None]
        state = state @ (one - b * k @ k.mT) + b * v @ k.mT
        return (state @ q[:, :, None])[:, :, 0]

    y = x + block.O(over(x, step))
    return y + block.M(y)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("rnn", rnn),
        ("gru", gru),
        ("lstm", lstm),
        ("mingru", mingru),
        ("minlstm", minlstm),
        ("diagonal_ssm", diagonal_ssm),
        ("linear_attention", linear_attention),
        ("deltanet", deltanet),
    ],
)
def test_judge(name: str, layer: Layer, depth: int) -> None:
    agree(network(name, depth), layer)


@pytest.mark.parametrize("name", ["mingru", "diagonal_ssm", "linear_attention", "lstm"])
def test_later_tokens_change_nothing_before(name: str) -> None:
    net = network(name, 2)
    x = torch.randn(1, 7, 5, dtype=torch.float64)
    other = x.clone()
    other[:, 4:] += 1
    made, changed = net(x), net(other)
    torch.testing.assert_close(made[:, :4], changed[:, :4], rtol=1e-12, atol=1e-12)
    assert not torch.allclose(made[:, 4:], changed[:, 4:])
