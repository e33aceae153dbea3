"""Arguments that are numbers, where they depend on sizes: they divide as numbers do."""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Iterator

import pytest
import torch

import recform
from recform.blocks.examples import random_inputs
from recform.compiler import compile_source, from_text
from recform.execution.file import File
from recform.execution.forms import Unreadable
from recform.execution.library import LAST, USUAL
from recform.execution.reader import Reader
from recform.execution.said import Said
from recform.operators import standard
from tests.diagnostics.mistakes import mistakes
from tests.thinned import thinned

IMAGES = "input 3 x 8 x 8\nstages 4 x {depth}\nW = {body}\nX_i = X_<i-1> + W_i*X_<i-1>"
TOKENS = (
    "input 6 x 5\nstages 4 x {depth}\nstem linear(c)\nhead avgpool > linear(2)\n"
    "W = {body}\nX_i = X_<i-1> + {apply}"
)
ATTEND = "attend(2, {}={{n}})"
#: A pipeline for each argument of the library that is a number.
PIPELINES = {
    ("leaky_relu", "slope"): "conv(3) > leaky_relu(slope={n})",
    ("elu", "alpha"): "conv(3) > elu(alpha={n})",
    ("prelu", "start"): "conv(3) > prelu(start={n})",
    ("bn", "eps"): "bn(eps={n}) > conv(3)",
    ("bn", "momentum"): "bn(momentum={n}) > conv(3)",
    ("ln", "eps"): "ln(eps={n}) > conv(3)",
    ("gn", "eps"): "gn(2, eps={n}) > conv(3)",
    ("rmsnorm", "eps"): "rmsnorm(eps={n}) > conv(3)",
    ("wsconv", "gamma"): "wsconv(3, gamma={n})",
    ("wsconv", "gain"): "wsconv(3, gain={n})",
    ("wsconv", "eps"): "wsconv(3, eps={n})",
    ("append", "value"): "append({n}) > conv(3, c)",
    ("dropout", "rate"): "conv(3) > dropout({n})",
    ("droppath", "rate"): "conv(3) > droppath({n})",
    ("attention", "dropout"): "attention(2, dropout={n})",
    ("classtoken", "std"): "linear > classtoken(std={n}, alone=true)",
    ("positions", "std"): "positions(std={n})",
    ("rotary", "base"): "rotary(2, base={n})",
    ("rotary", "factor"): "rotary(2, factor={n})",
    ("rotary", "slow"): "rotary(2, factor=3, length=9, slow={n}, fast=30)",
    ("rotary", "fast"): "rotary(2, factor=3, length=9, slow=0.01, fast={n})",
    **{
        ("attend", name): ATTEND.format(name)
        for name in ("softcap", "rotary", "scale", "dropout")
    },
}
WORDS = (
    "1/sqrt(c)",
    "c/12",
    "1/(i + c)",
    "(c + 1)/(c + 2)",
    "c^(-1/3)",
    "1 - 1/(L + 1)",
)


def numbers() -> Iterator[tuple[str, str]]:
    for name, operator in standard().operators.items():
        for argument in operator.arguments:
            if argument.kind.real:
                yield name, argument.name


def text(place: tuple[str, str], number: str, depth: int) -> str:
    body = PIPELINES[place].replace("{n}", number)
    tokens = place[0] in ("attend", "attention", "classtoken", "positions", "rotary")
    frame = TOKENS if tokens else IMAGES
    apply = "W_i*X_<i-1>"
    if place[0] == "attend":
        apply = "W_i(X_<i-1>, X_<i-1>, X_<i-1>)"
    elif place[0] == "classtoken":
        apply = "globalpool(W_i*X_<i-1>)"
    return frame.format(depth=depth, body=body, apply=apply)


def test_every_argument_that_is_a_number_is_here() -> None:
    assert sorted(numbers()) == sorted(PIPELINES)


@pytest.mark.parametrize(
    "case",
    thinned(
        [
            (at, WORDS[(n + k) % len(WORDS)])
            for n, at in enumerate(PIPELINES)
            for k in (0, 2)
        ],
        2,
    ),
)
def test_a_number_of_sizes_is_that_number(case: tuple[tuple[str, str], str]) -> None:
    """One block computes what it does with the number written out; the proof takes two."""
    place, number = case
    known = {"c": 4, "i": 1, "L": 1, "sqrt": math.sqrt}
    value = repr(eval(number.replace("^", "**"), known))
    ours, plain = (recform.compile(text(place, word, 1)) for word in (number, value))
    made = []
    for compiled in (ours, plain):
        torch.manual_seed(0)
        made.append(compiled.module().double())
    net, other = made
    torch.testing.assert_close(net.state_dict(), other.state_dict())
    inputs = random_inputs(ours.formula.inputs, 3, dtype=torch.float64)
    for training in (False, True):
        found = []
        for module in (net, other):
            torch.manual_seed(1)
            found.append(module.train(training)(*inputs))
        torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
    assert re.search(
        r"(?<!/)/(?!/)|sqrt|\*\*", recform.compile(text(place, number, 2)).source
    )


