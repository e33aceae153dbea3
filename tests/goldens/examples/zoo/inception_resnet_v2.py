"""InceptionResNetV2, from inception_resnet_v2.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  inception_resnet_v2.rf
sha256:  8c645921b4f751bbabd884bbe09c92c0fdaf133731099da6d57ec0cb2ff12e99
recform: 0.1.0
command: recform compile inception_resnet_v2.rf -o inception_resnet_v2.py
sealed:  5cb3837eb0f9749b
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["InceptionResNetV2"]


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
        fx = self.bn(self.conv(x))  # rf:24
        return F.relu(fx)  # rf:23


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
        fx = self.bn(self.conv(x))  # rf:22
        return F.relu(fx)  # rf:21


class Mixed5(nn.Module):
    """Mixed5(x) = concat(branch0*x, branch1*x, branch2*x, branch3*x)
    where branch0 = Conv(1, 96)
    where branch1 = (Conv(1, 48) > Conv(5, 64))
    where branch2 = (Conv(1, 64) > Conv(3, 96) > Conv(3, 96))
    where branch3 = (avgpool(3, stride=1, padding=1, countpad=false) > Conv(1, 64))
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch0 = Conv(in_channels, 96)
        self.branch1 = nn.Sequential(Conv(in_channels, 48), Conv(48, 64, kernel=5))
        self.branch2 = nn.Sequential(
            Conv(in_channels, 64), Conv(64, 96, kernel=3), Conv(96, 96, kernel=3)
        )
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            Conv(in_channels, 64),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            (self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)), dim=1
        )  # rf:30


