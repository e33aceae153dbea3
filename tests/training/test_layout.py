"""How a network lies in memory while it is trained."""

import pytest
import torch
from torch import nn

from recform.training.examples import channels_last
from recform.training.layout import laid_out


@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "usual"),
    [
        (1, 1, 2, True),
        (4, 1, 2, True),
        (15, 1, (1, 2), True),
        (16, 1, 2, False),
        (4, 1, 1, False),
        (4, 3, 2, False),
    ],
)
def test_gradients_are_those_of_the_usual_order(
    channels: int, kernel: int, stride: int | tuple[int, int], usual: bool
) -> None:
    """oneDNN writes beside its memory where the channels of few lie side by side."""
    module = nn.Conv2d(channels, 8, kernel, stride, bias=False)
    images = torch.randn(4, channels, 8, 8)
    (expected,) = torch.autograd.grad(module(images).square().sum(), module.weight)
    same = laid_out(module, torch.device("cpu"))
    assert same is module
    assert bool(module._forward_pre_hooks) is usual
    found = module(channels_last(images))
    found.square().sum().backward()
    assert module.weight.grad is not None
    torch.testing.assert_close(module.weight.grad, expected)
    strides = found.stride()
    assert (strides[1] == 1) is not usual


def test_a_gpu_has_all_channels_side_by_side() -> None:
    with torch.device("meta"):
        module = nn.Conv2d(4, 8, 1, 2)
    assert not laid_out(module, torch.device("cuda"))._forward_pre_hooks
