"""The operator library against torch: shapes, parameters, multiply-adds, memory."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from recform.blocks import Layout, Misfit, Shape
from recform.blocks.examples import empty_examples, random_examples
from recform.blocks.support.lean import Lean
from recform.operators import standard
from tests.blocks.calls import arguments, build, operator

IMAGE = Shape.of((8, 15, 12))
PIXELS = Shape(Layout.PIXELS, 8, (15, 12))
TOKENS = Shape.of((5, 8))
MORE, HALF = Shape.of((7, 8)), Shape.of((5, 4))
VECTOR = Shape.of((8,))
STREAMS = TOKENS.in_streams(3)
NAMES = Shape(Layout.IDS, 11, (5,))

ACTIVATIONS = [
    *("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "hardswish"),
    *("hardsigmoid", "tanh", "sigmoid", "softplus", "exp"),
    *("sin", "cos", "abs", "selu"),
]
CALLS: list[tuple[str, Shape | tuple[Shape, ...], dict[str, Any]]] = [
    ("conv", IMAGE, {"kernel": 3}),
    ("conv", IMAGE, {"kernel": 3, "width": 12, "stride": 2}),
    ("conv", IMAGE, {"kernel": 1, "width": 4, "bias": True}),
    ("conv", IMAGE, {"kernel": 5, "width": 16, "groups": 4, "dilation": 2}),
    ("conv", IMAGE, {"kernel": 4, "width": 6, "stride": 3, "padding": 1}),
    ("conv", IMAGE, {"kernel": 3, "padding": 0}),
    ("conv", IMAGE, {"kernel": (1, 7), "width": 4}),
    ("conv", IMAGE, {"kernel": (3, 1), "padding": (0, 1), "stride": 2}),
    ("conv", IMAGE, {"kernel": 3, "dilation": (2, 1)}),
    ("conv1d", TOKENS, {"kernel": 3, "width": 6, "dilation": 2, "bias": True}),
    ("conv1d", TOKENS, {"kernel": 2, "groups": 4, "dilation": 4, "causal": True}),
    ("conv1d", TOKENS, {"kernel": 1}),
    ("transpose", TOKENS, {}),
    ("experts", TOKENS, {"count": 3, "top": 2, "inner": 5}),
    ("experts", TOKENS, {"count": 6, "top": 1, "inner": 4, "normalised": False}),
    (
        "experts",
        TOKENS,
        {"count": 5, "top": 2, "inner": 3, "scores": "sigmoid", "balanced": True},
    ),
    ("experts", VECTOR, {"count": 2, "top": 2, "inner": 3}),
    ("experts", PIXELS, {"count": 4, "top": 3, "inner": 12}),
    ("embed", NAMES, {"width": 6}),
    ("unembed", TOKENS, {"ids": 11}),
    ("unembed", VECTOR, {"ids": 11}),
    ("dwconv", IMAGE, {"kernel": 3}),
    ("dwconv", IMAGE, {"kernel": (5, 1), "stride": 2, "multiplier": 3, "bias": True}),
    ("wsconv", IMAGE, {"kernel": 3, "width": 12, "stride": 2, "groups": 4}),
    ("wsconv", IMAGE, {"kernel": (1, 3), "bias": False, "gamma": 1.7, "gain": 0.5}),
    ("deconv", IMAGE, {"kernel": 3}),
    ("deconv", IMAGE, {"kernel": 4, "width": 6, "stride": 2}),
    ("deconv", IMAGE, {"kernel": (2, 3), "stride": 2, "groups": 2, "bias": True}),
    ("deconv", IMAGE, {"kernel": 3, "stride": 3, "padding": 1, "outpad": 2}),
    ("deconv", IMAGE, {"kernel": 3, "padding": 2, "dilation": 2}),
    ("zeropad", IMAGE, {"width": 11, "stride": 2}),
    ("zeropad", IMAGE, {"width": 8, "stride": 1}),
    ("append", IMAGE, {"value": 0.25}),
    ("append", TOKENS, {"value": 1.0}),
    ("append", VECTOR, {"value": 0.5}),
    ("append", PIXELS, {"value": 0.5}),
    ("append", IMAGE, {"value": -3.0, "front": True}),
    ("append", TOKENS, {"value": 7.5, "front": True}),
    ("pad", IMAGE, {"before": 1}),
    ("pad", IMAGE, {"before": (0, 2), "after": 1}),
    ("pad", IMAGE, {"before": 0, "after": 2, "mode": "reflect"}),
    ("pad", IMAGE, {"before": 3, "mode": "replicate"}),
    ("pad", IMAGE, {"before": (3, 1), "mode": "circular"}),
    ("bn", IMAGE, {}),
    ("bn", VECTOR, {"eps": 1e-3, "momentum": 0.2}),
    ("ln", TOKENS, {}),
    ("ln", IMAGE, {}),
    ("ln", VECTOR, {"eps": 1e-6}),
    ("ln", PIXELS, {}),
    ("gn", IMAGE, {"groups": 4}),
    ("gn", IMAGE, {"groups": 1, "eps": 1e-3}),
    ("rmsnorm", TOKENS, {}),
    ("rmsnorm", IMAGE, {"eps": 1e-3}),
    ("rmsnorm", PIXELS, {}),
    *[(name, IMAGE, {}) for name in ACTIVATIONS],
    *[(name, TOKENS, {}) for name in ("sqrt", "log")],
    ("leaky_relu", TOKENS, {"slope": 0.2}),
    ("elu", VECTOR, {"alpha": 0.5}),
    ("gelu", TOKENS, {"tanh": True}),
    ("softmax", IMAGE, {}),
    ("softmax", TOKENS, {}),
    ("softmax", PIXELS, {}),
    ("prelu", TOKENS, {}),
    ("prelu", IMAGE, {"channelwise": True, "start": 0.1}),
    ("identity", IMAGE, {}),
    ("avgpool", IMAGE, {}),
    ("avgpool", TOKENS, {}),
    ("avgpool", IMAGE, {"kernel": 2}),
    ("avgpool", IMAGE, {"kernel": 3, "stride": 2, "padding": 1}),
    ("avgpool", IMAGE, {"kernel": (3, 2), "stride": 2, "padding": (1, 0)}),
    ("avgpool", IMAGE, {"kernel": 2, "ceil": True}),
    ("avgpool", IMAGE, {"kernel": 3, "stride": 1, "padding": 1, "countpad": False}),
    ("avgpool", IMAGE, {"size": 1}),
    ("avgpool", IMAGE, {"size": (7, 4)}),
    ("maxpool", IMAGE, {}),
    ("maxpool", TOKENS, {}),
    ("maxpool", IMAGE, {"kernel": 3, "stride": 2, "padding": 1}),
    ("maxpool", IMAGE, {"kernel": 3, "stride": 2, "ceil": True}),
    ("maxpool", IMAGE, {"kernel": (2, 4), "padding": (1, 2)}),
    ("maxpool", IMAGE, {"size": 3}),
    ("globalpool", IMAGE, {}),
    ("globalpool", TOKENS, {}),
    ("globalpool", PIXELS, {}),
    ("avgpool", PIXELS, {}),
    ("maxpool", PIXELS, {}),
    ("linear", VECTOR, {"width": 5}),
    ("linear", TOKENS, {"width": 3, "bias": False}),
    ("linear", VECTOR, {}),
    ("linear", PIXELS, {"width": 3}),
    ("attend", (TOKENS,) * 3, {"heads": 2}),
    ("attend", (TOKENS, MORE, MORE), {"heads": 4, "causal": True, "scale": 0.3}),
    ("attend", (TOKENS, HALF, HALF), {"heads": 4, "kvheads": 2}),
    ("attend", (TOKENS,) * 3, {"heads": 2, "window": 2, "causal": True}),
    ("attend", (TOKENS, TOKENS, HALF), {"heads": 2, "window": 3}),
    ("attend", (TOKENS, HALF, HALF), {"heads": 2, "kvheads": 1, "rotary": 100}),
    ("attend", (TOKENS,) * 3, {"heads": 2, "qknorm": True}),
    ("attend", (TOKENS,) * 3, {"heads": 2, "qknorm": True, "rotary": 100}),
    (
        "attend",
        (TOKENS, HALF, HALF),
        {"heads": 2, "kvheads": 1, "rotary": 9, "turned": 2},
    ),
    (
        "attend",
        (TOKENS, HALF, HALF),
        {"heads": 2, "kvheads": 1, "rotary": 9, "turned": 0},
    ),
    ("attend", (TOKENS, HALF, HALF), {"heads": 2, "kvheads": 1, "qknorm": True}),
    ("attend", (TOKENS, MORE, MORE), {"heads": 2, "softcap": 5.0}),
    ("attend", (TOKENS, MORE, MORE), {"heads": 4, "talking": True}),
    ("attend", (TOKENS,) * 3, {"heads": 2, "talking": True, "dropout": 0.3}),
    ("attend", (TOKENS, MORE, MORE), {"heads": 2, "sinks": True}),
    ("attend", (TOKENS, HALF, HALF), {"heads": 4, "kvheads": 2, "sinks": True}),
    ("attend", (TOKENS,) * 3, {"heads": 2, "sinks": True, "dropout": 0.3}),
    ("attend", (TOKENS,) * 3, {"heads": 2, "sinks": True, "softcap": 5.0, "window": 2}),
    ("attend", (TOKENS, HALF, HALF), {"heads": 4, "kvheads": 2, "talking": True}),
    (
        "attend",
        (TOKENS, HALF, HALF),
        {"heads": 2, "kvheads": 1, "softcap": 5.0, "qknorm": True, "rotary": 100},
    ),
    ("attend", (TOKENS,) * 3, {"heads": 2, "dropout": 0.3, "causal": True}),
    ("attend", (TOKENS,) * 3, {"heads": 2, "dropout": 0.3, "softcap": 5.0}),
    ("rotary", TOKENS, {"heads": 2}),
    ("rotary", TOKENS, {"heads": 1, "base": 9, "turned": 4, "last": True}),
    ("rotary", TOKENS, {"heads": 4, "turned": 2, "adjacent": True}),
    ("rotary", TOKENS, {"heads": 2, "turned": 0}),
    ("rotary", TOKENS, {"heads": 2, "factor": 8, "length": 20, "fast": 3}),
    ("beside", (TOKENS, HALF), {"heads": 4}),
    ("beside", (TOKENS, HALF), {"heads": 4, "shared": 2}),
    ("beside", (VECTOR, Shape.of((3,))), {"heads": 2, "shared": 1}),
    ("bilinear", (VECTOR, Shape.of((3,))), {"width": 5}),
    ("bilinear", (TOKENS, Shape.of((5, 2))), {"bias": False}),
    ("shift", TOKENS, {}),
    ("repeat", TOKENS, {"times": 3}),
    ("repeat", IMAGE, {"times": 2}),
    ("outer", (VECTOR, Shape.of((3,))), {}),
    ("outer", (TOKENS, Shape.of((5, 2))), {}),
    ("matvec", (Shape.of((5, 6)), Shape.of((5, 2))), {}),
    ("flatten", IMAGE, {}),
    ("flatten", TOKENS, {}),
    ("flatten", PIXELS, {}),
    ("shuffle", IMAGE, {"groups": 4}),
    ("pixelshuffle", IMAGE, {"scale": 2}),
    ("pixelunshuffle", IMAGE, {"scale": 3}),
    ("upsample", IMAGE, {"scale": 2}),
    ("upsample", IMAGE, {"scale": (1, 3), "mode": "bilinear"}),
    ("patches", IMAGE, {"size": 3, "width": 10}),
    ("patches", IMAGE, {"size": (5, 2), "bias": False}),
    ("tokens", IMAGE, {}),
    ("tokens", PIXELS, {}),
    ("image", TOKENS, {"height": 5}),
    ("image", PIXELS, {}),
    ("pixels", IMAGE, {}),
    ("classtoken", TOKENS, {}),
    ("classtoken", TOKENS, {"std": 0.02, "alone": True}),
    ("behind", (TOKENS, MORE), {}),
    ("positions", TOKENS, {"std": 0.1}),
    ("token", TOKENS, {}),
    ("token", TOKENS, {"index": 4}),
    ("attention", TOKENS, {"heads": 2}),
    ("attention", TOKENS, {"heads": 4, "bias": False, "causal": True}),
    ("dropout", IMAGE, {"rate": 0.3}),
    ("droppath", IMAGE, {"rate": 0.3}),
    ("droppath", TOKENS, {"rate": 1.0}),
    ("copies", VECTOR, {"n": 2}),
    ("copies", PIXELS, {"n": 3}),
    ("streams", TOKENS, {"n": 2}),
    ("streams", VECTOR, {"n": 4}),
    ("join", STREAMS, {}),
    ("join", VECTOR.in_streams(2), {}),
    ("merge", STREAMS, {}),
    ("read", STREAMS, {"first": 3}),
    ("write", TOKENS, {"n": 4}),
    ("mix", (Shape(Layout.STREAMS, 2, STREAMS.grid), STREAMS), {}),
    ("spread", (Shape(Layout.STREAMS, 1, STREAMS.grid), TOKENS), {}),
    ("exp", TOKENS, {}),
    ("weave", STREAMS, {}),
    ("weave", VECTOR.in_streams(2), {}),
    ("offset", STREAMS, {"start": "first", "first": 2}),
    ("offset", VECTOR.in_streams(8), {"start": "eye"}),
    ("sinkhorn", TOKENS.in_streams(8), {"steps": 3}),
    ("linear", STREAMS, {"width": 5}),
    ("rmsnorm", STREAMS, {}),
]
#: What torch's counter of operations does not know.
UNCOUNTED = ("bilinear",)
#: torch copies what these put side by side, so that views of the same numbers are kept.
IDS = [f"{name}-{n}" for n, (name, _, _) in enumerate(CALLS)]


def several(x: Shape | tuple[Shape, ...]) -> tuple[Shape, ...]:
    """The inputs of a call, of which there is one as a rule."""
    return x if isinstance(x, tuple) else (x,)


def test_every_operator_is_here() -> None:
    assert sorted({name for name, _, _ in CALLS}) == list(standard().names)


@pytest.mark.parametrize(("name", "x", "given"), CALLS, ids=IDS)
def test_rules_against_torch(name: str, x: Any, given: dict[str, Any]) -> None:
    a, inputs = arguments(name, given), several(x)
    # What runs where hangs on the numbers themselves.
    with torch.device("cpu" if name == "experts" else "meta"):
        parameters, run, _ = build(name, inputs, a)
        values = [empty_examples(x, 2) for x in inputs]
        counter = FlopCounterMode(display=False)
        with counter:
            result = run(*values)
    assert tuple(result.shape) == (2, *operator(name).shape_of(inputs, a).sizes)
    cost = operator(name).cost_of(inputs, a)
    # What shares a weight that another has made, has none.
    own = sum(p.numel() for p in parameters)
    assert cost.parameters == (0 if name == "unembed" else own)
    if name not in UNCOUNTED:
        assert cost.multiply_adds * 2 * 2 == counter.get_total_flops()


@pytest.mark.parametrize(("name", "x", "given"), CALLS, ids=IDS)
def test_what_autograd_keeps(name: str, x: Any, given: dict[str, Any]) -> None:
    a, inputs = arguments(name, given), several(x)
    parameters, run, _ = build(name, inputs, a)
    values = [random_examples(x, 2) for x in inputs]
    for value in values:
        value.requires_grad_(value.is_floating_point())
    own = {p.data_ptr() for p in parameters}
    # What is made of kernels does not grow with the batch either.
    kernels = {p.shape for p in parameters if p.dim() == 4}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        words = tensor.element_size() // 4 if tensor.element_size() >= 4 else 1
        # Per-channel statistics have one axis, and do not grow with the batch of 2.
        # Angles and masks, of positions alone, are of no example either.
        table = name == "attend" and tensor.dim() == 2 and "talking" not in given
        table |= name == "rotary" and tensor.dim() == 3
        # Places of rows have one axis too.
        rows = tensor.dim() == 1 and tensor.dtype is torch.int64
        each = tensor.shape == (2,) or rows or (tensor.dim() > 1 and not table)
        if each and tensor.shape not in kernels and tensor.data_ptr() not in own:
            # A part of what is kept is kept with it.
            there = kept.get(tensor.data_ptr(), 0)
            kept[tensor.data_ptr()] = max(there, tensor.numel() * words)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run(*values)
    cost = operator(name).cost_of(inputs, a)
    made = operator(name).shape_of(inputs, a)
    expected = cost.inside.single
    names, said = operator(name).inputs, cost.saves_input
    kept_inputs = names if said is True else said or ()
    expected += sum(inputs[names.index(item)].elements for item in kept_inputs)
    expected += made.elements if cost.saves_output else 0
    assert sum(kept.values()) == 2 * expected, (kept, result.grad_fn)


class Made(TorchDispatchMode):
    """Notes which operations of torch make numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if not func.is_view and "view" not in func.overloadpacket.__name__:
            self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("name", "x", "given"), CALLS, ids=IDS)
