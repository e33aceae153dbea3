"""Random files whose blocks weigh what earlier blocks made: sums over depth."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

VECTORS = """\
input 4
stem none
head none
W = linear(c) > tanh
U = linear(c)
N = ln
S = linear(c) > tanh
B = bilinear
C = linear(i)
D = linear(max(i-1, 1))
"""
TOKENS = VECTORS.replace("input 4", "input 3 x 4")
IMAGES = """\
input 3 x 4 x 4
stem conv(1, 4) > bn
head none
W = conv(1, c) > bn > tanh
U = conv(1, c) > bn
N = ln
S = conv(1, c)
C = conv(1, i)
D = conv(1, max(i-1, 1))
"""
DECLARED = """\
scalar p_i = 0.4
scalar a_<i,k> = 1/(i+k+1)
scalar a_<i,i-1> = 0.5
scalar b_<i,k> = 0.2
vector q_i = 0.3
vector r = 0.2
"""


@dataclass
class Sums:
    """Writes sums over depth.

    Attributes:
        draw: Hypothesis's.
        names: unknowns whose histories are read.
        by_stage: whether a sum may go by stages.
        pairs: whether there is an operator of two inputs.
    """

    draw: st.DrawFn
    names: tuple[str, ...]
    by_stage: bool
    pairs: bool

    def one(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def member(self, norm: str = "N_i") -> str:
        """What a block made, or what this block makes of it."""
        name, newest = self.one(*self.names), f"{self.names[0]}_<i-1>"
        return self.one(
            f"{name}_k",
            f"{norm}*{name}_k",
            f"W_i*{name}_k",
            f"S*{name}_k",
            f"tanh({name}_k)",
            *(
                [f"B_i({name}_k, {newest})", f"B_i({newest}, W_i*{name}_k)"]
                * self.pairs
            ),
        )

    def score(self) -> str:
        other = f"{self.names[0]}_<i-1>"
        return self.one(
            f"dot(q_i, {self.member()})",
            f"dot(r, {self.member()})",
            f"dot(W_i*{other}, {self.member()})",
            f"-norm({other} - {self.member()})",
            self.member(),
        )

    def dealt(self, count: str) -> str:
        """The features of a tensor of the block, one for each member."""
        operator = {"i": "C", "i-1": "D"}[count]
        other = f"{self.names[0]}_<i-1>"
        return f"{operator}_<i,k>({self.one(other, f'W_i*{other}')})"

    def body(self, weights: str, count: str = "") -> str:
        forms = [
            f"softmax(k, {self.score()})*{self.member()}",
            f"sigmoid({self.score()})*{self.member()}",
            f"exp(tanh({self.score()}))*{self.member()}",
            f"p_i*tanh({self.member()} - {self.names[0]}_<i-1>)",
            f"{self.member()}/(1 + exp({self.member()}))",
        ]
        if weights:
            forms += [
                f"{weights}*{self.member()}",
                f"sigmoid({weights})*{self.member()}",
                f"p_i*{weights}*{self.member()}",
                f"U_i*({weights}*{self.member()})",
                f"({weights}*{self.member()} + {self.member()})",
                f"{weights}*softmax(k, {self.score()})*{self.member()}",
            ]
        if weights and count:
            dealt = self.dealt(count)
            forms += [
                f"{dealt}*{self.member()}",
                f"({weights} - {dealt})*{self.member()}",
                f"p_i*softmax(k, {dealt})*{self.member()}",
                f"tanh({dealt})*{self.member()}*{dealt}",
                f"exp({dealt} - {dealt}/2)*{self.member()}",
            ]
        return self.one(*forms)

    def sum(self, last: str, first: int, weights: str, count: str = "") -> str:
        by = ", by=stage" if self.by_stage and self.draw(st.booleans()) else ""
        body = self.body("" if by else weights, count)
        return f"sum(k, {first}, {last}, {body}{by})"


@st.composite
def sums(draw: st.DrawFn, least: int = 1, most: int = 8) -> str:
    """A file of one or two equations, with sums over depth."""
    frame = draw(st.sampled_from((VECTORS, TOKENS, IMAGES)))
    counts = [draw(st.integers(least, most)) for _ in range(draw(st.integers(1, 3)))]
    scope = draw(st.sampled_from(("network", "network", "stage")))
    stages = ", ".join(f"4 x {count}" for count in counts)
    lines = [frame, f"scope {scope}\nstages {stages}\ntransition none\n", DECLARED]
    writer = Sums(draw, ("X",), scope == "network", frame is not IMAGES)
    first = draw(st.integers(0, 1))
    count = "i-1" if first else "i"
    terms = ["W_i*X_<i-1>", writer.sum("i-1", first, "a_<i,k>", count)]
    if draw(st.booleans()):
        terms.append(writer.sum("i-2", 0, "b_<i,k>"))
    lines.append(f"X_i = {' + '.join(terms)}\n")
    last = "X"
    if draw(st.booleans()):
        writer.names = ("X", "Y")
        end = draw(st.sampled_from(("i", "i-1")))
        writer.names = ("X",) if end == "i" else ("X", "Y")
        weighed = writer.sum(end, 0, "")
        lines.append(f"Y_i = U_i*X_i + {weighed}\n")
        last = "Y"
        if draw(st.booleans()):
            lines.append("Y_0 = 0.5*input\n")
    if draw(st.booleans()) and len(counts) > 1 and scope == "network":
        lines.append("X_<first> = U_<first>*X_<first-1>\n")
    outputs = [f"{last}_L", f"{last}_L + X_L"]
    outputs += [f"sum(k, 0, L, {body})" for body in ("X_k", "tanh(X_k)", "S*X_k")]
    outputs.append("sum(k, 0, L, softmax(k, dot(r, X_k))*X_k)")
    outputs.append(f"{last}_L + sum(k, 1, L-1, softmax(k, X_k)*S*X_k)")
    lines.append(f"output {draw(st.sampled_from(outputs))}\n")
    return "".join(lines)


class Wide(Sums):
    """Sums whose members may be of stages with other shapes: no module of all blocks."""

    def member(self, norm: str = "N_i") -> str:
        """What a block made, or what this block makes of it."""
        name = self.one(*self.names)
        return self.one(f"{name}_k", f"{norm}*{name}_k", f"tanh({name}_k)")

    def score(self) -> str:
        return self.one(f"dot(q_i, {self.member()})", self.member())


@st.composite
def wide_sums(draw: st.DrawFn) -> str:
    """A file with sums over depth across stages of other widths and grids."""
    frame = draw(st.sampled_from((VECTORS, TOKENS, IMAGES)))
    widths = draw(st.sampled_from(((4, 6), (4, 6, 3), (6, 4, 6))))
    strides = [1] + [draw(st.integers(1, 2)) for _ in widths[1:]]
    if frame is not IMAGES:
        strides = [1] * len(widths)
    stages = ", ".join(
        f"{w} x {draw(st.integers(1, 3))} / {s}"
        for w, s in zip(widths, strides, strict=True)
    )
    frame = frame.replace("W = conv(1, c)", "W = conv(1, c, stride=s)")
    frame = frame.replace("U = conv(1, c)", "U = conv(1, c, stride=s)")
    adapter = draw(st.sampled_from(("", "adapter conv(1, c, stride=s)\n")))
    lines = [frame, f"stages {stages}\n", adapter * ("conv" in frame), DECLARED]
    writer = Wide(draw, ("X",), True, False)
    if draw(st.booleans()):
        lines.append(f"X_i = W_i*X_<i-1> + {writer.sum('i-1', 0, 'a_<i,k>')}\n")
        lines.append("output X_L\n")
    else:
        writer.names = ("Y",)
        end, weights = draw(st.sampled_from((("i", "b_<i,k>"), ("i-1", "a_<i,k>"))))
        lines.append("Y_i = W_i*X_<i-1>\n")
        lines.append(f"X_i = U_i*X_<i-1> + {writer.sum(end, 0, weights)}\n")
        lines.append("output X_L\n")
    return "".join(lines)
