"""A convolution that goes on by positions, as it stands in generated files."""

import torch.nn.functional as F
from torch import Tensor, nn

from recform.blocks.support.kept.past import Past


class TokenConv(nn.Conv1d):
    """A convolution along the positions of tokens, of which as many come out.

    It keeps the last positions that its kernel reads.
    """

    past: Past | None = None

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
        if self.past is None:
            x = F.pad(x.transpose(1, 2), self.rim)
            return super().forward(x).transpose(1, 2)
        if not self.past.at:
            # In front of the first position stand zeros.
            x = F.pad(x, (0, 0, *self.rim))
        x = self.past.join(x, self.rim[0])
        return super().forward(x.transpose(1, 2)).transpose(1, 2)
