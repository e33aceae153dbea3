"""What a newcomer is told to write instead: one mistake, one cause, and its mending."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch

import recform
from tests.diagnostics.mistakes import ONE, mistakes

RECUR = """input 8 x 6
stages 6 x 4
times positions
G = linear(c)
scalar a_i = 0.5
H_<i,t> = a_i*H_<i,t-1> + G_i*X_<i-1,t>
K_<i,t> = a_i*K_<i,t-1> + X_<i-1,t>
X_<i,t> = X_<i-1,t> + H_<i,t> + K_<i,t>
output X_L"""

#: A file, the only code that it gets, and words of message and hint.
WRONG = [
    # One tensor, of which a history has one for each block.
    (
        "input 4\nstages 4 x 4\nB = linear(c)\nX_i = B*input\noutput sum(X_<0..L>)",
        "RF309",
        "X_i is X_1 in each later block",
        "let X_i read an unknown",
    ),
    # What a hint of another mistake was said of.
    (
        "input 3 x 16 x 16\nstages 8 x 2, 16 x 2 / 2, 8 x 2 / (1/2)\n"
        "W = avgpool > linear(10)\nU = upsample(1/s) > conv(3, c)\n"
        "X_<1..L-2> = X_<i-1> + W_i*X_<i-1>\nX_<L-1..L> = X_<i-1> + U_i*X_<i-1>",
        "RF401",
        "cannot be brought to 10",
        "one is an image, the other a vector: an adapter changes sizes alone",
    ),
    (
        "input 6 x 4\nstages 4 x 2\nadapter none\nW = linear(2*c)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>",
        "RF407",
        "the file has no adapter",
        "adapter linear(c)",
    ),
    (
        f"{ONE}\noutput mean(X_<L,1..T>)",
        "RF304",
        "a second index stands here, but no unknown has one",
        "an equation with two indices starts with X_<i,t> = ...",
    ),
    # The end of a history that goes on far beyond the block.
    (
        f"input 4\nstages 4 x 6\n{ONE}\nX_<4..L> = X_<i-1> + W_i*mean(X_<0..L>)",
        "RF301",
        "X_4 is computed from a history that is not complete yet",
        "it can end at 3",
    ),
    # An operator by a name that the file has not, for what comes in.
    (
        "input 3 x 8 x 8\ninput m = 1 x 8 x 8\nstages 4 x 2\nP = bn\n"
        "X_i = X_<i-1> + P*X_<i-1> + m",
        "RF425",
        "this is 1 x 8 x 8",
        "Q_i*m, with Q = conv(1, c, stride=s)",
    ),
    (
        f"stages 8 x 1, 8 x 2\nscalar a_i = j - 1\n{ONE} + a_i*X_<i-2>",
        "RF212",
        "a scalar's start may depend on i and L, and not on j",
        "write it in front of the scalar: j*a_i",
    ),
    (
        f"stages 8 x 1, 8 x 2\nconst k = (1, 2) per stage\nscalar a_i = 2*k\n"
        f"{ONE} + a_i*X_<i-2>",
        "RF212",
        "and not on k, a number of stages or blocks",
        "k*a_i",
    ),
    # The place was one of recform's own text.
    (
        f"conv = dwconv(3)\nstages 8 x 2\nW = conv > bn\n{ONE}",
        "RF203",
        "the file has no `stem`, so it is conv(3, c) > bn > relu",
        "give conv another name, or write stem",
    ),
    (
        "X_i = X_<i-1> + W_i*X_1",
        "RF301",
        "block 1 would need X_1",
        "say it by a boundary equation, X_1 = ...",
    ),
    (
        "D(x) = x*((conv(3))*x)\nX_i = D_i*X_<i-1>",
        "RF214",
        "conv stands here with arguments",
        "A = conv(3)",
    ),
    (
        f"stages 8 x 6\n{ONE}\nX_<3..5> = X_<i-1> + W_i*X_i",
        "RF301",
        "X_3 is computed from itself",
        "",
    ),
    # Equations that are said for a block ahead are told of as they are said.
    (
        "X_<i-1> = X_<i-2> + W_i*X_<i-2>",
        "RF303",
        "block i-1 cannot use W_i: the operator of a later block",
        "did you mean W_<i-1>?",
    ),
    (
        "X_<i+1> = X_<i+1> + W_<i+1>*X_i",
        "RF301",
        "X_<i+1> is computed from itself",
        "did you mean X_i?",
    ),
    (
        "X_<i+1> = W_<i+1>*mean(X_<0..i+1>)",
        "RF301",
        "X_<i+1> is computed from a history",
        "a history ends at i: X_<0..i>",
    ),
    (
        "scalar a_<i,k> = 1\nX_<i+1> = W_<i+1>*X_i + sum(k, 0, i, a_<i,k>*X_k)",
        "RF313",
        "block i+1 has weights of its own: a_<i+1,k>",
        "another number of members",
    ),
    # Operators are defined in equations.
    (
        "F_i = conv(3, c) > bn\nX_i = X_<i-1> + F_i*X_<i-1>",
        "RF214",
        "without an index",
        "write F = conv(3, c) > bn",
    ),
    (
        "stages 16 x 6\nF = conv(3, c)\nF_<1..L-2> = conv(5, c)\n"
        "X_i = X_<i-1> + F_i*X_<i-1>",
        "RF214",
        "F_<1..L-2> = ... is an equation",
        "write A = conv(5, c), and an equation with A_i for these blocks, X_<1..L-2> = ...",
    ),
    (
        "X_i = X_<i-1> + dropout(0.1)(W_i*X_<i-1>)",
        "RF214",
        "by their names",
        "define an operator, A = dropout(0.1), and write A_i(...)",
    ),
    (
        "X_i = X_<i-1> + droppath(0.2*i/L)*W_i*X_<i-1>",
        "RF214",
        "droppath stands here with arguments",
        "define D = droppath(0.2*i/L), and write D_i in its place",
    ),
    (
        "X_i = X_<i-1> + elu(W_i*X_<i-1>, alpha=0.3)",
        "RF214",
        "elu stands here with arguments",
        "define E = elu(alpha=0.3), and write E_i(...)",
    ),
    (
        "Unit(kernel=3) = conv(kernel, c) > bn\nX_i = X_<i-1> + Unit(5)*X_<i-1>",
        "RF214",
        "Unit stands here with arguments",
        "define U = Unit(5), and write U_i in its place",
    ),
    # Equations for some blocks alone.
    (
        "stages 16 x 6\nF_<1..L-2> = W_i*X_<i-1>\nX_i = X_<i-1> + F_i",
        "RF208",
        "F has an equation for some blocks, and none for the others",
        "F_i = ...",
    ),
    (
        "stages 16 x 6\nX_<1..L-2> = X_<i-1> + W_i*X_<i-1>",
        "RF215",
        "no equation of Net is for all blocks",
        "which is for all others: X_i",
    ),
    (
        RECUR,
        "RF230",
        "a_i stands in the recurrence of H over positions and in that of K",
        "give that of K a name and a declaration of its own",
    ),
    # Values.
    (
        f"W = conv(3, 4*c) > pixelshuffle(s)\n{ONE}",
        "RF210",
        "pixelshuffle's scale",
        "one number for all blocks",
    ),
    (f"W = conv(3, c_i)\n{ONE}", "RF212", "no indexed names", "per block"),
    (f"scope stages\n{ONE}", "RF212", "the scope is", "write scope stage"),
    (f"input 1 x 2 x 3 x 4\n{ONE}", "RF212", "one to three", "input 3 x 32 x 32"),
    (
        f"scalar a = 0.5 per stage\n{ONE} + a*X_<i-1>",
        "RF212",
        "`per channel` or one for all",
        "a_i is one for each block",
    ),
    (
        f"stages 6 x 2\nW = conv(3, c) > pixelshuffle(2)\n{ONE}",
        "RF402",
        "4 pixels of each",
        "a multiple of 4",
    ),
    (
        f"input 4 x 6 x 5\nstages 6 x 2\nstem none\nW = pixelunshuffle(2)\n{ONE}",
        "RF402",
        "a grid of 6 x 5",
        "another scale",
    ),
]


@pytest.mark.parametrize(("text", "code", "message", "hint"), WRONG)
def test_what_is_to_be_written(text: str, code: str, message: str, hint: str) -> None:
    (found,) = mistakes(text)
    assert found.code == code
    assert message in found.message
    assert hint in found.hint


def test_a_name_with_equations_of_its_own_is_no_operator() -> None:
    text = "B = conv(3, c)\nX_<1..3> = B > relu\nX_i = X_<i-1> + B_i*X_<i-1>"
    (found,) = mistakes(text)
    assert "equation has no `>`" in found.message


#: A network that divides a grid by 4, and makes it as fine again.
FINER = """input 3 x {0} x {0}
stages 8 x 2, 16 x 2 / 2, 32 x 2 / 2, 16 x 2 / (1/2), 8 x 2 / (1/2)
W = conv(3, c, stride=s)
U = upsample(1/s) > conv(3, c)
X_<1..L/2> = X_<i-1> + W_i*X_<i-1>
X_<L/2+1..L> = {1}"""


@pytest.mark.parametrize(
    "right",
    ["X_<i-1> + U_i*X_<i-1> + X_<L-i>", "W_i*concat(U_i*X_<i-1>, X_<L+1-i>)"],
    ids=["sum", "concat"],
)
def test_sizes_that_come_back_to_themselves(right: str) -> None:
    (found,) = mistakes(FINER.format(18, right))
    assert found.code == "RF401"
    assert "multiples of 4" in found.hint
    recform.compile(FINER.format(20, right)).module()(torch.zeros(1, 3, 20, 24))


VECTORS = "input 4\nstages 4 x 1\nstem none\nhead none\nW = linear(c)\nX_i = "


@pytest.mark.parametrize(
    ("wrong", "code", "meant"),
    [
        ("3*max(X_<i-1>, 0.5)", "RF206", lambda x: 3 * x.clamp(min=0.5)),
        ("3*min(X_<i-1>, 0.5)", "RF206", lambda x: 3 * x.clamp(max=0.5)),
        ("min(X_<i-1> - 1, -1/2)", "RF206", lambda x: (x - 1).clamp(max=-0.5)),
        ("2*max(X_<i-1>, 0)", "RF206", lambda x: 2 * x.relu()),
        ("2*min(X_<i-1>, 0)", "RF206", lambda x: 2 * x.clamp(max=0)),
        (
            "max(1/4, X_<i-1>, -X_<i-1>)",
            "RF206",
            lambda x: x.abs().clamp(min=0.25),
        ),
        ("2^X_<i-1>", "RF205", lambda x: 2**x),
        ("e^(-X_<i-1>)", "RF205", lambda x: torch.exp(-x)),
        ("(1 + L)^(X_<i-1> - 1)", "RF205", lambda x: 2 ** (x - 1)),
    ],
)
def test_a_hint_in_the_place_of_the_mistake_is_what_was_meant(
    wrong: str, code: str, meant: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    (found,) = mistakes(VECTORS + wrong)
    assert found.code == code
    called = re.search(r"(max|min)\(.*\)", wrong)
    text = wrong.replace(called[0], found.hint) if called else found.hint
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(recform.load(VECTORS + text)(x), meant(x))


@pytest.mark.parametrize("number", ["1/2", "1.5", "-1", "-1/2", "-5/2", "16", "-16"])
def test_powers_of_tensors_are_products_roots_and_quotients(number: str) -> None:
    x = torch.rand(5, 4, generator=torch.Generator().manual_seed(0)) + 0.5
    made = recform.load(f"{VECTORS}X_<i-1>^({number})")(x)
    torch.testing.assert_close(made, x ** eval(number))


@pytest.mark.parametrize("number", ["0", "1/3", "17", "-33/2"])
def test_powers_that_are_none(number: str) -> None:
    (found,) = mistakes(f"{VECTORS}X_<i-1>^({number})")
    assert (found.code, found.labels[0].span.text) == ("RF205", f"({number})")


W = "W = conv(3, c) > bn\n"
#: A file, its code, words of the hint, and the file as it is when they are followed.
FOLLOWED = [
    (
        "X_i = add(X_<i-1>, W_i*X_<i-1>)",
        "RF202",
        "write X_<i-1> + W_i*X_<i-1>",
        ONE,
    ),
    (
        "X_i = X_<i-1> + Mul(X_<i-1> - X_0, W_i*X_<i-1>)",
        "RF203",
        "write (X_<i-1> - X_0)*W_i*X_<i-1>",
        "X_i = X_<i-1> + (X_<i-1> - X_0)*W_i*X_<i-1>",
    ),
    (
        "stages 8 x 3\nX_i = W_i*cat(X_<i-1>, X_0)",
        "RF202",
        "write concat(X_<i-1>, X_0)",
        "stages 8 x 3\nX_i = W_i*concat(X_<i-1>, X_0)",
    ),
    (
        r"X_i = X_<i-1> \oplus W_i*X_<i-1>",
        "RF105",
        f"write {ONE}, or concat(A, B) if it puts them side by side",
        ONE,
    ),
    (
        "X_i = X_<i-1> + dropout(W_i*X_<i-1>, p=0.1)",
        "RF214",
        "define D = dropout(0.1), and write D_i(...)",
        "D = dropout(0.1)\nX_i = X_<i-1> + D_i(W_i*X_<i-1>)",
    ),
    (
        f"W = conv(3, c) > dropout(X, p=0.1)\n{ONE}",
        "RF203",
        "write dropout(0.1)",
        f"W = conv(3, c) > dropout(0.1)\n{ONE}",
    ),
    (
        f"W = conv(3, c) > relu(x)\n{ONE}",
        "RF203",
        "write relu",
        f"W = conv(3, c) > relu\n{ONE}",
    ),
    (
        f"{W}X_i = X_<i-1> + W_i*Conv2d(3)(X_<i-1>)",
        "RF214",
        "define an operator, A = conv(3), and write A_i(...)",
        f"{W}A = conv(3)\nX_i = X_<i-1> + W_i*A_i(X_<i-1>)",
    ),
    (
        "X_i = X_<i-1> + conv(X_<i-1>)",
        "RF203",
        "define an operator, such as C = conv(3), and write C_i in its place",
        "C = conv(3)\nX_i = X_<i-1> + C_i(X_<i-1>)",
    ),
    (
        "X_i = X_<i-1> + W_i*X_<i-1>/sqrt(c)",
        "RF201",
        "write a, with `param a = 0.5`",
        "param a = 0.5\nX_i = X_<i-1> + W_i*X_<i-1>/sqrt(a)",
    ),
    (
        "X_i = X_<i-1> + s_i*W_i*X_<i-1>",
        "RF201",
        "write a_i, with `scalar a_i = 0.5` (learned)",
        "scalar a_i = 0.5\nX_i = X_<i-1> + a_i*W_i*X_<i-1>",
    ),
    (
        "stages 8 x 1\nX_1 = 0\nX_i = W_i*X_<i-1> + X_<i-2>",
        "RF305",
        "something comes through 2 blocks: stages ... x 2",
        "stages 8 x 2\nX_1 = 0\nX_i = W_i*X_<i-1> + X_<i-2>",
    ),
    (
        "stages 8 x 1\nX_1 = 0\nX_i = W_i*X_<i-1>",
        "RF305",
        "leave out X_1 = 0",
        "stages 8 x 1\nX_i = W_i*X_<i-1>",
    ),
]


@pytest.mark.parametrize(("wrong", "code", "hint", "mended"), FOLLOWED)
def test_what_is_to_be_written_compiles(
    wrong: str, code: str, hint: str, mended: str
) -> None:
    (found,) = mistakes(wrong)
    assert (found.code, hint in found.hint) == (code, True), found
    _ = recform.compile(mended).source


@pytest.mark.parametrize(
    ("equation", "code", "message"),
    [
        (
            "X_i = X_<i-1> + a_L*W_i*X_<i-1>",
            "RF301",
            "block i cannot use the scalar a_L",
        ),
        ("X_i = W_i*X_<i-1> + a_<L-1>", "RF301", "the scalar a_<L-1>"),
        (f"{ONE}\nX_2 = a_L*X_1", "RF301", "X_2 cannot use the scalar a_L"),
        (f"{ONE}\nX_2 = W_L*X_1", "RF301", "X_2 cannot use the operator W_L"),
        (f"{ONE}\nX_<1..2> = a_L*X_<i-1>", "RF303", "X_1 cannot use the scalar"),
        (f"{ONE}\nX_<L-1..L> = W_L*X_<i-1>", "RF303", "cannot use the operator"),
    ],
)
def test_what_belongs_to_the_last_block(equation: str, code: str, message: str) -> None:
    text = f"stages 6 x 3\nscalar a_i = 0.5\n{equation}"
    if "a_" not in equation:
        text = text.replace("scalar a_i = 0.5\n", "")
    found = mistakes(text)[0]
    assert found.code == code and message in found.message
