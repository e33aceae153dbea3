"""Weights of an earlier version, which had other names for some parts, are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import recform
from recform.compiler import Compiled
from recform.diagnostics import CompileError
from recform.weights import transplant
from tests.weights.networks import codes

#: Written by the version before `shortcut_wx`, of the formulas below.
FILES = Path(__file__).parent / "earlier"
SMALL = "input 2 x 4 x 4\nstages 2 x {}, 3 x {}\n"


@dataclass(frozen=True)
class Case:
    """A file.

    Attributes:
        text: its formula.
        network: the name of it, where the text has several.
        names: what adapters were called, and are called.
        outputs: the first numbers that the network had on the image of the test.
    """

    text: str
    names: dict[str, str]
    outputs: list[float]
    network: str | None = None

    @property
    def compiled(self) -> Compiled:
        return recform.compile(self.text, self.network)


CASES = {
    "plain": Case(
        SMALL.format(1, 2) + "W = conv(1, c, stride=s)\n"
        "X_i = X_<i-1> + W_i*X_<i-1> - W_<i-1>*X_<i-2>\n",
        {"shortcut.": "shortcut.", "shortcut2.": "shortcut_wx."},
        [0.33215320, 0.23427696, 0.30642333, 0.18950381, 0.32036042, 0.19859760],
    ),
    "named": Case(
        SMALL.format(2, 2)
        + 'names adapter = "down", W = "down3", stages = "layer{}"\n\n'
        "network First\nW = conv(1, c, stride=s)\n"
        "X_i = X_<i-1> + W_i*X_<i-1> - W_<i-1>*X_<i-2>\n\n"
        "network Second\nW = conv(1, c, stride=s)\n"
        "X_i = 0.5*X_<i-1> + 0.5*X_<i-2> + W_i*X_<i-3>\n",
        {"down.": "down.", "down2.": "down_x_prev2."},
        [0.31080514, 0.51303517, 0.46092849, 0.49609786, 0.47546681, 0.28830274],
        "Second",
    ),
    # The adapter of X was the second one, and has the other's name now.
    "swapped": Case(
        SMALL.format(1, 1) + "F = conv(1, c, stride=s)\n"
        "V_i = 0.9*V_<i-1> + F_i*X_<i-1>\nX_i = X_<i-1> + V_i\nV_0 = 0\noutput X_L\n",
        {"shortcut.": "shortcut_v.", "shortcut2.": "shortcut."},
        [0.54557967, 0.58617806, 0.50280803, 0.57100743, 0.51785743, 0.45855820],
    ),
}


def today(name: str, case: Case) -> str:
    """What a tensor of a file is called now."""
    for before, after in case.names.items():
        if f".{before}" in name:
            return name.replace(f".{before}", f".{after}")
    return name


@pytest.mark.parametrize("name", CASES)
def test_adapters_with_numbers_are_found(name: str) -> None:
    case = CASES[name]
    module = case.compiled.module().eval()
    found = recform.load_weights(module, case.compiled, FILES / f"{name}.safetensors")
    assert (found.fresh, found.left) == ((), ())
    held = load_file(FILES / f"{name}.safetensors")
    state = module.state_dict()
    assert {today(key, case) for key in held} == set(state)
    for key, value in held.items():
        assert torch.equal(state[today(key, case)], value), key
    x = torch.arange(64.0).reshape(2, 2, 4, 4) / 64
    torch.testing.assert_close(module(x)[0, :6], torch.tensor(case.outputs))


@pytest.mark.parametrize("name", CASES)
def test_a_transplant_finds_them_too(name: str, tmp_path: Path) -> None:
    """With the formula that the file has, with one that is told, and by names alone."""
    case, file = CASES[name], FILES / f"{name}.safetensors"
    bare = tmp_path / "bare.safetensors"
    save_file(load_file(file), bare)
    for made in (
        transplant(file, case.compiled),
        transplant(bare, case.compiled, case.compiled),
        transplant(bare, case.compiled),
    ):
        assert (made.match.fresh, made.match.left) == ((), ())
        for key, value in load_file(file).items():
            assert torch.equal(made.tensors[today(key, case)], value), key


def test_another_name_is_no_earlier_one(tmp_path: Path) -> None:
    case = CASES["plain"]
    held = load_file(FILES / "plain.safetensors")
    other = {
        key.replace("shortcut2", "shortcut4"): value for key, value in held.items()
    }
    save_file(other, tmp_path / "other.safetensors")
    module = case.compiled.module()
    with pytest.raises(CompileError) as caught:
        recform.load_weights(module, case.compiled, tmp_path / "other.safetensors")
    assert codes(caught.value) == ["RF703"]
    assert "stage2.0.shortcut_wx.0.weight: no such name" in str(caught.value)


@pytest.mark.parametrize(
    ("stages", "before"),
    [
        ("4 x 2", {"blocks": "stage1"}),
        (
            "4 x 1, 5 x 1, 6 x 1",
            {"transition2": "transition1", "transition3": "transition2"},
        ),
    ],
)
def test_containers_of_a_row_are_found(
    stages: str, before: dict[str, str], tmp_path: Path
) -> None:
    compiled = recform.compile(
        f'scope stage\ninput 4\nstages {stages}\nnames stem = "features.0"\n'
        "X_i = X_<i-1> + W_i*X_<i-1>\n"
    )
    state = compiled.module().state_dict()
    paths = {name: name.split(".") for name in state}
    assert before.keys() <= {path[0] for path in paths.values()}
    save_file(
        {
            ".".join((before.get(head, head), *rest)): state[name]
            for name, (head, *rest) in paths.items()
        },
        tmp_path / "row.safetensors",
    )
    module = compiled.module()
    recform.load_weights(module, compiled, tmp_path / "row.safetensors")
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, state[name])
