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


#: What x-transformers calls the modules of a block: of its attention, of its feed-forward.
MODULES = {
    "A.ln": "0.0.0",
    "A.attention": "0.1",
    "A.attention.out_proj": "0.1.to_out",
    "M.ln": "1.0.0",
    "M.fc1": "1.1.ff.0.0",
    "M.fc2": "1.1.ff.2",
}


def judged(key: str, theirs: dict[str, Tensor]) -> Tensor | None:
    """What x-transformers has for a parameter, None for a bias that it has not."""
    if key.startswith("head."):
        return theirs["final_norm.gamma"] if key.endswith("weight") else None
    _, block, rest = key.split(".", 2)
    path, _, kind = rest.rpartition(".")
    layer = 2 * int(block)
    if path == "P.fc":
        name = f"skip_combines.{layer}.combine.{kind}"
    elif kind == "in_proj_weight":
        where = f"layers.{layer}.1.to_"
        return torch.cat([theirs[f"{where}{part}.weight"] for part in "qkv"])
    else:
        number, _, inner = MODULES[path].partition(".")
        kind = "gamma" if path.endswith("ln") and kind == "weight" else kind
        name = f"layers.{layer + int(number)}.{inner}.{kind}"
    return theirs.get(name)


@pytest.mark.parametrize("depth", [2, 4, 5, 9])
def test_it_is_that_of_x_transformers(depth: int) -> None:
    """Their `unet_skips`: X_<L-i> in front of X_<i-1>, of even and odd depths.

    They weigh in float32, so results agree to six digits.
    """
    package = pytest.importorskip("x_transformers")
    judge = package.Encoder(
        dim=WIDTH,
        depth=depth,
        heads=HEADS,
        attn_dim_head=WIDTH // HEADS,
        unet_skips=True,
    ).double()
    text = re.sub("input .*", f"input 6 x {WIDTH}", FILE.read_text())
    text = re.sub("stages .*", f"stages {WIDTH} x depth", text)
    text = re.sub("stem .*", "stem none", re.sub("head .*", "head ln", text))
    text = text.replace("attention(heads)", "attention(heads, bias=false)")
    text = text.replace("Z_<(L+3)/2..L>", "Z_<ceil(L/2)+1..L>")
    text = text.replace("X_<i-1>, X_<L+1-i>", "X_<L-i>, X_<i-1>")
    torch.manual_seed(0)
    ours = recform.compile(text, depth=depth, heads=HEADS).module().double()
    for parameter in judge.parameters():
        nn.init.normal_(parameter, std=0.3)
    theirs = dict(judge.named_parameters())
    with torch.no_grad():
        for key, parameter in ours.named_parameters():
            found = judged(key, theirs)
            # Their norms add 1 to what they multiply by.
            one = key.endswith("ln.weight")
            parameter.copy_(torch.zeros(()) if found is None else found + one)
    x = torch.randn(2, 6, WIDTH, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    made, expected = ours(x), judge(y)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)
    weights = torch.randn_like(made)
    (made * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-4)
    slopes = {key: parameter.grad for key, parameter in theirs.items()}
    for key, parameter in ours.named_parameters():
        if (slope := judged(key, slopes)) is not None:
            torch.testing.assert_close(parameter.grad, slope, rtol=1e-4, atol=1e-4)
