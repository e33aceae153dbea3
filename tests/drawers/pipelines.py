"""Files whose operators are rows of any operators of the library, and of definitions."""

from __future__ import annotations

from random import Random

ACTIVATIONS = (
    *("relu", "relu6", "tanh", "sigmoid", "gelu", "gelu(tanh=true)", "silu", "elu"),
    *("elu(0.7)", "selu", "leaky_relu", "leaky_relu(0.2)", "hardswish", "hardsigmoid"),
    *("softplus", "abs", "sin", "cos", "exp", "prelu", "prelu(channelwise=true)"),
    *("prelu(start=0.1)", "identity", "softmax"),
)
RATES = ("0.1", "0.2*i/L", "h_i/4", "0.0", "r/2", "0.5")
OPERATORS = {
    "image": (
        *("conv(1)", "conv(3)", "conv(3, 6)", "conv((1,3), 4)", "conv(3, groups=2)"),
        *("conv(3, dilation=2, bias=true)", "dwconv(3)", "dwconv(3, multiplier=2)"),
        *("wsconv(3)", "wsconv(1, c, gain=0.5)", "bn", "bn(eps=0.001, momentum=0.2)"),
        *("gn(2)", "gn(1)", "ln", "rmsnorm", "ln(affine=false)", "shuffle(2)"),
        *("avgpool(3, stride=1, padding=1)", "maxpool(3, stride=1, padding=1)"),
        "avgpool(3, stride=1, padding=1, countpad=false)",
        "pad(1) > conv(3, padding=0)",
        "pad(1, mode=reflect) > conv(3, padding=0)",
        *("zeropad(2*cin)", "append(1/i)", "append(0.5, front=true)"),
        "upsample(2) > conv(3, stride=2)",
        "pixelunshuffle(2) > pixelshuffle(2)",
        *("deconv(3)", "deconv(2, stride=2, padding=0) > maxpool(2)"),
        *("pixels > linear > image", "pixels > ln > linear(6) > gelu > image"),
        *("tokens > linear > image(4)", "conv(1, 2*c) > Gate", "SE", "SE(r=2)"),
    ),
    "tokens": (
        *("linear", "linear(8)", "linear(bias=false)", "ln", "rmsnorm"),
        *("ln(affine=false)", "attention(2)", "attention(2, causal=true)"),
        "attention(1, bias=false, dropout=0.1)",
        *("conv1d(3)", "conv1d(3, causal=true)", "conv1d(3, groups=2)", "shift"),
        *("transpose > linear > transpose", "repeat(2)", "append(i/L)"),
        *("streams(2) > weave > join", "copies(2) > offset > merge"),
        *("copies(3) > weave > read", "write(2) > merge", "write(2) > read(first=2)"),
        *("linear(2*c) > Gate", "Mix", "experts(3, 2, 5)"),
        "experts(2, 1, 2*c, normalised=false)",
        "experts(3, 2, 4, scores=sigmoid, balanced=true)",
        *("linear(8) > rotary(2, 9)", "linear(8) > rotary(1, turned=2*i, last=true)"),
    ),
    "vector": (
        *("linear", "linear(8)", "linear(bias=false)", "bn", "ln", "rmsnorm", "gn(2)"),
        *("repeat(2)", "append(h_i)", "linear(2*c) > Gate", "Mix"),
        *("copies(2) > weave > merge", "streams(2) > offset(start=ones) > join"),
    ),
}
#: What a row ends with, so that terms meet.
LAST = {
    "image": ("conv(1, c, stride=s)", "conv(3, c, stride=s)"),
    "tokens": ("linear(c)",),
    "vector": ("linear(c)",),
}
INPUTS = {
    "image": ("3 x 8 x 8", "2 x 4 x 8"),
    "tokens": ("6 x 4",),
    "vector": ("4",),
}
STEMS = {
    "image": ("conv(3, c)", "conv(3, c) > bn > relu", "conv(1, c, bias=true)"),
    "tokens": (
        *("none", "linear(c)", "linear(c) > positions"),
        "linear(c) > classtoken > positions",
    ),
    "vector": ("none", "linear(c)"),
}
HEADS = {
    "image": ("none", "avgpool > linear(3)"),
    "tokens": ("none", "ln > token > linear(3)", "avgpool > linear(2)"),
    "vector": ("none", "linear(3)"),
}
ADAPTERS = {
    "image": (
        *("conv(1, c, stride=s)", "avgpool(s) > conv(1, c)", "zeropad(c, stride=s)"),
    ),
    "tokens": ("linear(c, bias=false)", "linear(c) > ln"),
    "vector": ("linear(c) > tanh",),
}
STAGES = (
    "4 x 1",
    "4 x 3",
    "4 x 5",
    "4 x 2, 4 x 3",
    "4 x 2, 6 x 2",
    "4 x 3, 8 x 1, 8 x 2",
)
EQUATIONS = (
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "X_i = W_i*X_<i-1> - U_i*X_<i-2>",
    "X_i = (1 - h_i)*X_<i-1> + h_i*W_i*(X_<i-1> + U_i*X_<i-2>)",
    "X_i = X_<i-1> + S*W_i*X_<i-1>",
    "X_i = X_<i-1> + (G_i*X_<i-1>)*(W_i*X_<i-1>)",
    "X_i = relu(W_i*X_<i-1> + p_i*X_<i-1>) + v_i*U_i*X_0",
    "X_i = W_i*mean(X_<0..i-1>)",
    "X_i = W_i*X_<i-1> + sum(k, 0, i-1, u_<i,k>*X_k)",
    "Y_i = W_i*X_<i-1> + 0.9*Y_<i-1>\nX_i = X_<i-1> + U_i*Y_i\noutput X_L",
    "X_i = X_<i-2> + W_i*X_<i-1>",
    "X_i = 2*X_<i-1> - X_<i-2> + 0.1*W_i*X_<i-1>",
    "Y_i = Y_<i-1> + W_i*X_<i-1>\nX_i = X_<i-1> + U_i*Y_i\noutput X_L",
    "X_i = max(W_i*X_<i-1>, U_i*X_<i-1>)",
    "X_i = W_i*concat(X_<i-1>, X_<i-2>)",
    "X_i = X_<i-1> + W_<i-1>*X_<i-2> + W_i*X_<i-1>",
    "X_i = X_<i-1> + D_i*X_<i-1>",
    "X_i = X_<i-1> + W_i*X_<i-1>\nX_1 = W_1*X_0 + W_0*X_0",
    "X_i = X_<i-1> + W_i*X_<i-1>\nX_<first> = U_<first>*X_<first-1>",
    "X_i = W_i^2*X_<i-1> + X_<i-1>",
    "X_i = X_<i-1> + (W_i + 0.5*U_i)*X_<i-1>",
    "X_i = X_<i-1> + N*W_i*N*X_<i-1>",
    "X_i = gelu(X_<i-1> + W_i*X_<i-1>)",
)
NUMBERS = """param r = 0.3
const q = 0.4
const h_i = 0.9 - 0.5*i/L
scalar p_i = 0.4*i/L
vector v_i = 0.2
scalar u_<i,k> = 1/(i+k+1)
"""
DEFINITIONS = """Gate(x) = x*tanh(A*x)*e + B*x where A = {one}, B = {one} > tanh, scalar e = 1
SE(x, r=4) = x*sigmoid(A*x) where A = globalpool > conv(1, cin/2) > relu > conv(1, cin)
Mix(x, r=2) = x + r*tanh(A*x) where A = linear(r*cin) > gelu > linear(cin)
D(x, z=2) = P*x/z + Q*tanh(b*x) where P = {one}, Q = {row} > {one}, scalar b = 0.7
"""
#: What hangs on the block, and what stands there where all blocks share an operator.
WITHOUT_BLOCK = (
    *((", stride=s", ""), ("0.2*i/L", "0.2"), ("h_i", "q"), ("i/L", "q"), ("1/i", "q")),
)


