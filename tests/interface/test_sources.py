"""The text of image classifiers with timm's interface."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import recform
from recform.diagnostics import CompileError
from recform.emit.classifier.base import base_class
from tests.interface.networks import NETWORKS, ROOT, path
from tests.interface.test_features import FORMS

ZOO = ROOT / "examples" / "zoo"
#: What mypy learns of torch is kept: it takes longer than all the networks.
CACHE = ROOT / ".mypy_cache" / "generated"


@pytest.mark.parametrize("name", ["rf_resnet18s", "rf_revnet110"])
def test_golden(name: str, golden: Any) -> None:
    source = recform.compile(path(name), NETWORKS[name][1], timm=True).source
    golden.check(f"interface/{name}.py", source)


def test_golden_of_a_row(golden: Any) -> None:
    source = recform.compile(ZOO / "mobilenet_v2.rf", timm=True).source
    golden.check("interface/mobilenet_v2.py", source)


@pytest.mark.parametrize("name", NETWORKS)
def test_only_torch_is_imported(name: str) -> None:
    source = recform.compile(path(name), NETWORKS[name][1], timm=True).source
    found = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    standard = {"collections", "collections.abc", "contextlib", "functools"}
    standard |= {"math", "typing"}
    assert {item.split(".")[0] for item in found - standard} == {"torch"}
    assert source.count("class ImageClassifier(") == 1
    assert "--timm" in source[:600]


def test_several_networks_share_the_class() -> None:
    from recform.compiler import compile_source, emit_source, read

    source, folder = read(ROOT / "examples" / "language" / "several.rf")
    networks = compile_source(source, {}, folder, timm=True)
    assert len(networks) > 1
    text = emit_source(list(networks))
    assert text.count("class ImageClassifier(") == 1
    assert text.count("(ImageClassifier):") == len(networks)
    assert text == emit_source(list(networks))


def test_a_network_of_the_name_of_the_class() -> None:
    text = "network ImageClassifier\nstages 8 x 1\nX_i = W_i*X_<i-1>"
    with pytest.raises(CompileError, match="RF209"):
        recform.compile(text, timm=True)


@pytest.mark.slow
def test_sources_pass_ruff_and_mypy(tmp_path: Path) -> None:
    files = [path(name) for name in NETWORKS]
    files += [
        ZOO / f"{name}.rf" for name in ("mobilenet_v2", "densenet121", "vgg16_bn")
    ]
    files += [
        ZOO / f"{name}.rf" for name in ("googlenet", "inception_v3", "shufflenet_v1")
    ]
    for number, file in enumerate(files):
        network = {"lm_resnet": "LMResNet20", "shufflenet_v1": "ShuffleNet1"}.get(
            file.stem
        )
        source = recform.compile(file, network, timm=True).source
        (tmp_path / f"{file.stem}_{number}.py").write_text(source)
    for number, text in enumerate(FORMS.values()):
        source = recform.compile(text, timm=True).source
        (tmp_path / f"form_{number}.py").write_text(source)
    for command in (
        ["ruff", "check", "--isolated", "."],
        ["ruff", "format", "--isolated", "--check", "."],
        [
            "mypy",
            "--strict",
            "--python-version",
            "3.11",
            "--cache-dir",
            str(CACHE),
            ".",
        ],
    ):
        result = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_the_class_is_a_module_of_its_own() -> None:
    assert base_class().startswith("class ImageClassifier(nn.Module):")
