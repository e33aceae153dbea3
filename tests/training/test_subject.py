"""What is trained fits the data, or a diagnostic says why not."""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from recform.cli.app import app
from recform.compiler import Compiled, choose, compile_source, read
from recform.diagnostics import CompileError, Diagnostic
from recform.training.screen import Silent
from recform.training.session import of_formula, of_module, run
from recform.training.subject import Factory
from tests.training.helpers import FAST, TINY, planned, told, trained, wanted, weights

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def refused(folder: Path, text: str, **options: Any) -> Diagnostic:
    with pytest.raises(CompileError) as caught:
        planned(folder, text, **options)
    return told(caught.value)


def example(name: str, folder: Path, network: str | None = None, **more: Any) -> Any:
    source, beside = read(EXAMPLES / name)

    def compiling(settings: dict[str, Any]) -> Compiled:
        return choose(compile_source(source, settings, beside, (), network), network)

    return of_formula(compiling, wanted(folder, **more))


# -- formulas


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("paper/resnet_imagenet.rf", "ResNet18"),
        ("paper/one_line.rf", None),
        ("paper/a5_printed.rf", None),
        ("language/vision_transformer.rf", None),
    ],
)
def test_files_of_other_sizes_fit_digits(
    name: str, network: str | None, tmp_path: Path
) -> None:
    plan = example(name, tmp_path, network)
    compiled = plan.subject.compiled
    assert compiled.formula.input.sizes == (1, 8, 8)
    assert compiled.graph.output.sizes == (10,)
    assert dict(compiled.settings)["input"] == "1x8x8"


def test_the_user_s_own_sizes_stay(tmp_path: Path) -> None:
    item = refused(tmp_path, TINY, settings={"input": "3x8x8"})
    assert item.code == "RF807"
    assert "takes 3 x 8 x 8, and digits has 1 x 8 x 8" in item.message
    item = refused(tmp_path, TINY, settings={"classes": 7})
    assert item.code == "RF807"
    assert "gives 7, and digits needs 10" in item.message
    assert "--set classes" in item.hint


def test_data_have_one_input(tmp_path: Path) -> None:
    text = TINY.replace("X_<i-1>", "X_<i-1>*e", 1) + "\ninput e = 8\n"
    item = refused(tmp_path, text)
    assert item.code == "RF807"
    assert "takes more than one input (e), and digits has one" in item.message


def test_a_file_without_classes(tmp_path: Path) -> None:
    fixed = TINY.replace("param classes = 10\n", "")
    item = refused(tmp_path, fixed.replace("linear(classes)", "linear(7)"))
    assert item.code == "RF807"
    # What the hint says is enough.
    assert "`param classes = 10`" in item.hint
    assert "linear(classes)" in item.hint
    assert planned(tmp_path, TINY).data.classes == 10
    item = refused(tmp_path, TINY.replace(" > linear(classes)", ""))
    assert (item.code, "gives 16, and" in item.message) == ("RF807", True)
    # Without a head there is the usual one.
    assert planned(tmp_path, TINY.replace("head avgpool > linear(classes)\n", ""))
    # A file that has the right number by itself is fine.
    assert planned(tmp_path, fixed.replace("(classes)", "(10)"))


def test_an_image_that_is_too_small(tmp_path: Path) -> None:
    deep = TINY.replace("stages 8 x 2, 16 x 1 / 2", "stages 8 x 1").replace(
        "stem conv(3, 8)", "input 1 x 32 x 32\nstem conv(20, 8, padding=0)"
    )
    item = refused(tmp_path, deep.replace("input 1 x 8 x 8\n", ""))
    assert item.code == "RF807"
    assert "cannot be built for digits" in item.message
    assert "--set input=1x8x8" in item.hint


VECTOR = """network Perceptron
param classes = 10
input 20
stages 32 x 2
head linear(classes)
X_i = relu(X_<i-1> + W_i*X_<i-1>)
"""


def test_a_vector_has_all_numbers_of_an_image(tmp_path: Path) -> None:
    plan = planned(tmp_path, VECTOR, "lr=0.02", "batch=64")
    inputs, _ = next(plan.data.train.batches([torch.arange(5)], _pass()))
    assert inputs.shape == (5, 64)
    assert run(plan, Silent()).accuracy > 0.5


