"""Attention that goes on by positions, of tokens with maps of their own."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recform.blocks.support.kept.past import Past


class Attend(nn.Module):
    """Attention of queries to keys and values, each token as features of several heads.

    It keeps the keys and values that later positions see.

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
        sinks: whether each head has a learned score besides, which is of no key.
    """

    past: Past | None = None

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

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        # Batch x positions x features to batch x heads x positions x width
        q = self.q_norm(torch.unflatten(q, 2, (self.heads, -1))).transpose(1, 2)
        k = self.k_norm(torch.unflatten(k, 2, (self.kv_heads, -1))).transpose(1, 2)
        v = torch.unflatten(v, 2, (self.kv_heads, -1)).transpose(1, 2)
        if self.rotary is not None:
            q, k = self.rotated(q, self.rotary), self.rotated(k, self.rotary)
        if self.past is not None:
            k, v = self.joined(k, v, self.past)
        if self.kv_heads != self.heads:
            k = k.repeat_interleave(self.heads // self.kv_heads, dim=1)
            v = v.repeat_interleave(self.heads // self.kv_heads, dim=1)
        return self.attended(q, k, v).transpose(1, 2).flatten(2)

    def joined(self, k: Tensor, v: Tensor, past: Past) -> tuple[Tensor, Tensor]:
        """Keys and values of the new positions behind those that were kept."""
        width = k.shape[3]
        both = torch.cat((k, v), 3).transpose(1, 2)
        both = past.join(both, self.window and self.window - 1).transpose(1, 2)
        return both[..., :width], both[..., width:]

    def rotated(self, x: Tensor, base: float) -> Tensor:
        """Pairs of features, turned by angles that grow with the position."""
        half = (x.shape[3] if self.turned is None else self.turned) // 2
        turns = 1 / base ** (torch.arange(half, device=x.device) / half)
        at = 0 if self.past is None else self.past.at
        angles = torch.arange(at, at + x.shape[2], device=x.device)[:, None] * turns
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        a, b = x[..., :half], x[..., half : 2 * half]
        parts = [a * cos - b * sin, b * cos + a * sin]
        if self.turned is not None:
            parts.append(x[..., self.turned :])
        return torch.cat(parts, dim=3)

    def seen(self, q: Tensor, k: Tensor) -> Tensor:
        """Which keys each query sees."""
        # New queries are the last positions of the keys.
        ahead = 0 if self.past is None else k.shape[2] - q.shape[2]
        seen = q.new_ones((q.shape[2], k.shape[2]), dtype=torch.bool)
        if self.window is not None:
            seen = seen.triu(ahead + 1 - self.window).tril(ahead + self.window - 1)
        return seen.tril(ahead) if self.causal else seen

    def attended(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The values, weighed by how well their keys meet the queries."""
        dropout = self.dropout if self.training else 0.0
        masked = self.window is not None or self.past is not None
        if self.softcap is None and self.sinks is None:
            return F.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=self.seen(q, k) if masked else None,
                dropout_p=dropout,
                is_causal=self.causal and not masked,
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
