"""Random sets of paths, in the three ways to say them, each with what it means.

What an ellipsis means is written beside it, as sums and products; recform is not asked.
"""

from __future__ import annotations

from hypothesis import strategies as st

WEIGHTS = ("2", "1/2", "-1", "-1/3", "3/2", "0.5")


@st.composite
def routes(draw: st.DrawFn) -> str:
    """A regular expression; now and then with weights."""
    weighted = draw(st.booleans())

    def part(depth: int) -> str:
        kind = draw(st.integers(0, 9 if depth else 1))
        if kind < 2:
            made = draw(st.sampled_from(("pass", "skip", "U", "V")))
        elif kind < 5:
            made = f"({part(depth - 1)} {part(depth - 1)})"
        elif kind < 7:
            made = f"({part(depth - 1)} | {part(depth - 1)})"
        else:
            times = draw(
                st.sampled_from(("*", "*", "*", "?", "+", "{2}", "{1,2}", "{0,3}"))
            )
            inner = part(depth - 1)
            made = f"({inner}){times}"
        if weighted and draw(st.integers(0, 3)) == 3:
            made = f"([{draw(st.sampled_from(WEIGHTS))}] {made})"
        return made

    return draw(st.sampled_from(("{}", "{} | skip*", "skip* {}", "({})?"))).format(
        part(3)
    )


#: What stands at each block of a row; one with ``1`` may go on without end.
ROWS = (
    "W_<L-{}>",
    "W_<L-{}>",
    "U_<L-{}>",
    "(1 + W_<L-{}>)",
    "(1/2 + U_<L-{}>)",
    "(W_<L-{}> - 2*U_<L-{}>)",
    "(U_<L-{}>*W_<L-{}>)",
    "(1 - W_<L-{}>/3)",
    "(1 + U_<L-{}>*W_<L-{}> + V_<L-{}>)",
)
#: Numbers in front of a term, by its variable.
NUMBERS = (
    "",
    "",
    "",
    "2*",
    "-1/3*",
    "{0}*",
    "{0}^2*",
    "(1/2)^{0}*",
    "(-1)^{0}*",
    "({0} + 1)*2^(-{0})*",
    "floor(({0}+1)/2)*",
    "floor((2*{0}+1)/5)*",
    "max({0}, 3)*",
    "min({0}, 2)*",
    "(i - {0})*",
    "a^{0}*",
    "ceil({0}/3)*",
)


@st.composite
def terms(draw: st.DrawFn) -> str:
    """A term: rows of blocks between variables of sums, the newest first."""

    def row(low: str, high: str) -> str:
        kind = draw(st.sampled_from(ROWS))
        return f"prod(j, {low}, {high}, {kind.replace('{}', 'j')})"

    factors: list[str] = []
    sums: list[tuple[str, str, str]] = []
    low = "0"
    offset = draw(st.sampled_from((0, 0, 0, 1, 2)))
    if offset:
        if draw(st.booleans()):
            factors.append(draw(st.sampled_from(("W_L", "(1 + U_L)", "U_L*W_L"))))
        low = str(offset)
    for number, name in enumerate("km"[: draw(st.sampled_from((0, 1, 1, 1, 2)))]):
        first = draw(st.sampled_from((low, low, f"{low}+1" if number else "1")))
        last = draw(st.sampled_from(("i", "i", "i", "i-1", "i-2", "4")))
        sums.append((name, first, last))
        kind = draw(st.sampled_from(("row", "row", "skip", "at", "both")))
        if kind in ("row", "both"):
            factors.append(row(low, f"{name}-1"))
        low = name
        if kind in ("at", "both"):
            at = draw(st.sampled_from(("W_<L-{}>", "(1 + U_<L-{}>)", "V_<L-{}>")))
            factors.append(at.replace("{}", name))
            low = f"{name}+1"
    if draw(st.booleans()) or not factors:
        factors.append(row(low, draw(st.sampled_from(("i-1", "i-1", "i-2", "i-3")))))
    text = "*".join(factors)
    for name, first, last in reversed(sums):
        weight = draw(st.sampled_from(NUMBERS)).format(name)
        text = f"sum({name}, {first}, {last}, {weight}{text})"
    weight = draw(st.sampled_from(("", "", "", "2*", "-1/2*", "i*", "(1/2)^i*")))
    return weight + text


