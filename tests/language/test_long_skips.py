"""Networks with long skips and with stages that go up, run and held against the oracle.

The oracle writes ``X_<L-i>`` out for each block, as it does with any unknown; it has no
stack.
"""

from __future__ import annotations

import random

import pytest
import torch

from recform.compiler import CompileError
from recform.recurrence.model import Place
from tests.oracle.compare import agree, compiled

torch.set_num_threads(1)

FLAT = """
input  3 x 6 x 6
stem   conv(3, 4) > bn
stages 4 x {blocks}
W = conv(3, c) > bn > relu
P = conv(1, c)
"""
UP = """
input  3 x 8 x 8
stem   conv(3, 4) > bn
stages 4 x 2, 6 x 2 / 2, 8 x 1 / 2, 6 x 2 / (1/2), 4 x 2 / (1/2)
W = conv(3, c, stride=s) > bn > relu
U = upsample(1/s) > conv(3, c) > bn
"""
SKIP = "X_<L/2+1..L> = W_i*P_i*concat(X_<i-1>, X_<L-i>)"

FORMS = {
    "U-ViT": (FLAT, "X_<1..L/2> = W_i*X_<i-1>\n" + SKIP),
    "a general equation": (FLAT, "X_i = X_<i-1> + W_i*X_<i-1>\n" + SKIP),
    "sums": (
        FLAT,
        "X_i = X_<i-1> + W_i*X_<i-1>\n"
        "X_<L/2+1..L> = X_<i-1> + W_i*X_<i-1> - 0.5*X_<L-i> + P_i*X_<L-i>",
    ),
    "the input, too": (
        FLAT,
        "X_i = W_i*X_<i-1> + X_0\n"
        "X_<L/2+1..L> = W_i*X_<i-1> + X_<L-i> + X_0",
    ),
    "coefficients": (
        FLAT,
        "scalar a_i = 0.5\nX_i = W_i*X_<i-1> + sqrt(i/L)*X_<i-1>\n"
        "X_<L/2+1..L> = W_i*X_<i-1> + a_i*i/L*X_<L-i>",
    ),
    "second order": (
        FLAT,
        "X_i = W_i*X_<i-1> + X_<i-2>\n"
        "X_<L/2+1..L> = W_i*X_<i-1> + X_<i-2> + relu(X_<L-i>)",
    ),
    "two unknowns": (
        FLAT,
        "Y_i = P_i*X_<i-1>\nX_i = X_<i-1> + W_i*Y_i\n"
        "Y_<L/2+1..L> = P_i*(X_<i-1> + Y_<L-i+1>)\n"
        "X_<L/2+1..L> = X_<i-1> + W_i*Y_i + X_<L-i>\noutput X_L",
    ),
    "one unknown twice": (
        FLAT,
        "X_i = X_<i-1> + W_i*X_<i-1>\n"
        "X_<L/2+1..L> = W_i*X_<i-1> + X_<L-i> + P_i*X_<L+1-i>",
    ),
    "what nobody hands on": (
        FLAT,
        "Y_i = W_i*X_<i-1>\nX_i = X_<i-1> + P_i*Y_i\n"
        "X_<L/2+1..L> = X_<i-1> + P_i*Y_i + Y_<L+1-i>\noutput X_L",
    ),
    "the last blocks alone": (
        FLAT,
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_<L..L> = W_i*X_<i-1> + X_<L-i> + X_<L+1-i>",
    ),
    "an equation for one block": (
        FLAT,
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_1 = W_1*X_0\n" + SKIP,
    ),
    "numbers": (
        FLAT,
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_<4..4> = W_i*X_<i-1> + X_<L-i>",
    ),
    "an operator that all share": (
        FLAT,
        "V = conv(3, c)\nX_i = X_<i-1> + V*X_<i-1>\n"
        "X_<L/2+1..L> = X_<i-1> + V*X_<L-i>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("blocks", [4, 6])
def test_forms(name: str, blocks: int) -> None:
    frame, equations = FORMS[name]
    agree(frame.format(blocks=blocks) + equations, modes=(True,))


@pytest.mark.parametrize("blocks", [1, 2, 3, 5, 8, 40])
def test_depths(blocks: int) -> None:
    """Odd ones have a block in the middle, which takes nothing and is not taken."""
    agree(
        FLAT.format(blocks=blocks)
        + "X_<1..ceil(L/2)> = W_i*X_<i-1>\n"
        + "X_<ceil(L/2)+1..L> = W_i*P_i*concat(X_<i-1>, X_<L-i>)",
        modes=(False,),
    )


def test_the_index_of_a_stage() -> None:
    """With `scope stage` each stage has a stack of its own."""
    item = agree(
        FLAT.format(blocks="4, 6 x 4 / 2")
        + "scope stage\nX_<1..L/2> = W_i*X_<i-1>\n"
        + SKIP
    )
    assert [len(flow.stacks) for flow in item.recurrence.flows] == [1, 1]


UPS = {
    "adapters": "X_<1..L-4> = X_<i-1> + W_i*X_<i-1>\n"
    "X_<L-3..L> = X_<i-1> + U_i*X_<i-1> + X_<L+1-i>",
    "concat": "X_<1..L-4> = X_<i-1> + W_i*X_<i-1>\nT = conv(3, c)\n"
    "X_<L-3..L> = T_i*concat(U_i*X_<i-1>, X_<L+1-i>)",
    "no skips": "X_<1..L-4> = X_<i-1> + W_i*X_<i-1>\n"
    "X_<L-3..L> = X_<i-1> + U_i*X_<i-1>",
    "the start": "X_<1..L-4> = X_<i-1> + W_i*X_<i-1>\n"
    "X_<L-3..L> = U_i*X_<i-1> + X_0",
    # A sum with X_0 in it is formed where X_0 need not be brought to a coarse grid.
    "nothing is formed early": "X_<1..L-4> = W_i*X_<i-1>\n"
    "X_<L-3..L> = tanh(X_<i-1>) + X_0 + X_<i-2>",
    "an adapter of the file": "adapter up upsample(1/s, mode=bilinear) > conv(1, c)\n"
    "X_<1..L-4> = X_<i-1> + W_i*X_<i-1>\nX_<L-3..L> = X_<i-1> + U_i*X_<i-1>",
    "a deconvolution": "V = deconv(1/s, c, stride=1/s)\n"
    "X_<1..L-4> = X_<i-1> + W_i*X_<i-1>\nX_<L-3..L> = V_i*X_<i-1> + X_<L+1-i>",
    "a deconvolution of two pixels": "V = deconv(4, c, stride=1/s)\n"
    "X_<1..L-4> = X_<i-1> + W_i*X_<i-1>\nX_<L-3..L-3> = V_i*X_<i-1>\n"
    "X_<L-2..L> = X_<i-1> + U_i*X_<i-1>",
}  # fmt: skip


@pytest.mark.parametrize("name", UPS)
def test_stages_that_go_up(name: str) -> None:
    item = agree(UP + UPS[name], modes=(True,))
    assert item.graph.final.sizes == (4, 8, 8)


def drawn(seed: int) -> str:
    """A network with some skips to a part of its last blocks."""
    chance = random.Random(seed)
    blocks = chance.randint(2, 9)
    shift = chance.randint(0, 2)
    first = min(blocks, (blocks + shift) // 2 + chance.randint(1, 3))
    last = chance.randint(first, blocks)

    def side(skips: list[str]) -> str:
        terms = chance.sample(
            ["W_i*X_<i-1>", "0.5*X_<i-1>", "X_<i-2>", "relu(X_<i-1>)", "P_i*X_<i-2>"],
            chance.randint(1, 3),
        )
        if not any("i-1" in term for term in terms):
            terms.append("X_<i-1>")
        return " + ".join([*terms, *skips])

    skips = chance.sample(
        [
            f"X_<L+{shift}-i>",
            f"W_i*X_<L+{shift}-i>" if chance.random() < 0.5 else "Q_i*X_<L-i>",
            f"tanh(X_<L+{shift}-i>)",
            "0.3*X_<L-i>",
        ],
        chance.randint(1, 2),
    )
    late = side(skips)
    if "W_i*X_<i" in late:
        late = late.replace("W_i*X_<L", "Q_i*X_<L")
    return (
        FLAT.format(blocks=blocks)
        + f"Q = conv(3, c)\nX_i = {side([])}\nX_<{first}..{last}> = {late}"
    )


@pytest.mark.parametrize("part", range(4))
def test_random(part: int) -> None:
    compared = 0
    for seed in range(part * 8, (part + 1) * 8):
        text = drawn(seed)
        try:
            compiled(text)
        except CompileError as error:
            codes = {found.code for found in error.diagnostics}
            assert codes <= {"RF301", "RF302", "RF309"}, text
            continue
        agree(text, modes=(True,))
        compared += 1
    assert compared >= 4


def test_the_code_does_not_grow() -> None:
    """Two steps, however deep the network is."""
    sources = []
    for blocks in (8, 40, 200):
        item = compiled(FLAT.format(blocks=blocks) + FORMS["U-ViT"][1])
        roles = [step.role.place for step in item.recurrence.steps]
        assert roles == [Place.REGULAR, Place.LATE]
        assert len(item.recurrence.state) == 1
        sources.append(item.source.splitlines())
    assert len({len(source) for source in sources}) == 1


def test_what_a_stack_would_hide() -> None:
    """V(X_0, X_0) of the last block is that of the first: computed once, without a stack."""
    item = agree(
        """
input  4
stages 4 x 4
W = linear(c)
V = bilinear(c)
X_i = X_<i-1> + W_i*X_<i-1> + V(X_<i-1>, X_<i-1>)
X_<L/2+1..L> = X_<i-1> + V(X_<L-i>, X_<L-i>) + 0.1*V(X_<L-i>, X_0)
""",
        modes=(False,),
    )
    assert item.recurrence.flows[0].stacks == ()


def test_with_a_list_of_all() -> None:
    item = agree(
        """
input  4
stages 4 x 6
W = linear(c)
scalar a_<i,k> = 0.1
X_i = W_i*X_<i-1>
X_<L/2+1..L> = W_i*X_<i-1> + X_<L-i> + sum(k, 0, i-1, a_<i,k>*X_k)
""",
        modes=(False,),
    )
    assert len(item.recurrence.flows[0].stacks) == 1
