"""Networks that the tests of weights share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from recform.blocks.examples import random_examples
from recform.compiler import Compiled, choose, compile_source, from_text
from recform.diagnostics import CompileError
from tests.compiled import networks

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"

#: A small network of several kinds of parts.
SMALL = """
param classes = 10
input 3 x 8 x 8
stages 4 x 2, 8 x 2 / 2
scalar k_i = 0.5
SE(x) = x*sigmoid(G*x)  where G = avgpool > linear(cin/2) > relu > linear(cin)
stem conv(3, 4) > bn > relu
head avgpool > linear(classes)
W = conv(3, c, stride=s) > bn > relu > conv(3, c) > bn > SE
X_i = relu(X_<i-1> + k_i*W_i*X_<i-1>)
"""


def example(name: str, network: str | None = None, **settings: Any) -> Compiled:
    """A network of a file in `examples`; the first one if none is named."""
    compiled = networks(f"{name}.rf", **settings)
    return compiled[0] if network is None else choose(compiled, network)


@cache
def small(*changes: tuple[str, str], **settings: Any) -> Compiled:
    """The small network with some words changed."""
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return choose(compile_source(from_text(text, "small.rf"), settings), None)


def scattered(compiled: Compiled, seed: int = 0, **arguments: Any) -> nn.Module:
    """A module whose every tensor has numbers of its own, statistics too."""
    torch.manual_seed(seed)
    module = compiled.module(**arguments).eval()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) * 0.2 + 0.1)
            else:
                tensor.copy_(torch.randint_like(tensor, 1, 1000))
    return module


def images(compiled: Compiled, count: int = 2) -> torch.Tensor:
    """What a network takes."""
    torch.manual_seed(7)
    return random_examples(compiled.formula.input, count)


def codes(error: CompileError) -> list[str]:
    return [item.code for item in error.diagnostics]
