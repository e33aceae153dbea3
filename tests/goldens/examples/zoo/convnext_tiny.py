"""ConvNeXt, from convnext_tiny.rf. Generated code: change the formula,
not this file. A comment `rf:N` marks what line N of the formula says.

source:  convnext_tiny.rf
sha256:  4388cce3fc3fd4e11fc5145f75ac0217ad538b86e9fa91746e057067a3a6f834
recform: 0.1.0
command: recform compile convnext_tiny.rf -o convnext_tiny.py
sealed:  0939f71373feb2d3
"""

# mypy: disable-error-code="no-any-return, no-untyped-call"

import torch
from torch import Tensor, nn

__all__ = ["ConvNeXt"]


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels of each position of an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


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


class Permute(nn.Module):
    """Puts the axes into another order."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.axes)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.axes))


class DBlock(nn.Module):
    """D = droppath(0.1*(before + i - 1)/17)"""

    def __init__(self, i: int, before: int) -> None:
        super().__init__()
        self.drop_path = DropPath((before + i - 1) / 170)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop_path(x)  # rf:21


def w_block(in_channels: int, channels: int) -> nn.Sequential:
    """W = (dwconv(7, bias=true) > pixels > ln(1e-6) > linear(4*c) > gelu > linear(c)
    > image)
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 7, padding=3, groups=in_channels),
        Permute(0, 2, 3, 1),
        nn.LayerNorm(in_channels, eps=1e-06),
        nn.Linear(in_channels, 4 * channels),
        nn.GELU(),
        nn.Linear(4 * channels, channels),
        Permute(0, 3, 1, 2),
    )


class Step(nn.Module):
    """X_i = X_<i-1> + D_i*(g_i*W_i*X_<i-1>)

    Takes x_prev = X_<i-1>.
    Hands on X_i.
    """

    def __init__(self, channels: int, i: int, before: int) -> None:
        super().__init__()
        self.block = w_block(channels, channels)
        self.layer_scale = nn.Parameter(torch.full((channels, 1, 1), 1e-06))
        self.stochastic_depth = DBlock(i, before)

    def forward(self, x_prev: Tensor) -> Tensor:
        d_out = self.stochastic_depth(self.layer_scale * self.block(x_prev))  # rf:23
        return x_prev + d_out  # rf:23


class ConvNeXt(nn.Module):
    """X_i = X_<i-1> + D_i*(g_i*W_i*X_<i-1>)

    Takes N x 3 x 224 x 224, returns N x 1000.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(in_channels, 96, 4, stride=4), LayerNorm2d(96, eps=1e-06)
            ),
            nn.Sequential(*[Step(96, i=1 + k, before=0) for k in range(3)]),
            nn.Sequential(LayerNorm2d(96, eps=1e-06), nn.Conv2d(96, 192, 2, stride=2)),
            nn.Sequential(*[Step(192, i=1 + k, before=3) for k in range(3)]),
            nn.Sequential(
                LayerNorm2d(192, eps=1e-06), nn.Conv2d(192, 384, 2, stride=2)
            ),
            nn.Sequential(*[Step(384, i=1 + k, before=6) for k in range(9)]),
            nn.Sequential(
                LayerNorm2d(384, eps=1e-06), nn.Conv2d(384, 768, 2, stride=2)
            ),
            nn.Sequential(*[Step(768, i=1 + k, before=15) for k in range(3)]),
        )
        self.classifier = nn.Sequential(
            LayerNorm2d(768, eps=1e-06), nn.Flatten(), nn.Linear(768, classes)
        )

        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.classifier(x.mean((2, 3), keepdim=True))  # rf:13
