"""Files with coefficients of any functions of learned numbers, of blocks and of members."""

from __future__ import annotations

from random import Random

FRAMES = (
    *(
        "input 4\nstem none\nhead none\nstages 4 x 4\nW = linear(c)\nP = linear(1)\n"
        "G = linear(c)",
    )
    * 2,
    "input 5 x 4\nstem none\nhead none\nstages 4 x 4\nW = linear(c)\nP = avgpool\n"
    "G = linear(c)",
    "input 3 x 6 x 6\nstem conv(3, c)\nhead avgpool > linear(3)\nstages 4 x 3, 6 x 2 / 2\n"
    "W = conv(3, c, stride=s)\nP = avgpool > linear(c)\nG = conv(1, c, stride=s)",
)
NUMBERS = """ > sigmoid
scalar a = 2.5
scalar b_i = i + 1
scalar d_i = 0
vector v_i = 0.7
vector w = 0.3
const h_i = 1/(i+1)
const m_i = sin(pi*i/3)
scalar u_<i,k> = 1/(i+k+1)
"""
FUNCTIONS = (
    *("sqrt", "exp", "log", "abs", "sin", "cos", "tanh", "sigmoid", "softplus", "relu"),
    *("floor", "ceil"),
)
LEAVES = (
    *("a", "b_i - 3", "1 + v_i^2", "b_<i-1> + 1", "d_i*i", "w", "v_i", "h_i", "m_i"),
    *("i/L", "w*v_i - a", "h_<i-1>", "d_i"),
)
POWERS = ("(1/2)", "(-1/2)", "(1/3)", "(-3/2)", "-1", "-2", "2", "3")
EQUATIONS = (
    "X_i = W_i*X_<i-1> + {0}*X_<i-1>",
    "X_i = {0} + W_i*X_<i-1>",
    "X_i = W_i*({0}*X_<i-1> + {1}) - {1}*X_<i-2>",
    "X_i = relu({0} + W_i*X_<i-1>) + X_<i-1>/({1})",
    "X_i = X_<i-1>*({0} + G_i*X_<i-1>)^{2} + W_i*X_<i-1>",
    "X_i = W_i*X_<i-1> + sum(k, 0, i-1, {0}*X_k)",
    "X_i = W_i*X_<i-1> + sum(k, 0, i-1, tanh(u_<i,k>*{0})*X_k)",
    "X_i = ({0} + {1}*W_i)*X_<i-1>",
    "D(x, r=2) = e*x + tanh(r*x)*f where scalar e = 0.5, scalar f = 1.5\n"
    "X_i = {0}*D_i*X_<i-1> + W_i*X_<i-1>",
    "X_i = exp({0})*tanh({1}*W_i*X_<i-1>) + X_<i-1>",
    "X_i = W_i*X_<i-1> + {0}*P_i*X_<i-1>",
    "X_i = W_i*X_<i-1>*sigmoid({0} + P_i*X_<i-1>) + {1}*X_<i-1>",
    "X_i = mean({0}*X_<i-1>, {1}*W_i*X_<i-1>) + X_<i-2>",
    "X_i = W_i*X_<i-1> + sum(k, 0, i-1, softmax(k, u_<i,k>*{0})*X_k)",
)


def files(random: Random) -> str:
    """A file; that a coefficient is no number somewhere is no fault of it."""
    made = [
        _number(random, 2),
        _number(random, 2),
        random.choice(("2", "3", "-1", "(1/2)")),
    ]
    equation = random.choice(EQUATIONS).format(*made)
    return f"{random.choice(FRAMES)}{NUMBERS}{equation}\n"


def _number(random: Random, depth: int) -> str:
    kind = random.random()
    if depth == 0 or kind < 0.15:
        return random.choice(LEAVES)
    first = _number(random, depth - 1)
    if kind < 0.5:
        return f"{random.choice(FUNCTIONS)}({first})"
    if kind < 0.7:
        return f"({first})^{random.choice(POWERS)}"
    if kind < 0.85:
        second = random.choice(("2", "i/3", _number(random, depth - 1)))
        return f"({first} {random.choice('+-*/')} {second})"
    second = random.choice(("1", "i/2", "0", _number(random, depth - 1)))
    return f"{random.choice(('max', 'min'))}({first}, {second})"
