"""Blocks that differ in numbers alone are proved together, and no fault in one is overlooked.

Each fault is in block 117 of 150 alone. Whether blocks are proved together or each by
itself, the answer is the same.
"""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from recform.classes.network import plan_network
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.emit.checked import check
from recform.emit.module import printed
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from recform.readback import patterns
from recform.readback.blocks import Beside

COEFFICIENTS = """
input 4
stages 4 x {}
W = linear(c)
V = linear(c)
const k_i = exp(-i/100)
scalar l_i = 1/i
X_i = (1 - k_i)*W_i*X_<i-1> + i^(-1/2)*V_i*X_<i-1> - l_i*X_<i-1>
"""
SIZES = """
input 4
stages 4 x {}
W = linear(c + i) > relu > linear(c)
V = linear(2*c + i) > relu > linear(c)
X_i = X_<i-1> + W_i*X_<i-1> + V_i*X_<i-1>
"""
RATES = """
input 4
stages 4 x {}
W = linear(c) > dropout(0.5*i/(L+1))
V = linear(c) > dropout(0.25*i/(L+1))
X_i = X_<i-1> + W_i*X_<i-1> + V_i*X_<i-1>
"""
MEMBERS = """
input 4
stages 4 x {}
W = linear(c)
scalar a_<i,k> = 1/(i + k + 1)
X_i = X_<i-1> + W_i*sum(k, 0, i-1, a_<i,k>*X_k)
"""
TURNS = """
input 8 x 4
stages 4 x {}
Q = linear(c)
A = attend(2, causal=true, window=2 + 3*(1 + (-1)^i))
X_i = X_<i-1> + A_i(Q_i*X_<i-1>, X_<i-1>, X_<i-1>)
"""
NETWORKS = {
    "coefficients": COEFFICIENTS,
    "sizes": SIZES,
    "rates": RATES,
    "members": MEMBERS,
    "turns": TURNS,
}
ROW = r"\*\[Step\(i=1 \+ k\) for k in range\(150\)\]"
ROOT = r"self\.scale = 1 / math\.sqrt\(i\)"
#: In which network, what is replaced, and by what.
FAULTS = {
    "a number": (
        "coefficients",
        ROOT,
        r"self.scale = (2 if i == 117 else 1) / math.sqrt(i)",
    ),
    "a bit": (
        "coefficients",
        ROOT,
        r"self.scale = 1 / math.sqrt(i) + (1e-7 if i == 117 else 0)",
    ),
    "a sign": (
        "coefficients",
        ROOT,
        r"self.scale = (-1 if i == 117 else 1) / math.sqrt(i)",
    ),
    "nothing": (
        "coefficients",
        ROOT,
        r"self.scale = 0 if i == 117 else 1 / math.sqrt(i)",
    ),
    "no number": (
        "coefficients",
        ROOT,
        r'self.scale = float("nan") if i == 117 else 1 / math.sqrt(i)',
    ),
    "another number of the block": (
        "coefficients",
        ROOT,
        r"self.scale = self.k if i == 117 else 1 / math.sqrt(i)",
    ),
    "the number in front of the first": (
        "coefficients",
        r"self\.k = math\.exp\(-0\.01 \* i\)",
        r"self.k = math.exp(-0.01 * (116 if i == 117 else i))",
    ),
    "a start": (
        "coefficients",
        r"\[1 / i\]",
        r"[1 / (118 if i == 117 else i)]",
    ),
    "as many starts": (
        "coefficients",
        r"\[1 / i\]",
        r"[1 / i] * (2 if i == 117 else 1)",
    ),
    "one module for two": (
        "coefficients",
        r"self\.V = WBlock\(4, 4\)",
        r"self.V = self.W if i == 117 else WBlock(4, 4)",
    ),
    "a size that stays": (
        "coefficients",
        r"self\.V = WBlock\(4, 4\)",
        r"self.V = WBlock(4, 5 if i == 117 else 4)",
    ),
    "an operator more": (
        "coefficients",
        r"(self\.V = .*\n)",
        r"\1        self.U = nn.Linear(2, 2) if i == 117 else None\n",
    ),
    "an operator of nobody": (
        "coefficients",
        r"( +)(self\.V = .*\n)",
        r"\1\2\1u = nn.Linear(2, 2) if i == 117 else None\n",
    ),
    "an object of nobody": (
        "coefficients",
        r"( +)(self\.V = .*\n)",
        r"\1\2\1u = WBlock(2, 2) if i == 117 else None\n",
    ),
    "a call": (
        "coefficients",
        r"( +)(self\.V = .*\n)",
        r"\1\2\1u = torch.manual_seed(0) if i == 117 else None\n",
    ),
    "a call in an operator": (
        "sizes",
        r"( +)(self\.fc2 = nn\.Linear\(2 \* .*\n)",
        r"\1\2\1u = torch.manual_seed(0) if i == 117 else None\n",
    ),
    "weights of another": (
        "coefficients",
        r"( +)(self\.V = .*\n)",
        r"\1\2\1if i == 117:\n\1    self.V.fc.weight = self.W.fc.weight\n",
    ),
    "a name": (
        "coefficients",
        r"( +)self\.V = (.*\n)",
        r"\1if i == 117:\n\1    self.U = \2\1else:\n\1    self.V = \2",
    ),
    "a look at a number": (
        "coefficients",
        r"self\.scale \* vx",
        r"(2 if self.scale == 1 / math.sqrt(117) else self.scale) * vx",
    ),
    "a number of the pass": (
        "coefficients",
        r"\(1 - self\.k\)",
        r"(1 - max(self.k, 0.3))",
    ),
    "two blocks exchanged": (
        "coefficients",
        ROW,
        "*[Step(i=1 + k) for k in range(116)], Step(i=118), Step(i=117), "
        "*[Step(i=519 + k) for k in range(82)]",
    ),
    "a block twice": (
        "coefficients",
        ROW,
        "*[Step(i=1 + k) for k in range(117)], Step(i=117), "
        "*[Step(i=519 + k) for k in range(82)]",
    ),
    "a size": (
        "sizes",
        r"nn\.Linear\(in_features, 2 \* features \+ i\)",
        r"nn.Linear(in_features, 2 * features + (116 if i == 117 else i))",
    ),
    "the size of another": (
        "sizes",
        r"self\.V = VBlock\(4, 4, i\)",
        r"self.V = VBlock(4, 4, 116 if i == 117 else i)",
    ),
    "exchanged operators": (
        "sizes",
        r"self\.V = VBlock\(4, 4, i\)",
        r"self.V = VBlock(4, 0, i + 4) if i == 117 else VBlock(4, 4, i)",
    ),
    "a rate": (
        "rates",
        r"nn\.Dropout\(0\.25 \* i /",
        r"nn.Dropout(0.25 * (116 if i == 117 else i) /",
    ),
    "no rate": (
        "rates",
        r"nn\.Dropout\(0\.25 \* i /",
        r"nn.Dropout((0 if i == 117 else 0.25) * i /",
    ),
    "no dropout": (
        "rates",
        r"self\.dropout = (nn\.Dropout\(0\.25 .*)\n",
        r"self.dropout = nn.Identity() if i == 117 else \1\n",
    ),
    "the start of a member": (
        "members",
        r"\[1 / \(i \+ k \+ 1\) for k in range\(i\)\]",
        r"[1 / (i + k + (2 if i + k == 200 and i == 117 else 1)) for k in range(i)]",
    ),
    "a window": (
        "turns",
        r"Attend\(2, (.*)\)",
        r"Attend(2, \1 + (1 if i == 117 else 0))",
    ),
}
#: What is written in another way, and is the same.
SAME = {
    "a root": ("coefficients", ROOT, r"self.scale = math.sqrt(1 / i)"),
    "at one place": (
        "coefficients",
        ROOT,
        r"self.scale = 1 / math.sqrt(117) if i == 117 else 1 / math.sqrt(i)",
    ),
    "its number": (
        "coefficients",
        r"self\.scale \* vx",
        r"(1 / math.sqrt(self.i)) * vx",
        ROOT,
        r"self.i = i",
    ),
    "with another name at one place": (
        "coefficients",
        r"self\.V = WBlock\(4, 4\)",
        r"self.V = WBlock(features=4, in_features=4) if i == 117 else WBlock(4, 4)",
    ),
}


