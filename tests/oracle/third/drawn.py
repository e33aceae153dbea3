"""Random numbers of formulas as text, and files that have them wherever one may stand."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import assume
from hypothesis import strategies as st
from torch import nn

from tests.oracle.third import numbers
from tests.oracle.third.file import read
from tests.oracle.third.grammar import Unread, expression
from tests.oracle.third.network import Flow, Network
from tests.oracle.third.values import Place

# With larger ones floats lose digits in remainders.
LITERALS = (
    "1", "2", "3", "0.5", "7", "10", "0", "0.1", "1/3", ".25", "4.", "1e-3", "1.5e2", "12",
    "0.333", "2.5", "100", "1e-4", "3e2", "0.999", "6", "16", "0.2", "1e4", "8",
)  # fmt: skip
NAMES = ("i", "L", "j", "a", "b_i", "m", "n", "w", "pi", "e", "b_<i-1>", "d_i", "f")
#: In the equation of ``X_<i+1>``: which number of a stage block 0 has is not said.
AHEAD = ("i", "L", "a", "b_i", "w", "pi", "e", "b_<i-1>", "d_i", "f")
#: Where there is no block.
OUTSIDE = ("L", "a", "w", "pi", "e", "f")
#: Where a learned scalar starts.
STARTS = ("i", "L", "a", "w", "pi", "e", "f", "b_i", "d_i", "b_<i-1>")
#: In the arguments of a definition, and where a scalar of all blocks starts.
FIXED = ("a", "w", "pi", "e", "f")
#: Inside of a definition whose argument is called `a`.
INSIDE = FIXED[1:]
FUNCTIONS = (
    "sqrt", "exp", "log", "abs", "sin", "cos", "tanh", "sigmoid", "softplus", "relu",
    "floor", "ceil",
)  # fmt: skip
DECLARED = """\
param  w = 3
const  a = 0.7
const  f = sqrt(2)/3
const  b_i = 1/(i+2)
const  d_i = (i - 2)*exp(-i/3)
const  m = ({m}) per stage
const  n = ({n}) per block
"""


class Numbers:
    """Draws numbers as text.

    Args:
        draw: Hypothesis's.
        names: what a number may have in it.
    """

    def __init__(self, draw: st.DrawFn, names: tuple[str, ...]) -> None:
        self.draw, self.names = draw, names

    def one(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def text(self, depth: int = 3) -> str:
        """An expression; a larger one is likelier than a smaller one."""
        kind = self.draw(st.integers(0, 9)) if depth else 0
        if kind < 2:
            return self.one(*self.names, *LITERALS)
        if kind < 6:
            return self.sum(depth)
        if kind == 6:
            return f"{self.one(*FUNCTIONS)}({self.text(depth - 1)})"
        if kind == 7:
            two = f"{self.text(depth - 1)}, {self.text(depth - 1)}"
            return f"{self.one('min', 'max')}({two})"
        if kind == 8:
            by = self.one(
                "2",
                "3",
                "-1",
                "-2",
                "1/2",
                "(1/3)",
                "0.5",
                "(-3/2)",
                self.one(*self.names),
            )
            return f"{self.atom(depth - 1)}^{by}"
        powers = ("i", "(i+1)", "L") if "i" in self.names else ("2", "3")
        by, number = self.one("2", "3", "4", *self.names), self.text(depth - 1)
        return self.one(
            f"({number} - {by}*floor(({number})/{by}))",
            f"floor({number}/{by})",
            f"(-1)^{self.one(*powers)}*({number})",
        )

    def atom(self, depth: int) -> str:
        return f"({self.text(depth)})"

    def sum(self, depth: int) -> str:
        one, two = self.text(depth - 1), self.text(depth - 1)
        form = self.one(
            "{0} + {1}", "{0} - {1}", "({0})*({1})", "({0})/({1})", "{0}*{1}", "{0}/{1}",
            "-({0}) + {1}", "-({0})*{1}", "{0} - ({1})", "{0}/(1 + ({1})^2)", "({0} + {1})/2",
            "{0}*-({1})", "-({0})^2 + {1}", "2*({0})/3*({1})", "({0})/({1})/2",
        )  # fmt: skip
        return form.format(one, two)


class File:
    """What surrounds numbers: stages, and what names in numbers are.

    Args:
        blocks: of each stage.
        scope: of the index.
        m, n: the numbers of stages and of blocks.
        ahead: 1 if the equation is for ``X_<i+1>``, so that ``i`` begins at 0.
    """

    def __init__(
        self, blocks: list[int], scope: str, m: list[str], n: list[str], ahead: int
    ) -> None:
        self.blocks, self.scope, self.ahead = blocks, scope, ahead
        comma = {True: ",", False: ""}
        declared = DECLARED.format(
            m=", ".join(m) + comma[len(m) == 1], n=", ".join(n) + comma[len(n) == 1]
        )
        stages = ", ".join(f"4 x {count}" for count in blocks)
        scope_ = (
            "scope stage\ntransition linear(c) > tanh\n" if scope == "stage" else ""
        )
        self.text = f"stages {stages}\n{scope_}{declared}"
        self._file = read(f"{self.text}X_i = X_<i-1>\n")

    def values(self, text: str, *, blocks: bool = True) -> list[float]:
        """What a number is in each block; nothing if it is none somewhere."""

        network = Network(self._file, nn.Module())
        node = expression(text)
        found: list[float] = []
        flows = range(len(self.blocks)) if self.scope == "stage" else [0]
        for stage in flows:
            flow = Flow(network, stage, None, {})
            for i in range(1 - self.ahead, flow.length + 1) if blocks else [None]:
                try:
                    value = flow.value(node, Place(i))
                    if not value.there:
                        continue
                    exact = value.it
                    number = float(exact)
                except (numbers.NoNumber, OverflowError, Unread):
                    return []
                small = exact != 0 and abs(number) < 1e-30
                if small or abs(number) > 1e30:
                    return []
                found.append(number)
        return found


@st.composite
def frames(draw: st.DrawFn, most: int = 4) -> File:
    """Stages with their numbers."""
    blocks = draw(st.lists(st.integers(1, most), min_size=1, max_size=2))
    scope = draw(st.sampled_from(("network", "network", "stage")))
    writer = Numbers(draw, ("a", "w", "e", "f"))
    m = [writer.text(1) for _ in blocks]
    n = [writer.text(1) for _ in range(sum(blocks))]
    if scope == "stage" or len(blocks) == 1:
        m = [m[0]] * len(m)  # an equation is one for all stages
        n = [n[0]] * len(n)
    file = File(blocks, scope, m, n, draw(st.sampled_from((0, 0, 0, 1, 2))))
    for item in (*m, *n):
        assume(file.values(item, blocks=False))
    return file


@st.composite
def free(draw: st.DrawFn, file: File, names: tuple[str, ...] = NAMES) -> str:
    """A number that there is in each block."""
    text = Numbers(draw, names).text(draw(st.integers(0, 3)))
    if not file.values(text, blocks="i" in names):
        text = draw(st.sampled_from(names))
    return text


@st.composite
def between(
    draw: st.DrawFn, file: File, low: float, high: float, names: tuple[str, ...] = NAMES
) -> str:
    """A number between two."""
    text = draw(free(file, names))
    values = file.values(text, blocks="i" in names)
    if not all(low <= value <= high for value in values):
        text = f"{low} + {high - low}*sigmoid({text})"
    return text


@st.composite
def sizes(draw: st.DrawFn, file: File, block: bool = True) -> str:
    """A whole number from 1 to 12, by `c` perhaps."""
    writer = Numbers(draw, ("i", "L", "w", "2", "3") if block else ("L", "w", "2", "3"))
    text = writer.one(
        "{c}", "2*{c}", "{c}/2", "{c} + 1", "3*{c}/4", "{c}*{c}/8", "({c} + 2)/3", "{n}",
        "{c} + {n}", "floor({c}/3) + 1", "ceil({c}/3)", "{n} - 3*floor({n}/3) + 1",
        "2^(1 + {n} - 3*floor({n}/3))", "max({c}, {n})", "min({c}, 2*{n})", "{c}*{n}/{n}",
        "{c} - floor({c}/{n})", "(3*{c} + 4*{n})/2 - 2*{n}", "{c}^2/{c}",
    )  # fmt: skip
    text = text.replace("{n}", f"({writer.one(*writer.names)})").replace("{c}", "c")
    values = file.values(text.replace("c", "4").replace("4eil", "ceil"), blocks=block)
    assume(values and all(1 <= v <= 24 and v == int(v) for v in values))
    return text


@st.composite
def numbered(draw: st.DrawFn) -> str:
    """A file of vectors with numbers in all places."""
    file = draw(frames())

    known = AHEAD if file.ahead else NAMES

    def number(names: tuple[str, ...] = known) -> str:
        return draw(free(file, names))

    def of(letter: str, distance: int = 0) -> str:
        """A name with an index, counted from the block that is computed."""
        distance += file.ahead
        return f"{letter}_<i{distance:+}>" if distance else f"{letter}_i"

    def within(low: float, high: float, names: tuple[str, ...] = known) -> str:
        return draw(between(file, low, high, names))

    before, older = of("X", -1), of("X", -2)
    p, v = of("p"), of("v")

    parts: list[Callable[[], str]] = [
        lambda: f"({number()})*{before}",
        lambda: f"{within(-5, 5)}",
        lambda: f"({number()})*{of('W')}*{before}",
        lambda: f"{of('C')}*concat({before}, {within(-9, 9)})",
        lambda: f"tanh(({within(-9, 9)}) + {before})",
        lambda: f"({p} + {within(1, 4)})*{before}/(q + {within(1, 5)})",
        lambda: f"{of('E')}*{before}/({within(1, 30)})",
        lambda: f"{of('D')}*{before}",
        lambda: f"{v}*({number()} - {of('W')})*{before}",
        lambda: f"({number()} + q*({number()}))*sigmoid({before})",
        lambda: f"{of('H')}*{before}",
        lambda: f"max(({number()})*{before}, {of('W')}*{before})",
        lambda: f"sqrt(({within(1, 9)}) + {before}^2)",
        lambda: f"sigmoid({p}*({within(-9, 9)}))*{older}",
        lambda: f"{within(1, 3)}^(i - L)*({number()})*{of('U', -1)}*{older}",
    ]
    chosen = draw(st.lists(st.sampled_from(parts), min_size=1, max_size=4))
    terms = [before, *(part() for part in chosen)]
    signs = [draw(st.sampled_from(("+", "-"))) for _ in terms]
    right = terms[0] + "".join(
        f" {sign} {term}" for sign, term in zip(signs, terms[1:], strict=False)
    )
    lines = [
        "input 4\nstem none\nhead none",
        file.text.rstrip(),
        f"W = linear({draw(sizes(file))}) > leaky_relu({within(0, 3)}) > linear(c)",
        "U = linear(c)",
        "C = linear(c) > tanh",
        f"E = ln(eps={within(1e-6, 3)}) > elu({within(0, 3)}) > linear(c)",
        f"D = linear({draw(sizes(file, False))}) > dropout({within(0, 0.9)}) > "
        f"linear(c) > droppath({within(0, 0.9)})",
        f"G(x, a={within(-3, 3, FIXED)}, r={within(0, 0.9, FIXED)}) = "
        f"a*x + tanh({within(-3, 3, INSIDE)} + A*x/(1 + a^2)) "
        "where A = linear(cin) > dropout(r/2)",
        f"H = G({within(-3, 3, FIXED)}) > append({within(-9, 9)}) > linear(c) > G",
        f"scalar p_i = {within(-4, 4, STARTS)}",
        f"scalar q = {within(-4, 4, FIXED)}",
        f"vector v_i = {within(-4, 4, STARTS)}",
        f"{of('X')} = {right}",
        f"output X_L + ({number(OUTSIDE)})*X_<L-1>",
    ]
    if file.ahead and draw(st.booleans()):
        lines.append("X_1 = X_0/3 + W_0*X_0 - H_0*X_0/2")
    return "\n".join(lines) + "\n"


@st.composite
def imaged(draw: st.DrawFn) -> str:
    """A file of images with numbers in arguments of convolutions and normalisations."""
    file = draw(frames(most=2))
    stride = draw(st.sampled_from(("", " / 2"))) if file.scope != "stage" else ""
    stages = ", ".join(
        f"{width} x {count}{more}"
        for width, count, more in zip((4, 8), file.blocks, ("", stride), strict=False)
    )
    text = file.text.split("\n", 1)[1].replace("linear(c)", "conv(1, c)")

    def within(low: float, high: float, names: tuple[str, ...] = NAMES) -> str:
        return draw(between(file, low, high, names))

    def one(*choices: str) -> str:
        return draw(st.sampled_from(choices))

    kernels = ", ".join(one("1", "3", "(5)", "2 + 1") for _ in file.blocks)
    widths = ", ".join(one("4", "2*2", "8", "24/3") for _ in range(sum(file.blocks)))
    comma = "," if len(file.blocks) == 1 else ""
    last = "," if sum(file.blocks) == 1 else ""
    groups = one("c/4", "2", "min(c, 4)", "c*c/(4*c)", "2^(1 + i - i)")
    lines = [
        "input 2 x 6 x 6\nstem conv(3, c) > bn\nhead avgpool > linear(2)",
        f"stages {stages}",
        text.rstrip(),
        f"const kernel = ({kernels}{comma}) per stage",
        f"const inner = ({widths}{last}) per block",
        f"W = conv(kernel, inner, stride=s) > bn(eps={within(1e-6, 2, OUTSIDE)}, "
        f"momentum={within(0, 1, OUTSIDE)}) > leaky_relu({within(0, 2)}) > "
        f"dwconv({one('3', '1 + 2', '(3, 1)')}, dilation={one('1', '2', '1 + 1')}) > "
        f"gn({one('2', 'inner/2', 'inner', '4')}) > conv(1, c)",
        f"U = wsconv(3, c, stride=s, groups={groups}, gamma={within(0.1, 3, OUTSIDE)}, "
        f"gain={within(0.1, 3, OUTSIDE)}) > ln(eps={within(1e-6, 2)}) > elu({within(0, 2)})",
        f"scalar p_i = {within(-2, 2, STARTS)} per channel",
        "SE(x, ratio=2, shift=1/3) = x*sigmoid(G*x + shift)"
        " where G = globalpool > conv(1, cin/ratio, bias=true) > relu > conv(1, cin)",
        f"D = conv(1, c, stride=s) > SE({one('2', '4', '2^2', '6 - 2')}, "
        f"shift={within(-3, 3, FIXED)}) > dropout({within(0, 0.9)})",
        f"X_i = X_<i-1> + ({within(-2, 2)})*W_i*X_<i-1> + "
        f"{one('p_i', 'p_i^2', f'(p_i + {within(0, 2)})')}*{one('U_i', 'D_i')}*X_<i-1>",
    ]
    return "\n".join(lines) + "\n"
