"""InceptionV4, from inception_v4.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  inception_v4.rf
sha256:  69eb45fd83d10544cd297e70ac28a40536587cfb8955e82221e87f3c54f815cb
recform: 0.1.0
command: recform compile inception_v4.rf -o inception_v4.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["InceptionV4"]


class Valid(nn.Module):
    """Valid(x, kernel=3, out=c, step=1) = relu(F*x)
    where F = conv(kernel, out, stride=step, padding=0) > bn(0.001)
    """

    def __init__(
        self, in_channels: int, out: int, kernel: int = 3, step: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, kernel, stride=step, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:17
        return F.relu(fx)  # rf:16


class Conv(nn.Module):
    """Conv(x, kernel=1, out=c) = relu(F*x)
    where F = conv(kernel, out) > bn(0.001)
    """

    def __init__(self, in_channels: int, out: int, kernel: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, kernel, padding=(kernel - 1) // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:15
        return F.relu(fx)  # rf:14


class Mixed3(nn.Module):
    """Mixed3(x) = concat(P*x, F*x)
    where P = maxpool(3, stride=2), F = conv: Valid(3, 96, 2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = Valid(in_channels, 96, step=2)

    def forward(self, x: Tensor) -> Tensor:
        px = F.max_pool2d(x, 3, stride=2)  # rf:24
        fx = self.conv(x)  # rf:24
        return torch.cat((px, fx), dim=1)  # rf:23


class Row(nn.Module):
    """Row(x, n=7, out=c) = relu(F*x)
    where F = conv((1, n), out) > bn(0.001)
    """

    def __init__(self, in_channels: int, out: int, n: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, (1, n), padding=(0, (n - 1) // 2), bias=False
        )
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:19
        return F.relu(fx)  # rf:18


class Column(nn.Module):
    """Column(x, n=7, out=c) = relu(F*x)
    where F = conv((n, 1), out) > bn(0.001)
    """

    def __init__(self, in_channels: int, out: int, n: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, (n, 1), padding=((n - 1) // 2, 0), bias=False
        )
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:21
        return F.relu(fx)  # rf:20


class Mixed4(nn.Module):
    """Mixed4(x) = concat(branch0*x, branch1*x)
    where branch0 = (Conv(1, 64) > Valid(3, 96))
    where branch1 = (Conv(1, 64) > Row(7, 64) > Column(7, 64) > Valid(3, 96))
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch0 = nn.Sequential(Conv(in_channels, 64), Valid(64, 96))
        self.branch1 = nn.Sequential(
            Conv(in_channels, 64), Row(64, 64), Column(64, 64), Valid(64, 96)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.branch0(x), self.branch1(x)), dim=1)  # rf:25


class Mixed5(nn.Module):
    """Mixed5(x) = concat(F*x, P*x)
    where F = conv: Valid(3, 192, 2), P = maxpool(3, stride=2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = Valid(in_channels, 192, step=2)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.conv(x)  # rf:29
        px = F.max_pool2d(x, 3, stride=2)  # rf:29
        return torch.cat((fx, px), dim=1)  # rf:28


class ABlock(nn.Module):
    """A(x) = concat(branch0*x, branch1*x, branch2*x, branch3*x)
    where branch0 = Conv(1, 96)
    where branch1 = (Conv(1, 64) > Conv(3, 96))
    where branch2 = (Conv(1, 64) > Conv(3, 96) > Conv(3, 96))
    where branch3 = (Pooled > Conv(1, 96))
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch0 = Conv(in_channels, 96)
        self.branch1 = nn.Sequential(Conv(in_channels, 64), Conv(64, 96, kernel=3))
        self.branch2 = nn.Sequential(
            Conv(in_channels, 64), Conv(64, 96, kernel=3), Conv(96, 96, kernel=3)
        )
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            Conv(in_channels, 96),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            (self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)), dim=1
        )  # rf:33


class RBlock(nn.Module):
    """R(x) = concat(branch0*x, branch1*x, P*x)
    where branch0 = Valid(3, 384, 2)
    where branch1 = (Conv(1, 192) > Conv(3, 224) > Valid(3, 256, 2))
    where P = maxpool(3, stride=2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch0 = Valid(in_channels, 384, step=2)
        self.branch1 = nn.Sequential(
            Conv(in_channels, 192), Conv(192, 224, kernel=3), Valid(224, 256, step=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        px = F.max_pool2d(x, 3, stride=2)  # rf:41
        return torch.cat((self.branch0(x), self.branch1(x), px), dim=1)  # rf:38


class BBlock(nn.Module):
    """B(x) = concat(branch0*x, branch1*x, branch2*x, branch3*x)
    where branch0 = Conv(1, 384)
    where branch1 = (Conv(1, 192) > Row(7, 224) > Column(7, 256))
    where branch2 = (Conv(1, 192) > Column(7, 192) > Row(7, 224) > Column(7, 224) >
    Row(7, 256))
    where branch3 = (Pooled > Conv(1, 128))
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch0 = Conv(in_channels, 384)
        self.branch1 = nn.Sequential(
            Conv(in_channels, 192), Row(192, 224), Column(224, 256)
        )
        self.branch2 = nn.Sequential(
            Conv(in_channels, 192),
            Column(192, 192),
            Row(192, 224),
            Column(224, 224),
            Row(224, 256),
        )
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            Conv(in_channels, 128),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            (self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)), dim=1
        )  # rf:42


class SBlock(nn.Module):
    """S(x) = concat(branch0*x, branch1*x, P*x)
    where branch0 = (Conv(1, 192) > Valid(3, 192, 2))
    where branch1 = (Conv(1, 256) > Row(7, 256) > Column(7, 320) > Valid(3, 320, 2))
    where P = maxpool(3, stride=2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch0 = nn.Sequential(Conv(in_channels, 192), Valid(192, 192, step=2))
        self.branch1 = nn.Sequential(
            Conv(in_channels, 256),
            Row(256, 256),
            Column(256, 320),
            Valid(320, 320, step=2),
        )

    def forward(self, x: Tensor) -> Tensor:
        px = F.max_pool2d(x, 3, stride=2)  # rf:50
        return torch.cat((self.branch0(x), self.branch1(x), px), dim=1)  # rf:47


class CBlock(nn.Module):
    """C(x) = concat(branch0*x, K*T*x, M*T*x, U*V*x, W*V*x, branch3*x)
    where branch0 = Conv(1, 256)
    where T = "branch1_0": Conv(1, 384)
    where K = "branch1_1a": Row(3, 256), M = "branch1_1b": Column(3, 256)
    where V = "branch2_0": Conv(1, 384) > "branch2_1": Column(3, 448) > "branch2_2":
    Row(3, 512)
    where U = "branch2_3a": Row(3, 256), W = "branch2_3b": Column(3, 256)
    where branch3 = (Pooled > Conv(1, 256))
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch0 = Conv(in_channels, 256)
        self.branch1_0 = Conv(in_channels, 384)
        self.branch1_1a = Row(384, 256, n=3)
        self.branch1_1b = Column(384, 256, n=3)
        self.branch2_0 = Conv(in_channels, 384)
        self.branch2_1 = Column(384, 448, n=3)
        self.branch2_2 = Row(448, 512, n=3)
        self.branch2_3a = Row(512, 256, n=3)
        self.branch2_3b = Column(512, 256, n=3)
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            Conv(in_channels, 256),
        )

    def forward(self, x: Tensor) -> Tensor:
        tx = self.branch1_0(x)  # rf:53
        ktx = self.branch1_1a(tx)  # rf:54
        mtx = self.branch1_1b(tx)  # rf:54
        vx = self.branch2_2(self.branch2_1(self.branch2_0(x)))  # rf:55
        uvx = self.branch2_3a(vx)  # rf:56
        wvx = self.branch2_3b(vx)  # rf:56
        return torch.cat(
            (self.branch0(x), ktx, mtx, uvx, wvx, self.branch3(x)), dim=1
        )  # rf:51


class InceptionV4(nn.Module):
    """X_i = B_i*X_<i-1>
    X_<1..4> = A_i*X_<i-1>
    X_5 = R_5*X_4
    X_13 = S_13*X_12
    X_<14..16> = C_i*X_<i-1>

    Takes N x 3 x 299 x 299, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Valid(in_channels, 32, step=2),
            Valid(32, 32),
            Conv(32, 64, kernel=3),
            Mixed3(64),
            Mixed4(160),
            Mixed5(192),
            *[ABlock(384) for _ in range(4)],
            RBlock(384),
            *[BBlock(1024) for _ in range(7)],
            SBlock(1024),
            *[CBlock(1536) for _ in range(3)],
        )
        self.last_linear = nn.Linear(1536, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.last_linear(x.mean((2, 3)))  # rf:10
