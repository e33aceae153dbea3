"""Other notations, and mistakes whose hint is a text: what the hint says compiles."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import recform
from recform.diagnostics import CompileError, Diagnostic, Diagnostics
from recform.operators import standard
from recform.source import Source, Span
from recform.syntax.foreign import answered
from tests.warm import recform as run

ONE = "X_i = X_<i-1> + W_i*X_<i-1>"


def mistakes(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(CompileError) as caught:
        _ = recform.compile(text).source
    return caught.value.diagnostics


#: A statement, the rest of its file, the code, and what the hint says to write.
WRITTEN = [
    ("X[i] = X[i-1]", "", "RF120", "X_i = X_<i-1>"),
    ("X[i] = X[i - 1] + W[i]*X[i-1]", "", "RF120", ONE),
    ("x[t] = x[t-1] + W[t]*x[t-1]", "", "RF120", "x_i = x_<i-1> + W_i*x_<i-1>"),
    ("X_i = X[i-1] + relu(W[i]*X[i-1])", "", "RF120",
     "X_i = X_<i-1> + relu(W_i*X_<i-1>)"),
    ("X[0] = input", ONE, "RF120", "X_0 = input"),
    ("output X[L]", ONE, "RF120", "output X_L"),
    ("X^{i} = X^{i-1} + W^{i}*X^{i-1}", "", "RF120", ONE),
    ("X^{(l)} = X^{(l-1)} + W^{(l)}*X^{(l-1)}", "", "RF120", ONE),
    ("x^l = relu(W^l*x^{l-1})^2", "", "RF120", "x_i = relu(W_i*x_<i-1>)^2"),
    ("x^{k} = W_k*x^{k-1} + x_0^{2}", "", "RF120", "x_i = W_i*x_<i-1> + x_0^2"),
    ("X_i = X_(i-1) + W_i*X_( i - 1 )", "", "RF120", ONE),
    ("W = conv(3, c) -> bn  # a -> b", ONE, "RF121", "W = conv(3, c) > bn"),
    ("head avgpool -> linear(10)", ONE, "RF121", "head avgpool > linear(10)"),
    ("W = conv(3, c) |> bn → relu", ONE, "RF121", "W = conv(3, c) > bn > relu"),
    ("W = a: conv(3, c) ->\n  bn", ONE, "RF121", "W = a: conv(3, c) > bn"),
    ("classes = 100", ONE, "RF122", "param classes = 100"),
    ("width = 2*(8 + 8)", ONE, "RF122", "param width = 2*(8 + 8)"),
    ("width = 1e2", ONE, "RF122", "param width = 1e2"),
    ("times = 2", ONE, "RF122", "times 2"),
    ("stages = 8 x 2, 16 x 2 / 2", ONE, "RF122", "stages 8 x 2, 16 x 2 / 2"),
    ("stem = conv(3, c)", ONE, "RF122", "stem conv(3, c)"),
    ("head: avgpool > linear(10)", ONE, "RF122", "head avgpool > linear(10)"),
    ("memory = lean", ONE, "RF122", "memory lean"),
    ("output = X_L", ONE, "RF122", "output X_L"),
    ("use = conv(3, c) > bn", ONE, "RF122", "A = conv(3, c) > bn"),
    ("const = relu", ONE, "RF122", "A = relu"),
    ("scope = bn > relu", ONE, "RF122", "A = bn > relu"),
    ("param = conv(3, c)", ONE, "RF122", "A = conv(3, c)"),
    ("input = 1 x 28 x 28", ONE, "RF122", "input 1 x 28 x 28"),
    ("let a = 3", ONE, "RF122", "param a = 3"),
    (f"let {ONE}", "", "RF122", ONE),
    ("def W = conv(3, c) > bn", ONE, "RF122", "W = conv(3, c) > bn"),
    ("def W(x): return conv(3, c)", ONE, "RF122", "W = conv(3, c)"),
    ("def G(x): return x*tanh(x)", ONE, "RF122", "G(x) = x*tanh(x)"),
    ("W = conv(3x3, c) > conv(1 x 3, c, padding=0×1)", ONE, "RF122",
     "W = conv(3, c) > conv((1, 3), c, padding=(0, 1))"),
    (r"X_i = X_<i-1> + W_i*X_<i-1> \otimes X_<i-1>", "", "RF105",
     "X_i = X_<i-1> + W_i*X_<i-1> * X_<i-1>"),
    ("X_<2..3> = D_i*X_<i-1>", f"stages 8 x 3\n{ONE}\nX_<1..2> = X_<i-1>", "RF207",
     "it as X_<3..3> = D_i*X_<i-1>"),
    ('names step = "a b"', ONE, "RF212", 'names step = "a_b{}"'),
    ('names W = "a-b"', ONE, "RF212", 'names W = "a_b"'),
    ('names stages = "1{}"', ONE, "RF212", 'names stages = "n1{}"'),
]  # fmt: skip


def test_a_label_in_quotes_is_no_notation_of_others() -> None:
    recform.compile(
        f'head "out": avgpool > "fc_1": linear(10)\nstem "a-b": relu\n{ONE}'
    )


@pytest.mark.parametrize(("wrong", "rest", "code", "hint"), WRITTEN)
def test_the_hint_is_a_statement(wrong: str, rest: str, code: str, hint: str) -> None:
    (found,) = mistakes(f"{rest}\n{wrong}")
    assert (found.code, found.hint) == (code, f"write {hint}")
    _ = recform.compile(f"{rest}\n{hint.removeprefix('it as ')}").source


def test_the_first_of_two_ranges_makes_room() -> None:
    rest = f"stages 8 x 4\n{ONE}\n"
    (found,) = mistakes(
        f"{rest}X_<1..4> = D_i*X_<i-1>\nX_<first> = E_<first>*X_<first-1>"
    )
    assert found.message == "X_1 has two boundary equations"
    assert found.hint == "write the first one as X_<2..4> = D_i*X_<i-1>"
    _ = recform.compile(
        f"{rest}X_<2..4> = D_i*X_<i-1>\nX_<first> = E_<first>*X_<first-1>"
    ).source
    twice = "X_<2..3> = D_i*X_<i-1>\n"
    assert {d.hint for d in mistakes(rest + twice + twice)} == {"leave one of them out"}


@pytest.mark.parametrize("left", ["W_0*X_<-1>", "relu(X_<-1>)", "2*X_<-1>"])
def test_two_boundary_equations_of_what_is_no_unknown(left: str) -> None:
    text = "X_i = relu(X_<i-1>) + 2*W_i*X_<i-1> + W_<i-1>*X_<i-2>\n"
    (found,) = mistakes(f"{text}{left} = X_0\n{left} = X_0\n")
    assert found.message == f"{left} has two boundary equations"
    assert found.hint == "leave one of them out"


@pytest.mark.parametrize(
    ("wrong", "said", "mended"),
    [
        ("W = bn > linear(c)", "conv(1, 64, bias=true)", "W = bn > {}"),
        ("head conv(3, 8) > linear(9)", "avgpool > linear(9)", "head conv(3, 8) > {}"),
        ("W = linear(2*c) > relu", "conv(1, 128, bias=true)", "W = {} > relu"),
        ("head linear(10, bias=false)", "avgpool > linear(10, bias=false)", "head {}"),
        ("head linear(10, bias=false)", "conv(1, 10)", "head {} > avgpool"),
        ("head attention(8) > avgpool", "tokens > attention(8)", "head {} > avgpool"),
        ("W = bn > (zeropad(c) > relu)", "zeropad(c) > relu", "W = bn > {}"),
        ("W = bn > a: (zeropad(c) > b: bn)", "zeropad(c) > b: bn", "W = bn > {}"),
        ("head (zeropad(64)) > avgpool", "zeropad(64)", "head {} > avgpool"),
        ('W = "my--conv": conv(3, c)', "my_conv: ", "W = {}conv(3, c)"),
    ],
)
def test_the_hint_has_what_mends_it(wrong: str, said: str, mended: str) -> None:
    frame = "stages 64 x 1\ninput 3 x 8 x 8\nX_i = W_i*X_<i-1>\n"
    (found,) = mistakes(frame + wrong)
    assert said in found.hint
    _ = recform.compile(frame + mended.format(said)).source


@pytest.mark.parametrize(
    "text",
    [
        "G[x] = x*sigmoid[x]\nW = conv(3, c) > G\n" + ONE,
        "X_i = X_<i-1> + sqrt[2]*W_i[X_<i-1>]",
        "U(kernel=3) = conv(kernel, c)\nW = U(1)\n" + ONE,
        "V_i = V_<i-1> + W_i*X_<i-1>\nX_i = V_i\nV_0 = 0",
        "E2 = conv(3, c)\nW = E2\n" + ONE,
        "e1 = conv(3, c)\nW = (e1)\n" + ONE,
        'W = "a0": conv(3, c)\n' + ONE + "  # -> X[i]",
    ],
)
def test_the_language_itself_is_not_foreign(text: str) -> None:
    _ = recform.compile(text).source


@pytest.mark.parametrize(
    ("written", "factor"),
    [
        (r"\frac{1}{2} X_{i-1}", Fraction(1, 2)),
        (r"\frac{1}{2} * X_{i-1}", Fraction(1, 2)),
        (r"\dfrac{3}{1+1} \left(X_{i-1}\right)", Fraction(3, 2)),
        (r"\frac{X_{i-1}}{4}", Fraction(1, 4)),
        (r"-\tfrac{2}{3} X_{i-1}", Fraction(-2, 3)),
        (r"\frac{1}{2}^2*X_{i-1}", Fraction(1, 4)),
    ],
)
def test_a_fraction_as_latex_writes_it(written: str, factor: Fraction) -> None:
    found: Any = recform.compile(f"X_i = W_i*X_<i-1> + {written}")
    wanted = recform.compile(
        f"X_i = W_i*X_<i-1> + ({factor.numerator}/{factor.denominator})*X_<i-1>"
    )
    assert found.formula.equations[0].right == wanted.formula.equations[0].right


def test_a_fraction_of_derivatives(tmp_path: Path) -> None:
    plain = run(tmp_path, "derive", "-", text="dX_L/dX_<L-i> = 1 + W_<L-i+1>")
    latex = run(tmp_path, "derive", "-", text=r"\frac{dX_L}{dX_{L-i}} = 1 + W_{L-i+1}")
    assert latex.returncode == plain.returncode == 0
    assert latex.stdout.splitlines()[-1] == plain.stdout.splitlines()[-1]


def test_an_operator_has_a_capital_letter() -> None:
    (found,) = mistakes("X_i = X_<i-1> + w_i*X_<i-1>")
    assert found.hint.endswith("an operator has a capital letter: W_i")
    _ = recform.compile(ONE)


@pytest.mark.parametrize(
    "text",
    [
        "W = " + " " * 16_000 + "bn",
        "W = " + " " * 8_000 + "1" + " " * 7_000 + "b",
        "X_i = X[i" + " " * 8_000 + "]",
        "X[i-1]+" * 2_000,
        "paths " + "|" * 16_000,
    ],
    ids=lambda text: text[:6],
)
def test_a_long_statement_takes_no_time(text: str) -> None:
    source = Source("net.rf", text)
    start = time.process_time()
    answered(Span(source, 0, len(text)), Diagnostics(), standard())
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("W = conv2d(3, c)\nX_i = W_i*X_<i-1>", "did you mean 'conv'?"),
        ("W = LayerNorm > relu\nX_i = W_i*X_<i-1>", "did you mean 'ln'?"),
        ("X_i = batch_norm(X_<i-1>)", "did you mean 'bn'?"),
        (
            "X_i = sum_{k=0}^{i-1} W_i*X_k",
            "from k = 0 to i-1 it is sum(k, 0, i-1, ...)",
        ),
        (
            r"X_L = X_0 + \prod_{ j = 1 }^L W_j",
            "from j = 1 to L it is prod(j, 1, L, ...)",
        ),
        ("x_i = H_i([x_0, x_1, ..., x_{i-1}])", "concat(X_<0..i-1>)"),
        (r"x_{\ell} = x_{\ell-1}", "write x_{i} = x_{i-1}"),
        ("X_i' = W_i*X_<i-1>", "of X and X', one is Y, or X2"),
        (r"x_\ell = x_{\ell-1}", "blocks are counted by i"),
        ("X_i == W_i*X_<i-1>", "one `=` is enough"),
        ("X_i += W_i*X_<i-1>", "an equation says all of it: X_i = X_<i-1> + ..."),
        ("X_i = W_i*X_<i-1> // residual", "a comment starts with `#`"),
        ("X_i = W_i*X_<i-1>;", "a statement ends with its line"),
        (
            r"X_i = X_{i-1} + \mathcal{F}_i*X_{i-1}",
            r"write the letter alone, without \mathcal",
        ),
        ("input 3, 32, 32\nX_i = W_i*X_<i-1>", "there is an `x` between sizes"),
        ("input 3 32 32\nX_i = W_i*X_<i-1>", "write 3 x 32"),
        ("input [3, 32, 32]\nX_i = W_i*X_<i-1>", "input 3 x 32 x 32"),
        ("stages [16, 32] x [3, 4]\nX_i = W_i*X_<i-1>", "stages 16 x 3, 32 x 4 / 2"),
        ("stages {16} x {3}\nX_i = W_i*X_<i-1>", "stages 16 x 3, 32 x 4 / 2"),
        ("stages: 16 x 3\nX_i = W_i*X_<i-1>", "write stages 16 x 3"),
        ("stages 16 x 3, 8 x 4 stride 2\nX_i = W_i*X_<i-1>", "32 x 4 / 2"),
        ("stages 3 blocks of 16\nX_i = W_i*X_<i-1>", "stages 16 x 3, 32 x 4 / 2"),
        ("stages\nX_i = W_i*X_<i-1>", "stages 16 x 3, 32 x 4 / 2"),
        ("param k = [3, 4]\nX_i = W_i*X_<i-1>", "const k = (3, 5) per stage"),
        (
            "W = conv([3, 3], c)\nX_i = W_i*X_<i-1>",
            "in round brackets: conv((1, 3), c)",
        ),
        ("X_i = X_<i-1> if i > 2 else W_i*X_<i-1>", "X_<2..4> = ..."),
        ("for i in 1..4: X_i = W_i*X_<i-1>", "X_<2..4> = ..."),
        ("x_{l+1} = x_l + F_l(x_l)", "write x_{i+1} = x_i + F_i(x_i)"),
        ("h_<n> = h_<n-1> + F_n*h_<n-1>", "write h_<i> = h_<i-1> + F_i*h_<i-1>"),
        (
            "X_i = X_<i-1> + A_i*Y*X_<i-1>\nX_i = X_i + M_i*relu(X_i)",
            "write Z_i = X_<i-1> + A_i*Y*X_<i-1> and X_i = Z_i + M_i*relu(Z_i)",
        ),
        ("X_i = A_i*X_<i-1>\nX_i = M_i*X_<i-1>", "a name of its own"),
        ("x = x + f(relu(x))", "write x_i = x_<i-1> + f(relu(x_<i-1>))"),
        ("y = x + f*x", "write X_i = X_<i-1> + W_i*X_<i-1>"),
        ("X(i) = X(i-1) + W(i)*X(i-1)", "write X_i = X_<i-1> + W_i*X_<i-1>"),
        ("input = 3*32*32\nX_i = W_i*X_<i-1>", "input 3 x 32 x 32"),
        ("W = conv 3\nX_i = W_i*X_<i-1>", "arguments stand in brackets: conv(3, ...)"),
        ("stages 16 x 3 -> 32 x 3\nX_i = W_i*X_<i-1>", "stages 16 x 3, 32 x 4 / 2"),
        ("X_i = sum(X_k for k in range(i))", "sum(k, 0, i-1, X_k)"),
        ("h_t = tanh(W*h_<t-1>)", "an index is i, i-1, i-2, ... or a number"),
        ("A_i = bn\nX_i = X_<i-1> + A_i*X_<i-1>", "write A = bn"),
        ("X_i = X_<i-1>\nY_i = X_i\nX_i = X_i + Y_i", "a name of its own"),
        ("X_i = X_<i-1> + W_j*X_<i-1>", "an index is i, i-1, i-2, ... or a number"),
    ],
)
def test_signs_and_names_of_other_languages_have_a_hint(text: str, hint: str) -> None:
    with pytest.raises(CompileError) as caught:
        recform.compile(text)
    assert hint in caught.value.diagnostics[0].hint
