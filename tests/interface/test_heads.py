"""Heads of other forms: where they are cut, and what can be chosen."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import recform
from recform.diagnostics import CompileError

EQUATION = "X_i = X_<i-1> + W_i*X_<i-1>\n"
BODY = f"input 3 x 16 x 16\nstages 8 x 1, 12 x 2 / 2\n{EQUATION}"

#: Heads: channels that are pooled, features that are classified, what can be chosen.
HEADS = {
    "": (12, 12, ("avg", "max", "")),
    "head maxpool > linear(7)": (12, 12, ("max", "avg", "")),
    "head globalpool > flatten > linear(7)": (12, 12, ("avg", "")),
    "head maxpool(size=1) > flatten > linear(7)": (12, 12, ("max", "avg", "")),
    "head avgpool(8) > flatten > linear(7)": (12, 12, ("avg", "max", "")),
    "head bn > relu > avgpool > dropout(0.2) > linear(7)": (12, 12, ("avg", "")),
    "head conv(1, 20) > bn > hardswish > avgpool > linear(7)": (20, 20, ("avg", "max")),
    "head avgpool > linear(30) > relu > dropout(0.1) > linear(7)": (
        12,
        30,
        ("avg", "max"),
    ),
    "head avgpool > dropout(0.3) > linear(30) > relu > linear(7, bias=false)": (
        12,
        30,
        ("avg", "max"),
    ),
    "head avgpool(size=2) > flatten > linear(30) > relu > linear(7)": (
        12,
        30,
        ("head",),
    ),
    "head avgpool(3) > flatten > linear(7)": (12, 48, ("head",)),
    "head flatten > linear(7)": (12, 768, ("head",)),
    'names head = "."\nhead bn > avgpool > classifier: linear(7)': (
        12,
        12,
        ("avg", ""),
    ),
    'names head = "."\nhead avgpool > classifier: (dropout(0.2) > linear(7))': (
        12,
        12,
        ("avg", "max", ""),
    ),
    'names head = "."\nhead avgpool > last: (linear(9) > relu > dropout(0.2) > linear(7))': (
        12,
        9,
        ("avg", "max"),
    ),
    "head avgpool > fc: (dropout(0.2) > linear(7))": (12, 12, ("avg", "max", "")),
    "head (bn > relu > avgpool(size=1) > flatten > linear(7))": (12, 12, ("avg", "")),
    "head norm: (bn > relu) > avgpool > linear(7)": (12, 12, ("avg", "")),
    'names stages = "f", head = "."\nhead avgpool > "a.b": linear(30)'
    ' > "a.c.x": relu > "a.c.d": linear(7)': (12, 30, ("avg", "max")),
    'names head = "head.fc"\nhead avgpool > linear(7)': (12, 12, ("avg", "max", "")),
    'names head = "a.0.b"\nhead bn > relu > avgpool > "c.d": (dropout(0.2) > linear(7))': (
        12,
        12,
        ("avg", ""),
    ),
    "init linear = normal(0.01)\nhead avgpool > linear(7)": (
        12,
        12,
        ("avg", "max", ""),
    ),
}


@pytest.mark.parametrize("head", HEADS)
@torch.no_grad()
def test_head(head: str) -> None:
    channels, hidden, pools = HEADS[head]
    text = f"{head}\n{BODY}"
    torch.manual_seed(0)
    plain = recform.load(text).eval()
    torch.manual_seed(0)
    model: Any = recform.load(text, timm=True).eval()
    x = torch.randn(2, 3, 16, 16)
    assert list(model.state_dict()) == list(plain.state_dict())
    scores = model(x)
    torch.testing.assert_close(scores, plain(x))
    assert scores.shape[1] == model.num_classes
    features = model.forward_features(x)
    assert features.shape == (2, channels, 8, 8) and model.num_features == channels
    before = model.forward_head(features, pre_logits=True)
    assert before.shape == (2, hidden) and model.head_hidden_size == hidden
    assert torch.equal(model.get_classifier()(before), scores)
    for pool in pools:
        model.reset_classifier(0 if pool == "" else 5, pool)
        shape = (2, channels, 8, 8) if pool == "" else (2, 5)
        assert model(x).shape == shape
    if "bias=false" in head:
        assert model.get_classifier().bias is None
    if "normal(0.01)" in head:
        model.reset_classifier(400, "avg")
        assert model.get_classifier().weight.std() < 0.012
    if "max" not in pools and "" not in pools:
        with pytest.raises(ValueError, match="global_pool"):
            model.reset_classifier(5, "avg")


def test_norm_of_the_last_level() -> None:
    """`norm` takes the last level behind the head's own layers, as timm counts it."""
    text = f"head conv(1, 20) > bn > relu > avgpool > linear(7)\n{BODY}"
    model: Any = recform.load(text, timm=True).eval()
    x = torch.randn(2, 3, 16, 16)
    info = model.feature_info[-1]
    assert (info["num_chs"], info["num_chs_norm"]) == (12, 20)
    output, levels = model.forward_intermediates(x, norm=True)
    assert torch.equal(levels[-1], output) and output.shape[1] == 20
    alone = model.forward_intermediates(x, 1, norm=True, intermediates_only=True)
    assert torch.equal(alone[0], output)
    assert model.forward_intermediates(x)[1][-1].shape[1] == 12
    model.prune_intermediate_layers(1, prune_norm=True)
    assert [key for key, _ in model.named_parameters() if "head" in key] == []


