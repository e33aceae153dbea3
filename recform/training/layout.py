"""How the tensors of a network lie in memory while it is trained on images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Floats in the widest register of a CPU.
_REGISTER = 16


def laid_out(module: nn.Module, device: torch.device) -> nn.Module:
    """The same module, with the channels of a place side by side: that is fast.

    On a CPU all but those convolutions whose backward pass oneDNN gets wrong so: of one
    pixel, in strides, with fewer input channels than a register may have numbers. It can
    write beside its memory, or give wrong gradients (uxlfoundation/oneDNN#6035); in the
    usual order it is right.
    """
    module = module.to(memory_format=torch.channels_last)
    for part in module.modules() if device.type == "cpu" else ():
        if isinstance(part, nn.Conv2d) and _is_misread(part):
            # Of one pixel, a weight is laid out in both ways; strides tell torch which.
            part.weight.data = _usual(part.weight.data)
            part.register_forward_pre_hook(_first_usual)
    return module


def _is_misread(convolution: nn.Conv2d) -> bool:
    return (
        convolution.kernel_size == (1, 1)
        and convolution.stride != (1, 1)
        and convolution.in_channels // convolution.groups < _REGISTER
    )


def _first_usual(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (_usual(given[0]), *given[1:])


def _usual(tensor: Tensor) -> Tensor:
    # `contiguous` leaves a tensor of one channel as it is.
    return tensor.clone(memory_format=torch.contiguous_format)
