"""The code of pipelines is proved: each small change of it is found, whatever it is.

Sources are changed everywhere, in one way after the other: a number is another one, a
part is left out, runs twice, or takes the place of its neighbour.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from recform.classes.network import plan_network
from recform.compiler import Compiled, compile_source, from_text
from recform.diagnostics import CompileError
from recform.emit.checked import check
from recform.emit.classifier.base import base_class
from recform.emit.classifier.passes import plan_classifier
from recform.emit.module import printed
from recform.graph.model import NetworkGraph
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from tests.oracle.search import few, search

INLINE = """
input 3 x 8 x 8
stages 4 x 1, 6 x 2 / 2
stem conv1: conv(5, 4) > bn > relu > maxpool(2)
head bn > relu > avgpool > fc: linear(5)
adapter conv(1, c, stride=s) > bn
names W = ".", stem = ".", head = "."
W = conv(3, c, stride=s, groups=2) > bn > relu > dwconv(3) > avgpool(3, stride=1, padding=1)
X_i = X_<i-1> + W_i*X_<i-1>
"""
CLASSES = """
input 3 x 8 x 8
stages 4 x 2, 8 x 2 / 2
stem conv(3, c) > leaky_relu(0.2)
head avgpool > linear(7) > relu > linear(5)
adapter zeropad(c, s)
W = conv(3, c, stride=s) > gelu
U = dropout(0.3) > conv(1, c/2) > bn > conv(1, c, dilation=1)
X_i = X_<i-1> + U_i*W_i*X_<i-1>
"""
HELD = """
input 3 x 8 x 8
stages 4 x 2, 8 x 1 / 2
stem (conv(3, c) > relu) > (bn > maxpool(2))
W = (conv(3, c, stride=s) > bn > relu) > (relu > conv(1, cin))
X_i = X_<i-1> + W_i*X_<i-1>
"""
DASHED = """
input 3 x 8 x 8
stages 4 x 2
W = "a-b": conv(3, c) > relu > bn > gelu > "c-d": conv(1, c) > relu
X_i = X_<i-1> + W_i*X_<i-1>
"""
DEFINED = """
input 3 x 8 x 8
stages 4 x 1, 6 x 1 / 2
scalar r_i = 0.1
SE(x, ratio=2) = x*sigmoid(G*x)
where G = globalpool > a: conv(1, cin/ratio) > silu > b: conv(1, cin)
Two(x) = A*x + B*A*x - 0.5*B*x
where A = conv(3, cin) > bn, B = conv(3, cin) > bn
W = conv(3, c, stride=s) > SE(1) > Two > SE
X_i = X_<i-1> + r_i*W_i*X_<i-1>
"""
DENSE = """
input 3 x 8 x 8
scope stage
stages 4 x 2, 4 x 3 / 2
transition norm: bn > relu > conv: conv(1, cin/2) > avgpool(s)
H = bn > relu > conv(3, 4)
X_i = H_i*concat(X_<0..i-1>)
output concat(X_<0..L>)
"""
TOKENS = """
input 3 x 8 x 8
stem patches(4, 6) > classtoken > positions
stages 6 x 2
head ln > token > linear(10)
A = ln > attention(2) > droppath(0.1*i/L)
M = ln > linear(2*c) > gelu > linear(c)
Y_i = X_<i-1> + A_i*X_<i-1>
X_i = Y_i + M_i*Y_i
"""
CHAIN = """
input 3 x 8 x 8
stem (conv(3, 4, stride=2) > bn > relu6)
stages 4 x 1, 6 x 2 / 2
head "features.4": (conv(1, 12) > bn > relu6) > avgpool
   > classifier: (dropout(0.2) > linear(5))
