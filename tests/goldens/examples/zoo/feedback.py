"""Feedback, from feedback.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  feedback.rf
sha256:  3060ae58efe448822fb43e730e939458b653c0bc8e42f693dbe8b74c99205705
recform: 0.1.0
command: recform compile feedback.rf -o feedback.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Feedback"]


class PBlock(nn.Module):
    """P = Below
    Q = Below
    R = Below
    S = Below
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))  # rf:15


class UBlock(nn.Module):
    """U = Before
    V = Before
    W = Before
    Z = Before
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))  # rf:19


class FirstStep(nn.Module):
    """I_<1,1> = sigmoid(P_1*H_<0,1>)
    O_<1,1> = sigmoid(R_1*H_<0,1>)
    C_<1,1> = I_<1,1>*tanh(S_1*H_<0,1>)
    H_<1,1> = O_<1,1>*tanh(C_<1,1>)
    I_<1,2> = sigmoid(P_1*H_<0,1> + U_1*H_<1,1>)
    O_<1,2> = sigmoid(R_1*H_<0,1> + W_1*H_<1,1>)
    F_<1,2> = sigmoid(Q_1*H_<0,1> + V_1*H_<1,1>)
    C_<1,2> = F_<1,2>*C_<1,1> + I_<1,2>*tanh(S_1*H_<0,1> + Z_1*H_<1,1>)
    H_<1,2> = O_<1,2>*tanh(C_<1,2>)
    I_<1,3> = sigmoid(P_1*H_<0,1> + U_1*H_<1,2>)
    O_<1,3> = sigmoid(R_1*H_<0,1> + W_1*H_<1,2>)
    F_<1,3> = sigmoid(Q_1*H_<0,1> + V_1*H_<1,2>)
    C_<1,3> = F_<1,3>*C_<1,2> + I_<1,3>*tanh(S_1*H_<0,1> + Z_1*H_<1,2>)
    H_<1,3> = O_<1,3>*tanh(C_<1,3>)
    I_<1,4> = sigmoid(P_1*H_<0,1> + U_1*H_<1,3>)
    F_<1,4> = sigmoid(Q_1*H_<0,1> + V_1*H_<1,3>)
    O_<1,4> = sigmoid(R_1*H_<0,1> + W_1*H_<1,3>)
    C_<1,4> = F_<1,4>*C_<1,3> + I_<1,4>*tanh(S_1*H_<0,1> + Z_1*H_<1,3>)
    H_<1,4> = O_<1,4>*tanh(C_<1,4>)

    Takes h1_prev = H_<0,1>.
    Hands on H_<1,1>, H_<1,2>, H_<1,3>, H_<1,4>.
    """

    def __init__(self) -> None:
        super().__init__()
        self.P = PBlock(16, 32)
        self.U = UBlock(32, 32)
        self.Q = PBlock(16, 32)
        self.V = UBlock(32, 32)
        self.R = PBlock(16, 32)
        self.W = UBlock(32, 32)
        self.S = PBlock(16, 32)
        self.Z = UBlock(32, 32)

    def forward(self, h1_prev: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        ph1 = self.P(h1_prev)  # rf:24
        i1 = torch.sigmoid(ph1)  # rf:24
        rh1 = self.R(h1_prev)  # rf:26
        o1 = torch.sigmoid(rh1)  # rf:26
        sh1 = self.S(h1_prev)  # rf:27
        c1 = i1 * torch.tanh(sh1)  # rf:27
        h1 = o1 * torch.tanh(c1)  # rf:28
        i2 = torch.sigmoid(ph1 + self.U(h1))  # rf:24
        o2 = torch.sigmoid(rh1 + self.W(h1))  # rf:26
        qh1 = self.Q(h1_prev)  # rf:25
        f2 = torch.sigmoid(qh1 + self.V(h1))  # rf:25
        c2 = f2 * c1 + i2 * torch.tanh(sh1 + self.Z(h1))  # rf:27
        h2 = o2 * torch.tanh(c2)  # rf:28
        i3 = torch.sigmoid(ph1 + self.U(h2))  # rf:24
        o3 = torch.sigmoid(rh1 + self.W(h2))  # rf:26
        f3 = torch.sigmoid(qh1 + self.V(h2))  # rf:25
        c3 = f3 * c2 + i3 * torch.tanh(sh1 + self.Z(h2))  # rf:27
        h3 = o3 * torch.tanh(c3)  # rf:28
        i4 = torch.sigmoid(ph1 + self.U(h3))  # rf:24
        f4 = torch.sigmoid(qh1 + self.V(h3))  # rf:25
        o4 = torch.sigmoid(rh1 + self.W(h3))  # rf:26
        c4 = f4 * c3 + i4 * torch.tanh(sh1 + self.Z(h3))  # rf:27
        h4 = o4 * torch.tanh(c4)  # rf:28
        return h1, h2, h3, h4


class Step(nn.Module):
    """I_<i,t> = sigmoid(P_i*H_<i-1,t> + U_i*H_<i,t-1>)
    F_<i,t> = sigmoid(Q_i*H_<i-1,t> + V_i*H_<i,t-1>)
    O_<i,t> = sigmoid(R_i*H_<i-1,t> + W_i*H_<i,t-1>)
    C_<i,t> = F_<i,t>*C_<i,t-1> + I_<i,t>*tanh(S_i*H_<i-1,t> + Z_i*H_<i,t-1>)
    H_<i,t> = O_<i,t>*tanh(C_<i,t>)

    Takes h1_prev = H_<i-1,1>, h2_prev = H_<i-1,2>, h3_prev = H_<i-1,3>, h4_prev =
    H_<i-1,4>.
    Hands on H_<i,1>, H_<i,2>, H_<i,3>, H_<i,4>.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.P = PBlock(in_channels, channels, stride=2)
        self.U = UBlock(channels, channels)
        self.Q = PBlock(in_channels, channels, stride=2)
        self.V = UBlock(channels, channels)
        self.R = PBlock(in_channels, channels, stride=2)
        self.W = UBlock(channels, channels)
        self.S = PBlock(in_channels, channels, stride=2)
        self.Z = UBlock(channels, channels)

    def forward(
        self, h1_prev: Tensor, h2_prev: Tensor, h3_prev: Tensor, h4_prev: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        i1 = torch.sigmoid(self.P(h1_prev))  # rf:24
        o1 = torch.sigmoid(self.R(h1_prev))  # rf:26
        c1 = i1 * torch.tanh(self.S(h1_prev))  # rf:27
        h1 = o1 * torch.tanh(c1)  # rf:28
        i2 = torch.sigmoid(self.P(h2_prev) + self.U(h1))  # rf:24
        o2 = torch.sigmoid(self.R(h2_prev) + self.W(h1))  # rf:26
        f2 = torch.sigmoid(self.Q(h2_prev) + self.V(h1))  # rf:25
        c2 = f2 * c1 + i2 * torch.tanh(self.S(h2_prev) + self.Z(h1))  # rf:27
        h2 = o2 * torch.tanh(c2)  # rf:28
        i3 = torch.sigmoid(self.P(h3_prev) + self.U(h2))  # rf:24
        o3 = torch.sigmoid(self.R(h3_prev) + self.W(h2))  # rf:26
        f3 = torch.sigmoid(self.Q(h3_prev) + self.V(h2))  # rf:25
        c3 = f3 * c2 + i3 * torch.tanh(self.S(h3_prev) + self.Z(h2))  # rf:27
        h3 = o3 * torch.tanh(c3)  # rf:28
        i4 = torch.sigmoid(self.P(h4_prev) + self.U(h3))  # rf:24
        f4 = torch.sigmoid(self.Q(h4_prev) + self.V(h3))  # rf:25
        o4 = torch.sigmoid(self.R(h4_prev) + self.W(h3))  # rf:26
        c4 = f4 * c3 + i4 * torch.tanh(self.S(h4_prev) + self.Z(h3))  # rf:27
        h4 = o4 * torch.tanh(c4)  # rf:28
        return h1, h2, h3, h4


class Stem(nn.Module):
    """stem conv(3, 16) > bn > relu"""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))  # rf:10


