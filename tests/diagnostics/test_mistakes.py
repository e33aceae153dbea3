"""What recform answers to mistakes: fast, without a traceback, at the right place."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from tests.diagnostics.mistakes import ONE, mistakes

TWO = "input 4\nstages 4 x 2\nW = linear(c)\nB = bilinear\n"

DEFINED = "input 4\nstages 4 x 2\nD(x, y) = x*F*y where F = linear(cin)\n"


PLACES = [
    ("X_i = X_<i-1> + W_i", "RF204", "W_i"),
    ("X_i = X_<i-1>*W_i", "RF205", "W_i"),
    ("f = conv(3, c)\nf_i = f_i(X_<i-1>)", "RF209", "f_i"),
    (
        "param isinstance = 5\nhead avgpool > linear(isinstance)\n" + ONE,
        "RF209",
        "param isinstance = 5",
    ),
    ("param k' = 5\nhead avgpool > linear(k')\n" + ONE, "RF209", "param k' = 5"),
    ("network isinstance\n" + ONE, "RF209", "network isinstance"),
    ("G(x) = y*x where scalar x = 2, y = x\nW = G\n" + ONE, "RF209", "x"),
    ("G(x, a=2) = a*x where a = x\nW = G\n" + ONE, "RF209", "a"),
    ("W = conv(3, c) > dropout(i/L)\nX_i = W*X_<i-1>", "RF218", "W"),
    (
        "head avgpool > dropout(0.5/L) > linear(3)\n" + ONE,
        "RF218",
        "avgpool > dropout(0.5/L) > linear(3)",
    ),
    ("stem conv(3, c) > dropout(i/L)\n" + ONE, "RF218", "conv(3, c) > dropout(i/L)"),
    (
        "stages 8 x 2\nA_L, B_0 = split(input, 2)\nA_i = A_<i-1> + W_i*B_<i-1>\n"
        "B_i = A_<i-1>",
        "RF217",
        "A_L",
    ),
    (
        "stages 8 x 2\nA_0, B_<L-1> = split(input, 2)\nA_i = A_<i-1> + W_i*B_<i-1>\n"
        "B_i = A_<i-1>",
        "RF217",
        "B_<L-1>",
    ),
    ("W = a': conv(3, c)\n" + ONE, "RF212", "a'"),
    # It has no weights, but is made for so many features.
    (
        "input 4\nstages 4 x 1, 6 x 1\nW = linear(c)\nN = ln(affine=false)\n"
        "X_i = W_i*X_<i-1> + N*W_i*X_<i-1>",
        "RF406",
        "N*W_i*X_<i-1>",
    ),
    # So is what a definition, or a recurrence over positions, calls twice.
    (
        "input 4\nstages 4 x 2\nX_i = X_<i-1> + D_i*X_<i-1>\n"
        "D(x) = S*concat(P*x, P*Q*x) where P = linear(4), Q = linear(8), S = linear(4)",
        "RF406",
        "P*Q*x",
    ),
    (
        "input 5 x 6\nstem none\nstages 8 x 2\ntimes positions\nN = linear(c)\n"
        "X_<i,t> = H_<i,t>\nH_<i,t> = tanh(N_i*X_<i-1,t> + N_i*H_<i,t-1>)\noutput X_L",
        "RF406",
        "N_i*H_<i,t-1>",
    ),
    # Nor is it one where features are in another place, and code says where.
    (
        "input 3 x 4 x 4\nstages 4 x 1\nhead none\nK = pixels\nM = image\nG = ln\n"
        "X_i = (G_i*X_<i-1>)*(M*G_i*K*X_<i-1>)",
        "RF406",
        "G_i*K*X_<i-1>",
    ),
    (
        "stages 4 x 2\nP = avgpool > linear(c)\nG(x) = x + v*x where vector v = 1\n"
        "X_i = X_<i-1> + (G_i*X_<i-1>)*(G_i*P_i*X_<i-1>)",
        "RF406",
        "G_i*P_i*X_<i-1>",
    ),
    (
        "stages 4 x 3\nhead linear(3)\nP = avgpool\nF = bn\nW = conv(3, c)\n"
        "X_i = X_<i-1> + W_i*F*X_<i-1>\noutput P*X_L + F*P*X_L",
        "RF406",
        "F*P*X_L",
    ),
    (
        "input 5 x 4\nstages 4 x 2\nX_i = X_<i-1> + D_i*X_<i-1>\n"
        "D(x) = (S*x)*(S*P*x) where P = avgpool, S = E\n"
        "E(x) = concat(b, a) where a, b = split(x, 2)",
        "RF406",
        "S*P*x",
    ),
    # A number for each feature stands in front of what has as many, on such a grid.
    (
        "input 8\nstages 8 x 2\nX_i = X_<i-1> + D_i*X_<i-1>\n"
        "D(x) = S*concat(v*x, v*P*x) where P = linear(4), S = linear(c), vector v = 0.5",
        "RF406",
        "v*P*x",
    ),
    (
        "input 5 x 6\nstem none\nstages 8 x 2\ntimes positions\nN = linear(c)\n"
        "A = linear(c)\nP = linear(4)\nvector h_i = 0\nX_<i,t> = H_<i,t>\n"
        "H_<i,0> = h_i\n"
        "H_<i,t> = tanh(N_i*X_<i-1,t> + A_i*(h_i*P_i*H_<i,t-1>))\noutput X_L",
        "RF406",
        "h_i*P_i*H_<i,t-1>",
    ),
    (
        "stages 8 x 2\nX_i = X_<i-1> + D_i*X_<i-1>\n"
        "D(x) = v*x*sigmoid(v + P*x) where P = avgpool, vector v = 0.5",
        "RF406",
        "v*x*sigmoid(v + P*x)",
    ),
    (
        "stages 8 x 2\nP = avgpool\nvector v_i = 0.5\n"
        "X_i = X_<i-1> + v_i*X_<i-1> + v_i*P_i*X_<i-1>",
        "RF406",
        "v_i*P_i*X_<i-1>",
    ),
    (
        "stages 8 x 2\nP = avgpool\nvector v = 0.5\nX_i = X_<i-1> + v*X_<i-1>\n"
        "output v*P*X_L\nhead linear(2)",
        "RF406",
        "v*P*X_L",
    ),
    ("X_i = relu(W_i)", "RF206", "W_i"),
    ("X_i = W_i*concat(X_<i-1>, V_i)\nV = bn", "RF206", "V_i"),
    ("X_i = X_<i-1> + W_i*concat(i, 2/L)", "RF206", "i, 2/L"),
    ("scalar a_i = 1\nX_i = W_i*concat(X_<i-1>, 2*a_i)", "RF206", "2*a_i"),
    ("X_i = W_i*sum(k, 0, i-1, N_i*concat(X_k, k))", "RF314", "k"),
    ("X_i = W_i*sum(k, 0, i-1, concat(X_k, 2))", "RF314", "2"),
    (
        "input 4\nstages 4 x 3\nA = linear(c)\n"
        "X_i = W_i*sum(k, 0, i-1, A_<i,k>(X_<i-1>)*X_k)",
        "RF428",
        "A_<i,k>(X_<i-1>)",
    ),
    (
        "input 4\nstages 3 x 3\nQ_i, K_i = split(A_i*X_<i-1>, 2)\nA = linear(2*i+2)\n"
        "X_i = W_i*sum(k, 0, i-1, Q_<i,k>*X_k) + sum(k, 0, i-1, K_<i,k>*X_k)",
        "RF428",
        "Q_<i,k>",
    ),
    ("X_i = W_i*sum(k, 0, i-1, A_<i,k>*X_k)", "RF313", "A_<i,k>*X_k"),
    (
        "X_i = W_i*sum(k, 0, i-1, A_<i,k>(X_<i-1>)*X_k, by=stage)",
        "RF313",
        "A_<i,k>",
    ),
    (
        "X_i = W_i*sum(k, 0, i-1, tanh(A_<i,k>(X_<i-1>)))",
        "RF314",
        "tanh(A_<i,k>(X_<i-1>))",
    ),
    ("X_i = W_i*X_<i-1> + A_<i,k>(X_<i-1>)", "RF304", "A_<i,k>"),
    (TWO + "X_i = B_i*X_<i-1>", "RF220", "B_i"),
    (TWO + "X_i = X_<i-1> + 2*B_<i-1>*X_<i-1>", "RF220", "B_<i-1>"),
    (TWO + "X_i = B_i(X_<i-1>)", "RF203", "B_i(X_<i-1>)"),
    (TWO + "X_i = B_i(X_<i-1>, X_<i-2>, X_0)", "RF203", "B_i(X_<i-1>, X_<i-2>, X_0)"),
    (TWO + "X_i = B_i(X_<i-1>, 2)", "RF206", "2"),
    (TWO + "X_i = B_i(X_<i-1>, W_i)", "RF206", "W_i"),
    (TWO + "X_i = W_i(X_<i-1>, X_<i-2>)", "RF203", "W_i(X_<i-1>, X_<i-2>)"),
    (TWO + "X_i = bilinear*X_<i-1>", "RF201", "bilinear"),
    (DEFINED + "X_i = D_i*X_<i-1>", "RF220", "D_i"),
    (DEFINED + "X_i = D_i(X_<i-1>)", "RF203", "D_i(X_<i-1>)"),
    (DEFINED + "W = linear(c) > D\n" + ONE, "RF221", "D"),
    (DEFINED.replace("x*F", "input*F") + "X_i = D_i(X_0, X_0)", "RF208", "input"),
    (DEFINED.replace("x*F", "x_1*F") + "X_i = D_i(X_0, X_0)", "RF304", "x_1"),
    (DEFINED.replace("F = ", "y = x, F = ") + "X_i = D_i(X_0, X_0)", "RF209", "y"),
    ("input 4\nstages 4 x 2\nW = linear(c) > bilinear\n" + ONE, "RF221", "bilinear"),
    ("input 4\nstages 4 x 2\nstem bilinear\n" + ONE, "RF221", "bilinear"),
    (
        "input 4\nstages 4 x 2\nB = (bilinear > tanh)\nX_i = B_i(X_0, X_0)",
        "RF221",
        None,
    ),
    (
        'input 4\nstages 4 x 2\nB = "a.b": bilinear > tanh\nX_i = B_i(X_0, X_0)',
        "RF221",
        "bilinear",
    ),
    (
        "input 6 x 4\nstages 4 x 2\nB = bilinear\nP = token(0)\n"
        "X_i = X_<i-1> + B_i(X_<i-1>, P*X_<i-1>)",
        "RF401",
        "bilinear",
    ),
    ("X_i = X_i + W_i*X_<i-1>", "RF301", "X_i"),
    ("X_i = W_i*X_<i+1>", "RF301", "X_<i+1>"),
    ("X_i = W_<i+1>*X_<i-1>", "RF303", "W_<i+1>*X_<i-1>"),
    (ONE + "\nX_3 = W_3*mean(X_<0..3>)", "RF301", "X_<0..3>"),
    (ONE + "\nX_3 = sum(k, 0, 2, W_<k+2>*X_k)", "RF303", "W_<k+2>*X_k"),
    ("stages 8 x 2\nX_i = W_i*X_<i-1> + X_7", "RF302", "X_7"),
    ("X_i = W_i*X_<i-1>\nY_i = W_i*Z_<i-1>", "RF208", "Z_<i-1>"),
    ("X_i = gmma*X_<i-1> + W_i*X_<i-1>\nconst gamma = 1", "RF201", "gmma"),
    ("stages 8 x 0\n" + ONE, "RF403", "0"),
    ("stages 8 x 2 / 1.5\n" + ONE, "RF404", "1.5"),
    ("stages 64 x 10^12\n" + ONE, "RF106", "10^12"),
    ("stages 2^2^2^2^9 x 2\n" + ONE, "RF106", "2^2^2^2^9"),
    ("param p = 2^2^2^2^9\n" + ONE, "RF106", "2^2^2^2^9"),
    ("X_i = W_i*X_<i-1>*9^9^9^9", "RF106", None),
    ("X_i = W_i*X_<i-99999999999999999999>", "RF106", None),
    ("X_i = (1 + W_i*X_<i-1>\n", "RF102", "("),
    ("X_i = 1 + W_i)*X_<i-1>\n", "RF102", ")"),
    ("W = conv(3, c, groups=5)\n" + ONE, "RF402", "conv(3, c, groups=5)"),
    ("network A\nX_i = X_<i-1>\nnetwork A\n" + ONE, "RF209", "network A"),
    ("head avgpool\nX_i = W_i X_<i-1>", "RF104", None),
    ("X_i = exp(1000*i)*X_<i-1> + W_i*X_<i-1>", "RF106", "exp(1000*i)*X_<i-1>"),
    ("X_i = X_<i-1>/(i-1) + W_i*X_<i-1>", "RF211", None),
    ("stages 8 x 2\nconst k = 3 per stage\nX_i = k_i*W_i*X_<i-1>", "RF304", "k_i"),
]


@pytest.mark.parametrize(("text", "code", "place"), PLACES)
def test_code_and_place(text: str, code: str, place: str | None) -> None:
    found = {item.code: item for item in mistakes(text)}
    assert code in found, found
    if place is not None:
        assert found[code].labels[0].span.text == place


def test_all_errors_of_a_file_at_once() -> None:
    text = f"stagse 8 x 2\nW = conv(3, c, strde=2) > bnn\n{ONE}\nY_i = (1 + Y_<i-1>\n"
    syntax = {item.code for item in mistakes(text)}
    assert syntax == {"RF102", "RF107"}
    text = f"W = conv(3, c, strde=2) > bnn\n{ONE}\nY_i = foo(X_i)\nstages 0 x 2\n"
    assert {item.code for item in mistakes(text)} == {"RF202", "RF203", "RF403"}


@pytest.mark.parametrize("stages", ["q x 2", "8 x q", "8 x 2, q x 1"])
@pytest.mark.parametrize("numbers", ["0.5 per stage", "(1, 2, 3) per block"])
def test_numbers_of_stages_with_mistakes(stages: str, numbers: str) -> None:
    """How many there have to be is not known then."""
    text = f"const q = 4\nstages {stages}\nconst m = {numbers}\n"
    (mistake,) = mistakes(f"{text}X_i = m*j*W_i*X_<i-1>")
    assert mistake.code == "RF201"
    assert "param q" in mistake.hint


def test_did_you_mean() -> None:
    for text, guess in [
        ("X_i = rleu(W_i*X_<i-1>)", "relu"),
        (f"stagess 8 x 2\n{ONE}", "stages"),
        (f"W = conv(3, c) > bnn\n{ONE}", "bn"),
        (f"W = conv(3, c, strid=2)\n{ONE}", "stride"),
        (f"init conv = kaiming_norml\n{ONE}", "kaiming_normal"),
        (f'names stam = "."\n{ONE}', "stem"),
    ]:
        assert guess in mistakes(text)[0].hint


@pytest.mark.parametrize(
    ("wrong", "message", "hint"),
    [
        (
            "scalar a",
            "the statement ends too early: '=' is missing",
            "it has a number, as in scalar a = 1",
        ),
        (
            "const g_i: 2",
            "':' cannot stand here: '=' was expected",
            "write const g_i = 2",
        ),
        (
            "scalar = 0.5  # of all",
            "'=' cannot stand here: a name was expected",
            "it has a name, as in scalar a = 0.5",
        ),
        (
            "vector  = 1/i",
            "'=' cannot stand here: a name was expected",
            "it has a name, as in vector a_i = 1/i",
        ),
        (
            "scalar a = = 2",
            "'=' cannot stand here: an expression was expected",
            "one `=` is enough",
        ),
        (
            "network A:",
            "':' cannot stand here: the end of the line was expected",
            "",
        ),
    ],
)
def test_what_is_missing_in_a_declaration(wrong: str, message: str, hint: str) -> None:
    (said,) = mistakes(f"{wrong}\n{ONE}")
    assert (said.code, said.message, said.hint) == ("RF101", message, hint)


@pytest.mark.parametrize(
    ("wrong", "hints"),
    [
        ("W: conv(3, c) > bn", ["write W = conv(3, c) > bn"]),
        ("X_i: X_<i-1> + W_i*X_<i-1>", ["write X_i = X_<i-1> + W_i*X_<i-1>"]),
        ("SE(x): x*tanh(G*x)  # a gate", ["write SE(x) = x*tanh(G*x)"]),
        ("dropout: 0.1\nbias: 3\nlinear(8): 2", ["write param dropout = 0.1",
         "write param bias = 3", "write linear(8) = 2"]),
        ("conv: conv(3,\n  c)", ["write `=` in its place"]),
        ("attention: {heads: 8}", [""]),
        ('"conv": 3', [""]),
        ("conv: (kernel: 3)", [""]),
        ("Note: this is prose", [""]),
    ],
)  # fmt: skip
def test_a_colon_for_the_equals_sign(wrong: str, hints: list[str]) -> None:
    said = mistakes(f"{wrong}\n{ONE}")
    wanted = ("RF101", "':' cannot stand here: '=' was expected")
    assert [(item.code, item.message) for item in said] == [wanted] * len(hints)
    assert [item.hint for item in said] == hints


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (
            "Unit(kernel, width=c) = conv(kernel, width) > bn",
            "Unit(kernel=1, width=c) = conv(kernel, width) > bn",
        ),
        (
            "Unit(x, width=c) = conv(1, width) > bn",
            "Unit(width=c) = conv(1, width) > bn",
        ),
        ("Unit(x) = conv(1, c) > bn", "Unit = conv(1, c) > bn"),
    ],
)
def test_the_hint_keeps_the_arguments_of_a_flow(wrong: str, hint: str) -> None:
    (item,) = mistakes(f"{wrong}\nW = Unit\n{ONE}")
    assert (item.code, item.hint) == ("RF214", hint)
    compile_source(from_text(f"{hint}\nW = Unit\n{ONE}"))


def test_a_tensor_argument_of_an_operator_is_told_before_its_numbers() -> None:
    (item,) = mistakes(f"Unit(x, width=c) = conv(1, width)\nW = Unit\n{ONE}")
    assert (item.code, item.labels[0].span.text) == ("RF214", "Unit(x, width=c)")


@pytest.mark.parametrize(
    ("text", "settings", "place", "label"),
    [
        (ONE, {"classes": -1}, "classes", "from --set classes=-1"),
        (ONE, {"classes": 10**20}, "classes", f"from --set classes={10**20}"),
        (
            f"param w = 16\nparam h = w/2\nstages h x 2\n{ONE}",
            {"w": 1},
            "h",
            "from --set w=1",
        ),
        (
            f"param w = 16\nparam n = 2\nstages w x n\n{ONE}",
            {"w": 8, "n": Fraction(5, 2)},
            "n",
            "from --set n=2.5",
        ),
        (
            f"param g = 1\nstages 8 x 2\nW = conv(3, c, groups=g)\n{ONE}",
            {"g": 3},
            "conv(3, c, groups=g)",
            "from --set g=3",
        ),
        # A mistake that has nothing to do with what was set.
        (f"param w = 16\nstages w x 0\n{ONE}", {"w": 8}, "0", ""),
    ],
)
def test_a_value_that_was_set_is_named(
    text: str, settings: dict[str, Any], place: str, label: str
) -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text, "net.rf"), settings)
    (item,) = caught.value.diagnostics
    assert (item.labels[0].span.text, item.labels[0].text) == (place, label)


@pytest.mark.parametrize(
    ("text", "blind"),
    [
        ("X_i = 0*X_<i-1>", True),
        ("X_i = W_i*(0*X_<i-1>) + 0*X_<i-2>", True),
        ("const z = 0\nX_i = z*relu(W_i*X_<i-1>)", True),
        ("V_i = W_i*V_<i-1>\nX_i = V_i + 0*X_<i-1>\nV_0 = 0*input\noutput X_L", True),
        ("V_i = W_i*V_<i-1>\nX_i = V_i + 0*X_<i-1>\noutput X_L", False),
        ("X_i = 0*X_<i-1>\noutput X_L + X_0", False),
        ("scalar z = 0\nX_i = z*X_<i-1>", False),
        ("X_i = i*X_<i-1>", False),
        ("W_0*X_<-1> = X_0\nX_i = W_<i-1>*X_<i-2> + 0*X_<i-1>", False),
        (ONE, False),
    ],
)
def test_a_network_that_sees_nothing_is_a_warning(text: str, blind: bool) -> None:
    (item,) = compile_source(from_text(f"stages 4 x 3\n{text}", "net.rf"))
    assert [w.code for w in item.warnings] == (["RF310"] if blind else [])
    net = item.module().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1
    assert torch.equal(*net(torch.randn(2, 3, 32, 32))) == blind


def test_late_errors_show_both_places() -> None:
    (item,) = mistakes(f"W = conv(3, c, groups=5)\n{ONE}")
    assert [label.span.text for label in item.labels] == [
        "conv(3, c, groups=5)",
        "W_i*X_<i-1>",
    ]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("conv(3, c, padding=0.5  * 3)", "0.5 * 3"),
        ("conv(3, c, stride=2 ^ 0.5)", "2 ^ 0.5"),
        ("conv((3 , 1/2), c)", "(3 , 1/2)"),
        ("linear(2*0.3)", "2*0.3"),
        ("dropout(0.5*3)", "0.5*3"),
        ("dropout(2*h)", "3"),
        ("gn(c - c)", "c - c"),
    ],
)
def test_an_argument_is_told_as_it_is_written(written: str, told: str) -> None:
    text = f"const h = 1.5\nW = {written}\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text))
    (item,) = caught.value.diagnostics
    assert item.code == "RF210"
    assert item.message.endswith(f", not {told}")


@pytest.mark.parametrize(
    "declared",
    [
        "const k = (3, j) per stage",
        "const k = (3, 5) per channel",
        "const k_i = (3, 5) per stage",
        "const k = 3*j",
        "param k = j",
        "const k = (3, 5, 7) per stage",
    ],
)
def test_a_use_of_a_mistake_is_no_second_mistake(declared: str) -> None:
    """A name whose declaration is wrong is known all the same."""
    found = mistakes(
        f"stages 8 x 2, 8 x 2 / 2\n{declared}\nW = conv(k, c, stride=s)\n{ONE}"
    )
    assert len(found) == 1
    assert found[0].labels[0].span.line == 2


@pytest.mark.parametrize("value", ["0x4x4", "3x4x0", "1000000000000x4x4"])
def test_an_input_that_is_set_underlines_nothing(value: str) -> None:
    """No line of the file says it, and the default line is right."""
    with pytest.raises(CompileError) as caught:
        compile_source(from_text("X_i = W_i*X_<i-1>"), {"input": value})
    (item,) = caught.value.diagnostics
    assert item.code in ("RF403", "RF106")
    assert item.message.endswith(f"from --set input={value}")
    assert item.labels == ()


def test_a_list_of_one() -> None:
    """As Python writes it: brackets alone are those of an expression."""
    text = "stages 4 x 2\nconst k = {} per stage\nW = conv(k, c)\nX_i = W_i*X_<i-1>"
    one, plain = (
        compile_source(from_text(text.format(said)))[0] for said in ("(3,)", "(3)")
    )
    assert one.source.count("nn.Conv2d") == plain.source.count("nn.Conv2d")
    text = (
        "scope stage\nstages 4 x 1, 4 x 1\nnames transition = ({},)\nX_i = W_i*X_<i-1>"
    )
    (made,) = compile_source(from_text(text.format('"between"')))
    assert "self.between" in made.source


def test_a_module_on_two_shapes_may_be_one_for_each_block() -> None:
    text = "stages 8 x 2, 16 x 2 / 2\nX_i = X_<i-1> + U_i*W*X_<i-1>"
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text))
    assert caught.value.diagnostics[0].hint.startswith("W_i is one for each block")
