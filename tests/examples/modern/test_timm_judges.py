"""Formulas of papers against timm's modules, whose weights load into them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from recform.compiler import compile_source, from_text

timm = pytest.importorskip("timm")

EXAMPLES = Path(__file__).parents[3] / "examples" / "modern"
Names = Callable[[str], str]


def network(name: str, changes: Mapping[str, str], settings: Mapping[str, Any]) -> Any:
    """An example with statements that make it small, in float64."""
    text = (EXAMPLES / f"{name}.rf").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (item,) = compile_source(from_text(text), settings)
    return item.module().double()


def judged(net: Any, judge: Any, images: Tensor, named: Names = str) -> None:
    """Loads the judge's weights; outputs, statistics and all gradients are equal."""
    judge.double()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in judge.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    net.load_state_dict({named(k): v for k, v in judge.state_dict().items()})
    results = []
    for one, rename in ((net, str), (judge, named)):
        x = images.clone().requires_grad_()
        y = one.train()(x)
        (y * torch.arange(y.numel()).view_as(y)).sum().backward()
        grads = {rename(name): p.grad for name, p in one.named_parameters()}
        kept = {rename(name): b for name, b in one.named_buffers()}
        results.append((y, x.grad, grads, kept))
    torch.testing.assert_close(*results, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("depths", [(1, 1, 1, 1), (1, 2, 3, 2)])
def test_nfnet(depths: tuple[int, ...]) -> None:
    """timm's NFNet, narrow: expected variances start anew in each stage."""
    from timm.models.nfnet import NormFreeNet, _nfnet_cfg

    widths = (32, 64, 96, 96)
    cfg = replace(
        _nfnet_cfg(depths=depths, channels=widths, group_size=16), stem_chs=16
    )
    stages = ", ".join(
        f"{width} x {depth}{' / 2' if number else ''}"
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True))
    )
    changes = {
        "256 x 1, 512 x 2 / 2, 1536 x 6 / 2, 1536 x 3 / 2": stages,
        "(0, 1, 2, 6)": str((0, *depths[:-1])),
        "3 x 192 x 192": "3 x 40 x 40",
    }
    net = network("nfnet", changes, {"group": 16, "classes": 5})
    images = torch.randn(2, 3, 40, 40, dtype=torch.float64)
    judged(net, NormFreeNet(cfg, num_classes=5), images)


def test_repvgg() -> None:
    judge = timm.create_model("repvgg_a0", num_classes=5)
    net = network("repvgg", {}, {"classes": 5, "input": "3x64x64"})
    judged(net, judge, torch.randn(2, 3, 64, 64, dtype=torch.float64))


@pytest.mark.parametrize("depth", [1, 3])
def test_layer_scale(depth: int) -> None:
    judge = timm.create_model(
        "deit3_small_patch16_224", num_classes=5, depth=depth, img_size=48
    )
    changes = {"384 x 12": f"384 x {depth}"}
    net = network("deit3", changes, {"classes": 5, "input": "3x48x48"})

    def named(key: str) -> str:
        key = re.sub(r"attn\.qkv\.(\w+)", r"attn.in_proj_\1", key)
        return key.replace("attn.proj.", "attn.out_proj.").replace(".gamma", "")

    judged(net, judge, torch.randn(2, 3, 48, 48, dtype=torch.float64), named)


@pytest.mark.parametrize("depth", [1, 3])
def test_cait(depth: int) -> None:
    """Talking heads, and the two blocks in which the class token alone attends."""
    from timm.models.cait import Cait

    judge = Cait(img_size=32, num_classes=5, embed_dim=16, depth=depth, num_heads=4)
    net = network(
        "cait", {}, {"classes": 5, "size": 32, "width": 16, "depth": depth, "heads": 4}
    )

    def named(key: str) -> str:
        key = key.replace("patch_embed.proj.", "patch_embed.")
        key = key.replace("cls_token", "K.cls_token")
        key = re.sub(r"attn\.proj_([lw])\.", r"attn.T.proj_\1.", key)
        return re.sub(
            r"blocks_token_only\.(\d)",
            lambda found: f"blocks.{depth + int(found[1])}",
            key,
        )

    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    judged(net, judge, images, named)
    torch.testing.assert_close(net(images), judge(images), rtol=1e-10, atol=1e-10)