class ABlock(nn.Module):
    """A(x) = P*concat(branch0*x, branch1*x, branch2*x)
    where branch0 = Conv(1, 32)
    where branch1 = (Conv(1, 32) > Conv(3, 32))
    where branch2 = (Conv(1, 32) > Conv(3, 48) > Conv(3, 64))
    where P = "conv2d": conv(1, c, bias=true)
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.branch0 = Conv(in_channels, 32)
        self.branch1 = nn.Sequential(Conv(in_channels, 32), Conv(32, 32, kernel=3))
        self.branch2 = nn.Sequential(
            Conv(in_channels, 32), Conv(32, 48, kernel=3), Conv(48, 64, kernel=3)
        )
        self.conv2d = nn.Conv2d(128, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2d(
            torch.cat((self.branch0(x), self.branch1(x), self.branch2(x)), dim=1)
        )  # rf:39


class RBlock(nn.Module):
    """R(x) = concat(branch0*x, branch1*x, P*x)
    where branch0 = Valid(3, 384, 2)
    where branch1 = (Conv(1, 256) > Conv(3, 256) > Valid(3, 384, 2))
    where P = maxpool(3, stride=2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch0 = Valid(in_channels, 384, step=2)
        self.branch1 = nn.Sequential(
            Conv(in_channels, 256), Conv(256, 256, kernel=3), Valid(256, 384, step=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        px = F.max_pool2d(x, 3, stride=2)  # rf:47
        return torch.cat((self.branch0(x), self.branch1(x), px), dim=1)  # rf:44


class Row(nn.Module):
    """Row(x, out=c) = relu(F*x)
    where F = conv((1, n), out) > bn(0.001)
    """

    def __init__(self, in_channels: int, out: int, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, (1, n), padding=(0, (n - 1) // 2), bias=False
        )
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:26
        return F.relu(fx)  # rf:25


class Column(nn.Module):
    """Column(x, out=c) = relu(F*x)
    where F = conv((n, 1), out) > bn(0.001)
    """

    def __init__(self, in_channels: int, out: int, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out, (n, 1), padding=((n - 1) // 2, 0), bias=False
        )
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:28
        return F.relu(fx)  # rf:27


class BBlock(nn.Module):
    """B(x) = P*concat(branch0*x, branch1*x)
    where branch0 = Conv(1, 192)
    where branch1 = (Conv(1, first) > Row(second) > Column(third))
    where P = "conv2d": conv(1, c, bias=true)
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        first: int,
        second: int,
        third: int,
        n: int,
    ) -> None:
        super().__init__()
        self.branch0 = Conv(in_channels, 192)
        self.branch1 = nn.Sequential(
            Conv(in_channels, first), Row(first, second, n), Column(second, third, n)
        )
        self.conv2d = nn.Conv2d(third + 192, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2d(
            torch.cat((self.branch0(x), self.branch1(x)), dim=1)
        )  # rf:43


class SBlock(nn.Module):
    """S(x) = concat(branch0*x, branch1*x, branch2*x, P*x)
    where branch0 = (Conv(1, 256) > Valid(3, 384, 2))
    where branch1 = (Conv(1, 256) > Valid(3, 288, 2))
    where branch2 = (Conv(1, 256) > Conv(3, 288) > Valid(3, 320, 2))
    where P = maxpool(3, stride=2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch0 = nn.Sequential(Conv(in_channels, 256), Valid(256, 384, step=2))
        self.branch1 = nn.Sequential(Conv(in_channels, 256), Valid(256, 288, step=2))
        self.branch2 = nn.Sequential(
            Conv(in_channels, 256), Conv(256, 288, kernel=3), Valid(288, 320, step=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        px = F.max_pool2d(x, 3, stride=2)  # rf:52
        return torch.cat(
            (self.branch0(x), self.branch1(x), self.branch2(x), px), dim=1
        )  # rf:48


class FirstStep(nn.Module):
    """X_<1..10> = relu(0.17*A_i*X_<i-1> + X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.A = ABlock(320, 320)

    def forward(self, x_prev: Tensor) -> Tensor:
        ax = self.A(x_prev)  # rf:35
        return F.relu(0.17 * ax + x_prev)  # rf:54


class Step(nn.Module):
    """X_i = relu(0.1*B_i*X_<i-1> + X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.B = BBlock(1088, 1088, 128, 160, 192, 7)

    def forward(self, x_prev: Tensor) -> Tensor:
        bx = self.B(x_prev)  # rf:40
        return F.relu(0.1 * bx + x_prev)  # rf:56


class Block33Step(nn.Module):
    """X_<33..41> = relu(0.2*B_i*X_<i-1> + X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.B = BBlock(2080, 2080, 192, 224, 256, 3)

    def forward(self, x_prev: Tensor) -> Tensor:
        bx = self.B(x_prev)  # rf:40
        return F.relu(0.2 * bx + x_prev)  # rf:58


class LastStep(nn.Module):
    """X_42 = B_42*X_41 + X_41

    Takes x_prev = X_41.
    Hands on X_42.
    """

    def __init__(self) -> None:
        super().__init__()
        self.B = BBlock(2080, 2080, 192, 224, 256, 3)

    def forward(self, x_prev: Tensor) -> Tensor:
        bx = self.B(x_prev)  # rf:40
        return bx + x_prev  # rf:59


class InceptionResNetV2(nn.Module):
    """X_i = relu(0.1*B_i*X_<i-1> + X_<i-1>)
    X_<1..10> = relu(0.17*A_i*X_<i-1> + X_<i-1>)
    X_11 = R_11*X_10
    X_32 = S_32*X_31
    X_<33..41> = relu(0.2*B_i*X_<i-1> + X_<i-1>)
    X_42 = B_42*X_41 + X_41

    Takes N x 3 x 299 x 299, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.conv2d_1a = Valid(in_channels, 32, step=2)
        self.conv2d_2a = Valid(32, 32)
        self.conv2d_2b = Conv(32, 64, kernel=3)
        self.conv2d_3b = Conv(64, 80)
        self.conv2d_4a = Valid(80, 192)
        self.mixed_5b = Mixed5(192)
        self.repeat1 = nn.Sequential(*[FirstStep() for _ in range(10)])
        self.repeat2 = nn.Sequential(RBlock(320), *[Step() for _ in range(20)])
        self.repeat3 = nn.Sequential(
            SBlock(1088), *[Block33Step() for _ in range(9)], LastStep()
        )
        self.conv2d_7b = Conv(2080, 1536)
        self.classif = nn.Linear(1536, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(
            self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x))), 3, stride=2
        )  # rf:9
        x = F.max_pool2d(self.conv2d_4a(self.conv2d_3b(x)), 3, stride=2)  # rf:9
        x = self.mixed_5b(x)  # rf:9
        x = self.repeat1(x)
        x = self.repeat2(x)
        x = self.repeat3(x)
        x = self.conv2d_7b(x).mean((2, 3))  # rf:13
        return self.classif(x)  # rf:13
