"""Plans of tiny runs, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from recform.compiler import Compiled, choose, compile_source, from_text
from recform.diagnostics import CompileError, Diagnostic
from recform.training.data import Asked, Data, load
from recform.training.engine import Plan
from recform.training.numerics import Numerics
from recform.training.recipe import RECIPES, recipe_of
from recform.training.runs import Result, Run
from recform.training.screen import Silent
from recform.training.session import Wanted, of_formula, run

#: 2,786 numbers to learn; dropout, so that random numbers of a step count.
TINY = """network Tiny
param classes = 10
input 1 x 8 x 8
stem conv(3, 8) > bn > relu
stages 8 x 2, 16 x 1 / 2
head avgpool > linear(classes)
W = conv(3, c, stride=s) > bn > relu > dropout(0.1)
X_i = X_<i-1> + W_i*X_<i-1>
"""
#: Five steps an epoch.
FAST = ("batch=256", "epochs=3", "warmup=1")
QUICK = RECIPES["quick"]


def wanted(folder: Path, overrides: Iterable[str] = FAST, **options: Any) -> Wanted:
    """What is asked: digits, quick, three epochs of five steps, on the CPU."""
    numerics: dict[str, Any] = {"device": "cpu"}
    for key in ("device", "precision", "compiled", "deterministic", "checkpoint"):
        if key in options:
            numerics[key] = options.pop(key)
    recipe = recipe_of(options.pop("recipe", "quick"), overrides)
    told = {"data": "digits", "name": "run", "root": folder / "data", **options}
    return Wanted(recipe=recipe, folder=folder, numerics=Numerics(**numerics), **told)


def planned(folder: Path, text: str = TINY, *overrides: str, **options: Any) -> Plan:
    """The plan of a run of a formula."""
    plugins = options.pop("plugins", ())

    def compiling(settings: Mapping[str, Any]) -> Compiled:
        found = compile_source(from_text(text, "tiny.rf"), settings, None, plugins)
        return choose(found, None)

    return of_formula(compiling, wanted(folder, (*FAST, *overrides), **options))


def trained(folder: Path, text: str = TINY, *overrides: str, **options: Any) -> Result:
    """What a run of a formula comes to."""
    return run(planned(folder, text, *overrides, **options), Silent())


def lines(folder: Path) -> list[dict[str, Any]]:
    """The metrics of a run without its times."""
    found = []
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        found.append({k: v for k, v in json.loads(line).items() if "second" not in k})
    return found


def outcome(folder: Path) -> tuple[Any, ...]:
    """All that a run left behind, without times: the same for the same numbers."""
    result = Run(folder).read("result.json")
    for key in ("seconds", "seconds_per_step", "folder", "name"):
        del result[key]
    return lines(folder), result, (folder / "weights.safetensors").read_bytes()


def weights(folder: Path) -> dict[str, Tensor]:
    """The weights that a run kept."""
    found: dict[str, Tensor] = load_file(folder / "weights.safetensors")
    return found


def same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    """Whether two sets of tensors have the same bits."""
    return ours.keys() == theirs.keys() and all(
        torch.equal(ours[name], theirs[name]) for name in ours
    )


def told(error: CompileError) -> Diagnostic:
    """The one thing that is wrong."""
    (item,) = error.diagnostics
    return item


def loaded(name: str, wanted: tuple[int, ...] = (1, 8, 8), **options: Any) -> Data:
    """Data for networks that want such examples."""
    told = {"root": Path("data"), "validation": 0.1, **options}
    return load(Asked(name, wanted=wanted, **told))


def refused(name: str, wanted: tuple[int, ...] = (1, 8, 8), **more: Any) -> Diagnostic:
    """What is said of data that cannot be had."""
    with pytest.raises(CompileError) as caught:
        loaded(name, wanted, **more)
    return told(caught.value)


def pixels(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
