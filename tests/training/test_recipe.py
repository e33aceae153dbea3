"""Recipes: those of the paper, files of one's own, and what is wrong with them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recform.diagnostics import CompileError, Diagnostic
from recform.training.optimizer import optimizer
from recform.training.recipe import RECIPES, Recipe, lr_at, recipe_of, to_toml


def refused(name: str, *overrides: str) -> Diagnostic:
    with pytest.raises(CompileError) as caught:
        recipe_of(name, overrides)
    (item,) = caught.value.diagnostics
    return item


# -- the paper's


def test_paper_cifar_is_a6() -> None:
    recipe = recipe_of("paper-cifar")
    assert (recipe.optimizer, recipe.lr, recipe.momentum) == ("sgd", 0.1, 0.9)
    assert (recipe.weight_decay, recipe.decay_all, recipe.nesterov) == (5e-4, 1, 0)
    assert (recipe.schedule, recipe.epochs, recipe.batch) == ("cosine", 200, 128)
    assert (recipe.warmup, recipe.label_smoothing, recipe.clip) == (0, 0, 0)
    # "We do not use any improvement methods": pads of 4 of 32 pixels, and flips.
    assert (round(recipe.crop * 32), recipe.flip, recipe.cutout) == (4, True, 0)
    assert (recipe.validation, recipe.select, recipe.accumulate) == (0, "last", 1)


def test_paper_imagenet_is_a6() -> None:
    recipe, cifar = recipe_of("paper-imagenet"), recipe_of("paper-cifar")
    assert (recipe.schedule, recipe.drop_every, recipe.drop_by) == ("steps", 30, 0.1)
    assert (recipe.epochs, recipe.batch) == (90, 256)
    changed = {"name", "schedule", "epochs", "batch"}
    for item in dataclasses.fields(Recipe):
        same = getattr(recipe, item.name) == getattr(cifar, item.name)
        assert same != (item.name in changed)


# -- the learning rate


def rates(recipe: Recipe, steps: int) -> list[float]:
    return [lr_at(recipe, step, steps) for step in range(recipe.epochs * steps)]


def scheduled(recipe: Recipe, steps: int, made: Any, each: int) -> list[float]:
    """What a scheduler of torch's gives, that is told of every `each`-th step."""
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], recipe.lr)
    scheduler, found = made(sgd), []
    for step in range(recipe.epochs * steps):
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        if (step + 1) % each == 0:
            scheduler.step()
    return found


def test_the_cosine_is_torchs() -> None:
    recipe = dataclasses.replace(RECIPES["paper-cifar"], epochs=7)
    steps = 13
    theirs = scheduled(
        recipe,
        steps,
        lambda sgd: torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=7 * steps),
        1,
    )
    assert rates(recipe, steps) == pytest.approx(theirs, rel=1e-9)


def test_the_steps_are_torchs() -> None:
    recipe, steps = RECIPES["paper-imagenet"], 7
    theirs = scheduled(
        recipe, steps, lambda sgd: torch.optim.lr_scheduler.StepLR(sgd, 30, 0.1), steps
    )
    assert rates(recipe, steps) == pytest.approx(theirs, rel=1e-9)


def test_the_line_is_torchs() -> None:
    recipe = dataclasses.replace(RECIPES["paper-cifar"], epochs=5, schedule="linear")
    theirs = scheduled(
        recipe,
        4,
        lambda sgd: torch.optim.lr_scheduler.LinearLR(sgd, 1, 1e-12, total_iters=20),
        1,
    )
    assert rates(recipe, 4) == pytest.approx(theirs, rel=1e-6)


def test_it_rises_first() -> None:
    recipe = dataclasses.replace(RECIPES["quick"], epochs=6, warmup=2)
    found = rates(recipe, 5)
    assert found[:10] == pytest.approx([0.05 * n / 11 for n in range(1, 11)])
    assert max(found) == found[10] == 0.05
    constant = dataclasses.replace(recipe, schedule="constant", warmup=100)
    assert rates(constant, 5) == sorted(rates(constant, 5))


