"""Random files with what those of files.py leave out, beside what they have.

Tokens; gates of all kinds, inner products, quotients, powers and
numbers in a `concat`; vectors and lists of scalars; halves that a block makes; sums over
depth beside histories; long skips.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.oracle.files import DECLARED, OF_IMAGES, OF_VECTORS, Frame, Writer

#: D makes halves, N one number a position, R a vector, P norms.
MORE_OF_VECTORS = """\
D = linear(2*c)
N = linear(1) > tanh
P = ln
H = linear(c) > tanh
"""
MORE_OF_TOKENS = MORE_OF_VECTORS + "R = avgpool > linear(c) > sigmoid\n"
MORE_OF_IMAGES = """\
D = conv(1, 2*c, stride=s)
N = conv(1, 1, stride=s) > tanh
P = conv(1, c, stride=s) > gn(1)
H = conv(3, c, stride=s) > bn
R = avgpool > linear(c) > sigmoid
"""
MORE_DECLARED = """\
vector v_i = 0.8
vector w = 0.3
scalar l_i = 0.4/i
scalar u_<i,k> = 1/(i+k+1)
scalar z_<i,k> = 0.3
scalar u_<i,i-1> = 0.5
"""
FUNCTIONS = (
    *("leaky_relu", "elu", "relu6", "hardswish", "hardsigmoid", "softplus"),
    *("selu", "sin", "cos", "abs"),
)


@dataclass
class Wider(Writer):
    """Writes terms that :class:`Writer` has not.

    Attributes:
        kind: vectors, tokens or images.
        one_shape: whether all tensors of an index have one shape: then sums over depth
            may read all.
        several: whether there are several stages.
    """

    kind: str = "vectors"
    one_shape: bool = True
    several: bool = False

    def gate(self) -> str:
        forms = ["v_i", f"(N_i*{self.state()})", f"(P_i*{self.state()})"]
        if self.kind != "vectors":
            forms += [f"(R_i*{self.state()})"] * 2
        if self.one_shape:
            forms += [
                f"dot(W_i*{self.state()}, {self.state()})",
                f"norm({self.state()})",
                f"dot(v_i, {self.state()})",
            ]
        return self.one(*forms)

    def weighed(self) -> str:
        """A sum over depth."""
        name, first = self.one(*self.unknowns), self.draw(st.integers(0, 1))
        number = f"{'uz'[first]}_<i,k>"
        member = self.one(f"{name}_k", f"P_i*{name}_k", f"tanh({name}_k)")
        weights = self.one(
            number,
            f"softmax(k, dot(v_i, {member}))",
            f"sigmoid({name}_k)",
            f"exp({number})",
        )
        return f"sum(k, {first}, i-1, {weights}*{member})"

    def wide(self, depth: int) -> str:
        inner = self.tensor(max(depth - 1, 0))
        form = self.one(
            "gate",
            "gate",
            "quotient",
            "power",
            "beside",
            "vector",
            "list",
            "function",
            "exponential",
            "composed",
            "difference",
            "weighed",
        )
        if form == "gate":
            return f"{self.gate()}*{self.one('', 'W_i*')}({inner})"
        if form == "quotient":
            return f"{self.state()}/(2 + tanh({inner}))"
        if form == "power":
            return self.one(f"tanh({inner})^2", f"W_i^2*({inner})", f"tanh({inner})**3")
        if form == "beside":
            number = self.one("i/L", "1", "(i-1)/L", "0.5")
            given = self.one(f"{inner}, {number}", f"{number}, {inner}")
            if self.often(3):
                given = f"{given}, {self.state()}"
            return f"C_i*concat({given})"
        if form == "vector":
            # A vector of all blocks has one width.
            shared = ("w", "v_i*w") if self.one_shape and not self.several else ()
            return f"{self.one('v_i', 'v_<i-1>', '(1 - v_i)', *shared)}*({inner})"
        if form == "list":
            return self.one(
                f"l_1*{self.state()}",
                f"(l_1*W_i + l_2)*{self.state()}",
                f"sum(k, 1, 2, l_k*{self.unknowns[0]}_<i-k>)",
                f"prod(k, 1, 2, l_k*{self.unknowns[0]}_<i-k>)",
                f"prod(k, 1, 2, (1 + l_k*W_i))*{self.state()}",
            )
        if form == "function":
            return f"{self.one(*FUNCTIONS)}({inner})"
        if form == "exponential":
            return f"exp(tanh({inner}))"
        if form == "composed":
            operators = self.one(
                "(W_i - U_i)*G_i", "(1 - p_i + W_i)", "U_i*(W_i + G_<i-1>)"
            )
            return f"{operators}*({inner})"
        if form == "difference":
            return f"({inner} - {self.one('0.5', 'v_i', 'i/L', 'g')})"
        return self.weighed() if self.one_shape else f"sigmoid({inner})*{self.state()}"

    def tensor(self, depth: int = 2) -> str:
        if depth and self.often(3):
            return self.wide(depth)
        return super().tensor(depth)

    def output(self, depth: int) -> str:
        last = self.unknowns[-1]
        if self.one_shape and self.often(6):
            return f"sum(k, 0, L, softmax(k, {last}_k)*tanh({last}_k))"
        return super().output(depth)


#: What a file of a kind begins with, and its operators.
KINDS = {
    "vectors": ("input 3\nstem none\n", OF_VECTORS + MORE_OF_VECTORS),
    "tokens": ("input 4 x 3\nstem none\n", OF_VECTORS + MORE_OF_TOKENS),
    "images": ("input 2 x 4 x 4\nstem conv(1, 3) > bn\n", OF_IMAGES + MORE_OF_IMAGES),
}
TRANSITIONS = ("", "transition linear(c) > tanh\n", "transition linear(c)\n")
OF_GRIDS = ("", "transition conv(1, c, stride=s) > bn\n")
ADAPTERS = ("", "adapter conv(1, c, stride=s)\n", "adapter zeropad(c, stride=s)\n")


@st.composite
def wider(
    draw: st.DrawFn, least: int = 1, most: int = 6, *, staged: bool | None = None
) -> str:
    """A file of one to three equations."""
    if staged is None:
        staged = draw(st.integers(0, 2)) == 2
    kind = draw(st.sampled_from(tuple(KINDS)))
    grid = kind == "images"
    start, operators = KINDS[kind]
    stages = [(3, draw(st.integers(least, most)), "")]
    for _ in range(draw(st.sampled_from((1, 1, 2))) * staged):
        stride = draw(st.sampled_from((" / 2", ""))) * grid
        width, blocks = draw(st.sampled_from((3, 4, 5))), draw(st.integers(1, most))
        stages.append((width, blocks, stride))
    restarts = staged and draw(st.booleans())
    lines = [start, "head none\nstages "]
    lines.append(", ".join(f"{width} x {n}{s}" for width, n, s in stages))
    numbers = "0.5," if len(stages) == 1 else ", ".join("0.5" for _ in stages)
    lines.append(f"\nconst m = ({numbers}) per stage\n")
    if restarts:
        transitions = OF_GRIDS if grid else TRANSITIONS
        lines.append(f"scope stage\n{draw(st.sampled_from(transitions))}")
    if grid:
        lines.append(draw(st.sampled_from(ADAPTERS)))
    depth = min(n for _, n, _ in stages) if restarts else stages[0][1]
    text = "".join([*lines, operators, DECLARED, MORE_DECLARED])
    frame = Frame(text, depth, len(stages), restarts, grid)
    alike = restarts or len({(width, s) for width, _, s in stages}) == 1
    return written(draw, frame, kind, alike)


def written(draw: st.DrawFn, frame: Frame, kind: str, alike: bool) -> str:
    """A frame with its equations; `alike` where all tensors of an index have one shape."""
    unknowns = list("XYZ")[: draw(st.sampled_from((1, 1, 2, 2, 3)))]
    writer = Wider(draw, unknowns, draw(st.sampled_from((1, 2, 2, 3))))
    writer.kind, writer.one_shape, writer.several = kind, alike, frame.stages > 1
    writer.pairs = not frame.grid
    lines = [frame.text]
    if draw(st.integers(0, 3)) == 3:
        lines.append(f"E_i, O_i = split(D_i*{writer.one(*unknowns)}_<i-1>, 2)\n")
        writer.current += ["E", "O"]
    for name in unknowns:
        lines.append(f"{name}_i = {writer.equation()}\n")
        writer.current.append(name)
    writer.current.clear()
    lines += [f"{line}\n" for line in writer.boundaries(frame)]
    blocks = frame.depth
    if (
        frame.stages == 1
        and ".." not in "".join(lines[1:])
        and blocks > 3
        and blocks % 2 == 0
        and draw(st.booleans())
    ):
        skip = draw(st.sampled_from(("X_<L-i>", "X_<L+1-i>", "tanh(X_<L-i>)")))
        lines.append(
            f"X_<L/2+1..L> = W_i*X_<i-1> + {writer.one('', 'U_i*', '0.5*', 'S*', 'v_i*')}"
            f"{skip}\n"
        )
    lines.append(f"output {writer.output(frame.depth)}\n")
    return "".join(lines)