class Head(nn.Module):
    """head bn > relu > avgpool > linear(classes)"""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(x))  # rf:11
        return self.fc(x.mean((2, 3)))  # rf:11


class Feedback(nn.Module):
    """I_<i,t> = sigmoid(P_i*H_<i-1,t> + U_i*H_<i,t-1>)
    F_<i,t> = sigmoid(Q_i*H_<i-1,t> + V_i*H_<i,t-1>)
    O_<i,t> = sigmoid(R_i*H_<i-1,t> + W_i*H_<i,t-1>)
    C_<i,t> = F_<i,t>*C_<i,t-1> + I_<i,t>*tanh(S_i*H_<i-1,t> + Z_i*H_<i,t-1>)
    H_<i,t> = O_<i,t>*tanh(C_<i,t>)

    Takes N x 3 x 32 x 32, returns N x 100.
    """

    def __init__(self, in_channels: int = 3, classes: int = 100) -> None:
        super().__init__()
        self.stem = Stem(in_channels)
        self.stage1 = nn.ModuleList([FirstStep()])
        self.stage2 = nn.ModuleList([Step(32, 64)])
        self.stage3 = nn.ModuleList([Step(64, 128)])
        self.head = Head(128, classes)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        h1, h2, h3, h4 = self.stage1[0](x)
        for block in self.stage2:
            h1, h2, h3, h4 = block(h1, h2, h3, h4)
        for block in self.stage3:
            h1, h2, h3, h4 = block(h1, h2, h3, h4)
        return self.head((h1 + h2 + h3 + h4) / 4)
