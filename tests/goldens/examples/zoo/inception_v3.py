"""InceptionV3, from inception_v3.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  inception_v3.rf
sha256:  1b92fc5e10432ac6c85ce78fc02d825037a35b2b4924a4a6980fd67045cd0a37
recform: 0.1.0
command: recform compile inception_v3.rf -o inception_v3.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["InceptionV3"]


class Valid(nn.Module):
    """Valid(x, kernel=3, width=c, stride=1) = relu(F*x)
    where F = conv(kernel, width, stride=stride, padding=0) > bn(0.001)
    """

    def __init__(
        self, in_channels: int, width_size: int, kernel: int = 3, stride_size: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, width_size, kernel, stride=stride_size, bias=False
        )
        self.bn = nn.BatchNorm2d(width_size, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:23
        return F.relu(fx)  # rf:22


class Conv(nn.Module):
    """Conv(x, kernel=1, width=c, stride=1) = relu(F*x)
    where F = conv(kernel, width, stride=stride) > bn(0.001)
    """

    def __init__(
        self, in_channels: int, width_size: int, kernel: int = 1, stride_size: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            width_size,
            kernel,
            stride=stride_size,
            padding=(kernel - 1) // 2,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(width_size, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:21
        return F.relu(fx)  # rf:20


class ABlock(nn.Module):
    """A(x) = concat(branch1x1*x, F*x, D*x, P*x)
    where branch1x1 = Conv(1, 64)
    where F = "branch5x5_1": Conv(1, 48) > "branch5x5_2": Conv(5, 64)
    where D = "branch3x3dbl_1": Conv(1, 64) > "branch3x3dbl_2": Conv(3, 96) >
    "branch3x3dbl_3": Conv(3, 96)
    where P = avgpool(3, stride=1, padding=1) > "branch_pool": Conv(1, pool)
    """

    def __init__(self, in_channels: int, pool: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(in_channels, 64)
        self.branch5x5_1 = Conv(in_channels, 48)
        self.branch5x5_2 = Conv(48, 64, kernel=5)
        self.branch3x3dbl_1 = Conv(in_channels, 64)
        self.branch3x3dbl_2 = Conv(64, 96, kernel=3)
        self.branch3x3dbl_3 = Conv(96, 96, kernel=3)
        self.branch_pool = Conv(in_channels, pool)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.branch5x5_2(self.branch5x5_1(x))  # rf:31
        dx = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))  # rf:32
        px = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))  # rf:34
        return torch.cat((self.branch1x1(x), fx, dx, px), dim=1)  # rf:29


class BBlock(nn.Module):
    """B(x) = concat(branch3x3*x, D*x, P*x)
    where branch3x3 = Valid(3, 384, 2)
    where D = "branch3x3dbl_1": Conv(1, 64) > "branch3x3dbl_2": Conv(3, 96) >
    "branch3x3dbl_3": Valid(3, 96, 2)
    where P = maxpool(3, stride=2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch3x3 = Valid(in_channels, 384, stride_size=2)
        self.branch3x3dbl_1 = Conv(in_channels, 64)
        self.branch3x3dbl_2 = Conv(64, 96, kernel=3)
        self.branch3x3dbl_3 = Valid(96, 96, stride_size=2)

    def forward(self, x: Tensor) -> Tensor:
        dx = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))  # rf:37
        px = F.max_pool2d(x, 3, stride=2)  # rf:39
        return torch.cat((self.branch3x3(x), dx, px), dim=1)  # rf:35


