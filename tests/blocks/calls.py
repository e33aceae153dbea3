"""Builds what operators emit, for tests of their rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recform.blocks import Arguments, Operator, Shape
from recform.operators import standard


def operator(name: str) -> Operator:
    return standard().operators[name]


def arguments(name: str, given: dict[str, Any]) -> Arguments:
    """The arguments of a call, with the defaults filled in."""
    defaults = {a.name: a.default for a in operator(name).arguments if not a.required}
    return Arguments({**defaults, **given})


def build(
    name: str, inputs: tuple[Shape, ...], a: Arguments
) -> tuple[list[nn.Parameter], Callable[..., Any], Any]:
    """The emitted module's parameters, a function that runs the call, the module."""
    emitted = operator(name).emit_of(inputs, a)
    scope: dict[str, Any] = {
        "torch": torch,
        "nn": nn,
        "F": F,
        "Tensor": Tensor,
        "math": math,
    }
    for text in operator(name).support:
        exec(text, scope)
    module = eval(emitted.module, scope) if emitted.module else None
    call = emitted.call.replace("{m}", "module")
    names = operator(name).inputs
    for item in names:
        call = call.replace(f"{{{item}}}", f"value_{item}")

    def run(*values: Tensor) -> Any:
        given = zip((f"value_{item}" for item in names), values, strict=True)
        return eval(call, {**scope, "module": module, **dict(given)})

    if isinstance(module, nn.Parameter):
        return [module], run, module
    return [] if module is None else list(module.parameters()), run, module
