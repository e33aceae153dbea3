"""Features of the language, each of which changes a draft of a file.

What stands in the frame, names, numbers of blocks, operators, terms, unknowns, equations of
some blocks, second indices, streams, inputs and outputs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.drawers.drafts import IDS, IMAGE, SAME, TOKENS, VECTOR, Draft

Change = Callable[[Draft], object]
FEATURES: dict[str, tuple[tuple[str, ...], Change]] = {}
ALL = (IMAGE, TOKENS, IDS, VECTOR)
ROWS = (TOKENS, IDS, VECTOR)
SEQUENCES = (TOKENS, IDS)


def feature(name: str, kinds: tuple[str, ...] = ALL) -> Callable[[Change], Change]:
    """Notes a feature, of files of some kinds."""

    def noted(change: Change) -> Change:
        FEATURES[name] = (kinds, change)
        return change

    return noted


def says(name: str, *lines: str, kinds: tuple[str, ...] = ALL) -> None:
    """Notes a feature that is one of some statements."""
    FEATURES[name] = kinds, lambda d: d.lines.append(d.random.choice(lines))


def adds(
    name: str, declared: tuple[str, ...], term: str, kinds: tuple[str, ...] = ALL
) -> None:
    """Notes a feature that is a term, made of new operators.

    Args:
        name: of the feature.
        declared: flows of operators, `same`, `one`, `gate`, `all` (of the library, for
            what several blocks read) or what they are; numbers behind `:`.
        term: with the letters of the operators in braces.
        kinds: of files.
    """

    def change(d: Draft) -> None:
        letters = []
        for flow in declared:
            known = {"same": "", "one": d.map("1"), "gate": d.gate("cin")}
            letters.append(d.operator(known.get(flow, flow.replace("MAP", d.map("c")))))
        d.terms.append(d.one(" + ", " - ") + term.format(*letters))

    FEATURES[name] = kinds, change


# ------------------------------------------------------------------------------- the frame

says("lean", "memory lean")
says("checkpoints", "memory checkpoint")
says("init", "init linear = normal(0.02)", "init linear = zeros", kinds=ROWS)
says(
    "starts", "init bn = zeros, conv = normal(0.1)", "init conv = zeros", kinds=(IMAGE,)
)
says("no adapter", "adapter none")
says(
    "own adapter",
    "adapter conv(1, c, stride=s)",
    "adapter avgpool(s) > conv(1, c)",
    kinds=(IMAGE,),
)


@feature("stages")
def _(d: Draft) -> None:
    d.widths.append(d.one("8", "12", "6"))
    d.counts.append(d.one("1", "2", "3"))
    d.strides.append(d.one("", " / 2") if d.kind == IMAGE else "")


@feature("a finer stage", (IMAGE,))
def _(d: Draft) -> None:
    d.widths += ["8", "8"]
    d.counts += ["1", "2"]
    d.strides += [" / 2", " / (1/2)"]


@feature("scope stage")
def _(d: Draft) -> None:
    d.lines.append("scope stage")
    if d.random.random() < 0.5:
        d.lines.append(f"transition {d.random.choice(SAME[d.kind])}")


@feature("depth")
def _(d: Draft) -> None:
    d.counts[0] = d.one("1", "2", "6", "11")


@feature("param width")
def _(d: Draft) -> None:
    d.lines.append("param width = 8")
    d.widths = [d.one("width", "2*width", w) for w in d.widths]


@feature("param rate")
def _(d: Draft) -> None:
    d.lines.append("param p = 0.1")
    d.inside(d.one("dropout(p)", "droppath(p*i/L)", "dropout(p/2)"))


@feature("param classes")
def _(d: Draft) -> None:
    d.lines.append("param labels = 5")
    d.head = re.sub(r"linear\(\d\)", "linear(labels)", d.head)


@feature("param depth")
def _(d: Draft) -> None:
    d.lines.append("param depth = 4")
    d.counts[0] = "depth"


# --------------------------------------------------------------------------- names of parts


@feature("names of a row")
def _(d: Draft) -> None:
    d.names += ['stem = "features.0"', 'stages = "features"', 'head = "."']
    d.stem = f"({d.stem})"


feature("names of stages")(
    lambda d: d.names.append(d.one('stages = "layer{}"', 'stages = "l.{0}"'))
)

feature("names of steps")(
    lambda d: d.names.append(d.one('step = "b{}"', 'step = "b{0}"', 'step = "."'))
)

feature("names of operators")(
    lambda d: d.names.append(d.one('W = "."', 'W = "conv"', 'W = "a", adapter = "b"'))
)


@feature("brackets")
def _(d: Draft) -> None:
    d.operators["W"] = f"({d.operators['W']})"


@feature("labels")
def _(d: Draft) -> None:
    flow = f'first: {d.operators["W"]} > "last": {d.map("c")}'
    d.operators["W"] = flow if flow[7] != "(" else d.operators["W"]
    if d.random.random() < 0.3:
        d.lines.append("init last = zeros")


# ---------------------------------------------------------------- numbers of blocks, stages


@feature("per stage")
def _(d: Draft) -> None:
    numbers = ", ".join(d.random.choice("24") for _ in d.widths)
    d.lines.append(f"const k = ({numbers}{',' * (len(d.widths) < 2)}) per stage")
    d.random.choice(
        (
            lambda: d.inside(f"{d.map('k*c')} > {d.map('c')}"),
            lambda: d.terms.append(" + X_<i-1>/k"),
            lambda: d.inside("dropout(0.1*k)"),
        )
    )()


@feature("per block")
def _(d: Draft) -> None:
    d.counts[0] = "4"
    blocks = sum(int(n) for n in d.counts)
    numbers = ", ".join(d.random.choice("468") for _ in range(blocks))
    d.lines.append(f"const m = ({numbers}) per block")
    d.random.choice(
        (
            lambda: d.inside(f"{d.map('m')} > {d.map('c')}"),
            lambda: d.terms.append(" - 0.1*m*X_<i-1>"),
            lambda: d.inside("dropout(m/20)"),
        )
    )()


@feature("j")
def _(d: Draft) -> None:
    d.random.choice(
        (
            lambda: d.inside("dropout(0.1/j)"),
            lambda: d.terms.append(" + X_<i-1>/(1 + j)"),
            lambda: d.inside(f"{d.map('c*j')} > {d.map('c')}"),
        )
    )()


feature("sizes of i")(lambda d: d.inside(f"{d.map('2*i')} > relu > {d.map('c')}"))


@feature("constants")
def _(d: Draft) -> None:
    d.lines.append(d.one("const q_i = i/(L+1)", "const q_i = exp(-i/L)"))
    d.terms.append(d.one(" + q_i*X_<i-1>", " - q_<i-1>*X_<i-2>"))
    if d.random.random() < 0.5:
        d.inside("droppath(q_i/4)")


# ------------------------------------------------------------------------------- operators

feature("dropout")(lambda d: d.inside("dropout(0.2)"))

feature("stochastic depth")(
    lambda d: d.inside(d.one("droppath(0.2*i/L)", "droppath(0.1)"))
)


@feature("definition with arguments")
def _(d: Draft) -> None:
    d.lines.append(f"Unit(width=c, p=0) = {d.map('width')} > relu > dropout(p)")
    d.operators["W"] += f" > Unit(2*c) > Unit > {d.map('c')}"


@feature("definition by equations")
def _(d: Draft) -> None:
    d.lines.append(
        d.one(
            f"F(x) = x*sigmoid(G*x) where G = {d.gate('cin')}",
            f"F(x, n=2) = concat(Y_<1..n>) where S_<1..n> = split(x, n)"
            f" where K = {d.map('cin')}, Y_k = K_k*S_k",
            f"F(x) = x + g*P*x where P = {d.map('cin')}, vector g = 0.1",
        )
    )
    d.inside("F")


@feature("definition of two tensors")
def _(d: Draft) -> None:
    flow = d.gate("cin")
    d.lines.append(f"Gate(x, y) = x*sigmoid(G*y) where G = {flow}")
    other = d.one("X_<i-2>", "X_0", "tanh(X_<i-1>)")
    d.terms.append(f" + Gate_i(W_i*X_<i-1>, {other})")


adds("two operators", ("same", "same"), "{0}_i*{1}_i*X_<i-1>")
adds("sum of operators", ("same",), "(1 - {0}_i)*X_<i-1>")
adds("operator of a block before", ("same",), "{0}_<i-1>*X_<i-2>")
adds("operator of all blocks", ("MAP",), "{0}*X_<i-1>")
adds("operator twice", ("MAP",), "{0}_i*{0}_i*X_<i-1>")
adds("gate", ("gate",), "X_<i-1>*sigmoid({0}_i*X_<i-1>)")
adds("number a position", ("one",), "X_<i-1>*({0}_i*X_<i-1>)")
adds("concat", ("same",), "{0}_i*concat(X_<i-1>, X_<i-2>)")
adds("concat with numbers", ("same",), "{0}_i*concat(i/L, X_<i-1>)")
adds("start", ("same",), "{0}_i*input")
adds("quotient", (), "X_<i-1>/(1 + X_<i-2>^2)")
adds("maximum", ("same",), "max(X_<i-1>, {0}_i*X_<i-2>)")
adds("bilinear", ("bilinear(c)",), "{0}_i(X_<i-1>, X_<i-2>)", ROWS)
adds("shift", ("same",), "{0}_i*shift(X_<i-1>)", SEQUENCES)
adds(
    "attend", ("attend(2, causal=true)",), "{0}_i(X_<i-1>, X_<i-1>, X_<i-2>)", SEQUENCES
)
adds("pixels", ("pixels > ln > linear(c) > image",), "{0}_i*X_<i-1>", (IMAGE,))
adds("pairs", ("conv((1, 3), c, stride=s)",), "{0}_i*X_<i-1>", (IMAGE,))
adds(
    "spectrum of groups",
    ("conv(3, c, stride=s, groups=2) > gn(2)",),
    "{0}_i*X_<i-1>",
    (IMAGE,),
)

# -------------------------------------------------------------------------- learned numbers


def learns(name: str, declared: str, term: str) -> None:
    def change(d: Draft) -> None:
        d.lines.append(declared)
        d.terms.append(term)

    FEATURES[name] = ALL, change


learns("vector", "vector v_i = 0.5", " + v_i*W_i*X_<i-1>")
learns("vector of all", "vector w = 0.5", " + w*X_<i-1>")
learns("vector of a block before", "vector u_i = 0.5", " - u_<i-1>*X_<i-2>")
learns("scalar", "scalar a_i = 1/i", " + a_i*W_i*X_<i-1>")
learns("scalar of all", "scalar b = 0.3", " + (1 - b)*X_<i-1>")
learns("list", "scalar l_i = 0.1", " + sum(k, 1, 2, l_k*X_<i-k>)")
learns("function of a scalar", "scalar e_i = 0.3", " + exp(-e_i^2)*X_<i-1>")
learns("slope", "scalar r_i = 0.2", " + max(X_<i-1>, r_i*X_<i-1>)")

# ------------------------------------------------------------------------------- histories

learns("weighed sum", "scalar y_<i,k> = 1/(i+k+1)", " + sum(k, 0, i-1, y_<i,k>*X_k)")
adds("softmax over depth", ("one",), "sum(k, 0, i-1, softmax(k, {0}_i*X_k)*X_k)")
adds("sum by stage", ("one",), "sum(k, 0, i-1, softmax(k, {0}_i*X_k)*X_k, by=stage)")
adds("mean of all", ("same",), "{0}_i*mean(X_<0..i-1>)")
adds(
    "heads side by side",
    (
        "linear(2) > rotary(1, 9)",
        "linear(8) > rotary(2, turned=2)",
        "beside(2, 1)",
        "same",
    ),
    "{3}_i*{2}_i({1}_i*X_<i-1>, {0}_i*X_0)",
    kinds=SEQUENCES,
)
adds(
    "scores of no key",
    (
        "linear(8) > rotary(2, 9, factor=1+i, length=9)",
        "linear(4)",
        "attend(2, causal=true, sinks=true)",
        "same",
    ),
    "{3}_i*{2}_i({0}_i*X_<i-1>, {0}_i*X_<i-1>, {1}_i*X_0)",
    kinds=SEQUENCES,
)
adds("all side by side", ("same",), "{0}_i*concat(X_<0..i-1>)")
adds("sum of calls", ("same",), "sum(k, 1, i-1, {0}_k*X_<k-1>)")

# --------------------------------------------------------------------- unknowns and blocks


def among(name: str, *lines: str, term: str = "", kinds: tuple[str, ...] = ALL) -> None:
    """Notes a feature that is equations with an operator of its own, `{0}`."""

    def change(d: Draft) -> None:
        letter = d.operator()
        d.equations += (line.format(letter) for line in lines)
        d.terms += [term.format(letter)] * bool(term)

    FEATURES[name] = kinds, change


among("an unknown", "Y_i = {0}_i*X_<i-1>", term=" + Y_i")
among("a memory", "Y_i = 0.5*Y_<i-1> + {0}_i*X_<i-1>", term=" - Y_i")
among("late", "Z_i = 0.9*Z_<i-1> + {0}_i*X_<i-1>", "Z_0 = 0", term=" + tanh(Z_<i-1>)")
among("first blocks", "X_<first> = {0}_<first>*X_<first-1>")
among("one block", "X_2 = {0}_2*X_1 - X_0")
among("a range", "X_<2..3> = X_<i-1> - {0}_i*X_<i-1>")
among("last blocks", "X_<L-1..L> = {0}_i*X_<i-1>")
among("a start", "X_0 = input + {0}_0*input")
among("long skips", "X_<L/2+1..L> = {0}_i*X_<i-1> + X_<L-i>")
among("before the start", "{0}_0*X_<-1> = X_0", term=" - {0}_<i-1>*X_<i-2>")


@feature("halves of a block")
def _(d: Draft) -> None:
    letter = d.operator()
    d.equations.append(f"A_i, B_i = split({letter}_i*X_<i-1>, 2)")
    d.terms.append(" + concat(B_i, A_i)")


@feature("halves of the input")
def _(d: Draft) -> None:
    letter = d.operator(d.map("c/2"))
    d.operators["W"] += f" > {d.map('c/2')}"
    d.keep, d.output = "X_<i-1>", "concat(X_L, Y_L)"
    d.equations += ["X_0, Y_0 = split(input, 2)", f"Y_i = Y_<i-1> + {letter}_i*X_<i-1>"]
    d.terms = [" + W_i*Y_i"]


@feature("older first")
def _(d: Draft) -> None:
    d.keep = d.one("X_<i-2>", "0.5*(X_<i-1> + X_<i-2>)", "X_<i-3>")


@feature("function of all")
def _(d: Draft) -> None:
    d.after = d.one("relu({})", "tanh({})", "sqrt(0.5)*({})", "({})/2")


@feature("operator of all terms")
def _(d: Draft) -> None:
    d.after = f"{d.operator()}_i*({{}})"


# -------------------------------------------------------------- second indices and streams


@feature("times")
def _(d: Draft) -> None:
    d.times = "2"
    d.terms.append(d.one(" + 0.5*X_<i,t-1>", " + W_i*X_<i,t-1>"))


@feature("a recurrence over positions", SEQUENCES)
def _(d: Draft) -> None:
    letter, other = d.operator("linear(c)"), d.operator("linear(c)")
    d.lines.append("times positions")
    d.equations.append(
        d.one(
            f"H_<i,t> = tanh({letter}_i*H_<i,t-1> + {other}_i*X_<i-1,t>)",
            f"H_<i,t> = sigmoid({letter}_i*X_<i-1,t>)*H_<i,t-1> + {other}_i*X_<i-1,t>",
        )
    )
    if d.random.random() < 0.4:
        d.equations.append("H_<i,0> = h_i")
        d.lines.append("vector h_i = 0.1")
    d.terms.append(" + H_i")


@feature("streams", (TOKENS, VECTOR))
def _(d: Draft) -> None:
    d.stem += " > copies(2)"
    if "attention" in d.operators["W"]:
        d.operators["W"] = "ln > linear(c)"
    d.head = f"merge > {d.head}"
    d.operators |= {"A": "weave", "B": "write(2)", "R": "read(1)"}
    d.free.remove("R") if "R" in d.free else None
    d.keep = "A_i*X_<i-1>"
    d.terms.append(" + B_i*W_i*R_i*X_<i-1>")


# --------------------------------------------------------------------- inputs and outputs


@feature("a further input")
def _(d: Draft) -> None:
    d.lines.append("input e = 4")
    letter = d.operator("linear(c)")
    d.terms.append(
        d.one(f" + ({letter}_i*e)*X_<i-1>", f" + tanh({letter}*e)*W_i*X_<i-1>")
    )


@feature("a text", SEQUENCES)
def _(d: Draft) -> None:
    d.lines.append("input z = 5 of 9")
    first, second = d.operator("embed(c)"), d.operator("attend(2)")
    d.terms.append(f" + {second}_i(X_<i-1>, {first}*z, {first}*z)")


@feature("positions", SEQUENCES)
def _(d: Draft) -> None:
    d.stem += d.one(" > positions", " > classtoken > positions" * (d.kind == TOKENS))


@feature("one matrix for ids", (IDS,))
def _(d: Draft) -> None:
    d.head = "ln > unembed(stem)"


@feature("output of a number")
def _(d: Draft) -> None:
    d.lines.append(d.one("vector o_i = 1", "scalar o_i = 0.5"))
    d.output = f"o_L*{d.output}"


@feature("output of all")
def _(d: Draft) -> None:
    d.output = d.one("mean(X_<1..L>)", "X_L + X_<L-1>", "sum(k, 1, L, X_k)")


@feature("output of an operator")
def _(d: Draft) -> None:
    d.output = f"{d.operator()}_L*{d.output}"


@feature("functions in the head")
def _(d: Draft) -> None:
    d.head = f"relu > {d.head}"