def files(random: Random) -> str:
    """A file: in front of its equation an operator for each letter of it."""
    layout = random.choice([*OPERATORS, "image"])
    image = layout == "image"
    equation, stages = random.choice(EQUATIONS), random.choice(STAGES)
    if image:
        stages = stages.replace("6 x 2", "6 x 2 / 2").replace("8 x 1", "8 x 1 / 2")
    text = (
        f"input {random.choice(INPUTS[layout])}\nstem {random.choice(STEMS[layout])}\n"
    )
    text += f"head {random.choice(HEADS[layout])}\nstages {stages}\n"
    if random.random() < 0.2:
        text += "scope stage\n"
    if random.random() < 0.2:
        text += f"adapter {random.choice(ADAPTERS[layout])}\n"
    one = "conv(1, cin)" if image else "linear(cin)"
    inner = of_no_block(row(random, layout, most=3)).replace("c, ", "cin, ")
    text += NUMBERS + DEFINITIONS.format(one=one, row=inner)
    for letter in "WUSNG":
        if f"{letter}_" in equation or f"{letter}*" in equation:
            made = row(random, layout)
            made = of_no_block(made) if letter in "SN" else made
            text += f"{letter} = {made}{' > sigmoid' if letter == 'G' else ''}\n"
    return f"{text}{equation}\n"


def row(random: Random, layout: str, most: int = 4) -> str:
    """Operators one after the other, of which the last makes the width of the block."""
    parts = [one(random, layout) for _ in range(random.randint(0, most))]
    parts.append(random.choice(LAST[layout]))
    if random.random() < 0.3:
        parts.append(random.choice(("ln", "tanh", "dropout(0.1)", "prelu")))
    return " > ".join(parts)


def one(random: Random, layout: str) -> str:
    """An operator."""
    kind = random.random()
    if kind < 0.3:
        return random.choice(ACTIVATIONS)
    if kind < 0.4:
        return f"{random.choice(('dropout', 'droppath'))}({random.choice(RATES)})"
    return random.choice(OPERATORS[layout])


def of_no_block(text: str) -> str:
    """A row that hangs on no block."""
    for old, new in WITHOUT_BLOCK:
        text = text.replace(old, new)
    return text
