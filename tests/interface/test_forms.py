"""Stems, systems and names of other forms: levels, what is pruned, gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from timm.models import group_parameters

import recform
from recform.diagnostics import CompileError
from tests.thinned import thinned

EQUATION = "X_i = X_<i-1> + W_i*X_<i-1>\n"
BODY = f"input 3 x 16 x 16\nstages 8 x 1, 12 x 2 / 2\n{EQUATION}"
STAGED = (
    "input 3 x 16 x 16\nscope stage\nstages 8 x 2, 12 x 3 / 2\n"
    f"transition conv(2, c, stride=s, padding=0)\n{EQUATION}"
)

#: Files, the modules at their levels, and by how much these are coarser.
FORMS = {
    f"stem none\ninput 8 x 16 x 16\nstages 8 x 2, 12 x 1 / 2\n{EQUATION}": (
        "stage1 1, stage2 2"
    ),
    f"stem pixelunshuffle(2)\ninput 2 x 16 x 16\nstages 8 x 2\n{EQUATION}": "blocks 2",
    f"stem (conv(3, c) > bn > relu > maxpool(2))\n{BODY}": "stem 2, stage1 2, stage2 4",
    f"stem conv(3, c) > relu > maxpool(2) > relu\n{BODY}": "stem 1, stage1 2, stage2 4",
    f'names stem = "."\nstem a: conv(3, c) > b: bn\n{BODY}': "b 1, stage1 1, stage2 2",
    "scope stage\nstages 8 x 2, 12 x 2 / 2\nX_i = relu(W_i*X_<i-1> + V_i*X_0)\n": (
        "stem 1, level1 1, level2 2"
    ),
    f'names stages = "features"\nstem pixelunshuffle(2)\ninput 2 x 16 x 16\n'
    f"stages 8 x 1, 12 x 2 / 2\n{EQUATION}": "features.0 2, features.2 4",
    f'names stem = ".", stages = "s{{}}"\nstem conv(3, c) > relu\n{BODY}': (
        "level0 1, s1 1, s2 2"
    ),
    "times 3\nstages 8 x 2, 12 x 2 / 2\nX_<i,t> = relu(W_i*X_<i-1,t> + U_i*X_<i,t-1>)\n"
    "output mean(X_<L,1..T>)\n": "stem 1, level1 1, level2 2",
    # What a stage has besides its blocks goes with it.
    f"U = conv(1, cin)\n{STAGED.replace('W_i*', '(W_i + U)*')}": (
        "stem 1, level1 1, level2 2"
    ),
    f"{STAGED}\nX_1 = X_0 + W_0*X_0\n": "stem 1, stage1 1, stage2 2",
    "stages 8 x 4\nX_i = W_i*concat(X_<0..i-1>)\noutput concat(X_<0..L>)\n": (
        "stem 1, blocks 1"
    ),
    # Nobody behind stage 1 has the numbers that the output has of the last block.
    f"{BODY}output v_L*X_L\nvector v_i = 0.5\n": "stem 1, level1 1, level2 2",
    # The last block hands on what the head gets.
    f"{BODY}output a_L*X_L + X_<L-1>\nscalar a_i = 0.5\n": "stem 1, stage1 1, stage2 2",
    f"W = conv(3, c, stride=s) > bn > droppath(0.2*i/L)\n{BODY}": (
        "stem 1, stage1 1, stage2 2"
    ),
    f'names stages = "features", head = "."\n{BODY}': "stem 1, features.0 1, features.2 2",
    f'names stages = "body.stage{{}}", W = "."\n{BODY}': (
        "stem 1, body.stage1 1, body.stage2 2"
    ),
    f'names stages = ".", step = "blk{{0}}"\n{BODY}': "stem 1, blk0 1, blk2 2",
    f'names stages = "a{{}}x"\n{BODY}': "stem 1, a1x 1, a2x 2",
    f'names stem = "f.0", stages = ("f.1", "f.3"), transition = "f.2"\n{STAGED}': (
        "f.0 1, f.1 1, f.3 2"
    ),
    f'names stages = "f", transition = "t.{{0}}"\n{STAGED}': "stem 1, f.1 1, f.4 2",
    f'names stem = "d.0", stages = "s.{{0}}", transition = "d.{{}}"\n{STAGED}': (
        "d.0 1, s.0 1, s.1 2"
    ),
    f'names stages = ("s2", "s1")\n{BODY}': "stem 1, s2 1, s1 2",
    f'names stages = "f", step = "head{{}}"\n{BODY}': "stem 1, f.head1 1, f.head3 2",
    f'names stages = ("up", "down"), transition = "up1"\n{STAGED}': (
        "stem 1, up 1, down 2"
    ),
    f'names stages = "stage{{0}}", head = "stage7"\n{STAGED}': (
        "stem 1, stage0 1, stage1 2"
    ),
    f'names stages = "m"\nstem conv(3, c) > relu > maxpool(2)\n{STAGED}': (
        "stem.relu 1, m.1 2, m.4 4"
    ),
    # A range that names the last block by its number, with the equation of all.
    "input 4 x 16 x 16\nstem none\nstages 4 x 2, 6 x 2 / 2, 8 x 2 / 2\n"
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + W_i*A_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\nB_<L/2+1..L> = B_<i-1> + G_i*A_i\n"
    "output concat(A_L, B_L)\n": "level0 1, level1 2, level2 4",
    # Blocks hand on their own operators to the next but one.
    "input 3 x 16 x 16\nscope stage\nstages 8 x 2, 12 x 5\nF = conv(3, c)\n"
    "X_i = X_<i-1> + F_<i-2>*X_<i-1>\n": "stem 1, level1 1, level2 1",
    # What only the output reads stands in front of the blocks, and runs behind them.
    f"U = bn\n{BODY}output U*X_L\n": "stem 1, stage1 1, level2 2",
    f"U = conv(1, cin)\ninput 3 x 16 x 16\nstages 8 x 3\n{EQUATION}output U*X_L\n": (
        "stem 1, level1 1"
    ),
    "U = conv(1, cin)\ninput 3 x 16 x 16\nstages 8 x 3\n"
    "X_i = X_<i-1> + U*W_i*X_<i-1>\noutput U*X_L\n": "stem 1, level1 1",
    f"U = conv(1, cin)\nV = ln\n{STAGED.replace('W_i*', 'W_i*V*')}output V*U*X_L\n": (
        "stem 1, level1 1, level2 2"
    ),
    # Blocks read it as well, and it stays where they do.
    "U = conv(1, cin)\ninput 3 x 16 x 16\nstages 8 x 2, 8 x 2 / 2\n"
    "X_i = X_<i-1> + U*W_i*X_<i-1>\noutput concat(U*X_L, X_L)\n": (
        "stem 1, level1 1, level2 2"
    ),
    f'U = bn\nnames stages = ("a", "b")\n{STAGED}output U*X_L\n': (
        "stem 1, level1 1, level2 2"
    ),
    f'names stem = "head.0"\nhead globalpool > conv(1, 8) > flatten > linear(7)\n{BODY}': (
        "head.0 1, stage1 1, stage2 2"
    ),
}


@pytest.mark.parametrize("text", thinned(FORMS, 3))
def test_form(text: str) -> None:
    torch.manual_seed(0)
    plain = recform.load(text).eval()
    torch.manual_seed(0)
    model: Any = recform.load(text, timm=True).eval()
    x = torch.randn(2, int(recform.compile(text).formula.input.features), 16, 16)
    assert list(model.state_dict()) == list(plain.state_dict())
    torch.testing.assert_close(model(x), plain(x))
    info = model.feature_info
    assert ", ".join(f"{i['module']} {i['reduction']}" for i in info) == FORMS[text]
    levels = model.forward_intermediates(x)[1]
    assert [level.shape[1] for level in levels] == [i["num_chs"] for i in info]
    groups = group_parameters(model, model.group_matcher(), reverse=True)
    assert len(set(groups.values())) > len(levels)
    for number, level in enumerate(levels):
        left: Any = recform.load(text, timm=True).eval()
        left.load_state_dict(model.state_dict())
        assert left.prune_intermediate_layers([number], prune_norm=True) == [number]
        (alone,) = left.forward_intermediates(x, [number], intermediates_only=True)
        torch.testing.assert_close(alone, level)
        alone.square().sum().backward()
        assert all(p.grad is not None for p in left.parameters())
    model.set_grad_checkpointing()
    model.train()(x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_an_output_with_a_vector_that_is_as_wide_as_the_last_stage() -> None:
    """Behind the first one it was multiplied with what is narrower."""
    text = f"{BODY}output v*X_L\nvector v = 0.5\n"
    plain, model = recform.load(text).eval(), recform.load(text, timm=True).eval()
    model.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(model(x), plain(x))
    levels = model.forward_intermediates(x)[1]
    assert [level.shape[1] for level in levels] == [8, 8, 12]


def test_a_container_that_holds_the_head_and_what_is_in_front_of_it() -> None:
    text = (
        'names stem = "net.stem", stages = "net.stages.layer{}", head = "net"\n'
        f"head avgpool(size=1) > flatten > out: linear(3)\n{BODY}"
    )
    recform.compile(text).module()
    with pytest.raises(CompileError, match="ends inside of net") as error:
        recform.load(text, timm=True)
    assert [item.code for item in error.value.diagnostics] == ["RF521"]
    text = f'names stem = "net.b", stages = "f", head = "net.a.x"\n{BODY}'
    recform.compile(text).module()
    with pytest.raises(CompileError, match="net holds other parts") as error:
        recform.load(text, timm=True)
    assert [item.code for item in error.value.diagnostics] == ["RF219"]
