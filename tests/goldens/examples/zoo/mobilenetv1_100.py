"""MobileNetV1, from mobilenetv1_100.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  mobilenetv1_100.rf
sha256:  02a267c7bec3b6a41269c4f555abf470fb88fe0dc10c66282fc9a18f25db740d
recform: 0.1.0
command: recform compile mobilenetv1_100.rf -o mobilenetv1_100.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["MobileNetV1"]


class Step(nn.Module):
    """X_i = W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(
            in_channels,
            in_channels,
            3,
            stride=stride,
            padding=1,
            groups=in_channels,
            bias=False,
        )
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv_pw = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        out = F.relu6(self.bn1(self.conv_dw(x_prev)))  # rf:13
        return F.relu6(self.bn2(self.conv_pw(out)))  # rf:13


class MobileNetV1(nn.Module):
    """X_i = W_i*X_<i-1>

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.conv_stem = nn.Conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.blocks = nn.Sequential(
            nn.Sequential(Step(32, 64)),
            nn.Sequential(Step(64, 128, stride=2), Step(128, 128)),
            nn.Sequential(Step(128, 256, stride=2), Step(256, 256)),
            nn.Sequential(
                Step(256, 512, stride=2), *[Step(512, 512) for _ in range(5)]
            ),
            nn.Sequential(Step(512, 1024, stride=2), Step(1024, 1024)),
        )
        self.classifier = nn.Linear(1024, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.bn1(self.conv_stem(x)))  # rf:8
        x = self.blocks(x)
        return self.classifier(x.mean((2, 3)))  # rf:10
