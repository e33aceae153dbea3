"""A module that was trained, as one for inference with the same weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from recform.blocks import Shape
from recform.blocks.examples import random_inputs
from recform.compiled import Compiled, made_from
from recform.diagnostics import refuse
from recform.modules import need_torch
from recform.weights.modules import bare, chosen_arguments, fill, tensors_of

if TYPE_CHECKING:
    from torch import Tensor, nn

#: How far results in double precision may be apart, for a largest result of 1.
TOLERANCE = 1e-8
#: How many examples are tried.
_EXAMPLES = 2


def formula_of(module: nn.Module) -> Compiled:
    """The network that a module was made from.

    Raises:
        CompileError: if nobody knows (RF543), or there is no torch (RF906).
    """
    need_torch("recform.optimize")
    found = made_from(bare(module))
    if found is None:
        refuse(
            "RF543",
            f"nobody knows which formula {type(bare(module)).__name__} was made from",
            'recform.optimize(module, "net.rf") says it',
        )
    return found


def optimize(module: nn.Module, inference: Compiled) -> nn.Module:
    """The module for inference.

    Args:
        module: as it was trained; of one that is for inference comes out a copy.
        inference: its network for inference.

    Returns:
        A module in evaluation whose parameters need no gradients.

    Raises:
        CompileError: if the module is of another network (RF703), or computes something
            else than what comes out (RF544); without torch (RF906).
    """
    need_torch("recform.optimize")
    import torch

    from recform.weights.folded import Folding

    training = inference.training
    assert training is not None
    module = bare(module)
    known = made_from(module)
    if known is not None and known.training is not None:
        return copy.deepcopy(module).requires_grad_(False).eval()
    state = tensors_of(module, training)
    folding = Folding(inference)
    with torch.random.fork_rng(devices=[]):
        made = inference.module(**chosen_arguments(training, state))
    made.requires_grad_(False).eval()
    tried = copy.deepcopy(made).double()
    fill(tried, folding.of(_double(state)))
    plain = copy.deepcopy(module).cpu().double().eval()
    _compare(plain, tried, training.formula.inputs)
    tensors = folding.of(state)
    _like(made, tensors)
    fill(made, tensors)
    return made


def _like(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Gives the tensors of a module the precision and the device of others."""
    devices = {tensor.device for tensor in tensors.values()}
    if len(devices) == 1:
        module.to(devices.pop())
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if name in tensors:
            tensor.data = tensor.data.to(tensors[name])


def _compare(before: nn.Module, after: nn.Module, shapes: Sequence[Shape]) -> None:
    """Compares what two modules make in double precision.

    Raises:
        CompileError: if they differ (RF544).
    """
    import torch

    draws = torch.Generator().manual_seed(0)
    given = random_inputs(shapes, _EXAMPLES, draws, dtype=torch.float64)
    with torch.no_grad():
        wanted, made = before(*given), after(*given)
    largest = float(wanted.abs().max())
    apart = float((made - wanted).abs().max())
    # What is no number is no less than another.
    if not apart <= TOLERANCE * max(1.0, largest):
        refuse(
            "RF544",
            f"the module for inference would make something else: results are {apart:.1e} "
            f"apart, and the largest is {largest:.1e}",
            "a module that was changed after it was made, or that makes numbers that are "
            "not finite, cannot be folded",
        )


def _double(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Numbers in double precision, on this machine."""
    return {
        name: tensor.cpu().double() if tensor.is_floating_point() else tensor.cpu()
        for name, tensor in tensors.items()
    }
