"""Blocks that keep each their own, as they stand in generated files."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import nn

from recform.blocks.support.lean import Lean
from recform.blocks.support.reversible import Reversible


class Either:
    """A pass of a block that is run backwards where this is planned (`Lean.planned`)."""

    @staticmethod
    def block(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A pass of a block in the form that is planned, of a block with these operators."""

        def around(method: Callable[..., Any]) -> Callable[..., Any]:
            backwards = Reversible.forward(*names)(method)

            @wraps(method)
            def run(block: nn.Module, *given: Any) -> Any:
                compiling = torch.compiler.is_compiling()
                forms = [] if compiling else [mode.form for mode in Lean.running()]
                planned = forms[-1:] == ["reversible"]
                return (backwards if planned else method)(block, *given)

            return Lean.block(run)

        return around
