"""Hyper-connections against the package hyper-connections, with the same weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from hyper_connections import HyperConnections
from torch import Tensor, nn

import recform

MODERN = Path(__file__).parents[3] / "examples" / "modern"
Weights = dict[str, Tensor]


def peer(network: nn.Module, n: int, width: int) -> tuple[nn.Module, list[nn.Module]]:
    """The package's network around the layers of ours, and its connections."""
    make = partial(HyperConnections, n, dim=width)
    connections = [
        make(branch=block.T, layer_index=place).double()
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
    theirs, connections = peer(network, n, 24)
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
