"""GPT2Small, from gpt2.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  gpt2.rf
sha256:  9b16c50692a0c70d8e644d5c72afba959d61dfeeaa3134f49da40e25b1306d9a
recform: 0.1.0
command: recform compile gpt2.rf -o gpt2.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["GPT2Small"]


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
    """A = attention(c/64, causal=true, dropout=0.1) > dropout(0.1)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.attention = SelfAttention(
            in_features, features // 64, causal=True, dropout=0.1
        )
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.attention(x))  # rf:18


class NormBlock(nn.Module):
    """norm = ln
    norm2 = ln
    """

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(x)  # rf:16


class MBlock(nn.Module):
    """M = linear(4*c) > gelu(tanh=true) > linear(c) > dropout(0.1)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(x), approximate="tanh")  # rf:19
        return self.dropout(self.fc2(x))  # rf:19


class Step(nn.Module):
    """Y_i = X_<i-1> + A_i*norm_i(X_<i-1>)
    X_i = Y_i + M_i*norm2_i(Y_i)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.A = ABlock(768, 768)
        self.norm = NormBlock(768)
        self.M = MBlock(768, 768)
        self.norm2 = NormBlock(768)

    def forward(self, x_prev: Tensor) -> Tensor:
        y = x_prev + self.A(self.norm(x_prev))  # rf:21
        return y + self.M(self.norm2(y))  # rf:22


class Stem(nn.Module):
    """stem linear(c, bias=false) > positions > dropout(0.1)"""

    def __init__(self, in_features: int, features: int, positions: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features, bias=False)
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, positions, features))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)  # rf:11
        return self.dropout(x + self.pos_embedding)  # rf:11


class Head(nn.Module):
    """head ln > linear(vocabulary, bias=false)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.fc = nn.Linear(in_features, 50257, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.ln(x))  # rf:13


class GPT2Small(nn.Module):
    """Y_i = X_<i-1> + A_i*norm_i(X_<i-1>)
    X_i = Y_i + M_i*norm2_i(Y_i)

    Takes N x 1024 x 50257, returns N x 1024 x 50257.
    """

    def __init__(self, in_features: int = 50257) -> None:
        super().__init__()
        self.stem = Stem(in_features, 768, 1024)
        self.blocks = nn.Sequential(*[Step() for _ in range(12)])
        self.head = Head(768)

        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, SelfAttention):
                nn.init.normal_(module.in_proj_weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        return self.head(x)
