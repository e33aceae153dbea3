"""A module that was trained, as one for inference with the same weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from recform.blocks import Shape
from recform.blocks.examples import random_examples
from recform.compiled import Compiled
from recform.diagnostics import refuse
from recform.weights.folded import Folding
from recform.weights.modules import bare, chosen_arguments, fill, tensors_of

#: How far results in double precision may be apart, for a largest result of 1.
TOLERANCE = 1e-8
#: How many examples are tried.
_EXAMPLES = 2


def optimize(module: nn.Module, inference: Compiled) -> nn.Module:
    """The module for inference.

    Args:
        module: as it was trained.
        inference: its network for inference.

    Returns:
        A module in evaluation whose parameters need no gradients.

    Raises:
        CompileError: if the module is of another network (RF703), or computes something
            else than what comes out (RF544).
    """
    module = bare(module)
    training = inference.training
    assert training is not None
    state = tensors_of(module, training)
    folding = Folding(inference)
    with torch.random.fork_rng(devices=[]):
        made = inference.module(**chosen_arguments(training, state))
    made.requires_grad_(False).eval()
    _check(module, copy.deepcopy(made), folding.of(_double(state)), training.formula.input)
    tensors = folding.of(state)
    _like(made, tensors)
    fill(made, tensors)
    return made


def _like(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Gives the tensors of a module the precision and the device of others."""
    devices = {tensor.device for tensor in tensors.values()}
    if len(devices) == 1:
        module.to(devices.pop())
    named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, tensor in named.items():
        if name in tensors:
            tensor.data = tensor.data.to(tensors[name])


def _check(
    before: nn.Module, after: nn.Module, tensors: Mapping[str, Tensor], shape: Shape
) -> None:
    """Compares results before and after, in double precision.

    Raises:
        CompileError: if they differ (RF544).
    """
    before = copy.deepcopy(before).cpu().double().eval()
    after = after.double()
    fill(after, tensors)
    draws = torch.Generator().manual_seed(0)
    x = random_examples(shape, _EXAMPLES, draws, dtype=torch.float64)
    with torch.no_grad():
        wanted, made = before(x), after(x)
    largest = float(wanted.abs().max())
    apart = float((made - wanted).abs().max())
    if not apart <= TOLERANCE * max(1.0, largest):
        refuse(
            "RF544",
            f"the module for inference would make something else: results are {apart:.1e} "
            f"apart, and the largest is {largest:.1e}",
            "a module that was changed after it was made, or has numbers that are not "
            "finite, cannot be folded",
        )


def _double(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Numbers in double precision."""
    return {
        name: tensor.cpu().double() if tensor.is_floating_point() else tensor.cpu()
        for name, tensor in tensors.items()
    }
