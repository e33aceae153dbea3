"""VisionTransformer, from vision_transformer.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  vision_transformer.rf
sha256:  eca2f8098e77bd9d4c78c04df547da2a3e8023ce7bb27cff77499060adea0747
recform: 0.1.0
command: recform compile vision_transformer.rf -o vision_transformer.py
sealed:  55fc423430a5c5d3
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["VisionTransformer"]


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


class DropPath(nn.Module):
    """In training, drops the whole of an example with this probability."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = 1 - self.rate
        mask = x.new_empty([x.shape[0]]).bernoulli_(kept)
        # What is kept grows, so that the mean stays.
        scale = mask / kept if kept > 0 else mask
        # A number for each example, of whatever shape: examples are the last axis.
        return (x.transpose(0, -1) * scale).transpose(0, -1)

    def extra_repr(self) -> str:
        return f"rate={self.rate:.4g}"


class ABlock(nn.Module):
    """A = ln > attention(6) > droppath(drop*(i - 1)/(L - 1))"""

    def __init__(self, in_features: int, i: int, depth: int, drop: float) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.attention = SelfAttention(in_features, 6)
        self.drop_path = DropPath(drop * (i - 1) / (depth - 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.drop_path(self.attention(self.ln(x)))  # rf:10


class MBlock(nn.Module):
    """M = ln > linear(4*c) > gelu > linear(c) > droppath(drop*(i - 1)/(L - 1))"""

    def __init__(
        self, in_features: int, features: int, i: int, depth: int, drop: float
    ) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.fc1 = nn.Linear(in_features, 4 * features)
        self.fc2 = nn.Linear(4 * features, features)
        self.drop_path = DropPath(drop * (i - 1) / (depth - 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(self.ln(x)))  # rf:11
        return self.drop_path(self.fc2(x))  # rf:11


class Step(nn.Module):
    """Y_i = X_<i-1> + A_i*X_<i-1>
    X_i = Y_i + M_i*Y_i

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, i: int, drop: float) -> None:
        super().__init__()
        self.A = ABlock(48, i, depth=4, drop=drop)
        self.M = MBlock(48, 48, i, depth=4, drop=drop)

    def forward(self, x_prev: Tensor) -> Tensor:
        y = x_prev + self.A(x_prev)  # rf:14
        return y + self.M(y)  # rf:15


class Stem(nn.Module):
    """stem patches(4, 48) > classtoken > positions"""

    def __init__(self, in_channels: int, height: int, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(in_channels, 48, 4, stride=4)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 48))
        self.pos_embedding = nn.Parameter(
            0.02 * torch.randn(1, (height // 4) * (width // 4) + 1, 48)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)  # rf:6
        x = torch.cat((self.class_token.expand(x.shape[0], -1, -1), x), dim=1)  # rf:6
        return x + self.pos_embedding.expand_as(x)  # rf:6


class Head(nn.Module):
    """head ln > token > linear(10)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)
        self.fc = nn.Linear(in_features, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ln(x)[:, 0]  # rf:8
        return self.fc(x)  # rf:8


class VisionTransformer(nn.Module):
    """Y_i = X_<i-1> + A_i*X_<i-1>
    X_i = Y_i + M_i*Y_i

    Takes N x 3 x 32 x 32, returns N x 10.
    """

    def __init__(self, in_channels: int = 3, drop: float = 0.1) -> None:
        super().__init__()
        self.stem = Stem(in_channels, height=32, width=32)
        self.blocks = nn.Sequential(*[Step(i=1 + k, drop=drop) for k in range(4)])
        self.head = Head(48)

        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
            elif isinstance(module, SelfAttention):
                nn.init.xavier_uniform_(module.in_proj_weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        return self.head(x)