class Row(nn.Module):
    """Row(x, n=7, width=c) = relu(F*x)
    where F = conv((1, n), width) > bn(0.001)
    """

    def __init__(self, in_channels: int, width_size: int, n: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, width_size, (1, n), padding=(0, (n - 1) // 2), bias=False
        )
        self.bn = nn.BatchNorm2d(width_size, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:25
        return F.relu(fx)  # rf:24


class Column(nn.Module):
    """Column(x, n=7, width=c) = relu(F*x)
    where F = conv((n, 1), width) > bn(0.001)
    """

    def __init__(self, in_channels: int, width_size: int, n: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, width_size, (n, 1), padding=((n - 1) // 2, 0), bias=False
        )
        self.bn = nn.BatchNorm2d(width_size, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.bn(self.conv(x))  # rf:27
        return F.relu(fx)  # rf:26


class CBlock(nn.Module):
    """C(x) = concat(branch1x1*x, F*x, D*x, P*x)
    where branch1x1 = Conv(1, 192)
    where F = "branch7x7_1": Conv(1, inner) > "branch7x7_2": Row(7, inner) >
    "branch7x7_3": Column(7, 192)
    where D = "branch7x7dbl_1": Conv(1, inner) > "branch7x7dbl_2": Column(7, inner)
    > "branch7x7dbl_3": Row(7, inner) > "branch7x7dbl_4": Column(7, inner) >
    "branch7x7dbl_5": Row(7, 192)
    where P = avgpool(3, stride=1, padding=1) > "branch_pool": Conv(1, 192)
    """

    def __init__(self, in_channels: int, inner: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(in_channels, 192)
        self.branch7x7_1 = Conv(in_channels, inner)
        self.branch7x7_2 = Row(inner, inner)
        self.branch7x7_3 = Column(inner, 192)
        self.branch7x7dbl_1 = Conv(in_channels, inner)
        self.branch7x7dbl_2 = Column(inner, inner)
        self.branch7x7dbl_3 = Row(inner, inner)
        self.branch7x7dbl_4 = Column(inner, inner)
        self.branch7x7dbl_5 = Row(inner, 192)
        self.branch_pool = Conv(in_channels, 192)

    def forward(self, x: Tensor) -> Tensor:
        fx = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))  # rf:42
        out = self.branch7x7dbl_4(
            self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        )  # rf:43
        dx = self.branch7x7dbl_5(out)  # rf:43
        px = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))  # rf:46
        return torch.cat((self.branch1x1(x), fx, dx, px), dim=1)  # rf:40


class DBlock(nn.Module):
    """D(x) = concat(T*x, S*x, P*x)
    where T = "branch3x3_1": Conv(1, 192) > "branch3x3_2": Valid(3, 320, 2)
    where S = "branch7x7x3_1": Conv(1, 192) > "branch7x7x3_2": Row(7, 192) >
    "branch7x7x3_3": Column(7, 192) > "branch7x7x3_4": Valid(3, 192, 2)
    where P = maxpool(3, stride=2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch3x3_1 = Conv(in_channels, 192)
        self.branch3x3_2 = Valid(192, 320, stride_size=2)
        self.branch7x7x3_1 = Conv(in_channels, 192)
        self.branch7x7x3_2 = Row(192, 192)
        self.branch7x7x3_3 = Column(192, 192)
        self.branch7x7x3_4 = Valid(192, 192, stride_size=2)

    def forward(self, x: Tensor) -> Tensor:
        tx = self.branch3x3_2(self.branch3x3_1(x))  # rf:48
        sx = self.branch7x7x3_4(
            self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        )  # rf:49
        px = F.max_pool2d(x, 3, stride=2)  # rf:51
        return torch.cat((tx, sx, px), dim=1)  # rf:47


class EBlock(nn.Module):
    """E(x) = concat(branch1x1*x, R*T*x, K*T*x, U*V*x, W*V*x, P*x)
    where branch1x1 = Conv(1, 320)
    where T = "branch3x3_1": Conv(1, 384)
    where R = "branch3x3_2a": Row(3, 384), K = "branch3x3_2b": Column(3, 384)
    where V = "branch3x3dbl_1": Conv(1, 448) > "branch3x3dbl_2": Conv(3, 384)
    where U = "branch3x3dbl_3a": Row(3, 384), W = "branch3x3dbl_3b": Column(3, 384)
    where P = avgpool(3, stride=1, padding=1) > "branch_pool": Conv(1, 192)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(in_channels, 320)
        self.branch3x3_1 = Conv(in_channels, 384)
        self.branch3x3_2a = Row(384, 384, n=3)
        self.branch3x3_2b = Column(384, 384, n=3)
        self.branch3x3dbl_1 = Conv(in_channels, 448)
        self.branch3x3dbl_2 = Conv(448, 384, kernel=3)
        self.branch3x3dbl_3a = Row(384, 384, n=3)
        self.branch3x3dbl_3b = Column(384, 384, n=3)
        self.branch_pool = Conv(in_channels, 192)

    def forward(self, x: Tensor) -> Tensor:
        tx = self.branch3x3_1(x)  # rf:54
        rtx = self.branch3x3_2a(tx)  # rf:55
        ktx = self.branch3x3_2b(tx)  # rf:55
        vx = self.branch3x3dbl_2(self.branch3x3dbl_1(x))  # rf:56
        uvx = self.branch3x3dbl_3a(vx)  # rf:57
        wvx = self.branch3x3dbl_3b(vx)  # rf:57
        px = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))  # rf:58
        return torch.cat((self.branch1x1(x), rtx, ktx, uvx, wvx, px), dim=1)  # rf:52


class InceptionV3(nn.Module):
    """X_i = E_i*X_<i-1>
    X_<1..3> = A_i*X_<i-1>
    X_4 = B_4*X_3
    X_<5..8> = C_i*X_<i-1>
    X_9 = D_9*X_8

    Takes N x 3 x 299 x 299, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Valid(in_channels, 32, stride_size=2)
        self.Conv2d_2a_3x3 = Valid(32, 32)
        self.Conv2d_2b_3x3 = Conv(32, 64, kernel=3)
        self.Conv2d_3b_1x1 = Conv(64, 80)
        self.Conv2d_4a_3x3 = Valid(80, 192)
        self.Mixed_5b = ABlock(192, 32)
        self.Mixed_5c = ABlock(256, 64)
        self.Mixed_5d = ABlock(288, 64)
        self.Mixed_6a = BBlock(288)
        self.Mixed_6b = CBlock(768, 128)
        self.Mixed_6c = CBlock(768, 160)
        self.Mixed_6d = CBlock(768, 160)
        self.Mixed_6e = CBlock(768, 192)
        self.Mixed_7a = DBlock(768)
        self.Mixed_7b = EBlock(1280)
        self.Mixed_7c = EBlock(2048)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(2048, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(
            self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))), 3, stride=2
        )  # rf:7
        x = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), 3, stride=2)  # rf:7
        x = self.Mixed_5b(x)
        x = self.Mixed_5c(x)
        x = self.Mixed_5d(x)
        x = self.Mixed_6a(x)
        x = self.Mixed_6b(x)
        x = self.Mixed_6c(x)
        x = self.Mixed_6d(x)
        x = self.Mixed_6e(x)
        x = self.Mixed_7a(x)
        x = self.Mixed_7b(x)
        x = self.Mixed_7c(x)
        return self.fc(self.dropout(x.mean((2, 3))))  # rf:11
