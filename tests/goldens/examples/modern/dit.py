"""Dit, from dit.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  dit.rf
sha256:  9d8b5d916684ec80ea41c283541b1d017ed9f14d534ae08eda89e364254737c5
recform: 0.1.0
command: recform compile dit.rf -o dit.py
sealed:  6c28c90b97307103
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Dit"]


class SelfAttention(nn.Module):
    """Multi-head self-attention; its parameters are those of nn.MultiheadAttention."""

    def __init__(
        self,
        features: int,
        heads: int,
        bias: bool = True,
        causal: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * features, features))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * features)) if bias else None
        self.out_proj = nn.Linear(features, features)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        # Batch x positions x 3 x heads x width to 3 x batch x heads x positions x width
        parts = torch.unflatten(qkv, 2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k, v = parts[0], parts[1], parts[2]
        out = F.scaled_dot_product_attention(
            q,
            k,
            v,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.causal,
        )
        result: Tensor = self.out_proj(out.transpose(1, 2).flatten(2))
        return result


class MBlock(nn.Module):
    """M = silu > zero: linear(6*c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.zero = nn.Linear(in_features, 6 * features)

    def forward(self, x: Tensor) -> Tensor:
        return self.zero(F.silu(x))  # rf:23


class TBlock(nn.Module):
    """T = linear(c) > silu > linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, features)
        self.fc2 = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.fc1(x))  # rf:21
        return self.fc2(x)  # rf:21


class EBlock(nn.Module):
    """E = embed(c) > avgpool"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(in_features, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.embed(x).mean(1)  # rf:22


class ABlock(nn.Module):
    """A = attention(heads)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.attention = SelfAttention(in_features, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x)  # rf:25


class NBlock(nn.Module):
    """N = ln(eps=1e-6, affine=false)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.in_features = in_features

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, (self.in_features,), eps=1e-06)  # rf:24


class PBlock(nn.Module):
    """P = linear(4*c) > gelu(tanh=true) > linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(x), approximate="tanh")  # rf:26
        return self.fc2(x)  # rf:26


class GBlock(nn.Module):
    """G = silu > zero: linear(c)
    H = silu > zero: linear(c)
    """

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.zero = nn.Linear(in_features, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.zero(F.silu(x))  # rf:27


class Step(nn.Module):
    """shift1_i, scale1_i, gate1_i, shift2_i, scale2_i, gate2_i = split(M_i*(T*time +
    E*kind), 6)
    Y_i = X_<i-1> + gate1_i*A_i*((1 + scale1_i)*N*X_<i-1> + shift1_i)
    X_i = Y_i + gate2_i*P_i*((1 + scale2_i)*N*Y_i + shift2_i)

    Takes x_prev = X_<i-1>, constant = T*time + E*kind.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.M = MBlock(48, 48)
        self.A = ABlock(48)
        self.P = PBlock(48, 48)

    def forward(self, n_shared: nn.Module, x_prev: Tensor, constant: Tensor) -> Tensor:
        m_partial = self.M(constant)  # rf:30
        shift1, scale1, gate1, shift2, scale2, gate2 = m_partial.chunk(
            6, dim=1
        )  # rf:30
        nx_prev = n_shared(x_prev)  # rf:31
        a_partial = self.A((1 + scale1)[:, None] * nx_prev + shift1[:, None])  # rf:31
        y = x_prev + gate1[:, None] * a_partial  # rf:31
        ny = n_shared(y)  # rf:31
        p_partial = self.P((1 + scale2)[:, None] * ny + shift2[:, None])  # rf:32
        return y + gate2[:, None] * p_partial  # rf:32


class Stem(nn.Module):
    """stem patches(2, c) > positions"""

    def __init__(
        self, in_channels: int, channels: int, height: int, width: int
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(in_channels, channels, 2, stride=2)
        self.pos_embedding = nn.Parameter(
            0.02 * torch.randn(1, (height // 2) * (width // 2), channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)  # rf:16
        return x + self.pos_embedding.expand_as(x)  # rf:16


class Head(nn.Module):
    """head zero: linear(2*2*3) > image(size/2) > pixelshuffle(2)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.zero = nn.Linear(in_features, 12)

    def forward(self, x: Tensor) -> Tensor:
        x = self.zero(x)  # rf:18
        x = x.transpose(1, 2).unflatten(2, (8, -1))  # rf:18
        return F.pixel_shuffle(x, 2)  # rf:18


class Dit(nn.Module):
    """shift1_i, scale1_i, gate1_i, shift2_i, scale2_i, gate2_i = split(M_i*(T*time +
    E*kind), 6)
    Y_i = X_<i-1> + gate1_i*A_i*((1 + scale1_i)*N*X_<i-1> + shift1_i)
    X_i = Y_i + gate2_i*P_i*((1 + scale2_i)*N*Y_i + shift2_i)

    Takes N x 3 x 16 x 16, time of N x 64, kind of N x 1 ids below 10, returns N x 3
    x 16 x 16.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = Stem(in_channels, 48, height=16, width=16)
        self.T = TBlock(64, 48)
        self.E = EBlock(10, 48)
        self.N = NBlock(48)
        self.G = GBlock(48, 48)
        self.H = GBlock(48, 48)
        self.blocks = nn.ModuleList([Step() for _ in range(3)])
        self.head = Head(48)

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        for name, module in self.named_modules():
            told = name.rpartition(".")[2] == "zero"
            if told and isinstance(module, nn.Linear):
                nn.init.zeros_(module.weight)

    def forward(self, x: Tensor, time: Tensor, kind: Tensor) -> Tensor:
        x = self.stem(x)
        constant = self.T(time) + self.E(kind)
        for block in self.blocks:
            x = block(self.N, x, constant)
        return self.head(
            (1 + self.G(constant))[:, None] * self.N(x) + self.H(constant)[:, None]
        )
