"""Files whose blocks weigh what all blocks before them made."""

from __future__ import annotations

from random import Random

FRAMES = {
    "tokens": "input 5 x 4\nstem linear(c)\nstages {stages}\nT = {t} > linear(c)\n"
    "N = {n}\nA = rmsnorm > linear(i)\nD = linear(c)\n",
    "vector": "input 4\nstem linear(c)\nstages {stages}\nT = {t} > linear(c)\n"
    "N = {n}\nA = linear(i) > tanh\nD = linear(c)\n",
    "image": "input 3 x 8 x 8\nstem conv(3, c)\nstages {stages}\n"
    "T = bn > relu > conv(3, c, stride=s)\nN = {n}\nA = conv(1, i)\n"
    "D = conv(1, c)\n",
}
STAGES = (
    "4 x 1",
    "4 x 3",
    "4 x 5",
    "4 x 2, 4 x 3",
    "4 x 2, 8 x 2",
    "4 x 2, 4 x 1, 4 x 2",
)
NUMBERS = """scalar a_<i,k> = {start}
{more}scalar g_i = 0.4
scalar u_i = 0.3
vector q_i = 0.1
const h_i = 1/(i+1)
"""
STARTS = ("0", "1/(i+k+1)", "exp((k-i)/L)", "0.5", "(k+1)/(i+1)", "cos(k)")
MORE = ("", "", "scalar a_<i,i-1> = 1\n", "scalar a_<i,0> = 2\n")
PRE = ("ln", "rmsnorm > linear(2*c) > gelu", "linear(c) > tanh")
NORMS = {"tokens": ("ln", "rmsnorm", "linear(c)"), "vector": ("ln", "linear(c)"),
         "image": ("bn", "conv(1, c)", "relu")}  # fmt: skip
#: What one member is multiplied by, and what it is.
WEIGHTS = (
    *("a_<i,k>*", "u_k*", "h_k*", "", "0.5^k*", "tanh(a_<i,k>)*", "(a_<i,k> + g_i)*"),
    *("A_<i,k>(X_<i-1>)*", "(a_<i,k> + A_<i,k>(X_<i-1>))*", "g_i*a_<i,k>^2*"),
    *("softmax(k, dot(q_i, {m}))*", "softmax(k, a_<i,k>)*", "sigmoid(a_<i,k>)*"),
    *("softmax(k, dot(N_i*X_<i-1>, {m}))*", "softmax(k, dot(q_i, N_i*{m}))*"),
)
MEMBERS = (
    "X_k",
    "Y_k",
    "N_i*X_k",
    "tanh(X_k)",
    "D_k*X_k",
    "N_i*D_k*X_k",
    "relu(N_i*Y_k)",
)
EQUATIONS = (
    "X_i = X_<i-1> + T_i*{sum}",
    "X_i = T_i*{sum}",
    "X_i = T_i*X_<i-1> + {sum}",
    "X_i = {sum} - 0.5*{other} + T_i*X_<i-1>",
    "X_i = T_i*({sum} + X_<i-1>) + X_<i-1>",
    "X_i = relu({sum})*sigmoid(T_i*X_<i-1>)",
    "Z_i = {sum}\nX_i = Z_i + T_i*Z_i",
)
OUTPUTS = ("X_L", "X_L + X_<L-1>", "sum(k, 0, L, u_k*X_k)", "mean(X_<0..L>)")


def files(random: Random) -> str:
    """A file; `Y_i`, if it has one, is made in front of its sums."""
    layout = random.choice([*FRAMES])
    stages = random.choice(STAGES)
    if layout == "image":
        stages = stages.replace("8 x 2", "8 x 2 / 2")
    text = FRAMES[layout].format(
        stages=stages, t=random.choice(PRE), n=random.choice(NORMS[layout])
    )
    if random.random() < 0.2:
        text += "scope stage\n"
    text += NUMBERS.format(start=random.choice(STARTS), more=random.choice(MORE))
    own = random.random() < 0.4
    made = random.choice(EQUATIONS).format(
        sum=_sum(random, own), other=_sum(random, own)
    )
    if own:
        text += (
            f"Y_i = {random.choice(('D_i*X_<i-1>', 'tanh(X_<i-1>)', 'T_i*X_<i-1>'))}\n"
        )
    return f"{text}{made}\noutput {random.choice(OUTPUTS)}\n"


def _sum(random: Random, own: bool) -> str:
    members = MEMBERS if own else [m for m in MEMBERS if "Y" not in m]
    member = random.choice(members)
    weight = random.choice(WEIGHTS).format(m=member)
    first, last = ("1", "i") if "Y_k" in member else ("0", "i-1")
    if "Y_k" not in member and random.random() < 0.2:
        first = "1"
    by = ", by=stage" if random.random() < 0.2 else ""
    return f"sum(k, {first}, {last}, {weight}{member}{by})"
