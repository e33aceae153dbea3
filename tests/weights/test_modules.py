"""Modules that are not as they were made: wrapped, spread, tied, of other shapes."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel

import recform
from recform.blocks.examples import random_examples
from recform.diagnostics import CompileError
from recform.weights import transplant
from recform.weights.layers import layer_of
from tests.weights.networks import codes, scattered, small


def same(one: nn.Module, other: nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture
def group(tmp_path: Path) -> object:
    """One process that is a whole group."""
    store = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", store, world_size=1, rank=0)
    yield None
    torch.distributed.destroy_process_group()


def inside(module: nn.Module) -> nn.Module:
    made = copy.deepcopy(module)
    made.stem = torch.compile(made.stem)
    return made


#: What computes a weight of other tensors, by torch's functions of all ages.
COMPUTED = {
    "spectral": parametrizations.spectral_norm,
    "weight": parametrizations.weight_norm,
    "orthogonal": parametrizations.orthogonal,
    "older spectral": nn.utils.spectral_norm,
    "older weight": nn.utils.weight_norm,
    "pruned": lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize("how", COMPUTED)
def test_weights_that_are_computed_are_told_with_what_takes_that_off(
    how: str, tmp_path: Path
) -> None:
    compiled = small()
    module = scattered(compiled).eval()
    layers = [m for m in module.modules() if isinstance(m, nn.Conv2d)][:2]
    for layer in layers:
        COMPUTED[how](layer)
    x = random_examples(compiled.formula.input, 2)
    before = module(x)
    for call in (
        lambda: recform.optimize(module),
        lambda: recform.save_weights(module, compiled, tmp_path / "net.safetensors"),
        lambda: recform.load_weights(module, compiled, tmp_path / "no.safetensors"),
    ):
        with pytest.raises(CompileError) as caught:
            call()
        (item,) = caught.value.diagnostics
        assert item.code == "RF703" and ", and 1 more" in item.hint
    for line in item.notes:
        exec(line, {"torch": torch, "module": module})
    torch.testing.assert_close(module(x), before)
    torch.testing.assert_close(
        recform.optimize(module)(x), before, rtol=1e-4, atol=1e-4
    )


WRAPPERS = {
    "compile": torch.compile,
    "DataParallel": nn.DataParallel,
    "AveragedModel": AveragedModel,
    "both": lambda module: torch.compile(nn.DataParallel(module)),
    "inside": inside,
}


@pytest.mark.parametrize("how", WRAPPERS)
def test_wrappers_are_taken_off(how: str, tmp_path: Path) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    module = scattered(compiled)
    recform.save_weights(WRAPPERS[how](module), compiled, file)
    assert sorted(load_file(file)) == sorted(module.state_dict())
    plain, other = scattered(compiled, seed=1), scattered(compiled, seed=1)
    recform.load_weights(plain, compiled, file)
    assert same(module, plain)
    wrapped = WRAPPERS[how](other)
    recform.load_weights(wrapped, compiled, file)
    assert same(WRAPPERS[how](module), wrapped)


def test_the_state_of_an_averaged_model_is_read(tmp_path: Path) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    module, again = scattered(compiled), compiled.module()
    save_file(AveragedModel(module).state_dict(), file)
    recform.load_weights(again, compiled, file)
    assert same(module, again)


def test_a_module_that_is_spread_over_machines(group: object, tmp_path: Path) -> None:
    """FSDP2 in a group of one: parameters are DTensors, learned scalars too."""
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor

    compiled, file = small(), tmp_path / "net.safetensors"
    module, other = scattered(compiled), scattered(compiled, seed=1)
    spread, target = copy.deepcopy(module), copy.deepcopy(other)
    mesh = torch.distributed.init_device_mesh("cpu", (1,))
    for each in (spread, target):
        fully_shard(each, mesh=mesh)
    assert all(isinstance(p, DTensor) for p in spread.parameters())
    assert all(p.dim() for p in module.parameters())
    recform.save_weights(spread, compiled, file)
    recform.load_weights(other, compiled, file)
    assert same(module, other)
    recform.load_weights(target, compiled, file)
    for name, value in target.state_dict().items():
        full = value.full_tensor() if isinstance(value, DTensor) else value
        assert torch.equal(full, module.state_dict()[name])
    recform.save_weights(DistributedDataParallel(module), compiled, file)
    recform.load_weights(other, compiled, file)
    assert same(module, other)


def test_tensors_that_share_their_numbers(tmp_path: Path) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    module, again = scattered(compiled), compiled.module()
    module.stage1[1].W.conv1.weight = module.stage1[0].W.conv1.weight
    recform.save_weights(module, compiled, file)
    recform.load_weights(again, compiled, file)
    assert same(module, again)


def test_tensors_that_no_file_can_hold(tmp_path: Path) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    module = compiled.module()
    module.head.fc.weight = nn.Parameter(torch.eye(10, 8).to_sparse())
    with pytest.raises(CompileError, match=r"head\.fc\.weight cannot be in a saf"):
        recform.save_weights(module, compiled, file)
    with torch.device("meta"):
        empty = compiled.module()
    recform.save_weights(compiled.module(), compiled, file)
    with pytest.raises(CompileError, match="meta"):
        recform.load_weights(empty, compiled, file)


# ---------------------------------------------------------------------------- shapes

WIDTHS = "param w = 4\nparam classes = 10\nstages w x 2\nX_i = relu(W_i*X_<i-1>)\n"
WIDTHS += "head avgpool > linear(2*classes) > relu > linear(classes)"


@pytest.mark.parametrize(
    ("arguments", "settings", "fits"),
    [
        ({}, {}, True),
        ({"classes": 3}, {}, True),
        ({"classes": 100}, {}, True),
        ({"in_channels": 1}, {}, False),
        ({"in_channels": 1, "classes": 7}, {}, False),
        ({}, {"w": 8}, False),
        ({"classes": 3}, {"w": 8}, False),
    ],
)
def test_shapes_are_those_of_the_formula(
    arguments: dict[str, int], settings: dict[str, int], fits: bool, tmp_path: Path
) -> None:
    file = tmp_path / "net.safetensors"
    module = recform.compile(WIDTHS, **settings).module(**arguments)
    if fits:
        recform.save_weights(module, WIDTHS, file)
        recform.load_weights(module, WIDTHS, file)
        return
    with pytest.raises(CompileError) as caught:
        recform.save_weights(module, WIDTHS, file)
    assert codes(caught.value) == ["RF703"] and not file.exists()
    assert "in the module" in str(caught.value)


def test_shapes_that_no_number_of_classes_makes(tmp_path: Path) -> None:
    module = recform.load(WIDTHS)
    module.head.fc2 = nn.Linear(20, 9)
    with pytest.raises(CompileError, match="RF703"):
        recform.save_weights(module, WIDTHS, tmp_path / "net.safetensors")


def test_scalars_without_a_dimension_are_read(tmp_path: Path) -> None:
    """As files of older versions have them."""
    compiled, file = small(), tmp_path / "net.safetensors"
    tensors = scattered(compiled).state_dict()
    old = {n: v.reshape(()) if v.shape == (1,) else v for n, v in tensors.items()}
    assert any(v.dim() == 0 and v.is_floating_point() for v in old.values())
    save_file(old, file)
    module = compiled.module()
    recform.load_weights(module, compiled, file)
    assert all(torch.equal(v, tensors[n]) for n, v in module.state_dict().items())
    made = transplant(file, compiled)
    assert not made.match.fresh
    compiled.module().load_state_dict(dict(made.tensors))


# ---------------------------------------------------------------------------- layers


def test_names_of_layers() -> None:
    assert layer_of("stem.bn.running_mean") == layer_of("stem.bn.weight") == "stem.bn."
    assert layer_of("a.in_proj_weight") == layer_of("a.in_proj_bias")
    assert layer_of("a.in_proj_bias") != layer_of("a.out_proj.bias")
    assert layer_of("stage1.0.k") != layer_of("stage1.0.m")


@pytest.mark.parametrize(
    ("gone", "fresh"),
    [
        (
            "stem.bn.running_mean",
            "weight bias running_mean running_var num_batches_tracked",
        ),
        ("stem.bn.num_batches_tracked", "num_batches_tracked"),
        ("head.fc.weight", "weight bias"),
    ],
)
def test_a_layer_is_taken_whole_or_not_at_all(
    gone: str, fresh: str, tmp_path: Path
) -> None:
    file, compiled = tmp_path / "net.safetensors", small()
    recform.save_weights(scattered(compiled), compiled, file)
    tensors = load_file(file)
    tensors.pop(gone)
    save_file(tensors, file)
    layer = gone.rpartition(".")[0]
    expected = {f"{layer}.{name}" for name in fresh.split()}
    for source in (None, compiled):
        found = transplant(file, small(), source).match
        assert {item.name for item in found.fresh} == expected
        reasons = [item.reason for item in found.fresh if item.name != gone]
        assert all(f"not taken whole: without {gone}" in text for text in reasons)


def test_widths_that_differ_leave_no_part_of_a_layer(tmp_path: Path) -> None:
    """Nothing fits but how many batches the norms have seen, which is nothing alone."""
    file = tmp_path / "net.safetensors"
    narrow = recform.compile("stages 4 x 2\nhead none\nX_i = W_i*X_<i-1>")
    wide = recform.compile("stages 8 x 2\nhead none\nX_i = W_i*X_<i-1>")
    recform.save_weights(narrow.module(), narrow, file)
    with pytest.raises(CompileError, match="RF705"):
        transplant(file, wide)


# ----------------------------------------------------------------------- definitions


def test_the_name_of_a_definition_plays_no_part(tmp_path: Path) -> None:
    file, source = tmp_path / "net.safetensors", small()
    target = small(("SE", "Q"), ("4 x 2", "4 x 3"))
    module = scattered(source)
    recform.save_weights(module, source, file)
    made = transplant(file, target)
    assert made.match.basis == "roles" and made.match.renamed == {"Q": "SE"}
    assert len(made.match.taken) == len(module.state_dict())
    # The network with the same block more under the old name takes as much.
    assert len(transplant(file, small(("4 x 2", "4 x 3"))).match.taken) == len(
        made.match.taken
    )


def test_definitions_that_change_names(tmp_path: Path) -> None:
    """Two definitions swap their names: what says the same gets the weights."""
    text = (
        "SE(x) = x*sigmoid(G*x)  where G = avgpool > linear(cin)\n"
        "Th(x) = x*tanh(G*x)  where G = avgpool > linear(cin)\n"
        "stages 4 x 2\nhead none\nW = conv(3, c) > SE > Th\nX_i = W_i*X_<i-1>\n"
    )
    swapped = text.replace("SE", "Q").replace("Th", "SE").replace("Q", "Th")
    file, one = tmp_path / "net.safetensors", recform.compile(text)
    other = recform.compile(swapped.replace("4 x 2", "4 x 3"))
    module = scattered(one)
    recform.save_weights(module, one, file)
    found = {item.name: item.origin for item in transplant(file, other).match.taken}
    assert found["blocks.0.W.th.fc.weight"] == "blocks.0.W.se.fc.weight"
    assert found["blocks.0.W.se.fc.weight"] == "blocks.0.W.th.fc.weight"