def _pass() -> Any:
    from recform.training.examples import Pass

    return Pass()


def test_names_do_not_matter_and_start_values_do(tmp_path: Path) -> None:
    one = planned(tmp_path, TINY).subject.digest
    other = "# mine\n" + TINY.replace("Tiny", "Small").replace("3, c,", "3,c,")
    assert planned(tmp_path, other).subject.digest == one
    started = planned(tmp_path, TINY + "init conv = normal(0.1)\n")
    assert started.subject.digest != one
    wider = planned(tmp_path, TINY.replace("8 x 2", "8 x 3"))
    assert wider.subject.digest != one


SHARED = TINY.replace("W_i*", "W*").replace(", 16 x 1 / 2", "")


def test_weights_that_blocks_share(tmp_path: Path) -> None:
    from recform.training.engine import Stopped
    from tests.training.test_resume import Stopping

    with pytest.raises(Stopped):
        run(planned(tmp_path, SHARED), Stopping(6))
    trained(tmp_path, SHARED)
    trained(tmp_path, SHARED, name="whole")
    one, other = weights(tmp_path / "run"), weights(tmp_path / "whole")
    assert all(torch.equal(one[name], other[name]) for name in one)


# -- modules


class Net(nn.Module):
    def __init__(self, classes: int, width: int = 4, scores: int = 1) -> None:
        super().__init__()
        self.fc = nn.Linear(64, width)
        self.out = nn.Linear(width, classes * scores)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        return self.out(torch.relu(self.fc(x.flatten(1)))), 3


class Tokens(nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Embedding(vocabulary, 8), nn.Linear(8, vocabulary, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.net(x)
        return made


class Nothing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :10]


class Late(Net):
    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        if self.training:
            raise KeyError("late")
        return super().forward(x)


def exits(classes: int) -> nn.Module:
    raise SystemExit


def lazy(classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))


COUNT = itertools.count(1)


def another(classes: int) -> nn.Module:
    return Net(classes, next(COUNT))


def speaks(classes: int) -> nn.Module:
    print("a word of the user's")
    return Net(classes)


class Exits(Net):
    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        sys.exit(0)


class Unsteady(Net):
    """It has scores while it learns, and none behind that."""

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        scores, more = super().forward(x)
        return scores if self.training else scores / 0, more


def test_what_a_module_prints_is_no_part_of_the_answer(tmp_path: Path) -> None:
    words = [f"--override={change}" for change in FAST]
    words += ["--device", "cpu", "--runs", str(tmp_path), "--json"]
    made = CliRunner().invoke(app, ["train", "--module", f"{__name__}:speaks", *words])
    assert json.loads(made.stdout)["ok"]
    assert "a word of the user's" in made.stderr


def test_scores_that_are_no_numbers_are_not_right(tmp_path: Path) -> None:
    for overrides, words in (
        ((), "held-out"),
        (("validation=0", "select=last"), "test"),
    ):
        plan = of_module(Unsteady, wanted(tmp_path, (*FAST, *overrides), name=words))
        with pytest.raises(CompileError) as caught:
            run(plan, Silent())
        item = told(caught.value)
        assert item.code == "RF811"
        assert f"the scores of {words} examples, behind step" in item.message
        assert plan.run.result() is None


def test_a_module_of_ones_own(tmp_path: Path) -> None:
    plan = of_module(Net, wanted(tmp_path, settings={"width": 16}))
    result = run(plan, Silent())
    assert (result.network, result.parameters) == ("Net", 65 * 16 + 17 * 10)
    assert result.multiply_adds is None
    module = Net(10, 16)
    module.load_state_dict(weights(tmp_path / "run"))
    other = of_module(Net, wanted(tmp_path, settings={"width": 8}))
    assert other.subject.digest != plan.subject.digest


def test_a_module_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program `recform` has its own folder in the path, and not the user's."""
    text = "from torch import nn\ndef own(): return nn.Sequential(nn.Flatten(), LAST)\n"
    (tmp_path / "own_here.py").write_text(text.replace("LAST", "nn.Linear(64, 10)"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != ""])
    plan = of_module("own_here:own", wanted(tmp_path))
    assert plan.subject.name == "own" and sys.path[0] == str(tmp_path)


