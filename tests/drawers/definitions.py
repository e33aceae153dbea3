"""Files whose operators are definitions by equations, in each other, with all they have."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

FRAMES = {
    "image": "input 3 x 8 x 8\nstem conv(3, c)\nstages {stages}\n",
    "tokens": "input 5 x 4\nstem linear(c)\nstages {stages}\n",
    "vector": "input 4\nstem linear(c)\nstages {stages}\n",
}
STAGES = ("4 x 1", "4 x 3", "8 x 2", "4 x 2, 8 x 2")
NUMBERS = "param r = 2\nconst g = 0.4\nconst h_i = i/(L+1)\nscalar p_i = 0.4\n"
#: What keeps the shape of what comes in.
SAME = {
    "image": (
        *("conv(1, cin)", "conv(3, cin)", "bn", "dwconv(3)", "conv(n*2-1, cin)"),
        *("conv(1, n*cin) > relu > conv(1, cin)", "bn > relu > conv(1, cin)"),
        *('"first": conv(1, cin) > "second": bn', "dropout(0.1) > conv(1, cin)"),
    ),
    "tokens": (
        *("linear(cin)", "ln", "linear(n*cin) > gelu > linear(cin)", "attention(2)"),
        *("conv1d(3)", 'rmsnorm > "up": linear(2*cin) > tanh > "down": linear(cin)'),
        *("dropout(0.1) > linear(cin)", "shift > linear(cin)"),
    ),
    "vector": (
        *("linear(cin)", "ln", "linear(n*cin) > gelu > linear(cin)", "bn"),
        *("rmsnorm > linear(cin, bias=false)", "dropout(0.1) > linear(cin)"),
    ),
}
#: A number for each feature, or one, for all positions or each.
GATES = {
    "image": (
        *("globalpool > conv(1, cin)", "conv(1, 1)", "conv(1, cin) > tanh"),
        "avgpool > linear(cin)",
    ),
    "tokens": ("linear(1)", "linear(cin) > tanh", "avgpool > linear(cin)"),
    "vector": ("linear(1)", "linear(cin)"),
}
#: The right side of a definition of one tensor, and what stands behind its `where`.
BODIES = (
    ("x*sigmoid(G*x)", ()),
    ("x + P*x", ()),
    ("P*x - g*Q*x", ()),
    ("relu(x + P*Q*x)", ()),
    ("e*x + tanh(P*x)", ("scalar e = 0.5",)),
    ("v*P*x + (1 - v)*x", ("vector v = 0.3",)),
    ("v*x + v*G*x", ("vector v = 0.3",)),
    ("v*x*sigmoid(v + G*x)", ("vector v = 0.3",)),
    ("u*x*sigmoid(v + G*x)", ("vector u = 0.3", "vector v = 0.2")),
    ("P*x/n + z*x", ()),
    ("Z + P*Z", ("Z = Q*x",)),
    ("Z*sigmoid(G*Z) + x", ("Z = P*x + x",)),
    ("Y_n", ("Y_1 = x", "Y_k = tanh(K_k*Y_<k-1>) + Y_<k-1>", "K = {same}")),
    ("sum(k, 1, n, 1/k*Y_k)", ("Y_k = K_k*x", "K = {same}")),
    ("sum(k, 1, n, a_k*(K_k*x))", ("scalar a_k = 0.5", "K = {same}")),
    ("concat(A, B)", ("A, B = split(x, 2)",)),
    ("concat(B + P*A, A)", ("A, B = split(x, 2)",)),
    ("concat(Y_<1..2>)", ("S_<1..2> = split(x, 2)", "Y_1 = S_1", "Y_2 = P*S_2 + Y_1")),
    ("max(P*x, x) - min(Q*x, x)", ()),
    ("mean(P*x, Q*x, x)", ()),
    ("exp(-b^2)*P*x + log(1 + b^2)*x", ("scalar b = 0.7",)),
)
CALLS = ("{name}", "{name}(n=1)", "{name}(n=r)", "{name}(z=0.3)", "{name}(z=h_i, n=2)")
EQUATIONS = (
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "X_i = W_i*X_<i-1> - 0.5*U_i*X_<i-2>",
    "X_i = p_i*X_<i-1> + T_i(W_i*X_<i-1>, X_<i-1>)",
    "X_i = T_i(X_<i-1>, U_i*X_0) + h_i*W_<i-1>*X_<i-2>",
    "X_i = X_<i-1> + V*W_i*X_<i-1>",
    "X_i = (W_i + p_i)*X_<i-1> + relu(V*X_<i-1>)",
    "X_i = X_<i-1> + W_i*mean(X_<0..i-1>)",
)
PAIRS = (
    "x*sigmoid(G*y) + y",
    "P*x + Q*y",
    "P*(x + g*y) - z*x",
    "max(x, P*y)",
    "P*concat(x, y)",
    "R(x, P*y)",
)


def files(random: Random) -> str:
    """A file with four definitions, of which later ones may call those before."""
    layout = random.choice([*SAME])
    text = FRAMES[layout].format(stages=random.choice(STAGES))
    if layout == "image":
        text = text.replace("4 x 2, 8 x 2", "4 x 2, 8 x 2 / 2")
    text += NUMBERS
    known: list[str] = []
    for name in ("First", "Second", "Third", "Fourth"):
        text += _single(random, layout, name, known)
        known.append(name)
    text += f"R(x, y, z=0.5) = x + z*tanh(A*y) where A = {_flow(random, layout, [])}\n"
    pair = random.choice(PAIRS)
    local = ", ".join(_operators(random, layout, pair, known))
    pair = f"{pair} where {local}" if local else pair
    text += f"Two(x, y, n=2, z=0.7) = {pair}\nT = Two\n"
    last = "conv(1, c, stride=s)" if layout == "image" else "linear(c)"
    for letter in "WU":
        text += f"{letter} = {_called(random, known)} > {last}\n"
    text += f"V = {_called(random, known[:2]).replace('h_i', '0.2')}\n"
    return f"{text}{random.choice(EQUATIONS)}\n"


def _single(random: Random, layout: str, name: str, known: list[str]) -> str:
    body, more = random.choice(BODIES)
    local = [item.format(same=_flow(random, layout, known)) for item in more]
    local += _operators(random, layout, f"{body} {' '.join(more)}", known)
    between = random.choice((", ", " where "))
    where = f" where {between.join(local)}" if local else ""
    return f"{name}(x, n=2, z=1.5) = {body}{where}\n"


def _operators(
    random: Random, layout: str, body: str, known: list[str]
) -> Iterator[str]:
    """The operators that the equations of a definition apply."""
    for letter in "PQ":
        if f"{letter}*" in body:
            yield f"{letter} = {_flow(random, layout, known)}"
    if "G*" in body:
        yield f"G = {random.choice(GATES[layout])}"


def _flow(random: Random, layout: str, known: list[str]) -> str:
    flow = random.choice(SAME[layout])
    if known and random.random() < 0.5:
        call = _called(random, known).replace("h_i", "0.2").replace("n=r", "n=n")
        return random.choice((call, f"{flow} > {call}", f"{call} > {flow}"))
    return flow.replace("n*", "2*") if not known and "n*" in flow else flow


def _called(random: Random, known: list[str]) -> str:
    return random.choice(CALLS).format(name=random.choice(known))