def test_what_is_cheap(name: str, x: Any, given: dict[str, Any]) -> None:
    """What a lean pass runs again is so in what is said of memory."""
    a, inputs = arguments(name, given), several(x)
    _, run, _ = build(name, inputs, a)
    with Made() as made:
        run(*(random_examples(x, 2) for x in inputs))
    if made.names and made.names <= Lean.CHEAP:
        assert operator(name).cost_of(inputs, a).cheap


@pytest.mark.parametrize(("name", "x", "given"), CALLS, ids=IDS)
def test_weights_that_mix(name: str, x: Any, given: dict[str, Any]) -> None:
    """One feature that comes in changes all that come out, or itself alone."""
    if isinstance(x, tuple):
        assert not operator(name).mixes  # it says nothing of several inputs
        return
    a = arguments(name, given)
    parameters, run, _ = build(name, (x,), a)
    if x is NAMES:
        return
    weighted = any(parameter.dim() > 1 for parameter in parameters)
    if not weighted or given.get("groups", 1) != 1:
        assert weighted or not operator(name).mixes
        return
    axis, made = (
        1 if shape.layout is Layout.IMAGE else -1
        for shape in (x, operator(name).shape_of((x,), a))
    )
    value = torch.randn(2, *x.sizes)
    value.select(axis, 0).add_(1.0)
    changed = value.clone()
    changed.select(axis, 0).mul_(2.0)
    moved = (run(changed) - run(value)).abs().movedim(made, 0).flatten(1).amax(1)
    assert bool((moved > 1e-6).all()) == operator(name).mixes


