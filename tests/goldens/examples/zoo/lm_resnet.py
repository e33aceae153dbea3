"""LMResNet20, LMResNet56, from lm_resnet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  lm_resnet.rf
sha256:  9955eee35e4462c56e946bd95a68c5fdeda0659fd51abdfad7211def0b63bb19
recform: 0.1.0
command: recform compile lm_resnet.rf -o lm_resnet.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["LMResNet20", "LMResNet56"]


class FBlock(nn.Module):
    """f = bn > relu > conv(3, c, stride=s) > bn > relu > conv(3, c)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(x))  # rf:12
        x = F.relu(self.bn2(self.conv1(x)))  # rf:12
        return self.conv2(x)  # rf:12


class Shortcut(nn.Module):
    """adapter avgpool(s) > zeropad(c)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.in_channels = in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(
            F.avg_pool2d(x, self.stride),
            (0, 0, 0, 0, 0, self.channels - self.in_channels),
        )  # rf:8


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """avgpool(s) > zeropad(c), for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return Shortcut(in_channels, channels, stride=stride)


class LMResNet20FirstStep(nn.Module):
    """u_1 = u_0 + f_1*u_0

    Takes u_prev = u_0.
    Hands on u_1, u_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.f = FBlock(16, 16)

    def forward(self, u_prev: Tensor) -> tuple[Tensor, Tensor]:
        u = u_prev + self.f(u_prev)  # rf:15
        return u, u_prev


class LMResNet20Step(nn.Module):
    """u_i = (1 - k_i)*u_<i-1> + k_i*u_<i-2> + f_i(u_<i-1>)

    Takes u_prev = u_<i-1>, u_prev2 = u_<i-2>.
    Hands on u_i, u_<i-1>.
    """

    def __init__(
        self,
        in_channels: int,
        u_prev2_channels: int,
        channels: int,
        stride: int = 1,
        u_prev2_stride: int = 1,
    ) -> None:
        super().__init__()
        self.f = FBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_u_prev2 = shortcut(
            u_prev2_channels, channels, stride=u_prev2_stride
        )
        self.k = nn.Parameter(torch.tensor([-0.05]))

    def forward(self, u_prev: Tensor, u_prev2: Tensor) -> tuple[Tensor, Tensor]:
        fu = self.f(u_prev)  # rf:14
        u = (
            (1 - self.k) * self.shortcut(u_prev)
            + self.k * self.shortcut_u_prev2(u_prev2)
            + fu
        )  # rf:14
        return u, u_prev


class Stem(nn.Module):
    """stem conv(3, 16)"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # rf:7


class Head(nn.Module):
    """head bn > relu > avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(x))  # rf:9
        return self.fc(x.mean((2, 3)))  # rf:9


class LMResNet20(nn.Module):
    """u_i = (1 - k_i)*u_<i-1> + k_i*u_<i-2> + f_i(u_<i-1>)
    u_1 = u_0 + f_1(u_0)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [LMResNet20FirstStep(), *[LMResNet20Step(16, 16, 16) for _ in range(2)]]
        )
        self.stage2 = nn.ModuleList(
            [
                LMResNet20Step(16, 16, 32, stride=2, u_prev2_stride=2),
                LMResNet20Step(32, 16, 32, u_prev2_stride=2),
                LMResNet20Step(32, 32, 32),
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                LMResNet20Step(32, 32, 64, stride=2, u_prev2_stride=2),
                LMResNet20Step(64, 32, 64, u_prev2_stride=2),
                LMResNet20Step(64, 64, 64),
            ]
        )
        self.head = Head(64, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        u, u_prev = self.stage1[0](x)
        for block in self.stage1[1:]:
            u, u_prev = block(u, u_prev)
        for block in self.stage2:
            u, u_prev = block(u, u_prev)
        for block in self.stage3:
            u, u_prev = block(u, u_prev)
        return self.head(u)


class LMResNet56FirstStep(nn.Module):
    """u_1 = u_0 + f_1*u_0

    Takes u_prev = u_0.
    Hands on u_1, u_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.f = FBlock(16, 16)

    def forward(self, u_prev: Tensor) -> tuple[Tensor, Tensor]:
        u = u_prev + self.f(u_prev)  # rf:15
        return u, u_prev


class LMResNet56Step(nn.Module):
    """u_i = (1 - k_i)*u_<i-1> + k_i*u_<i-2> + f_i(u_<i-1>)

    Takes u_prev = u_<i-1>, u_prev2 = u_<i-2>.
    Hands on u_i, u_<i-1>.
    """

    def __init__(
        self,
        in_channels: int,
        u_prev2_channels: int,
        channels: int,
        stride: int = 1,
        u_prev2_stride: int = 1,
    ) -> None:
        super().__init__()
        self.f = FBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_u_prev2 = shortcut(
            u_prev2_channels, channels, stride=u_prev2_stride
        )
        self.k = nn.Parameter(torch.tensor([-0.05]))

    def forward(self, u_prev: Tensor, u_prev2: Tensor) -> tuple[Tensor, Tensor]:
        fu = self.f(u_prev)  # rf:14
        u = (
            (1 - self.k) * self.shortcut(u_prev)
            + self.k * self.shortcut_u_prev2(u_prev2)
            + fu
        )  # rf:14
        return u, u_prev


class LMResNet56(nn.Module):
    """u_i = (1 - k_i)*u_<i-1> + k_i*u_<i-2> + f_i(u_<i-1>)
    u_1 = u_0 + f_1(u_0)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList(
            [LMResNet56FirstStep(), *[LMResNet56Step(16, 16, 16) for _ in range(8)]]
        )
        self.stage2 = nn.ModuleList(
            [
                LMResNet56Step(16, 16, 32, stride=2, u_prev2_stride=2),
                LMResNet56Step(32, 16, 32, u_prev2_stride=2),
                *[LMResNet56Step(32, 32, 32) for _ in range(7)],
            ]
        )
        self.stage3 = nn.ModuleList(
            [
                LMResNet56Step(32, 32, 64, stride=2, u_prev2_stride=2),
                LMResNet56Step(64, 32, 64, u_prev2_stride=2),
                *[LMResNet56Step(64, 64, 64) for _ in range(7)],
            ]
        )
        self.head = Head(64, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        u, u_prev = self.stage1[0](x)
        for block in self.stage1[1:]:
            u, u_prev = block(u, u_prev)
        for block in self.stage2:
            u, u_prev = block(u, u_prev)
        for block in self.stage3:
            u, u_prev = block(u, u_prev)
        return self.head(u)
