"""How a network is trained: a recipe, those that come with recform, and its TOML file.

A recipe is a flat table. A file of one's own names what it changes::

    base = "quick"
    epochs = 30
    lr = 0.05
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from recform.diagnostics import CompileError, Diagnostics, meant
from recform.files import noted, reason
from recform.source import MAX_FILE_BYTES, Source, Span

_T = TypeVar("_T")
#: More than any setting.
_LARGE = 2**63


def _setting(
    default: _T,
    about: str,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
) -> _T:
    """A field of the recipe, and which values it takes."""
    rule = {"about": about, "least": least, "most": most, "choices": choices}
    made: _T = field(default=default, metadata=rule)
    return made


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The metadata of each field say what it means."""

    name: str = "quick"
    epochs: int = _setting(20, "times that the training set is seen", 1, 100_000)
    batch: int = _setting(
        64, "examples a step, over all processes and micro-batches", 1, 2**20
    )
    accumulate: int = _setting(1, "micro-batches a step", 1, 2**16)
    optimizer: str = _setting("sgd", "of torch.optim", choices=("sgd", "adamw"))
    lr: float = _setting(0.1, "the largest learning rate", 0, 1e3)
    momentum: float = _setting(0.9, "of sgd; the first beta of adamw", 0, 1)
    nesterov: bool = _setting(False, "Nesterov's momentum (sgd)")
    weight_decay: float = _setting(5e-4, "added to the gradient (sgd)", 0, 1e3)
    decay_all: bool = _setting(
        True, "decay biases, norms and learned scalars as well as matrices"
    )
    schedule: str = _setting(
        "cosine",
        "how the learning rate falls",
        choices=("cosine", "linear", "steps", "constant"),
    )
    warmup: float = _setting(0.0, "epochs in which it rises first", 0, 100_000)
    drop_every: int = _setting(30, "epochs between drops (steps)", 1, 100_000)
    drop_by: float = _setting(0.1, "factor of a drop (steps)", 0, 1)
    label_smoothing: float = _setting(0.0, "share spread over all classes", 0, 1)
    clip: float = _setting(0.0, "largest norm of the gradient; 0: any", 0, 1e9)
    crop: float = _setting(0.125, "padding of random crops, share of the side", 0, 1)
    flip: bool = _setting(True, "random left-right flips")
    cutout: float = _setting(0.0, "side of a hole, share of the image's", 0, 1)
    scale: float = _setting(
        0.08, "least share of a photograph that a random crop shows (folders)", 0, 1
    )
    validation: float = _setting(
        0.1, "share of the training set that is held out", 0, 0.9
    )
    select: str = _setting(
        "best",
        "the epoch whose weights are kept: the best one on the held-out part, or the last",
        choices=("best", "last"),
    )


#: A.6 of Liao et al.: SGD, momentum 0.9, 0.1, weight decay 5e-4. Nothing is held out
#: there, so it is the last epoch that counts, and the test set is seen once.
_PAPER = Recipe(
    name="paper-cifar", epochs=200, batch=128, validation=0.0, select="last"
)

RECIPES: Mapping[str, Recipe] = {
    item.name: item
    for item in (
        Recipe(
            nesterov=True, lr=0.05, warmup=2.0, decay_all=False, label_smoothing=0.05
        ),
        _PAPER,
        dataclasses.replace(
            _PAPER, name="paper-imagenet", epochs=90, batch=256, schedule="steps"
        ),
    )
}


