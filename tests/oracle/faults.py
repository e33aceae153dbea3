"""Faults planted into the generated source: does the oracle see them?

Each changes one thing in the way of the data through the blocks. A change that makes no
difference (the sum of a tensor and itself, the other way round) is no fault: the module
is held against the one that it was made from, on other numbers than the oracle takes.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import nn

from recform.compiler import Compiled, load_source
from tests.oracle.compare import counted

#: A name, and what makes the change.
Fault = tuple[str, Callable[[], None]]


def faults(tree: ast.Module, name: str) -> Iterator[Fault]:
    """All single faults of a network's blocks; a change is made in the tree itself."""
    for cls in ast.walk(tree):
        # Operators are taken as they are: other tests hold them against torch's.
        if not isinstance(cls, ast.ClassDef) or not _is_ours(cls.name, name):
            continue
        for function in cls.body:
            if isinstance(function, ast.FunctionDef) and function.name == "forward":
                yield from _in_forward(function)
            elif isinstance(function, ast.FunctionDef):
                yield from _in_constructor(function)


def _is_ours(cls: str, network: str) -> bool:
    return cls == network or "Step" in cls


def _in_forward(function: ast.FunctionDef) -> Iterator[Fault]:
    names = [a.arg for a in function.args.args if a.arg != "self"]
    for node in ast.walk(function):
        match node:
            case ast.Tuple(elts=[first, second, *_], ctx=ast.Load()) if ast.dump(
                first
            ) != ast.dump(second) and isinstance(first, ast.Name):
                yield "two slots swapped", _swap(node)
            case ast.BinOp(op=ast.Add()):
                yield "a sign", lambda n=node: setattr(n, "op", ast.Sub())
                yield "a term lost", lambda n=node: _become(n, n.left)
                yield (
                    "a coefficient",
                    lambda n=node: setattr(n, "right", _half(n.right)),
                )
            case ast.BinOp(op=ast.Mult()):
                yield "a factor lost", lambda n=node: _become(n, n.right)
            case ast.Call(func=ast.Attribute(value=ast.Name("self")), args=[_, _]):
                yield "two inputs swapped", lambda n=node: n.args.reverse()
            case ast.Call(func=ast.Attribute(attr="maximum")):
                yield "min for max", lambda n=node: setattr(n.func, "attr", "minimum")
            case ast.Call(func=ast.Attribute(value=ast.Name("self")), args=[_]):
                yield "run twice", lambda n=node: _become(n, _mean_of_two(n))
                yield (
                    "detached",
                    lambda n=node: setattr(n, "args", [_detached(n.args[0])]),
                )
            case ast.Name(ctx=ast.Load()) if node.id in names and len(names) > 1:
                other = names[(names.index(node.id) + 1) % len(names)]
                yield "another slot", lambda n=node, o=other: setattr(n, "id", o)


def _in_constructor(function: ast.FunctionDef) -> Iterator[Fault]:
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(attr="ModuleList"), args=[ast.List()]):
                blocks = node.args[0].elts
                for n, (a, b) in enumerate(pairwise(blocks)):
                    if ast.dump(a) != ast.dump(b):
                        yield "blocks in another order", _swap(node.args[0], n)


def _swap(node: ast.Tuple | ast.List, at: int = 0) -> Callable[[], None]:
    def change() -> None:
        node.elts[at], node.elts[at + 1] = node.elts[at + 1], node.elts[at]

    return change


def _become(node: ast.expr, other: ast.expr) -> None:
    """Puts another expression in the place of one."""
    other = copy.deepcopy(other)
    new = ast.Call(ast.Name("_same", ast.Load()), [other], [])
    for name in node._fields:
        delattr(node, name)
    node.__class__ = type(new)
    for name in new._fields:
        setattr(node, name, getattr(new, name))


def _half(node: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(0.5), ast.Mult(), node)


def _mean_of_two(node: ast.expr) -> ast.expr:
    """The same value, but for modules that remember or throw dice."""
    a, b = copy.deepcopy(node), copy.deepcopy(node)
    return _half(ast.BinOp(a, ast.Add(), b))


def _detached(node: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(node, "detach", ast.Load()), [], [])


def planted(item: Compiled, which: int) -> tuple[str, nn.Module] | None:
    """A module with one fault; None if there are fewer kinds of places."""
    tree = ast.parse(item.source)
    places = list(faults(tree, item.name))
    if not places:
        return None
    name, change = places[which % len(places)]
    change()
    text = "def _same(x):\n    return x\n\n" + ast.unparse(
        ast.fix_missing_locations(tree)
    )
    torch.manual_seed(0)
    module: nn.Module = getattr(load_source(text, item.name), item.name)()
    return name, module.double()


def differs(a: nn.Module, b: nn.Module, images: torch.Tensor) -> bool:
    """Whether two modules with the same weights compute or remember different things."""
    results = []
    for net in (copy.deepcopy(a).train(), copy.deepcopy(b).train()):
        ran = counted(net, set())
        given = images.clone().requires_grad_()
        made = net(given)
        made.square().sum().backward()
        grads = [p.grad for p in [given, *net.parameters()]]
        results.append((made, grads, ran))
    (made, grads, ran), (made2, grads2, ran2) = results
    if made.shape != made2.shape or ran != ran2 or not torch.allclose(made, made2):
        return True
    return any(
        (x is None) != (y is None) or (x is not None and not torch.allclose(x, y))  # type: ignore[arg-type]
        for x, y in zip(grads, grads2, strict=True)
    )
