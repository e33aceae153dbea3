"""A test of the second reading: faults are planted in the code, and it finds each.

The networks are right as they are; every fault makes another network of one of them.
"""

from __future__ import annotations

import ast
import re

import pytest

from recform.classes.network import plan_network
from recform.diagnostics import CompileError
from recform.emit.checked import check
from recform.emit.module import printed
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from tests.proof.networks import FORMULAS, network


def written(name: str) -> tuple[NetworkPlan, str]:
    plan = plan_network(network(name), Namespace())
    return plan, printed([plan])


#: A network, what stands in its code, and what is put there.
PRINTED: dict[str, tuple[str, str, str]] = {
    "results swapped": ("long", r"return x, wx", "return wx, x"),
    "arguments swapped": (
        "long",
        r"self, x_prev: Tensor, wx_prev: Tensor",
        "self, wx_prev: Tensor, x_prev: Tensor",
    ),
    "inputs the other way round": (
        "two inputs",
        r"self\.B\((.*?), (self\.W\(.*?\))\)",
        r"self.B(\2, \1)",
    ),
    "one input for both": ("two inputs", r"self\.B\((.*?), .*?\)\)", r"self.B(\1, \1)"),
    "parts of two inputs the other way round": (
        "two inputs",
        r"self\.bilinear\((.*?), (.*?)\)",
        r"self.bilinear(\2, \1)",
    ),
    "inputs of a definition the other way round": (
        "two inputs",
        r"return p \* torch\.tanh\(q\)",
        "return q * torch.tanh(p)",
    ),
    "inputs of what all share the other way round": (
        "two inputs",
        r"b_shared\(x_prev, x_prev2\)",
        "b_shared(x_prev2, x_prev)",
    ),
    "an input of several twice": (
        "two inputs",
        r"self\.B\((.*?), (self\.W\(.*?\))\)",
        r"0.5 * self.B(\1, \2) + 0.5 * self.B(\2, \1)",
    ),
    "another sign": ("long", r"wx - 0", "wx + 0"),
    "another number": ("long", r"0\.5 \* wx_prev", "0.25 * wx_prev"),
    "an operator twice": ("long", r"= self\.W\(x_prev\)", "= self.W(self.W(x_prev))"),
    "on another argument": ("long", r"= self\.W\(x_prev\)", "= self.W(wx_prev)"),
    "another operator": ("pair", r"self\.F\(b_prev\)", "self.G(b_prev)"),
    "a term is missing": ("pair", r"b = b_prev \+ self\.G\(a\)", "b = self.G(a)"),
    "an old value": (
        "pair",
        r"b = b_prev \+ self\.G\(a\)",
        "b = b_prev + self.G(a_prev)",
    ),
    "min for max": ("history", r"torch\.maximum\((.*?)\)", r"torch.minimum(\1)"),
    "no relu": ("adapted", r"F\.relu\((.*)\) - 0", r"(\1) - 0"),
    "relu of less": ("adapted", r"F\.relu\((.*) \+ (.*)\) - 0", r"F.relu(\1) + \2 - 0"),
    "no adapter": ("adapted", r"self\.shortcut\(x_prev\)", "x_prev"),
    "the count of another block": ("placed", r"j=2 \+ (k2?)", r"j=3 + \1"),
    "a count that goes on": ("placed", r"j=1 \+ (k2?)", r"j=4 + \1"),
    "the number of another stage": ("placed", r"k=2\)", "k=1)"),
    "the count upside down": ("placed", r"1 / j", "1 * j"),
    "no adapter inside": ("brought", r"self\.shortcut_x_prev2\(x_prev2\)", "x_prev2"),
    "another adapter inside": (
        "brought",
        r"self\.shortcut_x_prev2\(",
        "self.shortcut(",
    ),
    "an adapter around": (
        "brought",
        r"self\.W\(self\.shortcut\(x_prev\)\)",
        "self.shortcut(self.W(x_prev))",
    ),
    "another adapter": ("adapted", r"self\.shortcut_x_prev2\(", "self.shortcut("),
    "the adapter of another value": (
        "adapted",
        r"shortcut\(x_prev\)",
        "shortcut(x_prev2)",
    ),
    "a block too many": ("long", r"range\((\d+)\)", "range(10)"),
    "another width": (
        "adapted",
        r"Step\(4, 6, x_prev2_channels=4, s",
        "Step(4, 6, x_prev2_channels=6, s",
    ),
    "no stride": (
        "adapted",
        r"(Step\(4, 6, x_prev2_channels=4, stride=)2",
        r"\g<1>1",
    ),
    "another number of the block": (
        "handed",
        r"math\.sqrt\(i / 9\)",
        "math.sqrt((i - 1) / 9)",
    ),
    "another depth": (
        "handed",
        r"math\.sqrt\(i / 9\)",
        "math.sqrt(i / 10)",
    ),
    "a module of its own": (
        "handed",
        r"w_module_prev\(wx\)",
        "self.W(wx)",
    ),
    "a block too many in a row": ("dense", "count=4", "count=5"),
    "a row from another width on": ("dense", r"Step\(4 \+ ", "Step(7 + "),
    "another growth in a row": ("dense", r"\+ 4 \* k", "+ 5 * k"),
    "the scalar of another block": ("handed", r"a_module_prev \* ", "self.a * "),
    # The calls of the blocks, by the network.
    "the state the other way around": (
        "shared",
        r"x, wx = block\((.*), x, wx\)",
        r"x, wx = block(\1, wx, x)",
    ),
    "results the other way around": (
        "shared",
        r"    x, wx = block",
        "    wx, x = block",
    ),
    "other results of the first": ("shared", r"x, wx = self\.st", "wx, x = self.st"),
    "an old value again": (
        "shared",
        r"for block in self\.stage2",
        "wx = x\n        for block in self.stage2",
    ),
    "another shared operator": ("shared", r"block\(self\.U", "block(self.stem"),
    "shared ones swapped": ("shared", r"self\.U, self\.b", "self.b, self.U"),
    "a shared one for a block without": (
        "shared",
        r"stage1\[0\]\(self\.U",
        "stage1[0](self.U, self.b",
    ),
    "a block is left out": ("shared", r"stage1\[1:\]", "stage1[2:]"),
    "a block runs twice": ("shared", r"stage1\[1:\]", "stage1"),
    "a stage runs twice": ("shared", r"in self\.stage2", "in self.stage1"),
    "the stages the other way around": (
        "shared",
        r"stage1\[1:\]((.*\n)*.*)stage2:",
        r"stage2\1stage1[1:]:",
    ),
    "a stage is left out": ("shared", r"        for block in self.stage2:\n.*\n", ""),
    # Lists of what waits for later blocks.
    "the oldest first": ("skips", r"x_skips\.pop\(\)", "x_skips.pop(0)"),
    "the other list": ("skips", r"x_skips\.pop\(\)", "y_skips.pop()"),
    "lists swapped": (
        "skips",
        r"x_skips\.pop\(\), y_skips\.pop\(\)",
        "y_skips.pop(), x_skips.pop()",
    ),
    "nothing is put on a list": ("skips", r"            x_skips\.append\(x\)\n", ""),
    "twice on a list": (
        "skips",
        r"(            x_skips\.append\(x\)\n)",
        r"\1\1",
    ),
    "another value on a list": ("skips", r"y_skips\.append\(y\)", "y_skips.append(x)"),
    "on another list": ("skips", r"y_skips\.append\(y\)", "x_skips.append(y)"),
    "a list begins with nothing": ("skips", r"= \[x\]", "= []"),
    "a list begins with something": ("skips", r"= \[\]", "= [x]"),
    "a list begins with another value": ("skips", r"= \[x\]", "= [self.head(x)]"),
    "a list is made anew": (
        "skips",
        r"(        x_skips = .*\n)((.*\n)*?)(        for block in self\.blocks\[4:\]:)",
        r"\1\2\1\4",
    ),
    "a value from before is put on a list": (
        "skips",
        r"(            )(x, y = block\(.*\)\n)(            x_skips.append\(x\)\n)",
        r"\3\1\2",
    ),
    "a block more at the end": (
        "shared",
        r"        return self\.head",
        "        x, wx = self.stage2[-1](self.U, self.b, x, wx)\n        return self.head",
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_code_says_the_plan(name: str) -> None:
    plan, code = written(name)
    check([plan.graph], [plan], ast.parse(code))


@pytest.mark.parametrize("fault", PRINTED)
def test_a_fault_in_the_code_is_found(fault: str) -> None:
    name, pattern, text = PRINTED[fault]
    plan, code = written(name)
    start = (
        code.rindex("\nclass Step(")
        if re.search(pattern, code[code.rindex("\nclass Step(") :])
        else 0
    )
    edited = code[:start] + re.sub(pattern, text, code[start:], count=1)
    assert edited != code, code
    with pytest.raises(CompileError, match="RF901"):
        check([plan.graph], [plan], ast.parse(edited))
