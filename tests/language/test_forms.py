"""Every construct of the language, compiled, run, and held against the oracle."""

from __future__ import annotations

import pytest
import torch

import recform
from tests.oracle.compare import agree
from tests.thinned import thinned

torch.set_num_threads(1)

#: Small enough that a form takes a moment; the shape changes once.
FRAME = """
input  3 x 8 x 8
stem   conv(3, 4) > bn > relu
stages 4 x 3, 6 x 3 / 2
"""
FLAT = """
input  3 x 8 x 8
stem   conv(3, 4) > bn > relu
stages 4 x 5
"""
STAGED = FRAME + "scope stage\n"

FORMS = {
    "one line": FRAME + "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "Eq. (3)": FRAME + "X_i = relu(F_i(X_<i-1>))",
    "Eq. (7)": FRAME + "X_i = relu(X_<i-1> + F_i(X_<i-1>))",
    "Eq. (7), theta": FRAME + "X_i = relu(X_<i-1> + F(X_<i-1>, theta_i))",
    "Eq. (1)": FRAME + "y_<i+1> = f_<i+1>(y_i)*t_<i+1>(y_i) + y_i*(1 - t_<i+1>(y_i))",
    "Eq. (20), boundary": FRAME
    + "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\nX_1 = (1+W_1)*X_0",
    "Eq. (20), activation": FRAME
    + "X_i = relu((1+W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\nW_0*X_<-1> = X_0",
    "A.5 as printed": FRAME
    + "X_i = relu((1+W_i)*X_<i-1>) - (1+W_<i-1>)*X_<i-2>\n(1+W_0)*X_<-1> = X_0",
    "Eq. (21)": FRAME + "X_i = W_i*X_<i-1> + X_0",
    "A.4.1": FRAME + "X_i = W_i*X_<i-1> + X_<i-2>",
    "A.4.2": FRAME + "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>",
    "RevNet": FRAME
    + "A_i = A_<i-1> + F_i*B_<i-1>\nB_i = B_<i-1> + G_i*A_i\n"
    + "A_0, B_0 = split(input, 2)\noutput concat(A_L, B_L)",
    "a number beside a tensor": FLAT + "X_i = X_<i-1> + W_i*concat(X_<i-1>, i/L)",
    "numbers between tensors": FLAT
    + "X_i = X_<i-1> + U_i*concat(1/2, X_<i-1>, i, 2, W_<i-1>*X_<i-2>)\n"
    + "U = conv(1, c)\nX_1 = U_1*concat(X_0, 7)",
    "a number beside a tensor, said for the next block": FLAT
    + "X_<i+1> = X_i + U_<i+1>*concat(W_i*X_<i-1>, X_i, i^2) + W_<i+1>*X_i",
    "momentum": FRAME
    + "const gamma = 0.9\nV_i = gamma*V_<i-1> + (1-gamma)*F_i*X_<i-1>\n"
    + "X_i = X_<i-1> + V_i\nV_0 = 0",
    "learned scalars": FRAME
    + "scalar k_i = 0.5\nX_i = (1-k_i)*X_<i-1> + k_i*X_<i-2> + W_i*X_<i-1>",
    "per channel": FRAME
    + "scalar k_i = 0.5 per channel\nX_i = k_i*X_<i-1> + W_i*X_<i-1>",
    "per channel, in a sum": FLAT
    + "scalar b_i = -2 per channel\nscalar d = 1 per channel\n"
    + "X_i = sigmoid(W_i*X_<i-1> + b_i) + d*X_<i-1>",
    "per channel for all, in a sum": FLAT
    + "scalar d = 1 per channel\nX_i = W_i*X_<i-1> + d",
    "names with a prime": FRAME + "X_i = X_<i-1> + W_i*X_<i-1> - W'_i*X_<i-1>",
    "one scalar for all": FRAME
    + "scalar k = 0.5\nX_i = k*X_<i-1> + tanh(k)*W_i*X_<i-1>",
    "scalar of the block before": FLAT
    + "scalar k_i = 0.5\nX_i = W_i*X_<i-1> + k_<i-1>*X_<i-1> + k_<i-2>*k_i*X_<i-2>",
    "i in what the first block reads": FLAT
    + "X_i = i*X_<i-1> + X_<i-2> + W_i*X_<i-1> - W_<i-1>*X_<i-2>",
    "i in what each stage's first block reads": STAGED
    + "X_i = (i+1)*X_<i-1> + X_<i-2> + W_i*X_<i-1> - W_<i-1>*X_<i-2>",
    "i in what the output reads": FLAT
    + "X_i = X_<i-1> + W_i*X_<i-1>\nA_i = i*X_i + (i + 2)*X_<i-1>\noutput A_L",
    "i and L": FRAME + "X_i = X_<i-1> + sqrt(i/L)*W_i*X_<i-1>",
    "i of the block before": FLAT
    + "const a_i = 1/(i+1)\nX_i = W_i*X_<i-1> + a_i*X_<i-1> + a_<i-1>*X_<i-2>",
    "learned and i": FLAT
    + "scalar k_i = 0.5\nX_i = X_<i-1> + k_i*sqrt(i/L)*W_i*X_<i-1>",
    "Euler step": FLAT + "X_i = X_<i-1> + U*X_<i-1>/L",
    "Euler step, staged": STAGED
    + "scalar a = 0.5\nX_0 = a*input/L\nX_i = X_<i-1> + U*X_<i-1>/L\noutput a*X_L/L + L",
    "L alone": FLAT + "X_i = X_<i-1> - X_<i-2>/L + L",
    "same weights twice": FLAT + "X_i = (1 + W_i + W_i*W_i)*X_<i-1>",
    "same weights twice, staged": STAGED + "X_i = (1 + W_i + W_i*W_i)*X_<i-1>",
    "same weights twice, stages in a row": FRAME + "X_i = (1 + W_i + W_i*W_i)*X_<i-1>",
    "one module on two blocks": FRAME + "X_i = (1 + W_i)*X_<i-1> - 0.5*W_i*X_<i-2>",
    "one module on three blocks": FRAME.replace("4 x 3", "4 x 3, 5 x 1 / 2")
    + "X_i = W_i*X_<i-1> + W_i*(0.5*X_<i-2>) + relu(W_i*tanh(X_<i-3>))",
    "one module on a sum": FRAME
    + "X_i = X_<i-1> + W_i*(X_<i-1> + X_<i-2>) + W_i*(X_<i-3> - X_<i-2>)",
    "a second call, stages in a row": FRAME + "X_i = X_<i-1> + W_<i-1>*X_<i-1>",
    "second call": FLAT + "X_i = X_<i-1> + W_<i-1>*X_<i-1>",
    "module of an earlier block": FLAT + "X_i = X_<i-1> + W_<i-2>*X_<i-1>",
    "shared over depth": FLAT + "X_i = relu(W*X_<i-1> + U*X_0)",
    "shared, staged": STAGED + "W = conv(3, c) > bn\nX_i = relu(W*X_<i-1> + U_i*X_0)",
    "sum": FRAME
    + "scalar a_i = 0.3\nX_i = X_<i-1> + sum(k, 1, 3, a_k*W_<i-k>*X_<i-k-1>)",
    "prod": FLAT + "X_i = X_<i-1> + prod(k, 0, 1, W_<i-k>)*X_<i-2>",
    "concat": FLAT + "X_i = W_i*concat(X_<0..i-1>)\noutput concat(X_<0..L>)",
    "concat, staged": STAGED + "X_i = W_i*concat(X_<0..i-1>)",
    "concat of two": FLAT + "X_i = W_i*concat(X_<i-1>, X_<i-2>)",
    "history, sum": FLAT + "X_i = W_i*sum(X_<0..i-1>)",
    "history, sum with a body": FLAT
    + "X_i = W_i*X_<i-1> + sum(k, 1, i-1, U_k*X_<k-1>)",
    "history, max and mean": FLAT + "X_i = W_i*max(X_<0..i-1>) + mean(X_<0..i-1>)",
    "functions": FRAME
    + "X_i = gelu(W_i*X_<i-1>) + silu(X_<i-1>)*sigmoid(U_i*X_<i-1>) - tanh(X_<i-1>)",
    "max, min, mean": FRAME
    + "X_i = max(X_<i-1>, W_i*X_<i-1>) + min(X_<i-1>, X_<i-2>)"
    + " + mean(W_i*X_<i-1>, X_<i-2>)",
    "tensor*tensor": FRAME + "X_i = X_<i-1> + W_i*X_<i-1>*X_<i-2>",
    "powers": FLAT + "X_i = 0.5*(W_i^2*X_<i-1>) + 0.1*X_<i-1>^2",
    "third order": FRAME + "X_i = W_i*X_<i-1> + 0.5*X_<i-2> - 0.25*U_i*X_<i-3>",
    "fourth order": FLAT + "X_i = W_i*X_<i-1> + X_<i-4>",
    "formed early": FLAT + "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2> + X_<i-2>",
    "formed early, changing shape": FRAME
    + "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2> + X_<i-2>",
    "formed early twice": FLAT
    + "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2> + X_<i-2> + W_<i-2>*X_<i-3> + X_<i-3>",
    "lags 4 and 7": "input 3 x 8 x 8\nstages 4 x 45\n"
    + "X_i = W_i*X_<i-4> + X_<i-7> + X_0",
    "long memory": "input 3 x 8 x 8\nstages 4 x 9, 6 x 5 / 2\n"
    + "X_i = W_i*X_<i-5> + X_<i-1> + X_0",
    "three chains": "input 3 x 8 x 8\nstages 4 x 11\n"
    + "X_i = W_i*X_<i-3> + X_0\noutput X_L + X_<L-1> + X_<L-2>",
    "a constant sum": FLAT
    + "X_i = X_0 + W_i*X_<i-3> + Z_<i-1>\nZ_i = X_0 + U_i*X_<i-3> + X_0\noutput Z_L",
    "nothing dead": FRAME + "X_i = X_<i-1> + W_<i-1>*X_<i-2>",
    "sum inside an operator": FRAME + "X_i = W_i*(X_<i-1> + X_<i-2>)",
    "pre-activation": FRAME
    + "W = bn > relu > conv(3, c, stride=s)\nX_i = X_<i-1> + W_i*X_<i-1>",
    "LaTeX": FRAME
    + "X_{i} = \\left(1 + W_{i}\\right) \\cdot X_{i-1} - W_{i-1} \\cdot X_{i-2}",
    "zero-padded shortcuts": FRAME
    + "adapter zeropad(c, stride=s)\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "pooled shortcuts": FRAME
    + "adapter avgpool(s) > conv(1, c) > bn\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "split and L": FLAT
    + "A_0, B_0 = split(input, 2)\nA_i = B_<i-1> + U_i*A_<i-1>/L\nB_i = A_<i-1> - i/L\n"
    + "output concat(A_L, B_<L-1>)",
    "split of what a block makes": FLAT
    + "U_i, V_i = split(W_i*X_<i-1>, 2)\nX_i = X_<i-1> + concat(V_i, relu(U_i)*V_i)",
    "split of older blocks, and stages": FRAME
    + "U_i, V_i = split(W_i*X_<i-1>, 2)\nX_i = X_<i-1> + P_i*U_i + Q_i*V_<i-1>\n"
    + "V_0 = 0\noutput X_L",
    "ids": "input 6 of 9\nstages 8 x 3\nstem embed(c)\nX_i = X_<i-1> + W_i*X_<i-1>",
    "start with an operator": FLAT + "X_i = X_<i-1> + W_i*X_<i-1>\nX_0 = W_0*input",
    "a named later block": FLAT + "X_i = W_i*X_<i-1> + X_1\nX_1 = W_1*X_0",
    "tokens": "input 5 x 6\nstages 8 x 3\nX_i = X_<i-1> + W_i*X_<i-1>",
    "vectors": "input 7\nstages 8 x 3\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "no stem, no head": "input 4 x 8 x 8\nstem none\nhead none\nstages 4 x 3\n"
    + "X_i = X_<i-1> + W_i*X_<i-1>",
    "one block": "input 3 x 8 x 8\nstages 4 x 1\nX_i = X_<i-1> + W_i*X_<i-1>",
    "one block a stage": "input 3 x 8 x 8\nstages 4 x 1, 6 x 1 / 2, 8 x 1 / 2\n"
    + "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
}


