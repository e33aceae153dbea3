"""Generated files with one thing changed, and whether that shows when they run."""

from __future__ import annotations

import ast
import copy
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
import torch
from torch import nn

from recform.blocks.examples import random_examples
from recform.compiled import Compiled, emit_source
from recform.compiler import compile_source, read
from recform.diagnostics import CompileError
from recform.diagnostics.refuted import Refuted
from recform.emit import module as emitting
from recform.emit.checked import check
from recform.readback.surface import check_names
from recform.target import Target
from tests.compiled import EXAMPLES
from tests.thinned import small

#: A change of a tree that is the mutant's own.
Change = Callable[[], object]

_SIGNS: tuple[type[ast.operator], ...] = (ast.Add, ast.Sub, ast.Mult)
_COMPARED: tuple[type[ast.cmpop], ...] = (ast.Eq, ast.NotEq, ast.Lt, ast.GtE)
#: What is to be seen besides names, in this order.
FACTS = ("starts", *("training", "gradients", "state", "output") * 2)
#: More than rounding, in float64.
_NEAR = {"rtol": 1e-9, "atol": 1e-11}


@dataclass(frozen=True)
class Written:
    """A generated file.

    Attributes:
        head: what stands above the networks' source.
        code: that source.
        given: the networks, their plans, and what these derive from.
        options: what else the proof is told: their form.
        network: the class of the only one.
        shape: of its input.
    """

    head: str
    code: ast.Module
    given: tuple[Any, Any, str]
    options: dict[str, Any]
    network: str
    shape: Any

    def refuses(self, pattern: str, text: str) -> bool:
        """Whether a fault that is planted in its own is not proved."""
        code = ast.unparse(self.code)
        found = re.sub(pattern, text, code, count=1)
        assert found != code, code
        return not self.accepts(ast.parse(found))

    def accepts(self, code: ast.Module) -> bool:
        """Whether a source in the place of its own is proved."""
        networks, plans, base = self.given
        # As it would be read again: a change may have no text of its own.
        tree = ast.parse(ast.unparse(code))
        try:
            check_names(f"{self.head}{ast.unparse(code)}")
        except Refuted:
            return False
        try:
            check(networks, plans, tree, base, **self.options)
        except CompileError as error:
            assert "RF901" in str(error)
            return False
        return True

    def network_of(self, code: ast.Module) -> nn.Module:
        """The network of a source, from one seed."""
        return self.run(code)[0]

    def run(self, code: ast.Module) -> tuple[Any, dict[str, Any]]:
        """The network, and all that its file has."""
        space: dict[str, Any] = {"__name__": "mutant"}
        exec(compile(f"{self.head}{ast.unparse(code)}", "mutant.py", "exec"), space)
        torch.manual_seed(0)
        return space[self.network](), space

    def shows(self, code: ast.Module) -> list[Any]:
        """All that is to be seen of the network of a source, from one seed.

        Its state_dict and what it starts with; the same behind a step of training, with
        gradients; and what it makes in training and afterwards, by positions too.
        """
        network, space = self.run(code)
        shown: list[Any] = [list(network.state_dict())]
        network.double()
        shown.append(_copied(network))
        x = random_examples(self.shape, 3, dtype=torch.float64)
        for _ in range(2):
            # Values that start as zeros hide what is behind them.
            with torch.no_grad():
                for p in network.parameters():
                    p.add_(0.05 * torch.randn_like(p))
            torch.manual_seed(1)
            made = network.train()(x)
            weights = torch.linspace(-1, 1, made.numel(), dtype=made.dtype)
            (made * weights.view_as(made)).sum().backward()
            shown += [made.detach(), [p.grad for p in network.parameters()]]
            shown += [_copied(network), network.eval()(x).detach()]
        if self.options["going"]:
            past, cuts = space["Past"](), [1, 1, 1, 2, x.shape[1] - 5]
            with torch.no_grad():
                shown.append([network.step(item, past) for item in x.split(cuts, 1)])
        return shown


def _copied(network: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in network.state_dict().values()]


def equal(one: Any, other: Any) -> bool:
    """Whether two networks show the same."""
    try:
        torch.testing.assert_close(one, other, equal_nan=True, **_NEAR)
    except AssertionError:
        return False
    except TypeError:
        return bool(one == other)
    return True


def same(written: Written, code: ast.Module, wanted: list[Any]) -> str:
    """What of a source differs from what is wanted; empty for nothing."""
    try:
        found = written.shows(code)
    except Exception as error:  # whatever a mutant does
        return f"{type(error).__name__}: {error}"
    if found[0] != wanted[0]:
        return "order" if sorted(found[0]) == sorted(wanted[0]) else "names"
    for place, (a, b) in enumerate(zip(found[1:], wanted[1:], strict=True)):
        if not equal(a, b):
            # What is drawn from a seed hangs on the order of making.
            if not place and _lines(code) == _lines(written.code):
                return "order"
            return (*FACTS, "steps")[place]
    return ""


