"""Operators that have no module in the network: what their code says, on tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recform.algebra.tracing import arguments_of
from recform.compiler import Compiled
from recform.verify.evaluate import Missing

if TYPE_CHECKING:
    import torch


def function_of(compiled: Compiled, name: str) -> Callable[..., torch.Tensor]:
    """An operator without an index and without modules, which blocks write in place.

    Raises:
        Missing: if the network has none of this name, or it has modules.
    """
    import torch
    import torch.nn.functional as F

    groups = compiled.graph.shared
    shared = next((m for group in groups for m in group if m.name == name), None)
    if shared is None:
        raise Missing(name)
    known: dict[str, Any] = {"torch": torch, "F": F, "math": math}
    inputs, calls = shared.inputs, []
    for step in compiled.formula.operators[name].steps:
        arguments = arguments_of(step, {})
        emitted = step.operator.written(inputs, arguments)
        if emitted.module:
            raise Missing(name)
        calls.append((step.operator.inputs, emitted.call))
        inputs = (step.operator.shape_of(inputs, arguments),)

    def run(*values: torch.Tensor) -> torch.Tensor:
        for names, call in calls:
            given = dict(zip(names, values, strict=True))
            for each in names:
                call = call.replace(f"{{{each}}}", each)
            values = (eval(call, known, given),)  # the code that the network has
        (result,) = values
        return result

    return run
