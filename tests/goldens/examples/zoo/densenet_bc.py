"""DenseNetBC100, from densenet_bc.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  densenet_bc.rf
sha256:  381b65da1a95aeb93bac5e99f97ad0fcf6ab51648c400f3b8d98ae67dcdd6d38
recform: 0.1.0
command: recform compile densenet_bc.rf -o densenet_bc.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DenseNetBC100"]


class HBlock(nn.Module):
    """H = bn > relu > conv(1, 4*c) > bn > relu > conv(3, c)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 4 * channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * channels)
        self.conv2 = nn.Conv2d(4 * channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(x))  # rf:13
        x = F.relu(self.bn2(self.conv1(x)))  # rf:13
        return self.conv2(x)  # rf:13


class Step(nn.Module):
    """X_i = H_i*concat(X_<0..i-1>)

    Takes xs_prev = concat(X_<0..i-1>).
    Hands on concat(X_<0..i>).
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.H = HBlock(in_channels, 12)

    def forward(self, xs_prev: Tensor) -> Tensor:
        x = self.H(xs_prev)  # rf:15
        return torch.cat((xs_prev, x), dim=1)  # rf:15


class Stem(nn.Module):
    """stem conv(3, 24)"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 24, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # rf:8


class Transition(nn.Module):
    """transition bn > relu > conv(1, cin/2) > avgpool(s)"""

    def __init__(self, in_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(x))  # rf:10
        return F.avg_pool2d(self.conv(x), self.stride)  # rf:10


class Head(nn.Module):
    """head bn > relu > avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(x))  # rf:11
        return self.fc(x.mean((2, 3)))  # rf:11


class DenseNetBC100(nn.Module):
    """X_i = H_i*concat(X_<0..i-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[Step(24 + 12 * k) for k in range(16)])
        self.transition2 = Transition(216, stride=2)
        self.stage2 = nn.Sequential(*[Step(108 + 12 * k) for k in range(16)])
        self.transition3 = Transition(300, stride=2)
        self.stage3 = nn.Sequential(*[Step(150 + 12 * k) for k in range(16)])
        self.head = Head(342, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage1(x)
        x = self.transition2(x)
        x = self.stage2(x)
        x = self.transition3(x)
        x = self.stage3(x)
        return self.head(x)
