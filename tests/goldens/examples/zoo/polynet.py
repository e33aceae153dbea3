"""MPoly2, Poly2, TwoWay, from polynet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  polynet.rf
sha256:  ba362501a0dcd23a912686ccc131f6e6f38e0fa63a268ea86ca9c486a8b7f2e7
recform: 0.1.0
command: recform compile polynet.rf -o polynet.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from torch import Tensor, nn

__all__ = ["MPoly2", "Poly2", "TwoWay"]


class FBlock(nn.Module):
    """F = conv(3, c) > bn > relu > conv(3, c) > bn
    G = F
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(self.conv1(x)))  # rf:12
        return self.bn2(self.conv2(x))  # rf:12


class MPoly2Step(nn.Module):
    """X_i = relu((1 + F_i + G_i*F_i)*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.F = FBlock(in_channels, in_channels)
        self.G = FBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        fx = self.F(x_prev)  # rf:16
        return nn.functional.relu(x_prev + fx + self.G(fx))  # rf:16


class Stem(nn.Module):
    """stem conv(3, 16) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))  # rf:8


class Transition(nn.Module):
    """transition conv(1, c, stride=s) > bn > relu"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))  # rf:default


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:10


class MPoly2(nn.Module):
    """X_i = relu((1 + F_i + G_i*F_i)*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[MPoly2Step(16) for _ in range(3)])
        self.transition2 = Transition(16, 32, stride=2)
        self.stage2 = nn.Sequential(*[MPoly2Step(32) for _ in range(3)])
        self.transition3 = Transition(32, 64, stride=2)
        self.stage3 = nn.Sequential(*[MPoly2Step(64) for _ in range(3)])
        self.head = Head(64, classes)

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
        return self.head(x)


class Poly2FBlock(nn.Module):
    """F = conv(3, c) > bn > relu > conv(3, c) > bn"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(self.conv1(x)))  # rf:12
        return self.bn2(self.conv2(x))  # rf:12


class Poly2Step(nn.Module):
    """X_i = relu((1 + F_i + F_i*F_i)*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.F = Poly2FBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        fx = self.F(x_prev)  # rf:19
        return nn.functional.relu(x_prev + fx + self.F(fx))  # rf:19


class Poly2(nn.Module):
    """X_i = relu((1 + F_i + F_i*F_i)*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[Poly2Step(16) for _ in range(3)])
        self.transition2 = Transition(16, 32, stride=2)
        self.stage2 = nn.Sequential(*[Poly2Step(32) for _ in range(3)])
        self.transition3 = Transition(32, 64, stride=2)
        self.stage3 = nn.Sequential(*[Poly2Step(64) for _ in range(3)])
        self.head = Head(64, classes)

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
        return self.head(x)


class TwoWayStep(nn.Module):
    """X_i = relu((1 + F_i + G_i)*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.F = FBlock(in_channels, in_channels)
        self.G = FBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return nn.functional.relu(x_prev + self.F(x_prev) + self.G(x_prev))  # rf:22


class TwoWay(nn.Module):
    """X_i = relu((1 + F_i + G_i)*X_<i-1>)

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.Sequential(*[TwoWayStep(16) for _ in range(3)])
        self.transition2 = Transition(16, 32, stride=2)
        self.stage2 = nn.Sequential(*[TwoWayStep(32) for _ in range(3)])
        self.transition3 = Transition(32, 64, stride=2)
        self.stage3 = nn.Sequential(*[TwoWayStep(64) for _ in range(3)])
        self.head = Head(64, classes)

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
        return self.head(x)