def _lines(code: ast.Module) -> list[str]:
    return sorted(ast.unparse(code).splitlines())


def written(name: str, target: Target) -> Written:
    """An example's file in a form, small."""
    path = EXAMPLES / name
    source, folder = read(path)
    return form(compile_source(source, small(path), folder, target=target)[0])


def form(made: Compiled) -> Written:
    """The file of a network."""
    seen: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            emitting, "check", lambda *given, **options: seen.append((given, options))
        )
        text = emit_source([made])
    (((networks, plans, tree, base), options),) = seen
    first = tree.body[0]
    word = "class" if isinstance(first, ast.ClassDef) else "def"
    head = text[: text.index(f"\n\n\n{word} {first.name}") + 3]
    shape = made.formula.input
    return Written(head, tree, (networks, plans, base), options, made.name, shape)


# ------------------------------------------------------------------------ what changes


def mutants(code: ast.Module, draw: random.Random, count: int) -> Iterator[ast.Module]:
    """Sources with one thing changed, of all that can be."""
    choices = [
        (place, which)
        for place, node in enumerate(ast.walk(code))
        for which, _ in enumerate(changes(code, node))
    ]
    for place, which in draw.sample(choices, min(count, len(choices))):
        other = copy.deepcopy(code)
        nodes = ast.walk(other)
        list(changes(other, next(islice(nodes, place, None))))[which]()
        text = ast.unparse(ast.fix_missing_locations(other))
        if text != ast.unparse(code):
            try:
                yield ast.parse(text)
            except SyntaxError:
                continue


def changes(code: ast.Module, node: ast.AST) -> Iterator[Change]:
    """What can be changed at one node."""
    match node:
        case ast.Call(args=args, keywords=words):
            for k in range(len(args) - 1):
                yield lambda k=k: _swap(args, k)  # type: ignore[misc]
            for items in (args, words):
                for k in range(len(items)):
                    yield lambda items=items, k=k: items.pop(k)  # type: ignore[misc]
            if isinstance(node.func, ast.Attribute) and node.func.attr in (
                *("detach", "float", "contiguous", "clone", "flip"),
                *("unsqueeze", "squeeze", "mT", "transpose", "flatten"),
            ):
                yield lambda: _become(node, node.func.value)  # type: ignore[attr-defined]
            yield from _more(node)
        case ast.Constant(value=bool() as value):
            yield lambda: setattr(node, "value", not value)
        case ast.Constant(value=int() as value):
            yield lambda: setattr(node, "value", value + 1)
            yield lambda: setattr(node, "value", value - 1)
        case ast.Constant(value=float() as value):
            yield lambda: setattr(node, "value", value * 1.5 + 0.25)
        case ast.Constant(value=str() as value) if len(value) < 30:
            yield lambda: setattr(node, "value", f"{value}x")
        case ast.Constant(value=None):
            yield lambda: setattr(node, "value", 1)
        case ast.BinOp(op=op):
            yield lambda: _become(node, node.left)
            yield lambda: _become(node, node.right)
            yield lambda: _swapped(node, "left", "right")
            for kind in _SIGNS:
                if not isinstance(op, kind):
                    yield lambda kind=kind: setattr(node, "op", kind())  # type: ignore[misc]
        case ast.UnaryOp():
            yield lambda: _become(node, node.operand)
        case ast.Compare(ops=[op]):
            for how in _COMPARED:
                if not isinstance(op, how):
                    yield lambda how=how: setattr(node, "ops", [how()])  # type: ignore[misc]
        case ast.IfExp():
            yield lambda: _swapped(node, "body", "orelse")
        case ast.Slice():
            for end in ("lower", "upper", "step"):
                yield lambda end=end: setattr(node, end, None)  # type: ignore[misc]
                yield lambda end=end: setattr(node, end, ast.Constant(1))  # type: ignore[misc]
        case ast.Tuple(elts=items) | ast.List(elts=items):
            for k in range(len(items) - 1):
                yield lambda k=k: _swap(items, k)  # type: ignore[misc]
            for k in range(len(items)):
                yield lambda k=k: items.pop(k)  # type: ignore[misc]
        case ast.Name(ctx=ast.Load()) as name:
            for other in sorted(_names_beside(code, name)):
                yield lambda other=other: setattr(node, "id", other)  # type: ignore[misc]
        case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Load()):
            yield from _other_attributes(code, node)
            if node.attr == "training":
                yield lambda: _become(node, ast.Constant(True))
                yield lambda: _become(node, ast.Constant(False))
        case ast.Attribute(value=ast.Name(id="nn" | "F" | "torch"), attr=attr):
            for pair in _ALIKE:
                if attr in pair:
                    for other in pair:
                        if other != attr:
                            yield lambda other=other: setattr(node, "attr", other)  # type: ignore[misc]
        case ast.FunctionDef() | ast.ClassDef() | ast.If() | ast.For() | ast.With():
            for rows in (node.body, getattr(node, "orelse", [])):
                for k in range(len(rows) - 1):
                    yield lambda rows=rows, k=k: _swap(rows, k)  # type: ignore[misc]
                for k in range(len(rows)):
                    yield lambda rows=rows, k=k: _drop(rows, k)  # type: ignore[misc]
            for k in range(len(getattr(node, "decorator_list", []))):
                yield lambda k=k: node.decorator_list.pop(k)  # type: ignore[misc,union-attr]


