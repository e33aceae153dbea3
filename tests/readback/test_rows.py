"""Rows of blocks that are alike are followed once, and nothing in them is overlooked.

Each fault stands far from the ends of a row of many blocks. Whether a row is passed over or
each of its blocks is followed, the answer is the same.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache

import pytest

import recform
from recform.classes.network import plan_network
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.emit.checked import check
from recform.emit.module import printed
from recform.execution import rows
from recform.execution.parts import Instance
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from recform.readback.patterns import Patterns
from recform.readback.sides import Block
from recform.readback.whole import Network

PLAIN = """
stages 4 x {}
X_i = relu((1 + W_i)*X_<i-1>) - 0.5*W_<i-1>*X_<i-2>
"""
STAGES = """
stages 4 x {0}, 8 x {0} / 2
X_i = X_<i-1> + W_i*X_<i-1>
"""
NUMBERED = """
stages 4 x {}
W = linear(c)
input 4
X_i = X_<i-1> + i^(-1/2)*W_i*X_<i-1>
"""
HANDED = """
input 4
stages 4 x {}
W = linear(c)
X_i = X_<i-1> + W_<i-1>*W_i*X_<i-1>
"""
DENSE = """
stages 4 x {}
X_i = W_i*concat(X_<0..i-1>)
output concat(X_<0..L>)
"""
LISTS = """
input 4
stages 4 x {}
W = linear(c)
scalar a_<i,k> = 0
X_i = X_<i-1> + W_i*sum(k, 0, i-1, a_<i,k>*X_k)
"""
WEIGHED = """
input 3 x 8 x 8
stages 4 x {}
scalar q_i = 1 per channel
scalar p = 1 per channel
X_i = q_i*W_i*X_<i-1> + p*X_<i-1>
"""
SHARED = """
stages 4 x {}
W = linear(c)
input 4
X_i = X_<i-1> + i^(-1/2)*W*X_<i-1>
"""
NETWORKS = {
    "shared": SHARED,
    "plain": PLAIN,
    "stages": STAGES,
    "numbered": NUMBERED,
    "handed": HANDED,
    "dense": DENSE,
    "lists": LISTS,
    "weighed": WEIGHED,
}
LOOP = r"( +)for block in self\.blocks\[1:\]:\n +x, wx = block\(x, wx\)\n"

#: A network of 24 blocks a stage, what stands in its code, and what is put there.
FAULTS = {
    "a block too many": ("plain", r"range\(23\)", "range(24)"),
    "a block too few": ("plain", r"range\(23\)", "range(22)"),
    "the first one is left out": ("plain", r"blocks\[1:\]", "blocks[2:]"),
    "the last one is left out": ("plain", r"blocks\[1:\]", "blocks[1:-1]"),
    "every other one": ("plain", r"blocks\[1:\]", "blocks[1::2]"),
    "the last one first": ("stages", r"self\.stage1\(x\)", "self.stage1[::-1](x)"),
    "all of them again": ("plain", LOOP, lambda m: m[0] + m[0]),
    "exchanged in all": ("plain", r"x, wx = block\(x, wx\)", "x, wx = block(wx, x)"),
    "exchanged in the last": (
        "plain",
        LOOP,
        r"\1for block in self.blocks[1:-1]:\n\1    x, wx = block(x, wx)\n"
        r"\1x, wx = self.blocks[-1](wx, x)\n",
    ),
    "exchanged in turns": (
        "plain",
        LOOP,
        r"\1a, b = x, wx\n\1for block in self.blocks[1:]:\n\1    a, b = block(a, b)\n"
        r"\1    x, wx = wx, a\n",
    ),
    "in the seventh": (
        "plain",
        LOOP,
        r"\1n = 0\n\1for block in self.blocks[1:]:\n\1    n = n + 1\n"
        r"\1    x, wx = block(x, x if n == 7 else wx)\n",
    ),
    "from the twelfth on": (
        "plain",
        LOOP,
        r"\1older = [x]\n\1for block in self.blocks[1:]:\n\1    older.append(x)\n"
        r"\1    x, wx = block(older[-1] if len(older) < 12 else older[-2], wx)\n",
    ),
    "what the one before got": (
        "plain",
        LOOP,
        r"\1old = x\n\1for block in self.blocks[1:]:\n"
        r"\1    old, (x, wx) = x, block(old, wx)\n",
    ),
    "always the first value": (
        "plain",
        LOOP,
        r"\1first = x\n\1for block in self.blocks[1:]:\n\1    x, wx = block(first, wx)\n",
    ),
    "always the first value, of self": (
        "plain",
        LOOP,
        r"\1self.first = wx\n\1for block in self.blocks[1:]:\n"
        r"\1    x, wx = block(x, self.first)\n",
    ),
    "the stem in between": (
        "plain",
        r"x, wx = block\(x, wx\)",
        "x, wx = block(F.relu(x), wx)",
    ),
    "a module in between": (
        "plain",
        r"x, wx = block\(x, wx\)",
        "x, wx = block(self.stem(x), wx)",
    ),
    "one twice, and the last never": (
        "plain",
        LOOP,
        r"\1x, wx = self.blocks[12](x, wx)\n\1for block in self.blocks[1:-1]:\n"
        r"\1    x, wx = block(x, wx)\n",
    ),
    "one block for all": ("plain", r"block\(x, wx\)", "self.blocks[1](x, wx)"),
    "one object for all": (
        "stages",
        r"\[Step\(8, 8\) for _ in range\(23\)\]",
        "[Step(8, 8)]*23",
    ),
    "a stride at block 7": (
        "stages",
        r"Step\(8, 8\) for _ in",
        "Step(8, 8, stride=2 if _ == 7 else 1) for _ in",
    ),
    "a width at block 7": (
        "stages",
        r"Step\(8, 8\) for _ in",
        "Step(8 + 4*(_ == 7), 8) for _ in",
    ),
    "a width that grows": ("stages", r"Step\(8, 8\) for _", "Step(8 + _, 8) for _"),
    "a width that grows in steps": (
        "stages",
        r"Step\(8, 8\) for _",
        "Step(8 + _ // 12, 8) for _",
    ),
    "a width that is none, at the end": (
        "stages",
        r"\*\[Step\(4, 4\) for _ in range\(24\)\]",
        "*[Step(4, 4) for _ in range(23)], Step(4, None)",
    ),
    "stages the other way around": (
        "stages",
        r"self\.stage1\(x\)\n(.*)self\.stage2",
        r"self.stage2(x)\n\1self.stage1",
    ),
    "the numbers of later blocks": ("numbered", r"i=1 \+ k", "i=2 + k"),
    "numbers that grow faster": ("numbered", r"i=1 \+ k", "i=1 + 2*k"),
    "numbers that grow and stop": ("numbered", r"i=1 \+ k", "i=1 + k % 24 // 23 * k"),
    "numbers that are bent": ("numbered", r"i=1 \+ k", "i=1 + k * k // 23"),
    "numbers the other way around": ("numbered", r"i=1 \+ k", "i=24 - k"),
    "where the number of a block is another": (
        "shared",
        r"( +)for block in self\.blocks:\n +x = block\(self\.W, x\)\n",
        r"\1for block in self.blocks:\n\1    number = block.scale\n"
        r"\1number = 0\n\1for block in self.blocks:\n"
        r"\1    x = block(self.W, x if block.scale > 0.45 else -x)\n",
    ),
    "where the words for a block are others": (
        "shared",
        r"block\(self\.W, x\)",
        'block(self.W, x if f"{block}" != "Step()" else -x)',
    ),
    "where the block is a certain one": (
        "shared",
        r"block\(self\.W, x\)",
        "block(self.W, -x if [block] == [self.blocks[7]] else x)",
    ),
    "a tensor changed in place": (
        "plain",
        r"( +)return self\.head",
        r"\1x.mul_(2)\n\1return self.head",
    ),
    "a tensor changed under another name": (
        "plain",
        r"( +)return self\.head",
        r"\1y = x\n\1y *= 2\n\1return self.head",
    ),
    "a tensor changed for a value that nobody reads": (
        "plain",
        r"( +)return self\.head",
        r"\1y = x.neg_()\n\1return self.head",
    ),
    "a tensor in which a function leaves its result": (
        "plain",
        r"( +)return self\.head",
        r"\1y = torch.neg(x, out=x)\n\1return self.head",
    ),
    "a list that grows under another name": (
        "plain",
        r"( +)return self\.head\(x",
        r"\1a = [x]\n\1b = a\n\1b += [x]\n\1return self.head(x if len(a) < 2 else -x",
    ),
    "a weight changed in the forward pass": (
        "plain",
        r"( +)return self\.head",
        r"\1self.head.fc.weight.data.zero_()\n\1return self.head",
    ),
    "a hook": (
        "plain",
        r"( +)self\.head = (.*)\n",
        r"\1self.head = \2\n\1self.register_forward_hook(lambda m, a, b: 2 * b)\n",
    ),
    "a module put in place of another": (
        "plain",
        r"( +)self\.head = (.*)\n",
        r"\1self.head = \2\n\1self.add_module('stem', nn.Identity())\n",
    ),
    "one number for all": ("numbered", r"i=1 \+ k", "i=1"),
    "another number in one block": (
        "numbered",
        r"1 / math\.sqrt\(i\)",
        "1 / math.sqrt(i) if i != 5 else 2.0",
    ),
    "numbers that are right at the ends": (
        "numbered",
        r"1 / math\.sqrt\(i\)",
        "1 / math.sqrt(i) + (i - 1)*(i - 24)",
    ),
    "a term that one block leaves out": (
        "numbered",
        r"return x_prev \+",
        "return (0 if 0.3 < self.scale < 0.34 else x_prev) +",
    ),
    "a module of an older block": (
        "handed",
        r"( +)x, w_module = block\(x, w_module\)",
        r"\1x, w = block(x, w_module)",
    ),
    "another growth": ("dense", r"4 \+ 4 \* k", "4 + 5 * k"),
    "another width at block 7": ("dense", r"4 \+ 4 \* k", "4 + 4 * k + (k == 7)"),
    "weights for more members": ("lists", r"i=1 \+ k", "i=3 + k"),
    "a scalar for fewer channels": (
        "weighed",
        r"self\.q = nn\.Parameter\(torch\.ones\(4",
        "self.q = nn.Parameter(torch.ones(2",
    ),
    "a shared scalar for fewer channels": (
        "weighed",
        r"self\.p = nn\.Parameter\(torch\.ones\(4",
        "self.p = nn.Parameter(torch.ones(2",
    ),
    "the list of the one before": (
        "lists",
        r"( +)x, xs = block\(x, xs\)",
        r"\1old = xs\n\1x, xs = block(x, xs)\n\1xs = [*old, x] if len(old) > 8 else old",
    ),
}
#: What is written in another way, and is the same.
SAME = {
    "names": (
        "plain",
        LOOP,
        r"\1for b in self.blocks[1:]:\n\1    y, wy = b(x, wx)\n\1    x, wx = y, wy\n",
    ),
    "one tuple": (
        "plain",
        LOOP,
        r"\1s = (x, wx)\n\1for block in self.blocks[1:]:\n\1    s = block(*s)\n"
        r"\1x, wx = s\n",
    ),
    "in two loops": (
        "plain",
        LOOP,
        r"\1for block in self.blocks[1:9]:\n\1    x, wx = block(x, wx)\n"
        r"\1for block in self.blocks[9:]:\n\1    x, wx = block(x, wx)\n",
    ),
    "the last one alone": (
        "plain",
        LOOP,
        r"\1for block in self.blocks[1:-1]:\n\1    x, wx = block(x, wx)\n"
        r"\1x, wx = self.blocks[-1](x, wx)\n",
    ),
    "in two rows": (
        "numbered",
        r"\*\[Step\(i=1 \+ k\) for k in range\(24\)\]",
        "*[Step(i=1 + k) for k in range(9)], *[Step(i=k) for k in range(10, 25)]",
    ),
    "each by itself": (
        "numbered",
        r"\*\[Step\(i=1 \+ k\) for k in range\(24\)\]",
        "*[Step(i=1 + (k % 50)) for k in range(24)]",
    ),
    "a number that counts": (
        "plain",
        LOOP,
        r"\1n = 0\n\1for block in self.blocks[1:]:\n\1    n = n + 1\n"
        r"\1    x, wx = block(x, wx)\n",
    ),
}


@cache
def written(name: str, depth: int = 24) -> tuple[NetworkPlan, str]:
    (made,) = compile_source(from_text(NETWORKS[name].format(depth)))
    plan = plan_network(made.graph, Namespace())
    return plan, printed([plan])


def edited(name: str, pattern: str, text: object) -> tuple[NetworkPlan, str]:
    plan, code = written(name)
    found = re.sub(pattern, text, code, count=1)  # type: ignore[call-overload]
    assert found != code, code
    return plan, found


@pytest.fixture(params=(rows.TRIES, 0), ids=("passed over", "followed"))
def tries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "TRIES", request.param)


@pytest.mark.usefixtures("tries")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_row_is_found(fault: str) -> None:
    plan, code = edited(*FAULTS[fault])
    with pytest.raises(CompileError, match="RF901"):
        check([plan.graph], [plan], ast.parse(code))


@pytest.mark.usefixtures("tries")
@pytest.mark.parametrize("way", SAME)
def test_what_is_the_same_is_right(way: str) -> None:
    plan, code = edited(*SAME[way])
    check([plan.graph], [plan], ast.parse(code))


@pytest.mark.parametrize("name", ("plain", "stages", "numbered", "handed"))
def test_a_few_blocks_speak_for_a_row(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, code = written(name, 3000)
    called: list[object] = []
    plain = Network.called

    def counting(self: Network, *given: object) -> object:
        called.append(given)
        return plain(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Network, "called", counting)
    check([plan.graph], [plan], ast.parse(code))
    assert 1 < len(called) < 24  # once more with other arguments


def test_blocks_that_are_made_alike_are_looked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many there are, where the formula says the same of each."""
    looked, covers = Counter[int](), Patterns.covers

    def counted(self: Patterns, block: Block, found: Instance) -> bool:
        looked[depth] += 1
        return covers(self, block, found)

    monkeypatch.setattr(Patterns, "covers", counted)
    for depth in (10, 500):
        text = f"stages 16 x {depth}\nX_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\n"
        assert recform.compile(text).source
    assert looked[10] == looked[500] > 0
