"""Files of all statements: what stands around the equations, and the kinds of equations."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

INPUTS = {
    "image": ("3 x 8 x 8", "2 x 16 x 8", "1 x 8 x 8", "4 x 8 x 8"),
    "tokens": ("6 x 4",),
    "ids": ("5 of 7",),
}
BESIDE = {
    "image": ("4", "2 x 5", "3 x 8 x 8"),
    "tokens": ("4", "4 x 5", "3 of 9"),
    "ids": ("4", "4 x 5", "3 of 9"),
}
STEMS = {
    "image": (
        *("conv(3, c) > bn", "conv(3, c, stride=2)", "conv(2, c, stride=2, padding=0)"),
    ),
    "tokens": ("linear(c)", "linear(c) > positions"),
    "ids": ("embed(c)", "embed(c) > positions"),
}
HEADS = {
    "image": (
        *("none", "avgpool > linear(5)", "relu > avgpool > linear(3)"),
        "bn > relu > avgpool > dropout({p}) > linear(3)",
    ),
    "tokens": ("none", "ln > linear(5)", "avgpool > linear(2)"),
}
ADAPTERS = {
    "image": (
        *("conv(1, c, stride=s)", "conv(1, c, stride=s) > bn", "none"),
        *("avgpool(s) > conv(1, c)", "zeropad(c, stride=s)"),
    ),
    "tokens": ("linear(c)", "linear(c, bias=false) > ln", "none"),
}
TRANSITIONS = {
    "image": (
        *("conv(3, c, stride=s)", "bn > relu > conv(1, c) > avgpool(s)", "none"),
        "maxpool(s) > conv(1, c)",
    ),
    "tokens": ("linear(c)", "ln > linear(c)", "none"),
}
NAMES = (
    *('W = "body"', 'W = "."', 'stem = "features.0", head = "fc"', 'adapter = "down"'),
    *('W = "m", U = "u"', 'stem = "s"'),
)
STARTS = (
    *("conv = kaiming_normal", "conv = normal(0.02)", "linear = normal(0.02)"),
    *("bn = zeros", "linear = zeros", "conv = xavier_uniform"),
)
STEPS = ("const h_i = i/(L+1)", "const h_i = 1/2", "const h = 0.5")
SCALARS = (
    *("scalar a_i = 0.5", "scalar a = 0.3", "vector a_i = 0.2", "scalar a_i = 1/i"),
    *("scalar a_i = 0.1 per channel", "const a = 0.7"),
)
OPERATORS = {
    "image": {
        "W": (
            *("conv(3, c, stride=s) > bn", "bn > relu > conv(1, c, stride=s)"),
            "conv(3, c, stride=s) > bn > relu > conv(3, c)",
            "conv(3, c, stride=s) > droppath({p}*i/L)",
            "conv(1, c) > SE > conv(3, c, stride=s)",
            "dwconv(3, stride=s) > conv(1, c)",
            '(conv(1, c) > bn) > relu > "mix": conv(3, c, stride=s)',
        ),
        "U": (
            *("conv(1, c, stride=s)", "bn > conv(3, c, stride=s)"),
            "maxpool(3, stride=s, padding=1) > conv(1, c)",
        ),
        "V": ("conv(1, c)", "bn", "relu", "identity"),
    },
    "tokens": {
        "W": (
            *("linear(c)", "ln > linear(2*c) > gelu > linear(c)"),
            *("attention(2) > dropout({p})", "ln > attention(2, causal=true)"),
            *(
                '"up": linear(2*c) > relu > "down": linear(c)',
                "rmsnorm > SE > linear(c)",
            ),
        ),
        "U": ("linear(c)", "ln > linear(c)", "conv1d(3, c)"),
        "V": ("linear(c)", "ln", "tanh", "identity"),
    },
}
SIDES = (
    "W_i*mean(X_<0..i-1>) + X_<i-1>",
    "W_i*concat(X_<i-1>, X_0)",
    "X_<i-1> + W_i*sum(k, 0, i-1, X_k)",
    "X_<i-1> + W_i*sum(k, 0, i-1, 0.5^k*X_k)",
    "X_<i-1> + W_i*X_<i-1>*sigmoid(U_i*X_<i-1>)",
    "max(W_i*X_<i-1>, U_i*X_<i-1>)",
)
CALLS = (
    *("W_i*", "U_i*", "V_i*", "", "W_i*V_i*", "W_<i-1>*", "W*", "V*"),
    *("V_i*relu", "W_i*tanh", "sigmoid"),
)
SECOND = (
    *("Y_i = W_i*X_<i-1>", "Y_i = 0.9*Y_<i-1> + W_i*X_<i-1>"),
    *("Y_i = U_i*(X_<i-1> + Y_<i-1>)", "Y_i = V_i*X_<i-2> + Y_<i-1>"),
)
BOUNDARIES = (
    *("X_1 = W_1*X_0", "X_<first> = U_<first>*X_<first-1>", "X_0 = 0.5*input"),
    *(
        "X_<1..2> = W_i*X_<i-1>",
        "X_2 = X_1 + X_0",
        "X_<L-1..L> = X_<i-1> + W_i*X_<L-i>",
    ),
)
OUTPUTS = (
    *("X_L", "X_L + X_<L-1>", "V_L*X_L", "relu(X_L)", "0.5*(X_L + X_0)", "tanh(X_L)"),
    *("X_L + W_L*X_<L-1>", "concat(X_L, X_<L-1>)", "mean(X_<0..L>)", "X_L/2"),
)


def files(random: Random) -> str:
    """A file; its statements stand in any order that they may have."""
    layout = random.choice(("image", "image", "tokens", "ids"))
    kind = "image" if layout == "image" else "tokens"
    rate = "p" if random.random() < 0.3 else "0.1"
    lines = ["param p = 0.1"] * (rate == "p")
    lines += [f"input {random.choice(INPUTS[layout])}"]
    if random.random() < 0.2:
        lines.append(f"input y = {random.choice(BESIDE[layout])}")
    first = len(lines)
    lines += [f"stem {random.choice(STEMS[layout])}", f"stages {_stages(random, kind)}"]
    lines += _around(random, kind, rate)
    steps, scalar = random.choice(STEPS), random.choice(SCALARS)
    lines += [steps, scalar]
    for letter, flows in OPERATORS[kind].items():
        lines.append(f"{letter} = {random.choice(flows).format(p=rate)}")
    one = "globalpool > conv(1, cin)" if kind == "image" else "linear(cin)"
    lines.append(f"SE(x) = x*sigmoid(G*x) where G = {one}")
    lines += _equations(random, steps.split()[1], scalar.split()[1])
    if random.random() < 0.3:
        rest = lines[first:]
        random.shuffle(rest)
        lines[first:] = rest
    return "".join(f"{line}\n" for line in lines)


def _stages(random: Random, kind: str) -> str:
    stages = [f"4 x {random.randint(1, 4)}"]
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        finer = random.choice(("", " / 2", " / 2")) if kind == "image" else ""
        stages.append(f"{random.choice((4, 6, 8))} x {random.randint(1, 3)}{finer}")
    if kind == "image" and random.random() < 0.1:
        stages.append("4 x 2 / (1/2)")
    return ", ".join(stages)


def _around(random: Random, kind: str, rate: str) -> Iterator[str]:
    if random.random() < 0.8:
        yield f"head {random.choice(HEADS[kind]).format(p=rate)}"
    if random.random() < 0.35:
        yield "scope stage"
        if random.random() < 0.5:
            yield f"transition {random.choice(TRANSITIONS[kind])}"
    if random.random() < 0.3:
        yield f"adapter {random.choice(ADAPTERS[kind])}"
    if kind == "image" and random.random() < 0.15:
        yield "adapter up upsample(1/s) > conv(1, c)"
    if random.random() < 0.3:
        yield f"names {random.choice(NAMES)}"
    if random.random() < 0.3:
        yield f"init {random.choice(STARTS)}"
    if random.random() < 0.25:
        yield f"memory {random.choice(('lean', 'checkpoint', 'plain', 'reversible'))}"


def _equations(random: Random, step: str, scalar: str) -> Iterator[str]:
    terms = [_term(random, step, scalar) for _ in range(random.randint(2, 4))]
    right, kind = " + ".join(terms), random.random()
    if kind < 0.15:
        right = f"{random.choice(('relu', 'gelu', 'tanh'))}({right})"
    elif kind < 0.45:
        right = random.choice(SIDES)
    if several := random.random() < 0.3:
        yield random.choice(SECOND)
        right += random.choice((" + Y_i", " + V_i*Y_i", " + Y_<i-1>", " - tanh(Y_i)"))
    yield f"X_i = {right}"
    if random.random() < 0.3:
        yield random.choice(BOUNDARIES)
    if random.random() < 0.35 or several:
        own = f"{scalar.replace('_i', '_L')}*X_L"
        more = (own, "X_L + Y_L", "Y_L") if several else (own,)
        yield f"output {random.choice((*OUTPUTS, *more))}"


def _term(random: Random, step: str, scalar: str) -> str:
    state = random.choice(("X_<i-1>",) * 4 + ("X_0", "X_<i-2>", "X_<i-3>"))
    factors = (
        "",
        "",
        f"{step}*",
        f"{scalar}*",
        "0.5*",
        f"(1 - {step})*",
        f"{scalar}^2*",
    )
    call = random.choice(CALLS)
    made = (
        f"{call}({state})"
        if call.endswith(("relu", "tanh", "sigmoid"))
        else call + state
    )
    return random.choice(factors) + made
