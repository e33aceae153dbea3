"""Operators of the user's own, ids and streams, in every form that a network has."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import nn

import recform
from recform.blocks import (
    Argument,
    Arguments,
    Cost,
    Emitted,
    Function,
    Kind,
    Layout,
    Memory,
    Operator,
    Several,
    Shape,
    code,
)
from recform.blocks.examples import random_inputs
from tests.thinned import thinned

_MEAN = '''class Mean(nn.Module):
    """A share of the mean of what has come so far."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        counts = torch.arange(1, x.shape[1] + 1, dtype=x.dtype, device=x.device)
        return self.share * x.cumsum(1) / counts[:, None]
'''
_MEAN_ON = '''class Mean(nn.Module):
    """A share of the mean of what has come so far."""

    past: Past | None = None

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        whole = x if self.past is None else self.past.join(x)
        counts = torch.arange(1, whole.shape[1] + 1, dtype=x.dtype, device=x.device)
        made = self.share * whole.cumsum(1) / counts[:, None]
        return made[:, -x.shape[1] :]
'''
_GAIN = '''class Gain(nn.Module):
    """A learned number for each feature."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((features,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
'''


class Running(Operator):
    """What keeps something of earlier positions; its name is one of ours."""

    name = "memory"
    about = "a share of the mean of what has come so far"
    attribute = "forward_mean"
    arguments = (Argument("share", Kind.NUMBER, 0.5, "of the mean"),)
    takes = (Layout.TOKENS,)
    support = (_MEAN,)
    support_kept = (_MEAN_ON,)
    costs = Cost(saves_input=True)

    def memory(self, x: Shape, a: Arguments) -> tuple[Memory, ...]:
        return (Memory("all positions", int(x.features)),)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{m}({x})", f"Mean({code(a.share)})")


class Gain(Operator):
    """Learned numbers; its name is one of Python's."""

    name = attribute = "super"
    about = "a learned number for each feature"
    positionwise = True
    support = (_GAIN,)

    def cost(self, x: Shape, a: Arguments) -> Cost:
        return Cost(parameters=x.features, saves_input=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{m}({x})", f"Gain({code(x.features)})")


class Swish(Operator):
    """A function; its name is one of torch's."""

    name = "forward"
    about = "x*sigmoid(x)"
    elementwise = positionwise = True
    function = Function("x*sigmoid(x)")
    costs = Cost(saves_input=True)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{x} * torch.sigmoid({x})")


class Film(Several):
    """Of three tensors."""

    name = "film"
    about = "scales and moves"
    inputs = ("x", "scale", "shift")
    positionwise = True

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        return Cost(saves_more=inputs[0].elements + inputs[1].elements)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        return Emitted("{x} * {scale} + {shift}")


PLUGINS = [Running, Gain, Swish, Film]
IDS = "input 6 of 7\nstem embed(c)\n"
TWO = "stem embed(c) > copies(2)\nstages 8 x 3\nhead merge > unembed(stem)\n"
NETWORKS = {
    "plugins": f"{IDS}stages 8 x 4\nhead super > unembed(stem)\n"
    "A = memory(0.9) > super > forward > linear(c)\nB = linear(c)\n"
    "X_i = X_<i-2> + A_i*forward(X_<i-1>) + film(X_<i-1>, B_i*X_<i-1>, X_<i-1>)",
    "plugins back": f"{IDS}stages 8 x 4\nhead unembed(stem)\n"
    "A = memory(0.9) > super > forward > linear(c)\n"
    "X_i = X_<i-2> + A_i*forward(X_<i-1>)",
    "ids": "input 6 of 7\nstem embed(4) > linear(c)\nstages 8 x 2, 12 x 2\n"
    "head linear(4) > unembed(stem)\nW = ln > linear(c)\n"
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "another input": f"{IDS}input label = 4 of 9\nstages 8 x 3\nhead unembed(stem)\n"
    "E = embed(c) > avgpool\nW = ln > linear(c)\n"
    "X_i = X_<i-1> + W_i*X_<i-1> + E_i*label",
    "mix": f"input 6 of 7\n{TWO}T = ln > linear(c)\nQ = linear(2)\nO = linear(1)\n"
    "H_i = mix(Q_i*H_<i-1>, H_<i-1>) + "
    "spread(sigmoid(O_i*H_<i-1>), T_i*merge(H_<i-1>))",
    "spread back": f"input 6 of 7\n{TWO}O = linear(1)\nT = ln > linear(c)\n"
    "H_i = H_<i-2> + spread(O_i*H_<i-1>, T_i*merge(H_<i-1>))",
    "image": "input 3 x 8 x 8\nstem conv(3, c) > pixels > copies(2)\nstages 8 x 3\n"
    "head merge > image > avgpool > linear(4)\nT = ln > linear(c) > forward\n"
    "O = linear(1)\nH_i = H_<i-1> + spread(O_i*H_<i-1>, T_i*merge(H_<i-1>))",
}
FORMS: dict[str, dict[str, Any]] = {
    "lean": {"memory": "lean"},
    "checkpoint": {"memory": "checkpoint"},
    "reversible": {"memory": "reversible"},
    "budget": {"memory_budget": "95%"},
    "generation": {"generation": True},
    "inference": {},
}
#: Which networks have a form that not all of them have.
SOME = {
    "reversible": ("plugins back",),
    "budget": ("mix", "spread back", "image"),
    "generation": ("plugins", "plugins back", "ids", "mix", "spread back"),
}
CASES = [
    (name, form)
    for name in NETWORKS
    for form in FORMS
    if name in SOME.get(form, NETWORKS)
]


def weighed(net: nn.Module) -> nn.Module:
    """With the same weights in each form."""
    net = net.double()
    for parameter in net.parameters():
        numbers = torch.linspace(-1, 1, parameter.numel(), dtype=torch.float64)
        parameter.data.copy_((0.4 * numbers.sin() + 0.01).view_as(parameter))
    return net


@pytest.mark.parametrize("case", thinned(CASES, 7, " ".join))
def test_a_form_makes_the_same_numbers(case: tuple[str, str]) -> None:
    name, form = case
    text = NETWORKS[name]
    plain = recform.compile(text, plugins=PLUGINS)
    given = random_inputs(plain.formula.inputs, 3, dtype=torch.float64)
    wanted = weighed(plain.module())
    out = wanted(*given)
    if form == "inference":
        folded = recform.optimize(wanted.eval())
        assert torch.allclose(folded(*given), wanted(*given), atol=1e-9)
        return
    net = weighed(recform.compile(text, plugins=PLUGINS, **FORMS[form]).module())
    made = net(*given)
    assert torch.allclose(made, out, atol=1e-9)
    out.sin().sum().backward()
    made.sin().sum().backward()
    for one, other in zip(wanted.parameters(), net.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert torch.allclose(one.grad, other.grad, atol=1e-8)
    if form == "generation":
        past = sys.modules[type(net).__module__].Past()
        (x,) = given
        with torch.no_grad():
            parts = [net.step(x[:, a:b], past) for a, b in ((0, 1), (1, 4), (4, 6))]  # type: ignore[operator]
        assert torch.allclose(torch.cat(parts, 1), out, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", thinned(NETWORKS, 3))
def test_the_plain_form_is_what_the_equations_say(name: str) -> None:
    found = recform.compile(NETWORKS[name], plugins=PLUGINS).verify()
    assert not [check for check in found if check.holds is False]
