"""What generated code reckons once, and brackets that it does without."""

from __future__ import annotations

import re

import pytest

import recform
from tests.oracle.compare import agree

FRAME = "input 6 x 4\nstages 4 x 4\nstem none\nhead none\nW = linear(c)\n"

#: Equations, and the functions of learned scalars that their code has, in order.
EQUATIONS = {
    "X_i = softplus(a_i)*X_<i-1> + softplus(a_i)*W_i*X_<i-1>": [
        "softplus_a = F.softplus(self.a)"
    ],
    "X_i = (1 - sigmoid(a_i))*X_<i-1> + sigmoid(a_i)*W_i*X_<i-1>": [
        "sigmoid_a = torch.sigmoid(self.a)"
    ],
    "X_i = sigmoid(b)*X_<i-1> - sigmoid(b)*W_i*X_<i-1>": [
        "sigmoid_b = torch.sigmoid(b_shared)"
    ],
    "X_i = exp(-sqrt(a_i))*X_<i-1> - sqrt(a_i)*W_i*X_<i-1>": [
        "root_a = torch.sqrt(self.a)"
    ],
    "X_i = tanh(softplus(a_i))*X_<i-1> + tanh(softplus(a_i))*W_i*X_<i-1>": [
        "tanh_a = torch.tanh(F.softplus(self.a))"
    ],
    "X_i = tanh(sqrt(a_i))*X_<i-1> + tanh(sqrt(a_i))*W_i*X_<i-1> + sqrt(a_i)*X_<i-2>": [
        "root_a = torch.sqrt(self.a)",
        "tanh_a = torch.tanh(root_a)",
    ],
    "X_i = sigmoid(a_i)*X_<i-1> + tanh(a_i)*W_i*X_<i-1>": [],
    "X_i = a_i^2*X_<i-1> + a_i^2*W_i*X_<i-1>": [],
}


@pytest.mark.parametrize("equation", EQUATIONS)
@pytest.mark.parametrize("kind", ["scalar", "vector"])
def test_a_function_of_learned_scalars_has_a_variable(equation: str, kind: str) -> None:
    text = f"{FRAME}{kind} a_i = 0.5\n{kind} b = 0.5\n{equation}"
    if "b)" not in equation:
        text = text.replace(f"{kind} b = 0.5\n", "")
    else:
        text = text.replace(f"{kind} a_i = 0.5\n", "")
    source = recform.compile(text).source
    step = source[source.index("\nclass Step(") :]
    found = re.findall(r"(\w+_[ab] = .*?)  # rf", step)
    assert found == EQUATIONS[equation]
    agree(text)


def test_so_it_has_in_definitions_and_recurrences() -> None:
    text = (
        f"{FRAME}Own(x) = tanh(a)*x + tanh(a)*sin(x)\n    where scalar a = 1\n"
        "times positions\nscalar d_i = 1\nD = Own > linear(c)\n"
        "H_<i,t> = sigmoid(d_i)*H_<i,t-1> + (1 - sigmoid(d_i))*W_i*X_<i-1,t>\n"
        "X_<i,t> = X_<i-1,t> + D_i*H_<i,t>\noutput X_L"
    )
    source = recform.compile(text).source
    for line in ("tanh_a = torch.tanh(self.a)", "sigmoid_d = torch.sigmoid(self.d)"):
        assert source.count(line) == source.count(line.partition(" = ")[2]) == 1
    agree(text)


@pytest.mark.parametrize(
    ("equation", "code"),
    [
        (
            "X_i = W_i*sum(k, 0, i-1, a_<i,k>*tanh(X_k) + X_k)",
            "self.a.view(-1, 1, 1, 1) * ",
        ),
        (
            "X_i = W_i*mean(X_<i-1> - X_<i-2>, X_<i-3>)",
            "(x_prev - x_prev2 + x_prev3) / 2",
        ),
        (
            "X_i = W_i*mean(X_<i-3>, X_<i-1> - X_<i-2>)",
            "(x_prev3 + (x_prev - x_prev2)) / 2",
        ),
        (
            "const w_i = 2*i\nscalar q_i = 0.1*w_i\nX_i = X_<i-1> + w_i*q_i*W_i*X_<i-1>",
            "torch.tensor([0.1 * self.w])",
        ),
        (
            "const w_i = 2*i\nscalar q_i = w_i - 1\nX_i = X_<i-1> + w_i*q_i*W_i*X_<i-1>",
            "torch.tensor([float(self.w - 1)])",
        ),
    ],
)
def test_nothing_superfluous(equation: str, code: str) -> None:
    scalar = "scalar a_<i,k> = 1\n" if "a_<i,k>" in equation else ""
    text = FRAME + scalar + equation
    assert code in recform.compile(text).source
    agree(text)
