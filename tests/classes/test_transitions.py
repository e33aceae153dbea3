"""Transitions down and up, against networks written by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import recform
from recform.compiler import compile_source, from_text

FRAME = """
scope  stage
input  3 x 8 x 8
stages 4 x 2, 6 x 1 / 2, 5 x 1 / (1/2), 4 x 2 / (1/2)
stem   conv(3, c)
head   avgpool > linear(2)
W = conv(3, c) > relu
X_i = X_<i-1> + W_i*X_<i-1>
"""
BOTH = "transition conv(3, c, stride=s)\ntransition up deconv(2, c, stride=1/s, padding=0)\n"


class ByHand(nn.Module):
    """The network of FRAME; its parameters come in the order of the formula's."""

    def __init__(self, up: list[nn.Module], down: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        widths = [[4, 4], [6], [5], [4, 4]]
        between = [None, down, *up]
        self.rows = nn.ModuleList()
        for first, stage in zip(between, widths, strict=True):
            blocks = [nn.Conv2d(w, w, 3, padding=1, bias=False) for w in stage]
            self.rows.append(nn.ModuleList([first or nn.Identity(), *blocks]))
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for transition, *blocks in self.rows:
            x = transition(x)
            for block in blocks:
                x = x + F.relu(block(x))
        return self.fc(x.mean((2, 3)))


def agree(text: str, judge: ByHand) -> None:
    torch.manual_seed(0)
    made, judge = recform.load(text).double(), judge.double()
    theirs, ours = list(judge.parameters()), list(made.parameters())
    assert [p.shape for p in ours] == [p.shape for p in theirs]
    with torch.no_grad():
        for a, b in zip(theirs, ours, strict=True):
            a.copy_(b)
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    results = [net(x) for net in (made, judge)]
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)
    for result in results:
        result.square().sum().backward()
    for a, b in zip(theirs, ours, strict=True):
        torch.testing.assert_close(b.grad, a.grad, rtol=1e-10, atol=1e-12)


def down() -> nn.Module:
    return nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False)


def test_a_transition_each_way() -> None:
    up = [
        nn.ConvTranspose2d(a, b, 2, stride=2, bias=False) for a, b in ((6, 5), (5, 4))
    ]
    agree(FRAME + BOTH, ByHand(up, down()))


def test_the_default_leads_up_as_well() -> None:
    up = [
        nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(a, b, 1, bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU(),
        )
        for a, b in ((6, 5), (5, 4))
    ]
    before = nn.Sequential(
        nn.Conv2d(4, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU()
    )
    agree(FRAME, ByHand(up, before))


def test_one_transition_for_both_ways() -> None:
    """A file's own transition leads up, too, if it says no other."""
    text = FRAME.replace("/ 2, 5", ", 5") + "transition upsample(1/s) > conv(1, c)\n"
    up = [
        nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 1, bias=False))
        for a, b in ((6, 5), (5, 4))
    ]
    agree(text, ByHand(up, nn.Conv2d(4, 6, 1, bias=False)))
    (formula,) = (item.formula for item in compile_source(from_text(text)))
    assert formula.lift == formula.transition


def test_names_and_interfaces() -> None:
    names = 'names transition = "way{}", stages = "part{}"\n'
    keys = recform.load(FRAME + BOTH + names).state_dict()
    assert [k for k in keys if k.startswith("way")] == [
        "way1.conv.weight",
        "way2.deconv.weight",
        "way3.deconv.weight",
    ]
    # A row of modules, whose transitions are classes of two kinds.
    names = 'names stages = "features", transition = "features"\n'
    row = recform.load(FRAME + BOTH + names).state_dict()
    assert [tuple(v.shape) for v in row.values()] == [
        tuple(v.shape) for v in keys.values()
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            FRAME.replace("(1/2)", "2") + BOTH,
            "nobody uses the transition to a finer grid, which no stage has",
        ),
        (
            FRAME.replace("scope  stage", "").replace(
                ", 5 x 1 / (1/2), 4 x 2 / (1/2)", ""
            )
            + BOTH.splitlines()[1],
            "nobody uses the transition up, for the index runs on",
        ),
    ],
)
def test_a_transition_that_nobody_uses(text: str, what: str) -> None:
    (made,) = compile_source(from_text(text))
    assert what in [warning.message for warning in made.warnings]
