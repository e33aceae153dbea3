"""A file that is put together of parts, which features of the language change."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random

IMAGE, TOKENS, IDS, VECTOR = "image", "tokens", "ids", "vector"
INPUTS = {IMAGE: "2 x 8 x 8", TOKENS: "6 x 3", IDS: "6 of 7", VECTOR: "5"}
STEMS = {IMAGE: "conv(3, c)", TOKENS: "linear(c)", IDS: "embed(c)", VECTOR: "linear(c)"}
HEADS = {
    IMAGE: "avgpool > linear(3)",
    TOKENS: "ln > linear(3)",
    IDS: "ln > linear(7)",
    VECTOR: "linear(3)",
}
#: Operators that bring anything to the shape of their stage; those of ids look back alone.
SAME = {
    IMAGE: (
        *("conv(3, c, stride=s) > bn > relu", "bn > conv(1, c, stride=s)"),
        *("dwconv(3, stride=s) > conv(1, c)", "conv(3, c, stride=s)"),
    ),
    TOKENS: (
        *("linear(c)", "ln > linear(2*c) > gelu > linear(c)", "ln > attention(2)"),
        "ln > experts(3, 2, 5)",
    ),
    IDS: (
        *("linear(c)", "ln > attention(2, causal=true)", "rmsnorm > linear(c) > tanh"),
        "conv1d(3, c, causal=true)",
    ),
    VECTOR: ("linear(c)", "ln > linear(c)", "linear(2*c) > relu > linear(c)"),
}
#: A product that keeps a grid, and operators that make a vector of it or keep it.
MAPS = {IMAGE: "conv(1, {})", TOKENS: "linear({})", IDS: "linear({})"}
POOLED = {IMAGE: "globalpool > conv(1, {})", TOKENS: "avgpool > linear({})"}


@dataclass
class Draft:
    """A file that is being put together.

    Attributes:
        random: what is drawn.
        kind: what comes in.
        widths, counts, strides: of each stage.
        stem, head: their flows.
        lines: statements that are no equations of unknowns.
        equations: those that are, but for that of `X`.
        names: settings of `names`.
        operators: the flow of each letter.
        keep: what the block adds its terms to.
        terms: of the equation of `X`, with a sign.
        after: what becomes of their sum.
        output: what the head gets.
        times: what a second index is, if there is one.
        free: letters that nobody has.
    """

    random: Random
    kind: str
    widths: list[str] = field(default_factory=lambda: ["8"])
    counts: list[str] = field(default_factory=lambda: ["4"])
    strides: list[str] = field(default_factory=lambda: [""])
    stem: str = ""
    head: str = ""
    lines: list[str] = field(default_factory=list)
    equations: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    operators: dict[str, str] = field(default_factory=dict)
    keep: str = "X_<i-1>"
    terms: list[str] = field(default_factory=list)
    after: str = "{}"
    output: str = "X_L"
    times: str = ""
    free: list[str] = field(default_factory=lambda: list("QRUVDEGKMNOP"))

    def one(self, *of: str) -> str:
        """One of several texts."""
        return self.random.choice(of)

    def operator(self, flow: str = "") -> str:
        """The letter of a new operator."""
        letter = self.free.pop(0)
        self.operators[letter] = flow or self.random.choice(SAME[self.kind])
        return letter

    def map(self, width: str) -> str:
        """The flow of a product with the features."""
        return MAPS.get(self.kind, "linear({})").format(width)

    def gate(self, width: str) -> str:
        """The flow that makes numbers for all positions; of ids for each of them."""
        return POOLED.get(self.kind, "linear({}) > tanh").format(width)

    def inside(self, flow: str) -> None:
        """Puts operators behind those of `W`, as well as they may stand there."""
        self.operators["W"] += f" > {flow}"

    def text(self) -> str:
        """The file."""
        stages = zip(self.widths, self.counts, self.strides, strict=True)
        lines = [
            f"input {INPUTS[self.kind]}",
            f"stem {self.stem}",
            f"head {self.head}",
            "stages " + ", ".join(f"{w} x {n}{s}" for w, n, s in stages),
        ]
        if self.names:
            lines.append(f"names {', '.join(dict.fromkeys(self.names))}")
        equations = [
            *self.equations,
            f"X_i = {self.after.format(self.keep + ''.join(self.terms))}",
            f"output {self.output}",
        ]
        if self.times:
            lines.append(f"times {self.times}")
            equations = [_timed(line, self.times) for line in equations]
        lines += self.lines
        lines += (f"{letter} = {flow}" for letter, flow in self.operators.items())
        return "".join(f"{line}\n" for line in [*lines, *equations])


#: An unknown with one index.
UNKNOWN = re.compile(r"\b([ABHXYZ])_(?:<([^>,]*)>|(\w))")


def _timed(line: str, times: str) -> str:
    """An equation with a second index; of numbers, the output is of the last time."""
    t = "T" if line.startswith("output") and times != "positions" else "t"
    if line.startswith("output") and t == "t":
        return line
    return UNKNOWN.sub(lambda m: f"{m[1]}_<{m[2] or m[3]},{t}>", line)
