"""GoogLeNet, from googlenet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  googlenet.rf
sha256:  4d1d90d81f5ad2cbd4fce5ea0f1023fbeb579ecfba8e0000d4f74c027d22d3ca
recform: 0.1.0
command: recform compile googlenet.rf -o googlenet.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["GoogLeNet"]


class Conv(nn.Module):
    """Conv(x, kernel=1, width=c, stride=1) = relu(F*x)
    where F = conv(kernel, width, stride=stride) > bn(0.001)
    """

    def __init__(
        self, in_channels: int, width_size: int, kernel: int = 1, stride_size: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            width_size,
            kernel,
            stride=stride_size,
            padding=(kernel - 1) // 2,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(width_size, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:27
        return F.relu(fx)  # rf:26


class Inception(nn.Module):
    """Inception(x) = concat(branch1*x, branch2*x, branch3*x, branch4*x)
    where branch1 = Conv(1, one)
    where branch2 = (Conv(1, three1) > Conv(3, three))
    where branch3 = (Conv(1, five1) > Conv(3, five))
    where branch4 = (maxpool(3, stride=1, padding=1, ceil=true) > Conv(1, pool))
    """

    def __init__(
        self,
        in_channels: int,
        one: int,
        three1: int,
        three: int,
        five1: int,
        five: int,
        pool: int,
    ) -> None:
        super().__init__()
        self.branch1 = Conv(in_channels, one)
        self.branch2 = nn.Sequential(
            Conv(in_channels, three1), Conv(three1, three, kernel=3)
        )
        self.branch3 = nn.Sequential(
            Conv(in_channels, five1), Conv(five1, five, kernel=3)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            Conv(in_channels, pool),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            (self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)), dim=1
        )  # rf:28


class GoogLeNet(nn.Module):
    """X_i = Inception_i*X_<i-1>

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = Conv(in_channels, 64, kernel=7, stride_size=2)
        self.conv2 = Conv(64, 64)
        self.conv3 = Conv(64, 192, kernel=3)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1024, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 3, stride=2, ceil_mode=True)  # rf:9
        x = F.max_pool2d(self.conv3(self.conv2(x)), 3, stride=2, ceil_mode=True)  # rf:9
        x = self.inception3a(x)
        x = self.inception3b(x)
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # rf:12
        x = self.inception4a(x)
        x = self.inception4b(x)
        x = self.inception4c(x)
        x = self.inception4d(x)
        x = self.inception4e(x)
        x = F.max_pool2d(x, 2, ceil_mode=True)  # rf:12
        x = self.inception5a(x)
        x = self.inception5b(x)
        return self.fc(self.dropout(x.mean((2, 3))))  # rf:13
