"""Files with a second index, of times or positions, and with further inputs."""

from __future__ import annotations

from random import Random

FRAME = "input {sizes}\nstem linear(c)\nstages {stages}\ntimes {times}\n"
STAGES = ("4 x 1", "4 x 3", "4 x 2, 8 x 2")
BESIDE = ("4", "5 x 4", "3 of 9", "2 x 6")
OPERATORS = """W = {W}
U = {U}
V = {V}
Z = linear(c)
K = linear(c, bias=false)
P = {P}
scalar a_i = 0.5
scalar b = 0.3
vector v_i = 0.4
const h_i = i/(L+1)
"""
TOKENWISE = (
    *(
        "linear(c)",
        "linear(c, bias=false)",
        "ln > linear(c)",
        "linear(2*c) > gelu > linear(c)",
    ),
    *("linear(c) > tanh", "rmsnorm > linear(c) > dropout(0.1)"),
)
ANY = (
    *TOKENWISE,
    "attention(2, causal=true)",
    "conv1d(3, c, causal=true)",
    "shift > linear(c)",
    "experts(3, 2, 4)",
)
#: What recurs: `{o}` is what comes in at this position.
CELLS = (
    "H_<i,t> = tanh(W_i*H_<i,t-1> + {o})",
    "H_<i,t> = sigmoid(Z_i*X_<i-1,t>)*H_<i,t-1> + {o}",
    "H_<i,t> = a_i*H_<i,t-1> + (1 - a_i)*{o}",
    "H_<i,t> = sigmoid(v_i)*H_<i,t-1> + {o}",
    "H_<i,t> = {o} + h_i*H_<i,t-1> - b*H_<i,t-2>",
    "H_<i,t> = (1 - sigmoid(Z_i*X_<i-1,t>))*H_<i,t-1> + sigmoid(Z_i*X_<i-1,t>)*{o}",
    "H_<i,t> = relu(H_<i,t-1> + {o}) + exp(-b^2)*G_<i,t-1>\n"
    "G_<i,t> = 0.5*G_<i,t-1> + tanh(W_i*H_<i,t>)",
    "H_<i,t> = max(H_<i,t-1>, {o})",
    "H_<i,t> = H_<i,t-1> + outer(V_i*X_<i-1,t>, K_i*X_<i-1,t>)",
    "H_<i,t> = W_i*(H_<i,t-1>*sigmoid({o})) + {o}",
    "H_<i,t> = H_<i,t-1>/(1 + a_i^2) + {o}*log(2 + b^2)",
)
COMES_IN = (
    *("U_i*X_<i-1,t>", "V_i*X_<i-1,t>", "X_<i-1,t>", "(U_i*X_<i-1,t> + X_<i-1,t-1>)"),
    *("b*X_<i-1,t>", "U_i*V_i*X_<i-1,t>"),
)
BEGINNINGS = (
    "",
    "",
    "H_<i,0> = q_i\nvector q_i = 0.2",
    "H_<i,0> = 0.5",
    "H_<i,0> = p_i\nscalar p_i = 0.1",
)
READS = (
    "X_<i-1,t> + H_<i,t>",
    "X_<i-1,t> + V_i*H_<i,t>",
    "U_i*H_<i,t>*sigmoid(Z_i*X_<i-1,t>)",
)
#: Of a fixed number of times.
LOOPS = (
    "X_<i,t> = relu(W_i*X_<i-1,t> + U_i*X_<i,t-1>)",
    "X_<i,t> = X_<i-1,t> + W_<i,t>*X_<i-1,t> + 0.5*X_<i,t-1>",
    "X_<i,t> = W_t*X_<i-1,t> + a_i*X_<i,t-1> - b*X_<i-1,t-1>",
    "X_<i,t> = W_i*X_<i-1,t> + V_i*X_<i,t-2>",
    "X_<i,t> = max(X_<i-1,t>, W_i*X_<i,t-1>) + tanh(U_i*X_<i-1,t>)",
    "X_<i,t> = W_i*mean(X_<i-1,1..t>)",
)
ENDS = ("X_<L,T>", "mean(X_<L,1..T>)", "concat(X_<L,1..T>)", "X_<L,T> + X_<L,1>")
#: What a further input has to do with it.
FURTHER = ("", "", " + P*y", " + (1 + P*y)*X_<i-1,t>", "*sigmoid(P*y)")


def files(random: Random) -> str:
    """A file of positions, or of a fixed number of times."""
    further, beside = random.choice(FURTHER), random.choice(BESIDE)
    pooled = "embed(c) > avgpool" if " of " in beside else "linear(c)"
    if " x " in beside:
        pooled = "avgpool > linear(c)"
    operators = OPERATORS.format(
        W=random.choice(TOKENWISE), U=random.choice(ANY), V=random.choice(ANY), P=pooled
    )
    stages, loops = random.choice(STAGES), random.random() < 0.35
    times = str(random.randint(1, 3)) if loops else "positions"
    text = FRAME.format(sizes="5 x 4", stages=stages, times=times)
    text += f"input y = {beside}\n" * bool(further) + operators
    if loops:
        return f"{text}{random.choice(LOOPS)}{further}\noutput {random.choice(ENDS)}\n"
    cell = random.choice(CELLS).format(o=random.choice(COMES_IN))
    read = random.choice(READS)
    if "outer" in cell:
        read = read.replace("V_i*H_<i,t>", "H_<i,t>").replace(
            "H_<i,t>", "matvec(H_<i,t>, K_i*X_<i-1,t>)"
        )
    elif random.random() < 0.5:
        cell += f"\n{random.choice(BEGINNINGS)}"
    return f"{text}{cell}\nX_<i,t> = {read}{further}\noutput X_L\n"