names stem = "features.0", stages = "features", V = "conv", W = "conv", head = "."
Depthwise(stride=1) = (dwconv(3, stride=stride) > bn > relu6)
V = (Depthwise > conv(1, c) > bn)
W = ((conv(1, 3*cin) > bn > relu6) > Depthwise(s) > conv(1, c) > bn)
X_i = X_<i-1> + W_i*X_<i-1>
X_<first> = W_<first>*X_<first-1>
X_1 = V_1*X_0
"""
PAIR = """
input 6
stages 6 x 3
stem linear(8)
F = ln > linear(cin)
G = linear(cin) > tanh
U = linear(cin)
A_0, B_0 = split(input, 2)
A_i = A_<i-1> + F_i*B_<i-1>
B_i = B_<i-1> + G_i*A_i + U*A_i
output concat(A_L, U*B_L)
"""
NETWORKS = {
    "inline": INLINE,
    "classes": CLASSES,
    "held": HELD,
    "dashed": DASHED,
    "defined": DEFINED,
    "dense": DENSE,
    "tokens": TOKENS,
    "chain": CHAIN,
    "pair": PAIR,
}
#: Those with timm's interface.
CLASSIFIERS = ("inline", "chain")


@cache
def compiled(name: str) -> Compiled:
    return compile_source(from_text(NETWORKS[name]))[0]


@cache
def written(name: str, timm: bool) -> tuple[NetworkGraph, NetworkPlan, ast.Module]:
    graph = compiled(name).graph
    plan = (plan_classifier if timm else plan_network)(graph, Namespace())
    return graph, plan, ast.parse(printed([plan]))


def is_right(name: str, timm: bool, tree: ast.Module) -> bool:
    graph, plan, _ = written(name, timm)
    try:
        check([graph], [plan], tree, base_class() if timm else "")
    except CompileError as error:
        assert [item.code for item in error.diagnostics] == ["RF901"]
        return False
    return True


# ------------------------------------------------------------------------ the changes

#: A change of a node: None where there is nothing to change.
Change = Callable[[Any], ast.AST | None]


def _another_number(node: Any) -> ast.AST | None:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return ast.Constant(2 * node.value + 1)
    return None


def _without_keyword(node: Any) -> ast.AST | None:
    if isinstance(node, ast.Call) and node.keywords:
        return ast.Call(node.func, node.args, node.keywords[:-1])
    return None


def _is_run(node: Any) -> bool:
    """Whether this is the call of a module or of a function on one tensor."""
    return (
        isinstance(node, ast.Call)
        and len(node.args) >= 1
        and ast.unparse(node.func).startswith(("self.", "F."))
        # A level's module returns what it gets, and the classifier is made by a method.
        and not ast.unparse(node.func).startswith(("self.level", "self._classifier"))
    )


def _left_out(node: Any) -> ast.AST | None:
    return node.args[0] if _is_run(node) else None


def _twice(node: Any) -> ast.AST | None:
    if not _is_run(node) or ast.unparse(node.func) == "F.relu":
        return None
    return ast.Call(node.func, [node, *node.args[1:]], node.keywords)


def _rows(node: Any) -> list[ast.expr] | None:
    """What a container is made of."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "nn.Sequential":
        return node.args if len(node.args) > 1 else None
    return node.elts if isinstance(node, ast.List) and len(node.elts) > 1 else None


def _cut_short(node: Any) -> ast.AST | None:
    return _row(node, lambda items: items[:-1])


def _begun_late(node: Any) -> ast.AST | None:
    return _row(node, lambda items: items[1:])


def _doubled(node: Any) -> ast.AST | None:
    return _row(node, lambda items: [items[0], *items])


def _swapped(node: Any) -> ast.AST | None:
    items = _rows(node)
    if items is None or ast.dump(items[0]) == ast.dump(items[1]):
        return None
    return _row(node, lambda items: [items[1], items[0], *items[2:]])


def _row(
    node: Any, change: Callable[[list[ast.expr]], list[ast.expr]]
) -> ast.AST | None:
    items = _rows(node)
    if items is None:
        return None
    if isinstance(node, ast.Call):
        return ast.Call(node.func, change(items), [])
    return ast.List(change(items), ast.Load())


def _another_module(node: Any) -> ast.AST | None:
    """The module of the line before: one runs twice, and one not at all."""
    if isinstance(node, ast.FunctionDef) and node.name == "__init__":
        made = [n for n in node.body if isinstance(n, ast.Assign)]
        for one, other in pairwise(made):
            if isinstance(other.value, ast.Call):
                target: Any = copy.deepcopy(one.targets[0])
                new = copy.copy(node)
                new.body = [
                    ast.Assign(other.targets, target) if n is other else n
                    for n in node.body
                ]
                return new
    return None


