"""Decoder, from decoder.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  decoder.rf
sha256:  a6623ca215b762d09535db0bafb698e4282a1900b3a85fece7e8004b931396e3
recform: 0.1.0
command: recform compile decoder.rf -o decoder.py
sealed:  a6c5c708257b9a16
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Decoder"]


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


class Attend(nn.Module):
    """Attention of queries to keys and values, each token as features of several heads.

    Args:
        heads: of the queries.
        kv_heads: of keys and values, where several heads of the queries share one.
        causal: no query sees keys behind its own position.
        window: a query sees keys that are less than this many positions away.
        softcap: scores stay between this number and its negative.
        rotary: the base of the rotary positions of queries and keys.
        turned: how many features of a head these turn; all if left out.
        normed: the features of a head, where queries and keys are normalised.
        scale: of the scores; one over the root of the features of a head if left out.
        dropout: of the attention weights, in training.
        talking: whether the scores of all heads are mixed, and so are the weights.
        sinks: whether each head has a learned score besides, which is of no key.
    """

    def __init__(
        self,
        heads: int,
        kv_heads: int | None = None,
        causal: bool = False,
        window: int | None = None,
        softcap: float | None = None,
        rotary: float | None = None,
        turned: int | None = None,
        normed: int | None = None,
        scale: float | None = None,
        dropout: float = 0.0,
        talking: bool = False,
        sinks: bool = False,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.kv_heads = kv_heads or heads
        self.causal = causal
        self.window = window
        self.softcap = softcap
        self.rotary = None if turned == 0 else rotary
        self.turned = turned
        self.scale = scale
        self.dropout = dropout
        self.sinks = nn.Parameter(torch.zeros(heads)) if sinks else None
        self.q_norm = nn.RMSNorm(normed, eps=1e-6) if normed else nn.Identity()
        self.k_norm = nn.RMSNorm(normed, eps=1e-6) if normed else nn.Identity()
        self.talking = talking
        self.proj_l = nn.Linear(heads, heads) if talking else nn.Identity()
        self.proj_w = nn.Linear(heads, heads) if talking else nn.Identity()

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        # Batch x positions x features to batch x heads x positions x width
        q = self.q_norm(torch.unflatten(q, 2, (self.heads, -1))).transpose(1, 2)
        k = self.k_norm(torch.unflatten(k, 2, (self.kv_heads, -1))).transpose(1, 2)
        v = torch.unflatten(v, 2, (self.kv_heads, -1)).transpose(1, 2)
        if self.rotary is not None:
            q, k = self.rotated(q, self.rotary), self.rotated(k, self.rotary)
        if self.kv_heads != self.heads:
            k = k.repeat_interleave(self.heads // self.kv_heads, dim=1)
            v = v.repeat_interleave(self.heads // self.kv_heads, dim=1)
        return self.attended(q, k, v).transpose(1, 2).flatten(2)

    def rotated(self, x: Tensor, base: float) -> Tensor:
        """Pairs of features, turned by angles that grow with the position."""
        half = (x.shape[3] if self.turned is None else self.turned) // 2
        turns = 1 / base ** (torch.arange(half, device=x.device) / half)
        angles = torch.arange(x.shape[2], device=x.device)[:, None] * turns
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        a, b = x[..., :half], x[..., half : 2 * half]
        parts = [a * cos - b * sin, b * cos + a * sin]
        if self.turned is not None:
            parts.append(x[..., self.turned :])
        return torch.cat(parts, dim=3)

    def seen(self, q: Tensor, k: Tensor) -> Tensor:
        """Which keys each query sees."""
        seen = q.new_ones((q.shape[2], k.shape[2]), dtype=torch.bool)
        if self.window is not None:
            seen = seen.triu(1 - self.window).tril(self.window - 1)
        return seen.tril() if self.causal else seen

    def attended(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The values, weighed by how well their keys meet the queries."""
        dropout = self.dropout if self.training else 0.0
        if self.talking:
            return F.dropout(self.talked(q, k), dropout) @ v
        if self.softcap is None and self.sinks is None:
            return F.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=None if self.window is None else self.seen(q, k),
                dropout_p=dropout,
                is_causal=self.causal and self.window is None,
                scale=self.scale,
            )
        scale = q.shape[3] ** -0.5 if self.scale is None else self.scale
        cap = 1.0 if self.softcap is None else self.softcap
        scores = q @ k.transpose(2, 3) * (scale / cap)
        if self.softcap is not None:
            scores = scores.tanh() * self.softcap
        scores = scores.masked_fill(~self.seen(q, k), float("-inf"))
        if self.sinks is not None:
            sinks = self.sinks[:, None, None].expand_as(scores[..., :1])
            scores = torch.cat((scores, sinks), 3)
        return F.dropout(scores.softmax(3)[..., : k.shape[2]], dropout) @ v

    def talked(self, q: Tensor, k: Tensor) -> Tensor:
        """Weights of heads that hear each other, before the softmax and behind it."""
        scale = q.shape[3] ** -0.5 if self.scale is None else self.scale
        scores = (q * scale @ k.transpose(2, 3)).movedim(1, 3)
        weights: Tensor = self.proj_w(self.proj_l(scores).softmax(2))
        return weights.movedim(3, 1)