def test_vectors_and_scalars_need_not_decay() -> None:
    module = torch.nn.Module()
    shapes = {"matrix": (3, 4), "bias": (4,), "channel": (4, 1, 1), "scalar": ()}
    for name, shape in shapes.items():
        module.register_parameter(name, torch.nn.Parameter(torch.zeros(shape)))
    quick = optimizer(module, RECIPES["quick"]).param_groups
    found = [([tuple(p.shape) for p in g["params"]], g["weight_decay"]) for g in quick]
    assert found == [([(3, 4)], 5e-4), ([(4,), (4, 1, 1), ()], 0)]
    (paper,) = optimizer(module, RECIPES["paper-cifar"]).param_groups
    assert [tuple(p.shape) for p in paper["params"]] == list(shapes.values())


# -- files


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    values: dict[str, Any] = {}
    for item in dataclasses.fields(Recipe)[1:]:
        rule = item.metadata
        if rule["choices"]:
            values[item.name] = draw(st.sampled_from(rule["choices"]))
        elif isinstance(item.default, bool):
            values[item.name] = draw(st.booleans())
        elif isinstance(item.default, int):
            values[item.name] = draw(st.integers(rule["least"], rule["most"]))
        else:
            values[item.name] = draw(st.floats(rule["least"], rule["most"]))
    values["batch"] = values["accumulate"] * draw(st.integers(1, 16))
    values["warmup"] = min(values["warmup"], values["epochs"] - 1)
    values["nesterov"] &= values["momentum"] > 0
    if not values["validation"]:
        values["select"] = "last"
    return Recipe(name="mine", **values)


@given(recipes())
def test_a_file_says_all_of_a_recipe(
    tmp_path_factory: pytest.TempPathFactory, recipe: Recipe
) -> None:
    path = tmp_path_factory.getbasetemp() / "mine.toml"
    path.write_text(to_toml(recipe))
    assert recipe_of(str(path)) == recipe


@pytest.mark.parametrize("name", RECIPES)
def test_those_that_come_along_are_files_too(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(to_toml(RECIPES[name]))
    assert recipe_of(str(path)) == RECIPES[name]


@pytest.mark.parametrize("stem", ["\U0001f600", 'a "b\\', "a\nb\x7f", "\udcff", ""])
def test_a_recipe_of_any_name_is_a_file(stem: str, tmp_path: Path) -> None:
    (tmp_path / f"{stem}.toml").write_text("epochs = 3\n")
    recipe = recipe_of(str(tmp_path / f"{stem}.toml"))
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / f"{recipe.name}.toml").write_text(to_toml(recipe))
    assert recipe_of(str(tmp_path / "again" / f"{recipe.name}.toml")) == recipe


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('\ufeffbase = "paper-cifar"\r\nepochs = 3\r\nlr = 1\r\n')
    found = recipe_of(str(path), ["batch=64", "schedule=linear"])
    expected = {"epochs": 3, "lr": 1.0, "batch": 64, "schedule": "linear"}
    paper = RECIPES["paper-cifar"]
    assert found == dataclasses.replace(paper, name="mine", **expected)
    assert type(found.lr) is float


#: A value that is wrong for each setting.
WRONG = {
    "epochs": "0",
    "batch": "1.5",
    "accumulate": '"2"',
    "optimizer": '"adam"',
    "lr": "nan",
    "momentum": "1.1",
    "nesterov": "1",
    "weight_decay": "-1",
    "decay_all": '"yes"',
    "schedule": "3",
    "warmup": "inf",
    "drop_every": "true",
    "drop_by": "2",
    "label_smoothing": "[0.1]",
    "clip": "1" + "0" * 400,
    "crop": "{a = 1}",
    "flip": "0",
    "cutout": "2020-01-01",
    "scale": "-0.1",
    "validation": "0.95",
    "select": '"first"',
}


