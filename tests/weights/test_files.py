"""Files of weights: what was written is read, and what is no such file is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import recform
from recform.diagnostics import CompileError
from recform.version import __version__
from tests.weights.networks import (
    EXAMPLES,
    SMALL,
    codes,
    example,
    images,
    scattered,
    small,
)


def told(call: Callable[[], Any]) -> tuple[str, str]:
    """The code of the only error of a call, and all of its text."""
    with pytest.raises(CompileError) as caught:
        call()
    (code,) = codes(caught.value)
    return code, str(caught.value)


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return list(first) == list(second) and all(
        torch.equal(first[key], second[key]) for key in first
    )


@pytest.mark.parametrize("case", ["small", "language/names", "language/using"])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_what_is_written_is_read(case: str, kind: torch.dtype, tmp_path: Path) -> None:
    compiled = small() if case == "small" else example(case)
    module = scattered(compiled).to(kind)
    file = tmp_path / "net.safetensors"
    recform.save_weights(module, compiled, file)
    other = scattered(compiled, seed=1).to(kind)
    assert not equal(module, other)
    found = recform.load_weights(other, compiled, file)
    assert equal(module, other)
    assert len(found.taken) == len(module.state_dict())
    assert (found.basis, found.fresh, found.left) == ("formula", (), ())


def test_the_file_says_its_formula(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    used = "W = conv(3, c, stride=s) > bn\n"
    text = 'param w = 4\nuse "parts/a.rf"\nstages w x 2\nX_i = W_i*X_<i-1>\n'
    (tmp_path / "parts" / "a.rf").write_text(used)
    (tmp_path / "b.rf").write_text(text)
    file = tmp_path / "b.safetensors"
    module = recform.load(tmp_path / "b.rf", w=8)
    recform.save_weights(module, tmp_path / "b.rf", file, w=8)
    with safe_open(str(file), framework="pt") as held:
        (metadata,) = held.metadata().items()
    assert metadata[0] == "recform"
    said = json.loads(metadata[1])
    compiled = recform.compile(tmp_path / "b.rf", w=8)
    assert said["formula"] == text
    assert (said["file"], said["used"]) == ("b.rf", {"parts/a.rf": used})
    assert (said["network"], said["settings"]) == ("B", {"w": "8"})
    assert said["recform"] == __version__
    # The hash of the text is that in the header of the generated module.
    assert f"sha256:  {said['sha256']}" in compiled.source
    # Written out, it is the same formula, and the other width another.
    flat = text.replace('use "parts/a.rf"', used)
    recform.load_weights(recform.load(flat, w=8), flat, file, w=8)
    narrow = recform.load(flat)
    code, shown = told(lambda: recform.load_weights(narrow, flat, file))
    assert code == "RF702"
    assert "- stages 8 x 2" in shown and "+ stages 4 x 2" in shown


def test_the_same_weights_make_the_same_file(tmp_path: Path) -> None:
    compiled = small()
    for name in ("a", "b"):
        recform.save_weights(scattered(compiled), compiled, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_libraries_read_it(tmp_path: Path) -> None:
    compiled = small()
    module = scattered(compiled)
    recform.save_weights(module, compiled, tmp_path / "net.safetensors")
    tensors = load_file(tmp_path / "net.safetensors")
    module.load_state_dict(tensors, strict=True)


def test_the_same_formula_under_other_names(tmp_path: Path) -> None:
    """Letters, labels and places differ, and the outputs are the same."""
    one = small()
    other = small(
        ("X_", "y_"),
        ("W", "Q"),
        ("k_i", "m_i"),
        ("stem conv", 'names Q = ".", stages = "layer{}"\nstem first: conv'),
        ("SE", "Gate"),
    )
    module, twin = scattered(one).double(), scattered(other, seed=1).double()
    assert set(module.state_dict()).isdisjoint(k for k in twin.state_dict() if "Q" in k)
    recform.save_weights(module, one, tmp_path / "one.safetensors")
    found = recform.load_weights(twin, other, tmp_path / "one.safetensors")
    assert found.basis == "formula"
    x = images(one).double()
    with torch.no_grad():
        torch.testing.assert_close(twin(x), module(x), rtol=1e-12, atol=0)


def test_letters_that_change_places(tmp_path: Path) -> None:
    """Both networks have the same names, and each tensor is under the other one."""
    text = "stages 8 x 2\nX_i = relu(F_i*X_<i-1>) + G_i*X_<i-1>"
    swapped = text.replace("F", "H").replace("G", "F").replace("H", "G")
    one, other = recform.compile(text), recform.compile(swapped)
    module, twin = scattered(one).double(), scattered(other, seed=1).double()
    assert set(module.state_dict()) == set(twin.state_dict())
    recform.save_weights(module, one, tmp_path / "one.safetensors")
    recform.load_weights(twin, other, tmp_path / "one.safetensors")
    x = images(one).double()
    with torch.no_grad():
        torch.testing.assert_close(twin(x), module(x), rtol=1e-12, atol=0)


def test_weights_of_another_formula(tmp_path: Path) -> None:
    one, other = small(), small(("X_<i-1> + k_i", "X_<i-1> - k_i"))
    module, target = scattered(one), scattered(other, seed=1)
    before = {key: value.clone() for key, value in target.state_dict().items()}
    file = tmp_path / "one.safetensors"
    recform.save_weights(module, one, file)
    code, shown = told(lambda: recform.load_weights(target, other, file))
    assert code == "RF702"
    assert "  | - X_i = relu(X_<i-1> + k_i*W_i*X_<i-1>)" in shown
    assert "  | + X_i = relu(X_<i-1> - k_i*W_i*X_<i-1>)" in shown
    assert "  |   ~ over 1 block: k_L*W_L (weight 1 -> -1)" in shown
    assert "stem" not in shown and "  = hint: strict=False" in shown
    # Nothing was loaded; with strict=False all is, for the parts are the same.
    assert all(torch.equal(before[k], v) for k, v in target.state_dict().items())
    found = recform.load_weights(target, other, file, strict=False)
    assert found.basis == "roles" and not found.fresh and not found.left
    assert equal(module, target)


def test_equations_that_are_equal_and_written_otherwise(tmp_path: Path) -> None:
    one, other = example("paper/eq20"), example("paper/eq21")
    module = one.module()
    recform.save_weights(module, one, tmp_path / "one.safetensors")
    _, shown = told(
        lambda: recform.load_weights(
            other.module(), other, tmp_path / "one.safetensors"
        )
    )
    assert "equal as functions of their operators" in shown


def test_a_file_that_says_nothing_of_its_formula(tmp_path: Path) -> None:
    """torchvision's tensors, under torchvision's names: the outputs are torchvision's."""
    torch.manual_seed(0)
    there = torchvision.models.resnet18().double().eval()
    save_file(there.state_dict(), tmp_path / "resnet18.safetensors")
    here = recform.load(EXAMPLES / "zoo" / "resnet18.rf").double().eval()
    found = recform.load_weights(
        here, EXAMPLES / "zoo" / "resnet18.rf", tmp_path / "resnet18.safetensors"
    )
    assert found.basis == "names"
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(here(x), there(x), rtol=0, atol=1e-6)


