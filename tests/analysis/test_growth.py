"""Variances where norms work, against random networks of wide layers."""

from __future__ import annotations

import math

import pytest
import torch

import recform
from recform.variance.variance import Growth, growth, moments
from tests.analysis.test_stability import formula

WIDE = 1024
FRAME = "input 4 x {wide}\nstages {wide} x {depth}\nstem none\nhead none\n"
W = "W = ln > linear(bias=false)\nU = linear(bias=false)\nN = ln\n"
PRE = "X_i = X_<i-1> + W_i*X_<i-1>"
POST = "X_i = N_i*(X_<i-1> + U_i*X_<i-1>)"
TWICE = "X_i = X_<i-1> + W_i*X_<i-1> + 0.5*W_i*X_0"
EQ20 = "X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>"
#: Sums over depth, with weights as they start.
SUMS = "T = ln > linear(bias=false)\nR = rmsnorm\nvector q_i = 0\nvector r = 0\n"
WEIGHED = SUMS + (
    "scalar a_<i,k> = 0.25\nscalar a_<i,i> = 1\nY_i = X_<i-1> + T_i*X_<i-1>\n"
    "X_i = sum(k, 0, i, a_<i,k>*Y_k)\noutput X_L"
)
ATTENDED = SUMS + (
    "Y_i = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, R_i*Y_k))*Y_k)\n"
    "output sum(k, 0, L, softmax(k, dot(r, Y_k))*Y_k)"
)
GROUPED = SUMS + (
    "Y_i = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, P_k))*P_k, by=stage)\n"
    "P_i = P_<i-1> + Y_i\nP_<first> = Y_<first>\n"
    "output sum(k, 0, L, softmax(k, dot(r, P_k))*P_k, by=stage)"
)


def grown(equation: str, depth: int) -> Growth:
    made = formula(FRAME.format(wide=8, depth=depth) + W + equation)
    found = growth(made, moments(made, depth, 1.0), depth)
    assert found is not None
    return found


def measured(equation: str, depth: int) -> float:
    """The variance of the output of a network of random matrices of variance 1/width."""
    return measured_of(FRAME.format(wide=WIDE, depth=depth) + W + equation)


def measured_of(text: str) -> float:
    torch.manual_seed(0)
    module = recform.load(text)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0, 1 / math.sqrt(WIDE))
        x = torch.nn.functional.layer_norm(torch.randn(8, 4, WIDE), (WIDE,))
        return float(module(x).square().mean())


@pytest.mark.parametrize("depth", [1, 3, 6])
@pytest.mark.parametrize("equation", [PRE, POST, TWICE, EQ20])
def test_variances_are_those_of_wide_networks(equation: str, depth: int) -> None:
    found = grown(equation, depth)
    assert found.variance == pytest.approx(measured(equation, depth), rel=0.03)


@pytest.mark.parametrize(
    ("equation", "stages"),
    [(WEIGHED, "{0} x 4"), (ATTENDED, "{0} x 5"), (GROUPED, "{0} x 2, {0} x 2")],
)
def test_variances_of_sums_over_depth(equation: str, stages: str) -> None:
    frame = FRAME.replace("{wide} x {depth}", stages.replace("{0}", "{wide}"))
    made = formula(frame.format(wide=8) + W + equation)
    depth = sum(made.lengths)
    found = growth(made, moments(made, depth, 1.0), depth)
    assert found is not None
    wide = measured_of(frame.format(wide=WIDE) + W + equation)
    assert found.variance == pytest.approx(wide, rel=0.03)


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 17, 40])
def test_a_block_is_diluted_by_those_before_it(depth: int) -> None:
    found = grown(PRE, depth)
    assert found.variance == pytest.approx(depth + 1)
    assert found.last == pytest.approx(1 / (depth + 1))
    # Where the norm stands behind the sum, the stream does not grow, and Eq. (20) keeps
    # the input and its last block.
    assert grown(POST, depth).variance == pytest.approx(1)
    assert grown(EQ20, depth).variance == pytest.approx(2)


def test_a_sum_with_correlated_terms_has_no_share() -> None:
    assert grown(TWICE, 3).last is None


def test_without_norms_nothing_is_said() -> None:
    made = formula(FRAME.format(wide=8, depth=3) + "U = linear\nX_i = U_i*X_<i-1>")
    assert growth(made, moments(made, 3, 1.0), 3) is None