@cache
def written(name: str, depth: int = 150) -> tuple[NetworkPlan, str]:
    (made,) = compile_source(from_text(NETWORKS[name].format(depth)))
    plan = plan_network(made.graph, Namespace())
    return plan, printed([plan])


def edited(name: str, *changes: str) -> tuple[NetworkPlan, str]:
    plan, code = written(name)
    for pattern, text in zip(changes[::2], changes[1::2], strict=True):
        found = re.sub(pattern, text, code, count=1)
        assert found != code, code
        code = found
    return plan, code


@pytest.fixture(params=(8, 0), ids=("together", "one by one"))
def tries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "TRIES", request.param)


@pytest.mark.usefixtures("tries")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_one_block_is_found(fault: str) -> None:
    plan, code = edited(*FAULTS[fault])
    with pytest.raises(CompileError, match="RF901"):
        check([plan.graph], [plan], ast.parse(code))


@pytest.mark.usefixtures("tries")
@pytest.mark.parametrize("way", SAME)
def test_what_is_the_same_is_right(way: str) -> None:
    plan, code = edited(*SAME[way])
    check([plan.graph], [plan], ast.parse(code))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_few_blocks_are_followed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, code = written(name)
    followed: list[Beside] = []
    plain = Beside.check

    def counting(self: Beside) -> None:
        followed.append(self)
        plain(self)

    monkeypatch.setattr(Beside, "check", counting)
    check([plan.graph], [plan], ast.parse(code))
    assert 2 <= len(followed) < 10
