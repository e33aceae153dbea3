"""ALBERTBase, from albert.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  albert.rf
sha256:  33479264dd4802e59a6c0615db043153074be1da3276189dfd5838260ea2fc78
recform: 0.1.0
command: recform compile albert.rf -o albert.py
sealed:  315582a15cb607a4
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ALBERTBase"]


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


class NBlock(nn.Module):
    """N = ln(eps=1e-12)
    P = ln(eps=1e-12)
    """

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(x)  # rf:16


class ABlock(nn.Module):
    """A = attention(12)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.attention = SelfAttention(in_features, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x)  # rf:14


class MBlock(nn.Module):
    """M = linear(4*c) > gelu(tanh=true) > linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(x), approximate="tanh")  # rf:15
        return self.fc2(x)  # rf:15


class Step(nn.Module):
    """Y_i = N*(X_<i-1> + A*X_<i-1>)
    X_i = P*(Y_i + M*Y_i)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def forward(
        self,
        a_shared: nn.Module,
        n_shared: nn.Module,
        m_shared: nn.Module,
        p_shared: nn.Module,
        x_prev: Tensor,
    ) -> Tensor:
        y = n_shared(x_prev + a_shared(x_prev))  # rf:19
        return p_shared(y + m_shared(y))  # rf:20


class Stem(nn.Module):
    """stem linear(128, bias=false) > positions > ln(eps=1e-12) > linear(c)"""

    def __init__(self, in_features: int, features: int, positions: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, 128, bias=False)
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, positions, 128))
        self.ln = nn.LayerNorm(128, eps=1e-12)
        self.fc2 = nn.Linear(128, features)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)  # rf:9
        return self.fc2(self.ln(x + self.pos_embedding.expand_as(x)))  # rf:9


class Head(nn.Module):
    """head token > linear(c) > tanh"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.fc(x[:, 0]))  # rf:11


class ALBERTBase(nn.Module):
    """Y_i = N*(X_<i-1> + A*X_<i-1>)
    X_i = P*(Y_i + M*Y_i)

    Takes N x 512 x 30002, returns N x 768.
    """

    def __init__(self, in_features: int = 30002) -> None:
        super().__init__()
        self.stem = Stem(in_features, 768, positions=512)
        self.A = ABlock(768)
        self.N = NBlock(768)
        self.M = MBlock(768, 768)
        self.P = NBlock(768)
        self.blocks = nn.ModuleList([Step() for _ in range(12)])
        self.head = Head(768, 768)

        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, SelfAttention):
                nn.init.normal_(module.in_proj_weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(self.A, self.N, self.M, self.P, x)
        return self.head(x)
