"""ResNetV2, from resnetv2_50.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  resnetv2_50.rf
sha256:  8b88c32bbe3498a23202e604e83c012eb991ec0dda16e3eab82bbe9f6b671bec
recform: 0.1.0
command: recform compile resnetv2_50.rf -o resnetv2_50.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ResNetV2"]


class SBlock(nn.Module):
    """S = conv: conv(1, c, stride=s)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # rf:15


class OpeningStep(nn.Module):
    """X_<first> = S_<first>*N_<first>*X_<first-1> + W_<first>*N_<first>*X_<first-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.downsample = SBlock(in_channels, channels, stride=stride)
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, stride=stride, padding=1, bias=False
        )
        self.norm3 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, bias=False)

    def forward(self, x_prev: Tensor) -> Tensor:
        nx = F.relu(self.norm1(x_prev))  # rf:14
        out = F.relu(self.norm2(self.conv1(nx)))  # rf:16
        out = F.relu(self.norm3(self.conv2(out)))  # rf:16
        wnx = self.conv3(out)  # rf:16
        return self.downsample(nx) + wnx  # rf:20


class Step(nn.Module):
    """X_i = X_<i-1> + W_i*N_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, in_channels // 4, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(in_channels // 4)
        self.conv2 = nn.Conv2d(
            in_channels // 4, in_channels // 4, 3, padding=1, bias=False
        )
        self.norm3 = nn.BatchNorm2d(in_channels // 4)
        self.conv3 = nn.Conv2d(in_channels // 4, in_channels, 1, bias=False)

    def forward(self, x_prev: Tensor) -> Tensor:
        nx = F.relu(self.norm1(x_prev))  # rf:14
        out = F.relu(self.norm2(self.conv1(nx)))  # rf:16
        out = F.relu(self.norm3(self.conv2(out)))  # rf:16
        wnx = self.conv3(out)  # rf:16
        return x_prev + wnx  # rf:19


class ResNetV2(nn.Module):
    """X_i = X_<i-1> + W_i*N_i*X_<i-1>
    X_<first> = S_<first>*N_<first>*X_<first-1> + W_<first>*N_<first>*X_<first-1>

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                [
                    (
                        "conv",
                        nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False),
                    ),
                    ("maxpool", nn.MaxPool2d(3, stride=2, padding=1)),
                ]
            )
        )
        self.stages = nn.Sequential(
            nn.Sequential(
                OrderedDict(
                    [
                        (
                            "blocks",
                            nn.Sequential(
                                OpeningStep(64, 256), *[Step(256) for _ in range(2)]
                            ),
                        ),
                    ]
                )
            ),
            nn.Sequential(
                OrderedDict(
                    [
                        (
                            "blocks",
                            nn.Sequential(
                                OpeningStep(256, 512, stride=2),
                                *[Step(512) for _ in range(3)],
                            ),
                        ),
                    ]
                )
            ),
            nn.Sequential(
                OrderedDict(
                    [
                        (
                            "blocks",
                            nn.Sequential(
                                OpeningStep(512, 1024, stride=2),
                                *[Step(1024) for _ in range(5)],
                            ),
                        ),
                    ]
                )
            ),
            nn.Sequential(
                OrderedDict(
                    [
                        (
                            "blocks",
                            nn.Sequential(
                                OpeningStep(1024, 2048, stride=2),
                                *[Step(2048) for _ in range(2)],
                            ),
                        ),
                    ]
                )
            ),
        )
        self.norm = nn.BatchNorm2d(2048)
        self.head = nn.Sequential(OrderedDict([("fc", nn.Conv2d(2048, classes, 1))]))

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # rf:9
        x = self.stages(x)
        x = F.relu(self.norm(x))  # rf:11
        return self.head(x.mean((2, 3), keepdim=True)).flatten(1)  # rf:11
