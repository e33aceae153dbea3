"""Files with operators of plugins: what they declare, and where they stand, is drawn.

The same file with definitions in the place of these operators is another way to its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from recform.blocks import (
    Argument,
    Arguments,
    Cost,
    Emitted,
    Function,
    Kind,
    Layout,
    Misfit,
    Operator,
    Several,
    Shape,
    code,
    made_by,
)
from recform.operators.linear import Linear

SCALE = '''
class Scale(nn.Module):
    """Scales each feature by a learned number."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(*shape))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
'''.lstrip()
#: Code of functions, what they compute, and the same in the language.
FUNCTIONS = (
    ("{x} * torch.sigmoid({x})", "x * sigmoid(x)", "x*sigmoid(x)"),
    ("{x} + 1", "x + 1", "x + 1"),
    ("3 * {x}", "3*x", "3*x"),
    ("-{x}", "-x", "-x"),
    ("{x} if {x}.dim() else -{x}", "x", "1*x"),
    ("torch.clamp({x}, -1, 1)", "min(max(x, -1), 1)", "relu(x + 1) - relu(x - 1) - 1"),
    ("(lambda y: y * y)({x})", "x ** 2", "x^2"),
)
PAIRS = (
    ("{x} * {y}", "x*y"),
    ("{x} + 2 * {y}", "x + 2*y"),
    ("torch.where({x} > 0, {x}, {y})", ""),
    ("{x} - {y} if {y}.dim() else {x}", "x - y"),
)
EQUATIONS = (
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "X_i = fun(X_<i-1> + W_i*X_<i-1>)",
    "X_i = X_<i-1> + fun(W_i*X_<i-1>)*U_i*X_<i-1>",
    "X_i = U_i*V_i*X_<i-1> + W_i*G*X_<i-2>",
    "X_i = two(W_i*X_<i-1>, U_i*X_<i-1>) + fun(X_0)",
    "X_i = X_<i-1> + T_i(W_i*X_<i-1>, U_i*X_0)",
    "X_i = X_<i-1> + W_i*G*X_<i-1>",
    "X_i = W_i*X_<i-1> + D_i*X_<i-1> - W_<i-1>*X_<i-2>",
    "X_i = X_<i-1> + W_i*(G + 0.5)*X_<i-1> - X_0",
    "X_i = X_<i-1> + U_i*concat(V_i*X_<i-1>, fun(X_<i-1>))",
    "X_i = X_<i-1> + W_i*fun(mean(X_<0..i-1>))",
    "X_i = sum(k, 0, i-1, 0.5^k*fun(X_k)) + W_i*X_<i-1>",
    "X_i = X_<i-1> + W_i*sum(k, 0, i-1, a_<i,k>*S_i*X_k)",
    "X_i = W_i*sum(k, 0, i-1, softmax(k, dot(q_i, S_i*X_k))*fun(X_k)) + X_<i-1>",
    "Y_i = fun(X_<i-1>)*W_i*X_<i-1>\nX_i = X_<i-1> + D_i*Y_i\noutput X_L",
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + K_i*B_<i-1>\n"
    "B_i = B_<i-1> + fun(S_i*A_i)\noutput concat(A_L, B_L)",
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + two(K_i*B_<i-1>, B_<i-1>)\n"
    "B_i = B_<i-1> + fun(A_i)\noutput concat(A_L, B_L)",
)
#: What comes in, and which operator of the library makes a width.
FRAMES = {
    "vector": ("input 4\nstem linear(c)\n", "linear"),
    "tokens": ("input 5 x 4\nstem linear(c)\n", "linear"),
    "image": ("input 2 x 6 x 6\nstem conv(1, c)\n", "conv"),
    "pixels": ("input 2 x 4 x 4\nstem conv(1, c) > pixels\n", "linear"),
}
FLOWS = (
    *(
        "fun",
        "wide",
        "half",
        "scale",
        "ln",
        "relu",
        "turn(c)",
        "turn(2*c)",
        "tilt(0.5)",
    ),
    *("tilt(by=i/(L+1))", "dropout(0)"),
)
STAGES = ("4 x 1", "4 x 3", "4 x 2, 4 x 2", "4 x 2, 8 x 2")


@dataclass(frozen=True)
class Plugged:
    """A file, the operators of a plugin that it uses, and what says the same without.

    Attributes:
        text: the file.
        operators: of the plugin.
        twin: statements that define the operators; nothing if nobody can.
        input: the sizes of what comes in.
    """

    text: str
    operators: list[type[Operator]]
    twin: str
    input: tuple[int, ...]


def drawn(random: Random) -> Plugged:
    """A file with a plugin."""
    layout = random.choice([*FRAMES])
    frame, makes = FRAMES[layout]

    def flow(width: str = "c", stride: str = "") -> str:
        parts = random.choices(FLOWS, k=random.randint(0, 3))
        last = f"linear({width})"
        if makes == "conv":
            last = f"conv(1, {width}{stride})"
            parts += ["coarse(s)"] * (stride == "" and random.random() < 0.3)
        return " > ".join([*parts, last])

    stages = random.choice(STAGES)
    if layout == "image" and random.random() < 0.5:
        stages = stages.replace("8 x 2", "8 x 2 / 2")
    text = f"{frame}stages {stages}\n"
    if random.random() < 0.2:
        text += "scope stage\n"
    if layout == "pixels":
        text += "adapter linear(c)\ntransition linear(c)\n"
    stride = random.choice(("", ", stride=s")) if layout == "image" else ""
    text += f"W = {flow(stride=stride)}\nU = {flow(stride=stride)}\nV = wide\n"
    text += f"T = two > {flow()}\nK = {flow('cin')}\n"
    text += f"S = {random.choice(('scale', 'turn(c)'))}\n"
    text += f"G = {random.choice(('fun', 'wide > half', 'fun > relu', 'tilt(0.3)'))}\n"
    last = "conv(1, cin)" if makes == "conv" else "linear(cin)"
    text += f"D(x) = fun(P*x) + Q*E*x where E = wide, P = fun > {last}, "
    text += f"Q = half > {last.replace('cin', 'cin/2')}\n"
    text += "scalar a_<i,k> = 0.5/(i+k+1)\nvector q_i = 0.3\n"
    made, twin = operators(random, layout)
    sizes = frame.partition("\n")[0].split(" ", 1)[1]
    given = tuple(map(int, sizes.split(" x ")))
    return Plugged(f"{text}{random.choice(EQUATIONS)}\n", made, twin, given)


def operators(random: Random, layout: str) -> tuple[list[type[Operator]], str]:
    """Operators that are functions, keep or change a shape, have weights or two tensors."""
    told, has_cost, spread, stacked = (random.random() < 0.6 for _ in range(4))
    call, value, said = random.choice(FUNCTIONS)
    pair, of_pair = random.choice(PAIRS)
    axis = 1 if layout == "image" else -1

    class Plugin(Operator):
        """What a call costs, if the plugin says so."""

        stacks = stacked

    if has_cost:
        Plugin.costs = Cost(saves_input=True)

    class Fun(Plugin):
        name, about, elementwise = "fun", "a function", True
        function = Function(value) if told else None

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted(call)

    class Tilt(Plugin):
        name, about, positionwise = "tilt", "times a number of the block", spread
        arguments = (Argument("by", Kind.NUMBER, 0.5, "how many times"),)

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted(f"{{x}} * ({code(a.by)})")

    class Wide(Plugin):
        name, about, mixes = "wide", "twice as many features", False

        def shape(self, x: Shape, a: Arguments) -> Shape:
            return x.with_features(2 * x.features)

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted(f"torch.cat([{{x}}, {{x}}], dim={axis})")

    class Half(Plugin):
        name, about = "half", "sums of two halves"

        def shape(self, x: Shape, a: Arguments) -> Shape:
            if isinstance(x.features, int) and x.features % 2:
                raise Misfit("RF402", f"gets {x.features} features, an odd number")
            return x.with_features(x.features // 2)

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted(f"sum({{x}}.chunk(2, dim={axis}))")

    class Coarse(Plugin):
        name, about, takes = "coarse", "means of windows", (Layout.IMAGE,)
        arguments = (Argument("stride", Kind.STRIDE, 1, "of the windows"),)

        def shape(self, x: Shape, a: Arguments) -> Shape:
            return Shape(x.layout, x.features, tuple(-(-y // a.stride) for y in x.grid))

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            by = code(a.stride)
            return Emitted(f"F.avg_pool2d({{x}}, {by}, ceil_mode=True)")

    class Scale(Operator):
        name, about, attribute = "scale", "a learned number for each feature", "scale"
        support, positionwise, stacks = (SCALE,), spread, stacked

        def cost(self, x: Shape, a: Arguments) -> Cost:
            return Cost(parameters=int(x.features), saves_input=True)

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            rest = ", 1, 1" if axis == 1 else ""
            return Emitted("{m}({x})", f"Scale({code(x.features)}{rest})")

    class Turn(Operator):
        name, about, attribute = "turn", "a learned map of the features", "turn"
        arguments = (Argument("width", Kind.SIZE, None, "of what comes out"),)
        mixes, stacks = True, stacked and axis < 0

        def width(self, x: Shape, a: Arguments) -> Any:
            return x.features if a.width is None else a.width

        def shape(self, x: Shape, a: Arguments) -> Shape:
            return x.with_features(self.width(x, a))

        def cost(self, x: Shape, a: Arguments) -> Cost:
            number = int(x.features) * int(self.width(x, a))
            adds = number * x.elements // int(x.features)
            return Cost(parameters=number, multiply_adds=adds, saves_input=True)

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            widths = f"{code(x.features)}, {code(self.width(x, a))}"
            kind = (
                "Conv2d({}, 1, bias=False)" if axis == 1 else "Linear({}, bias=False)"
            )
            return Emitted("{m}({x})", f"nn.{kind.format(widths)}")

    if told and axis < 0:
        # The same is told by what is in it.
        def details(self: Any, inputs: Any, a: Any) -> Any:
            (x,) = inputs
            return (made_by("turn", Linear(), x, width=a.width, bias=False),)

        del Turn.cost, Turn.shape
        Turn.details = details  # type: ignore[method-assign]

    class Two(Several):
        name, about, inputs = "two", "of two tensors", ("x", "y")

        def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
            x, y = inputs
            if isinstance(x.features, int) and isinstance(y.features, int) and x != y:
                raise Misfit("RF401", f"gets {x} and {y}")
            return x

        def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
            return Emitted(pair)

    if has_cost:
        Two.costs = Cost(saves_input=True)
    made: list[type[Operator]] = [Fun, Tilt, Wide, Half, Coarse, Scale, Turn, Two]
    return made, _twin(said, of_pair, axis)


def _twin(function: str, pair: str, axis: int) -> str:
    """The operators as definitions."""
    linear = "conv(1, width)" if axis == 1 else "linear(width, bias=false)"
    lines = (
        f"fun(x) = {function}",
        "tilt(x, by=1/2) = by*x",
        "wide(x) = concat(x, x)",
        "half(x) = S_1 + S_2 where S_<1..2> = split(x, 2)",
        "scale(x) = v*x where vector v = 1",
        f"turn(width=c) = {linear}",
        "coarse(stride=1) = avgpool(stride, ceil=true)",
        f"two(x, y) = {pair}",
    )
    return "\n".join(lines) + "\n" if pair else ""
