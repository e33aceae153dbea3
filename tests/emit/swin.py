"""What Swin has and the library has not, as operators: torchvision's own modules.

The names of the parameters are the point here, and the formula around these operators.
"""

from __future__ import annotations

from recform.blocks import (
    Argument,
    Arguments,
    Cost,
    Emitted,
    Kind,
    Layout,
    Operator,
    Shape,
    require_layout,
)
from recform.blocks.code import code

#: Liu et al. (2021), "Swin Transformer", Fig. 3 and Table 7: Swin-T.
SWIN = """
network Swin
param   classes = 1000
input   3 x 224 x 224
scope   stage
stem    (conv(4, 96, stride=4, padding=0, bias=true) > pixels > ln)
stages  96 x 2, 192 x 2 / 2, 384 x 6 / 2, 768 x 2 / 2
const   before = (0, 2, 4, 10) per stage
const   shift = (0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3) per block
transition merge_patches > norm: ln > reduction: linear(c, bias=false)
head    norm: ln > image > avgpool > head: linear(classes)
names   stem = "features.0", stages = ("features.1", "features.3", "features.5", "features.7"),
        transition = ("features.2", "features.4", "features.6"), A = ".",
        D = "stochastic_depth", M = ".", head = "."
A = norm1: ln > attn: windows(c/32, shift)
M = norm2: ln > mlp: (linear(4*c) > gelu > dropout(0) > linear(c) > dropout(0))
D = droppath(0.2*(before + i - 1)/11)
Y_i = X_<i-1> + D_i*A_i*X_<i-1>
X_i = Y_i + D_i*M_i*Y_i
"""

_WINDOWS = '''class WindowAttention(nn.Module):
    """torchvision's attention in windows of 7 x 7."""

    def __new__(cls, features: int, heads: int, shift: int) -> nn.Module:
        from torchvision.models.swin_transformer import ShiftedWindowAttention

        return ShiftedWindowAttention(features, [7, 7], [shift, shift], heads)
'''


class Windows(Operator):
    """Attention in shifted windows, with learned biases of relative positions."""

    name = "windows"
    about = "attention in windows of 7 x 7"
    attribute = "windows"
    support = (_WINDOWS,)
    arguments = (Argument("heads", Kind.SIZE), Argument("shift", Kind.MARGIN))

    def shape(self, x: Shape, a: Arguments) -> Shape:
        require_layout(x, Layout.PIXELS)
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        maps = 4 * int(x.features) * (int(x.features) + 1)
        return Cost(maps + 13 * 13 * int(a.heads), saves_input=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        given = f"{code(x.features)}, {code(a.heads)}, {code(a.shift)}"
        return Emitted("{m}({x})", f"WindowAttention({given})")


class Merge(Operator):
    """Four pixels as one, with the channels of all: columns first, as torchvision does."""

    name = "merge_patches"
    about = "four pixels as one, with the channels of all"

    def shape(self, x: Shape, a: Arguments) -> Shape:
        require_layout(x, Layout.PIXELS)
        return Shape(Layout.PIXELS, 4 * x.features, tuple(n // 2 for n in x.grid))

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted(
            "{x}.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))"
            ".permute(0, 1, 3, 4, 2, 5).flatten(3)"
        )
