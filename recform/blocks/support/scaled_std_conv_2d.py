"""A convolution with scaled weight standardisation, as it stands in generated files."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ScaledStdConv2d(nn.Conv2d):
    """A convolution whose kernels have mean 0 and variance gamma^2/fan-in, times a gain."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        gamma: float = 1.0,
        gain: float = 1.0,
        eps: float = 1e-5,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
        )
        self.scale = gamma * self.weight[0].numel() ** -0.5
        self.eps = eps
        self.gain = nn.Parameter(torch.full((out_channels, 1, 1, 1), float(gain)))

    def forward(self, input: Tensor) -> Tensor:
        # A batch norm of the weights, each kernel a channel.
        kernels = self.weight.reshape(1, self.out_channels, -1)
        scale = (self.gain * self.scale).view(-1)
        weight = F.batch_norm(
            kernels, None, None, weight=scale, training=True, momentum=0.0, eps=self.eps
        )
        weight = weight.reshape_as(self.weight)
        return F.conv2d(
            input,
            weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )
