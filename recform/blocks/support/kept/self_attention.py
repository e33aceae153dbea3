"""Attention that goes on by positions, as it stands in generated files."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recform.blocks.support.kept.past import Past


class SelfAttention(nn.Module):
    """Multi-head self-attention; its parameters are those of nn.MultiheadAttention.

    It keeps the keys and values of all positions.
    """

    past: Past | None = None

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
        asked, seen = qkv.tensor_split((x.shape[2],), 2)
        mask = None
        if self.past is not None:
            seen = self.past.join(seen)
            # A new position sees those that were kept, and the new ones up to itself.
            new, all_ = asked.shape[1], seen.shape[1]
            mask = x.new_ones(new, all_, dtype=torch.bool).tril(all_ - new)
        # Batch x positions x heads x width to batch x heads x positions x width
        q = torch.unflatten(asked, 2, (self.heads, -1)).transpose(1, 2)
        parts = torch.unflatten(seen, 2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(
            q,
            parts[0],
            parts[1],
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.causal and mask is None,
        )
        result: Tensor = self.out_proj(out.transpose(1, 2).flatten(2))
        return result
