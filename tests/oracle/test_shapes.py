"""Which shapes blocks have, which strides operators and adapters: by the rules alone."""

from __future__ import annotations

import random

import pytest
import torch

from recform.diagnostics import CompileError
from tests.oracle.compare import agree, compiled
from tests.oracle.shapes import Shapes
from tests.thinned import thinned

#: Recurrences that are drawn.
DRAWN = 24


def drawn(seed: int) -> str:
    """A network whose operators bring what comes in to the shape of their stage."""
    chance = random.Random(seed)
    letters = iter("ABCDEFGHJMNP")
    counts = [chance.randint(1, 5) for _ in range(chance.randint(1, 4))]
    blocks = sum(counts)
    stages = ", ".join(
        f"{chance.randint(2, 5)} x {count} / {chance.randint(1, 3)}" for count in counts
    )
    names = chance.choice(["X", "X", "XY"])

    def tensor(block: int | None, name: str) -> str:
        """An unknown of an older block, or a newer unknown of this one."""
        if block is None:
            if name == "Y" and chance.random() < 0.3:
                return "X_i"
            other = chance.choice(names)
            return chance.choice(
                [f"{other}_<i-{chance.randint(1, 3)}>"] * 4 + [f"{other}_0"]
            )
        return f"{chance.choice(names)}_{chance.randint(0, block - 1)}"

    def term(block: int | None, name: str) -> str:
        index = "i" if block is None else str(block)
        x = tensor(block, name)
        kind = chance.randrange(10)
        if kind < 3:
            return f"{next(letters)}_{index}*{x}"
        if kind == 3:
            return f"{next(letters)}_{index}*({x} + 0.5*{tensor(block, name)})"
        if kind == 4:
            return f"max({x}, {tensor(block, name)})"
        if kind == 5:
            return f"relu({x})"
        if kind == 6:
            # One module on two tensors, perhaps of two stages.
            letter = next(letters)
            other = f"{chance.choice(['', '0.5*'])}{tensor(block, name)}"
            return f"{letter}_{index}*{x} + {letter}_{index}*({other})"
        return f"{chance.choice(['', '0.5*', '2*'])}{x}"

    def side(block: int | None, name: str) -> str:
        terms = [term(block, name) for _ in range(chance.randint(1, 3))]
        return " + ".join(terms)

    lines = [f"{name}_i = {side(None, name)}" for name in names]
    if chance.random() < 0.5:
        at = chance.randint(1, blocks)
        lines.append(f"X_{at} = {side(at, 'X')}")
    used = sorted(
        {
            line[n]
            for line in lines
            for n in range(len(line))
            if line[n] in "ABCDEFGHJMNP"
        }
    )
    flows = [f"{letter} = conv(1, c, stride=s)" for letter in used]
    grid = f"{chance.randint(5, 13)} x {chance.randint(5, 13)}"
    output = "output X_L" + (" + Y_L" if names == "XY" else "")
    frame = [f"input {chance.randint(2, 5)} x {grid}", "stem none", "head none"]
    frame += ["adapter conv(1, c, stride=s)", f"stages {stages}"]
    return "\n".join([*frame, *flows, *lines, output])


def drawn_up(seed: int) -> str:
    """A network that goes down and up again, with some long skips."""
    chance = random.Random(seed)
    levels = chance.randint(1, 3)
    strides = [chance.choice([2, 2, 3]) for _ in range(levels)]
    counts = [chance.randint(1, 2) for _ in range(2 * levels + 1)]
    steps = [
        "",
        *(f" / {s}" for s in strides),
        *(f" / (1/{s})" for s in reversed(strides)),
    ]
    stages = ", ".join(
        f"{chance.randint(2, 4)} x {count}{step}"
        for count, step in zip(counts, steps, strict=True)
    )
    first = sum(counts[: levels + 1]) + 1
    down = ["W_i*X_<i-1>", "X_<i-1>", "0.5*X_<i-2>", "X_0", "relu(X_<i-1>)"]
    up = ["U_i*X_<i-1>", "X_<i-1>", "tanh(X_<i-1>)", "X_<i-2>", "0.5*X_<L+1-i>", "X_0"]
    early = chance.sample(down[1:], chance.randint(0, 2))
    late = chance.sample(up[1:], chance.randint(1, 3))
    if chance.random() < 0.7:
        late.append(up[0])
    elif not any("i-1" in term for term in late):
        late.append(up[1])
    factor = 1
    for stride in strides:
        factor *= stride
    grid = f"{factor * chance.randint(2, 3)} x {factor * chance.randint(2, 4)}"
    return (
        f"input {chance.randint(2, 4)} x {grid}\nstem none\nhead none\nstages {stages}\n"
        "adapter conv(1, c, stride=s)\nadapter up upsample(1/s) > conv(1, c)\n"
        "W = conv(1, c, stride=s)\nU = upsample(1/s) > conv(1, c)\n"
        f"X_i = {' + '.join([down[0], *early])}\n"
        f"X_<{first}..L> = {' + '.join(late)}\n"
    )


FRAME = """
input  4 x {grid}
stem   none
head   none
stages {stages}
W = conv(1, c, stride=s)
"""

