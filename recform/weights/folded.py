"""Weights for inference, made of those that were trained.

All is computed in double precision. What an operator has taken in (`Step.folded`) is a sum
of affine maps, each a convolution or a matrix with the normalisations around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from recform.algebra.pipeline import Folded, Step
from recform.compiled import Compiled
from recform.weights.parts import Part, Placed, placed, taken_in
from recform.weights.roles import on_meta, roles


@dataclass(frozen=True)
class _Module:
    """A module of the network that was trained.

    Attributes:
        made: it, without numbers.
        tensors: its numbers, by their names in it.
    """

    made: nn.Module
    tensors: Mapping[str, Tensor]


class Folding:
    """How the tensors of a network for inference are made of those that were trained.

    Args:
        inference: the network.

    Raises:
        CompileError: if it cannot be run without numbers (RF706).
    """

    def __init__(self, inference: Compiled) -> None:
        training = inference.training
        assert training is not None
        self._before, self._after = on_meta(training), on_meta(inference)
        self._trained = _places(training)
        self._wanted = _places(inference)

    def of(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors for inference, each in the precision of what it is made of.

        Args:
            state: what was trained, by the names in that network.
        """
        trained = self._modules(state)
        made: dict[Part, Mapping[str, Tensor]] = {}
        result: dict[str, Tensor] = {}
        for name, place in self._wanted.items():
            if place.part not in made:
                made[place.part] = self._tensors(name, place, trained)
            result[name] = made[place.part][place.name]
        return result

    def _modules(self, state: Mapping[str, Tensor]) -> dict[Part, _Module]:
        tensors: dict[Part, dict[str, Tensor]] = {}
        stems: dict[Part, str] = {}
        for name, place in self._trained.items():
            stems[place.part] = _stem(name, place)
            tensors.setdefault(place.part, {})[place.name] = state[name].detach()
        return {
            part: _Module(_submodule(self._before, stem), tensors[part])
            for part, stem in stems.items()
        }

    def _tensors(
        self, name: str, place: Placed, trained: Mapping[Part, _Module]
    ) -> Mapping[str, Tensor]:
        """The numbers of a module for inference."""
        if not place.steps:
            return trained[place.part].tensors
        terms = place.steps[-1].folded
        if len(terms) == 1 and len(terms[0].steps) == 1:
            (number,) = terms[0].steps
            return trained[taken_in(place, number, terms[0].operator)].tensors
        made = self._after.get_submodule(_stem(name, place))
        return _Sum(made, place, trained).tensors(place.steps[-1])


def _places(compiled: Compiled) -> dict[str, Placed]:
    formula = compiled.formula
    return {name: placed(formula, role) for name, role in roles(compiled).items()}


def _stem(name: str, place: Placed) -> str:
    """The name of the module that a tensor is of."""
    return name.removesuffix(place.name).rstrip(".")


def _submodule(module: nn.Module, name: str) -> nn.Module:
    """A module inside of one; of a parameter, the one that has it."""
    while True:
        try:
            return module.get_submodule(name)
        except AttributeError:
            name = name.rpartition(".")[0]


