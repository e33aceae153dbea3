"""MomentumResNet, from momentum.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  momentum.rf
sha256:  9deda562ac075005d28bc2429a9799d1d72a9b4a30bd16cefa9f6984ca9b6774
recform: 0.1.0
command: recform compile momentum.rf -o momentum.py
sealed:  6bf8067a86cecf39
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from torch import Tensor, nn

__all__ = ["MomentumResNet"]


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


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class FirstStep(nn.Module):
    """V_1 = 0.1*F_1*X_0
    X_1 = X_0 + V_1

    Takes x_prev = X_0.
    Hands on V_1, X_1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.F = FBlock(64, 64)

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        v = 0.1 * self.F(x_prev)  # rf:4
        x = x_prev + v  # rf:5
        return v, x


class Step(nn.Module):
    """V_i = gamma*V_<i-1> + (1 - gamma)*F_i*X_<i-1>
    X_i = X_<i-1> + V_i

    Takes v_prev = V_<i-1>, x_prev = X_<i-1>.
    Hands on V_i, X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.F = FBlock(in_channels, channels, stride=stride)
        self.shortcut_v = shortcut(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)

    def forward(self, v_prev: Tensor, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        v = 0.9 * self.shortcut_v(v_prev) + 0.1 * self.F(x_prev)  # rf:4
        x = self.shortcut(x_prev) + v  # rf:5
        return v, x


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


class MomentumResNet(nn.Module):
    """V_i = gamma*V_<i-1> + (1 - gamma)*F_i*X_<i-1>
    X_i = X_<i-1> + V_i
    V_0 = 0

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 64)
        self.stage1 = nn.ModuleList([FirstStep(), Step(64, 64)])
        self.stage2 = nn.ModuleList([Step(64, 128, stride=2), Step(128, 128)])
        self.stage3 = nn.ModuleList([Step(128, 256, stride=2), Step(256, 256)])
        self.stage4 = nn.ModuleList([Step(256, 512, stride=2), Step(512, 512)])
        self.head = Head(512, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        v, x = self.stage1[0](x)
        v, x = self.stage1[1](v, x)
        for block in self.stage2:
            v, x = block(v, x)
        for block in self.stage3:
            v, x = block(v, x)
        for block in self.stage4:
            v, x = block(v, x)
        return self.head(x)
