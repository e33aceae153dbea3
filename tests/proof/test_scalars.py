"""Numbers in front of tensors are proved, whatever stands for learned scalars in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import recform
from recform.compiler import compile_source, from_text
from recform.diagnostics.refuted import Refuted
from recform.proof.network import proof_of
from tests.diagnostics.mistakes import mistakes

VECTORS = "input 4\nstem none\nhead none\nW = linear(c)\nvector v_i = 0.8\n"
#: Networks whose first block has a scalar that only the second one takes.
BEHIND = {
    "vectors": (VECTORS, (4,)),
    "tokens": (VECTORS.replace("input 4", "input 5 x 4"), (4,)),
    "images": (
        VECTORS.replace("input 4", "input 4 x 3 x 3").replace(
            "linear(c)", "conv(1, c)"
        ),
        (4, 1, 1),
    ),
}


@pytest.mark.parametrize(
    "number",
    ["max(1/(a_i - d_i), 2)", "max(log(a_i - d_i), 2)", "min(sqrt(a_i - 2), 2)"],
)
def test_functions_that_have_no_value_at_one(number: str) -> None:
    """All scalars were tried as 1, where these are no numbers: a traceback."""
    text = f"scalar a_i = 3\nscalar d_i = 2\nX_i = W_i*X_<i-1> + {number}*d_i*X_<i-1>"
    assert compile_source(from_text(text))[0].formula.scalars.keys() == {"a", "d"}


@pytest.mark.parametrize("kind", BEHIND)
def test_numbers_of_channels_that_a_later_block_takes(kind: str) -> None:
    """Those of block 1 were one number for all channels."""
    frame, shape = BEHIND[kind]
    text = f"{frame}stages 4 x 5\nX_i = W_i*X_<i-1> - v_<i-1>*X_<i-2>"
    net = recform.load(text).double()
    owned = [block.v for block in net.blocks if hasattr(block, "v")]
    assert [tuple(v.shape) for v in owned] == [shape] * 4
    with torch.no_grad():
        for v in owned:
            v.copy_(torch.randn_like(v))
    size = tuple(recform.compile(text).formula.input.sizes)
    given = torch.randn(2, *size, dtype=torch.float64)
    older, x = given, net.blocks[0].W(given)
    for block, v in zip(net.blocks[1:], owned, strict=True):
        older, x = x, block.W(x) - v * older
    torch.testing.assert_close(net(given), x)


def test_numbers_of_channels_for_another_stage() -> None:
    """The network was proved, and torch refused to run it."""
    (found,) = mistakes(
        f"{VECTORS}stages 4 x 2, 6 x 2\nX_i = W_i*X_<i-1> - v_<i-1>*X_<i-2>"
    )
    assert found.code == "RF406"
    assert "numbers for 4 features in its own block" in found.message
    assert "a later one scales 6 features by it" in found.message


def test_numbers_of_channels_for_what_no_block_makes() -> None:
    """It spoke of two places, and of channels that nothing is scaled by."""
    (found,) = mistakes(
        f"{BEHIND['images'][0]}input e = 4\nstages 4 x 3\nX_i = X_<i-1> + W_i*X_0*(v_<i-1>*e)"
    )
    assert found.code == "RF406"
    assert "numbers for 4 channels of an image in its own block" in found.message
    assert "a later one scales 4 features by it" in found.message


@pytest.mark.parametrize("blocks", [1, 5])
def test_other_numbers_are_found(blocks: int) -> None:
    text = f"{VECTORS}stages 4 x {blocks}\nX_i = W_i*X_<i-1> + v_i*X_<i-1>"
    graph = compile_source(from_text(text))[0].graph
    (stage,) = graph.stages
    (segment, *others) = stage.segments
    block = replace(segment.block, scalars={})
    segments = (replace(segment, block=block), *others)
    with pytest.raises(Refuted, match=r"v is made for \(1,\), and meets \(4,\)"):
        proof_of(replace(graph, stages=(replace(stage, segments=segments),)))


@pytest.mark.parametrize("second", ["0", "3"])
@pytest.mark.parametrize(
    "right", ["concat(Z_i, Y_i)*(n*X_<i-1>)", "n*concat(Z_i, Y_i)*(n*X_<i-1>)"]
)
def test_a_number_that_is_0_in_one_block(right: str, second: str) -> None:
    """In a product it was another 0 for the formula than for the code."""
    frame = "input 4\nstem none\nhead none\nB = linear(c)\nY_i, Z_i = split(B_i*X_<i-1>, 2)\n"
    text = f"{frame}stages 4 x 3\nconst n = (0, {second}, 1) per block\n"
    net = recform.load(f"{text}X_i = X_<i-1> + {right}\noutput X_L").double()
    x = given = torch.randn(2, 4, dtype=torch.float64)
    for block, n in zip(net.blocks, (0, int(second), 1), strict=True):
        y, z = block.B(x).chunk(2, dim=1)
        joined = torch.cat((z, y), dim=1)
        x = x + n * joined * x * (n if right.startswith("n") else 1)
    torch.testing.assert_close(net(given), x)
