"""OneLine, from one_line.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  one_line.rf
sha256:  2cf962031b9445cc75d7539dbd250fa6545be14d2feb4194789eed04283cefea
recform: 0.1.0
command: recform compile one_line.rf -o one_line.py
sealed:  af51049abca44be4
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["OneLine"]


class WBlock(nn.Module):
    """W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn"""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:default
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
    """X_1 = X_0 + W_1*X_0

    Takes x_prev = X_0.
    Hands on X_1, W_1*X_0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.W = WBlock(64, 64)

    def forward(self, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:1
        x = x_prev + wx  # rf:1
        return x, wx


class Step(nn.Module):
    """X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>

    Takes x_prev = X_<i-1>, wx_prev = W_<i-1>*X_<i-2>.
    Hands on X_i, W_i*X_<i-1>.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.W = WBlock(in_channels, channels, stride=stride)
        self.shortcut = shortcut(in_channels, channels, stride=stride)
        self.shortcut_wx = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor, wx_prev: Tensor) -> tuple[Tensor, Tensor]:
        wx = self.W(x_prev)  # rf:1
        x = self.shortcut(x_prev) + wx - self.shortcut_wx(wx_prev)  # rf:1
        return x, wx


class Stem(nn.Module):
    """stem conv(3, c) > bn > relu"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:default


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:default


class OneLine(nn.Module):
    """X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>

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
        x, wx = self.stage1[0](x)
        x, wx = self.stage1[1](x, wx)
        for block in self.stage2:
            x, wx = block(x, wx)
        for block in self.stage3:
            x, wx = block(x, wx)
        for block in self.stage4:
            x, wx = block(x, wx)
        return self.head(x)