class MBlock(nn.Module):
    """M = ln
    N = ln
    O = ln
    """

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(in_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(x)  # rf:27


class SBlock(nn.Module):
    """S = attention(heads, causal=true)"""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.attention = SelfAttention(in_features, 4, causal=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x)  # rf:21


class ABlock(nn.Module):
    """A = attend(heads) > linear(c)"""

    def __init__(self, in_features_3: int, features: int) -> None:
        super().__init__()
        self.attend = Attend(4)
        self.fc = nn.Linear(in_features_3, features)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self.fc(self.attend(q, k, v))  # rf:25


class QBlock(nn.Module):
    """Q = linear(c)
    K = linear(c)
    V = linear(c)
    """

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)  # rf:22


class PBlock(nn.Module):
    """P = linear(inner) > relu > linear(c)"""

    def __init__(self, in_features: int, features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, 256)
        self.fc2 = nn.Linear(256, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.fc1(x))  # rf:26
        return self.fc2(x)  # rf:26


class Step(nn.Module):
    """Y_i = M_i*(X_<i-1> + S_i*X_<i-1>)
    Z_i = N_i*(Y_i + A_i(Q_i*Y_i, K_i*memory, V_i*memory))
    X_i = O_i*(Z_i + P_i*Z_i)

    Takes x_prev = X_<i-1>, memory.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.M = MBlock(64)
        self.S = SBlock(64)
        self.N = MBlock(64)
        self.A = ABlock(64, 64)
        self.Q = QBlock(64, 64)
        self.K = QBlock(64, 64)
        self.V = QBlock(64, 64)
        self.O = MBlock(64)
        self.P = PBlock(64, 64)

    def forward(self, x_prev: Tensor, memory: Tensor) -> Tensor:
        y = self.M(x_prev + self.S(x_prev))  # rf:31
        z = self.N(y + self.A(self.Q(y), self.K(memory), self.V(memory)))  # rf:32
        return self.O(z + self.P(z))  # rf:33


class Head(nn.Module):
    """head linear(classes)"""

    def __init__(self, in_features: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)  # rf:19


class Decoder(nn.Module):
    """Y_i = M_i*(X_<i-1> + S_i*X_<i-1>)
    Z_i = N_i*(Y_i + A_i(Q_i*Y_i, K_i*memory, V_i*memory))
    X_i = O_i*(Z_i + P_i*Z_i)

    Takes N x 20 x 64, memory of N x 30 x 64, returns N x 20 x 1000.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Step() for _ in range(3)])
        self.head = Head(64, classes)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, memory)
        return self.head(x)
