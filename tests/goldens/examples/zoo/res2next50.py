"""Res2NeXt50, from res2next50.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  res2next50.rf
sha256:  28cd1093580ac8f01a101bd276ac6eafea996d13ecbcd02869ec4f3613bc9d8d
recform: 0.1.0
command: recform compile res2next50.rf -o res2next50.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Res2NeXt50"]


class Res2K(nn.Module):
    """K = conv(3, cin, groups=cards) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, in_channels, 3, padding=1, groups=8, bias=False
        )
        self.bn = nn.BatchNorm2d(in_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:20 of res2net50_26w_4s.rf


class Res2(nn.Module):
    """Res2(x) = concat(Y_<1..3>, S_4)
    where S_<1..4> = split(x, 4)
    where Y_1 = K_1*S_1
    where Y_k = K_k*(S_k + Y_<k-1>)
    where K = conv(3, cin, groups=cards) > bn > relu
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.K = nn.ModuleList([Res2K(in_channels // 4) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        s1, s2, s3, s4 = x.chunk(4, dim=1)  # rf:17 of res2net50_26w_4s.rf
        y1 = self.K[0](s1)  # rf:18 of res2net50_26w_4s.rf
        y2 = self.K[1](s2 + y1)  # rf:19 of res2net50_26w_4s.rf
        y3 = self.K[2](s3 + y2)  # rf:19 of res2net50_26w_4s.rf
        return torch.cat((y1, y2, y3, s4), dim=1)  # rf:16 of res2net50_26w_4s.rf


class ApartK(nn.Module):
    """K = conv(3, cin, stride=s, groups=cards) > bn > relu"""

    def __init__(self, in_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, in_channels, 3, stride=stride, padding=1, groups=8, bias=False
        )
        self.bn = nn.BatchNorm2d(in_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:23 of res2net50_26w_4s.rf


class Apart(nn.Module):
    """Apart(x) = concat(K_1*S_1, K_2*S_2, K_3*S_3, P*S_4)
    where S_<1..4> = split(x, 4)
    where K = conv(3, cin, stride=s, groups=cards) > bn > relu
    where P = avgpool(3, stride=s, padding=1)
    """

    def __init__(self, in_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.K = nn.ModuleList(
            [ApartK(in_channels // 4, stride=stride) for _ in range(3)]
        )
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        s1, s2, s3, s4 = x.chunk(4, dim=1)  # rf:22 of res2net50_26w_4s.rf
        ps = F.avg_pool2d(
            s4, 3, stride=self.stride, padding=1
        )  # rf:24 of res2net50_26w_4s.rf
        return torch.cat(
            (self.K[0](s1), self.K[1](s2), self.K[2](s3), ps), dim=1
        )  # rf:21 of res2net50_26w_4s.rf


def shortcut(in_channels: int, channels: int, stride: int = 1) -> nn.Module:
    """conv(1, c, stride=s) > bn, for a term whose shape differs from its sum's."""
    if in_channels == channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class OpeningStep(nn.Module):
    """X_<first> = relu(V_<first>*X_<first-1> + X_<first-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(
        self, in_channels: int, channels: int, stage_width: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 4 * stage_width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4 * stage_width)
        self.scales = Apart(4 * stage_width, stride=stride)
        self.conv3 = nn.Conv2d(4 * stage_width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(in_channels, channels, stride=stride)

    def forward(self, x_prev: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x_prev)))  # rf:27 of res2net50_26w_4s.rf
        vx = self.bn3(self.conv3(self.scales(out)))  # rf:27 of res2net50_26w_4s.rf
        return F.relu(vx + self.downsample(x_prev))  # rf:30 of res2net50_26w_4s.rf


class Step(nn.Module):
    """X_i = relu(W_i*X_<i-1> + X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int, stage_width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 4 * stage_width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4 * stage_width)
        self.scales = Res2(4 * stage_width)
        self.conv3 = nn.Conv2d(4 * stage_width, in_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x_prev)))  # rf:26 of res2net50_26w_4s.rf
        wx = self.bn3(self.conv3(self.scales(out)))  # rf:26 of res2net50_26w_4s.rf
        return F.relu(wx + x_prev)  # rf:29 of res2net50_26w_4s.rf


class Res2NeXt50(nn.Module):
    """X_i = relu(W_i*X_<i-1> + X_<i-1>)
    X_<first> = relu(V_<first>*X_<first-1> + X_<first-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(
            OpeningStep(64, 256, stage_width=32),
            *[Step(256, stage_width=32) for _ in range(2)],
        )
        self.layer2 = nn.Sequential(
            OpeningStep(256, 512, stride=2, stage_width=64),
            *[Step(512, stage_width=64) for _ in range(3)],
        )
        self.layer3 = nn.Sequential(
            OpeningStep(512, 1024, stride=2, stage_width=128),
            *[Step(1024, stage_width=128) for _ in range(5)],
        )
        self.layer4 = nn.Sequential(
            OpeningStep(1024, 2048, stride=2, stage_width=256),
            *[Step(2048, stage_width=256) for _ in range(2)],
        )
        self.fc = nn.Linear(2048, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:9 of res2net50_26w_4s.rf
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # rf:9 of res2net50_26w_4s.rf
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        return self.fc(x.mean((2, 3)))  # rf:13 of res2net50_26w_4s.rf
