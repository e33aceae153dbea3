"""Blocks that are alike run on sizes once; others run each."""

from __future__ import annotations

import pytest

import recform
from recform.meta import functional as F
from recform.meta import sizes_of
from tests.oracle.search import few

FILE = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.fc = nn.Linear(features, features)
        PUT

    def forward(self, x):
        return TAKE


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(8) for _ in range(5)])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x
"""


@pytest.mark.parametrize("depth", [2, 17, few(1_000)])
def test_a_block_runs_once(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    plain = F.functional.linear
    monkeypatch.setattr(F, "linear", lambda *given: runs.append(0) or plain(*given))
    text = f"input 8\nstages 8 x {depth}\nW = linear(8)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    _ = recform.compile(text).source
    # The stem, one block, and the head.
    assert len(runs) == 3


@pytest.mark.parametrize(
    ("put", "take", "size"),
    [
        ("", "self.fc(x)", 8),
        # What a module keeps of its passes makes each another one.
        (
            "self.seen = []",
            "self.seen.append(x) or self.fc(x)[:, : len(self.seen) + 7]",
            8,
        ),
        ("self.seen = 9", "self.grown(x)", 9),
        ("self.names = {}", "x.repeat(1, 2) if self.names else self.fc(x)", 8),
    ],
)
def test_what_changes_is_none_of_them(put: str, take: str, size: int) -> None:
    grown = """
    def grown(self, x):
        self.seen += 1
        return x if self.seen > 10 else torch.zeros(x.shape[0], 9)
"""
    text = FILE.replace("PUT", put).replace("TAKE", take)
    text = text.replace("\n\nclass Net", f"{grown}\n\nclass Net")
    assert sizes_of(text, "Net", [(8,)]) == (size,)