def _without_line(node: Any) -> ast.AST | None:
    if isinstance(node, ast.FunctionDef) and node.name != "__init__":
        made = [n for n in node.body if isinstance(n, ast.Assign)]
        if made:
            new = copy.copy(node)
            new.body = [n for n in node.body if n is not made[-1]]
            return new
    return None


CHANGES: dict[str, Change] = {
    change.__name__.strip("_").replace("_", " "): change
    for change in (
        _another_number,
        _without_keyword,
        _left_out,
        _twice,
        _cut_short,
        _begun_late,
        _doubled,
        _swapped,
        _another_module,
        _without_line,
    )
}


def changed(
    tree: ast.Module, change: Change
) -> Iterator[tuple[str, Callable[[], ast.Module]]]:
    """Each place that can be changed, and how to make the source that is."""
    for number, node in enumerate(ast.walk(tree)):
        if id(node) not in _unproved(tree) and change(node) is not None:
            yield ast.unparse(node), partial(_changed, tree, number, change)


def _changed(tree: ast.Module, number: int, change: Change) -> ast.Module:
    other = copy.deepcopy(tree)
    old = list(ast.walk(other))[number]
    _Replace(old, change(old)).visit(other)
    return ast.fix_missing_locations(other)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: Any) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else self.generic_visit(node)


@cache
def _unproved(tree: ast.Module) -> frozenset[int]:
    """Places that are no part of a forward pass: start values, defaults, timm's words."""
    found: list[ast.AST] = []
    for node in ast.walk(tree):
        match node:
            case ast.For(iter=ast.Call(func=ast.Attribute(attr="modules"))):
                found.append(node)
            case ast.FunctionDef(name="reset_classifier"):
                found.append(node)
            case ast.ClassDef():
                found += [n for n in node.body if not isinstance(n, ast.FunctionDef)]
            case ast.Assign(targets=[ast.Attribute(attr="feature_info")]):
                found.append(node)
            case ast.arguments():
                found += node.defaults
            case ast.If() | ast.Raise():
                found.append(node.test if isinstance(node, ast.If) else node)
            case ast.Call(func=ast.Attribute(attr="tensor" | "full")):
                found.append(node)
    return frozenset(id(inner) for node in found for inner in ast.walk(node))


CASES = pytest.mark.parametrize(
    ("name", "timm"),
    [(name, False) for name in NETWORKS] + [(name, True) for name in CLASSIFIERS],
)


@CASES
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.long
def test_each_change_of_the_code_is_found(name: str, timm: bool, change: str) -> None:
    _, _, tree = written(name, timm)
    found = [
        text
        for text, other in changed(tree, CHANGES[change])
        if is_right(name, timm, other())
    ]
    assert found == []


