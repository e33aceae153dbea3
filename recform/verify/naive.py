"""A whole network by its equations: with stages and adapters, stem and head.

The equations are evaluated one by one with the operators of the module. Two things are
taken from the compiler as data: in front of which terms a block has an adapter, and
which terms of a sum are added up before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from recform.algebra.expr import Input, Scaled, State, Tensor, TensorSum, subtensors
from recform.algebra.formula import Formula, Scope
from recform.classes.network import plan_network
from recform.compiler import Compiled
from recform.emit.module import module_names
from recform.plan.places import HEAD, STEM, Origin, Shared, transition
from recform.recurrence.moves import move
from recform.verify.evaluate import Computed, Evaluator, Missing, Parts
from recform.verify.functions import function_of

if TYPE_CHECKING:
    import torch

#: In front of which term of what the adapter of a block stands.
_Adapters: TypeAlias = "Mapping[tuple[Tensor, Tensor], torch.nn.Module]"


class Naive:
    """The network of a formula, computed from its equations.

    Args:
        compiled: the network; its file gives no names.
        network: the emitted module, whose operators are used.
    """

    def __init__(self, compiled: Compiled, network: torch.nn.Module) -> None:
        self._compiled, self._network = compiled, network
        self._plan = plan_network(compiled.graph, module_names([compiled.graph]))
        names = self._plan.stages
        stages = [
            list(cast("torch.nn.ModuleList", network.get_submodule(name)))
            for name in names
        ]
        by_stage = compiled.formula.scope is Scope.STAGE
        self._flows = stages if by_stage else [[b for stage in stages for b in stage]]
        shapes = {stage.shape.sizes for stage in compiled.graph.stages}
        self._one_shape = shapes == {compiled.graph.stem.output.sizes}

    def __call__(self, value: torch.Tensor, *contexts: torch.Tensor) -> torch.Tensor:
        """What the network is to make of examples."""
        value = self._piece(STEM, value)
        for flow in range(len(self._flows)):
            if flow:
                value = self._piece(transition(flow), value)
            value = self._flow(flow, (value, *contexts))
        return self._piece(HEAD, value)

    def parts(self, flow: int) -> Parts:
        """Operators and scalars of the blocks of a flow."""
        blocks, plan = self._flows[flow], self._plan
        runs = self._compiled.recurrence.flows[flow].runs
        paths = {
            number: plan.steps[run.step].modules
            for run in runs
            for number in range(run.first, run.last + 1)
        }

        def member(name: str, index: int | None) -> Any:
            if index:
                path = paths.get(index, {}).get(name)
                owner = blocks[index - 1] if path else None
            else:
                key = Shared(name, flow, first=index == 0)
                path, owner = plan.shared.get(key), self._network
            if not path and index is None:
                return function_of(self._compiled, name)
            if not path:
                raise Missing(name if index is None else f"{name}_{index}")
            for attribute in path.removeprefix("self.").split("."):
                owner = getattr(owner, attribute)
            return owner

        return Parts(self._network, member, member)

    def _piece(self, origin: Origin, value: torch.Tensor) -> torch.Tensor:
        attribute = self._plan.pieces.get(origin)
        return value if attribute is None else getattr(self._network, attribute)(value)

    def _flow(self, flow: int, start: Sequence[torch.Tensor]) -> Computed:
        return _Adapted(
            self._compiled.formula,
            len(self._flows[flow]),
            self.parts(flow),
            start,
            *self._adapters(flow),
        ).output()

    def _adapters(self, flow: int) -> tuple[_Adapters, Mapping[Tensor, Tensor]]:
        """The adapters of a flow, and the sums of which a part is formed first."""
        recurrence = self._compiled.recurrence
        places: dict[tuple[Tensor, Tensor], torch.nn.Module] = {}
        brackets: dict[Tensor, Tensor] = {}
        for run in recurrence.flows[flow].runs:
            step, code = recurrence.steps[run.step], self._plan.steps[run.step].printed
            for number in range(run.first, run.last + 1):
                block = self._flows[flow][number - 1]
                moved = (number - step.at, step.absolute)
                for site, attribute in code.adapters.items():
                    key = (move(site.value, *moved), move(site.parent, *moved))
                    places[key] = getattr(block, attribute)
                for whole, split in step.definitions.items():
                    # On one shape it does not matter how terms are added up.
                    if isinstance(whole, TensorSum) and not self._one_shape:
                        brackets[move(whole, *moved)] = move(split, *moved)
        return places, brackets


class _Adapted(Evaluator):
    """Evaluates blocks with adapters in front of terms, behind their coefficients."""

    def __init__(
        self,
        formula: Formula,
        length: int,
        parts: Parts,
        start: Sequence[torch.Tensor],
        adapters: _Adapters,
        brackets: Mapping[Tensor, Tensor],
    ) -> None:
        super().__init__(formula, length, parts, start)
        # A step that is moved to a first block may have other names for what is there.
        settle = self.unroller.settle
        self._unnamed: dict[Tensor, Tensor] = {}
        self._adapters: dict[tuple[Tensor | None, ...], torch.nn.Module] = {}
        for place, adapter in adapters.items():
            settled = tuple(map(settle, place))
            self._adapters[settled] = adapter
            self._adapters.setdefault(tuple(map(self._of_input, settled)), adapter)
        self._parents = {parent for _, parent in self._adapters}
        self._brackets = {
            settle(whole): settle(split) or whole for whole, split in brackets.items()
        }
        self._adapted: dict[tuple[Tensor | None, torch.nn.Module], Computed] = {}

    def made_of(self, tensor: Tensor) -> tuple[Tensor, ...]:
        return super().made_of(self._brackets.get(tensor, tensor))

    def needed(self, tensor: Tensor, parent: Tensor) -> Tensor:
        return self._value(tensor, parent) or tensor

    def _value(self, tensor: Tensor, parent: Tensor) -> Tensor | None:
        """What stands behind an adapter in a term; None if there is no adapter."""
        if not self._parents.intersection((parent, self._of_input(parent))):
            return None
        value = tensor
        while not self._adapter(value, parent) and isinstance(value, Scaled):
            value = value.tensor
        return value if self._adapter(value, parent) else None

    def _adapter(self, value: Tensor, parent: Tensor) -> torch.nn.Module | None:
        """What stands in front of a term, whatever the input is called in it."""
        found = self._adapters.get((value, parent))
        unnamed = self._of_input(value), self._of_input(parent)
        return found or self._adapters.get(unnamed)

    def _of_input(self, tensor: Tensor | None) -> Tensor | None:
        """A tensor with the input in the place of unknowns that start as it."""
        if tensor is not None and tensor not in self._unnamed:
            names = {
                part: Input()
                for part in subtensors(tensor)
                if isinstance(part, State) and part.index.is_nonpositive
                if self.unroller.definitions.get(part) == Input()
            }
            self._unnamed[tensor] = tensor.xreplace(names)
        return tensor and self._unnamed[tensor]

    def term(self, tensor: Tensor, parent: Tensor) -> Computed:
        value = self._value(tensor, parent)
        if value is None:
            return self.values[tensor]
        adapter = self._adapter(value, parent)
        assert adapter is not None
        if value != tensor and isinstance(tensor, Scaled):
            number = self.number(tensor.coefficient, tensor.at)
            return number * self.term(tensor.tensor, parent)
        key = (self._of_input(tensor), adapter)
        if key not in self._adapted:
            given = self.values[tensor]
            self._adapted[key] = (
                list(map(adapter, given)) if isinstance(given, list) else adapter(given)
            )
        return self._adapted[key]