VECTORS = "input 6\nstages 6 x 3\nW = linear(c) > {body}\nX_i = X_<i-1> + W_i*X_<i-1>"


@pytest.mark.parametrize(
    "body",
    [
        *("elu(1/i)", "elu(i)", "elu(c/6)", "elu(c/cin)", "ln(eps=i/100000)"),
        *("bn(eps=i/100000)", "bn(momentum=i/10)", "prelu(start=i/4)"),
        *("Half(c/6)", "Half", "rmsnorm(eps=i/1000000)"),
    ],
)
def test_what_is_the_default_in_one_block_is_proved(body: str) -> None:
    """Code says the number, and an operator that is told it leaves it out."""
    own = "Half(a=1/i) = linear(c) > elu(a)\n" if "Half" in body else ""
    text = VECTORS.replace("W =", f"{own}W =").format(body=body)
    assert recform.load(text) is not None


def test_the_usual_numbers_are_those_of_torch() -> None:
    known = {"nn": torch.nn, "F": torch.nn.functional}
    for name, usual in USUAL.items():
        module, _, attribute = name.partition(".")
        found = inspect.signature(getattr(known[module], attribute)).parameters
        assert {key: found[key].default for key in usual} == usual
    for name, (place, value) in LAST.items():
        module, _, attribute = name.partition(".")
        found = inspect.signature(getattr(known[module], attribute)).parameters
        assert [*found.values()][place].default == value


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("floor(c/5)/2", 0.5),
        ("1/floor(c/2)", 1 / 3),
        ("ceil(c/4)/5", 0.4),
        ("3*floor(c/4)*floor(7/L)", 6.0),
        ("floor(c/4) - 1/2", 0.5),
        ("2/(floor(c/4)*floor(c/2))", 2 / 3),
    ],
)
def test_what_is_rounded_is_a_factor(number: str, value: float) -> None:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    made = []
    for said in (number, repr(value)):
        torch.manual_seed(0)
        made.append(recform.load(VECTORS.format(body=f"leaky_relu({said})"))(x))
    torch.testing.assert_close(*made)


@pytest.mark.parametrize("number", ["p/c", "p*i/L", "p/sqrt(c)", "p", "p*floor(c/4)"])
@pytest.mark.parametrize("given", [0.1, 0.75, 1, 1 / 3])
def test_parameters_that_python_gives(number: str, given: float) -> None:
    text = f"param p = 0.25\n{VECTORS.format(body=f'leaky_relu({number})')}"
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    made = []
    for said in (text, text.replace("p = 0.25", f"p = {given!r}")):
        torch.manual_seed(0)
        options = {"p": given} if said is text else {}
        made.append(recform.load(said, **options)(x))
    torch.testing.assert_close(*made)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("elu(1/(i - 1))", "RF211"),
        ("leaky_relu(log(i - 1))", "RF211"),
        ("leaky_relu(sqrt(i - 2))", "RF211"),
        ("ln(eps=1/(c - 6))", "RF211"),
        ("dropout(1/(i - 1))", "RF211"),
        ("leaky_relu(exp(1000*i))", "RF106"),
        ("leaky_relu(exp(1000*c))", "RF106"),
        ("elu(10^30*c^20)", "RF106"),
        ("append(1/(i - 2)) > linear(c)", "RF211"),
        ("append(10^9*sin(pi*i/2)) > linear(c)", "RF106"),
        ("leaky_relu(sqrt(i + 1e14) - 1e7)", "RF106"),
        ("leaky_relu(min(2^2^(9*i), c))", "RF106"),
        ("dropout(i)", "RF404"),
    ],
)
def test_numbers_that_are_none(body: str, code: str) -> None:
    (found,) = mistakes(VECTORS.format(body=body))
    assert found.code == code
    assert found.labels[0].span.text.startswith(body.partition("(")[0])


@pytest.mark.parametrize("body", ["leaky_relu(10^50)", "append(-10^39) > linear(c)"])
def test_numbers_that_float32_does_not_hold(body: str) -> None:
    """Torch refuses them: they cannot be converted without overflow."""
    (found,) = mistakes(VECTORS.format(body=body))
    assert found.code == "RF106"
    assert "is out of all reason (the limit is 3.4*10^38)" in found.message


@pytest.mark.parametrize(
    "lines",
    [
        "const m = (10^20,) per stage\nW = linear > leaky_relu(m)",
        "const m = (10^15,) per stage\nW = linear > leaky_relu(10^4*m*i)",
        "const m = (10^20, 1/3, 2) per block\nW = linear > leaky_relu(2*floor(m/2))",
        "W = linear > leaky_relu(10^20*i + 1)",
        "W = linear > elu(c^30)",
        "W = linear > leaky_relu(min(2^2^i, c))",
        "W = linear > leaky_relu(floor(10^20/sin(i)))",
    ],
)
def test_whole_numbers_that_torch_does_not_take(lines: str) -> None:
    """From 2^63 on; floats it takes."""
    text = f"input 6\nstages 6 x 3\n{lines}\nX_i = X_<i-1> + W_i*X_<i-1>"
    assert recform.load(text)(torch.zeros(2, 6)).shape == (2, 10)
    assert recform.load(text, inference=True)(torch.zeros(2, 6)).shape == (2, 10)


