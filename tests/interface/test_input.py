"""`--set input=1x8x8` stands for the file's `input` line, wherever settings go."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import recform
from recform.diagnostics import CompileError

NET = """network Net
param  size = 16
input  3 x size x size
stages 8 x 2, 12 x 1 / 2
W = conv(3, c, stride=s)
X_i = X_<i-1> + W_i*X_<i-1>
"""
CHANGED = NET.replace("3 x size x size", "1 x 8 x 10")


@pytest.mark.parametrize("given", [(1, 8, 10), [1, 8, 10], "1x8x10", " 1 x 8 x 10 "])
def test_the_network_is_that_of_a_file_with_this_line(given: object) -> None:
    one, other = recform.compile(NET, input=given), recform.compile(CHANGED)
    body = [item.source.partition('"""\n')[2] for item in (one, other)]
    assert body[0] == body[1]
    assert one.module()(torch.zeros(2, 1, 8, 10)).shape == (2, 10)
    assert "--set input=1x8x10" in one.source


def test_weights_know_the_input(tmp_path: Path) -> None:
    made = recform.compile(NET, input=(1, 8, 8))
    module, again = made.module(), made.module()
    file = tmp_path / "net.safetensors"
    recform.save_weights(module, made, file)
    recform.load_weights(again, made, file)
    taken = recform.transplant(file, NET, input=(1, 8, 8))
    assert len(taken.tensors) == len(module.state_dict())
    with pytest.raises(CompileError, match="RF702"):
        recform.load_weights(recform.load(NET), NET, file)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("wide", "RF504"),
        ((1, 2, 3, 4), "RF504"),
        ((1, -8, 8), "RF504"),
        ("__import__('os')", "RF504"),
        (True, "RF504"),
        ((1, 0, 8), "RF403"),
        ((1, 10**8, 8), "RF106"),
        (64, "RF405"),
        ("16x24", "RF405"),
    ],
)
def test_no_input(given: object, code: str) -> None:
    with pytest.raises(CompileError, match=code):
        recform.compile(NET, input=given)


def test_a_parameter_called_input() -> None:
    with pytest.raises(CompileError, match="RF209"):
        recform.compile("param input = 3\nX_i = W_i*X_<i-1>", input="3x8x8")


def test_classes_of_the_default_head_are_used() -> None:
    made = recform.compile("param classes = 7\nX_i = W_i*X_<i-1>", classes=5)
    assert not made.warnings
    assert made.module()(torch.zeros(1, 3, 32, 32)).shape == (1, 5)
