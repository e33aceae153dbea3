"""How images are made ready for a network: what timm calls its configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from recform.blocks import Shape
from recform.diagnostics import Diagnostics

#: Pictures up to this size come in it: they are not made larger and cropped.
SMALL = 64
#: Of CIFAR-10, the pictures of 32 x 32.
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
#: What the formula says, so that nobody else can.
_OF_FORMULA = (
    *("num_classes", "input_size", "pool_size", "fixed_input_size"),
    *("first_conv", "classifier"),
)


def data_config(image: Shape) -> dict[str, Any]:
    """The entries that go with the images of a formula; timm's own are for ImageNet."""
    channels, size = int(image.features), max(map(int, image.grid))
    config: dict[str, Any] = {}
    if size <= SMALL:
        config["crop_pct"] = 1.0
    if channels == len(CIFAR_MEAN) and size == 32:
        config |= {"mean": CIFAR_MEAN, "std": CIFAR_STD}
    elif channels != len(CIFAR_MEAN):
        config |= {"mean": (0.5,) * channels, "std": (0.5,) * channels}
    return config


def check_entries(given: Mapping[str, Any], channels: int, file: str) -> None:
    """What a caller says of the configuration is known to timm, and fits the images.

    Raises:
        CompileError: if an entry is none (RF523), or has another form (RF524).
    """
    from timm.models import PretrainedCfg

    report = Diagnostics()
    known = [field.name for field in fields(PretrainedCfg)]
    for key, value in given.items():
        if key in _OF_FORMULA:
            message, hint = f"the formula says what {key} is", "change the formula"
            report.error("RF523", message, hint=hint, file=file)
        elif key not in known:
            guess = get_close_matches(str(key), known, 1)
            hint = f"did you mean {guess[0]!r}?" if guess else ""
            message = f"timm's configuration has no entry {key!r}"
            report.error("RF523", message, hint=hint, file=file)
        elif key in ("mean", "std") and not _is_row(value, channels):
            report.error(
                "RF524",
                f"{key} is a number for each channel of the images, of which there "
                f"{'is' if channels == 1 else 'are'} {channels}, not {value!r}",
                hint=f"default_cfg={{{key!r}: {(0.5,) * channels}}}",
                file=file,
            )
        elif key == "crop_pct" and not (_is_number(value) and 0 < value <= 1):
            report.error(
                "RF524",
                f"crop_pct is the part of a picture that is left, not {value!r}",
                hint="default_cfg={'crop_pct': 0.875}",
                file=file,
            )
    report.check()


def _is_row(value: Any, length: int) -> bool:
    sequence = isinstance(value, Sequence) and not isinstance(value, str)
    return sequence and len(value) == length and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
