"""One of the layers among which a router chooses, as it stands in generated files."""

import torch.nn.functional as F
from torch import Tensor, nn


class Expert(nn.Module):
    """A feed-forward layer whose inner features are gated (SwiGLU)."""

    def __init__(self, features: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(features, inner, bias=False)
        self.up_proj = nn.Linear(features, inner, bias=False)
        self.down_proj = nn.Linear(inner, features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return result
