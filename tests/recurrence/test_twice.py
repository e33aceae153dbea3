"""When a file without stages gets blocks of one shape."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text

TWO_BLOCKS = (
    "X_i = W_i*X_<i-1> + W_i*X_<i-2>",
    "X_i = (1 + W_i)*X_<i-1> - W_i*X_<i-2>",
    "X_i = W_i*X_<i-1> + W_i*X_0",
    "X_i = X_<i-1> + W_i*(2*X_<i-1>) + relu(W_i*relu(X_<i-3>))",
    "X_i = X_<i-1> + W_i*U_i*X_<i-1> + W_i*X_<i-1>",
    "Y_i = U_i*X_<i-1>\nX_i = W_i*X_<i-1> + W_i*Y_i\noutput X_L",
    "X_i = F(X_<i-1>, theta_i) + F(X_<i-2>, theta_i)",
    "X_i = X_<i-1> + sum(k, 1, 2, W_i*X_<i-k>)",
    "X_i = X_<i-1> + prod(k, 1, 2, W_i)*X_<i-1>",
    "X_i = W_i*X_<i-1> + sum(k, 2, 2, W_i*X_<i-k>)",
    "X_i = sum(m, 1, 1, sum(k, m, 2, W_i*X_<i-k>))",
)
ONE_BLOCK = (
    "X_i = W_i*X_<i-1> + W_<i-1>*X_<i-2>",
    "X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "X_i = W_i*X_<i-1> + W_i*relu(X_<i-1>)",
    "X_i = X_<i-1> + sum(k, 1, 2, W_<i-k>*X_<i-k-1>)",
    "X_i = (A_i + B_i)*X_<i-1> + A_i*relu(X_<i-1>)",
    "X_i = X_<i-1> + U_i*W_i*X_<i-1>",
    "X_i = F(X_<i-1>, theta_i) + F(X_<i-2>, theta_<i-1>)",
    # Over one number there is one of them.
    "X_i = X_<i-1> + prod(k, 1, 1, W_i)*X_<i-1>",
    "X_i = prod(k, 3, 3, 1 + W_i)*X_<i-1>",
    "X_i = X_<i-1> + prod(k, 1, 1, W_i*relu(X_<i-k>))",
    "X_i = X_<i-1> + sum(k, 1, 1, W_i*X_<i-k>)",
    "X_i = W_i*X_<i-1> + sum(k, 1, 2 - 1, W_i*relu(X_<i-k>))",
    "X_i = sum(m, 1, 1, sum(k, m, m, W_i*X_<i-k>))",
)


@pytest.mark.parametrize("text", TWO_BLOCKS)
def test_a_module_on_the_tensors_of_two_blocks(text: str) -> None:
    (network,) = compile_source(from_text(text))
    assert [s.width for s in network.formula.stages] == [64]


@pytest.mark.parametrize("text", ONE_BLOCK)
def test_a_module_on_those_of_one(text: str) -> None:
    (network,) = compile_source(from_text(text))
    assert [s.width for s in network.formula.stages] == [64, 128, 256, 512]
