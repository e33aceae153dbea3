"""FractalNet20, from fractalnet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  fractalnet.rf
sha256:  175b0b4e0909ea778192a8d86780a05375878962dbff27ee185ec4e9d06078ea
recform: 0.1.0
command: recform compile fractalnet.rf -o fractalnet.py
"""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["FractalNet20"]


class FractalV(nn.Module):
    """V = Unit"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:9


class FractalW(nn.Module):
    """W = Unit"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:9


class Fractal(nn.Module):
    """Fractal(x) = mean(U*x, V_2*J, W_4*W_3*J)
    where J = mean(V_1*x, W_2*W_1*x)
    where U = Unit, V = Unit, W = Unit
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.V = nn.ModuleList(
            [FractalV(in_channels, channels), FractalV(channels, channels)]
        )
        self.W = nn.ModuleList(
            [
                FractalW(in_channels, channels),
                FractalW(channels, channels),
                FractalW(channels, channels),
                FractalW(channels, channels),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        ux = F.relu(self.bn(self.conv(x)))  # rf:9
        j = (self.V[0](x) + self.W[1](self.W[0](x))) / 2  # rf:8
        return (ux + self.V[1](j) + self.W[3](self.W[2](j))) / 3  # rf:7


class Step(nn.Module):
    """X_i = F_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.F = Fractal(in_channels, channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        x = self.F(x_prev)  # rf:18
        return x


class Stem(nn.Module):
    """stem identity"""

    def forward(self, x: Tensor) -> Tensor:
        return x  # rf:13


class Transition(nn.Module):
    """transition maxpool(s)"""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.stride)  # rf:15


class Head(nn.Module):
    """head maxpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.amax((2, 3)))  # rf:16


class FractalNet20(nn.Module):
    """X_i = F_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem()
        self.stage1 = nn.Sequential(Step(3, 64))
        self.transition2 = Transition(stride=2)
        self.stage2 = nn.Sequential(Step(64, 128))
        self.transition3 = Transition(stride=2)
        self.stage3 = nn.Sequential(Step(128, 256))
        self.transition4 = Transition(stride=2)
        self.stage4 = nn.Sequential(Step(256, 512))
        self.transition5 = Transition(stride=2)
        self.stage5 = nn.Sequential(Step(512, 512))
        self.head = Head(512, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage1(x)
        x = self.transition2(x)
        x = self.stage2(x)
        x = self.transition3(x)
        x = self.stage3(x)
        x = self.transition4(x)
        x = self.stage4(x)
        x = self.transition5(x)
        x = self.stage5(x)
        return self.head(x)
