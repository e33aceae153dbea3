"""Operators travel with their formula: two plugins may define one name differently."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

import recform
from recform.algebra.expr import Elementwise, Input
from recform.analysis.model import Asked
from recform.blocks import Arguments, Emitted, Function, Operator, Shape
from recform.compiler import Compiled
from recform.equality.compare import compare
from recform.equality.verdict import ANY, DIFFERENT, OPEN
from recform.operators import standard

FRAME = "input 4\nstages 4 x 3\nstem none\nhead none\nW = linear(c, bias=false)\n"
NET = f"{FRAME}X_i = X_<i-1> + f(W_i*X_<i-1>)"
FLOW = f"{FRAME}V = linear(c) > f\nX_i = X_<i-1> + V_i*X_<i-1>"


def times(factor: int, *, told: bool = True) -> type[Operator]:
    """A plugin whose f is a multiple of its input."""

    class Times(Operator):
        name = "f"
        about = f"{factor} times its input"
        elementwise = True
        function = Function(f"{factor}*x") if told else None

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted(f"{{x}} * {factor}")

    return Times


def is_right(compiled: Compiled, factor: int) -> bool:
    """The module, its analysis and what verify measures, against the formula by hand."""
    network = compiled.module().double()
    (*linears,) = (m for m in network.modules() if isinstance(m, nn.Linear))
    x = torch.randn(2, 4, dtype=torch.float64)
    y = x
    for linear in linears:
        y = y + factor * linear(y)
    same = len(linears) == 3 and torch.allclose(network(x), y, rtol=1e-12)
    return same and all(check.holds for check in compiled.verify())


def test_threads_with_other_plugins() -> None:
    count = 4
    together = threading.Barrier(count, timeout=60)

    def one(number: int) -> bool:
        together.wait()
        compiled = recform.compile(NET, plugins=[times(number)])
        together.wait()
        return is_right(compiled, number)

    with ThreadPoolExecutor(count) as pool:
        assert all(pool.map(one, range(2, 2 + count)))


def test_one_is_compiled_while_the_other_writes_code() -> None:
    inner: list[Compiled] = []

    class Outer(times(5)):  # type: ignore[misc]
        def emit(self, x: Shape, a: Arguments) -> Emitted:
            if not inner:
                inner.append(recform.compile(NET, plugins=[times(7)]))
            return Emitted("{x} * 5")

    outer = recform.compile(NET, plugins=[Outer])
    assert is_right(outer, 5) and is_right(inner[0], 7)


def test_an_older_one_is_asked_after_another_was_compiled() -> None:
    text = f"{FRAME}X_i = X_<i-1> + f(1 + V_i*X_<i-1>)*(W_i*X_<i-1>)"

    def gate(value: str) -> type[Operator]:
        class Gate(Operator):
            name = "f"
            about = value
            elementwise = True
            function = Function(value, gate=True)

            def emit(self, x: Shape, a: Arguments) -> Emitted:
                return Emitted("torch.sigmoid({x})")

        return Gate

    values = {
        "sigmoid(x)": 1 / (1 + math.exp(-1)),
        "(1 + tanh(x)) / 2": (1 + math.tanh(1)) / 2,
        "(1 + erf(x)) / 2": (1 + math.erf(1)) / 2,
    }
    made = {value: recform.compile(text, plugins=[gate(value)]) for value in values}
    for value, at_rest in values.items():
        moments = made[value].analyze(**vars(Asked(gain=1.0))).flows[0].moments
        assert moments is not None
        assert dict(moments.gates) == {"v": pytest.approx(at_rest)}


def test_functions_of_one_name_are_compared_by_what_they_compute() -> None:
    two, three, untold = (
        recform.compile(NET, plugins=[plugin])
        for plugin in (times(2), times(3), times(2, told=False))
    )
    verdict = compare(two.formula, three.formula)
    assert verdict.answer == DIFFERENT
    assert verdict.example is not None
    assert '"f": lambda a: 2 * a' in verdict.example.program
    assert '"f_2": lambda a: 3 * a' in verdict.example.program
    other = recform.compile(NET, plugins=[times(2)])
    assert compare(two.formula, other.formula).answer == ANY
    assert compare(two.formula, untold.formula).answer == OPEN


def test_operators_of_one_name_in_flows() -> None:
    double, triple = times(2), times(3)
    two, again, three = (
        recform.compile(FLOW, plugins=[plugin]).formula
        for plugin in (double, double, triple)
    )
    assert compare(two, again).answer == ANY
    assert not compare(two, again).frame
    (change,) = compare(two, three).frame
    assert change.what == "V"


def test_tensors_of_one_name_are_two() -> None:
    first, second = times(2)(), times(2)()
    relu = standard().operators["relu"]
    assert Elementwise(first, Input()) == Elementwise(first, Input())
    assert Elementwise(first, Input()) != Elementwise(second, Input())
    assert (
        Elementwise(relu, Input()).func(*Elementwise(relu, Input()).args).name == "relu"
    )
    assert Elementwise(first, Input()).compare(Elementwise(second, Input())) == 0
    assert [str(arg) for arg in Elementwise(relu, Input()).args] == ["relu", "input"]


def test_a_plugin_that_was_loaded_before_is_the_same_operator() -> None:
    plugin = times(2)
    left, right = (recform.compile(NET, plugins=[plugin]).formula for _ in range(2))
    assert left.equations == right.equations
    assert left.library.operators["f"] is right.library.operators["f"]
    assert standard().lookup("f") is None