@CASES
def test_changes_of_the_code_are_found(name: str, timm: bool) -> None:
    """Some of them, from all kinds and places."""
    _, _, tree = written(name, timm)
    assert is_right(name, timm, tree)
    every = [item for change in CHANGES.values() for item in changed(tree, change)]
    some = every[:: len(every) // 12]
    assert [text for text, other in some if is_right(name, timm, other())] == []


# ------------------------------------------------------------------- random pipelines

_OPERATORS = (
    *("conv(3, c)", "conv(1, cin)", "conv(3, 2*c, groups=2)", "dwconv(3)", "bn"),
    *("relu", "gelu", "prelu", "elu(0.5)", "SE(2)", "SE", "Gate", "dropout(0.2)"),
    *("avgpool(3, stride=1, padding=1)", "maxpool(3, stride=1, padding=1)"),
    *("conv(3, c, dilation=2, bias=true)", "droppath(0.1)", "identity"),
)
_LABELS = ("", "", "", "", "a", "b", '"a-b"', '"box.x"', '"box.y"')


@st.composite
def pipelines(draw: st.DrawFn) -> str:
    """Operators with labels, in brackets, or both."""
    parts = []
    count = draw(st.integers(1, 4))
    labels = draw(st.lists(st.sampled_from(_LABELS), min_size=count, max_size=count))
    for place, label in enumerate(labels):
        label = label if labels.index(label) == place else ""
        flow = draw(st.sampled_from(_OPERATORS))
        if draw(st.integers(0, 3)) == 0:
            more = draw(st.lists(st.sampled_from(_OPERATORS), max_size=2))
            flow = f"({' > '.join([flow, *more])})"
        parts.append(f"{label}: {flow}" if label else flow)
    return " > ".join(parts)


@st.composite
def files(draw: st.DrawFn) -> str:
    """Networks of such pipelines, under names of all kinds."""
    names = draw(
        st.sampled_from(
            (
                *("", 'names W = "."', 'names stem = ".", head = "."'),
                'names stages = "body", stem = "body.0", W = "."',
                'names stages = "features.{}", step = "part{}"',
                'names W = "convs", adapter = "down"',
            )
        )
    )
    few = ", 8 x 2 / 2" if draw(st.booleans()) else ""
    adapter = draw(st.sampled_from(("conv(1, c, stride=s)", "avgpool(s) > conv(1, c)")))
    right = draw(
        st.sampled_from(
            (
                "X_<i-1> + W_i*X_<i-1>",
                "relu(U_i*W_i*X_<i-1> + X_<i-1>)",
                "X_<i-1> + r_i*W_i*X_<i-1> - 0.5*U_i*X_<i-1>",
                "concat(W_i*X_<i-1>, U*X_<i-1>)" if not few else "U_i*X_<i-1>",
            )
        )
    )
    lines = [
        "input 3 x 8 x 8",
        f"stages 4 x 2{few}",
        f"stem conv(3, c) > {draw(pipelines())}",
        f"head {draw(pipelines())} > avgpool > linear(3)",
        f"adapter {adapter}",
        "scalar r_i = 0.2" if "r_i" in right else "",
        names,
        "SE(x, ratio=1) = x*sigmoid(G*x)",
        "where G = globalpool > conv(1, cin/ratio) > silu > conv(1, cin)",
        "Gate(x) = k*x + tanh(A*x) - A*tanh(x)",
        "where A = conv(3, cin) > bn",
        "where scalar k = 1",
        f"W = {draw(pipelines())} > conv(3, c, stride=s)",
        f"U = {draw(pipelines())} > conv(1, c)" if "U" in right else "",
        f"X_i = {right}",
    ]
    return "\n".join(line for line in lines if line)


def proved(text: str) -> str:
    """What came of a file: it may be refused, but never for what was written of it."""
    try:
        networks = compile_source(from_text(text))
        assert networks[0].source
        return "proved"
    except CompileError as error:
        codes = sorted({item.code for item in error.diagnostics})
        assert "RF901" not in codes, error
        return f"refused {' '.join(codes)}"


@settings(max_examples=few(12), deadline=None, suppress_health_check=list(HealthCheck))
@given(files())
def test_random_pipelines_are_proved(text: str) -> None:
    event(proved(text))


@pytest.mark.long
def test_many_random_pipelines_are_proved() -> None:
    counts = search(files(), proved, 600)
    assert counts["proved"] >= 150, counts


@pytest.mark.parametrize(
    "text",
    [
        "Q(x) = x*x\nW = " + " > ".join(["Q"] * 40) + " > linear(c)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>",
        "W = linear(c)\nA0_i = X_<i-1>*X_<i-1>\n"
        + "".join(f"A{k + 1}_i = A{k}_i*A{k}_i\n" for k in range(40))
        + "X_i = W_i*A40_i\noutput X_L",
        "W = linear(c)\nX_i = (X_<i-1>^16)^3*((X_<i-1>^16)^2*(W_i*X_<i-1>)^3)",
    ],
)
def test_squares_of_squares_are_no_list_of_factors(text: str) -> None:
    (network,) = compile_source(from_text(f"input 4\nstages 4 x 3\n{text}"))
    assert "class Step" in network.source
