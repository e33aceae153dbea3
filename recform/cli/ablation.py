"""What deleting or swapping blocks does to a module: Veit et al.'s lesions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recform.blocks.examples import random_inputs
from recform.compiler import Compiled, compile_formula
from recform.diagnostics import Diagnostics
from recform.files import Json
from recform.modules import need_torch
from recform.recurrence.regimes import own_blocks
from recform.verify.evaluate import Missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from recform.verify.evaluate import Parts


def ablate(
    compiled: Compiled, delete: tuple[int, ...], swap: tuple[int, int] | None
) -> list[Json]:
    """The relative change of the output of a random network, for each lesion.

    Args:
        compiled: the network, as the file has it; a flow of ``scope stage`` is its first.
        delete: blocks whose operators give zero.
        swap: two blocks whose operators change places.

    Returns:
        For each lesion ``what`` was done and the ``change``, the distance of the outputs
        relative to the whole output; None where the shapes do not fit.

    Raises:
        CompileError: without torch (RF906).
    """
    need_torch("--measure")
    import torch

    from recform.verify.modules import parts_of

    whole = compile_formula(replace(compiled.formula, names={}), Diagnostics())
    torch.manual_seed(0)
    network = whole.module().eval()
    parts = parts_of(whole, network)
    start = random_inputs(whole.formula.inputs, 8)
    names = list(whole.formula.operators)
    with torch.no_grad():
        expected = network(*start)

        def change() -> float:
            distance = float((network(*start) - expected).norm())
            return distance / max(float(expected.norm()), 1e-30)

        rows: list[Json] = []
        for block in delete:
            hooks = [
                module.register_forward_hook(_zero)
                for name in names
                if (module := _operator(parts, name, block)) is not None
            ]
            rows.append({"what": f"without block {block}", "change": change()})
            for hook in hooks:
                hook.remove()
        if swap is not None:
            own = bool(own_blocks(whole.formula))
            rows.append(_swapped(parts, names, swap, change, own=own))
    return rows


def _zero(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    return output * 0


def _operator(parts: Parts, name: str, block: int) -> nn.Module | None:
    """The operator of a block; None if the block has none of this name."""
    try:
        return parts.operator(name, block)
    except Missing:
        return None


def _swapped(
    parts: Parts,
    names: list[str],
    swap: tuple[int, int],
    change: Callable[[], float],
    *,
    own: bool,
) -> Json:
    first, second = swap
    operators = "operators of " if own else ""
    what = f"{operators}blocks {first} and {second} swapped"
    pairs = [(_operator(parts, n, first), _operator(parts, n, second)) for n in names]
    states = [
        (
            {k: v.clone() for k, v in a.state_dict().items()},
            {k: v.clone() for k, v in b.state_dict().items()},
            a,
            b,
        )
        for a, b in pairs
        if a is not None and b is not None
    ]
    for one, other, _, _ in states:
        shapes = {k: v.shape for k, v in one.items()}
        if shapes != {k: v.shape for k, v in other.items()}:
            return {"what": f"{what}: their shapes differ", "change": None}
    for one, other, a, b in states:
        a.load_state_dict(other)
        b.load_state_dict(one)
    row = {"what": what, "change": change()}
    for one, other, a, b in states:
        a.load_state_dict(one)
        b.load_state_dict(other)
    return row
