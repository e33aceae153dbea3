"""The parallel scan that generated files bring, against a loop."""

from __future__ import annotations

import pytest
import torch

from recform.blocks.support.scan import scan

torch.set_num_threads(1)


def loop(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    made = [b[:, 0]]
    for now, new in zip(a.unbind(1)[1:], b.unbind(1)[1:], strict=True):
        made.append(now * made[-1] + new)
    return torch.stack(made, 1)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 64, 129])
@pytest.mark.parametrize("kind", ["each", "gate", "feature", "one"])
def test_loop(length: int, kind: str) -> None:
    """Values and gradients of both arguments, factors of both signs."""
    torch.manual_seed(length)
    sizes = {
        "each": (2, length, 3),
        "gate": (2, length, 1),
        "feature": (3,),
        "one": (1,),
    }
    a = (2 * torch.rand(sizes[kind], dtype=torch.float64) - 1).requires_grad_()
    b = torch.randn(2, length, 3, dtype=torch.float64, requires_grad=True)
    made, wanted = scan(a, b), loop(a.expand_as(b), b)
    torch.testing.assert_close(made, wanted, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(b)
    ours, theirs = (
        torch.autograd.grad((y * weights).sum(), [a, b], materialize_grads=True)
        if length > 1
        else torch.autograd.grad((y * weights).sum(), [b])
        for y in (made, wanted)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


def test_single_precision() -> None:
    """Gates in (0, 1), near to both ends: nothing is divided, and nothing overflows."""
    torch.manual_seed(0)
    a = torch.sigmoid(8 * torch.randn(2, 1000, 4))
    b = (1 - a) * torch.randn(2, 1000, 4)
    assert (a == 1).any() or (a > 1 - 1e-5).any()
    torch.testing.assert_close(scan(a, b), loop(a, b), rtol=1e-6, atol=1e-6)
    # 0.9^1000 is no number of single precision's; a loop never meets it.
    b = torch.randn(1, 1000, 2)
    made = scan(0.9, b)
    torch.testing.assert_close(
        made, loop(torch.full_like(b, 0.9), b), rtol=1e-5, atol=1e-5
    )
    assert scan(torch.zeros(1), b).equal(b)


def test_large_factors() -> None:
    """Values that grow, and factors that are zero, as a loop has them."""
    torch.manual_seed(1)
    a = torch.randn(1, 40, 3, dtype=torch.float64) * 3
    a[:, ::7] = 0
    b = torch.randn(1, 40, 3, dtype=torch.float64)
    torch.testing.assert_close(scan(a, b), loop(a, b), rtol=1e-12, atol=1e-12)
