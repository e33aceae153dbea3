"""DenseNet, from densenet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  densenet.rf
sha256:  33402b75aef0fe3dcf6976f1ce78ffa053651d1c2249ba51adcd0a991a85aa7b
recform: 0.1.0
command: recform compile densenet.rf -o densenet.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DenseNet"]


class WBlock(nn.Module):
    """W = bn > relu > conv(1, 4*c) > bn > relu > conv(3, c)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 4 * channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * channels)
        self.conv2 = nn.Conv2d(4 * channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(x))  # rf:6
        x = F.relu(self.bn2(self.conv1(x)))  # rf:6
        return self.conv2(x)  # rf:6


class Step(nn.Module):
    """X_i = W_i*concat(X_<0..i-1>)

    Takes xs_prev = concat(X_<0..i-1>).
    Hands on concat(X_<0..i>).
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.W = WBlock(in_channels, 12)

    def forward(self, xs_prev: Tensor) -> Tensor:
        x = self.W(xs_prev)  # rf:7
        return torch.cat((xs_prev, x), dim=1)  # rf:7


class Stem(nn.Module):
    """stem conv(3, 24)"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 24, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # rf:5


class Transition(nn.Module):
    """transition bn > relu > conv(1, cin/2) > avgpool(2)"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(x))  # rf:9
        return F.avg_pool2d(self.conv(x), 2)  # rf:9


class Head(nn.Module):
    """head bn > relu > avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(x))  # rf:10
        return self.fc(x.mean((2, 3)))  # rf:10


class DenseNet(nn.Module):
    """X_i = W_i*concat(X_<0..i-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[Step(24 + 12 * k) for k in range(3)])
        self.transition2 = Transition(60)
        self.stage2 = nn.Sequential(*[Step(30 + 12 * k) for k in range(4)])
        self.transition3 = Transition(78)
        self.stage3 = nn.Sequential(*[Step(39 + 12 * k) for k in range(3)])
        self.head = Head(75, classes)

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
