"""Division by the root mean square in images, as it stands in generated files."""

from torch import Tensor, nn


class RMSNorm2d(nn.RMSNorm):
    """Divides by the root mean square of the channels, at each position of an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
