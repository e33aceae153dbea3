"""Elementwise functions, for flows (`bn > relu`) and for equations (`relu(X_i)`)."""

from __future__ import annotations

from recform.blocks.library import register
from recform.blocks.operator import Arguments, Cost, Emitted, Operator
from recform.blocks.shape import Shape


class _Elementwise(Operator):
    elementwise = True
    call = ""
    saves = "output"

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(
            saves_input=self.saves == "input", saves_output=self.saves == "output"
        )

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted(self.call)


@register
class ReLU(_Elementwise):
    """The rectifier."""

    name = "relu"
    about = "max(x, 0)"
    call = "F.relu({x})"


@register
class GELU(_Elementwise):
    """The Gaussian error linear unit."""

    name = "gelu"
    about = "x times the normal distribution function of x"
    source = "Hendrycks and Gimpel (2016)"
    call = "F.gelu({x})"
    saves = "input"


@register
class SiLU(_Elementwise):
    """The sigmoid linear unit, also called swish."""

    name = "silu"
    about = "x * sigmoid(x)"
    source = "Elfwing, Uchibe and Doya (2018)"
    call = "F.silu({x})"
    saves = "input"


@register
class Tanh(_Elementwise):
    """The hyperbolic tangent."""

    name = "tanh"
    about = "hyperbolic tangent"
    call = "torch.tanh({x})"


@register
class Sigmoid(_Elementwise):
    """The logistic function."""

    name = "sigmoid"
    about = "1 / (1 + exp(-x))"
    call = "torch.sigmoid({x})"
