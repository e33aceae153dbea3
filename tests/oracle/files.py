"""Random formula files: what the searches of tests/oracle draw from.

A file has a frame (vectors, or small images whose normalisations show a module that runs
twice), operators, one to three unknowns, boundary equations and an output. All that the
language has for a history, an index and a coefficient may turn up in any place where it
may stand. Simple choices come first in every list, so that examples shrink to them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

UNARY = ("relu", "tanh", "sigmoid", "silu", "gelu")
JOINS = ("max", "min", "mean", "sum")
NUMBERS = (
    "0.5",
    "p_i",
    "g",
    "a_i",
    "i/L",
    "sqrt(i/L)",
    "(1-p_i)",
    "p_<i-1>",
    "(-1)^i",
    "h_i",
    "tanh(g)",
    "1/(i+1)",
    "1/(j+1)",
    "m",
)
DECLARED = """\
scalar p_i = 0.4
scalar q_i = 0.6/(i + 1)
scalar g = 0.7
scalar h_i = 0.6 - 0.2*i/L per channel
const a_i = 1/(i+2)
"""

#: Operators of vectors, which are quick; C takes what `concat` makes, S is shared, B takes
#: two tensors.
OF_VECTORS = """\
W = linear(c) > tanh
U = linear(c)
G = linear(c) > sigmoid
C = linear(c)
S = linear(c) > tanh
Q(x) = x*sigmoid(A*x) where A = linear(cin)
B = bilinear(c) > tanh
"""
OF_IMAGES = """\
W = conv(1, c, stride=s) > bn > tanh
U = conv(1, c, stride=s) > bn
G = conv(1, c, stride=s) > bn > sigmoid
C = conv(1, c, stride=s) > bn
S = conv(1, c, stride=s) > bn
Q(x) = x*sigmoid(A*x) where A = conv(1, cin) > bn
"""


#: Further inputs of networks of vectors, and of those of images, with operators of theirs;
#: and the terms with them, of which those with an `e` are for stages of one shape.
CONTEXTS = (
    "input t = 5\ninput e = 3\nV = linear(c)\nT = linear(5) > tanh\n",
    "input t = 2 x 4 x 4\ninput e = 3\n"
    "V = conv(1, c, stride=s) > bn\nT = conv(1, 2) > tanh\n",
)
OF_CONTEXTS = (
    "V_i*t",
    "V_<i-1>*t",
    "V_i*T*t",
    "V_i*(0.5*t)",
    "V_i*tanh(t)",
    "V_i*(T*t + t)",
)
OF_ONE_SHAPE = ("e", "tanh(e)", "0.5*e", "p_i*e", "e*e", "(e + V_i*t)")


@dataclass(frozen=True)
class Frame:
    """What a file has before its equations.

    Attributes:
        text: statements.
        depth: the number of blocks that an index runs through at least.
        stages: how many there are.
        restarts: whether the index starts anew in each.
        grid: whether tensors are images.
    """

    text: str
    depth: int
    stages: int = 1
    restarts: bool = False
    grid: bool = False


@st.composite
def frames(
    draw: st.DrawFn, least: int, most: int, *, staged: bool, images: bool
) -> Frame:
    """Frames of this many blocks."""
    depth = draw(st.integers(least, most))
    grid = images and draw(st.booleans())
    lines = [
        "input 2 x 4 x 4\nstem conv(1, 3) > bn\nhead none\n"
        if grid
        else "input 3\nstem none\nhead none\n"
    ]
    if not staged:
        lines.append(f"stages 3 x {depth}\nconst m = 0.5 per stage\n")
        text = "".join([*lines, OF_IMAGES if grid else OF_VECTORS])
        return Frame(text, depth, grid=grid)
    second = draw(st.integers(1, most))
    stages = [f"3 x {depth}", f"4 x {second}" + (" / 2" if grid else "")]
    if draw(st.integers(0, 3)) == 0:
        stages.append(f"5 x {draw(st.integers(1, 3))}" + (" / 2" if grid else ""))
    lines.append(f"stages {', '.join(stages)}\n")
    restarts = draw(st.booleans())
    numbers = ("0.5", "0.5" if restarts else "0.7", "0.5" if restarts else "0.3")
    lines.append(f"const m = ({', '.join(numbers[: len(stages)])}) per stage\n")
    if restarts:
        lines.append("scope stage\n")
        depth = min(int(stage.split()[2]) for stage in stages)
    if grid and draw(st.booleans()):
        lines.append("adapter conv(1, c, stride=s)\n")
    lines.append(OF_IMAGES if grid else OF_VECTORS)
    return Frame("".join(lines), depth, len(stages), restarts, grid)


@dataclass
class Writer:
    """Writes the equations of one file.

    Attributes:
        draw: Hypothesis's.
        unknowns: their names.
        order: the oldest lag.
        histories: of ten terms, how many are histories.
        fixed: the last block with an equation for a range that starts at 1: blocks up to
            there may be read everywhere by their numbers.
        current: unknowns that the block has already made.
        pairs: whether there is an operator of two tensors.
        inputs: the further inputs, and what all blocks make of them.
    """

    draw: st.DrawFn
    unknowns: list[str]
    order: int
    histories: int = 1
    fixed: int = 0
    current: list[str] = field(default_factory=list)
    pairs: bool = False
    inputs: tuple[str, ...] = ()

    def one(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def often(self, times: int) -> bool:
        """True once in so many times."""
        return self.draw(st.integers(0, times - 1)) == times - 1

    def state(self) -> str:
        """What some block made, of some unknown."""
        if self.current and self.draw(st.booleans()):
            return f"{self.one(*self.current)}_i"
        lag = self.draw(st.integers(1, self.order))
        return f"{self.one(*self.unknowns)}_<i-{lag}>"

    def known(self) -> str:
        """What the start or a block of a fixed number made."""
        if self.inputs and self.draw(st.booleans()):
            return self.one(*self.inputs)
        if self.fixed and self.draw(st.booleans()):
            return f"X_{self.draw(st.integers(1, self.fixed))}"
        return self.one(*(f"{name}_0" for name in self.unknowns), "input")

    def history(self) -> str:
        """All, or all but the first or the last, that the blocks so far made."""
        kind = self.one(*JOINS, "concat")
        kinds = ["plain", "plain", "plain", "more", "body", "window"]
        form = self.one(*kinds)
        name = self.one(*self.unknowns)
        first = self.draw(st.integers(0, 2))
        last = f"i-{self.draw(st.integers(1, 2))}"
        if self.current and self.often(3):
            name, last = self.one(*self.current), "i"
        if form == "window":
            lag = self.draw(st.integers(1, self.order))
            return (
                f"sum(k, 1, {lag}, {self.one('0.5', 'q_k', 'W_<i-k>')}*{name}_<i-k-1>)"
            )
        elif form == "body":
            first = max(first, 1)
            kind = "sum"
            body = self.one(
                f"0.5*{name}_k", "U_k*X_<k-1>", f"tanh({name}_k)", f"p_k*{name}_k"
            )
            text = f"sum(k, {first}, i-1, {body})"
        else:
            more = f", {self.state()}" if form == "more" else ""
            if kind in ("mean", "sum"):
                more = ""
            text = f"{kind}({name}_<{first}..{last}>{more})"
        return f"C_i*{text}" if kind == "concat" else text

    def applied(self, depth: int) -> str:
        """An operator on something: of this block, of an older one, or of all."""
        argument = self.state() if not depth else self.tensor(depth - 1)
        form = self.one("own", "own", "own", "older", "new", "shared", "twice")
        letter = self.one("W", "U", "G")
        if form == "older":
            lag = self.draw(st.integers(1, 2))
            return f"{letter}_<i-{lag}>*{self.one(*self.unknowns)}_<i-{lag + 1}>"
        if form == "new":
            return f"{letter}_<i-{self.draw(st.integers(1, 2))}>*{self.state()}"
        if form == "shared":
            return f"S*({argument})"
        if form == "twice":
            return f"{letter}_i*{letter}_i*({argument})"
        if self.often(6):
            letter = "Q"
        if self.pairs and self.often(4):
            return self.pair(argument)
        return f"{letter}_i*({argument})"

    def pair(self, argument: str) -> str:
        """An operator of two tensors, in this order or the other way round."""
        other = self.one(self.state(), "X_0", "input", f"tanh({self.state()})")
        given = self.one(f"{argument}, {other}", f"{other}, {argument}")
        return self.one("B_i", "B_i", "B_<i-1>", "B") + f"({given})"

    def tensor(self, depth: int = 2) -> str:
        """Any expression."""
        kinds = ["state", "state", "applied", "applied", "known", "scaled"]
        if depth:
            kinds += ["function", "product", "joined", "sum", "history"]
        kinds += ["history"] * self.histories
        kind = self.one(*kinds)
        deeper = max(depth - 1, 0)
        if kind == "state":
            return self.state()
        if kind == "applied":
            return self.applied(depth)
        if kind == "known":
            return self.known()
        if kind == "scaled":
            return f"{self.one(*NUMBERS)}*{self.state()}"
        if kind == "function":
            return f"{self.one(*UNARY)}({self.tensor(deeper)})"
        if kind == "product":
            return f"tanh({self.tensor(deeper)})*{self.one('', 'tanh')}({self.state()})"
        if kind == "joined":
            join = self.one("max", "min", "mean")
            return f"{join}({self.tensor(deeper)}, {self.tensor(deeper)})"
        if kind == "sum":
            return f"({self.tensor(deeper)} + {self.tensor(deeper)})"
        return self.history()

    def equation(self, depth: int = 2) -> str:
        """A right side that every block can compute."""
        name = self.one(*self.unknowns)
        base = self.one("W_i*{}_<i-1>", "{}_<i-1> + W_i*{}_<i-1>", "relu(W_i*{}_<i-1>)")
        terms = [base.format(name, name)]
        for _ in range(self.draw(st.integers(1, 3))):
            sign = self.one("+", "-")
            term = self.tensor(depth)
            if self.often(5):
                terms = [f"{term} {sign} {terms[0]}", *terms[1:]]
            else:
                terms.append(f"{sign} {term}")
        if self.often(12):
            terms.append("+ " + self.one("0.5", "h_i", "g"))
        return " ".join(terms)

    def boundaries(self, frame: Frame) -> list[str]:
        """Equations for the start, for one block, and for several."""
        first, last = self.unknowns[0], self.unknowns[-1]
        found = []
        if last != first and self.often(3):
            found.append(
                f"{last}_0 = "
                + self.one("0", "0.5*input", "W_0*input", "U_0*input + input")
            )
        if self.often(5):
            found.append(self.one(f"{first}_<-1> = 0.5*input", "W_0*X_<-1> = 0.5*X_0"))
        if self.fixed:
            return [*found, f"{first}_<1..{self.fixed}> = W_i*{first}_<i-1> + X_0"]
        if self.often(5):
            found.append(f"{first}_1 = W_1*{first}_0 + {last}_0")
        elif frame.stages > 1 and self.often(3):
            return [*found, f"{first}_<first> = U_<first>*{first}_<first-1>"]
        if frame.depth > 2 and self.often(5):
            start = self.draw(st.integers(2, frame.depth - 1))
            end = self.draw(st.integers(start, min(frame.depth, start + 4)))
            older = self.one("X_0", "W_i*X_<i-2>", f"{first}_<i-1>", "(i/L)*X_0/j")
            found.append(f"{first}_<{start}..{end}> = U_i*{first}_<i-1> + {older}")
        return found

    def output(self, depth: int) -> str:
        last = self.unknowns[-1]
        forms = [f"{last}_L", f"{last}_L + {self.unknowns[0]}_L"]
        kind = self.one(*JOINS, "concat")
        start = self.draw(st.integers(0, min(2, depth)))
        forms += [f"{kind}({last}_<{start}..L>)"] * self.histories
        if depth > 1:
            forms += [f"{last}_L - 0.5*{last}_<L-1>", f"tanh({last}_<L-1>) + {last}_L"]
        if len(self.unknowns) > 1:
            forms.append(f"concat({self.unknowns[0]}_L, {last}_L)")
        return self.one(*forms)


@st.composite
def recurrences(
    draw: st.DrawFn,
    least: int = 1,
    most: int = 7,
    *,
    histories: int = 1,
    staged: bool | None = None,
    images: bool = True,
    inputs: bool = False,
) -> str:
    """A file of one to three equations.

    Args:
        draw: Hypothesis's.
        least: the smallest number of blocks (of the first stage).
        most: the largest one (of a stage).
        histories: how often a term is a history; 0 for never.
        staged: whether there are several stages; None for now and then.
        images: whether there may be images rather than vectors.
        inputs: whether there is a further input, and one more for good measure.
    """
    if staged is None:
        staged = draw(st.integers(0, 3)) == 3
    frame = draw(frames(least, most, staged=staged, images=images))
    unknowns = list("XYZ")[: draw(st.sampled_from((1, 1, 2, 2, 3)))]
    writer = Writer(draw, unknowns, draw(st.sampled_from((1, 2, 2, 3, 4))), histories)
    writer.pairs = not frame.grid
    if inputs:
        writer.inputs = OF_CONTEXTS + OF_ONE_SHAPE * (frame.stages == 1)
    if len(unknowns) == 1 and frame.depth > 2 and writer.often(5):
        writer.fixed = draw(st.integers(1, 2))
    lines = [frame.text, DECLARED, CONTEXTS[frame.grid] * inputs]
    for name in unknowns:
        lines.append(f"{name}_i = {writer.equation()}\n")
        writer.current.append(name)
    writer.current.clear()
    lines += [f"{line}\n" for line in writer.boundaries(frame)]
    lines.append(f"output {writer.output(frame.depth)}\n")
    return "".join(lines)


@st.composite
def split_starts(draw: st.DrawFn, least: int = 1, most: int = 7) -> str:
    """Two unknowns that start with the halves of the input."""
    frame = (
        f"input 4\nstem none\nhead none\nstages 2 x {draw(st.integers(least, most))}\n"
        "const m = 0.5 per stage\n"
        f"{OF_VECTORS}{DECLARED}"
    )
    writer = Writer(draw, ["X", "Y"], 2)
    lines = [frame, f"X_i = {writer.equation(1)}\n"]
    writer.current.append("X")
    lines.append(f"Y_i = {writer.equation(1)}\n")
    lines.append("X_0, Y_0 = split(input, 2)\n")
    lines.append(f"output {writer.one('concat(X_L, Y_L)', 'X_L + Y_L', 'Y_L')}\n")
    return "".join(lines)


@st.composite
def timed(draw: st.DrawFn, least: int = 1, most: int = 6) -> str:
    """Files with a second index."""
    frame = draw(frames(least, most, staged=False, images=True))
    writer = Writer(draw, ["X"], 1)
    terms = [writer.one("W_i*X_<i-1,t>", "X_<i-1,t> + W_i*X_<i-1,t>")]
    for _ in range(draw(st.integers(1, 3))):
        number = writer.one("", "0.5*", "p_i*", "b_t*", "(i/L)*", "d_<i,t>*")
        operator = writer.one("", "U_i*", "G_<i,t>*", "U_i*", "C_t*")
        tensor = writer.one(
            "X_<i,t-1>",
            "X_<i-1,t-1>",
            "X_<i-2,t>",
            "X_<i-2,t-1>",
            "tanh(X_<i,t-1>)",
            "X_<0,t>",
            "(X_<i,t-1> + X_<i-1,t>)",
            "max(X_<i-1,t>, X_<i,t-1>)",
            "max(X_<0..i-1,t>)",
            "sum(X_<1..i-1,t>)",
        )
        terms.append(f"{writer.one('+', '-')} {number}{operator}{tensor}")
    lines = [
        frame.text,
        DECLARED,
        "scalar b_t = 0.3\nscalar d_<i,t> = 0.2\n",
        f"times {draw(st.integers(1, 3))}\n",
        f"X_<i,t> = {' '.join(terms)}\n",
    ]
    if writer.often(4):
        lines.append("X_<i,1> = X_<i-1,1> + W_i*X_<i-1,1>\n")
    if writer.often(4):
        lines.append("X_<i,0> = X_<i-1,0>\n")
    output = writer.one(
        "X_<L,T>", "mean(X_<L,1..T>)", "concat(X_<L,1..T>)", "sum(X_<L,1..T>)"
    )
    lines.append(f"output {output}\n")
    return "".join(lines)
