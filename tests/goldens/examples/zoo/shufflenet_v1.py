"""ShuffleNet1, ShuffleNet2, ShuffleNet3, ShuffleNet4, ShuffleNet8, from shufflenet_v1.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  shufflenet_v1.rf
sha256:  a8659ea771f4b594af61e650f87a3e50d66460789c8a164540f3444e69e8c7c8
recform: 0.1.0
command: recform compile shufflenet_v1.rf -o shufflenet_v1.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ShuffleNet1", "ShuffleNet2", "ShuffleNet3", "ShuffleNet4", "ShuffleNet8"]


class Down(nn.Module):
    """Down(x, groups=1, first=1) = relu(concat(S*x, B*x))
    where S = avgpool(3, stride=2, padding=1), B = Branch(groups, first, c - cin, 2)
    """

    def __init__(
        self, in_channels: int, channels: int, groups: int = 1, first: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, groups=first, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4,
            channels // 4,
            3,
            stride=2,
            padding=1,
            groups=channels // 4,
            bias=False,
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(
            channels // 4, channels - in_channels, 1, groups=groups, bias=False
        )
        self.bn3 = nn.BatchNorm2d(channels - in_channels)
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        sx = F.avg_pool2d(x, 3, stride=2, padding=1)  # rf:10
        out = F.relu(self.bn1(self.conv1(x)))  # rf:10
        out = out.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)  # rf:10
        bx = self.bn3(self.conv3(self.bn2(self.conv2(out))))  # rf:10
        return F.relu(torch.cat((sx, bx), dim=1))  # rf:9


class ShuffleNet1WBlock(nn.Module):
    """W = Branch(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, padding=1, groups=channels // 4, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:18
        x = x.unflatten(1, (1, -1)).transpose(1, 2).flatten(1, 2)  # rf:18
        return self.bn3(self.conv3(self.bn2(self.conv2(x))))  # rf:18


class ShuffleNet1Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.W = ShuffleNet1WBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(x_prev + self.W(x_prev))  # rf:19


class ShuffleNet1Stem(nn.Module):
    """stem conv(3, 24, stride=2) > bn > relu > maxpool(3, stride=2, padding=1) >
    Down(g)
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 24, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(24)
        self.down = Down(24, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.conv(x)))  # rf:14
        return self.down(F.max_pool2d(x, 3, stride=2, padding=1))  # rf:14


class ShuffleNet1Transition(nn.Module):
    """transition Down(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.down = Down(in_channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(x)  # rf:15


class Head(nn.Module):
    """head avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))  # rf:16


class ShuffleNet1(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.stem = ShuffleNet1Stem(in_channels, 144)
        self.stage1 = nn.Sequential(*[ShuffleNet1Step(144) for _ in range(3)])
        self.transition2 = ShuffleNet1Transition(144, 288)
        self.stage2 = nn.Sequential(*[ShuffleNet1Step(288) for _ in range(7)])
        self.transition3 = ShuffleNet1Transition(288, 576)
        self.stage3 = nn.Sequential(*[ShuffleNet1Step(576) for _ in range(3)])
        self.head = Head(576, classes)

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


class ShuffleNet2WBlock(nn.Module):
    """W = Branch(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, groups=2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, padding=1, groups=channels // 4, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, groups=2, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:18
        x = x.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)  # rf:18
        return self.bn3(self.conv3(self.bn2(self.conv2(x))))  # rf:18


class ShuffleNet2Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.W = ShuffleNet2WBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(x_prev + self.W(x_prev))  # rf:19


class ShuffleNet2Stem(nn.Module):
    """stem conv(3, 24, stride=2) > bn > relu > maxpool(3, stride=2, padding=1) >
    Down(g)
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 24, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(24)
        self.down = Down(24, channels, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.conv(x)))  # rf:14
        return self.down(F.max_pool2d(x, 3, stride=2, padding=1))  # rf:14


class ShuffleNet2Transition(nn.Module):
    """transition Down(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.down = Down(in_channels, channels, groups=2, first=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(x)  # rf:15


class ShuffleNet2(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.stem = ShuffleNet2Stem(in_channels, 200)
        self.stage1 = nn.Sequential(*[ShuffleNet2Step(200) for _ in range(3)])
        self.transition2 = ShuffleNet2Transition(200, 400)
        self.stage2 = nn.Sequential(*[ShuffleNet2Step(400) for _ in range(7)])
        self.transition3 = ShuffleNet2Transition(400, 800)
        self.stage3 = nn.Sequential(*[ShuffleNet2Step(800) for _ in range(3)])
        self.head = Head(800, classes)

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


class ShuffleNet3WBlock(nn.Module):
    """W = Branch(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, groups=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, padding=1, groups=channels // 4, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, groups=3, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:18
        x = x.unflatten(1, (3, -1)).transpose(1, 2).flatten(1, 2)  # rf:18
        return self.bn3(self.conv3(self.bn2(self.conv2(x))))  # rf:18


class ShuffleNet3Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.W = ShuffleNet3WBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(x_prev + self.W(x_prev))  # rf:19


class ShuffleNet3Stem(nn.Module):
    """stem conv(3, 24, stride=2) > bn > relu > maxpool(3, stride=2, padding=1) >
    Down(g)
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 24, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(24)
        self.down = Down(24, channels, groups=3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.conv(x)))  # rf:14
        return self.down(F.max_pool2d(x, 3, stride=2, padding=1))  # rf:14


class ShuffleNet3Transition(nn.Module):
    """transition Down(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.down = Down(in_channels, channels, groups=3, first=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(x)  # rf:15


class ShuffleNet3(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.stem = ShuffleNet3Stem(in_channels, 240)
        self.stage1 = nn.Sequential(*[ShuffleNet3Step(240) for _ in range(3)])
        self.transition2 = ShuffleNet3Transition(240, 480)
        self.stage2 = nn.Sequential(*[ShuffleNet3Step(480) for _ in range(7)])
        self.transition3 = ShuffleNet3Transition(480, 960)
        self.stage3 = nn.Sequential(*[ShuffleNet3Step(960) for _ in range(3)])
        self.head = Head(960, classes)

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


class ShuffleNet4WBlock(nn.Module):
    """W = Branch(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, groups=4, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, padding=1, groups=channels // 4, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, groups=4, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:18
        x = x.unflatten(1, (4, -1)).transpose(1, 2).flatten(1, 2)  # rf:18
        return self.bn3(self.conv3(self.bn2(self.conv2(x))))  # rf:18


class ShuffleNet4Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.W = ShuffleNet4WBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(x_prev + self.W(x_prev))  # rf:19


class ShuffleNet4Stem(nn.Module):
    """stem conv(3, 24, stride=2) > bn > relu > maxpool(3, stride=2, padding=1) >
    Down(g)
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 24, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(24)
        self.down = Down(24, channels, groups=4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.conv(x)))  # rf:14
        return self.down(F.max_pool2d(x, 3, stride=2, padding=1))  # rf:14


class ShuffleNet4Transition(nn.Module):
    """transition Down(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.down = Down(in_channels, channels, groups=4, first=4)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(x)  # rf:15


class ShuffleNet4(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.stem = ShuffleNet4Stem(in_channels, 272)
        self.stage1 = nn.Sequential(*[ShuffleNet4Step(272) for _ in range(3)])
        self.transition2 = ShuffleNet4Transition(272, 544)
        self.stage2 = nn.Sequential(*[ShuffleNet4Step(544) for _ in range(7)])
        self.transition3 = ShuffleNet4Transition(544, 1088)
        self.stage3 = nn.Sequential(*[ShuffleNet4Step(1088) for _ in range(3)])
        self.head = Head(1088, classes)

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


class ShuffleNet8WBlock(nn.Module):
    """W = Branch(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 4, 1, groups=8, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.conv2 = nn.Conv2d(
            channels // 4, channels // 4, 3, padding=1, groups=channels // 4, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels // 4)
        self.conv3 = nn.Conv2d(channels // 4, channels, 1, groups=8, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # rf:18
        x = x.unflatten(1, (8, -1)).transpose(1, 2).flatten(1, 2)  # rf:18
        return self.bn3(self.conv3(self.bn2(self.conv2(x))))  # rf:18


class ShuffleNet8Step(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.W = ShuffleNet8WBlock(in_channels, in_channels)

    def forward(self, x_prev: Tensor) -> Tensor:
        return F.relu(x_prev + self.W(x_prev))  # rf:19


class ShuffleNet8Stem(nn.Module):
    """stem conv(3, 24, stride=2) > bn > relu > maxpool(3, stride=2, padding=1) >
    Down(g)
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 24, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(24)
        self.down = Down(24, channels, groups=8)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.conv(x)))  # rf:14
        return self.down(F.max_pool2d(x, 3, stride=2, padding=1))  # rf:14


class ShuffleNet8Transition(nn.Module):
    """transition Down(g, g)"""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.down = Down(in_channels, channels, groups=8, first=8)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(x)  # rf:15


class ShuffleNet8(nn.Module):
    """X_i = relu(X_<i-1> + W_i*X_<i-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.stem = ShuffleNet8Stem(in_channels, 384)
        self.stage1 = nn.Sequential(*[ShuffleNet8Step(384) for _ in range(3)])
        self.transition2 = ShuffleNet8Transition(384, 768)
        self.stage2 = nn.Sequential(*[ShuffleNet8Step(768) for _ in range(7)])
        self.transition3 = ShuffleNet8Transition(768, 1536)
        self.stage3 = nn.Sequential(*[ShuffleNet8Step(1536) for _ in range(3)])
        self.head = Head(1536, classes)

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
