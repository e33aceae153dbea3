"""PlainBottleneck, from plain_bottleneck.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  plain_bottleneck.rf
sha256:  65136ce1050557fde413a617053e5e8ec96b3d8cde04f37dcf84d18f3bc9c8fa
recform: 0.1.0
command: recform compile plain_bottleneck.rf -o plain_bottleneck.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from torch import Tensor, nn

__all__ = ["PlainBottleneck"]


class FBlock(nn.Module):
    """F = conv(1, c/4) > bn > relu > conv(3, c/4, stride=s) > bn > relu > conv(1, c)
    > bn
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(self.conv1(x)))  # rf:6
        x = nn.functional.relu(self.bn2(self.conv2(x)))  # rf:6
        return self.bn3(self.conv3(x))  # rf:6


class Step(nn.Module):
    """X_i = relu(F_i(X_<i-1>))

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.F = FBlock(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return nn.functional.relu(self.F(x_prev))  # rf:3 of plain.rf


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


class PlainBottleneck(nn.Module):
    """X_i = relu(F_i(X_<i-1>))

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 256)
        self.stage1 = nn.Sequential(*[Step(256, 256) for _ in range(3)])
        self.stage2 = nn.Sequential(
            Step(256, 512, stride=2), *[Step(512, 512) for _ in range(3)]
        )
        self.stage3 = nn.Sequential(
            Step(512, 1024, stride=2), *[Step(1024, 1024) for _ in range(5)]
        )
        self.stage4 = nn.Sequential(
            Step(1024, 2048, stride=2), *[Step(2048, 2048) for _ in range(2)]
        )
        self.head = Head(2048, classes)

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
