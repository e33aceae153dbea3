"""Shape and cost rules against torch, over arguments that Hypothesis draws.

Numbers first: what a rule accepts torch accepts too, with that shape, these parameters
and multiply-adds. Then symbols: a rule on symbols, with the numbers put in, says the
same, and so does the code that is made of it.
"""

from __future__ import annotations

from typing import Any

import sympy
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from recform.blocks import Misfit, Shape, code
from tests.blocks.calls import arguments, build, operator

small = st.integers(1, 5)
sizes = st.integers(1, 19)
flags = st.booleans()


def paired(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return numbers | st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1])


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


natural = st.integers(0, 4)
images = st.tuples(st.sampled_from([1, 2, 3, 4, 6, 8, 12]), sizes, sizes)
tokens = st.tuples(st.integers(1, 20), st.sampled_from([1, 2, 4, 6, 12]))
window = {
    "kernel": paired(small),
    "stride": maybe(small),
    "padding": paired(st.integers(0, 2)),
    "ceil": flags,
}
dense = {
    "kernel": paired(small),
    "stride": small,
    "dilation": paired(st.integers(1, 3)),
    "padding": maybe(paired(natural)),
    "bias": flags,
}
grouped = {"width": maybe(st.sampled_from([1, 2, 4, 6, 12])), "groups": small}
FORMS: dict[str, tuple[st.SearchStrategy[Any], dict[str, st.SearchStrategy[Any]]]] = {
    "conv": (images, {**dense, **grouped}),
    "wsconv": (images, {**dense, **grouped}),
    "dwconv": (images, {**dense, "multiplier": small}),
    "deconv": (
        images,
        {**dense, **grouped, "dilation": st.integers(1, 3), "outpad": paired(natural)},
    ),
    "pad": (
        images,
        {
            "before": paired(natural),
            "after": maybe(paired(natural)),
            "mode": st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
        },
    ),
    "avgpool": (images, {**window, "countpad": flags}),
    "maxpool": (images, window),
    "upsample": (
        images,
        {"scale": paired(small), "mode": st.sampled_from(["nearest", "bilinear"])},
    ),
    "shuffle": (images, {"groups": small}),
    "pixelshuffle": (images, {"scale": st.integers(1, 3)}),
    "pixelunshuffle": (images, {"scale": st.integers(1, 3)}),
    "patches": (
        images,
        {"size": paired(small), "width": maybe(small), "bias": flags},
    ),
    "image": (tokens, {"height": small}),
    "pixels": (images, {}),
    "token": (tokens, {"index": st.integers(0, 25)}),
    "classtoken": (tokens, {}),
    "positions": (tokens, {}),
    "conv1d": (
        tokens,
        {
            "kernel": small,
            "dilation": st.integers(1, 3),
            **grouped,
            "causal": flags,
            "bias": flags,
        },
    ),
    "transpose": (tokens, {}),
    "attention": (tokens, {"heads": small, "bias": flags, "causal": flags}),
    "gn": (images, {"groups": small}),
    "softmax": (tokens | images, {}),
    "ln": (tokens | images, {}),
    "rmsnorm": (tokens | images, {}),
    "globalpool": (tokens | images, {}),
}
calls = st.sampled_from(sorted(FORMS)).flatmap(
    lambda name: st.tuples(
        st.just(name), FORMS[name][0], st.fixed_dictionaries(FORMS[name][1])
    )
)


@given(calls)
def test_what_fits_here_fits_in_torch(
    call: tuple[str, tuple[int, ...], dict[str, Any]],
) -> None:
    name, given_sizes, values = call
    x, a = Shape.of(given_sizes), arguments(name, values)
    try:
        shape = operator(name).shape_of((x,), a)
    except Misfit as misfit:
        assert misfit.code in ("RF401", "RF402", "RF210")
        assume(False)
        raise
    with torch.device("meta"):
        parameters, run, _ = build(name, (x,), a)
        counter = FlopCounterMode(display=False)
        with counter:
            result = run(torch.empty(2, *x.sizes))
    cost = operator(name).cost(x, a)
    assert tuple(result.shape) == (2, *shape.sizes)
    assert cost.parameters == sum(p.numel() for p in parameters)
    assert cost.multiply_adds * 2 * 2 == counter.get_total_flops()


@given(calls)
def test_what_does_not_fit_here_does_not_fit_in_torch(
    call: tuple[str, tuple[int, ...], dict[str, Any]],
) -> None:
    """But for what torch would take and leave half empty, as the rules say why."""
    name, given_sizes, values = call
    x, a = Shape.of(given_sizes), arguments(name, values)
    stricter = name in ("conv", "wsconv", "dwconv") and values["padding"] is None
    # Some backends of torch take any output padding, others refuse what the rule does.
    if stricter or name in ("patches", "token", "image", "pad", "deconv"):
        return
    try:
        operator(name).shape_of((x,), a)
    except Misfit:
        try:
            _, run, _ = build(name, (x,), a)
            result = run(torch.zeros(2, *x.sizes))
        except (RuntimeError, ValueError):
            return
        raise AssertionError(f"torch makes {tuple(result.shape)} of it") from None


@given(calls)
def test_rules_on_symbols_say_the_same(
    call: tuple[str, tuple[int, ...], dict[str, Any]],
) -> None:
    name, given_sizes, values = call
    x, a = Shape.of(given_sizes), arguments(name, values)
    try:
        shape = operator(name).shape_of((x,), a)
    except Misfit:
        assume(False)
        raise
    letters = "pqr"[: len(given_sizes)]
    names = [sympy.Symbol(n, integer=True, positive=True) for n in letters]
    symbolic = Shape.of(tuple(names))
    made = operator(name).shape_of((symbolic,), a)
    numbers = dict(zip(names, given_sizes, strict=True))
    scope = dict(zip(letters, given_sizes, strict=True))
    for size, expected in zip(made.sizes, shape.sizes, strict=True):
        assert sympy.sympify(size).subs(numbers) == expected
        assert eval(code(size), {**scope, "min": min}) == expected
    emitted = operator(name).emit(symbolic, a)
    compile(emitted.call.format(x="x", m="m"), "<call>", "eval")
    if emitted.module:
        compile(emitted.module, "<module>", "eval")