def test_a_module_is_what_its_parts_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a run of what was changed would be complete already."""
    head = "from torch import nn\nclass Part(nn.Linear):\n    def forward(self, x):\n"
    part = head + "        return super().forward(x) * {}\n"
    (tmp_path / "own_part.py").write_text(part.format(2))
    net = "from own_part import Part\ndef net(classes):\n    return Part(64, classes)\n"
    (tmp_path / "own_net.py").write_text(net)
    monkeypatch.syspath_prepend(tmp_path)
    call = importlib.import_module("own_net").net
    found = [Factory("own_net:net", call, {"classes": 10}).digest for _ in range(2)]
    (tmp_path / "own_part.py").write_text(part.format(10))
    found.append(Factory("own_net:net", call, {"classes": 10}).digest)
    assert found[0] == found[1] != found[2]


def test_torchvision_s_resnet18(tmp_path: Path) -> None:
    import sympy

    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8), np.arange(24) % 3
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    options = {
        "data": f"npz:{tmp_path / 'a.npz'}",
        # As the command line reads --set.
        "settings": {"width_per_group": sympy.Rational(64)},
    }
    asked = wanted(tmp_path, ("epochs=1", "warmup=0", "batch=8"), **options)
    result = run(of_module("torchvision.models:resnet18", asked), Silent())
    assert result.parameters == 11_178_051
    assert result.network == "resnet18"


def test_a_module_that_takes_tokens_as_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"the cat sings. " * 400)
    asked = wanted(
        tmp_path,
        ("epochs=4", "batch=32", "optimizer=adamw", "lr=0.05"),
        data=f"text:{tmp_path / 'a.txt'}",
        settings={"input": "16x256"},
    )
    result = run(of_module(Tokens, asked), Silent())
    # After a space there are two bytes that may come.
    assert result.accuracy > 0.7


@pytest.mark.parametrize(
    ("made", "settings", "code", "words"),
    [
        ("torchvision.models:resnet18", {}, "RF807", "has examples of 1 x 8 x 8"),
        ("torchvision.models:resnet81", {}, "RF813", "cannot be found"),
        ("no.such.module:f", {}, "RF813", "cannot be found: ModuleNotFoundError"),
        ("torchvision.models", {}, "RF813", "is not PACKAGE:FACTORY"),
        ("json:loads", {}, "RF813", "json:loads fails: TypeError"),
        ("builtins:dict", {}, "RF813", "makes a dict, no nn.Module"),
        (Net, {"deep": 3}, "RF813", "unexpected keyword argument"),
        (Net, {"scores": 2}, "RF807", "gives 20, and not 10"),
        (Nothing, {}, "RF819", "has nothing to learn"),
        (Net, {"input": "large"}, "RF504", "'large' is not the sizes"),
        (exits, {}, "RF813", "exits fails: SystemExit"),
        (Exits, {}, "RF807", "fails on it: SystemExit"),
        (lazy, {}, "RF813", "weights whose size is not known"),
        (another, {}, "RF813", "makes another module each time"),
    ],
    ids=range(14),
)
def test_modules_that_do_not_fit(
    made: Any, settings: dict[str, Any], code: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(CompileError) as caught:
        of_module(made, wanted(tmp_path, settings=settings))
    item = told(caught.value)
    assert item.code == code
    assert words in item.message


def test_a_module_that_fails_in_training(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        run(of_module(Late, wanted(tmp_path, FAST)), Silent())
    item = told(caught.value)
    assert item.code == "RF813"
    assert "fails in training: KeyError: 'late'" in item.message


def test_a_formula_that_has_nothing_to_learn(tmp_path: Path) -> None:
    text = "network Pool\ninput 10 x 8 x 8\nstem relu\nstages 10 x 1\nhead avgpool\n"
    text += "W = relu\nX_i = X_<i-1> + W*X_<i-1>\n"
    x, y = np.zeros((60, 10, 8, 8), np.uint8), np.arange(60) % 10
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    item = refused(tmp_path, text, data=f"npz:{tmp_path / 'a.npz'}")
    assert item.code == "RF819"