@pytest.mark.parametrize("name", thinned(FORMS, 2))
def test_form(name: str) -> None:
    agree(FORMS[name])


#: The last stage has one block, so nothing comes after it to mend a wrong shape.
SHORT = "input 3 x 8 x 8\nstem conv(3, 4)\nstages 4 x 3, 6 x 1 / 2\n"


@pytest.mark.parametrize(
    "formula",
    [
        "X_i = X_<i-1> + W_<i-1>*X_<i-1>",
        "X_i = X_<i-1> + W_<i-1>*X_<i-2>",
        "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
        "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2> + X_<i-2>",
        "X_i = W_i*X_<i-1> + X_0",
        "V_i = 0.9*V_<i-1> + F_i*X_<i-1>\nX_i = X_<i-1> + V_i\nV_0 = 0\noutput X_L",
    ],
)
def test_a_stage_hands_on_what_it_declares(formula: str) -> None:
    """The shape by the rule of the language: the stage's width, on a strided grid."""
    item = agree(SHORT + formula)
    assert [stage.shape.sizes for stage in item.graph.stages] == [(4, 8, 8), (6, 4, 4)]
    assert item.graph.final.sizes == (6, 4, 4)


@pytest.mark.parametrize(
    "text",
    [
        "X_<first> = D_<first>*X_<first-1>\nX_i = X_<i-1> + W_i*X_<i-1>",
        "X_<first> = D_<first>*X_<first-1>\nX_i = X_<i-1> + W_i*X_<i-1> + U_i*X_<i-2>",
        "X_<first> = D_<first>*X_<first-1>\nX_3 = D_3*X_1\nX_i = X_<i-1> + W_i*X_<i-1>",
        "scope stage\nX_<first> = D_<first>*X_<first-1>\nX_i = X_<i-1> + W_i*X_<i-1>",
        "X_<2..5> = D_i*X_<i-1> + U_i*X_<i-2>\nX_i = X_<i-1> + W_i*X_<i-1>",
        # Histories of single blocks.
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_3 = W_3*mean(X_<0..2>)",
        "scope stage\nX_i = X_<i-1> + W_i*X_<i-1>\nX_2 = W_2*concat(X_<0..1>)",
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_3 = sum(k, 0, 2, W_<k+1>*X_k)",
        "X_<1..3> = D_i*X_<i-1>\nX_2 = W_2*X_1\nX_i = X_<i-1> + U_i*X_<i-2>",
    ],
)
def test_equations_for_several_blocks(text: str) -> None:
    frame = "input 3 x 16 x 16\nstages 8 x 2, 12 x 3 / 2, 16 x 2 / 2\n"
    agree(f"{frame}D = conv(1, c, stride=s)\n{text}\n")


