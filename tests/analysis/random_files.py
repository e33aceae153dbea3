"""Random formula files, with all that may stand in front of a term or around one.

The numbers in front of terms are wilder than anybody writes them: they depend on i and L,
on learned scalars under functions, and need not be there in every block.
"""

from __future__ import annotations

from random import Random

#: Scalars that the coefficients name.
SCALARS = "scalar p_i = {}\nscalar q = {}\nconst a_i = i/(i + L)\n"
FIXED = ("2", "0.5", "-1", "1/3", "sqrt(2)", "pi", "e^(-1)")
OF_BLOCK = (
    "i",
    "1/i",
    "(i-1)",
    "1/(i+1)",
    "sqrt(i)",
    "i/L",
    "1/sqrt(L)",
    "sqrt(i/L)",
    "(1 - i/L)",
    "(-1)^i",
    "2^i",
    "(1/2)^i",
    "exp(-i/L)",
    "log(i+1)",
    "min(i, 3)",
    "max(i-3, 0)",
    "floor(i/2)",
    "abs(i-4)",
    "1/L^2",
    "tanh(i/L)",
    "a_i",
    "(i^2 + 1)/(i + L)",
)
LEARNED = (
    "p_i",
    "q",
    "(1 - q)",
    "sigmoid(p_i)",
    "tanh(q)",
    "exp(p_i)",
    "sqrt(q)",
    "1/q",
    "p_i^2",
    "q*i",
    "1/(1 + exp(q))",
    "(1 - sigmoid(p_i))/L",
    "abs(p_i)",
    "max(q, 0.1)",
    "log(1 + exp(q))",
    "q^i",
)
FUNCTIONS = ("relu", "tanh", "silu", "gelu", "relu6", "leaky_relu", "elu")
GATES = ("sigmoid", "tanh", "hardsigmoid")

FRAMES = (
    "input 4\nstem none\nhead none\nstages 4 x {}\n",
    "input 4\nstages 4 x {}\n",
    "input 6\nstages 4 x {}, 6 x 2\n",
    "input 3 x 4 x 4\nstem conv(1, 4)\nstages 4 x {}\n",
    "input 3 x 8 x 8\nstages 4 x {}, 6 x 2 / 2\n",
    "input 5 x 4\nstages 4 x {}\n",
    "input 4\nscope stage\nstages 4 x {}, 4 x 3\n",
)