@pytest.mark.parametrize(
    ("head", "run"),
    [
        (
            'names head = "."\n'
            "head avgpool > last: (linear(9) > relu > dropout(0.2) > linear(7))",
            ["last.0", "last.1", "last.2", "last.3"],
        ),
        # What is pooled can be chosen, so that the modules of the pooling are not run.
        (
            "head (bn > relu > avgpool(size=1) > flatten > linear(7))",
            ["head.0", "head.1", "head.4"],
        ),
    ],
)
def test_hooks_on_what_a_container_of_the_head_holds(head: str, run: list[str]) -> None:
    model: Any = recform.load(f"{head}\n{BODY}", timm=True).eval()
    seen: list[str] = []
    for name in (f"{run[0][:-1]}{number}" for number in range(int(run[-1][-1]) + 1)):
        model.get_submodule(name).register_forward_hook(
            lambda *_, name=name: seen.append(name)
        )
    model(torch.randn(2, 3, 16, 16))
    assert seen == run


def test_pruning_takes_a_norm_out_of_a_container() -> None:
    head = "head (bn > relu > avgpool(size=1) > flatten > linear(7))"
    model: Any = recform.load(f"{head}\n{BODY}", timm=True).eval()
    model.prune_intermediate_layers(1, prune_norm=True)
    assert [key for key in model.state_dict() if key.startswith("head.")] == []


def test_the_rate_in_front_of_the_classifier() -> None:
    ones = torch.ones(4, 12, 8, 8)
    for head in ("avgpool > linear(7)", "avgpool > dropout(0.2) > linear(7)"):
        for rate, share in (
            (None, 0.2 if "dropout" in head else 0),
            (0.5, 0.5),
            (1.0, 1),
        ):
            compiled = recform.compile(f"head {head}\n{BODY}", timm=True)
            arguments = {} if rate is None else {"drop_rate": rate}
            model: Any = compiled.module(**arguments)
            torch.manual_seed(0)
            dropped = (
                model.forward_head(ones.repeat(100, 1, 1, 1), pre_logits=True) == 0
            )
            assert dropped.float().mean() == pytest.approx(share, abs=0.03)
            kept = model.eval().forward_head(ones, pre_logits=True)
            assert torch.equal(kept, torch.ones(4, 12))


