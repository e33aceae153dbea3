"""A convolution that can do no more than run, as it stands in generated files."""

from typing import Any

import torch
from torch import Tensor, nn


class PackedConv2d(nn.Module):
    """A convolution for processors whose weight lies as oneDNN computes with it.

    Torch brings a weight into that order at each call otherwise. It gives no gradients, and
    what it has is in no state.

    Args:
        conv: the same convolution.
        size: of what comes in, with any batch, for which the order is chosen.
    """

    def __init__(self, conv: nn.Conv2d, size: torch.Size) -> None:
        super().__init__()
        self.told = conv.padding, conv.stride, conv.dilation, conv.groups
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(
            conv.weight.detach(), *self.told, list(size)
        )
        self.bias = None if conv.bias is None else conv.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and x.requires_grad:
            raise RuntimeError("a packed convolution gives no gradients")
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self.told, "none", [], ""
        )
        return made

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(
            "a packed convolution stays where it is: pack a network last"
        )

    _apply = _save_to_state_dict = _load_from_state_dict = __getstate__ = _refuse
