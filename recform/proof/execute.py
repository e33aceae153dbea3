"""Steps as the blocks will take them: slot by slot, statement by statement."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from recform.algebra.expr import (
    Apply,
    Context,
    Filled,
    History,
    Input,
    Learned,
    Scaled,
    State,
    Tensor,
)
from recform.algebra.indices import is_of_context
from recform.algebra.lists import is_list
from recform.proof.coefficients import Number, number
from recform.proof.equations import INPUT, Equations
from recform.proof.values import Node
from recform.recurrence.model import START, ModuleSlot, Slot, Step

#: What a slot holds: a value, or a module by its name and the block that owns it.
Held = int | tuple[str, int]


class Unknown(Exception):
    """A step reads what nobody gives it.

    Attributes:
        what: the tensor or module.
    """

    def __init__(self, what: object) -> None:
        super().__init__(str(what))
        self.what = what


class Different(Exception):
    """A block makes something else of an unknown or a history than the equations say.

    Attributes:
        name: of the unknown or history.
        made: what the block makes.
        wanted: what the equations say; None if nothing.
    """

    def __init__(self, name: int, made: int, wanted: int | None) -> None:
        super().__init__(name, made, wanted)
        self.name, self.made, self.wanted = name, made, wanted


class Machine:
    """Runs steps beside the equations.

    Args:
        equations: what each unknown has to be.

    Attributes:
        calls: the applications that were computed, each as often as it was, with the
            block that did, and what is written there.
        constants: what the start makes of further inputs.
    """

    def __init__(self, equations: Equations) -> None:
        self.equations = equations
        self.values = equations.values
        self.calls: list[tuple[int, tuple[int, Apply]]] = []
        # What the start makes for all blocks, without its being handed on.
        self.constants: dict[Tensor, int] = {}

    def run(
        self,
        step: Step,
        block: int,
        held: Sequence[Held],
        *,
        by: int | None = None,
        outputs: Sequence[Slot] | None = None,
    ) -> list[Held]:
        """What a block hands on.

        Args:
            step: what it computes.
            block: its number.
            held: what it gets, in the order of the step's inputs.
            by: how far ``i`` in coefficients is moved; as the block is from the step's.
            outputs: what is wanted; the step's outputs if left out.

        Raises:
            Unknown: if it reads what it does not get.
            Different: if it makes something else than the equations say.
        """
        if len(held) != len(step.inputs):
            raise Unknown(f"{len(step.inputs)} slots, and {len(held)} are handed on")
        frame = _Frame(step, block, block - step.at if by is None else by, self)
        frame.have.update(zip(step.inputs, held, strict=True))
        for tensor in step.body:
            if tensor not in frame.have:
                frame.have[tensor] = frame.made(tensor)
            if step.role == START and is_of_context(tensor):
                self.constants[tensor] = frame.value(tensor)
        return [frame.slot(slot) for slot in (outputs or step.outputs)]


class _Frame:
    """A step at work in one block."""

    def __init__(self, step: Step, block: int, by: int, machine: Machine) -> None:
        self.step, self.block, self.by = step, block, by
        self.values, self.calls = machine.values, machine.calls
        self.equations, self.constants = machine.equations, machine.constants
        self.have: dict[Slot, Held] = {}

    def slot(self, slot: Slot) -> Held:
        """What an output of the block is."""
        if isinstance(slot, ModuleSlot):
            return self.module(slot.name, slot.index)
        return self.value(slot)

    def value(self, tensor: Tensor) -> int:
        """A tensor that is there; a number stands where it is read."""
        held = self.have.get(tensor)
        if isinstance(held, int):
            return held
        if isinstance(tensor, Filled | Context):
            return self.made(tensor)
        if tensor in self.constants:
            return self.constants[tensor]
        raise Unknown(tensor)

    def module(self, name: str, index: int) -> tuple[str, int]:
        """A module of this block, or one that is handed to it."""
        held = self.have.get(ModuleSlot(name, index))
        if isinstance(held, tuple):
            return held
        if index != self.step.at:
            raise Unknown(ModuleSlot(name, index))
        return name, self.block

    def parts(self, tensor: Tensor) -> list[int]:
        return [self.value(part) for part in self.step.parts(tensor)]

    def made(self, tensor: Tensor) -> int:
        """A tensor from its parts."""
        values = self.values
        match tensor:
            case Input():
                if self.step.role != START:
                    raise Unknown(tensor)
                return values.make(*INPUT)
            case Context():
                return values.make("context", tensor.name)
            case State():
                return self._state(tensor)
            case Apply():
                return self._applied(tensor)
            case Scaled():
                return values.scale(self._number(tensor), self.value(tensor.tensor))
            case Filled():
                return values.scale(self._number(tensor), None)
            case History():
                return self._history(tensor)
        return values.of(tensor, self.parts(tensor))

    def _state(self, state: State) -> int:
        (right,) = self.parts(state)
        index = self.block + int(state.index) - self.step.at
        wanted = self.equations.state(state.name, index)
        return self._checked(("state", state.name, index), right, wanted)

    def _history(self, history: History) -> int:
        parts = tuple(self.parts(history))
        made = self.values.together(history.kind, parts)
        if history.kind == "finished" and is_list(self.step.parts(history)[-1]):
            (made,) = parts  # no stage was finished
        last = int(history.last)
        if last > self.step.absolute:
            last += self.block - self.step.at
        key = (history.kind, history.body, history.first, last)
        return self._checked(("history", *key), made, self.equations.history(*key))

    def _checked(self, node: Node, made: int, wanted: int | None) -> int:
        """The name of what was made, if it is what the equations say."""
        said = None if wanted is None else self.equations.definition(wanted)
        if wanted is None or made not in (wanted, said):
            raise Different(self.values.make(*node), made, said)
        return wanted

    def _applied(self, tensor: Apply) -> int:
        owner = None
        if tensor.index is not sympy.nan:
            _, owner = self.module(tensor.operator, int(tensor.index))
        arguments = tuple(map(self.value, tensor.arguments))
        made = self.equations.applied(tensor.operator, owner, arguments)
        self.calls.append((made, (self.block, tensor)))
        return made

    def _number(self, tensor: Scaled | Filled) -> Number:
        at = None if tensor.at is sympy.nan else int(tensor.at) + self.by
        return number(tensor.coefficient, self._owner, at)

    def _owner(self, item: Learned) -> int:
        return self.module(item.name, int(item.index))[1]