def recipe_of(name: str, overrides: Iterable[str] = ()) -> Recipe:
    """A recipe by its name, or of a TOML file, with changes.

    Args:
        name: of :data:`RECIPES`, or a path that ends in ``.toml``.
        overrides: such as ``lr=0.05``.

    Raises:
        CompileError: if there is none (RF001, RF804), if it cannot be read (RF006, RF801),
            or if a key or a value is wrong (RF802, RF803).
    """
    report = Diagnostics()
    if name.endswith(".toml"):
        recipe = _from_file(Path(name), report)
    elif name in RECIPES:
        recipe = RECIPES[name]
    else:
        known = f"{', '.join(RECIPES)}, or a file that ends in .toml"
        report.error(
            "RF804",
            f"there is no recipe {name!r}",
            hint=meant(name, RECIPES, f"there are {known}"),
        )
    report.check()
    changes = _Changes(report)
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            report.error("RF803", f"{text[:40]!r} is not KEY=VALUE", hint="lr=0.05")
            continue
        changes.take(key.strip(), _value(value.strip()), None, f"--override {text}")
    report.check()
    return _consistent(_changed(recipe, changes.values), report)


def _changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """A recipe with other values; where it gets shorter, so does its rise at the start."""
    if "epochs" in values:
        values = {"warmup": min(recipe.warmup, values["epochs"] / 5), **values}
    return dataclasses.replace(recipe, **values)


def to_toml(recipe: Recipe) -> str:
    """A recipe as a file that :func:`recipe_of` reads."""
    lines = []
    for item in fields(Recipe):
        value = getattr(recipe, item.name)
        # JSON's texts, true and false are TOML's, too.
        text = str(value)
        if isinstance(value, str | bool):
            text = json.dumps(value, ensure_ascii=False)
        about = item.metadata.get("about")
        lines.append(f"{item.name} = {text}" + (f"  # {about}" if about else ""))
    return "\n".join(lines) + "\n"


@dataclass
class _Changes:
    """What is changed of a recipe; mistakes go to the report."""

    report: Diagnostics
    values: dict[str, Any] = field(default_factory=dict)

    def take(self, key: str, value: object, place: Span | None, shown: str) -> None:
        """One value.

        Args:
            key: the name of the field.
            value: of TOML's types.
            place: where it stands in the file.
            shown: where it stands otherwise.
        """
        known = {item.name: item for item in fields(Recipe) if item.name != "name"}
        where = "" if place is not None else f" ({shown})"
        if key not in known:
            self.report.error(
                "RF802",
                f"a recipe has no {key[:40]!r}{where}",
                place,
                hint=meant(key, known, f"it has {', '.join(known)}"),
            )
            return
        item = known[key]
        wanted = type(item.default)
        if wanted is float and type(value) is int and abs(value) < _LARGE:
            value = float(value)
        if wanted is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if message := _wrong(key, value, wanted, item.metadata):
            self.report.error(
                "RF803", message + where, place, hint=str(item.metadata["about"])
            )
            return
        self.values[key] = value


def _shown(value: object) -> str:
    """A value for people; the digits of a very large number cannot be had."""
    try:
        return str(value)[:40]
    except ValueError:
        return "a number with very many digits"


def _wrong(key: str, value: Any, wanted: type, rule: Mapping[str, Any]) -> str:
    """What is wrong with a value; an empty string if it is right."""
    if rule["choices"]:
        if value not in rule["choices"]:
            return f"{key} is {' or '.join(rule['choices'])}, not {_shown(value)!r}"
        return ""
    kinds = {int: "a whole number", float: "a number", bool: "true or false"}
    if type(value) is not wanted:
        return f"{key} is {kinds[wanted]}, not {_shown(value)!r}"
    least, most = rule["least"], rule["most"]
    if least is not None and not least <= value <= most:
        return f"{key} is from {least:,} to {most:,}, not {_shown(value)}"
    return ""


