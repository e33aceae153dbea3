"""Nothing in generated code is there for nobody: arguments, attributes, classes."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from tests.compiled import NAMES, networks, written
from tests.oracle.files import recurrences, split_starts, timed
from tests.oracle.search import few
from tests.thinned import thinned

#: The pieces of a network have a class each, which another one may equal by chance.
PIECES = ("Stem", "Head", "Transition", "Step")
#: torch gives it to every module, and timm's base class to every network.
GIVEN = {"self"}


def superfluous(source: str) -> list[str]:
    """Parameters and attributes that nobody reads, and classes that are there twice."""
    tree = ast.parse(source)
    found: list[str] = []
    kinds: dict[str, str] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        found += (f"{node.name}: {what}" for what in _unread(node))
        if node.name.endswith(PIECES):
            continue
        key = _nameless(node)
        if key in kinds:
            found.append(f"{node.name} is {kinds[key]}")
        kinds[key] = node.name
    return found


def _unread(node: ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    for function in ast.walk(node):
        if isinstance(function, ast.FunctionDef):
            read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
            for argument in (*function.args.args, *function.args.kwonlyargs):
                if argument.arg not in read | GIVEN:
                    yield f"{function.name} does not read {argument.arg}"
    own = [
        n
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute)
        and isinstance(n.value, ast.Name)
        and n.value.id == "self"
    ]
    read = {n.attr for n in own if isinstance(n.ctx, ast.Load)}
    for name in dict.fromkeys(n.attr for n in own if isinstance(n.ctx, ast.Store)):
        if name not in read:
            yield f"nothing reads {name}"


def _nameless(node: ast.ClassDef | ast.FunctionDef) -> str:
    """A definition without its name and its docstring."""
    bare: Any = copy.deepcopy(node)
    bare.name = "name"
    if ast.get_docstring(bare) is not None:
        bare.body = bare.body[1:]
    return ast.dump(bare)


def twice(source: str, networks: Iterable[str]) -> list[str]:
    """What several networks of a file have each, letter by letter but for its name."""
    lines = source.splitlines()
    texts = Counter(
        # Whole lines: the comments behind statements say what these are of.
        "\n".join(lines[node.lineno - 1 : node.end_lineno]).replace(node.name, "")
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and not node.name.endswith("Step")
        and node.name not in networks
    )
    return [text for text, count in texts.items() if count > 1]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(x, y):\n    return x", ["f: f does not read y"]),
        (
            "class A:\n    def __init__(self, n):\n        self.n = n\n",
            ["A: nothing reads n"],
        ),
        (
            "def f(x):\n    return x\n\ndef g(x):\n    '''It.'''\n    return x",
            ["g is f"],
        ),
    ],
)
def test_what_is_superfluous_is_seen(source: str, said: list[str]) -> None:
    assert superfluous(source) == said


@pytest.mark.parametrize("name", thinned(NAMES, 20, first=2))
def test_examples(name: str) -> None:
    several = networks(name)
    for network in several:
        assert superfluous(network.source) == []
    assert twice(written(name), [item.name for item in several]) == []


@settings(max_examples=few(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(
        recurrences(1, 9, staged=False),
        recurrences(1, 6, staged=True),
        recurrences(8, 20, histories=3),
        split_starts(),
        timed(),
    )
)
def test_random_networks(text: str) -> None:
    try:
        (network,) = compile_source(from_text(text))
    except CompileError:
        return
    assert superfluous(network.source) == []


def test_a_tensor_is_moved_once_however_it_is_said() -> None:
    """`X_<i-1,t-1>` and `shift(X_<i-1>)` were two values."""
    text = (
        "input 5 x 4\nstages 4 x 3\ntimes positions\nW = linear(c)\n"
        "X_<i,t> = W_i*X_<i-1,t-1> + shift(X_<i-1,t>)"
    )
    (item,) = compile_source(from_text(text))
    assert item.source.count("F.pad") == 1
