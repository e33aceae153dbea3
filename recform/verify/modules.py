"""Modules made from formulas, with a hold on their operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recform.blocks.identifiers import identifier
from recform.compiler import Compiled, compile_formula
from recform.diagnostics import Diagnostics
from recform.verify.evaluate import Missing, Parts
from recform.verify.functions import function_of
from recform.verify.twin import NoTwin

if TYPE_CHECKING:
    from torch import nn

    from recform.algebra.formula import Formula


def build(formula: Formula) -> Parts:
    """The emitted module of a formula, in float64 and for inference.

    Raises:
        CompileError: if it does not compile.
        NoTwin: if its blocks have adapters, of which its equations say nothing.
    """
    compiled = compile_formula(formula, Diagnostics())
    for stage in compiled.graph.stages:
        for site in (site for part in stage.segments for site in part.block.sites):
            raise NoTwin(f"a twin of one shape has an adapter for {site.value}")
    return parts_of(compiled, drawn(compiled))


def drawn(compiled: Compiled) -> nn.Module:
    """The emitted module, in float64 and for inference; the same whenever it is made."""
    import torch

    torch.manual_seed(0)
    return compiled.module().double().eval()


def parts_of(compiled: Compiled, network: nn.Module) -> Parts:
    """Operators and scalars of an emitted module with the default names."""
    count = len(compiled.formula.stages)
    lists = (
        [network.blocks]
        if count == 1
        else [getattr(network, f"stage{number + 1}") for number in range(count)]
    )
    blocks: list[nn.Module] = [block for stage in lists for block in stage]  # type: ignore[union-attr]

    def member(name: str, index: int | None) -> Any:
        attribute = identifier(name) + ("_0" if index == 0 else "")
        owner = network if not index else blocks[index - 1]
        held = {
            **dict(owner.named_children()),
            **dict(owner.named_parameters(recurse=False)),
        }
        # A name that Python or torch has for itself is numbered: pass2, train2.
        for found in (attribute, f"{attribute}2"):
            if found in held:
                return held[found]
        if index is None:
            return function_of(compiled, name)
        raise Missing(f"{name}_{index}")

    return Parts(network, member, member)
