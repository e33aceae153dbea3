"""A module that is to have the tensors of a network: what is around it, and its shapes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from recform.blocks.identifiers import identifier
from recform.compiler import Compiled
from recform.diagnostics import refuse
from recform.weights.roles import on_meta
from recform.weights.shapes import Shapes, alike, shapes, sizes

if TYPE_CHECKING:
    from torch import Tensor, nn

#: How many tensors that do not fit are named.
SHOWN = 12
#: What torch.compile puts in front of the names of what it wraps.
COMPILED = "_orig_mod."


def bare(module: nn.Module) -> nn.Module:
    """A module without the wrappers of torch around it: compiled, parallel, averaged."""
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel
    from torch.optim.swa_utils import AveragedModel

    while True:
        inner = getattr(module, COMPILED[:-1], None)
        if isinstance(
            module, nn.DataParallel | DistributedDataParallel | AveragedModel
        ):
            inner = module.module
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def tensors_of(module: nn.Module, compiled: Compiled) -> dict[str, Tensor]:
    """The tensors of a module by the names that the network gives them.

    Args:
        module: without wrappers; modules inside of it may have some.
        compiled: the network that it was made from.

    Raises:
        CompileError: if it is not of this network, or has no numbers (RF703).
    """
    state = {n.replace(COMPILED, ""): t for n, t in module.state_dict().items()}
    wanted = shapes(on_meta(compiled).state_dict())
    if state.keys() != wanted.keys():
        _check_own(module, compiled.name)
    notes = [f"+ {name}" for name in sorted(state.keys() - wanted)[:SHOWN]]
    notes += [f"- {name}" for name in sorted(wanted.keys() - state)[:SHOWN]]
    if notes:
        refuse(
            "RF703",
            f"the module does not have the parameters of {compiled.name}",
            "give the formula, the network and the settings that it was made from",
            notes=notes,
        )
    here = shapes(state)
    if other := _other_shapes(here, _chosen(compiled, here, wanted)):
        refuse(
            "RF703",
            f"the module has the parameters of {compiled.name} in other shapes",
            "give the formula and the settings that it was made from: what a file of "
            "weights says of its formula would not be true",
            notes=other,
        )
    for name, tensor in state.items():
        if tensor.is_meta:
            what = f"{name} is on the meta device: it has a shape and no numbers"
            refuse("RF703", what)
    return state


def _check_own(module: nn.Module, network: str) -> None:
    """Raises a CompileError (RF703) if layers compute their weights of other tensors."""
    calls = list(_removals(module))
    if calls:
        others = f", and {len(calls) - 1} more" if len(calls) > 1 else ""
        refuse(
            "RF703",
            f"the module computes weights of {network} of other tensors",
            "take off first (of a copy, if it is trained on) what computes them: "
            f"{calls[0]}{others}",
            notes=first(calls) if len(calls) > 1 else (),
        )


def _removals(module: nn.Module) -> Iterator[str]:
    """The calls that give layers their weights back, as they are now."""
    from torch import nn
    from torch.nn.utils import parametrize, prune
    from torch.nn.utils.spectral_norm import SpectralNorm
    from torch.nn.utils.weight_norm import WeightNorm

    for name, part in module.named_modules():
        path = name.replace(COMPILED, "")
        layer = f'module.get_submodule("{path}")' if path else "module"
        if parametrize.is_parametrized(part):
            assert isinstance(part.parametrizations, nn.ModuleDict)
            for key in part.parametrizations:
                yield f'torch.nn.utils.parametrize.remove_parametrizations({layer}, "{key}")'
        for hook in part._forward_pre_hooks.values():
            key = getattr(hook, "name", "")
            if isinstance(hook, SpectralNorm):
                yield f'torch.nn.utils.remove_spectral_norm({layer}, "{key}")'
            elif isinstance(hook, WeightNorm):
                yield f'torch.nn.utils.remove_weight_norm({layer}, "{key}")'
            elif isinstance(hook, prune.BasePruningMethod):
                key = hook._tensor_name
                yield f'torch.nn.utils.prune.remove({layer}, "{key}")'


def fill(module: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copies numbers into tensors of a module, by the names that the network has."""
    import torch

    state = module.state_dict()
    names = {name.replace(COMPILED, ""): name for name in state}
    made = {
        names[name]: _spread(
            value.reshape(state[names[name]].shape), state[names[name]]
        )
        for name, value in values.items()
    }
    with torch.no_grad():
        module.load_state_dict(made, strict=False)


def _spread(value: Tensor, like: Tensor) -> Tensor:
    """A tensor over the machines over which another one is spread."""
    from torch.distributed import is_available

    if is_available():
        from torch.distributed.tensor import DTensor, distribute_tensor

        if isinstance(like, DTensor):
            return distribute_tensor(value, like.device_mesh, like.placements)
    return value


def first(lines: list[str], limit: int = SHOWN) -> list[str]:
    """Some lines, and how many more there are."""
    more = len(lines) - limit
    return lines if more <= 0 else [*lines[:limit], f"and {more:,} more"]


def _other_shapes(here: Shapes, wanted: Shapes) -> list[str]:
    lines = [
        f"{name}: {sizes(here[name])} in the module, {sizes(wanted[name])} in the network"
        for name in wanted
        if not alike(here[name], wanted[name])
    ]
    return first(lines)


def chosen_arguments(
    compiled: Compiled, tensors: Mapping[str, Tensor]
) -> dict[str, int]:
    """The numbers that a module was made with, by the names of the constructor.

    Args:
        compiled: its network.
        tensors: its own, which fit.
    """
    return _numbers(compiled, shapes(tensors), shapes(on_meta(compiled).state_dict()))


def _chosen(compiled: Compiled, here: Shapes, wanted: Shapes) -> Shapes:
    """The shapes of the network with the numbers that this module was made with."""
    chosen = _numbers(compiled, here, wanted)
    try:
        return shapes(on_meta(compiled, **chosen).state_dict()) if chosen else wanted
    except Exception:  # The numbers do not go together.
        return wanted


def _numbers(compiled: Compiled, here: Shapes, wanted: Shapes) -> dict[str, int]:
    """The numbers that a module was made with.

    The formula leaves some numbers to the constructor, such as the classes. What they are
    is seen from the shapes that change with them.
    """
    chosen: dict[str, int] = {}
    for name, value in _free(compiled).items():
        if not _other_shapes(here, wanted):
            break
        try:
            twice = shapes(on_meta(compiled, **{name: 2 * value}).state_dict())
        except Exception:  # The number does not go with the rest.
            continue
        for key in [key for key in wanted if key in twice]:
            for size, other, mine in zip(
                wanted[key], twice[key], here[key], strict=False
            ):
                if size != other:
                    chosen[name] = value + (mine - size) * value // (other - size)
    return chosen


def _free(compiled: Compiled) -> dict[str, int]:
    """The whole numbers that the constructor takes, apart from those of the input."""
    known = {identifier(param.name) for param in compiled.formula.params if param.free}
    known |= {"num_classes"} if compiled.target.timm else set()
    parameters = inspect.signature(type(on_meta(compiled))).parameters
    return {
        name: item.default
        for name, item in parameters.items()
        if name in known and type(item.default) is int and item.default > 0
    }
