"""RegNetY, from regnet_y_400mf.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  regnet_y_400mf.rf
sha256:  9e6980bfad9031c569dcf3a4340907e5c9d71a943eaddbeef038a5607b95091d
recform: 0.1.0
command: recform compile regnet_y_400mf.rf -o regnet_y_400mf.py
sealed:  d08df1b12e100a69
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["RegNetY"]


class SE(nn.Module):
    """SE(x, width=1) = x*sigmoid(G*x)
    where G = globalpool > fc1: conv(1, width, bias=true) > relu > fc2: conv(1, cin,
    bias=true)
    """

    def __init__(self, in_channels: int, width_size: int = 1) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(in_channels, width_size, 1)
        self.fc2 = nn.Conv2d(width_size, in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.fc1(x.mean((2, 3), keepdim=True)))  # rf:17
        gx = self.fc2(out)  # rf:17
        return x * torch.sigmoid(gx)  # rf:16


class WBlock(nn.Module):
    """W = a: (conv(1, c) > bn > relu) > b: (conv(3, c, stride=s, groups=c/8) > bn >
    relu) > se: SE(squeeze) > c: (conv(1, c) > bn)
    """

    def __init__(
        self, in_channels: int, channels: int, squeeze: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.a = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.b = nn.Sequential(
            nn.Conv2d(
                channels,
                channels,
                3,
                stride=stride,
                padding=1,
                groups=channels // 8,
                bias=False,
            ),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.se = SE(channels, width_size=squeeze)
        self.c = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.b(self.a(x))  # rf:18
        return self.c(self.se(x))  # rf:18


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """(conv(1, c, stride=s) > bn), for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(
        self, in_channels: int, channels: int, squeeze: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.proj = shortcut(in_channels, channels, stride=stride)
        self.f = WBlock(in_channels, channels, squeeze, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.proj(x_prev) + self.f(x_prev))  # rf:21


def blocks(
    stage: int, in_channels: int, channels: int, squeeze: int, squeeze2: int, count: int
) -> nn.Sequential:
    """The blocks of a stage."""
    return nn.Sequential(
        OrderedDict(
            [
                (
                    f"block{stage}-0",
                    Step(in_channels, channels, stride=2, squeeze=squeeze),
                ),
                *[
                    (
                        f"block{stage}-{k + 1}",
                        Step(channels, channels, squeeze=squeeze2),
                    )
                    for k in range(count)
                ],
            ]
        )
    )


class RegNetY(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        )
        self.trunk_output = nn.Sequential(
            OrderedDict(
                [
                    (
                        "block1",
                        nn.Sequential(
                            OrderedDict(
                                [("block1-0", Step(32, 48, stride=2, squeeze=8))]
                            )
                        ),
                    ),
                    ("block2", blocks(2, 48, 104, squeeze=12, squeeze2=26, count=2)),
                    ("block3", blocks(3, 104, 208, squeeze=26, squeeze2=52, count=5)),
                    ("block4", blocks(4, 208, 440, squeeze=52, squeeze2=110, count=5)),
                ]
            )
        )
        self.fc = nn.Linear(440, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # rf:8
        x = self.trunk_output(x)
        return self.fc(x.mean((2, 3)))  # rf:12
