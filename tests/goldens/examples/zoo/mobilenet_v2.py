"""MobileNetV2, from mobilenet_v2.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  mobilenet_v2.rf
sha256:  28772f6481ec56f26308da84739f73b5b480344d5127bf2e043ff0d89299dd02
recform: 0.1.0
command: recform compile mobilenet_v2.rf -o mobilenet_v2.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from torch import Tensor, nn

__all__ = ["MobileNetV2"]


def w_block(in_channels: int, channels: int, stride: int = 1) -> nn.Sequential:
    """W = ((conv(1, 6*cin) > bn > relu6) > Depthwise(s) > conv(1, c) > bn)"""
    return nn.Sequential(
        nn.Sequential(
            nn.Conv2d(in_channels, 6 * in_channels, 1, bias=False),
            nn.BatchNorm2d(6 * in_channels),
            nn.ReLU6(),
        ),
        nn.Sequential(
            nn.Conv2d(
                6 * in_channels,
                6 * in_channels,
                3,
                stride=stride,
                padding=1,
                groups=6 * in_channels,
                bias=False,
            ),
            nn.BatchNorm2d(6 * in_channels),
            nn.ReLU6(),
        ),
        nn.Conv2d(6 * in_channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )


def v_block(in_channels: int, channels: int) -> nn.Sequential:
    """V = (Depthwise > conv(1, c) > bn)"""
    return nn.Sequential(
        nn.Sequential(
            nn.Conv2d(
                in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False
            ),
            nn.BatchNorm2d(in_channels),
            nn.ReLU6(),
        ),
        nn.Conv2d(in_channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )


class FirstStep(nn.Module):
    """X_1 = V_1*X_0

    Takes x_prev = X_0.
    Hands on X_1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = v_block(32, 16)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.conv(x_prev)  # rf:19


class OpeningStep(nn.Module):
    """X_<first> = W_<first>*X_<first-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = w_block(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        return self.conv(x_prev)  # rf:18


class Step(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = w_block(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return x_prev + self.conv(x_prev)  # rf:17


class MobileNetV2(nn.Module):
    """X_i = X_<i-1> + W_i*X_<i-1>
    X_<first> = W_<first>*X_<first-1>
    X_1 = V_1*X_0

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(32),
                nn.ReLU6(),
            ),
            FirstStep(),
            OpeningStep(16, 24, stride=2),
            Step(24),
            OpeningStep(24, 32, stride=2),
            *[Step(32) for _ in range(2)],
            OpeningStep(32, 64, stride=2),
            *[Step(64) for _ in range(3)],
            OpeningStep(64, 96),
            *[Step(96) for _ in range(2)],
            OpeningStep(96, 160, stride=2),
            *[Step(160) for _ in range(2)],
            OpeningStep(160, 320),
            nn.Sequential(
                nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()
            ),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.classifier(x.mean((2, 3)))  # rf:9
