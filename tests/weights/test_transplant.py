"""Transplants: what both networks have is the source's to the bit, the rest is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

import recform
from recform.cli.app import app
from recform.compiler import Compiled
from recform.diagnostics import CompileError
from recform.weights import Transplant, transplant
from tests.weights.networks import EXAMPLES, example, images, scattered, small
from tests.weights.networks import SMALL as NETWORK

SHORTCUT = "stage{}.0.shortcut_wx."


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["transplant", *map(str, arguments)])


def taken_over(
    source: Compiled, target: Compiled, folder: Path
) -> tuple[torch.nn.Module, Transplant]:
    """A module of the source, and what the target gets of it."""
    module = scattered(source)
    recform.save_weights(module, source, folder / "source.safetensors")
    return module, transplant(folder / "source.safetensors", target)


@pytest.fixture(scope="module")
def resnet50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """torchvision's ResNet-50 under its own names, without a word of a formula."""
    torch.manual_seed(3)
    file = tmp_path_factory.mktemp("weights") / "resnet50.safetensors"
    save_file(torchvision.models.resnet50().state_dict(), file)
    return file


@pytest.mark.long
def test_resnet50_to_resnet50_s(resnet50: Path, tmp_path: Path) -> None:
    """By torchvision's names on one side and the default names on the other."""
    target = EXAMPLES / "paper" / "resnet_imagenet_s.rf"
    origin = EXAMPLES / "zoo" / "resnet50.rf"
    out = tmp_path / "resnet50_s.safetensors"
    options = ["--network", "ResNet50s", "--from", origin, "-o", out, "--seed", "5"]
    result = run(resnet50, target, *options, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["result"]
    source, made = load_file(resnet50), load_file(out)
    compiled = recform.compile(target, "ResNet50s")
    assert set(made) == set(compiled.module().state_dict())
    # Every tensor of the source is there, each once, bit by bit.
    assert sorted(item["origin"] for item in told["taken"]) == sorted(source)
    for item in told["taken"]:
        assert torch.equal(made[item["name"]], source[item["origin"]]), item
    pairs = {item["origin"]: item["name"] for item in told["taken"]}
    for stage, blocks in enumerate((3, 4, 6, 3), 1):
        for block in range(blocks):
            for part in ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3"):
                there = f"layer{stage}.{block}.{part}.weight"
                assert pairs[there] == f"stage{stage}.{block}.W.{part}.weight"
        first = f"layer{stage}.0.downsample"
        assert pairs[f"{first}.0.weight"] == f"stage{stage}.0.shortcut.0.weight"
    assert pairs["conv1.weight"] == "stem.conv.weight"
    assert pairs["fc.bias"] == "head.fc.bias"
    # The second shortcut is the formula's own, and starts as in a new network.
    torch.manual_seed(5)
    fresh = compiled.module().state_dict()
    names = {item["name"] for item in told["fresh"]}
    assert {name[:21] for name in names} == {SHORTCUT.format(n) for n in range(1, 5)}
    assert len(names) == 24 and told["left"] == []
    for name in names:
        assert torch.equal(made[name], fresh[name]), name
    # The file is of the target's formula: it loads with nothing else said.
    module = compiled.module()
    recform.load_weights(module, compiled, out)
    assert torch.equal(module.state_dict()["stem.conv.weight"], source["conv1.weight"])


def test_networks_that_are_equal_give_equal_outputs(tmp_path: Path) -> None:
    """torchvision's weights under the default names are torchvision's network."""
    torch.manual_seed(0)
    there = torchvision.models.resnet18().double().eval()
    save_file(there.state_dict(), tmp_path / "resnet18.safetensors")
    target = example("paper/resnet_imagenet", "ResNet18")
    source = example("zoo/resnet18")
    made = transplant(tmp_path / "resnet18.safetensors", target, source)
    assert not made.match.fresh and not made.match.left
    here = target.module().double().eval()
    here.load_state_dict(dict(made.tensors), strict=True)
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(here(x), there(x), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_blocks_keep_their_places_in_their_stages(tmp_path: Path) -> None:
    """ResNet-18 in ResNet-34: the first two blocks of each stage."""
    module, made = taken_over(
        example("paper/resnet", "ResNet18"),
        example("paper/resnet", "ResNet34"),
        tmp_path,
    )
    state = module.state_dict()
    assert not made.match.left
    assert {item.name: item.origin for item in made.match.taken} == {
        k: k for k in state
    }
    later = {name.split(".W.")[0] for name in made.tensors if name not in state}
    stages = {1: [2], 2: [2, 3], 3: [2, 3, 4, 5], 4: [2]}
    assert later == {f"stage{s}.{b}" for s, blocks in stages.items() for b in blocks}


def test_other_letters_for_the_same_operators(tmp_path: Path) -> None:
    source = small()
    target = small(
        (
            "X_i = relu(X_<i-1> + k_i*W_i*X_<i-1>)",
            "y_i = relu(m_i*F_i*y_<i-1> + y_<i-1>)",
        ),
        ("W =", "F ="),
        ("scalar k_i", "scalar m_i"),
    )
    module, made = taken_over(source, target, tmp_path)
    assert made.match.renamed == {"F": "W", "m": "k", "y": "X"}
    assert not made.match.fresh and not made.match.left
    twin = target.module().double().eval()
    twin.load_state_dict(dict(made.tensors))
    x = images(source).double()
    with torch.no_grad():
        torch.testing.assert_close(twin(x), module.double()(x), rtol=1e-12, atol=0)


def test_letters_that_mean_something_else_are_not_guessed(tmp_path: Path) -> None:
    """F is no W: its pipeline is another one, though the shapes would fit."""
    plain = "stages 8 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\nW = conv(3, c) > bn > {}\n"
    source = recform.compile(plain.format("relu"))
    target = recform.compile(plain.format("tanh").replace("W", "F"))
    _, made = taken_over(source, target, tmp_path)
    assert made.match.renamed == {}
    assert {str(item.role).split("_")[0] for item in made.match.fresh} == {"F"}
    assert {item.reason for item in made.match.fresh} == {"no such part in the source"}


def test_an_operator_of_two_is_taken_by_its_letter(tmp_path: Path) -> None:
    text = "stages 8 x 2\nX_i = {}(X_<i-1> + {}_i*X_<i-1> + {}_i*X_<i-1>)"
    words = (("relu", "A", "B"), ("tanh", "B", "C"))
    source, target = (recform.compile(text.format(*three)) for three in words)
    module, made = taken_over(source, target, tmp_path)
    state = module.state_dict()
    for name, value in made.tensors.items():
        if ".B." in name:
            assert torch.equal(value, state[name])
    # One letter is left on each side, for the same kind of operator.
    assert made.match.renamed == {"C": "A"}


def test_adapters_go_by_what_they_adapt(tmp_path: Path) -> None:
    """The network with two shortcuts gives the one of X_<i-1> back."""
    module, made = taken_over(
        example("paper/resnet18_s"), example("paper/resnet18"), tmp_path
    )
    state = module.state_dict()
    for name, value in made.tensors.items():
        assert torch.equal(value, state[name])
    left = {str(item.role.owner.name) for item in made.match.left if item.role}
    assert left == {"W_<i-1>*X_<i-2>"}


def test_names_are_compared_where_the_formula_is_not_known(
    resnet50: Path, tmp_path: Path
) -> None:
    result = run(resnet50, EXAMPLES / "zoo" / "resnet50.rf")
    assert result.exit_code == 0
    assert "names were compared" in result.output
    assert "320 of 320 tensors" in result.output
    result = run(resnet50, EXAMPLES / "paper" / "resnet50_s.rf")
    assert result.exit_code == 1 and "error[RF705]" in result.stderr
    assert "--from FILE.rf" in result.stderr


def deeper(folder: Path) -> Path:
    """The small network with a block more."""
    path = folder / "deeper.rf"
    path.write_text(NETWORK.replace("4 x 2", "4 x 3"))
    return path


def test_without_o_nothing_is_written(tmp_path: Path) -> None:
    compiled = small()
    file = tmp_path / "net.safetensors"
    recform.save_weights(compiled.module(), compiled, file)
    result = run(file, deeper(tmp_path))
    assert result.exit_code == 0 and "Nothing was written" in result.output
    assert not list(tmp_path.glob("*.safetensors"))[1:]


def test_the_same_transplant_is_the_same_file(tmp_path: Path) -> None:
    compiled = small()
    file = tmp_path / "net.safetensors"
    recform.save_weights(scattered(compiled), compiled, file)
    target = deeper(tmp_path)
    outs = [tmp_path / f"{n}.safetensors" for n in range(3)]
    for out, seed in zip(outs, ("0", "0", "1"), strict=True):
        assert run(file, target, "-o", out, "--seed", seed).exit_code == 0
    first, second, third = (out.read_bytes() for out in outs)
    assert first == second != third


def test_a_dash_is_standard_output(tmp_path: Path) -> None:
    compiled = small()
    file, out = tmp_path / "net.safetensors", tmp_path / "out.safetensors"
    recform.save_weights(scattered(compiled), compiled, file)
    target = deeper(tmp_path)
    assert run(file, target, "-o", out).exit_code == 0
    result = run(file, target, "-o", "-")
    assert result.stdout_bytes == out.read_bytes()
    assert "taken" in result.stderr


def test_what_starts_afresh_has_the_precision_of_the_rest(tmp_path: Path) -> None:
    source, target = small(), small(("4 x 2", "4 x 3"))
    module = scattered(source).half()
    recform.save_weights(module, source, tmp_path / "half.safetensors")
    made = transplant(tmp_path / "half.safetensors", target)
    assert made.match.fresh
    kinds = {t.dtype for t in made.tensors.values() if t.is_floating_point()}
    assert kinds == {torch.float16}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["none.safetensors", "net.rf"], "RF001"),
        (["net.rf", "net.rf"], "RF701"),
        (["net.safetensors", "none.rf"], "RF001"),
        (["net.safetensors", "wrong.rf"], "RF104"),
        (["net.safetensors", "net.rf", "--from", "wrong.rf"], "RF104"),
        (["net.safetensors", "net.rf", "--network", "Other"], "RF502"),
        (["net.safetensors", "net.rf", "-o", "net.rf"], "RF503"),
        (["net.safetensors", "net.rf", "-o", "no/such/folder.safetensors"], "RF503"),
        (["net.safetensors", "net.rf", "--set", "nonesuch=1"], "RF501"),
    ],
)
def test_mistakes(
    arguments: list[str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "stages 4 x 2\nX_i = W_i*X_<i-1>\n"
    Path("net.rf").write_text(text)
    Path("wrong.rf").write_text("X_i = W_i X_<i-1>\n")
    recform.save_weights(recform.load("net.rf"), "net.rf", "net.safetensors")
    result = run(*arguments)
    assert result.exit_code == 1
    assert f"error[{code}]" in result.stderr
    assert Path("net.rf").read_text() == text


@pytest.mark.slow
def test_the_report_names_what_was_taken(resnet50: Path) -> None:
    target = EXAMPLES / "paper" / "resnet_imagenet_s.rf"
    origin = EXAMPLES / "zoo" / "resnet50.rf"
    result = run(resnet50, target, "--network", "ResNet50s", "--from", origin)
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "Tensors were compared by their roles." in lines
    assert "W in blocks 1-16 288 20,767,280" in lines
    assert any(
        line.startswith("starts afresh adapter of W_<i-1>*X_<i-2>") for line in lines
    )
    share = "320 of 344 tensors, 25,610,205 of 28,394,465 numbers are the source's."
    assert share in lines
    # The same figure by torch, parameters and statistics.
    source: dict[str, Any] = load_file(resnet50)
    assert sum(tensor.numel() for tensor in source.values()) == 25_610_205


SMALL = "stages 8 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\n"
WIDER = "stages 8 x 3\nX_i = X_<i-1> + W_i*X_<i-1>\n"


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_names_that_wrappers_put_prefixes_to(prefix: str, tmp_path: Path) -> None:
    """As DataParallel and torch.compile leave a state_dict: loaded, and transplanted."""
    source, target = recform.compile(SMALL), recform.compile(WIDER)
    module = scattered(source)
    wrapped = {f"{prefix}{k}": v for k, v in module.state_dict().items()}
    save_file(wrapped, tmp_path / "wrapped.safetensors")
    again = source.module()
    recform.load_weights(again, source, tmp_path / "wrapped.safetensors")
    for name, value in module.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    made = transplant(tmp_path / "wrapped.safetensors", target, source)
    assert len(made.match.taken) == len(wrapped)


def test_a_name_that_is_one_of_the_network_stays(tmp_path: Path) -> None:
    """Where the network itself has all in `module`, nothing is taken off."""
    network = recform.compile(
        SMALL + 'stem none\nhead none\ninput 8 x 8 x 8\nnames stages = "module"\n'
    )
    module = scattered(network)
    assert all(name.startswith("module.") for name in module.state_dict())
    save_file(module.state_dict(), tmp_path / "own.safetensors")
    found = recform.load_weights(
        network.module(), network, tmp_path / "own.safetensors"
    )
    assert not found.fresh


def test_the_source_is_not_written_over(tmp_path: Path) -> None:
    network = recform.compile(SMALL)
    weights = tmp_path / "w.safetensors"
    recform.save_weights(scattered(network), network, weights)
    (tmp_path / "net.rf").write_text(WIDER)
    before = weights.read_bytes()
    for out in (weights, tmp_path / "." / "w.safetensors"):
        result = run(weights, tmp_path / "net.rf", "-o", out)
        assert result.exit_code == 1
        assert "RF503" in result.stderr and "written over" in result.stderr
    for name in ("x.pt", "x.pth", "x.rf"):
        result = run(weights, tmp_path / "net.rf", "-o", tmp_path / name)
        assert result.exit_code == 1 and "this is a file of weights" in result.stderr
    assert weights.read_bytes() == before
    assert not (tmp_path / "x.pt").exists()


def test_a_formula_that_the_weights_are_not_of(tmp_path: Path) -> None:
    """A wrong --from is told as that."""
    save_file({"a.weight": torch.zeros(3)}, tmp_path / "w.safetensors")
    (tmp_path / "net.rf").write_text(WIDER)
    (tmp_path / "other.rf").write_text(SMALL)
    result = run(
        tmp_path / "w.safetensors",
        tmp_path / "net.rf",
        "--from",
        tmp_path / "other.rf",
    )
    assert result.exit_code == 1
    assert "RF705" in result.stderr
    shown = " ".join(result.stderr.split())
    assert "the tensors of Other have other names" in shown


def test_what_a_transplant_looks_like(tmp_path: Path) -> None:
    """Short, whatever it holds."""
    _, made = taken_over(recform.compile(SMALL), recform.compile(WIDER), tmp_path)
    assert len(repr(made)) < 300
    assert f"{len(made.match.taken)} taken" in repr(made)


OURS = "stages 4 x 2\nhead none\nX_i = X_<i-1> + W_i*X_<i-1>\n"
THEIRS = f'names stem = "s", stages = "layer{{}}", W = "conv"\n{OURS}'


def test_the_hint_for_tensors_under_other_names(tmp_path: Path) -> None:
    """What it says to write takes them: on the command line, and in Python."""
    (tmp_path / "net.rf").write_text(OURS)
    (tmp_path / "FILE.rf").write_text(THEIRS)
    file, out = tmp_path / "w.safetensors", tmp_path / "out.safetensors"
    save_file(recform.load(THEIRS).state_dict(), file)
    refused = run(file, tmp_path / "net.rf")
    assert refused.exit_code == 1 and "RF705" in refused.stderr
    told = re.search(r"--from (\w+\.rf)", refused.stderr)
    assert told is not None
    made = run(file, tmp_path / "net.rf", "--from", tmp_path / told[1], "-o", out)
    assert made.exit_code == 0
    module = recform.load(OURS)
    for strict in (True, False):
        with pytest.raises(CompileError) as error:
            recform.load_weights(module, OURS, file, strict=strict)
        (item,) = error.value.diagnostics
        assert item.code == "RF705" and "--from" not in item.hint
        call = re.match(r'recform\.transplant\(\.\.\., source="(.*?)"\)', item.hint)
        assert call is not None
    taken = recform.transplant(file, OURS, source=tmp_path / call[1])
    taken.write(str(tmp_path / "made.safetensors"))
    recform.load_weights(module, OURS, tmp_path / "made.safetensors")
    recform.load_weights(module, OURS, out)
    theirs = sorted(map(str, load_file(file).values()))
    assert sorted(map(str, module.state_dict().values())) == theirs


def test_no_hint_where_nothing_could_fit(tmp_path: Path) -> None:
    """No formula says what a tensor means whose shape the network does not have."""
    (tmp_path / "net.rf").write_text(OURS)
    (tmp_path / "same.rf").write_text(OURS)
    file = tmp_path / "w.safetensors"
    save_file({"weight": torch.zeros(17)}, file)
    refused = run(file, tmp_path / "net.rf")
    assert "RF705" in refused.stderr and "= hint" not in refused.stderr
    assert "weight: no such name here" in refused.stderr
    refused = run(file, tmp_path / "net.rf", "--from", tmp_path / "same.rf")
    assert "RF705" in refused.stderr and "have other names" in refused.stderr