STEPS = (
    "sum(k, 0, floor(i/2), prod(j, 0, k-1, {}))".format("W_<L-2*j>"),
    "sum(k, 0, floor(i/3), prod(j, 0, k-1, W_<L-3*j>))",
    "sum(k, 0, floor(i/2), prod(j, 0, k-1, W_<L-2*j>*U_<L-2*j-1>))",
    "sum(k, 0, floor((i-1)/2), W_<L-2*k>)",
    "sum(k, 0, floor((i-1)/2), W_<L-2*k>/2^k)",
    "sum(k, 0, floor((i-2)/2), W_<L-2*k>*U_<L-2*k-1>)",
    "sum(k, 1, floor(i/2), W_<L-2*k+1>)",
    "sum(k, 0, floor(i/2), k*W_<L-2*k>)",
    "sum(k, 0, i, W_<L-2*k>)",
)


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """Sums and products."""
    kinds = st.one_of(
        terms(),
        terms(),
        terms(),
        st.sampled_from((*STEPS, "1", "1", "W_L", "W_L*U_<L-1>")),
    )
    parts = draw(st.lists(kinds, min_size=1, max_size=3))
    signs = [draw(st.sampled_from((" + ", " + ", " - "))) for _ in parts[1:]]
    return parts[0] + "".join(s + p for s, p in zip(signs, parts[1:], strict=True))


#: An ellipsis, and what it stands for; ``A`` and ``B`` are operators.
ELLIPSES = (
    ("A_L + A_<L-1> + ... + A_<L-i+1>", "sum(k, 1, i, A_<L-k+1>)"),
    (
        "1 + A_L + A_L*A_<L-1> + ... + A_L*...*A_<L-i+1>",
        "sum(k, 0, i, prod(j, 0, k-1, A_<L-j>))",
    ),
    ("A_L*A_<L-1>*...*A_<L-i+1>", "prod(j, 0, i-1, A_<L-j>)"),
    ("(1 + A_L)*(1 + A_<L-1>)*...*(1 + A_<L-i+1>)", "prod(j, 0, i-1, 1 + A_<L-j>)"),
    ("(1 + A_L)*...*(1 + A_<L-i+1>)", "prod(j, 0, i-1, 1 + A_<L-j>)"),
    ("(A_L + B_L)*...*(A_<L-i+1> + B_<L-i+1>)", "prod(j, 0, i-1, A_<L-j> + B_<L-j>)"),
    (
        "1 + 2*A_L + 4*A_L*A_<L-1> + ... + 2^i*A_L*...*A_<L-i+1>",
        "sum(k, 0, i, 2^k*prod(j, 0, k-1, A_<L-j>))",
    ),
    (
        "1 + 1/2*A_L + 1/4*A_L*A_<L-1> + ... + 1/2^i*(A_L*...*A_<L-i+1>)",
        "sum(k, 0, i, prod(j, 0, k-1, A_<L-j>)/2^k)",
    ),
    ("A_L + 2*A_<L-1> + ... + i*A_<L-i+1>", "sum(k, 1, i, k*A_<L-k+1>)"),
)


@st.composite
def said(draw: st.DrawFn) -> tuple[str, str]:
    """A general formula as it is given, and as sums and products."""
    if draw(st.integers(0, 5)) == 5:
        given, meant = draw(st.sampled_from(ELLIPSES))
        a, b = draw(st.sampled_from(("WU", "UW", "VW")))
        return tuple(
            t.replace("A_", f"{a}_").replace("B_", f"{b}_") for t in (given, meant)
        )
    formula = draw(formulas())
    return formula, formula
