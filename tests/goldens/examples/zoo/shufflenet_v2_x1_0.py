"""ShuffleNetV2, from shufflenet_v2_x1_0.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  shufflenet_v2_x1_0.rf
sha256:  8f4927cd416258cfddada18f06f1e4073721a4baa2149d0f4785d59884a0f828
recform: 0.1.0
command: recform compile shufflenet_v2_x1_0.rf -o shufflenet_v2_x1_0.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ShuffleNetV2"]


class UBlock(nn.Module):
    """U(x) = S*concat(a, branch2*b)
    where a, b = split(x, 2), S = shuffle(2)
    where branch2 = (conv(1, cin) > bn > relu > dwconv(3) > bn > conv(1, cin) > bn >
    relu)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch2 = nn.Sequential(
            nn.Conv2d(in_channels // 2, in_channels // 2, 1, bias=False),
            nn.BatchNorm2d(in_channels // 2),
            nn.ReLU(),
            nn.Conv2d(
                in_channels // 2,
                in_channels // 2,
                3,
                padding=1,
                groups=in_channels // 2,
                bias=False,
            ),
            nn.BatchNorm2d(in_channels // 2),
            nn.Conv2d(in_channels // 2, in_channels // 2, 1, bias=False),
            nn.BatchNorm2d(in_channels // 2),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=1)  # rf:13
        out = torch.cat((a, self.branch2(b)), dim=1)  # rf:13
        return out.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)  # rf:13


class DBlock(nn.Module):
    """D(x) = S*concat(branch1*x, branch2*x)
    where S = shuffle(2)
    where branch1 = (dwconv(3, stride=2) > bn > conv(1, c/2) > bn > relu)
    where branch2 = (conv(1, c/2) > bn > relu > dwconv(3, stride=2) > bn > conv(1,
    c/2) > bn > relu)
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.branch1 = nn.Sequential(
            nn.Conv2d(
                in_channels,
                in_channels,
                3,
                stride=2,
                padding=1,
                groups=in_channels,
                bias=False,
            ),
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, channels // 2, 1, bias=False),
            nn.BatchNorm2d(channels // 2),
            nn.ReLU(),
        )
        self.branch2 = nn.Sequential(
            nn.Conv2d(in_channels, channels // 2, 1, bias=False),
            nn.BatchNorm2d(channels // 2),
            nn.ReLU(),
            nn.Conv2d(
                channels // 2,
                channels // 2,
                3,
                stride=2,
                padding=1,
                groups=channels // 2,
                bias=False,
            ),
            nn.BatchNorm2d(channels // 2),
            nn.Conv2d(channels // 2, channels // 2, 1, bias=False),
            nn.BatchNorm2d(channels // 2),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        out = torch.cat((self.branch1(x), self.branch2(x)), dim=1)  # rf:16
        return out.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)  # rf:16


class ShuffleNetV2(nn.Module):
    """X_i = U_i*X_<i-1>
    X_<first> = D_<first>*X_<first-1>

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(in_channels, 24, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
        )
        self.stage2 = nn.Sequential(DBlock(24, 116), *[UBlock(116) for _ in range(3)])
        self.stage3 = nn.Sequential(DBlock(116, 232), *[UBlock(232) for _ in range(7)])
        self.stage4 = nn.Sequential(DBlock(232, 464), *[UBlock(464) for _ in range(3)])
        self.conv5 = nn.Sequential(
            nn.Conv2d(464, 1024, 1, bias=False), nn.BatchNorm2d(1024), nn.ReLU()
        )
        self.fc = nn.Linear(1024, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 3, stride=2, padding=1)  # rf:7
        x = self.stage2(x)
        x = self.stage3(x)
        x = self.stage4(x)
        x = self.conv5(x).mean((2, 3))  # rf:9
        return self.fc(x)  # rf:9