def _value(text: str) -> Any:
    """A value as TOML has it; a word needs no quotes."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except (ValueError, KeyError, RecursionError):
        return text


def _from_file(path: Path, report: Diagnostics) -> Recipe:
    name = path.as_posix()
    base = RECIPES["quick"]
    try:
        noted(path)
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        report.error("RF001", f"there is no file {name}", file=name)
        return base
    except OSError as error:
        report.error("RF006", f"{name} cannot be read: {reason(error)}", file=name)
        return base
    try:
        if len(data) > MAX_FILE_BYTES:
            raise ValueError(f"it has more than {MAX_FILE_BYTES:,} bytes")
        # Some editors begin a text with a mark.
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return _not_toml(name, data, error, report)
    source = Source(name, text)
    if "base" in table:
        chosen = table.pop("base")
        if not isinstance(chosen, str) or chosen not in RECIPES:
            place = _place(source, "base")
            hint = meant(_shown(chosen), RECIPES, f"there are {', '.join(RECIPES)}")
            report.error(
                "RF804", f"there is no recipe {_shown(chosen)!r}", place, hint=hint
            )
            return base
        base = RECIPES[chosen]
    table.pop("name", None)
    changes = _Changes(report)
    for key, value in table.items():
        changes.take(key, value, _place(source, key), name)
    stem = "".join(char if char.isprintable() else "-" for char in path.stem)
    return _changed(base, {"name": stem, **changes.values})


def _not_toml(name: str, data: bytes, error: Exception, report: Diagnostics) -> Recipe:
    place = None
    if found := re.search(
        r"\(at (line (\d+), column (\d+)|end of doc.*)\)", str(error)
    ):
        source = Source(name, data.decode("utf-8-sig").replace("\r\n", "\n"))
        lines = source.text.split("\n")
        start = len(source.text)
        if found[2]:
            before = lines[: int(found[2]) - 1]
            start = sum(len(line) + 1 for line in before) + int(found[3]) - 1
        start = max(0, min(start, len(source.text) - 1))
        place = Span(source, start, start + 1)
    said = re.sub(r" \(at .*\)$", "", str(error))[:200]
    report.error("RF801", f"{name} is not TOML: {said}", place, file=name)
    return RECIPES["quick"]


def _place(source: Source, key: str) -> Span:
    """The line on which a key of the table stands."""
    pattern = rf"""^[ \t]*["']?{re.escape(key)}["']?[ \t]*[=.][^\n]*|^[ \t]*\[+[^\n]*"""
    found = re.search(pattern, source.text, re.MULTILINE)
    start, end = found.span() if found is not None else (0, 1)
    return Span(source, start, end)


def _consistent(recipe: Recipe, report: Diagnostics) -> Recipe:
    """The same; raises a CompileError if its settings do not go together (RF803)."""
    if recipe.validation == 0 and recipe.select == "best":
        report.error(
            "RF803",
            "the best epoch is chosen on a held-out part, and none is held out",
            hint="validation = 0.1, or select = last",
        )
    if recipe.batch % recipe.accumulate:
        report.error(
            "RF803",
            f"a batch of {recipe.batch} cannot be cut into {recipe.accumulate} equal parts",
            hint="accumulate divides batch",
        )
    if recipe.warmup >= recipe.epochs and recipe.schedule != "constant":
        report.error(
            "RF803",
            f"warmup takes {recipe.warmup:g} of {recipe.epochs} epochs",
            hint="warmup is shorter than epochs",
        )
    if recipe.optimizer == "sgd" and recipe.nesterov and recipe.momentum == 0:
        report.error("RF803", "nesterov needs momentum", hint="momentum = 0.9")
    if recipe.optimizer == "adamw" and recipe.momentum == 1:
        report.error(
            "RF803", "momentum is below 1 with adamw, not 1.0", hint="momentum = 0.9"
        )
    report.check()
    return recipe


def lr_at(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of a step.

    Args:
        recipe: the recipe.
        step: counted from 0.
        steps: of an epoch.
    """
    epoch = step / steps
    if epoch < recipe.warmup:
        return recipe.lr * (step + 1) / (recipe.warmup * steps + 1)
    done = (epoch - recipe.warmup) / (recipe.epochs - recipe.warmup)
    if recipe.schedule == "cosine":
        return recipe.lr * (1 + math.cos(math.pi * done)) / 2
    if recipe.schedule == "linear":
        return recipe.lr * (1 - done)
    if recipe.schedule == "steps":
        return recipe.lr * float(recipe.drop_by ** (int(epoch) // recipe.drop_every))
    return recipe.lr


__all__ = ["RECIPES", "CompileError", "Recipe", "lr_at", "recipe_of", "to_toml"]
