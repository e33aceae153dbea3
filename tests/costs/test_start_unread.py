"""What is kept, where the first block makes anew what could have been made before it."""

from __future__ import annotations

import pytest
import torch

import recform


@pytest.mark.parametrize("factor", ["*sigmoid(X_<i-1>)", "/(1 + exp(X_<i-1>))"])
def test_kept_is_what_torch_keeps(factor: str) -> None:
    text = (
        "input 8\nstages 8 x 3\nstem linear(c)\nW = linear(c) > tanh\n"
        f"X_i = X_<i-1>{factor} + W_i*X_<i-1>{factor}"
    )
    net = recform.load(text)
    weights = {p.data_ptr() for p in net.parameters()}
    kept = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes() // 4, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        net(torch.randn(1, 8))
    assert recform.compile(text).graph.totals.kept.numbers == sum(
        n for n, _ in kept.values()
    )
