"""Every argument of the library at odd numbers: a network that runs, or what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import recform
from recform.blocks.examples import random_inputs
from recform.diagnostics import CompileError
from recform.operators import standard
from tests.diagnostics.mistakes import mistakes
from tests.thinned import thinned

NUMBERS = """
const k_i = i - 1
const b = (0, 1, 2) per block
const h = 0
param p = {p}
"""
IMAGES = "input 3 x 8 x 8\nstages 4 x 3\nW = {body}\nX_i = {before} + W_i*X_<i-1>\n"
TOKENS = (
    "input 6 x 4\nstages 4 x 3\nstem linear(c)\nhead avgpool > linear(2)\n"
    "W = {body}\nX_i = {before} + {apply}\n"
)
STREAMS = TOKENS.replace("linear(c)", "linear(c) > copies(2)").replace(
    "head", "head merge >"
)
IDS = "input 6 of 5\nstages 4 x 3\nstem {body}\nW = linear\nX_i = {before} + W_i*X_<i-1>\n"
ONE = "W_i*X_<i-1>"
#: A frame for each operator that has arguments, a pipeline with it, and how it is applied.
PIPELINES = {
    **dict.fromkeys(
        ("bn", "gn", "ln", "rmsnorm", "shuffle", "zeropad"), (IMAGES, "{}", ONE)
    ),
    **dict.fromkeys(
        ("dropout", "droppath", "elu", "leaky_relu", "prelu", "gelu"),
        (IMAGES, "conv(3) > {}", ONE),
    ),
    **dict.fromkeys(
        ("conv", "dwconv", "wsconv", "deconv", "append", "avgpool", "maxpool"),
        (IMAGES, "{} > conv(1, c)", ONE),
    ),
    "pad": (IMAGES, "{} > conv(3, c, padding=0)", ONE),
    "patches": (IMAGES, "{} > image(4) > upsample(2)", ONE),
    "pixelshuffle": (IMAGES, "{} > conv(3, c, stride=2)", ONE),
    "pixelunshuffle": (IMAGES, "{} > conv(3, c) > upsample(2)", ONE),
    "upsample": (IMAGES, "{} > conv(3, c, stride=2)", ONE),
    **dict.fromkeys(("conv1d", "linear", "repeat"), (TOKENS, "{} > linear(c)", ONE)),
    **dict.fromkeys(("copies", "write"), (TOKENS, "{} > merge", ONE)),
    **dict.fromkeys(
        ("attention", "experts", "positions", "rotary", "token"), (TOKENS, "{}", ONE)
    ),
    "streams": (TOKENS, "{} > join", ONE),
    "image": (TOKENS, "{} > tokens", ONE),
    "attend": (TOKENS, "{}", "W_i(X_<i-1>, X_<i-1>, X_<i-1>)"),
    **dict.fromkeys(
        ("beside", "bilinear"), (TOKENS, "{} > linear(c)", "W_i(X_<i-1>, X_<i-1>)")
    ),
    "classtoken": (TOKENS, "linear > {}", f"globalpool({ONE})"),
    "offset": (STREAMS, "{}", ONE),
    "read": (STREAMS, "{} > copies(2)", ONE),
    "sinkhorn": (STREAMS, "linear(2) > {} > linear(c)", ONE),
    "embed": (IDS, "{}", ONE),
}
#: What each operator is told besides.
TOLD = {
    **{
        key: {"kernel": "3"} for key in ("conv", "dwconv", "wsconv", "deconv", "conv1d")
    },
    **{
        key: {"kernel": "3", "stride": "1", "padding": "1"}
        for key in ("avgpool", "maxpool")
    },
    **{key: {"heads": "2"} for key in ("attend", "attention", "beside", "rotary")},
    **{key: {"groups": "2"} for key in ("gn", "shuffle")},
    **{key: {"n": "2"} for key in ("copies", "write", "streams")},
    **{key: {"width": "c"} for key in ("linear", "embed", "zeropad")},
    **{key: {"scale": "2"} for key in ("pixelshuffle", "pixelunshuffle", "upsample")},
    "append": {"value": "1"},
    "experts": {"count": "3", "top": "2", "inner": "2*c"},
    "droppath": {"rate": "0.1"},
    "classtoken": {"alone": "true"},
    "image": {"height": "2"},
    "sinkhorn": {"steps": "2"},
    "pad": {"before": "1"},
    "patches": {"size": "2", "width": "c"},
    "repeat": {"times": "2"},
}
#: Numbers that are 0 everywhere, in one block, below 0 in one, huge, tiny, or none.
ODD = [
    *(
        "0",
        "-1",
        "1e30",
        "1e-300",
        "1e400",
        "i - 1",
        "2 - i",
        "(i - 1)/(L - 1)",
        "c - 4",
    ),
    *("0*i", "exp(-1000*i)", "sqrt(i - 1)", "1/(i - 1)", "k_i", "1 - k_i", "b", "h"),
    *("p", "p*(i - 1)", "floor(i/2)", "2^70", "(i - 1, 1)"),
]
FORMS: list[dict[str, Any]] = [
    *({"memory": kind} for kind in ("plain", "lean", "checkpoint", "reversible")),
    {"inference": True},
    {"timm": True},
]
PLACES = [
    (name, argument)
    for name, operator in standard().operators.items()
    for argument in operator.arguments
    if name != "unembed"  # of which one belongs to the other end of a network
]


#: Where else a number stands; {n} is the number.
ELSEWHERE = {
    "a start": "scalar a_i = {n}\nX_i = X_<i-1> + a_i*W_i*X_<i-1>",
    "one for all": "scalar a = {n}\nX_i = X_<i-1> + a*W_i*X_<i-1>",
    "of features": "vector a_i = {n}\nX_i = X_<i-1> + a_i*W_i*X_<i-1>",
    "of members": "scalar a_<i,m> = {n}\nX_i = W_i*sum(m, 0, i-1, a_<i,m>*X_m)",
    "a coefficient": "X_i = X_<i-1> + ({n})*W_i*X_<i-1>",
    "a quotient": "X_i = X_<i-1>/({n}) + W_i*X_<i-1>",
    "an exponent": "X_i = X_<i-1> + sigmoid(W_i*X_<i-1>)^({n})",
    "added": "X_i = X_<i-1> + ({n}) + W_i*X_<i-1>",
    "with a learned one": "scalar a_i = 1\nX_i = X_<i-1> + tanh(a_i + ({n}))*W_i*X_<i-1>",
    "beside": "X_i = X_<i-1> + W_i*concat(X_<i-1>, {n})",
    "a constant": "const q = {n}\nX_i = X_<i-1> + q*W_i*X_<i-1>",
    "of a block": "const q_i = {n}\nX_i = X_<i-1> + q_i*W_i*X_<i-1>",
    "of the output": "X_i = X_<i-1> + W_i*X_<i-1>\noutput ({n})*X_L",
    **{
        rule: f"X_i = X_<i-1> + W_i*X_<i-1>\ninit linear = {rule}({{n}})"
        for rule in (
            *("normal", "trunc_normal", "constant"),
            *("xavier_normal", "xavier_uniform", "kaiming_normal"),
        )
    },
    "in front of a state": "times positions\nH_<i,t> = ({n})*H_<i,t-1> + W_i*X_<i-1,t>\n"
    "X_<i,t> = X_<i-1,t> + H_<i,t>\noutput X_L",
    "before the first": "times positions\nH_<i,t> = H_<i,t-1>/2 + W_i*X_<i-1,t>\n"
    "H_<i,0> = {n}\nX_<i,t> = X_<i-1,t> + H_<i,t>\noutput X_L",
}
STRANGE = [*ODD, "true", "(-1)^i", "1e10^i", "1e-30^i", "i/(i - 2)", "k_2", "1e30*i"]


def test_every_operator_is_here() -> None:
    assert {name for name, _ in PLACES} == {*PIPELINES}


def text(name: str, argument: Any, number: str, form: dict[str, Any]) -> str:
    frame, pipeline, apply = PIPELINES[name]
    told = {**TOLD.get(name, {}), argument.name: number}
    call = f"{name}({', '.join(f'{key}={value}' for key, value in told.items())})"
    runs_backwards = form.get("memory") == "reversible"
    before = "X_<i-2>" if runs_backwards else "X_<i-1>"
    body = pipeline.format(call)
    network = frame.format(body=body, apply=apply, before=before)
    return NUMBERS.format(p="0.0" if argument.kind.real else "1") + network


@pytest.mark.parametrize(
    "given", thinned(PLACES, 4, lambda place: f"{place[0]}-{place[1].name}")
)
def test_odd_numbers(given: tuple[str, Any]) -> None:
    """A network that was proved, and runs; or a diagnostic that is no fault of recform."""
    place, (name, argument) = PLACES.index(given), given
    few = slice(None) if argument.kind.real else slice(place % 4, None, 4)
    for n, number in enumerate(ODD[few]):
        form = FORMS[(n + place) % len(FORMS)]
        try:
            made = recform.compile(text(name, argument, number, form), **form)
            net = made.module()
        except CompileError as error:
            assert not [d for d in error.diagnostics if d.code.startswith("RF9")], (
                f"{number}: {error}"
            )
            continue
        if argument.kind.real:
            outputs = net(*random_inputs(made.formula.inputs, 2))
            if not form.get("inference"):
                outputs.sum().backward()


@pytest.mark.parametrize(
    "std", ["i - 1", "exp(-1000*i)", "floor(i/2)", "(i - 1)*(c - 3)"]
)
@pytest.mark.parametrize("alone", [False, True])
def test_a_deviation_that_is_nothing_in_one_block(std: str, alone: bool) -> None:
    body = f"classtoken(std={std}) > token" if alone else f"positions(std={std})"
    net = recform.load(TOKENS.format(body=body, before="X_<i-1>", apply=ONE))
    starts = [p for n, p in net.named_parameters() if "token" in n or "pos" in n]
    assert [bool(start.any()) for start in starts] == [
        eval(std.replace("exp(-1000*i)", "0").replace("floor(i/2)", "i//2"),
             {"i": i, "c": 4}) != 0
        for i in (1, 2, 3)
    ]  # fmt: skip


@pytest.mark.parametrize("place", thinned(ELSEWHERE, 4))
def test_odd_numbers_elsewhere(place: str) -> None:
    head = TOKENS.partition("W =")[0] + NUMBERS.format(p="0.0") + "W = ln > linear(c)\n"
    for number in STRANGE:
        try:
            made = recform.compile(head + ELSEWHERE[place].replace("{n}", number))
            made.module()(*random_inputs(made.formula.inputs, 2)).sum().backward()
        except CompileError as error:
            codes = [item.code for item in error.diagnostics]
            assert not [code for code in codes if code[:3] == "RF9"], (
                f"{number}: {error}"
            )


@pytest.mark.parametrize(
    "equation",
    [
        "X_i = X_<i-1>/2^i + W_i*X_<i-1>",
        "const k_i = 2^i\nX_i = X_<i-1>/k_i + W_i*X_<i-1>",
        "const k_i = i\nX_i = X_<i-1> + 1/k_i^20*tanh(k_i^20*W_i*X_<i-1>)",
        "scalar a_i = 1\nX_i = X_<i-1> + tanh((a_i + 1e20)*W_i*X_<i-1>)",
        "const k = 2^L\nX_i = X_<i-1>/k + W_i*X_<i-1>",
    ],
)
def test_numbers_that_torch_takes_for_no_whole_ones(equation: str) -> None:
    """From 2^63 on."""
    text = f"input 4\nstages 4 x 64\nW = linear(c)\n{equation}"
    outputs = recform.load(text)(torch.ones(2, 4))
    assert outputs.isfinite().all()


def test_a_gain_that_is_whole_is_learned() -> None:
    body = "wsconv(3, gain=i - 1) > conv(1)"
    net = recform.load(IMAGES.format(body=body, before="X_<i-1>"))
    gains = [p for n, p in net.named_parameters() if n.endswith("gain")]
    assert [gain.unique().tolist() for gain in gains] == [[0.0], [1.0], [2.0]]
    assert all(gain.dtype == torch.float32 for gain in gains)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("bn(eps=0)", "bn's eps is a number above 0, not 0"),
        ("bn(eps=i - 1)", "bn gets 0 as its eps here"),
        ("wsconv(3, eps=c - 4)", "wsconv gets 0 as its eps here"),
    ],
)
def test_nothing_divides_by_zero_in_training(call: str, said: str) -> None:
    """torch refuses to train such a network."""
    (found,) = mistakes(IMAGES.format(body=call, before="X_<i-1>"))
    assert said in found.message


@pytest.mark.parametrize(
    ("name", "argument", "hint"),
    [
        ("dropout", "rate", "for example rate=0.5"),
        ("droppath", "rate", "for example rate=0.1"),
        ("ln", "affine", "for example affine=true"),
        ("linear", "width", "left out, width is what fits"),
        ("gn", "groups", "for example groups=1"),
        ("conv", "kernel", "for example kernel=3"),
        ("image", "height", "for example height=1"),
        ("sinkhorn", "steps", "for example steps=20"),
    ],
)
def test_what_to_write_in_the_place_of_a_wrong_number(
    name: str, argument: str, hint: str
) -> None:
    place = next(item for kind, item in PLACES if (kind, item.name) == (name, argument))
    found = mistakes(text(name, place, "-1", {}))
    assert [item.hint for item in found if item.code == "RF210"] == [hint]
    told = hint.partition("=")[2]
    source = text(name, place, told or "c", {})
    recform.compile(source if told else source.replace("width=c", ""))
