"""DenseFormer, from denseformer.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  denseformer.rf
sha256:  887cc1819f5e5342d768d5e33d3705f45fb6270a56ef7af0c7f0c29c4c4df375
recform: 0.1.0
command: recform compile denseformer.rf -o denseformer.py
sealed:  32f50c88dac5c21d
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DenseFormer"]


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


class ABlock(nn.Module):
    """A = ln > attention(4, causal=true)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.attention = SelfAttention(in_features, 4, causal=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(self.ln(x))  # rf:17


class MBlock(nn.Module):
    """M = ln > linear(4*c) > gelu > linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.fc1 = nn.Linear(in_features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(self.ln(x)))  # rf:18
        return self.fc2(x)  # rf:18


class Step(nn.Module):
    """Z_i = X_<i-1> + A_i*X_<i-1>
    Y_i = Z_i + M_i*Z_i
    X_i = sum(k, 0, i, a_<i,k>*Y_k)

    Takes x_prev = X_<i-1>, ys_prev = list(Y_<0..i-1>).
    Hands on X_i, list(Y_<0..i>).
    """

    def __init__(self, i: int) -> None:
        super().__init__()
        self.A = ABlock(64)
        self.M = MBlock(64, 64)
        self.a = nn.Parameter(
            torch.tensor([1.0 if k == i else 0.0 for k in range(i + 1)])
        )

    def forward(
        self, x_prev: Tensor, ys_prev: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        z = x_prev + self.A(x_prev)  # rf:20
        y = z + self.M(z)  # rf:21
        ys = [*ys_prev, y]  # rf:22
        x = torch.einsum("k,k...->...", self.a, torch.stack(ys))  # rf:22
        return x, ys


class Stem(nn.Module):
    """stem linear(c, bias=false) > positions"""

    def __init__(self, in_features: int, features: int, positions: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features, bias=False)
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, positions, features))

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)  # rf:11
        return x + self.pos_embedding.expand_as(x)  # rf:11


class Head(nn.Module):
    """head ln > linear(vocabulary, bias=false)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.fc = nn.Linear(in_features, 256, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.ln(x))  # rf:13


class DenseFormer(nn.Module):
    """Z_i = X_<i-1> + A_i*X_<i-1>
    Y_i = Z_i + M_i*Z_i
    X_i = sum(k, 0, i, a_<i,k>*Y_k)

    Takes N x 64 x 256, returns N x 64 x 256.
    """

    def __init__(self, in_features: int = 256) -> None:
        super().__init__()
        self.stem = Stem(in_features, 64, positions=64)
        self.blocks = nn.ModuleList([Step(i=1 + k) for k in range(12)])
        self.head = Head(64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        ys = [x]
        for block in self.blocks:
            x, ys = block(x, ys)
        return self.head(x)
