"""Activations: most are elementwise, and equations can use them too (`relu(X_i)`)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code, made
from recform.blocks.function import Function
from recform.blocks.operator import Emitted, Operator, Weights, declares, require_layout
from recform.blocks.shape import Layout, Shape

_SAVES_OUTPUT = Cost(saves_output=True, cheap=True)


class _Elementwise(Operator):
    elementwise = True
    call = ""
    #: The class of torch's module, if there is one.
    layer = ""
    costs = Cost(saves_input=True, cheap=True)
    #: How many numbers there are for each one while its gradient is computed, of which
    #: torch makes this with several operations.
    beside = 0

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return replace(self.costs, workspace_back=self.beside * x.elements)

    def given(self, a: Arguments, number: int = 0) -> object:
        """An argument; a function in an equation gives none, and gets the default."""
        argument = self.arguments[number]
        return a.get(argument.name, argument.default)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted(self.call, layer=f"nn.{self.layer}()" if self.layer else "")


class ReLU(_Elementwise):
    """The rectifier."""

    name = "relu"
    overwrites = True
    about = "max(x, 0)"
    function = Function("max(x, 0)", grows=True, steepest=1)
    call = "F.relu({x})"
    layer = "ReLU"
    costs = _SAVES_OUTPUT


class Exp(_Elementwise):
    """The exponential."""

    name = "exp"
    about = "exp(x)"
    function = Function("exp(x)")
    call = "torch.exp({x})"
    costs = _SAVES_OUTPUT


class Log(_Elementwise):
    """The natural logarithm."""

    name = "log"
    about = "natural logarithm of x"
    function = Function("log(x)")
    call = "torch.log({x})"


class Sqrt(_Elementwise):
    """The square root."""

    name = "sqrt"
    about = "square root of x"
    function = Function("sqrt(x)")
    call = "torch.sqrt({x})"
    costs = _SAVES_OUTPUT
    beside = 1


class Sin(_Elementwise):
    """The sine."""

    name = "sin"
    about = "sine of x"
    function = Function("sin(x)", steepest=1)
    call = "torch.sin({x})"
    beside = 1


class Cos(_Elementwise):
    """The cosine."""

    name = "cos"
    about = "cosine of x"
    function = Function("cos(x)", steepest=1)
    call = "torch.cos({x})"
    beside = 2


class Abs(_Elementwise):
    """Each number without its sign."""

    name = "abs"
    about = "x without its sign"
    function = Function("abs(x)", steepest=1)
    call = "torch.abs({x})"
    beside = 1


class Softplus(_Elementwise):
    """A smooth rectifier."""

    name = "softplus"
    about = "log(1 + exp(x))"
    function = Function("softplus(x)", grows=True, steepest=1)
    call = "F.softplus({x})"
    layer = "Softplus"


class _Reciprocal(_Elementwise):
    """One over each number; no file names it, for `X/Y` says it."""

    name = "reciprocal"
    about = "1 / x"
    function = Function("1 / x")
    call = "torch.reciprocal({x})"
    costs = _SAVES_OUTPUT
    # The gradient is minus the one that comes in, times a square.
    beside = 2


class ReLU6(_Elementwise):
    """The rectifier that ends at 6."""

    name = "relu6"
    overwrites = True
    about = "min(max(x, 0), 6)"
    source = "Krizhevsky (2010); Howard et al. (2017)"
    function = Function("min(max(x, 0), 6)", grows=True, steepest=1)
    call = "F.relu6({x})"
    layer = "ReLU6"


class LeakyReLU(_Elementwise):
    """The rectifier with a small slope below zero."""

    name = "leaky_relu"
    overwrites = True
    about = "max(x, 0) + slope * min(x, 0)"
    source = "Maas, Hannun and Ng (2013)"
    function = Function("max(x, 0) + min(0, x)/100", grows=True, steepest=1)
    arguments = (Argument("slope", Kind.NUMBER, 0.01, "below zero"),)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        slope = self.given(a)
        return Emitted(
            f"F.leaky_relu({{x}}, {code(slope)})", layer=f"nn.LeakyReLU({code(slope)})"
        )


class ELU(_Elementwise):
    """The exponential linear unit."""

    name = "elu"
    overwrites = True
    about = "x above zero, alpha * (exp(x) - 1) below"
    source = "Clevert, Unterthiner and Hochreiter (2016)"
    function = Function("max(x, 0) + exp(min(0, x)) - 1", grows=True, steepest=1)
    arguments = (Argument("alpha", Kind.NUMBER, 1.0, "minus where it ends below"),)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        alpha = self.given(a)
        given = "" if alpha == 1 else code(alpha)
        more = f", {given}" if given else ""
        return Emitted(f"F.elu({{x}}{more})", layer=f"nn.ELU({given})")


class SELU(_Elementwise):
    """The exponential linear unit that keeps mean 0 and variance 1."""

    name = "selu"
    overwrites = True
    about = "scale * (x above zero, alpha * (exp(x) - 1) below)"
    source = "Klambauer et al. (2017), Eq. 2"
    function = Function(
        "1.0507009873554805*max(x, 0) + 1.7580993408473766*(exp(min(0, x)) - 1)",
        grows=True,
        steepest=1.7580993408473768,
    )
    call = "F.selu({x})"
    layer = "SELU"


class GELU(_Elementwise):
    """The Gaussian error linear unit."""

    name = "gelu"
    about = "x times the normal distribution function of x"
    source = "Hendrycks and Gimpel (2016)"
    function = Function("x * normal(x)", steepest=1.129)
    arguments = (Argument("tanh", Kind.FLAG, False, "by the tanh formula of GPT-2"),)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        given = 'approximate="tanh"' if self.given(a) else ""
        more = f", {given}" if given else ""
        return Emitted(f"F.gelu({{x}}{more})", layer=f"nn.GELU({given})")


class SiLU(_Elementwise):
    """The sigmoid linear unit, also called swish."""

    name = "silu"
    overwrites = True
    about = "x * sigmoid(x)"
    source = "Elfwing, Uchibe and Doya (2018)"
    function = Function("x * sigmoid(x)", steepest=1.1)
    call = "F.silu({x})"
    layer = "SiLU"


class HardSwish(_Elementwise):
    """The sigmoid linear unit in straight pieces."""

    name = "hardswish"
    overwrites = True
    about = "x * hardsigmoid(x)"
    source = "Howard et al. (2019)"
    function = Function("x * min(max(x/6 + 1/2, 0), 1)", steepest=1.5)
    call = "F.hardswish({x})"
    layer = "Hardswish"


class HardSigmoid(_Elementwise):
    """The logistic function in straight pieces."""

    name = "hardsigmoid"
    overwrites = True
    about = "min(max(x/6 + 1/2, 0), 1)"
    source = "Courbariaux, Bengio and David (2015); Howard et al. (2019)"
    function = Function("hardsigmoid(x)", grows=True, gate=True, steepest=1 / 6)
    call = "F.hardsigmoid({x})"
    layer = "Hardsigmoid"


class Tanh(_Elementwise):
    """The hyperbolic tangent."""

    name = "tanh"
    about = "hyperbolic tangent"
    function = Function("tanh(x)", grows=True, steepest=1)
    call = "torch.tanh({x})"
    layer = "Tanh"
    costs = _SAVES_OUTPUT


class Sigmoid(_Elementwise):
    """The logistic function."""

    name = "sigmoid"
    about = "1 / (1 + exp(-x))"
    function = Function("sigmoid(x)", grows=True, gate=True, steepest=1 / 4)
    call = "torch.sigmoid({x})"
    layer = "Sigmoid"
    costs = _SAVES_OUTPUT


class _Overwriting(_Elementwise):
    """A function that writes over the tensor that it gets, and returns it.

    No file names it: a network for inference has it where nobody else reads that tensor.

    Attributes:
        plain: the same function, which makes a tensor.
    """

    def __init__(self, plain: Operator) -> None:
        self.plain = plain
        self.name, self.about, self.function = plain.name, plain.about, plain.function
        self.arguments = plain.arguments

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return self.plain.cost(x, a)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        made = self.plain.emit(x, a)
        return Emitted(_in_place(made.call), layer=_in_place(made.layer))


def _in_place(call: str) -> str:
    comma = "" if call.endswith("()") else ", "
    return f"{call.removesuffix(')')}{comma}inplace=True)"


def overwriting(operator: Operator) -> Operator:
    """The function that writes over what it gets, where torch has one."""
    return _overwriting(operator) if declares(operator, "overwrites") else operator


_overwriting = cache(_Overwriting)


def plain(operator: Operator) -> Operator:
    """The function that makes a tensor, of one that writes over what it gets."""
    return operator.plain if isinstance(operator, _Overwriting) else operator


class Softmax(Operator):
    """Shares of the features, which add up to one."""

    name = "softmax"
    costs = Cost(saves_output=True)
    positionwise = True
    about = "exp(x) over its sum along the features"

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        axis = x.feature_axis
        return Emitted(f"F.softmax({{x}}, dim={axis})", layer=f"nn.Softmax(dim={axis})")


class PReLU(Operator):
    """The rectifier whose slope below zero is learned."""

    name = "prelu"
    positionwise = True
    about = "leaky_relu with a learned slope, one for all or one for each channel"
    source = "He et al. (2015)"
    attribute = "prelu"
    weights = (Weights("prelu", ("nn.PReLU",), flat=True),)
    arguments = (
        Argument("channelwise", Kind.FLAG, False, "a slope for each channel"),
        Argument("start", Kind.NUMBER, 0.25, "the slope before training"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if a.channelwise:
            require_layout(x, Layout.IMAGE, Layout.VECTOR)
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        # The gradient of the slope is one for each number, until these are added up.
        slopes = int(x.features) if a.channelwise else 1
        return Cost(slopes, saves_input=True, workspace_back=x.elements)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        features = (x.features,) if a.channelwise else ()
        return Emitted("{m}({x})", made("nn.PReLU", *features, init=(a.start, 0.25)))


class Identity(Operator):
    """What comes in, unchanged."""

    name = "identity"
    costs = Cost(passes=True)
    absent = True
    positionwise = True
    about = "what comes in, unchanged"
    stacks = True

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{x}", layer="nn.Identity()")


#: What a division by a tensor multiplies by.
RECIPROCAL = _Reciprocal()