@pytest.mark.parametrize("key", [item.name for item in dataclasses.fields(Recipe)[1:]])
def test_a_wrong_value_is_shown_on_its_line(key: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"# mine\nbase = 'quick'\n  {key} = {WRONG[key]}  # no\n")
    item = refused(str(path))
    assert item.code == "RF803"
    assert item.message.startswith(key)
    assert item.labels[0].span.line == 3
    assert item.hint
    item = refused("quick", f"{key}={WRONG[key]}")
    assert item.code == "RF803"
    assert "--override" in item.message


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("lrr = 1\nepochs = 0\n'momemtum' = 1\na.b = 2\n[more]\nx = 1\n")
    with pytest.raises(CompileError) as caught:
        recipe_of(str(path))
    found = [
        (item.code, item.labels[0].span.line, item.hint[:20])
        for item in caught.value.diagnostics
    ]
    assert found[:3] == [
        ("RF802", 1, "did you mean 'lr'?"),
        ("RF803", 2, "times that the train"),
        ("RF802", 3, "did you mean 'moment"),
    ]
    assert [line for _, line, _ in found] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"lr = \n", "RF801", 1),
        (b"epochs = 3\r\nlr = = 1\r\n", "RF801", 2),
        (b"lr = 1\nlr = 2\n", "RF801", 2),
        (b"lr = '\n", "RF801", 1),
        (b"\xff\xfe", "RF801", None),
        (b"\xef\xbb\xbflr = = 1\n", "RF801", 1),
        (b"lr = " + b"[" * 5000, "RF801", None),
        (b"epochs = 0x" + b"f" * 5000, "RF803", 1),
        (b"x = [0x" + b"f" * 5000 + b"]", "RF802", 1),
        (b"base = 0x" + b"f" * 5000, "RF804", 1),
        (b"#" * 40_000, "RF801", None),
        (b"epochs = 2\nbase = 'papers'\n", "RF804", 2),
    ],
    ids=range(12),
)
def test_hostile_files(
    content: bytes, code: str, line: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    item = refused(str(path))
    assert item.code == code
    found = item.labels[0].span.line if item.labels else None
    # Whether brackets without end have a place depends on how deep Python may go.
    assert found == line or content.endswith(b"[[")


def test_what_is_no_recipe(tmp_path: Path) -> None:
    assert refused("quik").hint == "did you mean 'quick'?"
    assert refused("quik").code == "RF804"
    assert refused(str(tmp_path / "no.toml")).code == "RF001"
    (tmp_path / "base.toml").write_text('base = "paper-cifer"')
    assert refused(str(tmp_path / "base.toml")).hint == "did you mean 'paper-cifar'?"
    (tmp_path / "folder.toml").mkdir()
    assert refused(str(tmp_path / "folder.toml")).code == "RF006"
    assert refused("quick", "lr").code == "RF803"
    assert refused("quick", "name=x").code == "RF802"
    assert refused("quick", "epochs=" + "9" * 5000).code == "RF803"
    # Python reads as many digits, or not.
    (tmp_path / "mine.toml").write_text("epochs = " + "9" * 5000)
    assert refused(str(tmp_path / "mine.toml")).code in ("RF801", "RF803")


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        (["validation=0"], "held out"),
        (["batch=10", "accumulate=3"], "equal parts"),
        (["warmup=20"], "warmup"),
        (["momentum=0"], "nesterov"),
        (["optimizer=adamw", "momentum=1"], "momentum is below 1"),
    ],
)
def test_settings_that_do_not_go_together(overrides: list[str], word: str) -> None:
    item = refused("quick", *overrides)
    assert item.code == "RF803"
    assert word in item.message


def test_what_goes_together_of_every_optimiser() -> None:
    """Torch takes what a recipe lets pass; Nesterov's momentum is none of adamw's."""
    for momentum, name in (("0", "adamw"), ("0.5", "adamw"), ("1", "sgd")):
        recipe = recipe_of("quick", [f"optimizer={name}", f"momentum={momentum}"])
        optimizer(torch.nn.Linear(2, 2), recipe)


def test_a_shorter_run_rises_for_a_shorter_time() -> None:
    assert recipe_of("quick").warmup == 2
    assert recipe_of("quick", ["epochs=40"]).warmup == 2
    assert recipe_of("quick", ["epochs=2"]).warmup == 0.4
    assert recipe_of("quick", ["epochs=6", "warmup=1"]).warmup == 1