def test_first_blocks_that_are_alike_share_a_step() -> None:
    frame = "input 3 x 16 x 16\nstages 8 x 2, 12 x 3 / 2, 16 x 2 / 2, 24 x 4\n"
    item = agree(
        f"{frame}D = conv(1, c, stride=s)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_<first> = D_<first>*X_<first-1>\n"
    )
    assert [str(step.role) for step in item.recurrence.steps] == ["opening", "regular"]


def test_numbers_of_stages_and_blocks() -> None:
    agree(
        "input 3 x 16 x 16\nstages 8 x 2, 12 x 3 / 2, 16 x 2 / 2\n"
        "const kernel = (3, 1, 5) per stage\n"
        "const inner = (2, 3, 4, 5, 6, 7, 8) per block\n"
        "W = conv(kernel, inner) > bn > relu > conv(3, c, stride=s) > bn\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\n"
    )


def test_a_comma_may_end_a_list_in_brackets() -> None:
    text = """stages 4 x 2, 6 x 2 / 2
const kernel = (
    1,
    3{0}
) per stage
U(width=c{0}) = conv(kernel, width{0})
W = U(width=c{0}) > bn
X_i = max(X_<i-1>, W_i(X_<i-1>{0}){0})
"""
    one, other = (recform.compile(text.format(comma)) for comma in ("", ","))
    assert one.formula.equations[0].right == other.formula.equations[0].right
    assert str(one.module()) == str(other.module())


@pytest.mark.parametrize("factor", ["(1+W_i)", "(1+W_i)^1", "W_i^(2-1)"])
def test_the_first_power_of_an_operator_calls_it_once(factor: str) -> None:
    made = recform.compile(f"X_i = {factor}*X_<i-1>")
    assert len(made.formula.stages) == 4
    assert len(recform.compile("X_i = (1+W_i)^2*X_<i-1>").formula.stages) == 1


def test_a_product_of_many_sums_is_not_multiplied_out() -> None:
    """Forty of them would be 2^40 products, when it is asked what operators meet."""
    right = "*".join(f"({k} + A_i*X_<i-1>)" for k in range(1, 41))
    compiled = recform.compile(f"input 4\nstages 4 x 2\nA = linear(c)\nX_i = {right}")
    assert compiled.source.count("self.A(") == 1