@pytest.mark.parametrize(
    "scalar",
    [
        "vector a_i = 10^40",
        "scalar a = 10^40",
        "scalar a_i = 10^(20*i)",
        "scalar a_<i,k> = tanh(9*i) - 1",
    ],
)
def test_starts_that_are_no_numbers_of_torch(scalar: str) -> None:
    name = scalar.split()[1]
    body = "sum(k, 0, i-1, a_<i,k>*X_k)" if "k" in name else f"{name}*X_<i-1>"
    found = mistakes(f"input 6\nstages 6 x 3\n{scalar}\nX_i = X_<i-1> + {body}")
    assert [item.code for item in found] == ["RF106"]


#: Ranges at the values that arguments take, of a block or of a width.
OUT_OF_RANGE = {
    "ln(eps=-c)": "ln gets -6 as its eps here, which is not a number of at least 0",
    "ln(eps=2 - i)": "ln gets -1 as its eps",
    "rmsnorm(eps=1 - L)": "rmsnorm gets -2 as its eps",
    "rmsnorm(eps=-1)": "rmsnorm's eps is a number of at least 0, not -1",
    "attend(1, softcap=i - 1)": "attend gets 0 as its softcap here",
    "attend(1, rotary=c - 6)": "attend gets 0 as its rotary here",
    "positions(std=c - 7)": "positions gets -1 as its std here",
    "dropout(i)": "dropout gets a rate of 2",
}


@pytest.mark.parametrize("call", OUT_OF_RANGE)
def test_numbers_out_of_range(call: str) -> None:
    several = "W_i(X_<i-1>, X_<i-1>, X_<i-1>)" if "attend" in call else "W_i*X_<i-1>"
    found = mistakes(
        f"input 8 x 6\nstages 6 x 3\nW = {call}\nX_i = X_<i-1> + {several}"
    )
    assert {item.code for item in found} <= {"RF404", "RF210"}
    assert OUT_OF_RANGE[call] in found[0].message


def test_a_deviation_that_is_a_sum() -> None:
    frame = "input 8 x 6\nstem positions(std=c - 5)\nstages 6 x 1\nhead none\n"
    source = recform.compile(
        f"{frame}W = linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>"
    ).source
    assert "(features - 5) * torch.randn(1, positions, in_features)" in source


@pytest.mark.parametrize("place", list(numbers()), ids="-".join)
def test_a_whole_number_is_one_of_floats(place: tuple[str, str]) -> None:
    """`wsconv(gain=2)` started as whole numbers, which torch refuses to learn."""
    (item,) = compile_source(from_text(text(place, "1", 1)))
    net = item.module().eval()
    assert all(p.is_floating_point() for p in net.parameters())
    net(*random_inputs(item.formula.inputs, 2))


#: Sizes that Python would make floats of, and what they are in blocks 1 to 4; c is 4.
SIZES = {
    "8 + floor(sqrt(i))": [9, 9, 9, 10],
    "8 + ceil(sqrt(i)*c/3)": [10, 10, 11, 11],
    "8 - floor(c*exp(-i))": [7, 8, 8, 8],
    "8 + floor(log(i)/log(2))": [8, 9, 9, 10],
    "max(4, c*i/2, 3)": [4, 4, 6, 8],
    "c*2^(i - 2)": [2, 4, 8, 16],
    "4*c^(1/2)": [8, 8, 8, 8],
    "c*2^(2*(L - i) - 4)/2^(L - i - 4)": [32, 16, 8, 4],
    "abs(c*i/2 - 3)": [1, 1, 3, 5],
    "2^(L - i)": [8, 4, 2, 1],
    "floor(i/2)*floor(i/3) + 1": [1, 1, 2, 3],
}


@pytest.mark.parametrize("size", SIZES)
def test_sizes_are_whole_numbers_of_python(size: str) -> None:
    """What was proved had `nn.Linear(4, 9.0)`, which torch refuses to make."""
    (item,) = compile_source(
        from_text(
            f"input 4\nstem none\nhead none\nstages 4 x 4\n"
            f"W = linear({size}) > tanh > linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>"
        )
    )
    net = item.module()
    widths = [block.W.fc1.out_features for block in net.blocks]
    assert widths == SIZES[size]
    assert all(type(width) is int for width in widths)
    net(torch.zeros(1, 4))


@pytest.mark.parametrize(
    "text", ["nn.Linear(4, 8.0)", "nn.Conv2d(4, 4, (3.0, 1))", "nn.GroupNorm(4, 8.0)"]
)
def test_sizes_that_are_floats_are_read_by_nobody(text: str) -> None:
    node = ast.parse(text, mode="eval").body
    with pytest.raises(Unreadable):
        Reader(File(Said(), {}, {}), {}).value(node)