class _Sum:
    """What a module is for inference: a sum of affine maps.

    Args:
        made: the module, without numbers.
        place: of it.
        trained: the modules that were trained.
    """

    def __init__(
        self, made: nn.Module, place: Placed, trained: Mapping[Part, _Module]
    ) -> None:
        self._made, self._place, self._trained = made, place, trained
        self._shape: tuple[int, ...] = tuple(made.weight.shape)  # type: ignore[arg-type]
        self._groups = int(getattr(made, "groups", 1))
        self._turned = isinstance(made, nn.ConvTranspose2d)

    def tensors(self, step: Step) -> dict[str, Tensor]:
        """Its weight and bias."""
        first = self._modules(step.folded[0])
        like = next(m.tensors["weight"] for m in first if self._bears(m))
        weight = torch.zeros(())
        bias = torch.zeros(())
        for term in step.folded:
            modules = self._modules(term)
            # A term that a block has not, has no weights there.
            if len(modules) == len(term.steps):
                one, more = self._map(modules, like)
                factor = float(term.factor)
                weight, bias = weight + factor * one, bias + factor * more
        return {"weight": weight.to(like), "bias": bias.to(like)}

    def _modules(self, term: Folded) -> list[_Module]:
        parts = (taken_in(self._place, step, term.operator) for step in term.steps)
        return [self._trained[part] for part in parts if part in self._trained]

    @staticmethod
    def _bears(module: _Module) -> bool:
        return not isinstance(module.made, _BatchNorm)

    def _map(self, modules: list[_Module], like: Tensor) -> tuple[Tensor, Tensor]:
        """The weight and the bias of modules, one behind the other."""
        bearers = [number for number, m in enumerate(modules) if self._bears(m)]
        if not bearers:
            weight = self._identity(like)
            behind, bias = modules, weight.new_zeros(self._width)
        else:
            (number,) = bearers
            bearer = modules[number]
            weight = self._grown(bearer, bearer.tensors["weight"].double())
            bias = weight.new_zeros(self._width)
            if "bias" in bearer.tensors:
                bias = bearer.tensors["bias"].double()
            for module in reversed(modules[:number]):
                scale, shift = _affine(module)
                bias = bias + self._sums(weight, shift)
                weight = weight * self._by_input(scale)
            behind = modules[number + 1 :]
        for module in behind:
            scale, shift = _affine(module)
            weight, bias = weight * self._by_output(scale), bias * scale + shift
        return weight, bias

    # -- the axes of the weight

    @property
    def _width(self) -> int:
        """How many features it makes."""
        return self._shape[1] * self._groups if self._turned else self._shape[0]

    def _by_output(self, scale: Tensor) -> Tensor:
        """Factors of the features that it makes, to multiply a weight by."""
        if not self._turned:
            return scale.reshape(-1, *[1] * (len(self._shape) - 1))
        rows = self._shape[0] // self._groups
        each = scale.reshape(self._groups, 1, -1).expand(-1, rows, -1)
        return each.reshape(self._shape[0], self._shape[1], 1, 1)

    def _by_input(self, scale: Tensor) -> Tensor:
        """Factors of the features that come in."""
        rows = self._shape[0] // self._groups
        each = scale.reshape(self._groups, 1, -1).expand(-1, rows, -1)
        ones = [1] * (len(self._shape) - 2)
        return each.reshape(self._shape[0], self._shape[1], *ones)

    def _sums(self, weight: Tensor, shift: Tensor) -> Tensor:
        """What it makes of a tensor that is one number for each feature."""
        return (weight * self._by_input(shift)).flatten(1).sum(1)

    def _identity(self, like: Tensor) -> Tensor:
        """The weight that leaves all as it is."""
        weight = torch.zeros(self._shape, dtype=torch.float64, device=like.device)
        places = torch.arange(self._shape[0])
        centre = tuple(torch.tensor(side // 2) for side in self._shape[2:])
        weight[(places, places % self._shape[1], *centre)] = 1
        return weight

    def _grown(self, module: _Module, weight: Tensor) -> Tensor:
        """A weight with zeros where this one's kernel and groups are larger."""
        if tuple(weight.shape) == self._shape:
            return weight
        inside = [
            slice((large - small) // 2, (large + small) // 2)
            for large, small in zip(self._shape[2:], weight.shape[2:], strict=True)
        ]
        grown = weight.new_zeros(self._shape)
        parts = self._shape[1] // weight.shape[1]
        for own, read in zip(
            _slices(weight, 0, parts), _slices(grown, 1, parts), strict=True
        ):
            grown[(own, read, *inside)] = weight[own]
        return grown


def _slices(tensor: Tensor, axis: int, parts: int) -> Iterator[slice]:
    """An axis in equal parts."""
    size = tensor.shape[axis] // parts
    return (slice(part * size, (part + 1) * size) for part in range(parts))


def _affine(module: _Module) -> tuple[Tensor, Tensor]:
    """What a batch normalisation multiplies each feature by in evaluation, and adds."""
    norm, tensors = module.made, module.tensors
    assert isinstance(norm, _BatchNorm)
    values = {name: tensor.double() for name, tensor in tensors.items()}
    scale = values["weight"] / (values["running_var"] + norm.eps).sqrt()
    return scale, values["bias"] - values["running_mean"] * scale
