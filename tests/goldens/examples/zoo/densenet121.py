"""DenseNet121, from densenet121.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  densenet121.rf
sha256:  25ff5c4920baacc19f3952ae4287bdacddebdf5a9d497a01fc42acd1e495b737
recform: 0.1.0
command: recform compile densenet121.rf -o densenet121.py
sealed:  8bb39257aea8065c
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DenseNet121"]


class Step(nn.Module):
    """X_i = H_i*concat(X_<0..i-1>)

    Takes xs_prev = concat(X_<0..i-1>).
    Hands on concat(X_<0..i>).
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 128, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, xs_prev: Tensor) -> Tensor:
        out = F.relu(self.norm1(xs_prev))  # rf:14
        out = F.relu(self.norm2(self.conv1(out)))  # rf:14
        hxs = self.conv2(out)  # rf:14
        return torch.cat((xs_prev, hxs), dim=1)  # rf:16


class Transition(nn.Module):
    """transition norm: bn > relu > conv: conv(1, cin/2) > avgpool(s)"""

    def __init__(self, in_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(x))  # rf:9
        return F.avg_pool2d(self.conv(x), self.stride)  # rf:9


def denselayers(in_channels: int, count: int) -> nn.Sequential:
    """denselayer1 and those that follow it."""
    return nn.Sequential(
        OrderedDict(
            [(f"denselayer{k + 1}", Step(in_channels + 32 * k)) for k in range(count)]
        )
    )


class DenseNet121(nn.Module):
    """X_i = H_i*concat(X_<0..i-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                [
                    (
                        "conv0",
                        nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False),
                    ),
                    ("norm0", nn.BatchNorm2d(64)),
                    ("relu", nn.ReLU()),
                    ("maxpool", nn.MaxPool2d(3, stride=2, padding=1)),
                    ("denseblock1", denselayers(64, count=6)),
                    ("transition1", Transition(256, stride=2)),
                    ("denseblock2", denselayers(128, count=12)),
                    ("transition2", Transition(512, stride=2)),
                    ("denseblock3", denselayers(256, count=24)),
                    ("transition3", Transition(1024, stride=2)),
                    ("denseblock4", denselayers(512, count=16)),
                    ("norm5", nn.BatchNorm2d(1024)),
                ]
            )
        )
        self.classifier = nn.Linear(1024, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = F.relu(x).mean((2, 3))  # rf:10
        return self.classifier(x)  # rf:10
