"""The text of image classifiers with timm's interface."""

from __future__ import annotations

import ast
from typing import Any

import pytest

import recform
from recform.compiler import (
    compile_source,
    emit_source,
    from_text,
    load_source,
    read,
)
from recform.diagnostics import CompileError
from recform.emit.classifier.base import base_class
from recform.target import Target
from tests.interface.networks import NETWORKS, ROOT, source
from tests.interface.test_features import FORMS

ZOO = ROOT / "examples" / "zoo"
#: Further files whose code is linted, and their networks if they have several.
OTHERS = dict.fromkeys(
    ("mobilenet_v2", "densenet121", "vgg16_bn", "googlenet", "inception_v3")
) | {"shufflenet_v1": "ShuffleNet1"}


@pytest.mark.parametrize("name", ["rf_resnet18s", "rf_revnet110"])
def test_golden(name: str, golden: Any) -> None:
    golden.check(f"interface/{name}.py", source(name))


def test_golden_of_a_row(golden: Any) -> None:
    source = recform.compile(ZOO / "mobilenet_v2.rf", timm=True).source
    golden.check("interface/mobilenet_v2.py", source)


@pytest.mark.parametrize("name", NETWORKS)
def test_only_torch_is_imported(name: str) -> None:
    text = source(name)
    found = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    standard = {"collections", "collections.abc", "contextlib", "functools"}
    standard |= {"math", "typing"}
    assert {item.split(".")[0] for item in found - standard} == {"torch"}
    assert text.count("class ImageClassifier(") == 1
    assert "--timm" in text[:600]


def test_several_networks_share_the_class() -> None:
    source, folder = read(ROOT / "examples" / "language" / "several.rf")
    networks = compile_source(source, {}, folder, target=Target(timm=True))
    assert len(networks) > 1
    text = emit_source(list(networks))
    assert text.count("class ImageClassifier(") == 1
    assert text.count("(ImageClassifier):") == len(networks)
    assert text == emit_source(list(networks))


def test_several_networks_share_what_is_no_weight() -> None:
    """The class of both is called as neither: so are the parameters that don't decay."""
    body = "input 3 x 8 x 8\nW = conv(3, c) > G\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    text = (
        "G(x) = x + a*S*x\n    where S = conv(1, cin)\n    where scalar a = 0.1\n"
        f"network A\nstages 8 x 1\n{body}network B\nstages 8 x 2\n{body}"
    )
    networks = compile_source(from_text(text), target=Target(timm=True))
    module: Any = load_source(emit_source(list(networks)), "both")
    assert module.A().no_weight_decay() == {"blocks.0.W.G.a"}
    assert module.B().no_weight_decay() == {"blocks.0.W.G.a", "blocks.1.W.G.a"}


def test_a_network_of_the_name_of_the_class() -> None:
    text = "network ImageClassifier\nstages 8 x 1\nX_i = W_i*X_<i-1>"
    with pytest.raises(CompileError, match="RF209"):
        recform.compile(text, timm=True)


def sources() -> list[str]:
    """What is generated with timm's interface; tests/emit lints it with the rest."""
    texts = [source(name) for name in NETWORKS]
    texts += (
        recform.compile(ZOO / f"{name}.rf", network, timm=True).source
        for name, network in OTHERS.items()
    )
    return texts + [recform.compile(text, timm=True).source for text in FORMS.values()]


def test_the_class_is_a_module_of_its_own() -> None:
    assert base_class().startswith("class ImageClassifier(nn.Module):")
