"""MomentumResNet101, from momentum_resnet.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  momentum_resnet.rf
sha256:  b2f8c1ca3c6a4f978993373cdf57037dd6e70d164e54c9a9778c30dd6d0dc7bf
recform: 0.1.0
command: recform compile momentum_resnet.rf -o momentum_resnet.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from torch import Tensor, nn

__all__ = ["MomentumResNet101"]


class DownP(nn.Module):
    """P = conv(1, c, stride=s) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))  # rf:10


class DownR(nn.Module):
    """R = F
    F = conv(1, c/4) > bn > relu > conv(3, c/4, stride=s) > bn > relu > conv(1, c) > bn
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
        x = nn.functional.relu(self.bn1(self.conv1(x)))  # rf:10
        x = nn.functional.relu(self.bn2(self.conv2(x)))  # rf:10
        return self.bn3(self.conv3(x))  # rf:10


class Down(nn.Module):
    """Down(x) = relu(P*x + R*x)
    where P = conv(1, c, stride=s) > bn, R = F
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.P = DownP(in_channels, channels, stride=stride)
        self.R = DownR(in_channels, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.P(x) + self.R(x))  # rf:9


class FirstStep(nn.Module):
    """V_1 = 1/10*F_1*X_0
    X_1 = X_0 + V_1

    Takes x_prev = X_0.
    Hands on V_1, X_1.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.F = DownR(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        v = 0.1 * self.F(x_prev)  # rf:19
        x = x_prev + v  # rf:20
        return v, x


class Step(nn.Module):
    """V_i = gamma*V_<i-1> + (1 - gamma)*F_i*X_<i-1>
    X_i = X_<i-1> + V_i

    Takes v_prev = V_<i-1>, x_prev = X_<i-1>.
    Hands on V_i, X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.F = DownR(in_channels, in_channels)

    def forward(self, v_prev: Tensor, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        v = 0.9 * v_prev + 0.1 * self.F(x_prev)  # rf:19
        x = x_prev + v  # rf:20
        return v, x


class Stem(nn.Module):
    """stem conv(7, 64, stride=2) > bn > relu > maxpool(3, stride=2, padding=1) >
    Down
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(64)
        self.down = Down(64, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.bn(self.conv(x)))  # rf:14
        return self.down(nn.functional.max_pool2d(x, 3, stride=2, padding=1))  # rf:14


class Transition(nn.Module):
    """transition Down"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.down = Down(in_channels, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(x)  # rf:16


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:17


class MomentumResNet101(nn.Module):
    """V_i = gamma*V_<i-1> + (1 - gamma)*F_i*X_<i-1>
    X_i = X_<i-1> + V_i
    V_0 = 0

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 256, stride=1)
        self.stage1 = nn.ModuleList([FirstStep(256), Step(256)])
        self.transition2 = Transition(256, 512, stride=2)
        self.stage2 = nn.ModuleList([FirstStep(512), *[Step(512) for _ in range(2)]])
        self.transition3 = Transition(512, 1024, stride=2)
        self.stage3 = nn.ModuleList([FirstStep(1024), *[Step(1024) for _ in range(21)]])
        self.transition4 = Transition(1024, 2048, stride=2)
        self.stage4 = nn.ModuleList([FirstStep(2048), Step(2048)])
        self.head = Head(2048, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        v, x = self.stage1[0](x)
        v, x = self.stage1[1](v, x)
        x = self.transition2(x)
        v, x = self.stage2[0](x)
        for block in self.stage2[1:]:
            v, x = block(v, x)
        x = self.transition3(x)
        v, x = self.stage3[0](x)
        for block in self.stage3[1:]:
            v, x = block(v, x)
        x = self.transition4(x)
        v, x = self.stage4[0](x)
        v, x = self.stage4[1](v, x)
        return self.head(x)
