"""Files with operators of plugins: what they declare, and where they stand, is drawn."""

from __future__ import annotations

from random import Random

from recform.blocks import (
    Arguments,
    Cost,
    Emitted,
    Function,
    Misfit,
    Operator,
    Several,
    Shape,
    code,
)

SCALE = '''
class Scale(nn.Module):
    """Scales each feature by a learned number."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
'''.lstrip()
#: Code of functions, and what they compute.
FUNCTIONS = (
    ("{x} * torch.sigmoid({x})", "x * sigmoid(x)"),
    ("{x} + 1", "x + 1"),
    ("3 * {x}", "3*x"),
    ("-{x}", "-x"),
    ("{x} if {x}.dim() else -{x}", "x"),
    ("torch.clamp({x}, -1, 1)", "min(max(x, -1), 1)"),
    ("(lambda y: y * y)({x})", "x ** 2"),
)
PAIRS = (
    *("{x} * {y}", "{x} + 2 * {y}", "torch.where({x} > 0, {x}, {y})"),
    "{x} - {y} if {y}.dim() else {x}",
)
EQUATIONS = (
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "X_i = fun(X_<i-1> + W_i*X_<i-1>)",
    "X_i = X_<i-1> + fun(W_i*X_<i-1>)*U_i*X_<i-1>",
    "X_i = U_i*V_i*X_<i-1> + W_i*G*X_<i-2>",
    "X_i = two(W_i*X_<i-1>, X_<i-1>) + fun(X_0)",
    "X_i = X_<i-1> + T_i(W_i*X_<i-1>, U_i*X_0)",
    "X_i = X_<i-1> + G*W_i*X_<i-1>",
    "X_i = W_i*X_<i-1> + D_i*X_<i-1> - W_<i-1>*X_<i-2>",
    "X_i = X_<i-1> + (G + 0.5)*W_i*X_<i-1> - G*X_0",
    "X_i = X_<i-1> + U_i*concat(V_i*X_<i-1>, fun(X_<i-1>))",
    "X_i = X_<i-1> + W_i*mean(fun(X_<0..i-1>))",
    "X_i = sum(k, 0, i-1, 0.5^k*fun(X_k)) + W_i*X_<i-1>",
)
FLOWS = ("fun", "wide", "half", "scale", "linear(c)", "ln", "relu")
STAGES = ("4 x 1", "4 x 3", "4 x 2, 8 x 2")


def drawn(random: Random) -> tuple[str, list[type[Operator]]]:
    """A file, and the operators of a plugin that it uses."""
    flows = [
        " > ".join([*random.choices(FLOWS, k=random.randint(0, 3)), "linear(c)"])
        for _ in range(3)
    ]
    text = f"input 4\nstem linear(c)\nstages {random.choice(STAGES)}\n"
    text += "scope stage\n" * (random.random() < 0.2)
    text += f"W = {flows[0]}\nU = {flows[1]}\nV = wide\nT = two > linear(c)\n"
    text += f"G = {random.choice(('fun', 'wide > half', 'fun > relu'))}\n"
    inner = flows[2].replace("linear(c)", "linear(cin)")
    text += "D(x) = fun(P*x) + Q*E*x where E = wide, P = fun > linear(4), "
    text += f"Q = {inner} > linear(4)\n"
    return f"{text}{random.choice(EQUATIONS)}\n", operators(random)


def operators(random: Random) -> list[type[Operator]]:
    """A function, operators that keep or change the width, and one of two tensors."""
    told, has_cost, spread = (random.random() < 0.6 for _ in range(3))
    call, value = random.choice(FUNCTIONS)
    pair = random.choice(PAIRS)

    class Priced:
        """What a call costs, if the plugin says so."""

        if has_cost:
            costs = Cost(saves_input=True)

    class Fun(Priced, Operator):
        name, about, elementwise = "fun", "a function", True
        function = Function(value) if told else None

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted(call)

    class Wide(Priced, Operator):
        name, about, mixes = "wide", "twice as many features", False

        def shape(self, x: Shape, a: Arguments) -> Shape:
            return x.with_features(2 * x.features)

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted("torch.cat([{x}, {x}], dim=-1)")

    class Half(Priced, Operator):
        name, about = "half", "sums of two halves"

        def shape(self, x: Shape, a: Arguments) -> Shape:
            if isinstance(x.features, int) and x.features % 2:
                raise Misfit("RF402", f"gets {x.features} features, an odd number")
            return x.with_features(x.features // 2)

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted("sum({x}.chunk(2, dim=-1))")

    class Scale(Operator):
        name, about, attribute = "scale", "a learned number for each feature", "scale"
        support, positionwise = (SCALE,), spread

        def cost(self, x: Shape, a: Arguments) -> Cost:
            return Cost(parameters=int(x.features), saves_input=True)

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted("{m}({x})", f"Scale({code(x.features)})")

    class Two(Priced, Several):
        name, about, inputs = "two", "of two tensors", ("x", "y")

        def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
            x, y = (shape.features for shape in inputs)
            if isinstance(x, int) and isinstance(y, int) and x != y:
                raise Misfit("RF401", f"gets {x} and {y} features")
            return inputs[0]

        def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
            return Emitted(pair)

    return [Fun, Wide, Half, Scale, Two]
