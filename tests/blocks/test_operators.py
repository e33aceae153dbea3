"""The operator library against torch: shapes, parameters, multiply-adds, memory."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from recform.blocks import Arguments, Misfit, Shape, lookup, names

IMAGE = Shape.of((8, 15, 12))
TOKENS = Shape.of((5, 8))
VECTOR = Shape.of((8,))

CALLS: list[tuple[str, Shape, dict[str, Any]]] = [
    ("conv", IMAGE, {"kernel": 3}),
    ("conv", IMAGE, {"kernel": 3, "width": 12, "stride": 2}),
    ("conv", IMAGE, {"kernel": 1, "width": 4, "bias": True}),
    ("conv", IMAGE, {"kernel": 5, "width": 16, "groups": 4, "dilation": 2}),
    ("conv", IMAGE, {"kernel": 4, "width": 6, "stride": 3, "padding": 1}),
    ("conv", IMAGE, {"kernel": 3, "padding": 0}),
    ("zeropad", IMAGE, {"width": 11, "stride": 2}),
    ("zeropad", IMAGE, {"width": 8, "stride": 1}),
    ("bn", IMAGE, {}),
    ("bn", VECTOR, {"eps": 1e-3, "momentum": 0.2}),
    ("ln", TOKENS, {}),
    ("ln", VECTOR, {"eps": 1e-6}),
    *[(name, IMAGE, {}) for name in ("relu", "gelu", "silu", "tanh", "sigmoid")],
    ("avgpool", IMAGE, {}),
    ("avgpool", TOKENS, {}),
    ("avgpool", IMAGE, {"kernel": 2}),
    ("avgpool", IMAGE, {"kernel": 3, "stride": 2, "padding": 1}),
    ("maxpool", IMAGE, {}),
    ("maxpool", TOKENS, {}),
    ("maxpool", IMAGE, {"kernel": 3, "stride": 2, "padding": 1}),
    ("linear", VECTOR, {"width": 5}),
    ("linear", TOKENS, {"width": 3, "bias": False}),
    ("linear", VECTOR, {}),
    ("flatten", IMAGE, {}),
    ("flatten", TOKENS, {}),
    ("dropout", IMAGE, {"rate": 0.3}),
]


def arguments(name: str, given: dict[str, Any]) -> Arguments:
    operator = lookup(name)
    assert operator is not None
    defaults = {a.name: a.default for a in operator.arguments if not a.required}
    return Arguments({**defaults, **given})


def build(name: str, x: Shape, a: Arguments) -> tuple[nn.Module | None, Any]:
    """The emitted module, and a function that runs the emitted call."""
    operator = lookup(name)
    assert operator is not None
    emitted = operator.emit(x, a)
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F}
    module = eval(emitted.module, scope) if emitted.module else None
    call = emitted.call.replace("{x}", "value").replace("{m}", "module")

    def run(value: torch.Tensor) -> Any:
        return eval(call, {**scope, "module": module, "value": value})

    return module, run


def test_every_operator_is_here() -> None:
    assert sorted({name for name, _, _ in CALLS}) == names()


@pytest.mark.parametrize(("name", "x", "given"), CALLS)
def test_rules_against_torch(name: str, x: Shape, given: dict[str, Any]) -> None:
    operator = lookup(name)
    assert operator is not None
    a = arguments(name, given)
    with torch.device("meta"):
        module, run = build(name, x, a)
        value = torch.empty(2, *x.sizes)
        counter = FlopCounterMode(display=False)
        with counter:
            result = run(value)
    assert tuple(result.shape) == (2, *operator.shape(x, a).sizes)
    cost = operator.cost(x, a)
    parameters = 0 if module is None else sum(p.numel() for p in module.parameters())
    assert cost.parameters == parameters
    assert cost.multiply_adds * 2 * 2 == counter.get_total_flops()


@pytest.mark.parametrize(("name", "x", "given"), CALLS)
def test_what_autograd_keeps(name: str, x: Shape, given: dict[str, Any]) -> None:
    operator = lookup(name)
    assert operator is not None
    a = arguments(name, given)
    module, run = build(name, x, a)
    value = torch.randn(2, *x.sizes, requires_grad=True)
    own = set() if module is None else {p.data_ptr() for p in module.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        words = tensor.element_size() // 4 if tensor.element_size() >= 4 else 1
        # Per-channel statistics have one axis; they do not grow with the batch.
        if tensor.dim() > 1 and tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.numel() * words
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run(value)
    cost = operator.cost(x, a)
    expected = cost.saves_more
    expected += x.elements if cost.saves_input else 0
    expected += operator.shape(x, a).elements if cost.saves_output else 0
    assert sum(kept.values()) == 2 * expected, (kept, result.grad_fn)


def test_layouts_are_checked() -> None:
    for name, x, given in [
        ("conv", VECTOR, {"kernel": 3}),
        ("linear", IMAGE, {"width": 4}),
        ("ln", IMAGE, {}),
        ("maxpool", VECTOR, {"kernel": 2}),
    ]:
        operator = lookup(name)
        assert operator is not None
        with pytest.raises(Misfit) as caught:
            operator.shape(x, arguments(name, given))
        assert caught.value.code == "RF405"


def test_misfits() -> None:
    conv = lookup("conv")
    assert conv is not None
    cases = {
        "RF402": {"kernel": 3, "width": 8, "groups": 3},
        "RF401": {"kernel": 17, "padding": 0},
        "RF210": {"kernel": 2},
    }
    for code, given in cases.items():
        with pytest.raises(Misfit) as caught:
            conv.shape(IMAGE, arguments("conv", given))
        assert caught.value.code == code


@pytest.mark.parametrize("name", names())
def test_every_operator_is_documented(name: str) -> None:
    operator = lookup(name)
    assert operator is not None
    assert operator.about
    assert type(operator).__doc__
    assert re.fullmatch(r"[a-z]+", name)


def test_strides_between_shapes() -> None:
    small, large = Shape.of((4, 4, 4)), Shape.of((8, 15, 15))
    assert large.stride_to(Shape.of((8, 8, 8))) == 2
    assert large.stride_to(small) == 4
    assert small.stride_to(large) is None
    assert TOKENS.stride_to(Shape.of((5, 3))) == 1
    assert TOKENS.stride_to(VECTOR) is None
