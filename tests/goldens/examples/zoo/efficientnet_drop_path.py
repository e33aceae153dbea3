"""EfficientNetB0, from efficientnet_drop_path.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  efficientnet_drop_path.rf
sha256:  ed4b461608f22df5234f9efcd532a97d50082b3de4807465f62ff8b7553c0e65
recform: 0.1.0
command: recform compile efficientnet_drop_path.rf -o efficientnet_drop_path.py
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


class SE(nn.Module):
    """SE(x, ratio=24) = x*sigmoid(G*x)
    where G = globalpool > conv_reduce: conv(1, cin/ratio, bias=true) > silu >
    conv_expand: conv(1, cin, bias=true)
    """

    def __init__(self, in_channels: int, ratio: int = 24) -> None:
        super().__init__()
        self.conv_reduce = nn.Conv2d(in_channels, in_channels // ratio, 1)
        self.conv_expand = nn.Conv2d(in_channels // ratio, in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = F.silu(self.conv_reduce(x.mean((2, 3), keepdim=True)))  # rf:17
        gx = self.conv_expand(out)  # rf:17
        return x * torch.sigmoid(gx)  # rf:16


class FirstStep(nn.Module):
    """X_1 = D_1*X_0

    Takes x_prev = X_0.
    Hands on X_1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.se = SE(32, ratio=4)
        self.conv_pw = nn.Conv2d(32, 16, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)

    def forward(self, x_prev: Tensor) -> Tensor:
        out = F.silu(self.bn1(self.conv_dw(x_prev)))  # rf:19
        return self.bn2(self.conv_pw(self.se(out)))  # rf:19


class OpeningStep(nn.Module):
    """X_<first> = M_<first>*X_<first-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(
        self, in_channels: int, channels: int, kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv_pw = nn.Conv2d(in_channels, 6 * in_channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(6 * in_channels)
        self.conv_dw = nn.Conv2d(
            6 * in_channels,
            6 * in_channels,
            kernel,
            stride=stride,
            padding=(kernel - 1) // 2,
            groups=6 * in_channels,
            bias=False,
        )
        self.bn2 = nn.BatchNorm2d(6 * in_channels)
        self.se = SE(6 * in_channels)
        self.conv_pwl = nn.Conv2d(6 * in_channels, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        out = F.silu(self.bn1(self.conv_pw(x_prev)))  # rf:20
        out = F.silu(self.bn2(self.conv_dw(out)))  # rf:20
        return self.bn3(self.conv_pwl(self.se(out)))  # rf:20


class Step(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, i: int, kernel: int, drop_path: float) -> None:
        super().__init__()
        self.conv_pw = nn.Conv2d(in_channels, 6 * in_channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(6 * in_channels)
        self.conv_dw = nn.Conv2d(
            6 * in_channels,
            6 * in_channels,
            kernel,
            padding=(kernel - 1) // 2,
            groups=6 * in_channels,
            bias=False,
        )
        self.bn2 = nn.BatchNorm2d(6 * in_channels)
        self.se = SE(6 * in_channels)
        self.conv_pwl = nn.Conv2d(6 * in_channels, in_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(in_channels)
        self.drop_path = DropPath(0.0625 * drop_path * (i - 1))

    def forward(self, x_prev: Tensor) -> Tensor:
        out = F.silu(self.bn1(self.conv_pw(x_prev)))  # rf:22
        out = F.silu(self.bn2(self.conv_dw(out)))  # rf:22
        wx = self.drop_path(self.bn3(self.conv_pwl(self.se(out))))  # rf:22
        return x_prev + wx  # rf:24


class EfficientNetB0(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>
    X_<first> = M_<first>*X_<first-1>
    X_1 = D_1*X_0

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(
        self, in_channels: int = 3, classes: int = 1000, drop_path: float = 0.2
    ) -> None:
        super().__init__()
        self.conv_stem = nn.Conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.blocks = nn.Sequential(
            nn.Sequential(FirstStep()),
            nn.Sequential(
                OpeningStep(16, 24, stride=2, kernel=3),
                Step(24, i=3, kernel=3, drop_path=drop_path),
            ),
            nn.Sequential(
                OpeningStep(24, 40, stride=2, kernel=5),
                Step(40, i=5, kernel=5, drop_path=drop_path),
            ),
            nn.Sequential(
                OpeningStep(40, 80, stride=2, kernel=3),
                *[Step(80, i=7 + k, kernel=3, drop_path=drop_path) for k in range(2)],
            ),
            nn.Sequential(
                OpeningStep(80, 112, kernel=5),
                *[Step(112, i=10 + k, kernel=5, drop_path=drop_path) for k in range(2)],
            ),
            nn.Sequential(
                OpeningStep(112, 192, stride=2, kernel=5),
                *[Step(192, i=13 + k, kernel=5, drop_path=drop_path) for k in range(3)],
            ),
            nn.Sequential(OpeningStep(192, 320, kernel=3)),
        )
        self.conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(1280)
        self.classifier = nn.Linear(1280, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.bn1(self.conv_stem(x)))  # rf:10
        x = self.blocks(x)
        x = F.silu(self.bn2(self.conv_head(x)))  # rf:13
        return self.classifier(x.mean((2, 3)))  # rf:13
