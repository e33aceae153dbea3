"""Batches that are normalised again, against torch."""

from __future__ import annotations

from weakref import ref

import pytest
import torch
from torch import Tensor, nn

from recform.blocks.support.batches import Batches


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (nn.BatchNorm1d, (4, 5, 7)),
        (nn.BatchNorm2d, (3, 4, 5, 6)),
        (nn.BatchNorm3d, (2, 3, 2, 3, 4)),
        (nn.BatchNorm2d, (3, 1, 4, 4)),
    ],
)
def test_what_is_made_and_what_is_kept(
    kind: type[nn.Module],
    shape: tuple[int, ...],
    affine: bool,
    dtype: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both are torch's, also where the means are large."""
    torch.manual_seed(0)
    monkeypatch.setattr(Batches, "LEAST", 0)
    assert Batches.knows()
    module = kind(shape[1], affine=affine, eps=0.01, track_running_stats=False)
    module.to(dtype)
    if affine:
        nn.init.normal_(module.weight)
        nn.init.normal_(module.bias)
    x = (30 + 2 * torch.randn(shape, dtype=dtype)).requires_grad_()
    kept: list[Tensor] = []

    def pack(tensor: Tensor) -> None:
        if tensor is not module.weight:
            kept.append(tensor)

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept):
        wanted = module(x)
    with monkeypatch.context() as patch:
        patch.setattr(nn.functional, "batch_norm", None)  # It is not asked.
        found: list[Tensor] = []
        made = Batches.again(module, found, x)
    torch.testing.assert_close(made.detach(), wanted.detach())
    torch.testing.assert_close(found, kept)
    assert made.requires_grad


def test_where_torch_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no rows, what is shorter, what is small, and where torch keeps it otherwise."""
    plane = torch.randn(4, 3, 8, 8, requires_grad=True)
    flat = torch.randn(4, 3, requires_grad=True)
    monkeypatch.setattr(Batches, "LEAST", 0)

    def is_torch(module: nn.Module, x: Tensor) -> bool:
        found: list[Tensor] = []
        torch.testing.assert_close(Batches.again(module, found, x), module(x))
        return not found

    image = nn.BatchNorm2d(3)
    assert not is_torch(image, plane)
    assert is_torch(nn.BatchNorm1d(3), flat)
    assert is_torch(image, plane.to(memory_format=torch.channels_last))
    assert is_torch(image, plane.detach().bfloat16().requires_grad_())
    with monkeypatch.context() as patch:
        patch.setattr(Batches, "known", False)
        assert is_torch(image, plane)
    monkeypatch.setattr(Batches, "LEAST", 2**15)
    assert is_torch(image, plane)


def test_nobody_holds_what_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Autograd keeps a leaf as long as what is made of it, which needs no more of it."""
    monkeypatch.setattr(Batches, "LEAST", 0)
    x = torch.randn(4, 3, 8, 8, requires_grad=True)
    made = Batches.again(nn.BatchNorm2d(3), [], x)
    behind, there = torch.relu(made), ref(made)
    del made
    assert there() is None
    assert behind.requires_grad