class _File:
    """Draws the parts of one file."""

    def __init__(self, seed: int, peaks: bool) -> None:
        self.draw = Random(seed)
        #: Whether max and min may stand in it.
        self.peaks = peaks
        self.times = self.draw.random() < 0.08
        self.names = "XYZ"[: self.draw.choice((1, 1, 1, 2, 2, 3))]

    def text(self) -> str:
        """The whole file."""
        draw = self.draw
        blocks = draw.choice((1, 2, 3, 4, 5, 8, 12, 24))
        frame = draw.choice(FRAMES)
        lines = [frame.format(blocks)]
        lines.append(SCALARS.format(*draw.choices(("0", "1", "0.5", "-0.3", "2"), k=2)))
        if draw.random() < 0.25:
            lines.append("G(x) = x*sigmoid(A*x) where A = linear(cin)\n")
            lines.append("W = linear(c) > tanh > G\n" if "x 4 x 4" not in frame else "")
        if self.times:
            lines.append(f"times {draw.randint(2, 3)}\n")
        for number, name in enumerate(self.names):
            made = self.names[:number]
            lines.append(f"{self.left(name, 'i')} = {self.right(made)}\n")
        if not self.times:
            lines += self.starts(blocks)
        lines.append(f"output {self.output()}\n")
        return "".join(lines)

    def left(self, name: str, index: str) -> str:
        return f"{name}_<{index},t>" if self.times else f"{name}_<{index}>"

    def state(self, made: str = "") -> str:
        """A tensor that is known where it is read."""
        draw = self.draw
        if made and draw.random() < 0.4:
            return self.left(draw.choice(made), "i")
        name = draw.choice(self.names)
        if self.times and draw.random() < 0.3:
            return f"{name}_<i,t-1>"
        return self.left(name, f"i-{draw.choice((1, 1, 1, 2, 2, 3))}")

    def number(self) -> str:
        """A coefficient with its sign of multiplication, or nothing."""
        draw = self.draw
        kind = draw.choice((None, None, FIXED, OF_BLOCK, OF_BLOCK, LEARNED))
        if kind is None:
            return ""
        first = draw.choice(kind)
        return f"{first}*{draw.choice(FIXED)}*" if draw.random() < 0.1 else f"{first}*"

    def operator(self) -> str:
        return self.draw.choice(("W_i", "W_i", "U_i", "W_<i-1>", "V", "U_<i-1>"))

    def applied(self, made: str) -> str:
        """An operator applied to a tensor, a sum, or what another one made."""
        inner = self.state(made)
        kind = self.draw.random()
        if kind < 0.15:
            inner = f"({inner} + {self.number()}{self.state(made)})"
        elif kind < 0.3:
            inner = f"{self.operator()}*{inner}"
        elif kind < 0.4:
            inner = f"{self.draw.choice(FUNCTIONS)}({inner})"
        return f"{self.operator()}*{inner}"

    def term(self, made: str) -> str:
        draw = self.draw
        kind = draw.random()
        if kind < 0.3:
            return self.number() + self.state(made)
        if kind < 0.6:
            return self.number() + self.applied(made)
        if kind < 0.68:
            gate = f"{draw.choice(GATES)}({self.applied(made)})"
            return f"{gate}*{self.state(made)}"
        if kind < 0.74:
            return f"{draw.choice(FUNCTIONS)}({self.number()}{self.applied(made)})"
        if kind < 0.78:
            return (
                f"{self.number()}{draw.choice(self.names)}_<0,t>"
                if self.times
                else (f"{self.number()}{draw.choice(self.names)}_0")
            )
        if kind < 0.88 and not self.times:
            return self.number() + self.history()
        if kind < 0.92:
            function = "mean"
            if self.peaks:
                function = draw.choice(("max", "min", "mean"))
            return f"{function}({self.state(made)}, {self.applied(made)})"
        if kind < 0.96:
            return f"{self.number()}{draw.choice(FIXED)}"
        return f"{self.state(made)}*{self.state(made)}"

    def history(self) -> str:
        draw = self.draw
        name = draw.choice(self.names)
        first = draw.choice((0, 0, 1))
        functions = ["sum", "mean", "added"] + ["max", "min"] * self.peaks
        function = draw.choice(functions)
        if function == "added":
            weight = draw.choice(("a_k*", "p_k*", "1/k*", "", "(1/2)^k*"))
            return f"sum(k, 1, i-1, {weight}W_k*{name}_<k-1>)"
        return f"{function}({name}_<{first}..i-1>)"

    def right(self, made: str) -> str:
        draw = self.draw
        # What the block before made keeps an unknown alive, what this block made is read.
        name = made[-1] if made else self.names[-1]
        text = self.left(name, "i" if made else "i-1")
        if not made or draw.random() < 0.5:
            text = f"W_i*{text}"
        if draw.random() < 0.2:
            text = f"{self.number()}{text}"
        for _ in range(draw.choice((0, 1, 1, 2, 2, 3))):
            text += f" {draw.choice('++-')} {self.term(made)}"
        if draw.random() < 0.15:
            text = f"{draw.choice(FUNCTIONS)}({text})"
        return text

    def starts(self, blocks: int) -> list[str]:
        """Boundary equations, and equations for several blocks."""
        draw = self.draw
        name = draw.choice(self.names)
        rest = f"{self.number()}W_i*{name}_<i-1>"
        lines = []
        if len(self.names) > 1 and draw.random() < 0.3:
            lines.append(f"{self.names[-1]}_0 = {draw.choice(('0', '2*input'))}\n")
        if draw.random() < 0.12:
            lines.append(f"{name}_1 = {name}_0 + W_1*{name}_0\n")
        if draw.random() < 0.12 and blocks > 3:
            lines.append(f"{name}_<2..{draw.randint(2, blocks - 1)}> = {rest}\n")
        if draw.random() < 0.08:
            lines.append(f"{name}_<first> = W_<first>*{name}_<first-1>\n")
        if draw.random() < 0.1:
            lines.append(f"W_0*{name}_<-1> = 0.5*input\n")
        return lines

    def output(self) -> str:
        draw = self.draw
        if self.times:
            return draw.choice(
                (f"{self.names[-1]}_<L,T>", f"mean({self.names[-1]}_<L,1..T>)")
            )
        name = self.names[-1]
        kinds = [f"{name}_L"] * 4 + [
            f"{self.names[0]}_L + {self.names[-1]}_L",
            f"sum({name}_<1..L>)",
            f"mean({name}_<0..L>)",
            f"{name}_L - 0.5*{name}_<L-1>",
            f"relu({name}_L)",
            f"{self.names[-1]}_L*{self.names[0]}_L",
        ]
        return draw.choice(kinds + [f"max({name}_<0..L>)"] * self.peaks)


def random_file(seed: int) -> str:
    """A formula file; the same for the same seed."""
    return _File(seed, seed % 5 == 0).text()


def sister(seed: int) -> str:
    """The same file with its first ``+`` behind an equal sign turned, or a term more."""
    text = random_file(seed)
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith("X_<i") and " = " in line:
            left, _, right = line.partition(" = ")
            draw = Random(-seed - 1)
            terms = right.strip()
            changes = (
                f"{terms} + 0*X_<i-1>".replace("0*", "2*"),
                f"2*({terms}) - ({terms})",
                f"({terms})",
                terms.replace(" + ", " - ", 1),
                f"{terms} + X_<i-2> - X_<i-2>",
            )
            changed = changes[draw.randrange(len(changes))]
            if ",t>" in left:
                changed = changed.replace("X_<i-1>", "X_<i-1,t>")
                changed = changed.replace("X_<i-2>", "X_<i-2,t>")
            lines[number] = f"{left} = {changed}\n"
            break
    return "".join(lines)
