"""The plan of a network: what it holds, and functions from plan to plan."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch

import recform
from recform.classes.network import plan_network
from recform.compiler import compile_source, emit_source, from_text
from recform.emit.classifier.passes import plan_classifier
from recform.emit.module import module_names, printed
from recform.modules import load_source
from recform.plan.definitions import (
    Assign,
    Attribute,
    Class,
    Definition,
    Function,
    Line,
    Loop,
    Parameter,
    Return,
    Role,
    forward,
)
from recform.plan.expressions import (
    Argument,
    Code,
    Container,
    Expression,
    Holds,
    Item,
    Make,
    Number,
    at,
    grows,
    names_in,
)
from recform.plan.merge import merged
from recform.plan.namespace import Loops
from recform.plan.network import NetworkPlan
from recform.plan.printer.definitions import print_definition
from recform.plan.printer.expressions import shown
from recform.plan.printer.lines import Lines
from recform.plan.rewrite import rewritten
from recform.plan.tidy import tidied

FORMULA = """
network Net
input 3 x 8 x 8
stages 4 x 3
W = conv(3, c) > bn > relu
X_i = X_<i-1> + 0.5*W_i*X_<i-1>
"""


def plan() -> NetworkPlan:
    graph = recform.compile(FORMULA).graph
    return plan_network(graph, module_names([graph]))


def text(definition: Definition) -> str:
    lines = Lines()
    print_definition(lines, definition, Loops())
    return str(lines)


GROWING = Make("Step", (Argument(Number(64, 32)), Argument(Number(2, 1), "i")))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (Code("x + 1"), "x + 1"),
        (Number(3), "3"),
        (Number(0, 1), "k"),
        (Number(2, 3), "2 + 3 * k"),
        (GROWING, "Step(64 + 32 * k, i=2 + k)"),
        (at(GROWING, 2), "Step(128, i=4)"),
        (
            Container(Holds.SEQUENTIAL, (Item(Code("a")), Item(GROWING, count=3))),
            "nn.Sequential(a, *[Step(64 + 32 * k, i=2 + k) for k in range(3)])",
        ),
        (
            Container(Holds.LIST, (Item(Make("Step"), count=3),)),
            "nn.ModuleList([Step() for _ in range(3)])",
        ),
        (
            Container(Holds.SEQUENTIAL, (Item(GROWING, "b{}", 3, 1),)),
            'nn.Sequential(OrderedDict([(f"b{k + 1}", '
            "Step(64 + 32 * k, i=2 + k)) for k in range(3)]))",
        ),
        (
            Container(Holds.SEQUENTIAL, (Item(Make("parts"), count=2, splat=True),)),
            "nn.Sequential(*[module for _ in range(2) for module in parts()])",
        ),
        (
            Container(Holds.DICTIONARY, (Item(Code("a"), "bn"),)),
            'nn.ModuleDict({"bn": a})',
        ),
        (Container(Holds.PLAIN, (Item(Code("a")), Item(Code("b")))), "[a, b]"),
    ],
)
def test_expressions_are_printed(value: Expression, wanted: str) -> None:
    assert shown(value, Loops()) == wanted


def test_names_of_loops_give_way() -> None:
    assert shown(Number(1, 1), Loops("k2", "module")) == "1 + k2"


def test_what_an_expression_reads() -> None:
    value = Make("Step", (Argument(Code("channels // 4")), Argument(Code("f(x=y)"))))
    assert names_in(value) == {"channels", "f", "y"}
    assert grows(GROWING)
    assert not grows(at(GROWING, 0))


def test_a_class_is_printed() -> None:
    made = Class(
        "Block",
        "What it does.",
        (Parameter("width"), Parameter("stride", "int", "1")),
        (Attribute("a", Make("nn.Linear", (Argument(Code("width")),))),),
        (forward((Return(Code("self.a(x)"), Line(7)),)),),
    )
    assert text(made).split("\n") == [
        "class Block(nn.Module):",
        '    """What it does."""',
        "",
        "    def __init__(self, width: int, stride: int = 1) -> None:",
        "        super().__init__()",
        "        self.a = nn.Linear(width)",
        "",
        "    def forward(self, x: Tensor) -> Tensor:",
        "        return self.a(x)  # rf:7",
        "",
    ]


@pytest.mark.parametrize(
    ("line", "comment"),
    [
        (None, ""),
        (Line(0), "  # rf:default"),
        (Line(3), "  # rf:3"),
        (Line(3, "a.rf"), "  # rf:3 of a.rf"),
        (Line(3, "a\nimport os.rf"), "  # rf:3 of a import os.rf"),
    ],
)
def test_the_comment_of_a_line(line: Line | None, comment: str) -> None:
    made = Function("f", (), "int", (Return(Code("1"), line),))
    assert text(made) == f"def f() -> int:\n    return 1{comment}\n"


def test_tidied_keeps_what_is_read_later() -> None:
    body = (
        Assign("y", Code("f(x)")),
        Assign("x", Code("y")),
        Loop("block", Code("self.blocks"), (Assign("x", Code("block(x, y)")),)),
        Assign("z", Code("x + 1"), Line(2)),
        Return(Code("z")),
    )
    made = tidied(Function("f", (), "Tensor", body))
    assert isinstance(made, Function)
    assert made.body == (*body[:3], Return(Code("x + 1"), Line(2)))


def test_tidied_keeps_several_names_apart() -> None:
    body = (Assign("a, b", Code("x.chunk(2, dim=1)")), Return(Code("a, b")))
    made = tidied(Function("f", (), "tuple[Tensor, Tensor]", body))
    assert isinstance(made, Function)
    assert made.body == body


def test_tidied_reads_what_goes_on_by_positions() -> None:
    body = (Assign("h", Code("f(x)")), Return(Code("h")))
    step = Function("step", (), "Tensor", body)
    made = tidied(Class("Cell", "", (), (), (), going=(step,)))
    assert isinstance(made, Class)
    assert made.going[0].body == (Return(Code("f(x)")),)


def test_merged_classes_are_called_by_the_first_name() -> None:
    def block(name: str, line: int, made: str = "nn.ReLU()") -> Class:
        attributes = (Attribute("a", Code(made)),)
        body = forward((Return(Code("self.a(x)"), Line(line)),))
        return Class(name, f"{name} = relu", (), attributes, (body,))

    user = Class("User", "", (), (Attribute("b", Make("B")),), ())
    definitions = [block("A", 1), block("B", 2), block("C", 3, "nn.GELU()"), user]
    result = merged(definitions, {"User"})
    assert [item.name for item in result] == ["A", "C", "User"]
    assert result[0].about == "A = relu\nB = relu"
    assert result[-1] == replace(user, attributes=(Attribute("b", Make("A")),))
    assert merged(definitions, {"A", "B", "C", "User"}) == definitions


def test_what_did_not_change_is_the_same_object() -> None:
    definition = plan().definitions[0]
    assert rewritten(definition, lambda node: node) is definition


def test_the_plan_says_what_belongs_to_whom() -> None:
    made = plan()
    assert [definition.name for definition in made.definitions] == [
        *("WBlock", "Step", "Stem", "Head", "Net")
    ]
    step = made.definitions[1]
    assert isinstance(step, Class)
    assert [(item.name, item.role) for item in step.attributes] == [("W", Role.MODULE)]
    assert made.stages == ("blocks",)
    assert sorted(made.pieces.values()) == ["head", "stem"]


def test_another_form_is_a_function_of_the_plan() -> None:
    """Without batch norm, as inference may have it: the same names, fewer modules."""

    def without(node: Any) -> Any:
        is_norm = isinstance(node, Attribute) and "BatchNorm" in str(node.value)
        return replace(node, value=Code("nn.Identity()")) if is_norm else node

    made = plan()
    other = made.changed(lambda definition: rewritten(definition, without))
    head = "import torch.nn.functional as F\nfrom torch import Tensor, nn\n"
    source = f"{head}\n\n{printed([other])}"
    network = load_source(source, "Net").Net()
    assert not any("running_mean" in key for key in network.state_dict())
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 10)
    assert printed([made]) != printed([other])


# ---------------------------------------------------------------- several networks

SEVERAL = """
input 3 x 8 x 8
stem conv(3, c) > bn > relu
Unit = conv(3, c, stride=s) > SE
SE(x) = x*sigmoid(G*x)  where G = avgpool > linear(cin/2) > relu > linear(cin)

