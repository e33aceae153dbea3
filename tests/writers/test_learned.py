"""Functions of learned scalars: what generated modules make of them, against torch."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
import torch.nn.functional as F

import recform

FORMULA = """
input  4
stem   none
head   none
stages 4 x 1
scalar a_i = 0.5
scalar b_i = 0.5
vector e_i = 0.5
X_i = max(e_i, 0)*X_<i-1> + min(a_i, 1)*X_0 + max(a_i, e_i, i/L - 2)*X_0^2 \
    + sigmoid(e_i)*tanh(X_0) + 3/sigmoid(b_i)^2*relu(X_0) + sigmoid(-2*b_i)^3*exp(X_0) \
    + (floor(e_i) - ceil(b_i))*silu(X_0) + abs(b_i)*sigmoid(X_0) \
    + softplus(e_i - 1)*cos(b_i)*gelu(X_0) + relu(a_i)*sin(e_i)/softplus(b_i)*elu(X_0) \
    + softplus(i/L)*softplus(-1)*cos(i)*softplus(X_0)
""".replace("\\\n", "")


def by_hand(a, b, e, x):
    largest = torch.maximum(torch.maximum(a, e), torch.full_like(e, -1))
    return (
        e.clamp(min=0) * x
        + a.clamp(max=1) * x
        + largest * x**2
        + e.sigmoid() * x.tanh()
        + 3 / b.sigmoid() ** 2 * x.relu()
        + (-2 * b).sigmoid() ** 3 * x.exp()
        + (e.floor() - b.ceil()) * F.silu(x)
        + b.abs() * x.sigmoid()
        + F.softplus(e - 1) * b.cos() * F.gelu(x)
        + a.relu() * e.sin() / F.softplus(b) * F.elu(x)
        + math.log(1 + math.e) * math.log(1 + 1 / math.e) * math.cos(1) * F.softplus(x)
    )


def test_functions_of_learned_scalars_are_those_of_torch():
    network = recform.load(FORMULA).double()
    traced = torch.fx.symbolic_trace(network)
    block = network.blocks[0]
    x = torch.randn(3, 4, dtype=torch.float64)
    numbers = [block.a, block.b, block.e]
    for seed in range(3):
        torch.manual_seed(seed)
        with torch.no_grad():
            for number in numbers:
                number.copy_(2 * torch.randn_like(number))
        wanted = by_hand(*numbers, x)
        for made in (network(x), traced(x)):
            assert torch.allclose(made, wanted, rtol=1e-12, atol=1e-12)
            slopes = torch.autograd.grad(made.square().sum(), numbers)
            right = torch.autograd.grad(by_hand(*numbers, x).square().sum(), numbers)
            for one, other in zip(slopes, right, strict=True):
                assert torch.allclose(one, other, rtol=1e-10, atol=1e-10)


def test_the_slope_of_a_sigmoid_is_a_number_everywhere():
    network = recform.load(
        "input 4\nstem none\nhead none\nstages 4 x 1\n"
        "scalar a_i = -200\nX_i = X_<i-1> + sigmoid(a_i)*tanh(X_<i-1>)\n"
    )
    network(torch.randn(2, 4)).sum().backward()
    assert torch.isfinite(network.blocks[0].a.grad).all()


def test_functions_of_learned_scalars_are_verified():
    compiled = recform.compile(
        "input 4\nstages 4 x 2\nscalar a_i = 0.5\nvector e_i = 0.5\n"
        "X_i = max(e_i, 0)*W_i*X_<i-1> + min(a_i, e_i, 1)*X_0\n"
    )
    assert all(check.holds is not False for check in compiled.verify())


def test_the_inverse_is_tried_that_divides_by_a_number_of_each_feature():
    compiled = recform.compile(
        "input 4\nstages 4 x 3\nvector g_i = 0.5\nW = linear(c) > tanh\n"
        "X_i = W_i*X_<i-1> + softplus(g_i)*X_<i-2>\n"
    )
    held = {check.claim: check.holds for check in compiled.verify()}
    assert held["the inverse"] is True


#: Gains of a formula with 3 blocks, and what mpmath makes of them in block i.
GAINS = {
    "softplus(-30-i)": lambda i: mpmath.log1p(mpmath.exp(-30 - i)),
    "softplus(-40*i)": lambda i: mpmath.log1p(mpmath.exp(-40 * i)),
    "softplus(800/i)": lambda i: mpmath.log1p(mpmath.exp(mpmath.mpf(800) / i)),
    "i*softplus(-60)": lambda i: i * mpmath.log1p(mpmath.exp(-60)),
    "softplus(700*i)/(700*i)": lambda i: 1,
    "sigmoid(-1000*i)": lambda i: 1 / (1 + mpmath.exp(1000 * i)),
    "sigmoid(400*i-800)": lambda i: 1 / (1 + mpmath.exp(800 - 400 * i)),
}


@pytest.mark.parametrize("gain", GAINS)
def test_functions_of_the_number_of_a_block_keep_their_digits(gain):
    """Where ``exp`` is small beside 1, and where it is larger than any float."""
    network = recform.load(
        "input 4\nstem none\nhead none\nstages 4 x 3\n"
        f"F = linear(c, bias=false)\nX_i = {gain}*F_i*X_<i-1>\n"
    ).double()
    for i, block in enumerate(network.blocks, 1):
        # In numbers of 700 digits a 1 beside exp(-800) is not lost.
        with mpmath.workdps(700):
            wanted = float(GAINS[gain](i))
        x = torch.ones(1, 4, dtype=torch.float64)
        with torch.no_grad():
            next(block.parameters()).copy_(torch.eye(4))
            assert torch.allclose(block(x), wanted * x, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "equation",
    [
        "scalar a_i = 0.5\nX_i = softplus(a_i - 2)*X_<i-1> + X_0",
        "scalar a_i = 0.5\nX_i = softplus(i*a_i + i/L)*X_<i-1> + X_0",
        "scalar a_i = 720\nX_i = X_<i-1>/(1+softplus(a_i)) + X_0",
        "scalar a_i = -60\nX_i = X_<i-1> + softplus(a_i)*X_0",
        "X_i = softplus(-60)*X_<i-1> + X_0",
    ],
)
def test_softplus_is_verified_far_from_zero(equation):
    compiled = recform.compile(
        f"input 4\nstem none\nhead none\nstages 4 x 2\n{equation}"
    )
    checks = compiled.verify()
    assert {check.holds for check in checks if check.claim != "the inverse"} == {True}
    assert all(check.holds is not False for check in checks)
