"""A formula file can't run code: names and texts reach the module as data alone."""

from __future__ import annotations

import ast

import pytest
import torch

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError

HOSTILE = [
    "network __import__\n{one}",
    "network torch\n{one}",
    "network class\n{one}",
    "network nn\nself_i = self_<i-1> + F_i*self_<i-1>",
    "print_i = print_<i-1> + exec_i(print_<i-1>)",
    '# """ + __import__(\'os\').system(\'echo\') + """\n{one}',
    "W = forward: conv(3, c, stride=s) > training: bn\n{one}",
    "W = state: conv(3, c, stride=s) > weight: bn\n{one}",
    'W = conv(3, c, stride=s)\nnames W = "__class__"\n{one}',
    'names W = "x\'); import os #"\n{one}',
    "head avgpool > eval: linear(10)\n{one}",
    "param lambda = 10\nhead avgpool > linear(lambda)\n{one}",
    "param self = 10\nhead avgpool > linear(self)\n{one}",
    "param None = 10\nhead avgpool > linear(None)\n{one}",
    "\u03b1_i = \u03b1_<i-1> + W_i*\u03b1_<i-1>",
    "X'_i = X'_<i-1> + W_i*X'_<i-1>",
    "scalar True_i = 0.5\nX_i = True_i*X_<i-1> + W_i*X_<i-1>",
    "X_i = X_<i-1> + Tensor_i*X_<i-1> + nn_i(X_<i-1>) + torch_i(X_<i-1>)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_files(text: str) -> None:
    frame = "stages 4 x 2\n" if "stages" not in text else ""
    source = frame + text.format(one="X_i = X_<i-1> + W_i*X_<i-1>")
    try:
        (compiled,) = compile_source(from_text(source, '"""\nimport os\n#.rf'))
        code = compiled.source
    except CompileError as error:
        assert str(error)
        return
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= {
                "torch",
                "math",
                "torch.nn.functional",
            }
        if isinstance(node, ast.ImportFrom):
            assert node.module == "torch"
    for node in tree.body:
        assert isinstance(
            node,
            ast.Import
            | ast.ImportFrom
            | ast.ClassDef
            | ast.FunctionDef
            | ast.Assign
            | ast.Expr,
        )
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant)
    network = compiled.module()
    network(torch.randn(2, 3, 32, 32)).sum().backward()