def test_a_file_that_lacks_a_tensor_or_has_one_more(tmp_path: Path) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    state = scattered(compiled).state_dict()
    missing = {k: v for k, v in state.items() if k != "stem.conv.weight"}
    save_file(missing | {"more": torch.zeros(2)}, file)
    module = scattered(compiled, seed=1)
    kept = module.state_dict()["stem.conv.weight"].clone()
    code, shown = told(lambda: recform.load_weights(module, compiled, file))
    assert code == "RF703"
    assert "stem.conv.weight: no such name in the source" in shown
    assert "more: no such name here" in shown
    found = recform.load_weights(module, compiled, file, strict=False)
    assert [item.name for item in found.fresh] == ["stem.conv.weight"]
    assert [item.name for item in found.left] == ["more"]
    assert torch.equal(module.state_dict()["stem.conv.weight"], kept)
    assert torch.equal(module.state_dict()["stem.bn.bias"], state["stem.bn.bias"])


def test_a_head_of_another_size(tmp_path: Path) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    recform.save_weights(scattered(compiled, classes=5), compiled, file)
    module = compiled.module()
    code, shown = told(lambda: recform.load_weights(module, compiled, file))
    assert code == "RF703" and "head.fc.weight: 5 x 8 in the source, 10 x 8" in shown
    found = recform.load_weights(module, compiled, file, strict=False)
    assert [item.name for item in found.fresh] == ["head.fc.weight", "head.fc.bias"]


def test_a_module_of_another_network(tmp_path: Path) -> None:
    compiled, other = small(), example("language/shared")
    file = tmp_path / "net.safetensors"
    code, _ = told(lambda: recform.save_weights(other.module(), compiled, file))
    assert code == "RF703" and not file.exists()
    recform.save_weights(compiled.module(), compiled, file)
    code, _ = told(lambda: recform.load_weights(other.module(), compiled, file))
    assert code == "RF703"


def test_tensors_without_numbers(tmp_path: Path) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    with torch.device("meta"):
        module = compiled.module()
    code, shown = told(lambda: recform.save_weights(module, compiled, file))
    assert code == "RF703" and "meta" in shown and not file.exists()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def header_only(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:300])


def text(file: Path) -> None:
    file.write_text("no weights at all, but a text of some length")


def empty(file: Path) -> None:
    file.write_bytes(b"")


def pickled(file: Path) -> None:
    torch.save({"a": torch.zeros(2)}, file)


