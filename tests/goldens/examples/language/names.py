"""Named, from names.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  names.rf
sha256:  983f680fdb5720b5f9019aa33595f2c0ade6945667403c9adb1d571f83440df1
recform: 0.1.0
command: recform compile names.rf -o names.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Named"]


class WBlock(nn.Module):
    """W = first: conv(3, c, stride=s) > bn > relu > second: conv(3, c) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.first(x)))  # rf:8
        return self.bn2(self.second(x))  # rf:8


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class Step(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = WBlock(in_channels, channels, stride=stride)
        self.project = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.project(x_prev) + self.residual(x_prev)  # rf:9


class Named(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*[Step(16, 16) for _ in range(2)])
        self.layer2 = nn.Sequential(Step(16, 32, stride=2), Step(32, 32))
        self.classifier = nn.Linear(32, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(x)))  # rf:4
        x = self.layer1(x)
        x = self.layer2(x)
        return self.classifier(x.mean((2, 3)))  # rf:5
