"""FractalNet20, FractalNet20Narrow, FractalNet40Narrow, from fractalnet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  fractalnet.rf
sha256:  4f8d4b21aaa537f42c93feb20f507807c964c82c5c899db3b2386b82ac3b252e
recform: 0.1.0
command: recform compile fractalnet.rf -o fractalnet.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from torch import Tensor, nn

__all__ = ["FractalNet20", "FractalNet20Narrow", "FractalNet40Narrow"]


class ThreeV(nn.Module):
    """V = Unit
    W = Unit
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))  # rf:9


class Three(nn.Module):
    """Three(x) = mean(U*x, V_2*J, W_4*W_3*J)
    where J = mean(V_1*x, W_2*W_1*x)
    where U = Unit, V = Unit, W = Unit
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.V = nn.ModuleList(
            [ThreeV(in_channels, channels), ThreeV(channels, channels)]
        )
        self.W = nn.ModuleList(
            [
                ThreeV(in_channels, channels),
                ThreeV(channels, channels),
                ThreeV(channels, channels),
                ThreeV(channels, channels),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        ux = nn.functional.relu(self.bn(self.conv(x)))  # rf:9
        j = (self.V[0](x) + self.W[1](self.W[0](x))) / 2  # rf:8
        return (ux + self.V[1](j) + self.W[3](self.W[2](j))) / 3  # rf:7


class FractalNet20Step(nn.Module):
    """X_i = F_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.F = Three(in_channels, channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.F(x_prev)  # rf:22


class Stem(nn.Module):
    """stem identity"""

    def forward(self, x: Tensor) -> Tensor:
        return x  # rf:18


class Transition(nn.Module):
    """transition maxpool(s)"""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.max_pool2d(x, self.stride)  # rf:19


class Head(nn.Module):
    """head maxpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.amax((2, 3)))  # rf:20


class FractalNet20(nn.Module):
    """X_i = F_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem()
        self.stage1 = nn.Sequential(FractalNet20Step(3, 64))
        self.transition2 = Transition(stride=2)
        self.stage2 = nn.Sequential(FractalNet20Step(64, 128))
        self.transition3 = Transition(stride=2)
        self.stage3 = nn.Sequential(FractalNet20Step(128, 256))
        self.transition4 = Transition(stride=2)
        self.stage4 = nn.Sequential(FractalNet20Step(256, 512))
        self.transition5 = Transition(stride=2)
        self.stage5 = nn.Sequential(FractalNet20Step(512, 512))
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


class FractalNet20NarrowStep(nn.Module):
    """X_i = F_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.F = Three(in_channels, channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.F(x_prev)  # rf:22


class FractalNet20Narrow(nn.Module):
    """X_i = F_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem()
        self.stage1 = nn.Sequential(FractalNet20NarrowStep(3, 16))
        self.transition2 = Transition(stride=2)
        self.stage2 = nn.Sequential(FractalNet20NarrowStep(16, 32))
        self.transition3 = Transition(stride=2)
        self.stage3 = nn.Sequential(FractalNet20NarrowStep(32, 64))
        self.transition4 = Transition(stride=2)
        self.stage4 = nn.Sequential(FractalNet20NarrowStep(64, 128))
        self.transition5 = Transition(stride=2)
        self.stage5 = nn.Sequential(FractalNet20NarrowStep(128, 128))
        self.head = Head(128, classes)

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


class FractalNet40NarrowFourU(nn.Module):
    """U = Unit
    V = Unit
    W = Unit
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))  # rf:14


class FractalNet40NarrowFour(nn.Module):
    """Four(x) = mean(T*x, U_2*K, V_4*Q, W_8*W_7*Q)
    where J = mean(V_1*x, W_2*W_1*x)
    where K = mean(U_1*x, V_2*J, W_4*W_3*J)
    where Q = mean(V_3*K, W_6*W_5*K)
    where T = Unit, U = Unit, V = Unit, W = Unit
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.U = nn.ModuleList(
            [
                FractalNet40NarrowFourU(in_channels, channels),
                FractalNet40NarrowFourU(channels, channels),
            ]
        )
        self.V = nn.ModuleList(
            [
                FractalNet40NarrowFourU(in_channels, channels),
                FractalNet40NarrowFourU(channels, channels),
                FractalNet40NarrowFourU(channels, channels),
                FractalNet40NarrowFourU(channels, channels),
            ]
        )
        self.W = nn.ModuleList(
            [
                FractalNet40NarrowFourU(in_channels, channels),
                FractalNet40NarrowFourU(channels, channels),
                FractalNet40NarrowFourU(channels, channels),
                FractalNet40NarrowFourU(channels, channels),
                FractalNet40NarrowFourU(channels, channels),
                FractalNet40NarrowFourU(channels, channels),
                FractalNet40NarrowFourU(channels, channels),
                FractalNet40NarrowFourU(channels, channels),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        tx = nn.functional.relu(self.bn(self.conv(x)))  # rf:14
        j = (self.V[0](x) + self.W[1](self.W[0](x))) / 2  # rf:11
        k2 = (self.U[0](x) + self.V[1](j) + self.W[3](self.W[2](j))) / 3  # rf:12
        q = (self.V[2](k2) + self.W[5](self.W[4](k2))) / 2  # rf:13
        return (
            tx + self.U[1](k2) + self.V[3](q) + self.W[7](self.W[6](q))
        ) / 4  # rf:10


class FractalNet40NarrowStep(nn.Module):
    """X_i = F_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.F = FractalNet40NarrowFour(in_channels, channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.F(x_prev)  # rf:22


class FractalNet40Narrow(nn.Module):
    """X_i = F_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem()
        self.stage1 = nn.Sequential(FractalNet40NarrowStep(3, 16))
        self.transition2 = Transition(stride=2)
        self.stage2 = nn.Sequential(FractalNet40NarrowStep(16, 32))
        self.transition3 = Transition(stride=2)
        self.stage3 = nn.Sequential(FractalNet40NarrowStep(32, 64))
        self.transition4 = Transition(stride=2)
        self.stage4 = nn.Sequential(FractalNet40NarrowStep(64, 128))
        self.transition5 = Transition(stride=2)
        self.stage5 = nn.Sequential(FractalNet40NarrowStep(128, 128))
        self.head = Head(128, classes)

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
