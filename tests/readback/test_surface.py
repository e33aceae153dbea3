"""A generated file has a closed list of things in it: each other effect is refused."""

from __future__ import annotations

import ast
import re

import pytest

from recform.classes.network import plan_network
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.diagnostics.refuted import Refuted
from recform.emit.checked import check
from recform.emit.classifier.base import base_class
from recform.emit.classifier.passes import plan_classifier
from recform.emit.module import printed
from recform.execution.library import LEAN
from recform.plan.lean import framed_base
from recform.plan.namespace import Namespace
from recform.readback.surface import check_base, check_file
from tests.readback.test_starts import written

PASS = r"(        x = self\.stem\(x\)\n)"
STEP = r"(        wx = self\.W\(x_prev\).*\n)"
MADE = r"(    def __init__\(.*\) -> None:\n +super\(\)\.__init__\(\)\n +self\.(\w+) = )"
FAULTS = {
    "a seed above all": (r"\A", "torch.manual_seed(0)\n"),
    "a type of numbers": (r"\A", "torch.set_default_dtype(torch.float64)\n"),
    "a name above all": (r"\A", "relu = F.gelu\n"),
    "a seed in a pass": (PASS, r"\1        seed = torch.manual_seed(0)\n"),
    "a seed in a block": (STEP, r"\1        seed = torch.manual_seed(0)\n"),
    "a mode in a pass": (
        PASS,
        r"\1        mode = torch.use_deterministic_algorithms(True)\n",
    ),
    "words in a pass": (PASS, r"\1        said = print(x)\n"),
    "a name of nobody": (STEP, r"\1        y = nowhere\n"),
    "a name of nobody in torch": (STEP, r"\1        y = torch.nowhere\n"),
    "a name before it is there": (STEP, r"\1        later = (later,)\n"),
    "a function of nobody in torch": (STEP, r"\1        y = F.nowhere(x_prev)\n"),
    "a seed in a constructor": (
        r"(        super\(\)\.__init__\(\)\n)",
        r"\1        seed = torch.manual_seed(0)\n",
    ),
    "a seed as a field": (
        r"(class Head.*\n    )(\"\"\")",
        r"\1seed = torch.manual_seed(0)\n    \2",
    ),
    "a seed as a default": (
        r"def forward\(self, x: Tensor\)",
        "def forward(self, x: Tensor, seed: int = int(torch.initial_seed()))",
    ),
    "a seed as a type": (
        r"def forward\(self, x: Tensor\)",
        "def forward(self, x: torch.manual_seed(0))",
    ),
    # What the class has goes before a module, and of two of one name the last one.
    "a part and a field": (MADE, r"    \2 = None\n\1"),
    "a part and a number": (MADE, r"    \2 = 0\n\1"),
    "two fields": (MADE, r"    more = 0\n    more = 1\n\1"),
    "a field and a method": (MADE, r"    forward = None\n\1"),
    "a method of nobody": (r"\Z", "\n    def more(self, x):\n        return x\n"),
    "a function of nobody": (r"\Z", "\n\ndef more(x):\n    return x\n"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_effect_is_found(fault: str) -> None:
    plan, code = written()
    pattern, text = FAULTS[fault]
    found = re.sub(pattern, text, code, count=1)
    assert found != code, code
    with pytest.raises(CompileError, match="RF901"):
        check([plan.graph], [plan], ast.parse(found))


LISTED = """
input 3 x 8 x 8
stages 4 x 2, 8 x 3 / 2
W = conv(3, c, stride=s) > relu > bn
X_i = X_<i-1> + W_i*X_<i-1>
"""


@pytest.mark.parametrize("kind", ("nn.ModuleList", "nn.ModuleDict"))
def test_a_container_that_torch_would_not_make_is_found(kind: str) -> None:
    """What these are given has to be one list."""
    (made,) = compile_source(from_text(LISTED))
    plan = plan_network(made.graph, Namespace())
    code = printed([plan])
    check([made.graph], [plan], ast.parse(code))
    row = "nn.Sequential("
    assert row in code
    with pytest.raises(CompileError, match="RF901"):
        check([made.graph], [plan], ast.parse(code.replace(row, f"{kind}(")))


RESET = """
input 3 x 8 x 8
stages 4 x 1
stem conv(3, c)
init linear = normal(std=0.5){}
W = conv(3, c)
X_i = X_<i-1> + W_i*X_<i-1>
head avgpool > fc: linear(2)
"""


@pytest.mark.parametrize(
    ("more", "rule"), (("", "normal_"), (", fc = zeros", "zeros_"))
)
def test_a_new_last_layer_starts_as_the_old_one(more: str, rule: str) -> None:
    (made,) = compile_source(from_text(RESET.format(more)))
    plan = plan_classifier(made.graph, Namespace())
    code, base = printed([plan]), base_class()
    before, reset = code.split("    def reset_classifier")
    assert rule in reset
    check([made.graph], [plan], ast.parse(code), base)
    others = {"normal_": "ones_", "zeros_": "ones_"}
    for other in (reset.replace(rule, others[rule]), None):
        text = before if other is None else f"{before}    def reset_classifier{other}"
        with pytest.raises(CompileError, match="RF901"):
            check([made.graph], [plan], ast.parse(text), base)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self.drop_rate, self.training)", "self.drop_rate)"),
        ("self.drop_rate, self.training)", "self.drop_rate, True)"),
        ("self.drop_rate, self.training)", "self.drop_rate, self.training, True)"),
        ("nn.Dropout(0.5)", "nn.Dropout(0.5, True)"),
        ("nn.Dropout(0.5)", "nn.Dropout(0.5, inplace=True)"),
    ],
)
def test_dropout_in_another_mode_is_found(right: str, wrong: str) -> None:
    text = RESET.format("").replace("conv(3, c)\nX", "conv(3, c) > dropout(0.5)\nX")
    (made,) = compile_source(from_text(text))
    plan = plan_classifier(made.graph, Namespace())
    code, base = printed([plan]), base_class()
    check([made.graph], [plan], ast.parse(code), base)
    assert right in code + base
    code, base = code.replace(right, wrong), base.replace(right, wrong)
    with pytest.raises(CompileError, match="RF901"):
        check([made.graph], [plan], ast.parse(code), base)


