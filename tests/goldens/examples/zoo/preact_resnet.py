"""PreActResNet110, PreActResNet164, PreActResNet1001, from preact_resnet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  preact_resnet.rf
sha256:  69bb04963f5c09b842a931c55ae3d522581f7b0f0d461dfd6a298b928ceedcc7
recform: 0.1.0
command: recform compile preact_resnet.rf -o preact_resnet.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from torch import Tensor, nn

__all__ = ["PreActResNet110", "PreActResNet164", "PreActResNet1001"]


class PreActResNet110FBlock(nn.Module):
    """F = Act > conv(3, c, stride=s) > Act > conv(3, c)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(x))  # rf:20
        x = nn.functional.relu(self.bn2(self.conv1(x)))  # rf:20
        return self.conv2(x)  # rf:20


class PreActResNet110Shortcut(nn.Module):
    """adapter zeropad(c, stride=s)"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.in_channels = in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(
            x[:, :, :: self.stride, :: self.stride],
            (0, 0, 0, 0, 0, self.channels - self.in_channels),
        )  # rf:19


def preactresnet110_shortcut(
    in_channels: int, channels: int, stride: int = 1
) -> nn.Module:
    """zeropad(c, stride=s), for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return PreActResNet110Shortcut(in_channels, channels, stride=stride)


class PreActResNet110Step(nn.Module):
    """X_i = X_<i-1> + F_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.F = PreActResNet110FBlock(in_channels, channels, stride=stride)
        self.shortcut = preactresnet110_shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.shortcut(x_prev) + self.F(x_prev)  # rf:9


class PreActResNet110Stem(nn.Module):
    """stem conv(3, 16)"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # rf:17


class Head(nn.Module):
    """head bn > relu > avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn(x))  # rf:7
        return self.fc(x.mean((2, 3)))  # rf:7


class PreActResNet110(nn.Module):
    """X_i = X_<i-1> + F_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = PreActResNet110Stem(in_channels)
        self.stage1 = nn.Sequential(*[PreActResNet110Step(16, 16) for _ in range(18)])
        self.stage2 = nn.Sequential(
            PreActResNet110Step(16, 32, stride=2),
            *[PreActResNet110Step(32, 32) for _ in range(17)],
        )
        self.stage3 = nn.Sequential(
            PreActResNet110Step(32, 64, stride=2),
            *[PreActResNet110Step(64, 64) for _ in range(17)],
        )
        self.head = Head(64, classes)

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
        return self.head(x)


class WidenA(nn.Module):
    """A = Act"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(x))  # rf:14


class WidenB(nn.Module):
    """B = Narrow"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(channels // 4, channels // 4, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(self.conv1(x)))  # rf:14
        x = nn.functional.relu(self.bn2(self.conv2(x)))  # rf:14
        return self.conv3(x)  # rf:14


class Widen(nn.Module):
    """Widen(x) = S*A*x + B*A*x
    where A = Act, S = conv(1, c, stride=s), B = Narrow
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.A = WidenA(in_channels)
        self.S = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)
        self.B = WidenB(in_channels, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        ax = self.A(x)  # rf:13
        return self.S(ax) + self.B(ax)  # rf:13


class PreActResNet164FBlock(nn.Module):
    """F = Act > Narrow"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, stride=stride, bias=False)
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(channels // 4, channels // 4, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(x))  # rf:27
        x = nn.functional.relu(self.bn2(self.conv1(x)))  # rf:27
        x = nn.functional.relu(self.bn3(self.conv2(x)))  # rf:27
        return self.conv3(x)  # rf:27


class PreActResNet164Step(nn.Module):
    """X_i = X_<i-1> + F_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.F = PreActResNet164FBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return x_prev + self.F(x_prev)  # rf:9


class PreActResNet164Stem(nn.Module):
    """stem conv(3, 16) > Widen"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.widen = Widen(16, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.widen(self.conv(x))  # rf:24


class PreActResNet164Transition(nn.Module):
    """transition Widen"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.widen = Widen(in_channels, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.widen(x)  # rf:26


class PreActResNet164(nn.Module):
    """X_i = X_<i-1> + F_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = PreActResNet164Stem(in_channels, 64, stride=1)
        self.stage1 = nn.Sequential(*[PreActResNet164Step(64) for _ in range(17)])
        self.transition2 = PreActResNet164Transition(64, 128, stride=2)
        self.stage2 = nn.Sequential(*[PreActResNet164Step(128) for _ in range(17)])
        self.transition3 = PreActResNet164Transition(128, 256, stride=2)
        self.stage3 = nn.Sequential(*[PreActResNet164Step(256) for _ in range(17)])
        self.head = Head(256, classes)

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


class PreActResNet1001FBlock(nn.Module):
    """F = Act > Narrow"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, stride=stride, bias=False)
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(channels // 4, channels // 4, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn1(x))  # rf:34
        x = nn.functional.relu(self.bn2(self.conv1(x)))  # rf:34
        x = nn.functional.relu(self.bn3(self.conv2(x)))  # rf:34
        return self.conv3(x)  # rf:34


class PreActResNet1001Step(nn.Module):
    """X_i = X_<i-1> + F_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.F = PreActResNet1001FBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return x_prev + self.F(x_prev)  # rf:9


class PreActResNet1001Stem(nn.Module):
    """stem conv(3, 16) > Widen"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.widen = Widen(16, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.widen(self.conv(x))  # rf:31


class PreActResNet1001Transition(nn.Module):
    """transition Widen"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.widen = Widen(in_channels, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.widen(x)  # rf:33


class PreActResNet1001(nn.Module):
    """X_i = X_<i-1> + F_i*X_<i-1>

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = PreActResNet1001Stem(in_channels, 64, stride=1)
        self.stage1 = nn.Sequential(*[PreActResNet1001Step(64) for _ in range(110)])
        self.transition2 = PreActResNet1001Transition(64, 128, stride=2)
        self.stage2 = nn.Sequential(*[PreActResNet1001Step(128) for _ in range(110)])
        self.transition3 = PreActResNet1001Transition(128, 256, stride=2)
        self.stage3 = nn.Sequential(*[PreActResNet1001Step(256) for _ in range(110)])
        self.head = Head(256, classes)

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