@pytest.mark.parametrize("name", standard().names)
def test_every_operator_is_documented(name: str) -> None:
    found = operator(name)
    assert found.about
    assert type(found).__doc__
    assert re.fullmatch(r"[a-z]\w+", name)
    assert all(argument.about for argument in found.arguments)


def test_strides_between_shapes() -> None:
    small, large = Shape.of((4, 4, 4)), Shape.of((8, 15, 15))
    assert large.stride_to(Shape.of((8, 8, 8))) == 2
    assert large.stride_to(small) == 4
    assert small.stride_to(large) is None
    assert TOKENS.stride_to(Shape.of((5, 3))) == 1
    assert TOKENS.stride_to(VECTOR) is None


def test_layouts_are_checked() -> None:
    for name, x, given in [
        ("conv", VECTOR, {"kernel": 3}),
        ("linear", IMAGE, {"width": 4}),
        ("bn", TOKENS, {}),
        ("maxpool", VECTOR, {"kernel": 2}),
        ("conv", PIXELS, {"kernel": 3}),
        ("maxpool", PIXELS, {"kernel": 2}),
        ("attention", PIXELS, {"heads": 2}),
        ("pixels", TOKENS, {}),
        ("pixels", PIXELS, {}),
        ("image", IMAGE, {}),
        ("embed", TOKENS, {"width": 4}),
        ("unembed", IMAGE, {"ids": 4}),
        ("conv1d", IMAGE, {"kernel": 3}),
        ("transpose", PIXELS, {}),
    ]:
        with pytest.raises(Misfit) as caught:
            operator(name).shape_of((x,), arguments(name, given))
        assert caught.value.code == "RF405"
