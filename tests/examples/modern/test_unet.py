"""The U-Net of examples/modern against a loop written from the paper's Fig. 1."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import recform

FILE = Path(__file__).parents[3] / "examples" / "modern" / "unet.rf"
torch.set_num_threads(1)


class Loop(nn.Module):
    """Down, keeping what there is; up, putting it beside what comes from below."""

    def __init__(self, channels: int, widths: list[int], classes: int) -> None:
        super().__init__()
        self.down, self.ups, self.merged = (
            nn.ModuleList(),
            nn.ModuleList(),
            nn.ModuleList(),
        )
        for width in widths:
            self.down.append(double(channels, width))
            channels = width
        for width in reversed(widths[:-1]):
            self.ups.append(nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            self.merged.append(double(2 * width, width))
        self.last = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for number, convolutions in enumerate(self.down):
            x = twice(convolutions, F.max_pool2d(x, 2) if number else x)
            kept.append(x)
        kept.pop()
        for up, convolutions in zip(self.ups, self.merged, strict=True):
            x = twice(convolutions, torch.cat([kept.pop(), up(x)], 1))
        return self.last(x)


def double(channels: int, width: int) -> nn.Module:
    first = nn.Conv2d(channels, width, 3, padding=1)
    return nn.ModuleList([first, nn.Conv2d(width, width, 3, padding=1)])


def twice(convolutions: nn.Module, x: Tensor) -> Tensor:
    first, second = convolutions.children()
    return F.relu(second(F.relu(first(x))))


def theirs(key: str, levels: int) -> str:
    """What the loop calls a parameter of the generated network."""
    if key.startswith("head."):
        return key.replace("head.conv", "last")
    found = re.fullmatch(r"stage(\d+)\.0\.([CDU])\.(?:conv(\d)|deconv)\.(\w+)", key)
    assert found, key
    block, letter, number, kind = found.groups()
    behind = int(block) - 1 - levels
    if letter == "U":
        return f"ups.{behind}.{kind}"
    where = f"down.{int(block) - 1}" if behind < 0 else f"merged.{behind}"
    return f"{where}.{int(number) - 1}.{kind}"


@pytest.mark.parametrize(
    ("levels", "size"), [(2, (6, 10)), (3, (12, 8)), (5, (16, 32))]
)
def test_it_is_the_loop(levels: int, size: tuple[int, int]) -> None:
    widths = [4 * 2**n for n in range(levels)]
    down = [f"{w} x 1" + " / 2" * bool(n) for n, w in enumerate(widths)]
    up = [f"{w} x 1 / (1/2)" for w in reversed(widths[:-1])]
    text = re.sub(
        r"stages (.*\n) .*\n", f"stages {', '.join([*down, *up])}\n", FILE.read_text()
    )
    text = re.sub("input .*", f"input 2 x {size[0]} x {size[1]}", text)
    torch.manual_seed(0)
    ours = recform.compile(text).module(classes=3).double()
    loop = Loop(2, widths, 3).double()
    keys = {key: theirs(key, levels) for key, _ in ours.named_parameters()}
    assert sorted(keys.values()) == sorted(key for key, _ in loop.named_parameters())
    loop.load_state_dict({keys[key]: value for key, value in ours.state_dict().items()})
    x = torch.randn(2, 2, *size, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    made, expected = ours(x), loop(y)
    torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(made)
    (made * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-11, atol=1e-12)
    gradients = dict(loop.named_parameters())
    for key, parameter in ours.named_parameters():
        torch.testing.assert_close(
            parameter.grad, gradients[keys[key]].grad, rtol=1e-10, atol=1e-11
        )


def test_the_file_is_the_paper_s() -> None:
    """Five levels of 64 to 1024 channels, 31 million numbers."""
    item = recform.compile(FILE)
    loop = Loop(1, [64, 128, 256, 512, 1024], 2)
    count = sum(parameter.numel() for parameter in loop.parameters())
    assert item.graph.totals.parameters == count == 31_030_658
    assert item.graph.output.sizes == (2, 128, 128)
