"""Pixels: images whose channels are last, in flows and as what the blocks hand on."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import recform
from recform.diagnostics import CompileError
from tests.oracle.compare import agree

FRAME = """
input  3 x 6 x 8
stem   conv(3, 4) > pixels
head   avgpool > linear(5)
"""
BLOCKS = "stages 4 x 2\nW = ln > map(2*c) > gelu > map(c)\n"


@pytest.mark.parametrize(
    "text",
    [
        "X_i = X_<i-1> + W_i*X_<i-1>",
        # A number a channel, and parts of the channels.
        "scalar g_i = 0.5 per channel\nX_i = X_<i-1> + g_i*W_i*X_<i-1>",
        "U = map(c)\nA_0, B_0 = split(input, 2)\nA_i = A_<i-1> + U_i*B_<i-1>\n"
        "B_i = B_<i-1> + W_i*A_i\noutput concat(A_L, B_L)",
        # A number a feature is spread over all positions, and a number a position.
        "G = avgpool > linear(c) > sigmoid\nX_i = X_<i-1> + (G_i*X_<i-1>)*(W_i*X_<i-1>)",
        "G = globalpool > map(c) > sigmoid\nX_i = X_<i-1> + (G_i*X_<i-1>)*(W_i*X_<i-1>)",
        "G = map(1) > sigmoid\nX_i = X_<i-1> + (G_i*X_<i-1>)*(W_i*X_<i-1>)",
        "SE(x) = x*sigmoid(G*x) where G = globalpool > map(cin)\n"
        "V = SE > map(c)\nX_i = X_<i-1> + V_i*W_i*X_<i-1>",
        "X_i = max(X_<i-1>, W_i*X_<i-1>) + relu(X_<i-1>)*2",
    ],
)
def test_blocks_of_pixels_compute_what_those_of_images_do(text: str) -> None:
    stages = BLOCKS.replace("4 x 2", "2 x 2") if "split" in text else BLOCKS
    whole = f"{FRAME}{stages}{text}\n"
    pixels = recform.compile(re.sub(r"map\((.*?)\)", r"linear(\1)", whole)).module()
    whole = whole.replace("conv(3, 4) > pixels", "conv(3, 4)")
    image = recform.compile(
        re.sub(r"map\((.*?)\)", r"conv(1, \1, bias=true)", whole)
    ).module()
    for mine, theirs in zip(pixels.parameters(), image.parameters(), strict=True):
        theirs.data = mine.data.reshape(theirs.shape)
    x = torch.randn(2, 3, 6, 8)
    torch.testing.assert_close(pixels(x), image(x))


def test_stages_of_pixels_with_strides_and_adapters() -> None:
    half = "image > avgpool(s, ceil=true) > pixels"
    agree(
        f"{FRAME}stages 4 x 2, 6 x 2 / 2\nadapter {half} > linear(c)\n"
        f"W = {half} > ln > linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    )


def test_linear_is_a_convolution_of_one_position() -> None:
    text = (
        "input 4 x 5 x 6\nstem none\nhead none\nstages 4 x 1\nW = {}\nX_i = W_i*X_<i-1>"
    )
    rows = recform.compile(text.format("pixels > linear(c) > image")).module()
    image = recform.compile(text.format("conv(1, c, bias=true)")).module()
    row, conv = (
        next(m for m in net.modules() if isinstance(m, kind))
        for net, kind in ((rows, nn.Linear), (image, nn.Conv2d))
    )
    conv.weight.data = row.weight.data[:, :, None, None]
    conv.bias.data = row.bias.data
    x = torch.randn(2, 4, 5, 6)
    torch.testing.assert_close(rows(x), image(x))


@pytest.mark.parametrize(
    ("flow", "code", "words", "hint"),
    [
        ("pixels > conv(3, c)", "RF405", "gets pixels", "image > conv(3, c)"),
        (
            "conv(3, c) > linear(c)",
            "RF405",
            "gets an image",
            "pixels > linear(c) > image",
        ),
        (
            "pixels > attention(2) > image",
            "RF405",
            "gets pixels",
            "tokens > attention(2)",
        ),
        ("pixels > image(3)", "RF203", "pixels know theirs", "image alone"),
        ("tokens > image", "RF203", "lacks its height", "image(6)"),
        ("pixels > bn > image", "RF405", "gets pixels", "image > bn"),
    ],
)
def test_what_takes_no_pixels(flow: str, code: str, words: str, hint: str) -> None:
    text = f"input 4 x 6 x 8\nstages 4 x 1\nW = {flow}\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    with pytest.raises(CompileError) as caught:
        recform.compile(text)
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert words in found.message
    assert hint in found.hint