HEAD = (
    '"""A file."""\n\nimport torch\nfrom torch import Tensor, nn\n\n__all__ = ["A"]\n'
)
BROUGHT, CODE = "class B(nn.Module):\n    pass", "class A(nn.Module):\n    pass\n"


@pytest.mark.parametrize(
    ("head", "brought", "behind"),
    [
        (HEAD + "torch.manual_seed(0)\n", BROUGHT, ""),
        (HEAD.replace("nn\n", "nn\nimport os\n"), BROUGHT, ""),
        (HEAD.replace("Tensor", "Tensor as B"), BROUGHT, ""),
        (HEAD, BROUGHT.replace("B", "A"), ""),
        (HEAD, BROUGHT.replace("B", "nn"), ""),
        (HEAD, BROUGHT.replace("B", "print"), ""),
        (HEAD, BROUGHT + "\n\n\nF = torch", ""),
        (HEAD, BROUGHT, "torch.manual_seed(0)\n"),
        (HEAD, BROUGHT.replace("pass", "kind: Nobody = None"), ""),
        (HEAD, BROUGHT.replace("pass", "def f(self): return F.relu(1)"), ""),
        (HEAD, BROUGHT.replace("pass", "def f(self, x: checkpoint): pass"), ""),
    ],
)
def test_a_file_with_more_is_refused(head: str, brought: str, behind: str) -> None:
    def made(head: str, brought: str, behind: str) -> str:
        return f"{head}\n\n{brought}\n\n\n{CODE}{behind}"

    check_file(made(HEAD, BROUGHT, ""), [BROUGHT, CODE], ["A"])
    with pytest.raises(Refuted):
        check_file(made(head, brought, behind), [brought, CODE], ["A"])


def test_what_networks_derive_from_is_the_librarys() -> None:
    own = base_class()
    check_base(framed_base(own, LEAN), own, LEAN)
    with pytest.raises(Refuted):
        check_base(own.replace("self.drop_rate = drop_rate", "self.drop_rate = 0"), own)
