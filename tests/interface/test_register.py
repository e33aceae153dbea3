"""Formula files in timm's registry: names, files that change, what goes wrong."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

import recform.timm
from recform.diagnostics import CompileError
from recform.timm import networks

BODY = "input 3 x 16 x 16\nstages 8 x 1, 12 x 2 / 2\nX_i = X_<i-1> + W_i*X_<i-1>\n"
TWO = f"{BODY}network Left\nnetwork Right\n"


# Once in a process: timm keeps what is registered, though another file comes between.
@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formulas")


@pytest.fixture
def file(folder: Path) -> Path:
    """The same file in each test: a name belongs to the file that it was registered for."""
    path = folder / "net.rf"
    path.write_text(f"network Tiny\n{BODY}")
    return path


def codes(error: pytest.ExceptionInfo[CompileError]) -> list[str]:
    return [item.code for item in error.value.diagnostics]


def test_the_name_is_that_of_the_network(file: Path) -> None:
    assert recform.timm.register(file) == ("rf_tiny",)
    assert "rf_tiny" in timm.list_models("rf_*")
    assert timm.is_model("rf_tiny") and "rf_tiny" not in timm.list_pretrained("rf_*")
    assert networks.__all__.count("rf_tiny") == 1
    model = timm.create_model("rf_tiny", num_classes=5, in_chans=1, drop_rate=0.2)
    assert model(torch.randn(2, 1, 16, 16)).shape == (2, 5)
    assert model.default_cfg["input_size"] == (3, 16, 16)
    assert recform.timm.register(str(file), "mine") == ("mine",)
    assert timm.create_model("mine").num_classes == 10


def test_a_file_that_changes_takes_its_own_place(file: Path) -> None:
    recform.timm.register(file)
    file.write_text(f"network Tiny\nparam classes = 3\n{BODY}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert recform.timm.register(file) == ("rf_tiny",)
    assert timm.create_model("rf_tiny").num_classes == 3
    assert recform.timm.register(file, classes=4) == ("rf_tiny",)
    model = timm.create_model("rf_tiny")
    assert model.num_classes == model.default_cfg["num_classes"] == 4
    assert timm.list_models("rf_tiny") == ["rf_tiny"]
    assert networks.__all__.count("rf_tiny") == 1


def test_networks_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "two.rf"
    path.write_text(TWO)
    assert recform.timm.register(path) == ("rf_left", "rf_right")
    assert recform.timm.register(path, network="Left") == ("rf_left",)
    assert recform.timm.register(path, "other", network="Right") == ("other",)
    with pytest.raises(CompileError) as error:
        recform.timm.register(path, "both")
    assert codes(error) == ["RF502"]
    path.write_text(f"{BODY}network Same\nnetwork SAME\n")
    with pytest.raises(CompileError) as error:
        recform.timm.register(path)
    assert codes(error) == ["RF522"]


def test_a_name_that_another_model_has(file: Path, tmp_path: Path) -> None:
    recform.timm.register(file)
    other = tmp_path / "other.rf"
    other.write_text(f"network Tiny\nparam classes = 77\n{BODY}")
    for path, name in ((other, None), (file, "resnet18"), (file, "res net")):
        with pytest.raises(CompileError) as error:
            recform.timm.register(path, name)
        assert codes(error) == ["RF522"]
    assert timm.create_model("rf_tiny").num_classes == 10
    assert timm.create_model("resnet18").num_features == 512


def test_nothing_is_registered_of_a_wrong_file(tmp_path: Path) -> None:
    path = tmp_path / "wrong.rf"
    path.write_text(f"{BODY}network Fine\nnetwork Headless\nhead avgpool\n")
    with pytest.raises(CompileError) as error:
        recform.timm.register(path)
    assert codes(error) == ["RF521"]
    assert not timm.is_model("rf_fine")
    with pytest.raises(CompileError):
        recform.timm.register(tmp_path / "missing.rf")


def test_text(file: Path) -> None:
    assert recform.timm.register(f"network Typed\n{BODY}") == ("rf_typed",)
    assert recform.timm.register(f"network Typed\n{BODY}", classes=3) == ("rf_typed",)
    assert timm.create_model("rf_typed").num_classes == 3


def test_no_weights(file: Path) -> None:
    recform.timm.register(file)
    with pytest.raises(RuntimeError, match="No pretrained weights"):
        timm.create_model("rf_tiny", pretrained=True)


def test_features_by_hooks(file: Path) -> None:
    """`module` in feature_info is one that can be hooked."""
    recform.timm.register(file)
    torch.manual_seed(0)
    hooked = timm.create_model("rf_tiny", features_only=True, feature_cls="hook").eval()
    torch.manual_seed(0)
    model = timm.create_model("rf_tiny").eval()
    x = torch.randn(2, 3, 16, 16)
    for one, other in zip(hooked(x), model.forward_intermediates(x)[1], strict=True):
        assert torch.equal(one, other)


def test_without_timm(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ImportError, match="pip install timm"):
        recform.timm.register(file)


#: Names that timm has, and no example of ours.
ONE = f"network Xception41\n{BODY}"
SEVERAL = f"{BODY}network Xception41\nnetwork Xception65\n"


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (ONE, {"name": "resnet18"}),
        (ONE, {"prefix": ""}),
        (ONE, {"name": "res net"}),
        (ONE, {"name": "7"}),
        (ONE, {"prefix": "my-"}),
        (SEVERAL, {"prefix": ""}),
        (SEVERAL, {"prefix": "4"}),
        (SEVERAL, {"prefix": "", "network": "Xception41"}),
        (f"{BODY}network Same\nnetwork SAME\n", {}),
        (f"{BODY}network Twice\nnetwork TWICE\nnetwork Other\n", {}),
    ],
)
def test_the_hint_of_a_name_leads_to_a_model(
    text: str, arguments: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "net.rf"
    path.write_text(text)
    with pytest.raises(CompileError) as error:
        recform.timm.register(path, **arguments)
    assert set(codes(error)) == {"RF522"}
    for item in error.value.diagnostics:
        call = re.fullmatch(r"register\(\.\.\., (.*)\)", item.hint)
        assert call is not None
        told = eval(f"dict({call[1]})")
        names = recform.timm.register(path, **{**arguments, **told})
        assert all(timm.create_model(name).num_classes == 10 for name in names)
    assert timm.create_model("resnet18").num_features == 512


def test_prefix(file: Path) -> None:
    assert recform.timm.register(file, prefix="mine_") == ("mine_tiny",)
    assert recform.timm.register(file, "whole", prefix="mine_") == ("whole",)


CIFAR = {"mean": (0.4914, 0.4822, 0.4465), "std": (0.247, 0.2435, 0.2616)}
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
GREY = {"mean": (0.5,), "std": (0.5,)}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("3 x 32 x 32", {"crop_pct": 1.0, **CIFAR}),
        ("3 x 64 x 64", {"crop_pct": 1.0, **IMAGENET}),
        ("3 x 224 x 224", {"crop_pct": 0.875, **IMAGENET}),
        ("1 x 28 x 28", {"crop_pct": 1.0, **GREY}),
        ("1 x 224 x 224", {"crop_pct": 0.875, **GREY}),
    ],
)
def test_pictures_are_made_ready_for_the_input(
    image: str, expected: dict[str, object]
) -> None:
    """timm makes of a picture, by itself, what the network takes."""
    text = BODY.replace("3 x 16 x 16", image)
    (name,) = recform.timm.register(f"network Pictures\n{text}")
    model = timm.create_model(name)
    config = resolve_model_data_config(model)
    assert {key: config[key] for key in expected} == expected
    channels, *size = config["input_size"]
    white = (255, 255, 255) if channels == 3 else 255
    picture = Image.new("RGB" if channels == 3 else "L", (size[1], size[0]), white)
    made = create_transform(**config, is_training=False)(picture)
    assert tuple(made.shape) == config["input_size"]
    top = [(1 - m) / s for m, s in zip(config["mean"], config["std"], strict=True)]
    torch.testing.assert_close(made[:, 3, 5], torch.tensor(top))
    assert model(made[None]).shape == (1, 10)


def test_entries_of_the_configuration(file: Path) -> None:
    given = {"mean": [0.1, 0.2, 0.3], "crop_pct": 0.9, "interpolation": "bilinear"}
    recform.timm.register(file, default_cfg=given)
    config = resolve_model_data_config(timm.create_model("rf_tiny"))
    assert {key: config[key] for key in given} == given
    recform.timm.register(file)
    assert timm.create_model("rf_tiny").default_cfg["crop_pct"] == 1.0


@pytest.mark.parametrize(
    ("given", "code", "hint"),
    [
        ({"crop": 1.0}, "RF523", "'crop_pct'"),
        ({"num_classes": 3}, "RF523", "the formula"),
        ({"mean": (0.5,)}, "RF524", "(0.5, 0.5, 0.5)"),
        ({"std": 0.5}, "RF524", "(0.5, 0.5, 0.5)"),
        ({"std": "abc"}, "RF524", "(0.5, 0.5, 0.5)"),
        ({"crop_pct": 87.5}, "RF524", "0.875"),
    ],
)
def test_wrong_entries(given: dict[str, object], code: str, hint: str) -> None:
    text = f"network Wrong\n{BODY}"
    with pytest.raises(CompileError) as error:
        recform.timm.register(text, default_cfg=given)
    assert codes(error) == [code] and hint in error.value.diagnostics[0].hint
    assert not timm.is_model("rf_wrong")
    if "default_cfg=" in error.value.diagnostics[0].hint:
        told = eval(f"dict({error.value.diagnostics[0].hint})")
        assert recform.timm.register(text, "rf_mended", **told) == ("rf_mended",)
