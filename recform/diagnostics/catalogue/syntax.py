"""RF1: syntax and limits."""

from __future__ import annotations

from recform.diagnostics.catalogue.entry import ONE, Entry

#: A recurrence over positions, of which more is to be said.
POSITIONS = """\
input 8 x 6
stages 6 x 2
times positions
A = linear(c)
B = linear(c)
H_<i,t> = tanh(A_i*H_<i,t-1> + B_i*X_<i-1,t>)
X_<i,t> = X_<i-1,t> + H_<i,t>
output X_L
"""
ENTRIES = {
    "RF101": Entry(
        "not a statement",
        "Something stands where it cannot stand, or is missing at the end.",
        "X_i = X_<i-1> + * W_i",
        ONE,
    ),
    "RF102": Entry(
        "brackets",
        "A bracket is never closed, closes nothing, or closes another kind.",
        "X_i = (1 + W_i*X_<i-1>",
        "X_i = (1 + W_i)*X_<i-1>",
    ),
    "RF103": Entry(
        "too many brackets",
        "Brackets are nested more than 50 deep. Give parts names of their own.",
        "X_i = " + "(" * 51 + "X_<i-1>" + ")" * 51,
        "X_i = W_i*X_<i-1>",
    ),
    "RF104": Entry(
        "a `*` or a `>` is missing",
        "Two factors stand side by side; products are written with `*`, and operators that "
        "follow each other with `>`. What stands behind is read as if the sign were there, so "
        "that all mistakes are told at once.",
        "X_i = X_<i-1> + W_i X_<i-1>",
        ONE,
    ),
    "RF105": Entry(
        "a character without meaning",
        "The language has no use for this character or sign here.",
        "X_i = X_<i-1> + W_i*X_<i-1>;",
        ONE,
    ),
    "RF106": Entry(
        "out of all reason",
        "A number is larger than any network could need, or floats keep no digit of it, as "
        "it is made of numbers that cancel.",
        f"stages 64 x 10^12\n{ONE}",
        f"stages 64 x 12\n{ONE}",
    ),
    "RF107": Entry(
        "unknown statement",
        "No statement starts with this word.",
        f"stagse 64 x 2\n{ONE}",
        f"stages 64 x 2\n{ONE}",
    ),
    "RF108": Entry(
        "statement too long",
        "A statement has 16 Ki characters at most. Write repeated terms with `sum`.",
        "X_i = X_<i-1>" + " + X_<i-1>" * 1700,
        "X_i = W_i*X_<i-1> + sum(k, 1, 3, X_<i-k>)",
    ),
    "RF109": Entry(
        "too much when it is written out",
        "`(1 + W_i)^12` stands for 4,096 terms. They are computed in 12 steps, but what "
        "they do is looked at one by one. What has a name counts once: give parts "
        "equations of their own.",
        "X_i = (1 + W_i)^12*X_<i-1>",
        "Y_i = (1 + W_i)^6*X_<i-1>\nX_i = (1 + W_i)^6*Y_i\noutput X_L",
    ),
    "RF110": Entry(
        "too many of a kind",
        "A file has 64 networks at most, and uses 32 others.",
        "".join(f"network N{k}\nX_i = W_i*X_<i-1>\n" for k in range(65)),
        f"network N0\n{ONE}",
    ),
    "RF116": Entry(
        "an argument that a function does not take",
        "Functions of Python's interface look at what they are given before they run. What "
        "`recform.compile` takes beyond its own arguments are parameters of the formula. The "
        "error is a `ValueError`, too.",
        command='python -c "import recform; '
        "recform.compile('X_i = W_i*X_<i-1>', memory=7)\" 2>&1 | sed -n '/RF116/,$p' >&2",
    ),
    "RF117": Entry(
        "a default block that is probably another operator (a warning)",
        "An operator without a definition is the default block. One that has an index for "
        "a part of its name, or differs little from one that is defined, is probably "
        "misspelt; and one with the name of a layer (`LayerNorm`) is probably to be that.",
        "Wide = conv(3, c, stride=s) > bn > relu\nX_i = X_<i-1> + (Wide_i + Wilde_i)*X_<i-1>",
        "Wide = conv(3, c, stride=s) > bn > relu\nX_i = X_<i-1> + (Wide_i + Wide_i)*X_<i-1>",
    ),
    "RF120": Entry(
        "an index elsewhere than below its name",
        "The index of a block stands below its name: `X_i`, `X_0`, `X_<i-1>` or `X_{i-1}`. "
        "Square brackets are those of a call, as papers write them, `g_i[X_<i-1>]`; what "
        "stands above a name is a power.",
        "X[i] = X[i-1] + W[i]*X[i-1]",
        ONE,
    ),
    "RF121": Entry(
        "an arrow between operators",
        "Operators that follow each other have `>` between them.",
        f"W = conv(3, c, stride=s) -> bn\n{ONE}",
        f"W = conv(3, c, stride=s) > bn\n{ONE}",
    ),
    "RF122": Entry(
        "a statement as other languages write it",
        "`W = ...` defines an operator, without a `let` or `def` in front; a number is "
        "declared by `param` (to be changed by `--set`), `const` or `scalar`. The other "
        "statements have no `=` behind their first word. Arguments that are a height and a "
        "width stand in brackets, `conv((1, 3), c)`.",
        f"classes = 100\n{ONE}",
        f"param classes = 100\n{ONE}",
    ),
    "RF123": Entry(
        "networks that keep more than others",
        "The networks of a file are written as one module, in one form. `memory` above the "
        "first network is of all of them.",
        command="printf 'network A\\nmemory lean\\nX_i = W_i*X_<i-1>\\nnetwork B\\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\\n' > net.rf; recform compile net.rf",
    ),
    "RF124": Entry(
        "a recurrence that does not begin with this",
        "`H_<i,0> = h_i` says what an unknown is before the first position: a number, or "
        "learned ones. It has to be one that recurs, and only what recurs with it reads it "
        "at earlier positions: for all others a tensor that is moved has zeros in front.",
        f"{POSITIONS}H_<i,0> = B_i*X_<i-1>\n",
        f"{POSITIONS}vector h_i = 0\nH_<i,0> = h_i\n",
    ),
}
