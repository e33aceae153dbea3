"""Files in whose equations terms of all kinds meet, two or three at once.

Each kind says what it declares and what it is of a tensor, and keeps the shape of that: so
any of them may stand beside, in front of, or inside of any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Frame:
    """What stands around terms.

    Attributes:
        text: the input, the stem and the head.
        stages: of which one is drawn.
        same, one: operators that keep the shape, and that leave one number a position.
        gate: one that leaves a vector for the grid.
    """

    text: str
    stages: tuple[str, ...]
    same: tuple[str, ...]
    one: str
    gate: str

    def drawn(self, letter: str, random: Random) -> str:
        """The operator for which a letter stands."""
        return {"S": random.choice(self.same), "O": self.one, "G": self.gate}[letter]


FRAMES = (
    Frame(
        "input 3 x 4 x 6\nstem conv(3, c)\nhead avgpool > linear(3)",
        ("4 x 2", "6 x 5", "4 x 2, 6 x 2", "4 x 2, 6 x 3 / 2"),
        ("conv(3, c)", "conv(1, c) > bn", "bn > relu > conv(3, c)", "dwconv(3)"),
        "conv(1, 1)",
        "avgpool",
    ),
    Frame(
        "input 5 x 6\nstem linear(c)\nhead avgpool > linear(3)",
        ("5 x 2", "4 x 5", "4 x 2, 6 x 2"),
        ("linear(c)", "ln > linear(c)", "attention(1)", "rmsnorm > linear(c) > gelu"),
        "linear(1)",
        "avgpool",
    ),
    Frame(
        "input 7 of 9\nstem embed(c)\nhead ln > unembed",
        ("4 x 2", "4 x 6"),
        ("linear(c)", "ln > attention(2, causal=true)", "shift > linear(c)"),
        "linear(1)",
        "linear(c) > tanh",
    ),
    Frame(
        "input 5\nstem linear(c)\nhead linear(2)",
        ("5 x 1", "4 x 6", "6 x 11", "4 x 2, 6 x 2"),
        ("linear(c)", "ln > linear(c)", "rmsnorm > linear(c) > tanh"),
        "linear(1)",
        "linear(c) > sigmoid",
    ),
)
#: An unknown that begins with nothing.
LATE = "{a} = S\nV{a}_i = 0.9*V{a}_<i-1> + {a}_i*X_<i-1>\nV{a}_0 = 0"
#: What is declared, and what it makes of a tensor; operators have a letter of their own.
#: `S`, `O` and `G` stand for one that keeps the shape, for one number, for a gate.
KINDS = (
    ("{a} = S", "{a}_i*{x}"),
    ("{a} = S", "{a}*{x}"),
    ("{a} = S", "{a}_<i-1>*{x}"),
    ("{a} = S\n{b} = S", "{a}_i*{b}_i*{x}"),
    ("{a} = S\n{b} = S", "({a}_i - {b}_<i-1>)*{x}"),
    ("vector {n}_i = 0.5", "{n}_i*{x}"),
    ("vector {n} = 0.5", "{n}*{x}"),
    ("vector {n}_i = 0.5", "{n}_<i-1>*{x}"),
    ("vector {n}_i = 0.5", "sigmoid({n}_i + {x})"),
    ("scalar {n}_i = 1/(i+1)", "{n}_i*{x}"),
    ("scalar {n} = 0.4", "exp(-{n}^2)*{x}"),
    ("scalar {n}_i = 0.4", "(1 - {n}_<i-1>)*{x}"),
    ("const {n}_i = i/(L+1)", "{n}_i*{x}"),
    ("const {n} = 0.5", "{x}*{n} + {n}"),
    ("{a} = G", "{x}*sigmoid({a}_i*{x})"),
    ("{a} = G", "{x}*{a}*{x}"),
    ("{a} = G\nvector {n}_i = 0.5", "{x}*tanh({n}_i*{a}_i*{x})"),
    ("{a} = G\nvector {n} = 0.5", "{x}*tanh({n} + {a}_i*{x})"),
    ("{a} = O", "{x}*{a}_i*{x}"),
    ("{a} = O\nscalar {n}_i = 0.2", "{x}*sigmoid({n}_i + {a}_i*{x})"),
    ("{a}(x) = x + v*P*x where P = S, vector v = 0.3", "{a}_i*{x}"),
    ("{a}(x) = x*sigmoid(v + P*x) where P = G, vector v = 0.3", "{a}_i*{x}"),
    ("{a}(x) = concat(q, p) where p, q = split(P*x, 2), P = S", "{a}_i*{x}"),
    ("{a}(x, y) = x*tanh(P*y) where P = S", "{a}_i({x}, X_<i-1>)"),
    ("{a}(x, y) = P*x - e*y where P = S, scalar e = 0.1", "{a}_i(X_<i-2>, {x})"),
    (
        "{a}(x, n=2) = sum(k, 1, n, a_k*K_k*x) where K = S, scalar a_k = 0.5",
        "{a}_i*{x}",
    ),
    ("", "relu({x})"),
    ("", "max({x}, 0.1*{x})"),
    ("", "{x}/(1 + abs({x}))"),
    ("", "mean({x}, X_<i-2>)"),
    ("", "{x} - X_0"),
    ("", "{x} + mean(X_<0..i-1>)"),
    ("scalar {n}_<i,k> = 1/(i+k+1)", "({x} + sum(k, 0, i-1, {n}_<i,k>*X_k))"),
    ("{a} = O", "({x} + sum(k, 0, i-1, softmax(k, {a}_i*X_k)*X_k))"),
    ("vector {n}_i = 0.1", "({x} + sum(k, 0, i-1, softmax(k, dot({n}_i, X_k))*X_k))"),
    ("{a} = S", "({x} + max(X_<0..i-1>))"),
    ("{a} = S\nZ{a}_i = tanh({a}_i*X_<i-1>)", "({x} + Z{a}_i)"),
    ("{a} = S\nZ{a}_i = {a}_i*X_<i-1> + 0.5*Z{a}_<i-1>", "({x} - Z{a}_i)"),
    ("{a} = S\n{b} = O\nZ{a}_i = {a}_i*X_<i-1>", "({x} + {b}_i*X_<i-2>*Z{a}_<i-1>)"),
    (LATE, "({x} + V{a}_<i-1>)"),
    (LATE, "(0.5 + V{a}_<i-1>)^2*{x}"),
    (LATE, "{x}*tanh(V{a}_i)"),
    (f"{LATE}\n{{b}} = S", "{b}_i*(X_<i-1> + V{a}_<i-1>*{x})"),
    (f"{LATE}\nvector {{n}}_i = 0.3", "({n}_i + V{a}_<i-1>)*{x}"),
    (f"{LATE}\nscalar {{n}}_i = 0.3", "max({x}, {n}_i*V{a}_<i-1>)"),
    ("input e{a} = {width}", "{x}*tanh(e{a})"),
    ("{a} = S > droppath(0.1*i/L)", "{a}_i*{x}"),
    ("const {n} = ({blocks}) per block", "{n}*{x}"),
    ("const {n} = (2, 3) per stage\n{a} = S", "{a}_i*{x}/{n}"),
    ("{a} = S\nvector {n}_i = 0.5", "({n}_i*{a}_i + 1 - {n}_i)*{x}"),
    ("{a} = S\n{b} = S", "{a}_i*({b}_i*{x} + {b}_<i-1>*X_<i-2>)"),
    ("{a} = S\nY{a}_i, Z{a}_i = split({a}_i*X_<i-1>, 2)", "concat(Z{a}_i, Y{a}_i)*{x}"),
    ("scalar {n}_<i,k> = i - k", "({x} + sum(k, 0, i-1, tanh({n}_<i,k>)*X_k))"),
    ("{a} = S", "({x} + sum(k, 0, i-1, {a}_i*X_k))"),
    ("{a} = S", "({x} - sum(k, 1, i-1, {a}_k*X_<k-1>))"),
    ("", "norm({x})*{x}"),
    ("", "(0.1*{x} + 1)^2"),
    ("vector {n}_i = 0.3", "dot({n}_i, {x})*{x}"),
)
OUTPUTS = (
    *("output X_L",) * 3,
    "output v_L*X_L\nvector v_i = 1",
    "output mean(X_<1..L>)",
    "output w*X_L + X_0\nvector w = 0.5",
)
#: What else a file may say, of some blocks or of all.
BESIDE = (
    *("",) * 6,
    "E = S\nX_1 = X_0 - E_1*X_0",
    "E = S\nX_<2..3> = X_<i-1> + E_i*X_<i-1>",
    "E = S\nX_<L-1..L> = X_<i-1> + E_i*X_<i-1>",
    "E = S\nX_<1..2> = 0.5*X_<i-1> + E*X_<i-1>",
    "vector z_i = 0.2\nX_<2..L> = z_i*X_<i-1> + z_<i-1>*X_<i-2>",
    "E = S\nX_0 = input + E*input",
    "E = S\nX_0 = E_0*input",
    "vector z = 0.2\nX_0 = z*input",
    'names head = "h.fc", stages = "s{}"',
    'names stem = "."',
    "memory lean",
)
STANDS = re.compile(r"\b[SOG]\b")
FIRST = ("X_<i-1>", "X_<i-1>", "X_<i-1>", "X_<i-2>", "(X_<i-1> + X_<i-2>)")


def files(random: Random) -> str:
    """A file with one to three kinds of terms in a sum or in each other."""
    frame, count = random.choice(FRAMES), random.choice((1, 2, 2, 2, 3, 3))
    stages = random.choice(frame.stages)
    blocks = sum(int(row.split()[2]) for row in stages.split(", "))
    lines = [frame.text, f"stages {stages}"]
    if random.random() < 0.15 and "," in stages:
        lines.append("scope stage")
    terms: list[str] = []
    for number in range(count):
        declared, made = random.choice(KINDS)
        inside = terms and random.random() < 0.5
        x = f"({terms.pop()})" if inside else random.choice(FIRST)
        names = {"a": "ABC"[number], "b": "PQR"[number], "n": "nmu"[number]}
        values = ", ".join(str(k / 4) for k in range(blocks))
        text = declared.format(width=stages.split()[0], blocks=values, **names)
        if text:
            lines.append(STANDS.sub(lambda found: frame.drawn(found[0], random), text))
        terms.append(made.format(x=x, **names))
    signs = [random.choice((" + ", " - ")) for _ in terms]
    right = "".join(map("".join, zip(signs, terms, strict=True)))
    keep = random.choice(("X_<i-1>", "0.5*X_<i-1>", "X_<i-2>"))
    lines.append(f"X_i = {keep}{right}")
    for more in (random.choice(OUTPUTS), random.choice(BESIDE)):
        lines.append(STANDS.sub(lambda found: frame.drawn(found[0], random), more))
    return "\n".join(filter(None, lines)) + "\n"