#: Names that are easily taken for one another.
_ALIKE = (
    ("relu", "gelu", "silu", "sigmoid", "tanh", "softplus"),
    ("ReLU", "GELU", "SiLU"),
    ("max_pool2d", "avg_pool2d"),
    ("MaxPool2d", "AvgPool2d"),
    ("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"),
    ("zeros", "ones"),
    ("Identity", "Flatten"),
    ("Sequential", "ModuleList"),
    ("softmax", "log_softmax"),
)
#: Options of torch that a call may be given besides.
_OPTIONS = (
    ("nn.Conv2d", "padding_mode", "reflect"),
    ("nn.Conv2d", "dilation", 2),
    ("nn.Conv2d", "dtype", None),
    ("nn.Conv2d", "bias", False),
    ("nn.BatchNorm2d", "momentum", 0.3),
    ("nn.BatchNorm2d", "eps", 0.01),
    ("nn.BatchNorm2d", "affine", False),
    ("nn.BatchNorm2d", "track_running_stats", False),
    ("nn.Linear", "bias", False),
    ("nn.LayerNorm", "eps", 0.01),
    ("nn.Dropout", "inplace", True),
    ("nn.ReLU", "inplace", True),
    ("nn.Parameter", "requires_grad", False),
    ("nn.Identity", "p", 1),
    ("F.relu", "inplace", True),
    ("F.gelu", "approximate", "tanh"),
    ("F.dropout", "training", True),
    ("F.dropout", "inplace", True),
    ("F.pad", "mode", "reflect"),
    ("F.pad", "value", 1.0),
    ("torch.cat", "dim", -1),
    ("torch.stack", "dim", 1),
    ("nn.Embedding", "padding_idx", 0),
    ("nn.MaxPool2d", "ceil_mode", True),
    ("nn.AvgPool2d", "ceil_mode", True),
    ("F.max_pool2d", "ceil_mode", True),
    ("F.avg_pool2d", "count_include_pad", False),
    ("F.scaled_dot_product_attention", "is_causal", True),
    ("F.scaled_dot_product_attention", "dropout_p", 0.5),
    ("F.scaled_dot_product_attention", "scale", 2.0),
)


def _more(node: ast.Call) -> Iterator[Change]:
    name = ast.unparse(node.func)
    for kind, word, value in _OPTIONS:
        if name == kind and not any(w.arg == word for w in node.keywords):
            made = ast.keyword(word, ast.Constant(value))
            yield lambda made=made: node.keywords.append(made)  # type: ignore[misc]


def _swap(items: list[Any], k: int) -> None:
    items[k], items[k + 1] = items[k + 1], items[k]


def _drop(rows: list[Any], k: int) -> None:
    rows[k] = ast.Pass()


def _swapped(node: Any, one: str, other: str) -> None:
    first, second = getattr(node, one), getattr(node, other)
    setattr(node, one, second)
    setattr(node, other, first)


def _become(node: Any, other: Any) -> None:
    other = copy.deepcopy(other)
    node.__class__ = other.__class__
    node.__dict__ = other.__dict__


def _around(code: ast.Module, kind: type[ast.AST], node: ast.AST) -> ast.AST | None:
    found = None
    for outer in ast.walk(code):
        if isinstance(outer, kind) and any(inner is node for inner in ast.walk(outer)):
            found = outer
    return found


def _names_beside(code: ast.Module, node: ast.Name) -> set[str]:
    """Names of the same function, of which one could stand in the place of another."""
    outer = _around(code, ast.FunctionDef, node)
    if outer is None:
        return set()
    names = {a.arg for a in ast.walk(outer) if isinstance(a, ast.arg)}
    stored = (n for n in ast.walk(outer) if isinstance(n, ast.Name))
    names |= {n.id for n in stored if isinstance(n.ctx, ast.Store)}
    return names - {"self", node.id} if node.id in names - {"self"} else set()


def _other_attributes(code: ast.Module, node: ast.Attribute) -> Iterator[Change]:
    outer = _around(code, ast.ClassDef, node)
    if outer is None:
        return
    names = {
        inner.attr
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Attribute) and ast.unparse(inner.value) == "self"
    }
    for other in sorted(names - {node.attr, "training"}):
        yield lambda other=other: setattr(node, "attr", other)  # type: ignore[misc]
