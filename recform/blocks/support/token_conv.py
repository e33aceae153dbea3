"""A convolution along the positions of tokens, as it stands in generated files."""

import torch.nn.functional as F
from torch import Tensor, nn


class TokenConv(nn.Conv1d):
    """A convolution along the positions of tokens, of which as many come out."""

    def __init__(
        self,
        features: int,
        width: int,
        kernel: int,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
        causal: bool = False,
    ) -> None:
        super().__init__(
            features, width, kernel, dilation=dilation, groups=groups, bias=bias
        )
        rim = (kernel - 1) * dilation
        self.rim = (rim, 0) if causal else (rim // 2, rim - rim // 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x.transpose(1, 2), self.rim)
        return super().forward(x).transpose(1, 2)