def test_what_cannot_be() -> None:
    model: Any = recform.load(BODY, timm=True)
    x = torch.randn(2, 3, 16, 16)
    for indices in (0, 4, [3], [-4], []):
        with pytest.raises(ValueError, match="levels"):
            model.forward_intermediates(x, indices)
    with pytest.raises(ValueError, match="NLC"):
        model.forward_intermediates(x, output_fmt="NLC")
    for classes, pool in ((5, "median"), (5, "")):
        with pytest.raises(ValueError, match="pool"):
            model.reset_classifier(classes, pool)
        assert (model.num_classes, model.global_pool) == (10, "avg")
    compiled = recform.compile(f"stem none\nstages 3 x 2\n{EQUATION}", timm=True)
    with pytest.raises(ValueError, match="in_chans"):
        compiled.module(in_chans=1)
    assert len(compiled.module().feature_info) == 1


@pytest.mark.parametrize(
    ("names", "stem"),
    (
        ("", "conv(3) > bn"),
        ("", "conv(3, stride=2) > maxpool(2)"),
        ('names stem = "f.0", stages = "f.{}"\n', "conv(3) > bn"),
    ),
)
def test_channels_that_blocks_get_as_they_come_in_are_fixed(
    names: str, stem: str
) -> None:
    fixed = recform.compile(f"{names}stem {stem}\n{BODY}", timm=True)
    with pytest.raises(ValueError, match="the formula fixes in_chans at 3"):
        fixed.module(in_chans=1)
    free = recform.load(f"{names}stem {stem} > conv(1, c)\n{BODY}", timm=True)
    wider = type(free)(in_chans=1)
    assert wider(torch.randn(2, 1, 16, 16)).shape == (2, 10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input 20\nX_i = W_i*X_<i-1>", "its input, 20, is no image"),
        ("input 16 x 24\nX_i = W_i*X_<i-1>", "its input, 16 x 24, is no image"),
        (
            f"stem patches(4, c)\nstages 8 x 2\nW = ln > linear(c)\n{EQUATION}",
            "makes tokens",
        ),
        (f"head avgpool\n{BODY}", "does not end in a linear"),
        (f"head avgpool > linear(3) > softmax\n{BODY}", "does not end in a linear"),
        (f"head tokens > linear(3)\n{BODY}", "does not end in a linear"),
        (f"head none\n{BODY}", "does not end in a linear"),
        (f"head conv(1, 7) > globalpool > flatten\n{BODY}", "does not end in a linear"),
        (
            f"param in_chans = 9\nhead avgpool > linear(in_chans) > linear(3)\n{BODY}",
            "in_chans is a keyword",
        ),
        (
            f"param drop_rate = 0.5\nW = conv(3, c, stride=s) > dropout(drop_rate)\n{BODY}",
            "drop_rate is a keyword",
        ),
    ],
)
def test_no_image_classifier(text: str, message: str) -> None:
    recform.compile(text)
    with pytest.raises(CompileError) as error:
        recform.compile(text, timm=True)
    assert [item.code for item in error.value.diagnostics] == ["RF521"]
    assert message in str(error.value)


def test_parameters_of_the_file() -> None:
    text = (
        "param num_classes = 11\nparam drop_rate = 0.2\nparam rate = 0.1\n"
        "W = conv(3, c, stride=s) > dropout(rate)\n"
        f"head avgpool > dropout(drop_rate) > linear(num_classes)\n{BODY}"
    )
    compiled = recform.compile(text, timm=True)
    model: Any = compiled.module(rate=0.3)
    assert (model.num_classes, model.drop_rate) == (11, 0.2)
    assert model.stage1[0].W.dropout.p == 0.3
    assert compiled.module(num_classes=0)(torch.randn(2, 3, 16, 16)).shape == (2, 12)


def test_other_networks_of_the_file_may_be_anything() -> None:
    text = f"network A\ninput 20\n{EQUATION}network B\n{BODY}"
    with pytest.raises(CompileError):
        recform.compile(text, "A", timm=True)
    assert recform.compile(text, "B", timm=True).module().num_features == 12
