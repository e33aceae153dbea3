"""The axes of a tensor in another order, as it stands in generated files."""

from torch import Tensor, nn


class Permute(nn.Module):
    """Puts the axes into another order."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.axes)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.axes))
