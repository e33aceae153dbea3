"""What timm and torch ask of a model from outside, asked of every example that has it.

Networks are built without numbers (`meta`): that the very tensor that a module returned is
a level of features needs none.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from timm.models import group_parameters
from torch import Tensor

from recform.compiler import (
    Compiled,
    compile_source,
    from_text,
    load_source,
    read,
)
from recform.target import Target
from tests.interface.networks import ROOT
from tests.thinned import thinned

#: Examples of tokens and vectors, and one whose classifier is a convolution.
OTHERS = {
    "zoo/squeezenet1_1",
    *("zoo/albert", "zoo/gpt2", "zoo/highway", "zoo/hyper_connections"),
    *("zoo/resnetv2_50", "zoo/vit_b_16"),
}
FILES = [
    f"{folder}/{path.stem}"
    for folder in ("paper", "zoo")
    for path in sorted((ROOT / "examples" / folder).glob("*.rf"))
    if f"{folder}/{path.stem}" not in OTHERS
]
FORMS = {
    "a scalar for each channel": "stages 8 x 2, 12 x 2 / 2\n"
    "scalar g_i = 0.1 per channel\nX_i = X_<i-1> + g_i*W_i*X_<i-1>\n",
    "one scalar for all": "stages 8 x 3\nscalar weight = 0.1 per channel\n"
    "X_i = X_<i-1> + weight*W_i*X_<i-1>\n",
    "one operator for all": "stages 8 x 3, 8 x 2\nX_i = X_<i-1> + U*relu(W_i*X_<i-1>)\n",
    "one operator a stage": "scope stage\nstages 8 x 2, 12 x 2 / 2, 16 x 2 / 2\n"
    "X_i = X_<i-1> + U*W_i*X_<i-1> + V_i*X_0\n",
    "an operator of block 0": "stages 8 x 3, 8 x 2\n"
    "X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\nW_0*X_<-1> = W_0*X_0\n",
}
#: One question is asked of every file; the others of a third, and of all in the long run.
NAMES = [
    *(
        pytest.param(name, marks=[pytest.mark.long] if place % 3 else [])
        for place, name in enumerate(FILES)
    ),
    *FORMS,
]


@cache
def compiled(name: str, *, timm: bool = False) -> Compiled:
    """The first network of an example, or that of a text."""
    if name in FORMS:
        return compile_source(from_text(FORMS[name]), target=Target(timm=timm))[0]
    source, folder = read(ROOT / "examples" / f"{name}.rf")
    return compile_source(source, {}, folder, target=Target(timm=timm))[0]


def interface(name: str) -> Compiled:
    return compiled(name, timm=True)


def built(network: Compiled) -> Any:
    with torch.device("meta"):
        return getattr(load_source(network.source, network.name), network.name)()


def image(network: Compiled) -> Tensor:
    shape = network.formula.input
    return torch.empty(1, int(shape.features), *map(int, shape.grid), device="meta")


@pytest.mark.parametrize("name", thinned([*FILES, *FORMS], 10))
def test_a_level_is_what_its_module_returns(name: str) -> None:
    model, x = built(interface(name)).eval(), image(interface(name))
    seen: dict[str, Any] = {}
    for info in model.feature_info:
        model.get_submodule(info["module"]).register_forward_hook(
            lambda _, __, made, key=info["module"]: seen.update({key: made})
        )
    _, levels = model.forward_intermediates(x)
    assert len({info["module"] for info in model.feature_info}) == len(levels)
    for info, level in zip(model.feature_info, levels, strict=True):
        assert seen[info["module"]] is level
        assert level.shape[1] == info["num_chs"]


@pytest.mark.parametrize("name", thinned(NAMES, 8, first=1))
def test_torch_fx_follows_it_where_it_follows_the_plain_class(name: str) -> None:
    """An untyped state of modules that are handed on is followed by neither."""
    torch.fx.symbolic_trace(built(compiled(name)).eval())
    model, x = built(interface(name)).eval(), image(interface(name))
    traced = torch.fx.symbolic_trace(model)
    assert traced(x).shape == model(x).shape
    called = {node.target for node in traced.graph.nodes if node.op == "call_module"}
    assert called <= {key for key, _ in model.named_modules()}


def first_read(model: Any, x: Tensor) -> tuple[list[str], list[str]]:
    """Parameters of layers in the order in which they run: up to the last level, behind."""
    order: dict[str, None] = {}
    counts: list[int] = []
    for key, module in model.named_modules():
        names = [f"{key}.{n}" for n, _ in module.named_parameters(recurse=False)]
        module.register_forward_pre_hook(
            lambda _, __, names=names: order.update(dict.fromkeys(names))
        )
    end = model.get_submodule(model.feature_info[-1]["module"])
    end.register_forward_hook(lambda *_: counts.append(len(order)))
    model(x)
    return list(order)[: counts[-1]], list(order)[counts[-1] :]


@pytest.mark.parametrize("name", thinned(NAMES, 8, first=2))
@pytest.mark.parametrize("coarse", [False, True])
def test_depth_grows_from_where_a_parameter_is_read_first(
    name: str, coarse: bool
) -> None:
    model = built(interface(name)).eval()
    depths = group_parameters(model, model.group_matcher(coarse), reverse=True)
    before, behind = first_read(model, image(interface(name)))
    own = [depths[key] for key in before if key in depths and key[0] != "U"]
    assert own == sorted(own)
    assert {key for key, depth in depths.items() if depth == max(own) + 1} == set(
        behind
    )
    # What blocks share is in front of the first that reads it.
    for number, key in enumerate(before):
        if key[0] == "U":
            rest = [depths[k] for k in before[number:] if k[0] != "U"]
            assert depths[key] <= min(rest) and (coarse or depths[key] < min(rest))


@pytest.mark.parametrize("name", thinned(NAMES, 6))
def test_what_is_no_weight_does_not_decay(name: str) -> None:
    """A class of the file has scalars; layers have weights, and so has its LayerNorm2d."""
    model = built(interface(name))
    expected = {
        f"{key}.{own}".lstrip(".")
        for key, module in model.named_modules()
        if not type(module).__module__.startswith("torch.")
        and not isinstance(module, torch.nn.LayerNorm)
        for own, _ in module.named_parameters(recurse=False)
    }
    assert model.no_weight_decay() == expected
    assert bool(expected) == bool(compiled(name).formula.scalars)


@pytest.mark.parametrize("name", NAMES)
def test_the_class_knows_only_what_it_needs(name: str) -> None:
    """No method of the base class that is in no network of the file."""
    tree = ast.parse(interface(name).source)
    read = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef)]
    (base,) = (made for made in classes if made.name == "ImageClassifier")
    for item in base.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("__"):
            assert not item.name.startswith("_") or item.name in read


def test_others_are_no_classifiers() -> None:
    for name in OTHERS:
        assert Path(ROOT / "examples" / f"{name}.rf").exists()
