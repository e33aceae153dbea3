"""The U-ViT of examples/modern against a loop written from the paper, with torch's layers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import recform

FILE = Path(__file__).parents[3] / "examples" / "modern" / "uvit.rf"
torch.set_num_threads(1)
WIDTH, HEADS = 8, 2


class Block(nn.Module):
    def __init__(self, skip: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.skip = nn.Linear(2 * WIDTH, WIDTH) if skip else None

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        if self.skip is not None:
            assert skip is not None
            x = self.skip(torch.cat([x, skip], dim=-1))
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Loop(nn.Module):
    """In-blocks, one in the middle, out-blocks: as the authors' code has them."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(n > depth // 2) for n in range(depth))
        self.depth = depth

    def forward(self, x: Tensor) -> Tensor:
        skips, half = [], self.depth // 2
        for block in self.blocks[:half]:
            x = block(x)
            skips.append(x)
        x = self.blocks[half](x)
        for block in self.blocks[half + 1 :]:
            x = block(x, skips.pop())
        return x


KEYS = {
    r"A\.ln\.": "norm1.",
    r"M\.ln\.": "norm2.",
    r"A\.attention\.": "attention.",
    r"M\.fc(\d)\.": r"fc\1.",
    r"P\.fc\.": "skip.",
}


def theirs(key: str) -> str:
    """What the loop calls a parameter of the generated network."""
    for ours, name in KEYS.items():
        key = re.sub(ours, name, key)
    return key


@pytest.mark.parametrize("depth", [1, 3, 5, 13])
def test_it_is_the_loop(depth: int) -> None:
    text = re.sub("input .*", f"input 6 x {WIDTH}", FILE.read_text())
    text = re.sub("stages .*", f"stages {WIDTH} x depth", text)
    text = re.sub("(stem|head) .*", r"\1 none", text)
    torch.manual_seed(0)
    settings = {"depth": depth, "heads": HEADS}
    ours = recform.compile(text, **settings).module().double()
    loop = Loop(depth).double()
    keys = {key: theirs(key) for key, _ in ours.named_parameters()}
    for parameter in ours.parameters():
        nn.init.normal_(parameter, std=0.5)
    loop.load_state_dict({keys[key]: value for key, value in ours.state_dict().items()})
    x = torch.randn(2, 6, WIDTH, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    made, expected = ours(x), loop(y)
    torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(made)
    (made * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-9, atol=1e-10)
    gradients = dict(loop.named_parameters())
    for key, parameter in ours.named_parameters():
        torch.testing.assert_close(
            parameter.grad, gradients[keys[key]].grad, rtol=1e-9, atol=1e-10
        )


def test_the_code_is_as_long_for_every_depth() -> None:
    sources = [recform.compile(FILE, depth=depth).source for depth in (9, 13, 101)]
    assert len({len(source.splitlines()) for source in sources}) == 1