#: The equations, the stages, the grid, what is returned.
SHAPES = [
    ("X_i = W_i*X_0", "4 x 1, 6 x 3 / 2", "8 x 8", (6, 4, 4)),
    ("X_i = W_i*X_0", "4 x 1, 6 x 1 / 2", "8 x 8", (6, 4, 4)),
    ("X_i = X_0", "4 x 1, 6 x 3 / 2", "8 x 8", (6, 4, 4)),
    ("X_i = X_<i-1>\nX_6 = X_2", "4 x 2, 6 x 4 / 2", "8 x 8", (6, 4, 4)),
    ("X_i = X_<i-1>\nX_4 = X_2", "4 x 2, 6 x 4 / 2", "8 x 8", (6, 4, 4)),
    ("X_i = X_0 + W_i*X_<i-1>", "4 x 1, 5 x 1 / 2, 6 x 2 / 2", "6 x 8", (6, 2, 2)),
    # A grid of one position is the stage's, and no gate.
    ("X_i = X_<i-1> + W_i*X_<i-1>", "4 x 1, 4 x 2 / 2", "2 x 2", (4, 1, 1)),
]


@pytest.mark.parametrize(("equations", "stages", "grid", "made"), SHAPES)
def test_what_is_returned(
    equations: str, stages: str, grid: str, made: tuple[int, ...]
) -> None:
    item = compiled(FRAME.format(grid=grid, stages=stages) + equations)
    images = torch.randn(2, *map(int, item.formula.input.sizes))
    assert item.graph.final.sizes == made
    assert tuple(item.module().eval()(images).shape) == (2, *made)


def test_a_stride_goes_along_the_stages() -> None:
    """6 x 6, 3 x 3, 2 x 2: the smallest stride from first to last would be 3."""
    text = FRAME.format(grid="6 x 6", stages="4 x 1, 5 x 1 / 2, 6 x 1 / 2")
    item = compiled(text + "X_i = W_i*X_<i-1> + X_0")
    (segment,) = item.graph.stages[2].segments
    (bridge,) = segment.block.sites.values()
    assert (bridge.stride, bridge.target.sizes) == (4, (6, 2, 2))
    # So it does in images of other sizes.
    made = item.module().eval()(torch.randn(1, 4, 12, 12))
    assert made.shape == (1, 6, 3, 3)


def test_no_coefficient_makes_a_term_new() -> None:
    """A scalar of this block stands before an older tensor, which is adapted."""
    text = FRAME.format(grid="8 x 8", stages="4 x 2, 6 x 2 / 2")
    item = compiled(text + "scalar k_i = 0.5\nX_i = W_i*(k_i*X_<i-1>)")
    assert item.graph.final.sizes == (6, 4, 4)


def test_an_argument_without_an_adapter() -> None:
    text = FRAME.format(grid="8 x 8", stages="4 x 2, 6 x 2 / 2") + "adapter none\n"
    with pytest.raises(CompileError) as caught:
        compiled(text + "X_i = W_i*X_<i-1> - W_i*X_<i-2>")
    (found,) = caught.value.diagnostics
    assert found.code == "RF407"
    assert "4 x 8 x 8, but W is called on 6 x 4 x 4" in found.message


@pytest.mark.parametrize("part", thinned(range(6), 6))
def test_by_the_rules(part: int) -> None:
    compared = 0
    for seed in range(part * DRAWN, (part + 1) * DRAWN):
        text = drawn(seed)
        try:
            item = compiled(text)
        except CompileError as error:
            codes = {found.code for found in error.diagnostics}
            assert not codes & {"RF401", "RF407"}, text
            continue
        compared += 1
        channels, high, wide = map(int, item.formula.input.sizes)
        rules = Shapes(item, (channels, high, wide))
        made = rules.output()
        assert made == tuple(map(int, item.graph.final.sizes)), text
        assert rules.compiled_bridges() == rules.bridges, text
        assert rules.compiled_strides() == rules.strides, text
        # Strides along the stages lead to the same grids in images of any size.
        net = item.module().eval()
        for sizes in ((high, wide), (high + 3, wide + 1), (2 * high, 3 * wide)):
            other = Shapes(item, (channels, *sizes))
            made = other.output()
            if other.adapted() == rules.adapted():
                with torch.no_grad():
                    y = net(torch.randn(1, channels, *sizes))
                assert tuple(y.shape[1:]) == made, text
    assert compared > DRAWN // 3


def test_stages_that_go_up() -> None:
    compared = 0
    for seed in range(DRAWN):
        text = drawn_up(seed)
        try:
            item = compiled(text)
        except CompileError as error:
            codes = {found.code for found in error.diagnostics}
            assert codes <= {"RF301", "RF309"}, text
            continue
        compared += 1
        channels, high, wide = map(int, item.formula.input.sizes)
        rules = Shapes(item, (channels, high, wide))
        assert rules.output() == tuple(map(int, item.graph.final.sizes)), text
        assert rules.compiled_bridges() == rules.bridges, text
        assert rules.compiled_strides() == rules.strides, text
        net = item.module().eval()
        with torch.no_grad():
            y = net(torch.randn(1, channels, 2 * high, 3 * wide))
        assert (
            tuple(y.shape[1:]) == Shapes(item, (channels, 2 * high, 3 * wide)).output()
        )
    assert compared > DRAWN // 2


def test_what_starts_in_an_older_stage() -> None:
    """X_1 to X_4 are of one shape with their histories, X_5 and X_6 with theirs."""
    item = agree(
        """
input   4 x 6 x 6
stem    none
head    none
stages  4 x 1, 4 x 3, 6 x 2 / 2
adapter zeropad(c, stride=s)
V = conv(1, c, stride=s, bias=true) > tanh
X_i = 0.7*X_0 - sqrt(i)*Y_<i-2>
Y_i = Y_<i-1> - V_i*X_<i-1>
Y_0 = 0
output X_L + Y_L
"""
    )
    assert item.graph.final.sizes == (6, 3, 3)
