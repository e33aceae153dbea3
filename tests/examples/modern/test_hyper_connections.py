"""Hyper-connections against the package hyper-connections, with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from hyper_connections import HyperConnections
from hyper_connections.manifold_constrained_hyper_connections import (
    ManifoldConstrainedHyperConnections,
)
from torch import Tensor, nn

import recform

MODERN = Path(__file__).parents[3] / "examples" / "modern"


def peer(
    network: nn.Module, make: Callable[..., nn.Module], n: int
) -> tuple[nn.Module, list[nn.Module]]:
    """The package's network around the layers of ours, and its connections."""
    connections = [
        make(n, dim=24, branch=block.T, layer_index=place).double()
        for place, block in enumerate(network.blocks)
    ]

    class Peer(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = network.stem(x)[:, 0].repeat_interleave(n, 0)
            for connection in connections:
                x = connection(x)
            return network.head(x.unflatten(0, (-1, n)))

    return Peer(), connections


def close(mine: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_static(n: int, depth: int) -> None:
    torch.manual_seed(0)
    path = MODERN / "hyper_connections.rf"
    network = recform.load(path, n=n, depth=depth).double()
    theirs, connections = peer(network, HyperConnections, n)
    for connection, block in zip(connections, network.blocks, strict=True):
        # As both start, before numbers are drawn.
        close(block.R.read, connection.static_alpha[:, 0].detach())
        close(block.A.weave, connection.static_alpha[:, 1:].T.detach())
        close(block.B.write, connection.static_beta.detach())
        with torch.no_grad():
            connection.static_alpha.normal_()
            connection.static_beta.normal_()
            block.R.read.copy_(connection.static_alpha[:, 0])
            block.A.weave.copy_(connection.static_alpha[:, 1:].T)
            block.B.write.copy_(connection.static_beta)
    x = torch.randn(2, 16, 24, dtype=torch.float64)
    change = torch.randn(2, 10, dtype=torch.float64)
    close(network(x), theirs(x))
    first, last = network.blocks[0], connections[0]
    shared = [network.stem.fc.weight, first.T.fc1.weight]
    ours = torch.autograd.grad(
        network(x), [*shared, first.R.read, first.A.weave, first.B.write], change
    )
    of = torch.autograd.grad(
        theirs(x), [*shared, last.static_alpha, last.static_beta], change
    )
    for mine, other in zip(ours[:2], of[:2], strict=True):
        close(mine, other)
    close(torch.column_stack((ours[2], ours[3].T)), of[2])
    close(ours[4], of[3])


def weights(connection: nn.Module, scales: Mapping[str, str]) -> dict[str, Tensor]:
    """What the parameters of a block are in the package, by their names of ours."""
    alpha = connection.dynamic_alpha_fn.reshape(24, -1)
    static = connection.static_alpha
    return {
        "N.norm.weight": connection.norm.gamma + 1,
        "P.fc.weight": alpha[:, :1].T,
        "Q.fc.weight": alpha[:, 1:].T,
        "O.fc.weight": connection.dynamic_beta_fn[None],
        "p.offset": static[:, :1],
        "q.offset": static[:, 1:],
        "o.offset": connection.static_beta[:, None],
        **{
            ours: getattr(connection, theirs).view(1) for ours, theirs in scales.items()
        },
    }


DYNAMIC = {"a": "dynamic_alpha_scale", "b": "dynamic_beta_scale"}
CONSTRAINED = {"a": "pre_branch_scale", "b": "residual_scale", "g": "h_post_scale"}


@pytest.mark.parametrize("depth", [1, 3, 8])
@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize(
    ("file", "make", "scales"),
    [
        ("hyper_connections_dynamic", HyperConnections, DYNAMIC),
        ("mhc", ManifoldConstrainedHyperConnections, CONSTRAINED),
    ],
)
def test_dynamic(
    file: str,
    make: Callable[..., nn.Module],
    scales: Mapping[str, str],
    n: int,
    depth: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The package computes its matrices in float32, whatever comes in.
    monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor)
    torch.manual_seed(0)
    path = MODERN / f"{file}.rf"
    network = recform.load(path, n=n, depth=depth, eps=0).double()
    theirs, connections = peer(network, make, n)
    for connection, block in zip(connections, network.blocks, strict=True):
        start = weights(connection, scales)
        own = dict(block.named_parameters())
        assert start.keys() == {key for key in own if not key.startswith("T.")}
        for name in ("p.offset", "q.offset", "o.offset", *scales):
            close(own[name].double(), start[name])
        with torch.no_grad():
            for name, parameter in connection.named_parameters():
                if not name.startswith("branch"):
                    parameter.normal_()
            for name, value in weights(connection, scales).items():
                own[name].copy_(value)
    x = torch.randn(2, 16, 24, dtype=torch.float64)
    change = torch.randn(2, 10, dtype=torch.float64)
    close(network(x), theirs(x))
    network(x).backward(change)
    mine = {k: p.grad.clone() for k, p in network.named_parameters()}
    network.zero_grad()
    theirs(x).backward(change)
    for place, (connection, block) in enumerate(
        zip(connections, network.blocks, strict=True)
    ):
        # Ours as functions of theirs: the gradients by theirs follow from those of ours.
        for name, parameter in block.T.named_parameters():
            close(mine[f"blocks.{place}.T.{name}"], parameter.grad)
        ours = weights(connection, scales)
        total = sum(
            (mine[f"blocks.{place}.{name}"] * value).sum()
            for name, value in ours.items()
        )
        own = [p for k, p in connection.named_parameters() if "branch" not in k]
        wanted = torch.autograd.grad(total, own)
        for parameter, expected in zip(own, wanted, strict=True):
            close(expected, parameter.grad)
