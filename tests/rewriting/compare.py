"""Two files that should say the same: how much of what is made of them is the same."""

from __future__ import annotations

import ast
import builtins
import copy
import keyword
from enum import IntEnum

import torch
from torch import nn

from recform.blocks.examples import random_inputs
from recform.compiler import Compiled
from tests.oracle.compare import shake
from tests.oracle.third.check import TooLarge, apart, passes, rates, told_paths

TOLERANCE = 1e-9


class Same(IntEnum):
    """How much is the same; each has all those before it."""

    NOTHING = 0
    NUMBERS = 1  # on the same weights
    NAMES = 2  # the code, but for names
    LETTERS = 3  # the code


def code(networks: tuple[Compiled, ...]) -> str:
    """The code of networks, without what is said of the formula."""
    made = []
    for network in networks:
        tree = ast.parse(network.source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                is_text = ast.get_docstring(node) is not None
                node.body = node.body[is_text:] or [ast.Pass()]
        made.append(ast.unparse(tree))
    return "\n".join(made)


class _Nameless(ast.NodeTransformer):
    """Names by the order in which they come: those of a function, of a class, of all."""

    def __init__(self) -> None:
        self._all: dict[str, str] = {}
        self._own: dict[str, str] = {}
        self._attributes: dict[str, str] = {}

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        before, self._attributes = self._attributes, {}
        node.name = _named(node.name, self._all)
        self.generic_visit(node)
        self._attributes = before
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        before = self._own
        self._own = {}
        for part in ast.walk(node):
            if isinstance(part, ast.arg):
                _named(part.arg, self._own)
            elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                _named(part.id, self._own)
        self.generic_visit(node)
        self._own = before
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._own.get(node.arg, node.arg)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._own.get(node.id) or _named(node.id, self._all)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            node.attr = _named(node.attr, self._attributes)
        self.generic_visit(node)
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        node.arg = None if node.arg is None else "key"
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):
            node.value = "text"
        return node


def _named(name: str, numbers: dict[str, str]) -> str:
    if keyword.iskeyword(name) or hasattr(builtins, name):
        return name
    return numbers.setdefault(name, f"n{len(numbers)}")


def nameless(source: str) -> str:
    """Code with names by the order in which they come."""
    return ast.unparse(_Nameless().visit(ast.parse(source)))


def same(one: tuple[Compiled, ...], two: tuple[Compiled, ...]) -> Same:
    """How much two files have in common."""
    first, second = code(one), code(two)
    if first == second:
        return Same.LETTERS
    if nameless(first) == nameless(second):
        return Same.NAMES
    if len(one) == len(two) and all(map(alike, one, two)):
        return Same.NUMBERS
    return Same.NOTHING


def alike(one: Compiled, two: Compiled) -> bool:
    """Whether networks make the same numbers of the same weights, and gradients."""
    torch.manual_seed(0)
    first, second = (prepared(item.module()) for item in (one, two))
    mine, theirs = dict(first.named_parameters()), dict(second.named_parameters())
    if len(mine) != len(theirs):
        return False
    # Those of other names come in the same order.
    named = [name for name in theirs if name not in mine]
    others = iter(named)
    theirs = {x: theirs[x if x in theirs else next(others)] for x in mine}
    if any(mine[name].shape != theirs[name].shape for name in mine):
        return False
    with torch.no_grad():
        for name, parameter in mine.items():
            theirs[name].copy_(parameter)
    given = random_inputs(one.formula.inputs, 3, dtype=torch.float64)
    names = list(mine)
    for net in (first, second):
        told_paths(net)
    try:
        with rates():
            made = [
                passes(net.train(mode), given, [of[name] for name in names])
                for mode in (True, False)
                for net, of in ((first, mine), (second, theirs))
            ]
        worst = max(apart(made[0], made[1]), apart(made[2], made[3]))
    except TooLarge:
        return True
    return worst < TOLERANCE


def prepared(net: nn.Module) -> nn.Module:
    net = copy.deepcopy(net).double()
    shake(net)
    for name, buffer in net.named_buffers():
        if "running_mean" in name:
            buffer.fill_(0.1)
        elif "running_var" in name:
            buffer.fill_(1.3)
    return net
