"""What a network starts with: a mutated number, rule or constructor is refused."""

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

#: ReZero's 0, a scale per channel, one for each member of a sum, one of all blocks, one of
#: a definition; rules of a kind, with a gain that torch has not, and of a label.
TEXT = """
input 3 x 8 x 8
stages 4 x 3
init conv = kaiming_normal(mode=fan_in, gain=0.5), linear = xavier_normal(gain=2),
     last = zeros, out = zeros
head avgpool > out: linear(2)
W = conv(3, c) > relu > last: conv(3, c) > Scale
Scale(x) = k*x  where scalar k = 0.75
scalar a_i = 0
scalar g_i = 0.1 per channel
scalar m_<i,k> = k/2
scalar m_<i,i-1> = 1
scalar q = 2
X_i = q*X_<i-1> + a_i*W_i*X_<i-1> + g_i*sum(k, 0, i-1, m_<i,k>*X_k)
"""
LOOP = r"        for module in self\.modules\(\):\n(?:            .*\n)+"
NAMED = r"        for name, module in self\.named_modules\(\):\n(?:            .*\n)+"
#: What stands in the code, and what is put there.
FAULTS = {
    "another zero": (r"tensor\(\[0\.0\]\)", "tensor([1.0])"),
    "another one of all blocks": (r"tensor\(\[2\.0\]\)", "tensor([2.5])"),
    "another one of a definition": (r"tensor\(\[0\.75\]\)", "tensor([0.25])"),
    "another scale": (r"(full\(.*), 0\.1\)", r"\1, 0.2)"),
    "another axis": (r"full\((\(.*), 1, 1\)", r"full(\1, 1)"),
    "no axes": (r"full\((\(.*), 1, 1\)", r"full(\1,)"),
    "an axis in front": (r"full\(\((.*), 1, 1\)", r"full((1, \1, 1)"),
    "the negative": (r"(torch\.full\(.*0\.1\))", r"-\1"),
    "another one of a sum": (r"1\.0 if k == i - 1", "1.5 if k == i - 1"),
    "another place in a sum": (r"if k == i - 1", "if k == i - 2"),
    "another rule": ("kaiming_normal_", "kaiming_uniform_"),
    "another mode": ("fan_in", "fan_out"),
    "another gain": (r"mul_\(0\.5\)", "mul_(0.25)"),
    "another gain of torch's": (r"gain=2\.0", "gain=1.0"),
    "no rule": (LOOP, ""),
    "no rule for a label": (NAMED, ""),
    "labels first": (f"({LOOP})({NAMED})", r"\2\1"),
    "a module behind the rules": (
        f"(        self\\.head = .*\\n)((?:.*\\n)*?)({LOOP})({NAMED})",
        r"\2\3\4\1",
    ),
    "a rule twice": (f"({LOOP})", r"\1\1"),
    "a rule for another class": (r"module, nn\.Linear", "module, nn.Conv1d"),
    "a rule for another label": ('"last", ', '"first", '),
    "a rule that is no rule": (r"nn\.init\.zeros_\(module\.weight\)", "module.eval()"),
    "a rule of a part": (
        r"(class Head.*?)(\n    def forward)",
        r"\1        for p in self.parameters():\n            nn.init.zeros_(p)\n\2",
    ),
    "a weight by itself": (
        r"(        self\.out = .*\n)",
        r"\1        nn.init.zeros_(self.out.weight)\n",
    ),
    "a rule in a pass": (
        r"(        x = self\.stem\(x\))",
        r"        for module in self.modules():\n"
        r"            nn.init.zeros_(module.weight)\n\1",
    ),
    "a scalar in a pass": (
        r"(        wx = self\.W\(x_prev\))",
        r"        unread = self.a.zero_()\n\1",
    ),
    "no module": (r"        super\(\).__init__\(\)\n", ""),
    "a module too late": (
        r"        super\(\).__init__\(\)\n(        self\.out = .*\n)",
        r"\1        super().__init__()\n",
    ),
    "a module twice": (
        r"(        super\(\).__init__\(\)\n)(        self\.out = .*\n)",
        r"\1\2\1",
    ),
    "a class of no module": (r"Head\(nn\.Module\)", "Head"),
    "a class that is wrapped": (r"class Head", "@torch.compile\nclass Head"),
    "a class with more": (r"Head\(nn\.Module\)", "Head(nn.Module, metaclass=type)"),
    "no modules to start": (
        r"(class Formula.*\n    )(\"\"\")",
        r"\1def modules(self):\n        return ()\n\n    \2",
    ),
    "a field of all modules": (
        r"(class Head.*\n    )(\"\"\")",
        r"\1training = False\n    \2",
    ),
    "a mode": (r"(        self\.out = .*\n)", r"\1        self.training = False\n"),
    "a mode by a call": (
        r"(        self\.out = .*\n)",
        r"\1        unread = self.eval()\n",
    ),
    "the mode of a part": (
        r"(        self\.out = .*\n)",
        r"\1        unread = self.out.eval()\n",
    ),
}


