"""ViTB16, from vit_b_16.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  vit_b_16.rf
sha256:  12b7faa96a0edbf7c7933fc217c8750c3510dae88131521415f95f074aa9667b
recform: 0.1.0
command: recform compile vit_b_16.rf -o vit_b_16.py
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ViTB16"]


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


class Step(nn.Module):
    """Y_i = X_<i-1> + A_i*X_<i-1>
    X_i = Y_i + M_i*Y_i

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(768, eps=1e-06)
        self.self_attention = SelfAttention(768, 12)
        self.ln_2 = nn.LayerNorm(768, eps=1e-06)
        self.mlp = nn.Sequential(
            nn.Linear(768, 3072),
            nn.GELU(),
            nn.Dropout(0.0),
            nn.Linear(3072, 768),
            nn.Dropout(0.0),
        )

    def forward(self, x_prev: Tensor) -> Tensor:
        ax = self.self_attention(self.ln_1(x_prev))  # rf:13
        y = x_prev + ax  # rf:16
        my = self.mlp(self.ln_2(y))  # rf:14
        return y + my  # rf:17


class Encoder(nn.Module):
    """What encoder holds: pos_embedding, layers, ln."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, 197, 768))
        self.layers = nn.Sequential(
            OrderedDict([(f"encoder_layer_{k}", Step()) for k in range(12)])
        )
        self.ln = nn.LayerNorm(768, eps=1e-06)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pos_embedding  # rf:7
        x = self.layers(x)
        return self.ln(x)  # rf:9


class ViTB16(nn.Module):
    """Y_i = X_<i-1> + A_i*X_<i-1>
    X_i = Y_i + M_i*Y_i

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(in_channels, 768, 16, stride=16)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 768))
        self.encoder = Encoder()
        self.heads = nn.Sequential(OrderedDict([("head", nn.Linear(768, classes))]))

        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_proj(x).flatten(2).transpose(1, 2)  # rf:6
        x = torch.cat((self.class_token.expand(x.shape[0], -1, -1), x), dim=1)  # rf:6
        x = self.encoder(x)
        return self.heads(x[:, 0])  # rf:9