network One
stages 4 x 2, 6 x 1
W = Unit
X_i = X_<i-1> + W_i*X_<i-1>

network Two
stages 4 x 1, 8 x 2
W = Unit
X_i = X_<i-1> - W_i*X_<i-1>
"""


def test_what_a_file_says_once_is_written_once() -> None:
    networks = list(compile_source(from_text(SEVERAL)))
    source = emit_source(networks)
    found = re.findall(r"^(?:class|def) (\w+)", source, re.MULTILINE)
    assert found == [
        *("SE", "OneWBlock", "shortcut", "OneStep", "Stem", "Head", "One"),
        *("TwoWBlock", "TwoStep", "Two"),
    ]
    # Each is the network that it is in a file of its own.
    module, x = load_source(source, "several"), torch.randn(2, 3, 8, 8)
    for item in networks:
        alone = item.module().eval()
        joined = getattr(module, item.name)().eval()
        joined.load_state_dict(alone.state_dict(), strict=True)
        assert torch.equal(joined(x), alone(x))


@pytest.mark.parametrize(
    "names", ["", 'names stages = "features", stem = "features", head = "."\n']
)
def test_what_timms_interface_changes(names: str) -> None:
    """Blocks and operators are the plain network's, and so is what makes their modules."""
    graph = recform.compile(f"{names}stem conv(3, c) > bn{FORMULA}").graph
    plain = plan_network(graph, module_names([graph]))
    other = plan_classifier(graph, module_names([graph]))
    gone = [made.name for made in plain.definitions if made not in other.definitions]
    assert gone == (["Net"] if names else ["Head", "Net"])
    assert set(other.definitions[:-1]) <= set(plain.definitions)
    assert other.steps == plain.steps
