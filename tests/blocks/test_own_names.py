"""Code of plugins with names of its own, which variables of the file may have as well."""

from __future__ import annotations

import pytest
import torch

import recform
from recform.blocks import Arguments, Emitted, Operator, Several, Shape
from recform.blocks.template import kept_apart

#: Blocks in which `x` and `y` are variables, and what is put in stands in the code itself.
NET = """\
input 4
stages 4 x 3
T = two > fun > linear(c)
D(x) = y*fun(y) + Q*fun(x) where y = fun(x) + x, Q = linear(cin)
Y_i = fun(X_<i-1>) + W_i*X_<i-1>
X_i = fun(Y_i + X_<i-2>) + T_i(Y_i, X_<i-1>) + D_i*Y_i
output X_L
W = linear(c) > fun > tanh
"""
SQUARES = (
    "(lambda y: y * y)({x})",
    "(lambda x: x * x)({x})",
    "(lambda x, y={x}: x * y)({x})",
    "(lambda y={x}: y * y)()",
    "(lambda wx, *x_prev: wx * x_prev[0])({x}, {x})",
    "(lambda y: y * {x})({x})",
    "(lambda y: y * y)(y={x})",
    "math.prod([y * 1 for y in [{x}, {x}]])",
    "math.prod({x: y for x, y in enumerate([{x}, {x}])}.values())",
    "[(lambda x: x * {x} * y)({x}) for y in [1]][0]",
)


class Two(Several):
    """A sum."""

    name, about, inputs = "two", "a sum", ("x", "y")

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        return Emitted("{x} + {y}")


def squared(call: str) -> torch.nn.Module:
    class Fun(Operator):
        name, about, elementwise = "fun", "a square", True

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted(call)

    return recform.compile(NET, plugins=[Fun, Two]).module()


@pytest.mark.parametrize("call", SQUARES)
def test_a_square_is_a_square(call: str) -> None:
    net, plain = squared(call), squared("{x} * {x}")
    plain.load_state_dict(net.state_dict())
    x = torch.randn(2, 4)
    assert torch.allclose(net(x), plain(x))


def test_names_are_kept_apart() -> None:
    assert kept_apart("torch.relu({x}) + {m}(1)") == "torch.relu({x}) + {m}(1)"
    assert kept_apart("(lambda y: y + len)({y})") == "(lambda _y: _y + len)({y})"
    call = "[é + {x} for é in ({x}, F.relu({x}))]"
    assert kept_apart(call) == call.replace("é", "_é")
