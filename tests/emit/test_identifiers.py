"""Names that mean something to Python, torch or the generated file, in every place.

A network either computes what it computes under a harmless name, or the name is refused
by a diagnostic. Nothing else may happen.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from recform.compiler import Compiled, compile_source, from_text
from recform.diagnostics import CompileError

GOLDENS = Path(__file__).parents[1] / "goldens"
MODULE = [*dir(nn.Module()), *dir(nn.Sequential()), *dir(nn.ModuleDict())]
#: What generated files call by name, or use themselves.
OWN = [
    *(
        "torch",
        "nn",
        "F",
        "Tensor",
        "math",
        "OrderedDict",
        "partial",
        "Any",
        "checkpoint",
    ),
    *("Callable", "Iterable", "Iterator", "Sequence", "DropPath", "SelfAttention"),
    *("Step", "FirstStep", "Stem", "Head", "WBlock", "GBlock", "Shortcut", "shortcut"),
    *("self", "x", "out", "k", "module", "block", "blocks", "state", "stage", "stages"),
    *("args", "kwargs", "index", "i", "depth", "width", "stage_width", "block_width"),
    *(
        "in_channels",
        "in_features",
        "channels",
        "features",
        "stride",
        "height",
        "scale",
    ),
    *("positions", "x_prev", "w_shared", "stem", "head", "layers", "step", "w_block"),
    *("ImageClassifier", "num_classes", "drop_rate", "W", "G", "L", "c", "s", "cin"),
    *(
        "input",
        "output",
        "none",
        "k'",
        "\u03b8",
        "\u03f5",
        "\u0398",
        "first",
        "sum",
        "relu",
    ),
]
NAMES = list(
    dict.fromkeys([*OWN, *keyword.kwlist, *keyword.softkwlist, *dir(builtins), *MODULE])
)

FRAME = "input 4\nstem none\nhead linear(3)\n"
RESIDUAL = "X_i = X_<i-1> + W_i*X_<i-1>\n"
LINEAR = "W = linear(c)\n"
TWO = "stages 4 x 2\n"
GATE = "W = linear(c) > G\n"
#: A file with a name in one place, by the place.
PLACES = {
    "file": TWO + LINEAR + RESIDUAL,
    "network": "network {n}\n" + TWO + LINEAR + RESIDUAL,
    "size": "param {n} = 3\nhead dropout(0.1) > linear({n})\n" + TWO + LINEAR + RESIDUAL,
    "rate": "param {n} = 0.1\nW = linear(c) > dropout({n}*i/L)\n" + TWO + RESIDUAL,
    "path rate": "param {n} = 0.1\nW = linear(c) > droppath({n})\n" + TWO + RESIDUAL,
    "number": "param {n} = 4\nstages {n} x 2\n" + LINEAR + RESIDUAL,
    "const": "const {n} = 2\n" + TWO + LINEAR + "X_i = X_<i-1> + {n}*W_i*X_<i-1>\n",
    "indexed const": "const {n}_i = i/L\n" + TWO + LINEAR
    + "X_i = X_<i-1> + {n}_i*W_i*X_<i-1>\n",
    "table": "const {n} = (4, 6) per stage\nstages 4 x 1, 4 x 1\n"
    "W = linear({n}) > linear(c)\n" + RESIDUAL,
    "block table": "const {n} = (0.1, 0.2) per block\n" + TWO
    + "W = linear(c) > droppath({n})\n" + RESIDUAL,
    "scalar": "scalar {n} = 0.5\n" + TWO + LINEAR + "X_i = X_<i-1> + {n}*W_i*X_<i-1>\n",
    "indexed scalar": "scalar {n}_i = 0.5 per feature\n" + TWO + LINEAR
    + "X_i = X_<i-1> + i/L*{n}_i*W_i*X_<i-1>\n",
    "operator": "{n} = linear(c) > relu\n" + TWO + "X_i = X_<i-1> + {n}_i*X_<i-1>\n",
    "shared operator": "{n} = linear(c)\n" + TWO + "X_i = X_<i-1> + {n}*X_<i-1>/L\n",
    "operator handed on": "{n} = linear(c)\nstages 4 x 4\n"
    "X_i = X_<i-1> + {n}_i*X_<i-1> + {n}_<i-1>*X_<i-1>\n",
    "unknown": TWO + LINEAR + "{n}_i = {n}_<i-1> + W_i*{n}_<i-2>\n",
    "two unknowns": TWO + LINEAR + "{n}_i = Y_<i-1> + W_i*{n}_<i-1>\nY_i = {n}_i\n"
    "Y_0 = input\noutput {n}_L + Y_L\n",
    "label": 'W = "{n}": linear(c) > relu > linear(c)\n' + TWO + RESIDUAL,
    "label in brackets": 'W = ("{n}": linear(c) > relu > b: linear(c))\n' + TWO + RESIDUAL,
    "path": 'W = "{n}.a": linear(c) > relu > "{n}.b": linear(c)\n' + TWO + RESIDUAL,
    "label in a container": 'W = "a.{n}": linear(c) > relu > "a.b": linear(c)\n' + TWO
    + RESIDUAL,
    "place of W": 'names W = "{n}"\n' + TWO + LINEAR + RESIDUAL,
    "place of stages": 'names stages = "{n}", head = "b"\n' + TWO + LINEAR + RESIDUAL,
    "place of blocks": 'names step = "{n}{{}}"\n' + TWO + LINEAR + RESIDUAL,
    "definition": "{n}(x) = x*sigmoid(A*x) where A = linear(cin)\nW = linear(c) > {n}\n"
    + TWO + RESIDUAL,
    "tensor": "G({n}) = {n}*sigmoid(A*{n}) where A = linear(cin)\n" + GATE + TWO + RESIDUAL,
    "open argument": "G(x, {n}=2) = x*sigmoid(A*x) + A*x\n"
    "    where A = linear({n}*cin) > relu > linear(cin)\n"
    "W = linear(c) > G > G({n}=1)\n" + TWO + RESIDUAL,
    "fixed argument": "G(x, {n}=2) = {n}*x + sigmoid(A*x) where A = linear(cin)\n"
    "W = linear(c) > G({n}=1)\n" + TWO + RESIDUAL,
    "argument of a flow": "G({n}=6) = linear({n}) > linear(c)\n" + GATE + TWO + RESIDUAL,
    "inner operator": "G(x) = x*sigmoid({n}*x) + B*x where {n} = linear(cin),\n"
    "    B = linear(cin)\n" + GATE + TWO + RESIDUAL,
    "inner tensor": "G(x) = {n}*sigmoid({n}) where {n} = x + A*x, A = linear(cin)\n"
    + GATE + TWO + RESIDUAL,
    "inner scalar": "G(x) = {n}*x + A*x where scalar {n} = 0.5, A = linear(cin)\n"
    + GATE + TWO + RESIDUAL,
}  # fmt: skip


def compiled(place: str, name: str) -> Compiled:
    text = FRAME + PLACES[place].format(n=name)
    if place == "size":
        text = text.replace("head linear(3)\n", "", 1)
    # A network's own statements stand behind its name.
    file = f"{name}.rf" if place == "file" else "net.rf"
    return compile_source(from_text(text, file))[0]


def computed(item: Compiled) -> torch.Tensor:
    """What the network makes of a fixed image with fixed weights, and that it learns."""
    network = item.module().eval()
    for number, parameter in enumerate(network.parameters()):
        generator = torch.Generator().manual_seed(number)
        parameter.data = torch.randn(parameter.shape, generator=generator)
    x = torch.linspace(-1, 1, 8).view(2, 4)
    result: torch.Tensor = network(x)
    network.train()(x).sum().backward()
    return result.detach()


PLAIN = {"network": "Plain", "operator": "Q", "definition": "Q", "inner operator": "Q"}
_CACHE: dict[str, torch.Tensor] = {}


def outcome(place: str, name: str) -> str:
    """An empty text if the network is that of a harmless name, or a code."""
    if place not in _CACHE:
        capital = place in ("network", "operator", "shared operator", "definition",
                            "operator handed on", "inner operator")  # fmt: skip
        _CACHE[place] = computed(compiled(place, "Quux" if capital else "quux"))
    try:
        found = computed(compiled(place, name))
    except CompileError as error:
        return error.diagnostics[0].code
    assert found.equal(_CACHE[place]), f"{name!r} as {place} is another network"
    return ""


def pairs(step: int) -> Iterator[tuple[str, str]]:
    """Places and names: every ``step``-th of all, so that each place and name occurs."""
    everything = [(place, name) for name in NAMES for place in PLACES]
    return iter(everything[::step])


def test_names_of_python_and_torch_are_names() -> None:
    """Some of all; `make test-long` tries them all."""
    for place, name in pairs(89):
        outcome(place, name)


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
def test_every_name_in_every_place(place: str) -> None:
    for name in NAMES:
        outcome(place, name)
