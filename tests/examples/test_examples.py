"""Every formula under examples/ compiles, runs, and trains all that it has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recform.blocks import Layout, Shape
from recform.compiler import Compiled
from tests.compiled import EXAMPLES, FILES, NAMES, networks
from tests.thinned import thinned

# The zoo's networks are for 224 x 224; a smaller image shows as much.
SMALLER = {"zoo": 64}
#: Networks that leave nothing of an image that small.
LARGER = {"inception_v3": 75, "inception_v4": 75, "inception_resnet_v2": 75}
#: Networks with a number for each position, which take images of one size.
LARGER |= {"vit_b_16": 224}
#: More parameters than this take too long on a small machine.
LARGE = 4_000_000
#: And so do more multiply-adds, at the size of the file.
LONG = 100_000_000


def batch(
    path: Path, compiled: Compiled, device: str = "cpu"
) -> tuple[torch.Tensor, ...]:
    """Two examples for each input."""
    return tuple(examples(path, x, device) for x in compiled.formula.inputs)


def examples(path: Path, x: Shape, device: str) -> torch.Tensor:
    sizes = [int(size) for size in x.sizes]
    if x.layout is Layout.IDS:
        return torch.randint(int(x.features), (2, *sizes), device=device)
    if len(sizes) == 3 and path.parent.name in SMALLER:
        limit = LARGER.get(path.stem, SMALLER[path.parent.name])
        sizes[1:] = [min(size, limit) for size in sizes[1:]]
    if device == "meta":
        return torch.empty(2, *sizes, device=device)
    return torch.randn(2, *sizes, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_it_compiles_without_a_warning_and_opens_with_its_origin(path: Path) -> None:
    for compiled in networks(path.relative_to(EXAMPLES).as_posix()):
        assert not compiled.warnings
    if path.stem != "one_line":
        assert path.read_text().startswith("# ")


@pytest.mark.parametrize("name", thinned(NAMES, 9))
def test_it_runs_and_every_parameter_learns(name: str) -> None:
    path = EXAMPLES / name
    for compiled in networks(name):
        torch.manual_seed(0)
        # What is large runs without numbers: shapes and gradients all the same.
        costs = compiled.graph.totals
        large = costs.parameters > LARGE or costs.multiply_adds > LONG
        device = "meta" if large else "cpu"
        with torch.device(device):
            module = compiled.module()
        y = module(*batch(path, compiled, device))
        assert y.shape[0] == 2
        assert device == "meta" or torch.isfinite(y).all()
        y.square().sum().backward()
        idle = [name for name, p in module.named_parameters() if p.grad is None]
        assert not idle
        counted = sum(p.numel() for p in module.parameters())
        assert counted == compiled.graph.totals.parameters


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet18", 11_220_132),
        ("resnet18_s", 11_393_956),
        ("resnet50", 23_705_252),
        ("resnet50_s", 26_481_828),
    ],
)
def test_parameters_of_table_8(name: str, parameters: int) -> None:
    (compiled,) = networks(f"paper/{name}.rf", classes=100)
    assert compiled.graph.totals.parameters == parameters
    with torch.device("meta"):
        module = compiled.module()
    assert sum(p.numel() for p in module.parameters()) == parameters


def test_one_line_is_one_line() -> None:
    text = (EXAMPLES / "paper" / "one_line.rf").read_text()
    assert text == "X_i = (1 + W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n"


def test_both_spellings_of_eq_20_give_the_same_network() -> None:
    """The last line of Eq. (20) is what vanishing history says as well."""
    one = networks("paper/one_line.rf")[0].module()
    other = networks("paper/eq20.rf")[0].module()
    assert [p.shape for p in one.parameters()] == [p.shape for p in other.parameters()]
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(one.eval()(x), other.eval()(x))


def test_named_parameters() -> None:
    names = networks("language/names.rf")[0].module().state_dict()
    assert {
        "first.weight",
        "norm.weight",
        "layer1.0.residual.first.weight",
        "layer2.0.project.0.weight",
        "classifier.bias",
    } <= set(names)
