"""StochasticDepth110, from stochastic_depth.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  stochastic_depth.rf
sha256:  f5abd991521d3aba987f4cc28e54faebb55750c8f7c5e206038ef7efedc269cd
recform: 0.1.0
command: recform compile stochastic_depth.rf -o stochastic_depth.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["StochasticDepth110"]


class DropPath(nn.Module):
    """In training, drops the whole of an example with this probability."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = 1 - self.rate
        mask = x.new_empty([x.shape[0]]).bernoulli_(kept)
        # What is kept grows, so that the mean stays.
        scale = mask / kept if kept > 0 else mask
        # A number for each example, of whatever shape: examples are the last axis.
        return (x.transpose(0, -1) * scale).transpose(0, -1)

    def extra_repr(self) -> str:
        return f"rate={self.rate:.4g}"


class FBlock(nn.Module):
    """f = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn > droppath(i/L*(1 - p))"""

    def __init__(
        self, in_channels: int, channels: int, i: int, depth: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.drop_path = DropPath(0.5 * i / depth)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:14
        return self.drop_path(self.bn2(self.conv2(x)))  # rf:14


class Shortcut(nn.Module):
    """adapter avgpool(s) > zeropad(c)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.in_channels = in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(
            F.avg_pool2d(x, self.stride),
            (0, 0, 0, 0, 0, self.channels - self.in_channels),
        )  # rf:11


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """avgpool(s) > zeropad(c), for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return Shortcut(in_channels, channels, stride=stride)


class Step(nn.Module):
    """H_i = relu(f_i(H_<i-1>) + H_<i-1>)

    Takes h_prev = H_<i-1>.
    Hands on H_i.
    """

    def __init__(
        self, in_channels: int, channels: int, i: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.f = FBlock(in_channels, channels, i, 54, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, h_prev: Tensor) -> Tensor:
        return F.relu(self.f(h_prev) + self.shortcut(h_prev))  # rf:16


class Stem(nn.Module):
    """stem conv(3, 16) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:9


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:12


class StochasticDepth110(nn.Module):
    """H_i = relu(f_i(H_<i-1>) + H_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[Step(16, 16, i=1 + k) for k in range(18)])
        self.stage2 = nn.Sequential(
            Step(16, 32, i=19, stride=2), *[Step(32, 32, i=20 + k) for k in range(17)]
        )
        self.stage3 = nn.Sequential(
            Step(32, 64, i=37, stride=2), *[Step(64, 64, i=38 + k) for k in range(17)]
        )
        self.head = Head(64, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        return self.head(x)
