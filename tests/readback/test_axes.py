"""Axes are where the formula has them: new ones, those of members, those of numbers."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import pytest

from recform.compiler import compile_source, from_text
from recform.memory import Memory
from recform.target import Target
from tests.readback.mutants import Written, form, same, written

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


FRAME = "input 4 x 6 x 5\nstem none\nstages 4 x 3\nW = conv(3, c, bias=true) > bn\n"
#: Numbers of members, of channels and of none, and what is made of each member.
NUMBERS = (
    f"{FRAME}scalar a_<i,k> = 0.3\nscalar b_i = 0.3 per channel\nscalar g_i = 0.4\n"
    "S = softmax\nX_i = tanh(g_i)*X_<i-1> + b_i*W_i*X_<i-1> "
    "+ sum(k, 0, i-1, tanh(a_<i,k>*S_i*X_k))"
)
SHARES = (
    f"{FRAME}G = avgpool > linear(1)\n"
    "X_i = W_i*X_<i-1> + sum(k, 0, i-1, softmax(k, G_i*X_k)*X_k)"
)
DOTS = f"{FRAME}vector q_i = 0.3\nX_i = W_i*X_<i-1> + dot(q_i, X_<i-1>)*X_<i-1>"
VIEW = ".view(-1, 1, 1, 1, 1)"
EACH = "torch.stack([self.S(member) for member in xs_prev])"
#: A formula, what stands in its code, and what is put there.
FAULTS = [
    (NUMBERS, VIEW, ".view(-1, 1, 1, 1)"),
    (NUMBERS, VIEW, ""),
    (NUMBERS, EACH, "self.S(torch.stack(xs_prev))"),
    (NUMBERS, "self.b *", "self.b[:, None] *"),
    (NUMBERS, "self.b *", "self.b.view(-1) *"),
    (NUMBERS, "torch.tanh(self.g)", "float(torch.tanh(self.g))"),
    (NUMBERS, "padding=1", "padding=1, bias=None"),
    (NUMBERS, "BatchNorm2d(channels)", "BatchNorm2d(channels, momentum=None)"),
    (NUMBERS, "BatchNorm2d(channels)", "BatchNorm2d(channels, affine=None)"),
    (NUMBERS, "super().__init__()", "super().__init__(eps=None)"),
    (NUMBERS, "LastStep()])", "LastStep()], eps=1)"),
    (SHARES, "torch.softmax(g_xs_stack, dim=0", "torch.softmax(g_xs_stack, dim=1"),
    (SHARES, "xs_stack, dim=0)", "xs_stack, dim=0, dtype=torch.float16)"),
    (SHARES, "sum(dim=0)", "sum(dim=0, dtype=torch.float16)"),
    (DOTS, "keepdim=True)", "keepdim=True, dtype=torch.float16)"),
    (SHARES, "weights[:, :, :, None, None]", "weights[:, None, None]"),
]


@cache
def _shown(text: str) -> tuple[Written, list[Any]]:
    made = form(compile_source(from_text(text))[0])
    assert made.accepts(made.code)
    return made, made.shows(made.code)


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
@pytest.mark.parametrize(("text", "right", "other"), FAULTS)
def test_what_runs_otherwise_is_refused(text: str, right: str, other: str) -> None:
    made, shown = _shown(text)
    source = ast.unparse(made.code)
    assert right in source
    code = ast.parse(source.replace(right, other))
    assert same(made, code, shown)
    assert not made.accepts(code)
