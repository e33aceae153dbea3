"""New axes of a tensor stand where the formula spreads it, and nowhere else."""

from __future__ import annotations

import ast

import pytest

from recform.compiler import compile_source, from_text
from recform.memory import Memory
from recform.target import Target
from tests.readback.mutants import written

PLAIN, LEAN = Target(memory=Memory.plain), Target(memory=Memory.lean)
#: An example, its form, and what of its code gets other axes.
CASES = [
    ("modern/hyper_connections_dynamic.rf", PLAIN, "[:, None]"),
    ("language/squeeze_excitation.rf", PLAIN, "[:, :, None, None]"),
    ("language/squeeze_excitation.rf", LEAN, "[:, :, None, None]"),
]
#: What stands there then.
OTHERS = ("", "[:,]", "[None, :]", "[None, :, :, None]", "[:, None, :, None]", "[None]")


@pytest.mark.parametrize(
    ("name", "target", "axes"), CASES, ids=("streams", "image", "lean")
)
def test_an_axis_stands_where_it_belongs(name: str, target: Target, axes: str) -> None:
    made = written(name, target)
    assert made.accepts(made.code)
    text = ast.unparse(made.code)
    assert axes in text
    for other in OTHERS:
        assert not made.accepts(ast.parse(text.replace(axes, other, 1))), other


GATE = (
    "input 4 x 8 x 8\nstem none\nstages 4 x 3\nW = conv(3, c)\n"
    "G = avgpool > linear(c) > sigmoid\nX_i = "
)
#: Where a number for each channel may stand.
PLACES = [
    "W_i*X_<i-1>/(G_i*X_<i-1>)",
    "W_i*X_<i-1>/(1 + G_i*X_<i-1>)^2",
    "G_i*X_<i-1>/(2 + exp(W_i*X_<i-1>))",
    "0.5*max(G_i*X_<i-1>, W_i*X_<i-1>) + X_<i-1>",
    "mean(X_<0..i-1>)*(G_i*X_<i-1>) - W_i*(X_<i-1> + G_i*X_<i-1>)",
    "sum(k, 0, i-1, (G_i*X_<i-1>)*X_k) + W_i*X_<i-1>",
]


@pytest.mark.parametrize("right", PLACES)
def test_a_gate_may_stand_anywhere(right: str) -> None:
    (item,) = compile_source(from_text(GATE + right))
    assert ", None, None]" in item.source
