"""What an operator tells of its inside once is its picture, its costs and its shape."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from rich.console import Console

import recform
from recform.blocks import (
    Argument,
    Arguments,
    Cost,
    Detail,
    Emitted,
    Kind,
    Operator,
    Several,
    Shape,
    code,
    made_by,
    operation,
)
from recform.compiler import Compiled
from recform.diagnostics import CompileError
from recform.operators.activation import GELU
from recform.operators.linear import Linear
from recform.operators.norm import RMSNorm
from recform.report import summarise
from recform.report.memory import render_needs
from recform.report.text import render
from tests.costs.measured import measure
from tests.render.test_opened import arrows, opened

TOKENS = "input 5 x 8\nstem linear(c)\nstages 8 x 3\nhead none\n"


class Wide(Operator):
    """Two layers with a norm in front, which says nothing but what is in it."""

    name = "wide"
    about = "two learned maps of each token"
    attribute = "wide"
    arguments = (
        Argument("width", Kind.SIZE, about="between"),
        Argument("out", Kind.SIZE),
    )
    support = (
        '''
class Wide(nn.Module):
    """Two layers."""

    def __init__(self, features: int, width: int, out: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(features, eps=1e-6)
        self.up = nn.Linear(features, width)
        self.down = nn.Linear(width, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(self.norm(x))))
'''.lstrip(),
    )

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        (x,) = inputs
        normed = made_by("normed", RMSNorm(), x)
        up = made_by("up", Linear(), normed, width=a.width, note="up")
        bent = made_by("bent", GELU(), up)
        down = made_by("down", Linear(), bent, width=a.out, bias=False)
        return normed, up, bent, down

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        sizes = ", ".join(map(code, (x.features, a.width, a.out)))
        return Emitted("{m}({x})", f"Wide({sizes})")


class Mixed(Several):
    """Of several tensors, and of an operation that no operator of the library is."""

    name = "mixed"
    about = "the products of the features of x and y"
    inputs = ("x", "y")

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        x, y = inputs
        made = Detail("made", "product", ("x", "y"), shape=x.shape)
        if x.numbers:
            does = operation(
                "made", (x, y), x.numbers, ("x", "y"), cost=Cost(cheap=True)
            )
            made = Detail("made", "product", ("x", "y"), shape=x.shape, does=(does,))
        return (made,)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        return Emitted("{x} * {y}")


class Silent(Operator):
    """An operator that says nothing."""

    name = "silent"
    about = "nobody knows"
    attribute = "silent"

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{m}({x})", f"nn.Linear({code(x.features)}, {code(x.features)})")


class Torn(Mixed):
    """Whose gradient asks for what nobody computes."""

    name = "torn"

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        x, y = inputs
        one = operation("made", (x, y), x.numbers, ("z",))
        return (Detail("made", "product", ("x", "y"), shape=x.shape, does=(one,)),)


class Lost(Torn):
    """Whose result no operation makes."""

    name = "lost"

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        x, y = inputs
        one = operation("other", (x, y), x.numbers)
        return (Detail("made", "product", ("x", "y"), shape=x.shape, does=(one,)),)


def of(text: str, *plugins: type[Operator]) -> Compiled:
    return recform.compile(TOKENS + text, plugins=list(plugins))


def said(item: Compiled) -> str:
    console = Console(width=120, no_color=True)
    with console.capture() as caught:
        render(summarise(item.graph), console)
        render_needs(item.memory(), console)
    return caught.get()


@pytest.mark.parametrize(
    ("row", "flow"),
    [
        ("W = wide(3*c, c)", "W_i*X_<i-1>"),
        ("F(x) = x + W*x where W = wide(3*c, c)", "F_i*X_<i-1>"),
        ("W = linear(c)", "mixed(W_i*X_<i-1>, X_<i-1>)"),
    ],
)
def test_told_once(row: str, flow: str) -> None:
    item = of(f"{row}\nX_i = X_<i-1> + {flow}", Wide, Mixed)
    net = item.module()
    needs, real = item.memory(batch=5), measure(net, item.formula.inputs, 5)
    assert needs.total.kept == real.kept
    totals = item.graph.totals
    assert totals.parameters == sum(p.numel() for p in net.parameters())
    assert net(torch.ones(2, 5, 8)).shape[1:] == tuple(item.graph.output.sizes)
    assert "Not counted" not in said(item)
    for plan in ("lean", "checkpoint"):
        assert item.memory(plan).total.kept < item.memory().total.kept


class Both(Wide):
    """Whose two ways meet: the width of one is its argument, and may be a symbol."""

    name = "both"

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        (x,) = inputs
        up = made_by("up", Linear(), x, width=4)
        wide = made_by("wide", Linear(), x, width=a.width)
        bent = made_by("bent", GELU(), up)
        return up, wide, bent, made_by("down", Linear(), wide, width=a.out)


@pytest.mark.parametrize("plugin", (Wide, Both))
def test_a_loop_over_positions_makes_code_of_what_it_tells(
    plugin: type[Operator],
) -> None:
    """There what comes in has numbers, and arguments are symbols."""
    text = f"""times positions
U = linear(c) > {plugin.name}(12, c)
H_<i,t> = tanh(U_i*H_<i,t-1> + X_<i-1,t>)
X_<i,t> = X_<i-1,t> + H_<i,t>
output X_L"""
    item = of(text, plugin)
    net = item.module()
    assert net(torch.ones(2, 5, 8)).shape == (2, 5, 8)
    if plugin is Wide:
        total = sum(p.numel() for p in net.parameters())
        assert item.graph.totals.parameters == total


def test_its_shape_is_that_of_its_last_detail() -> None:
    item = of("W = wide(3*c, 2*c) > linear(c)\nX_i = W_i*X_<i-1>", Wide)
    assert item.module()(torch.ones(2, 5, 8)).shape == (2, 5, 8)


def test_its_picture_has_its_details() -> None:
    item = of("W = wide(3*c, c)\nX_i = W_i*X_<i-1>", Wide)
    made = opened(item, "W", block=2)
    row = ["X_1", "rmsnorm", "linear", "gelu", "linear", "X_2"]
    assert arrows(made) == sorted(pairwise(row))
    numbers = {node.parameters for node in made.nodes}
    assert {8, 8 * 24 + 24, 24 * 8} <= numbers
    assert made.remarks == ()


def test_who_says_nothing_is_said_to_say_nothing() -> None:
    text = "F(x) = x + W*x where W = silent > relu\nX_i = X_<i-1> + F_i*X_<i-1>"
    item = of(text, Silent)
    line = "Not counted: what silent costs, for its plugin does not say."
    assert said(item).count(line) == 2
    summary = summarise(item.graph).as_dict()
    assert summary["uncounted"] == item.memory().as_dict()["uncounted"] == ("silent",)
    remark = "silent stays one box, for its plugin does not say what is in it"
    assert opened(item, "silent").remarks == (remark,)
    known = of("W = linear(c)\nX_i = W_i*X_<i-1>")
    assert "uncounted" not in summarise(known.graph).as_dict()


@pytest.mark.parametrize(
    ("plugin", "wrong"),
    [
        (Torn, "torn computes 'made' of 'z', which nothing computes"),
        (Lost, "lost has no operation that makes 'made', its result"),
    ],
)
def test_details_that_do_not_hang_together(plugin: type[Operator], wrong: str) -> None:
    with pytest.raises(CompileError) as caught:
        of(f"X_i = {plugin.name}(W_i*X_<i-1>, X_<i-1>)", plugin)
    (item,) = caught.value.diagnostics
    assert (item.code, item.message) == ("RF514", wrong)
