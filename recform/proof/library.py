"""What the proof knows of torch and Python: functions of numbers, and what may be left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: Functions of numbers, by their name without ``torch.`` or ``math.``.
NUMBERS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "abs": abs,
    "fabs": abs,
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "floor": math.floor,
    "ceil": math.ceil,
    "min": min,
    "max": max,
    "minimum": min,
    "maximum": max,
    "float": float,
    "int": int,
}

#: Arguments of convolutions and windows that say nothing, by their default values.
_CONV = {
    "stride": 1.0,
    "padding": 0.0,
    "output_padding": 0.0,
    "dilation": 1.0,
    "groups": 1.0,
}


def is_made(name: str) -> bool:
    """Whether a name is a class, so that a call makes an object."""
    return name.rpartition(".")[2][:1].isupper()


def plain(
    name: str, arguments: Sequence[Any], options: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call without those that are as torch has them if left out."""
    usual: dict[str, Any] = {}
    if name.startswith(("nn.Conv", "F.conv")):
        usual = _CONV
    elif "pool2d" in name.lower() and "daptive" not in name:
        usual = {"padding": 0.0, "stride": arguments[-1]}
    given = {key: item for key, item in options.items() if usual.get(key) != item}
    return list(arguments), given
