"""Plain, from plain.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  plain.rf
sha256:  81eac795fd973b673be52975fb3cfcc3b4f5eda970513d761a1514ce392440a4
recform: 0.1.0
command: recform compile plain.rf -o plain.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from torch import Tensor, nn

__all__ = ["Plain"]


class FBlock(nn.Module):
    """F = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(self.conv1(x)))  # rf:default
        return self.bn2(self.conv2(x))  # rf:default


class Step(nn.Module):
    """X_i = relu(F_i(X_<i-1>))

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.F = FBlock(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return nn.functional.relu(self.F(x_prev))  # rf:3


class Stem(nn.Module):
    """stem conv(3, c) > bn > relu"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))  # rf:default


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:default


class Plain(nn.Module):
    """X_i = relu(F_i(X_<i-1>))

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 64)
        self.stage1 = nn.Sequential(*[Step(64, 64) for _ in range(2)])
        self.stage2 = nn.Sequential(Step(64, 128, stride=2), Step(128, 128))
        self.stage3 = nn.Sequential(Step(128, 256, stride=2), Step(256, 256))
        self.stage4 = nn.Sequential(Step(256, 512, stride=2), Step(512, 512))
        self.head = Head(512, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        return self.head(x)