def gone(file: Path) -> None:
    file.unlink()


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (cut, "RF701"),
        (header_only, "RF701"),
        (text, "RF701"),
        (empty, "RF701"),
        (pickled, "RF701"),
        (gone, "RF001"),
        (folder, "RF006"),
    ],
)
def test_damaged_files(damage: Any, expected: str, tmp_path: Path) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    recform.save_weights(compiled.module(), compiled, file)
    damage(file)
    code, shown = told(lambda: recform.load_weights(compiled.module(), compiled, file))
    assert code == expected and "net.safetensors" in shown


def recorded(place: Path, **changes: Any) -> None:
    """Writes the weights again, with something else said of them."""
    with safe_open(str(place), framework="pt") as held:
        said = json.loads(held.metadata()["recform"])
    save_file(load_file(place), place, metadata={"recform": json.dumps(said | changes)})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"formula": "X_i = W_i X_<i-1>"}, "RF704"),
        ({"formula": "X_i = nonesuch(X_<i-1>)"}, "RF704"),
        ({"formula": "x" * 40_000}, "RF704"),
        ({"network": "Other"}, "RF704"),
        ({"settings": {"classes": "1e999999999"}}, "RF704"),
        ({"settings": {"classes": "__import__('os')"}}, "RF704"),
        ({"settings": {"classes": "9/0"}}, "RF704"),
        ({"formula": 'use "/etc/passwd"\nX_i = W_i*X_<i-1>'}, "RF704"),
        ({"file": "/etc/net.rf", "formula": 'use "passwd"\nX_i = W_i'}, "RF704"),
        ({"used": 3}, "RF701"),
        ({"settings": {"classes": 10}}, "RF701"),
        ({"formula": None}, "RF701"),
    ],
)
def test_a_file_that_says_something_odd_of_its_formula(
    changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    recform.save_weights(compiled.module(), compiled, file)
    recorded(file, **changes)
    code, shown = told(lambda: recform.load_weights(compiled.module(), compiled, file))
    assert code == expected and "Traceback" not in shown


def test_files_that_a_formula_uses_stay_in_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads out of the folder is not written there."""
    compiled, file = small(), tmp_path / "net.safetensors"
    recform.save_weights(compiled.module(), compiled, file)
    absolute = (tmp_path / "absolute.rf").as_posix()
    used = {
        "../../../../escaped.rf": "# one\n",
        absolute: "# two\n",
        "in.rf": "# three\n",
    }
    recorded(file, formula=f"{SMALL}# other\n", used=used)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    code, _ = told(lambda: recform.load_weights(compiled.module(), compiled, file))
    assert code == "RF704"
    left = sorted(path.name for path in tmp_path.rglob("*"))
    assert left == ["net.safetensors", "temporary"]


def test_formulas_that_use_files_above_them(tmp_path: Path) -> None:
    (tmp_path / "nets" / "deep").mkdir(parents=True)
    (tmp_path / "a.rf").write_text('use "nets/b.rf"\n')
    (tmp_path / "nets" / "b.rf").write_text("W = conv(3, c, stride=s) > bn\n")
    path = tmp_path / "nets" / "deep" / "net.rf"
    path.write_text('use "../../a.rf"\nstages 4 x 2\nX_i = W_i*X_<i-1>\n')
    file = tmp_path / "net.safetensors"
    recform.save_weights(recform.load(path), path, file)
    flat = "stages 4 x 2\nW = conv(3, c, stride=s) > bn\nX_i = W_i*X_<i-1>"
    assert recform.load_weights(recform.load(flat), flat, file).basis == "formula"


def test_an_existing_file_stays_where_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, file = small(), tmp_path / "net.safetensors"
    file.write_text("precious")

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    code, _ = told(lambda: recform.save_weights(compiled.module(), compiled, file))
    assert code == "RF503"
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]
    assert file.read_text() == "precious"


def test_formulas_with_plugins(tmp_path: Path) -> None:
    plugin = tmp_path / "twice.py"
    plugin.write_text(
        "from recform.blocks import Emitted, Operator\n\n\n"
        "class Twice(Operator):\n"
        '    name = "twice"\n    about = "doubles"\n\n'
        "    def emit(self, x, a):\n"
        '        return Emitted("{x} + {x}")\n'
    )
    text = "stages 4 x 2\nW = conv(3, c, stride=s) > twice > bn\nX_i = W_i*X_<i-1>\n"
    compiled = recform.compile(text, plugins=[plugin])
    module, file = scattered(compiled), tmp_path / "net.safetensors"
    recform.save_weights(module, compiled, file)
    other = recform.compile(f"{text}# the same", plugins=[plugin])
    target = scattered(other, seed=1)
    recform.load_weights(target, other, file, plugins=[plugin])
    assert equal(module, target)
    code, shown = told(lambda: recform.load_weights(target, other, file))
    assert code == "RF704" and "plugin" in shown
