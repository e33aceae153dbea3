"""neural_ode against Euler steps of torchdiffeq."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchdiffeq import odeint

import recform
from tests.examples.modern.judges import MODERN


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_it_is_eulers_method(depth: int) -> None:
    torch.manual_seed(0)
    net = recform.load(MODERN / "neural_ode.rf", depth=depth).double()

    def field(t: Tensor, x: Tensor) -> Tensor:
        time = t.expand_as(x[:, :1])
        return net.F(torch.cat((x, time), dim=1))

    def judge(x: Tensor) -> Tensor:
        times = torch.linspace(0, 1, depth + 1, dtype=torch.float64)
        return net.head(odeint(field, net.stem(x), times, method="euler")[-1])

    x = torch.randn(3, 12, dtype=torch.float64)
    made, wanted = net(x), judge(x)
    torch.testing.assert_close(made, wanted, rtol=1e-10, atol=1e-11)
    change = torch.randn_like(made)
    parameters = list(net.parameters())
    mine = torch.autograd.grad(made, parameters, change)
    theirs = torch.autograd.grad(wanted, parameters, change)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
