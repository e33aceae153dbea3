"""EfficientNetB0, from efficientnet_b0.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  efficientnet_b0.rf
sha256:  6e5e14c1b79421cebe223cfca8368612c0c21e9668f55321caa6a5af5af34172
recform: 0.1.0
command: recform compile efficientnet_b0.rf -o efficientnet_b0.py
sealed:  b0d1968aab0e32cc
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["EfficientNetB0"]


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


class DBlock(nn.Module):
    """D = droppath(0.2*(i - 1)/L)"""

    def __init__(self, i: int, depth: int) -> None:
        super().__init__()
        self.drop_path = DropPath(0.2 * (i - 1) / depth)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop_path(x)  # rf:19


class SE(nn.Module):
    """SE(x, ratio=4) = x*sigmoid(G*x)
    where G = globalpool > fc1: conv(1, cin/ratio, bias=true) > silu > fc2: conv(1,
    cin, bias=true)
    """

    def __init__(self, in_channels: int, ratio: int = 4) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(in_channels, in_channels // ratio, 1)
        self.fc2 = nn.Conv2d(in_channels // ratio, in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = F.silu(self.fc1(x.mean((2, 3), keepdim=True)))  # rf:15
        gx = self.fc2(out)  # rf:15
        return x * torch.sigmoid(gx)  # rf:14


def w_block(
    in_channels: int, channels: int, kernel: int, stride: int = 1
) -> nn.Sequential:
    """W = ((conv(1, 6*cin) > bn > silu) > Depthwise(s) > SE(24) > (conv(1, c) > bn))"""
    return nn.Sequential(
        nn.Sequential(
            nn.Conv2d(in_channels, 6 * in_channels, 1, bias=False),
            nn.BatchNorm2d(6 * in_channels),
            nn.SiLU(),
        ),
        nn.Sequential(
            nn.Conv2d(
                6 * in_channels,
                6 * in_channels,
                kernel,
                stride=stride,
                padding=(kernel - 1) // 2,
                groups=6 * in_channels,
                bias=False,
            ),
            nn.BatchNorm2d(6 * in_channels),
            nn.SiLU(),
        ),
        SE(6 * in_channels, ratio=24),
        nn.Sequential(
            nn.Conv2d(6 * in_channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        ),
    )


def v_block(in_channels: int, channels: int, kernel: int) -> nn.Sequential:
    """V = (Depthwise > SE > (conv(1, c) > bn))"""
    return nn.Sequential(
        nn.Sequential(
            nn.Conv2d(
                in_channels,
                in_channels,
                kernel,
                padding=(kernel - 1) // 2,
                groups=in_channels,
                bias=False,
            ),
            nn.BatchNorm2d(in_channels),
            nn.SiLU(),
        ),
        SE(in_channels),
        nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        ),
    )


class FirstStep(nn.Module):
    """X_1 = V_1*X_0

    Takes x_prev = X_0.
    Hands on X_1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.block = v_block(32, 16, kernel=3)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.block(x_prev)  # rf:23


class OpeningStep(nn.Module):
    """X_<first> = W_<first>*X_<first-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(
        self, in_channels: int, channels: int, kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.block = w_block(in_channels, channels, kernel, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.block(x_prev)  # rf:22


class Step(nn.Module):
    """X_i = X_<i-1> + D_i*W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, channels: int, i: int, kernel: int) -> None:
        super().__init__()
        self.D = DBlock(i, depth=16)
        self.block = w_block(channels, channels, kernel)

    def forward(self, x_prev: Tensor) -> Tensor:
        return x_prev + self.D(self.block(x_prev))  # rf:21


class EfficientNetB0(nn.Module):
    """X_i = X_<i-1> + D_i*W_i*X_<i-1>
    X_<first> = W_<first>*X_<first-1>
    X_1 = V_1*X_0

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(32),
                nn.SiLU(),
            ),
            nn.Sequential(FirstStep()),
            nn.Sequential(
                OpeningStep(16, 24, stride=2, kernel=3), Step(24, i=3, kernel=3)
            ),
            nn.Sequential(
                OpeningStep(24, 40, stride=2, kernel=5), Step(40, i=5, kernel=5)
            ),
            nn.Sequential(
                OpeningStep(40, 80, stride=2, kernel=3),
                *[Step(80, i=7 + k, kernel=3) for k in range(2)],
            ),
            nn.Sequential(
                OpeningStep(80, 112, kernel=5),
                *[Step(112, i=10 + k, kernel=5) for k in range(2)],
            ),
            nn.Sequential(
                OpeningStep(112, 192, stride=2, kernel=5),
                *[Step(192, i=13 + k, kernel=5) for k in range(3)],
            ),
            nn.Sequential(OpeningStep(192, 320, kernel=3)),
            nn.Sequential(
                nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.SiLU()
            ),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.classifier(x.mean((2, 3)))  # rf:10