#: A label that is no matter of its kind.
APART = """
input 3 x 8 x 8
stages 4 x 3
init conv = zeros, last = torch, other = ones, linear = ones
W = conv(3, c) > last: conv(3, c) > other: conv(3, c)
X_i = W_i*X_<i-1>
"""
LABELS = {
    "all of a kind": (r'!= "last"', '!= "head"'),
    "what has the label alone": (r'!= "last"', '== "last"'),
    "one label more": (r'!= "last"', 'not in ("last", "other")'),
    "another label more": (r'!= "last"', 'not in ("last", "conv")'),
    "by the whole name": (r'\.rpartition\("\."\)\[2\] != ', " != "),
    "whatever the label": (r"told and isinstance", "isinstance"),
}


#: Starts that depend on the block: of a scalar, of each channel, of a recurrence.
BLOCKS = """
input 6 x 4
stages 4 x 3
times positions
G = linear(c)
scalar a_i = 1/(i + 1)
scalar b_i = i - L
scalar d_i = floor(i/2) per channel
H_<i,t> = tanh(a_i*H_<i,t-1> + G_i*X_<i-1,t>)
X_<i,t> = d_i*X_<i-1,t> + b_i*H_<i,t>
output X_L
"""
OF_BLOCKS = {
    "a block late": (r"1 / \(i \+ 1\)", "1 / (i + 2)"),
    "one of all blocks": (r"1 / \(i \+ 1\)", "0.5"),
    "a block less": (r"float\(i - 3\)", "float(i - 2)"),
    "rounded up": (r"i // 2", "-(-i // 2)"),
    "a whole number": (r"float\(i - 3\)", "i - 3"),
    "blocks from 0 on": (r"Step\(i=1 \+ k\)", "Step(i=k)"),
    "a recurrence of another block": (r"(Hcell\(.*)\bi\)", r"\g<1>i + 1)"),
}


#: Starts that are next to nothing, and one that floats make of nothing.
SMALL = """
input 4
stages 4 x 3
W = linear(c)
scalar a_i = 1e-13*i
scalar b = 3e-14
scalar d_i = cos(3.5*pi*i) - cos(3.5*pi*i - 2*pi)
X_i = a_i*X_<i-1> + b*W_i*X_<i-1> + d_i*tanh(X_<i-1>)
"""
OF_SMALL = {
    "a small number that is none": (r"1e-13 \* i", "0.0 * i"),
    "another small number": (r"1e-13 \* i", "1.1e-13 * i"),
    "another one of all blocks": (r"3e-14", "3.1e-14"),
    "nothing": (r"3e-14", "0.0"),
    "a whole number": (r"3e-14", "0"),
}


@cache
def written(text: str = TEXT) -> tuple[NetworkPlan, str]:
    (made,) = compile_source(from_text(text))
    plan = plan_network(made.graph, Namespace())
    return plan, printed([plan])


def refused(text: str, fault: tuple[str, str], flags: re.RegexFlag = re.NOFLAG) -> None:
    """Plants a fault in the code of a formula: what is matched, and what stands there."""
    plan, code = written(text)
    found = re.sub(*fault, code, count=1, flags=flags)
    assert found != code, code
    with pytest.raises(CompileError, match="RF901"):
        check([plan.graph], [plan], ast.parse(found))


@pytest.mark.parametrize("text", (TEXT, APART, BLOCKS, SMALL))
def test_what_is_written_is_right(text: str) -> None:
    plan, code = written(text)
    check([plan.graph], [plan], ast.parse(code))


@pytest.mark.parametrize("fault", LABELS)
def test_another_label_is_found(fault: str) -> None:
    refused(APART, LABELS[fault])


@pytest.mark.parametrize("fault", FAULTS)
def test_another_start_is_found(fault: str) -> None:
    flags = re.DOTALL if fault == "a rule of a part" else re.NOFLAG
    refused(TEXT, FAULTS[fault], flags)


@pytest.mark.parametrize("fault", OF_BLOCKS)
def test_the_start_of_another_block_is_found(fault: str) -> None:
    refused(BLOCKS, OF_BLOCKS[fault])


@pytest.mark.parametrize("fault", OF_SMALL)
def test_a_small_start_is_one(fault: str) -> None:
    refused(SMALL, OF_SMALL[fault])


def test_of_two_starts_of_a_member_the_first_counts() -> None:
    """In block 1 there is one member, of which both are."""
    text = """
input 4
stages 4 x 3
W = linear(c)
scalar a_<i,k> = k/4
scalar a_<i,i-1> = 1
scalar a_<i,0> = 1/2
X_i = W_i*sum(k, 0, i-1, a_<i,k>*X_k)
"""
    (made,) = compile_source(from_text(text))
    found = [block.a.tolist() for block in made.module().blocks]
    assert found == [[1.0], [0.5, 1.0], [0.5, 0.25, 1.0]]
    # A start that no block has is no fault.
    (made,) = compile_source(from_text(text.replace("1/2", "1/(i-1)")))
    assert made.module().blocks[0].a.tolist() == [1.0]
