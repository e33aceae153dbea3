"""Random recurrences in a few lines, of which something holds more often than by chance."""

from __future__ import annotations

from hypothesis import strategies as st

FIXED = ("2", "0.5", "-1", "1/3", "3/2", "-1/2")
OF_BLOCK = (
    "i",
    "1/i",
    "1/(i+1)",
    "(1 + 1/i)",
    "2^i",
    "i/(i+1)",
    "(i+1)",
    "(-1)^i",
    "i/L",
)
DECLARED = "scalar p_i = 0.4\nscalar q = 0.7\nconst a_i = 1/(i+2)\n"
LEARNED = ("q", "p_i", "a_i", "(1 - q)", "q/(i+1)")
FUNCTIONS = ("tanh", "relu", "silu")


class Writer:
    """Writes equations.

    Args:
        draw: Hypothesis's.
        blocks: whether numbers depend on the block.
        curved: whether there are functions and products of tensors.
    """

    def __init__(self, draw: st.DrawFn, *, blocks: bool, curved: bool) -> None:
        self.draw, self.blocks, self.curved = draw, blocks, curved

    def one(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def often(self, times: int) -> bool:
        """True once in so many times."""
        return self.draw(st.integers(0, times - 1)) == times - 1

    def number(self) -> str:
        kinds = ["", "", "", self.one(*FIXED) + "*"]
        if self.blocks:
            kinds += [self.one(*OF_BLOCK) + "*", self.one(*LEARNED) + "*"]
        return self.one(*kinds)

    def operator(self) -> str:
        return self.one("W_i", "W_i", "U_i", "V", "W_<i-1>")

    def state(self, names: str, made: str = "", oldest: int = 2) -> str:
        if made and self.draw(st.booleans()):
            return f"{self.one(*made)}_i"
        lag = self.one(*"1112"[: 2 + oldest])
        return f"{self.one(*names)}_<i-{lag}>"

    def applied(self, names: str, made: str = "", oldest: int = 2) -> str:
        inner = self.state(names, made, oldest)
        if self.often(4):
            inner = (
                f"({inner} {self.one(*'+-')} {self.number()}{self.state(names, made)})"
            )
        elif self.curved and self.often(4):
            inner = f"{self.one(*FUNCTIONS)}({inner})"
        elif self.often(6):
            inner = f"U_i*{inner}"
        return f"{self.operator()}*{inner}"

    def term(self, names: str, made: str = "") -> str:
        kind = self.draw(st.integers(0, 6 if self.curved else 4))
        if kind < 2:
            return self.number() + self.state(names, made)
        if kind < 5:
            return self.number() + self.applied(names, made)
        if kind == 5:
            return f"{self.one(*FUNCTIONS)}({self.applied(names, made)})"
        return f"{self.state(names, made)}*{self.state(names, made)}"

    def right(self, names: str, made: str = "", most: int = 3) -> str:
        terms = [self.term(names, made) for _ in range(self.draw(st.integers(1, most)))]
        return terms[0] + "".join(f" {self.one(*'+-')} {t}" for t in terms[1:])


def _earlier(text: str) -> str:
    """An expression one block before."""
    for lag in (3, 2, 1):
        text = text.replace(f"i-{lag}>", f"i-{lag + 1}>")
    text = text.replace("W_<i-2>", "W_<i-2>")
    return (
        text.replace("W_i", "W_<i-1>")
        .replace("U_i", "U_<i-1>")
        .replace("X_i", "X_<i-1>")
    )


@st.composite
def recurrences(
    draw: st.DrawFn, *, blocks: bool = True, curved: bool = True, lone: bool = False
) -> list[str]:
    """Equations of one to three unknowns: any, telescopes, couplings."""
    writer = Writer(draw, blocks=blocks, curved=curved)
    kind = draw(st.integers(0, 3))
    if kind == 0 or (lone and kind == 3):
        return [f"X_i = {writer.right('X')}"]
    if kind == 1:  # What is added is taken away a block later.
        term = writer.one("W_i*X_<i-1>", "U_i*W_i*X_<i-1>", "W_i*X_<i-2>")
        first = writer.one("X_<i-1>", "X_<i-1>", "q*X_<i-1>", "2*X_<i-1>", "X_<i-2>")
        if blocks and draw(st.booleans()):
            number, ahead = writer.one(
                "i*|(i-1)*",
                "2^i*|2^(i-1)*",
                "1/(i+1)*|1/i*",
                "(i+1)*|i*",
                "q*|q*",
                "2*|2*",
            ).split("|")
        else:
            number, ahead = "", writer.one("", "", "", "q*", "2*")
        sign = writer.one(*"+-")
        other = "-" if sign == "+" else "+"
        lines = f"X_i = {first} {sign} {number}{term} {other} {ahead}{_earlier(term)}"
        if draw(st.booleans()):
            lines += f" + {writer.term('X')}"
        return [lines]
    if lone:
        return [f"X_i = X_<i-1> {writer.one(*'+-')} {writer.right('X', most=2)}"]
    names = writer.one("XY", "XY", "XYZ")
    lines = []
    if kind == 2:  # A coupling, which can be run backwards.
        for place, name in enumerate(names):
            rest = [n for n in names if n != name]
            made = list(names[:place])
            others = [f"{n}_i" if n in made else f"{n}_<i-1>" for n in rest]
            first = writer.number() if writer.often(2) else ""
            sign = writer.one(*"+-")
            inner = f"{writer.operator()}*{writer.one(*others)}"
            lines.append(
                f"{name}_i = {first}{name}_<i-1> {sign} {writer.number()}{inner}"
            )
        return lines
    for place, name in enumerate(names):
        lines.append(f"{name}_i = {writer.right(names, names[:place])}")
    return lines


def file(lines: list[str], blocks: int, names: str = "") -> str:
    """A file with these equations, of which all unknowns are read."""
    unknowns = [line[0] for line in lines if line[1:4] == "_i "]
    starts = [line for line in lines if line[1:4] == "_0 "]
    equations = [line for line in lines if line not in starts]
    output = " + ".join(f"{name}_L" for name in unknowns)
    return "\n".join(
        [
            f"input 3\nstem none\nhead none\nstages 3 x {blocks}",
            "W = linear(c)\nU = linear(c)\nV = linear(c)",
            DECLARED + "\n".join([*equations, *starts]),
            f"output {output}\n",
        ]
    )
