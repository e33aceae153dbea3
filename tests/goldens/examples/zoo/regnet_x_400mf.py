"""RegNetX, from regnet_x_400mf.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  regnet_x_400mf.rf
sha256:  806395a336d4f854505d2141c01f3bb04e5819ad2da12c5a831fc6c17c782fde
recform: 0.1.0
command: recform compile regnet_x_400mf.rf -o regnet_x_400mf.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["RegNetX"]


class WBlock(nn.Module):
    """W = a: (conv(1, c) > bn > relu) > b: (conv(3, c, stride=s, groups=c/16) > bn >
    relu) > c: (conv(1, c) > bn)
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
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
                groups=channels // 16,
                bias=False,
            ),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.c = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.b(self.a(x))  # rf:14
        return self.c(x)  # rf:14


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

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.proj = shortcut(in_channels, channels, stride=stride)
        self.f = WBlock(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(self.proj(x_prev) + self.f(x_prev))  # rf:17


def blocks(stage: int, in_channels: int, channels: int, count: int) -> nn.Sequential:
    """The blocks of a stage."""
    return nn.Sequential(
        OrderedDict(
            [
                (f"block{stage}-0", Step(in_channels, channels, stride=2)),
                *[
                    (f"block{stage}-{k + 1}", Step(channels, channels))
                    for k in range(count)
                ],
            ]
        )
    )


class RegNetX(nn.Module):
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
                            OrderedDict([("block1-0", Step(32, 32, stride=2))])
                        ),
                    ),
                    (
                        "block2",
                        nn.Sequential(
                            OrderedDict(
                                [
                                    ("block2-0", Step(32, 64, stride=2)),
                                    ("block2-1", Step(64, 64)),
                                ]
                            )
                        ),
                    ),
                    ("block3", blocks(3, 64, 160, count=6)),
                    ("block4", blocks(4, 160, 400, count=11)),
                ]
            )
        )
        self.fc = nn.Linear(400, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # rf:7
        x = self.trunk_output(x)
        return self.fc(x.mean((2, 3)))  # rf:10
