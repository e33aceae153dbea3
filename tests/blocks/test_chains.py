"""Flows of operators that Hypothesis draws: a diagnostic, or a module that keeps the rules."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

import recform
from recform.diagnostics import CompileError

number = st.integers(0, 4).map(str)
some = st.integers(1, 4).map(str)
pairs = st.tuples(some, some).map(lambda pair: f"({pair[0]}, {pair[1]})")
kernel = some | pairs
flag = st.sampled_from(["true", "false"])
size = st.sampled_from(["c", "2*c", "c/2", "12", "cin", "cin*2", "3"])


def call(
    name: str, *given: st.SearchStrategy[str], **named: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    """A call with all its positional arguments, and some of the named ones."""
    optional = st.fixed_dictionaries({}, optional=named)
    return st.tuples(st.tuples(*given), optional).map(
        lambda drawn: (
            f"{name}("
            + ", ".join([*drawn[0], *(f"{k}={v}" for k, v in drawn[1].items())])
            + ")"
        )
    )


plain = st.sampled_from(
    [
        *("bn", "ln", "rmsnorm", "relu6", "hardswish", "elu", "leaky_relu", "gelu"),
        *("softmax", "prelu", "identity", "avgpool", "maxpool", "globalpool"),
        *("flatten", "tokens", "classtoken", "positions", "token", "pixels", "image"),
    ]
)
operators = (
    plain
    | call("conv", kernel, size, stride=some, padding=number, groups=some, bias=flag)
    | call("dwconv", kernel, stride=some, padding=number, multiplier=some)
    | call("deconv", kernel, size, stride=some, padding=number, outpad=number)
    | call("avgpool", kernel, stride=some, padding=number, ceil=flag, countpad=flag)
    | call("maxpool", kernel, stride=some, padding=number, ceil=flag)
    | call("avgpool", size=kernel)
    | call("pad", number, after=number, mode=st.sampled_from(["reflect", "circular"]))
    | call("upsample", kernel, mode=st.sampled_from(["nearest", "bilinear"]))
    | call("gn", some)
    | call("shuffle", some)
    | call("pixelshuffle", some)
    | call("pixelunshuffle", some)
    | call("patches", kernel, size)
    | call("image", some)
    | call("token", number)
    | call("attention", some, causal=flag)
    | call("linear", size)
    | call("prelu", channelwise=flag)
    | call("droppath", st.sampled_from(["0", "0.3", "1", "2"]))
)
flows = st.lists(operators, min_size=1, max_size=5).map(" > ".join)
FRAME = """
input  3 x 6 x 8
stem   conv(3, 8)
stages 8 x 1
X_i = W_i*X_<i-1>
"""


@given(flows, st.booleans())
def test_a_head(flow: str, inlined: bool) -> None:
    names = 'names head = "."\n' if inlined else ""
    try:
        compiled = recform.compile(f"{FRAME}{names}head {flow}")
        source = compiled.source
    except CompileError as error:
        event("+".join(sorted({item.code for item in error.diagnostics})))
        assert {item.code[:3] for item in error.diagnostics} <= {"RF2", "RF4"}
        return
    event("compiles")
    with warnings.catch_warnings(), torch.device("meta"):
        # torch warns of weights without elements and of what it computes slowly.
        warnings.simplefilter("ignore")
        net = compiled.module().eval()
        counter = FlopCounterMode(display=False)
        with counter:
            out = net(torch.empty(2, 3, 6, 8))
    assert tuple(out.shape) == (2, *compiled.graph.output.sizes), source
    totals = compiled.graph.totals
    assert totals.parameters == sum(p.numel() for p in net.parameters())
    assert totals.multiply_adds * 2 * 2 == counter.get_total_flops()


@pytest.mark.parametrize("name", ["", ' names A = "."'])
def test_heads_that_depend_on_the_stage(name: str) -> None:
    text = f"""
    input  12 x 8
    stages 8 x 1, 16 x 2
    {name}
    A = ln > linear(c) > attention(c/4)
    X_i = X_<i-1> + A_i*X_<i-1>
    """
    compiled = recform.compile(text)
    net = compiled.module()
    heads = [m.heads for m in net.modules() if hasattr(m, "heads")]
    assert heads == [2, 4, 4]
    net(torch.randn(2, 12, 8)).sum().backward()
