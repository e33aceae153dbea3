"""Causal files of tokens and ids, that may go on position by position."""

from __future__ import annotations

from random import Random

FRAMES = (
    "input 7 x 3\nstem linear(c)\nhead linear(2)\n",
    "input 7 x 3\nstem linear(c) > positions\nhead none\n",
    "input 7 of 5\nstem embed(c) > positions\nhead ln > linear(5)\n",
    "input 7 of 5\nstem embed(c)\nhead ln > unembed(stem)\n",
)
STAGES = ("8 x 1", "8 x 3", "8 x 2, 12 x 2", "8 x 1, 4 x 1, 8 x 2")
#: The head that has the stem's weight wants its width at the end.
SAME = ("8 x 1", "8 x 3", "8 x 2, 8 x 2")
HEADS = (1, 2, 4)
WINDOWS = ("", ", window=1", ", window=3", ", window=9")
MORE = (
    "",
    "",
    ", rotary=10000",
    ", rotary=9, turned=2",
    ", rotary=9, turned=2*(i - 1)",
    ", softcap=5",
    ", sinks=true",
    ", sinks=true, softcap=5, rotary=9",
    ", qknorm=true",
)
OTHERS = (
    *("linear(c)", "ln > linear(2*c) > gelu > linear(c)", "shift > linear(c)"),
    *("conv1d(3, c, causal=true)", "conv1d(2, c, dilation=i, causal=true) > tanh"),
    *("rmsnorm > linear(c) > dropout(0.1)", "positions > linear(c)"),
    *("rmsnorm > experts(3, 2, 5)", "linear(c) > rotary(2, 9, last=true, turned=2)"),
    "linear(c) > rotary(1, adjacent=true, factor=4, length=9)",
)
EQUATIONS = (
    "X_i = X_<i-1> + A_i*X_<i-1>",
    "X_i = X_<i-1> + A_i*X_<i-1> + B_i*X_<i-1>",
    "Y_i = X_<i-1> + A_i*X_<i-1>\nX_i = Y_i + B_i*Y_i\noutput X_L",
    "X_i = A_i*X_<i-1> - 0.5*B_i*X_<i-2> + X_<i-3>",
    "X_i = X_<i-1> + A_i*X_<i-1> - A_<i-1>*X_<i-2>",
    "X_i = X_<i-1> + a_i*A_i*(X_<i-1> + X_0)",
    "X_i = X_<i-2> + A_i*B_i*X_<i-1>",
    "X_i = A_i*X_<i-1> + sum(k, 0, i-1, 0.5^k*X_k)",
    "X_i = X_<i-1> + shift(A_i*X_<i-1>)*sigmoid(B_i*X_<i-1>)",
    "X_i = B_i*mean(X_<0..i-1>) + A_i*X_<i-1>",
    "X_i = X_<i-1> + (1 + A_i)*B_i*X_<i-1>",
    "X_i = X_<i-1> + D_i(B_i*X_<i-1>, K_i*X_<i-1>, K_i*X_0)",
    "H_<i,t> = sigmoid(C_i*X_<i-1,t>)*H_<i,t-1> + A_i*X_<i-1,t>\n"
    "X_<i,t> = X_<i-1,t> + H_<i,t>\noutput X_L",
    "H_<i,t> = tanh(C_i*H_<i,t-1> + A_i*X_<i-1,t>) - 0.5*H_<i,t-2>\n"
    "X_<i,t> = X_<i-1,t> + B_i*H_<i,t>\noutput X_L",
)


def files(random: Random) -> str:
    """A file; its attention has heads, keys shared by some of them, and windows."""
    frame, equation = random.choice(FRAMES), random.choice(EQUATIONS)
    stages = random.choice(SAME if "unembed" in frame else STAGES)
    text = f"{frame}stages {stages}\n"
    if "_<i,t>" in equation:
        text += "times positions\n"
    elif random.random() < 0.2:
        text += "scope stage\n"
    heads = random.choice(HEADS)
    kept = random.choice([number for number in HEADS if number <= heads])
    bias = random.choice(("", ", bias=false"))
    attention = f"{random.choice(('', 'ln > '))}attention({heads}, causal=true{bias})"
    text += f"A = {random.choice((attention, f'{attention} > linear(c)'))}\n"
    text += f"B = {random.choice((*OTHERS, attention))}\nC = linear(c)\n"
    if "D_i" in equation:
        more = random.choice(WINDOWS) + random.choice(MORE)
        text += f"K = linear({kept}*c/{heads})\n"
        text += f"D = attend({heads}, {kept}, causal=true{more}) > linear(c)\n"
    return f"{text}scalar a_i = 0.5\n{equation}\n"
