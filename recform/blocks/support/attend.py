"""Attention between tokens of which each has its own maps, as it stands in generated files."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
